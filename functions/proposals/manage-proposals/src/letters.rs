//! An offer is issued only when its documents can show every letter of it: who gets one with boxes in it can't know what was offered.

use anyhow::Context as _;
use axum::http::StatusCode;
use database::Database;
use identity::Caller;
use platform::Problem;
use platform::problem::Issue;
use records::proposals::{Offer, StoredProposal};
use records::{branding, clients};
use serde::Serialize;
use serde_json::Value;

/// Places with such letters that one refusal names; the others come to light when those are mended.
const MAX_PLACES: usize = 20;

/// Letters that are named of one place.
const MAX_LETTERS: usize = 20;

/// Refuses an offer with letters that no font of the documents has.
///
/// # Errors
/// 422 with each place and its letters; or the database fails.
pub(crate) async fn check(
    database: &Database,
    caller: &Caller,
    proposal: &StoredProposal,
    offer: &Offer<'_>,
) -> Result<(), Problem> {
    let name = clients::name(database, caller.client)
        .await
        .context("read the client's name")?;
    let branding = branding::find(database, caller.client).await.context("read branding")?;
    let conditions = branding.map(|(branding, _)| branding.conditions).unwrap_or_default();
    let mut issues = Vec::new();
    let ask = Some("ask the provider to have your organisation's name written in other letters");
    look("/client", &Value::from(name.unwrap_or_default()), ask, &mut issues);
    look("/name", &Value::from(proposal.name.as_str()), None, &mut issues);
    look("/answers", &json(&proposal.answers)?, None, &mut issues);
    look("/terms", &json(&proposal.terms)?, None, &mut issues);
    let catalog = Some("rename it in the catalogue");
    look("/required", &json(offer.required)?, catalog, &mut issues);
    look("/quote", &json(offer.quote)?, catalog, &mut issues);
    look("/schedule", offer.plan.unwrap_or(&Value::Null), None, &mut issues);
    look(
        "/conditions",
        &Value::from(conditions),
        Some("PUT /v1/branding"),
        &mut issues,
    );
    if issues.is_empty() {
        return Ok(());
    }
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unprintable-letters",
        "The documents can't show these letters",
        "the fonts of the documents have Latin, Greek, Cyrillic, Arabic and Hebrew letters; an offer with others would have boxes in their stead",
    );
    Err(problem
        .hint("write these texts in other letters, and issue again")
        .issues(issues))
}

fn json(part: &impl Serialize) -> Result<Value, Problem> {
    Ok(serde_json::to_value(part).context("write a part of the offer as JSON")?)
}

/// Adds what is wrong with the texts of a part, names of its fields included: those are codes of a client, too.
fn look(pointer: &str, part: &Value, hint: Option<&str>, issues: &mut Vec<Issue>) {
    match part {
        Value::String(text) => refuse(pointer, text, hint, issues),
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                look(&format!("{pointer}/{index}"), item, hint, issues);
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                refuse(&pointer, name, hint, issues);
                look(&pointer, item, hint, issues);
            }
        }
        _ => {}
    }
}

fn refuse(pointer: &str, text: &str, hint: Option<&str>, issues: &mut Vec<Issue>) {
    let letters = document::unprinted(text);
    if letters.is_empty() || issues.len() >= MAX_PLACES {
        return;
    }
    let named = letters.iter().take(MAX_LETTERS);
    let named: Vec<String> = named
        .map(|letter| format!("{letter} (U+{:04X})", u32::from(*letter)))
        .collect();
    let more = if letters.len() > MAX_LETTERS { " and more" } else { "" };
    issues.push(Issue {
        pointer: pointer.to_owned(),
        detail: format!("no font has {}{more}", named.join(", ")),
        hint: hint.map(str::to_owned),
        span: None,
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn letters_are_named_with_their_place() {
        let part = json!({ "people": [{ "name": "Ødegård" }, { "name": "山田" }], "a/b": "🙂", "n": 1, "全": [] });
        let mut issues = Vec::new();
        look("/answers", &part, Some("hint"), &mut issues);
        let mut told: Vec<(&str, &str)> = issues
            .iter()
            .map(|issue| (issue.pointer.as_str(), issue.detail.as_str()))
            .collect();
        told.sort_unstable();
        let expected = [
            ("/answers/a~1b", "no font has 🙂 (U+1F642)"),
            ("/answers/people/1/name", "no font has 山 (U+5C71), 田 (U+7530)"),
            ("/answers/全", "no font has 全 (U+5168)"),
        ];
        assert_eq!(told, expected);
        look("/many", &json!(vec!["全"; 100]), None, &mut issues);
        assert_eq!(issues.len(), MAX_PLACES);
    }
}
