//! Licences: who issues them, what a key says, what it opens, and when its end is announced.

mod features;
mod issuing;
mod keys;
mod renewals;
mod signing_keys;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};
use tests::http::{Answer, User};
use tests::json::JsonExt as _;
use uuid::Uuid;

/// All features.
const ALL: [&str; 5] = ["ingest", "live", "modelling", "proposals", "series"];

fn today() -> Date {
    jiff::tz::TimeZone::UTC.to_datetime(platform::clock::now()).date()
}

/// What an operator grants: features, from one day to another, as days from today.
fn grant(client: Uuid, features: &[&str], (from, to): (i32, i32)) -> Value {
    let day = |days: i32| today().saturating_add(days.days());
    json!({
        "client": client, "value_chains": ["Aviation"], "modules": ["Punctuality"], "features": features,
        "seats": 12, "starts_on": day(from), "ends_on": day(to),
    })
}

async fn issue(operator: &User, grant: &Value) -> Value {
    operator.post("/v1/licences", grant).await.created().body
}

async fn revoke(operator: &User, client: Uuid, licence: &Value, reason: &str) -> Answer {
    let path = format!("/v1/licences/{}/revoke", licence["id"].text());
    operator
        .post(&path, &json!({ "client": client, "reason": reason }))
        .await
}

/// The licences of a user's client, and the features that they open.
async fn licences(user: &User) -> Value {
    user.get("/v1/licences").await.ok().body
}

async fn verify(user: &User, key: &str) -> Answer {
    user.post("/v1/licences/verify", &json!({ "key": key })).await
}

/// The names of everything that is wrong with a key.
async fn problems(user: &User, key: &str) -> Vec<String> {
    let verified = verify(user, key).await.ok();
    let problems = verified["problems"].list();
    assert_eq!(verified["valid"], problems.is_empty(), "{verified}");
    for problem in problems {
        let (detail, hint) = (problem["detail"].text(), problem["hint"].text());
        assert!(detail.len() > 10 && hint.len() > 10, "{problem}");
        let repeats_key = verified.body.to_string().contains("v4.public");
        assert!(!repeats_key || verified["licence"].is_object(), "{verified}");
    }
    problems
        .iter()
        .map(|problem| problem["problem"].text().to_owned())
        .collect()
}
