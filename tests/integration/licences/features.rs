//! What a licence opens, and what is refused without.

use reqwest::Method;
use serde_json::json;
use tests::dashboard::Dashboard;
use tests::http::{Answer, User};
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

use super::{ALL, grant, issue, licences, revoke};
use crate::flights::{flight, flights_counted};

/// A refusal because a feature is not licensed, which says so and where to look.
pub(super) fn check_not_licensed(answer: Answer, feature: &str) {
    let refused = answer.refused(403);
    assert_eq!(
        refused["type"], "urn:analytics-engine:problem:not-licensed",
        "{refused}"
    );
    assert!(refused.detail().contains(feature), "{refused}");
    assert!(refused["hint"].text().contains("/v1/licences"), "{refused}");
}

/// An airline whose evaluation was revoked, with tokens of before.
async fn airline_without_a_licence(product: &Product, operator: &User) -> User {
    let airline = product.airline().await;
    let evaluation = licences(&airline).await["licences"][0].clone();
    let reason = "The evaluation is over";
    revoke(operator, airline.client, &evaluation, reason).await.ok();
    airline
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_licence_only_the_catalogue_opens() {
    let product = Product::shared().await;
    let operator = product.operator().await;
    let before = airline_without_a_licence(&product, &operator).await;
    // A token says what was licensed when it was made.
    before.get("/v1/proposals").await.ok();
    let airline = before.refreshed().await;
    let kpi = json!({ "code": "MINE", "name": "Mine", "formula": "COUNT(Flight)" });
    let event = json!([flight(0, 5, "ORD")]);
    for (method, path, body, feature) in [
        (Method::GET, "/v1/kpis/FLIGHTS/value?period=day", None, "series"),
        (Method::GET, "/v1/proposals", None, "proposals"),
        (Method::GET, "/v1/questionnaire", None, "proposals"),
        (Method::GET, "/v1/streams", None, "live"),
        (Method::POST, "/v1/events/Flight", Some(&event), "ingest"),
        (Method::POST, "/v1/kpis", Some(&kpi), "modelling"),
    ] {
        let request = airline.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        check_not_licensed(request.await, feature);
    }
    assert_eq!(Dashboard::status(&product, &airline).await, 403);
    for path in [
        "/v1/kpis",
        "/v1/entities",
        "/v1/kpis/FLIGHTS",
        "/v1/dead-letters",
        "/v1/licences",
    ] {
        airline.get(path).await.ok();
    }
    let found = licences(&airline).await;
    assert_eq!(found["features"], json!([]));
    assert_eq!(found["licences"][0]["revoked"]["reason"], "The evaluation is over");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_licence_a_file_is_not_loaded() {
    let product = Product::shared().await;
    let operator = product.operator().await;
    let airline = airline_without_a_licence(&product, &operator).await;
    let line = flight(0, 5, "ORD").to_string().into_bytes();
    let key = product.drop_file(&airline, "Flight/unlicensed.ndjson", line).await;
    let letter = eventually("the file is refused", async || {
        let letters = airline.get("/v1/dead-letters?entity=Flight").await.ok();
        let mut letters = letters["dead_letters"].list().iter();
        letters.find(|letter| letter["original"] == key).cloned()
    })
    .await;
    assert!(letter["reason"].text().contains("ingest"), "{letter}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_licence_opens_its_features_and_no_more() {
    let product = Product::shared().await;
    let operator = product.operator().await;
    let before = airline_without_a_licence(&product, &operator).await;
    // One of today, and two of all features that are over or yet to come.
    issue(
        &operator,
        &grant(before.client, &["ingest", "live", "series"], (-1, 30)),
    )
    .await;
    issue(&operator, &grant(before.client, &ALL, (-30, -1))).await;
    issue(&operator, &grant(before.client, &ALL, (1, 30))).await;
    let airline = before.signed_in().await;
    check_not_licensed(airline.get("/v1/proposals").await, "proposals");
    let kpi = json!({ "code": "MINE", "name": "Mine", "formula": "COUNT(Flight)" });
    check_not_licensed(airline.post("/v1/kpis", &kpi).await, "modelling");
    assert_eq!(airline.ingest("Flight", &json!([flight(0, 5, "ORD")])).await, (1, 0));
    assert_eq!(flights_counted(&airline).await, (Some(1.0), 1));
    assert_eq!(Dashboard::status(&product, &airline).await, 101);
    let found = licences(&airline).await;
    assert_eq!(found["features"], json!(["ingest", "live", "series"]));
    product.stop().await;
}
