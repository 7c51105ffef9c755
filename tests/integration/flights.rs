//! What tests of an airline share: events of flights, how many of them count, and the dead letters of the others.

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;

/// A flight at a minute after ten on 2026-03-28.
pub(crate) fn flight(minute: u32, delay: i64, origin: &str) -> Value {
    json!({ "date": format!("2026-03-28T10:{minute:02}:00Z"), "delay": delay, "distance": 100, "origin": origin, "destination": "LGA" })
}

/// A flight that lands now.
pub(crate) fn flight_now(origin: &str) -> Value {
    json!({ "date": platform::clock::now().to_string(), "delay": 1, "distance": 10, "origin": origin, "destination": "LGA" })
}

/// The flights of 2026-03-28: the KPI's value, and the facts that it rests on.
pub(crate) async fn flights_counted(user: &User) -> (Option<f64>, i64) {
    let path = "/v1/kpis/FLIGHTS/value?period=day&at=2026-03-28T12:00:00Z";
    let answer = user.get(path).await.ok();
    (answer["value"].as_f64(), answer["facts"].integer())
}

/// The dead letters of a batch, by position.
pub(crate) async fn dead_letters(user: &User, batch: &Value) -> Vec<Value> {
    let path = format!("/v1/dead-letters?limit=200&batch={}", batch.text());
    let mut letters = user.get(&path).await.ok()["dead_letters"].list().to_vec();
    letters.sort_by_key(|letter| letter["position"].as_i64());
    letters
}
