//! The demo's definitions: the entity of the real facts and six KPIs over it.

use anyhow::{Context as _, bail};
use http::StatusCode;
use serde_json::Value;

use super::client::Client;

const ENTITIES: &str = include_str!("../../demo/entities.json");
const KPIS: &str = include_str!("../../demo/kpis.json");

/// Creates what is not there yet.
///
/// # Errors
/// When the API refuses a definition; its answer is in the sentence.
pub(super) async fn define(client: &Client) -> anyhow::Result<()> {
    // A KPI names an entity, so entities come first.
    for (path, text) in [("/v1/entities", ENTITIES), ("/v1/kpis", KPIS)] {
        for definition in parse(text)? {
            let (status, answer) = client.post(path, &definition).await?;
            // It exists: a second run, or somebody has made their own, which is theirs to keep.
            if !status.is_success() && status != StatusCode::CONFLICT {
                bail!(
                    "POST {path} refuses the definition {}: {status} {answer}",
                    definition["code"]
                );
            }
        }
    }
    Ok(())
}

fn parse(text: &str) -> anyhow::Result<Vec<Value>> {
    serde_json::from_str(text).context("a definition of the demo is not JSON")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn definitions_are_json_with_codes() {
        let codes = |text| {
            parse(text)
                .unwrap()
                .iter()
                .map(|one| one["code"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(codes(ENTITIES), ["Flight"]);
        assert_eq!(codes(KPIS).len(), 6);
    }
}
