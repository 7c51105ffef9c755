//! The real facts: put on S3 once, then watched until every one of them is in the KPI that counts them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_stand_in::account::{ACCESS_KEY, REGION, SECRET_KEY};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::client::Client;
use crate::progress::Step;

/// Flights in `flights-3m.parquet`, January to June 2001.
pub(super) const FLIGHTS: u64 = 3_000_000;
const COUNT_PATH: &str = "/v1/kpis/FLIGHTS/series?period=day&from=2001-01-01T00:00:00Z&to=2001-07-02T00:00:00Z";
const FILE_NAME: &str = "flights-3m.parquet";
const POLL_EVERY: Duration = Duration::from_millis(500);
/// Loading shows progress every second or so: silence this long means that it failed, and the log says why.
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// Where the facts go.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The S3 endpoint.
    pub(super) endpoint: &'a str,
    /// The bucket that is watched.
    pub(super) bucket: &'a str,
    /// The client whose facts they are.
    pub(super) client: &'a str,
}

/// How many of the facts are loaded.
///
/// # Errors
/// When the API does not answer the question.
pub(super) async fn loaded(client: &Client) -> anyhow::Result<u64> {
    let (status, answer) = client.get(COUNT_PATH).await?;
    if !status.is_success() {
        bail!("GET {COUNT_PATH} answers {status}: {answer}");
    }
    Ok(total(&answer))
}

/// Puts the file on S3, which makes `load-files` load it.
///
/// # Errors
/// When the file cannot be read or S3 refuses it.
pub(super) async fn upload(file: &Path, target: &Target<'_>) -> anyhow::Result<()> {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local"))
        .endpoint_url(target.endpoint)
        .force_path_style(true)
        .build();
    let body = ByteStream::from_path(file)
        .await
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let put = aws_sdk_s3::Client::from_conf(config)
        .put_object()
        .bucket(target.bucket)
        .key(format!("{}/Flight/{FILE_NAME}", target.client))
        .body(body)
        .send()
        .await;
    put.map(drop)
        .with_context(|| format!("{} cannot be put on S3", file.display()))
}

/// Waits until all facts are loaded, and shows the way there. Gives how many are.
///
/// # Errors
/// When the API stops answering.
pub(super) async fn wait(client: &Client, step: &mut Step) -> anyhow::Result<u64> {
    let (mut most, mut changed) = (0, Instant::now());
    loop {
        let now = loaded(client).await?;
        step.percent(now, FLIGHTS);
        if now > most {
            (most, changed) = (now, Instant::now());
        }
        if now >= FLIGHTS || changed.elapsed() > STALL_LIMIT {
            return Ok(now);
        }
        sleep(POLL_EVERY).await;
    }
}

/// The facts that a series is made of: whole numbers, unlike its values.
fn total(answer: &Value) -> u64 {
    answer["points"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|point| point["facts"].as_u64())
        .sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_facts_of_a_series_are_summed() {
        let cases = [
            (
                json!({"points": [{"value": 2.0, "facts": 2}, {"value": 3.0, "facts": 3}]}),
                5,
            ),
            (json!({"points": []}), 0),
            (json!({"error": "none"}), 0),
        ];
        for (answer, expected) in cases {
            assert_eq!(total(&answer), expected, "{answer}");
        }
    }
}
