//! Nothing of one client is there for another.

use serde_json::{Value, json};
use tests::json::{JsonExt as _, without_version};
use tests::product::Product;

use crate::flights::{dead_letters, flight, flights_counted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_clients_definitions_batches_and_dead_letters_are_not_found() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.airline().await, product.client().await);
    let events = json!([flight(0, 0, "ORD"), {}]);
    let queued = ours.post("/v1/events/Flight", &events).await.accepted();
    assert_eq!(ours.outcome(&queued).await, (1, 1));
    let letter = dead_letters(&ours, &queued["batch_id"]).await.remove(0);
    for path in [
        "/v1/kpis/FLIGHTS",
        "/v1/kpis/FLIGHTS/value?period=day",
        "/v1/entities/Flight",
        &format!("/v1/batches/{}", queued["batch_id"].text()),
    ] {
        ours.get(path).await.ok();
        let refused = theirs.get(path).await.refused(404);
        assert_eq!(refused["type"], "urn:analytics-engine:problem:not-found", "{refused}");
    }
    let replay = format!("/v1/dead-letters/{}/replay", letter["id"].text());
    theirs.post(&replay, &json!({})).await.refused(404);
    assert_eq!(theirs.get("/v1/dead-letters").await.ok()["dead_letters"], json!([]));
    assert_eq!(theirs.get("/v1/kpis").await.ok()["kpis"], json!([]));
    let definition = json!({ "code": "FLIGHTS", "name": "Mine now", "formula": "1 + 1" });
    let refused = theirs.put("/v1/kpis/FLIGHTS", &definition).if_match("*").await;
    assert!(matches!(refused.status, 404 | 422), "{refused}");
    product.stop().await;
}

/// Two clients that define the same entity share its tables, and still see nothing of each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_share_a_table_count_only_their_own_facts() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.airline().await, product.client().await);
    let three: Vec<Value> = (0..3).map(|minute| flight(minute, 0, "ORD")).collect();
    assert_eq!(ours.ingest("Flight", &json!(three)).await, (3, 0));
    let entity = without_version(ours.get("/v1/entities/Flight").await.ok().body);
    theirs.post("/v1/entities", &entity).await.created();
    let kpi = json!({ "code": "FLIGHTS", "name": "Flights", "formula": "COUNT(Flight)" });
    theirs.post("/v1/kpis", &kpi).await.created();
    assert_eq!(flights_counted(&theirs).await, (Some(0.0), 0));
    assert_eq!(theirs.ingest("Flight", &json!([flight(0, 0, "ORD")])).await, (1, 0));
    assert_eq!(flights_counted(&theirs).await, (Some(1.0), 1));
    assert_eq!(flights_counted(&ours).await, (Some(3.0), 3));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_idempotency_key_of_two_clients_is_two_batches() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.airline().await, product.client().await);
    // The other client has no such entity.
    for (user, outcome) in [(&ours, (1, 0)), (&theirs, (0, 1))] {
        let request = user.request(reqwest::Method::POST, "/v1/events/Flight");
        let request = request.body(json!([flight(0, 0, "ORD")]).to_string());
        let queued = request.idempotency_key("the same").await.accepted();
        assert_eq!(user.outcome(&queued).await, outcome);
    }
    product.stop().await;
}
