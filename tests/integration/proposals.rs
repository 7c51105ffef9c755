//! From a cart of KPIs to a quote, an offer and its documents.

mod documents;
mod offers;
mod questionnaire;

use serde_json::{Value, json};
use tests::http::User;

/// Two KPIs of an airline.
fn cart() -> Value {
    json!({ "name": "Punctuality", "kpis": ["ON_TIME_RATE", "FLIGHTS"] })
}

/// Answers to the steps after the [`cart`].
fn steps() -> [(&'static str, Value); 7] {
    [
        (
            "licensing",
            json!({ "term": "three_years", "additional_value_chains": ["CRM"] }),
        ),
        (
            "data_integration",
            json!({ "Flight": { "source_system": "Tower", "method": "streaming_architected" } }),
        ),
        (
            "kpi_implementation",
            json!({ "ON_TIME_RATE": { "complexity": "rbac" }, "FLIGHTS": { "complexity": "dynamic_rbac" } }),
        ),
        ("environment", json!({ "platform": "aws", "cloud_architect_hours": 60 })),
        ("retention", json!({ "compliance": ["sox"] })),
        (
            "infrastructure",
            json!({ "daily_volume_gb": "5", "concurrent_users": 1000, "refresh_period": "minute" }),
        ),
        (
            "managed_services",
            json!({ "retainer": true, "additional_hours": "custom", "additional_hours_custom": 50 }),
        ),
    ]
}

/// The path of a draft in which everything is answered.
async fn complete_draft(airline: &User) -> String {
    let created = airline.post("/v1/proposals", &cart()).await.created();
    let path = created.header("location").to_owned();
    for (step, answers) in steps() {
        let answered = airline.put(&format!("{path}/answers/{step}"), &answers).if_match("*");
        answered.await.ok();
    }
    path
}

/// The path of an offer: a draft that was completed and issued.
async fn issued_offer(airline: &User) -> String {
    let path = complete_draft(airline).await;
    act(airline, &path, "issue", &json!({ "revision": 1 })).await.ok();
    path
}

/// Does something to a proposal, whichever version it is at.
async fn act(user: &User, path: &str, action: &str, body: &Value) -> tests::http::Answer {
    user.post(&format!("{path}/{action}"), body).if_match("*").await
}
