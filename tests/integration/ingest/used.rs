//! What was taken out again is not used any more.

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

/// Facts and dead letters that a client uses, by what is said at once, and once they were counted anew.
async fn uses(product: &Product, ours: &User, facts: i64, letters: i64) {
    let is_so = async || {
        let usage = ours.get("/v1/usage").await.ok();
        let used = (
            usage["facts"]["used"].integer(),
            usage["dead_letters"]["used"].integer(),
        );
        (used == (facts, letters)).then_some(())
    };
    eventually(&format!("{facts} facts and {letters} letters are used"), is_so).await;
    product.invoke("count-facts", &json!({})).await;
    assert!(
        is_so().await.is_some(),
        "{facts} facts and {letters} letters, counted anew"
    );
}

/// Waits until a file is in a state, and returns it.
async fn file(ours: &User, key: &str, state: &str, accepted: i64) -> Value {
    eventually(&format!("{key} is {state}"), async || {
        let files = ours.get("/v1/files").await.ok();
        let mut files = files["files"].list().iter();
        let is_meant = |file: &&Value| file["key"] == key && file["state"] == state && file["accepted"] == accepted;
        files.find(is_meant).cloned()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_undone_or_replaced_is_not_used() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let entity = json!({ "code": "Stock", "domain": "tried", "time": "at", "attributes": [{ "name": "i", "type": "integer", "required": true }] });
    ours.post("/v1/entities", &entity).await.created();
    let event = json!({ "at": "2026-11-20T10:00:00Z", "i": 1 });
    let wrong = ours
        .post("/v1/events/Stock", &json!([event, event, {}]))
        .await
        .accepted();
    assert_eq!(ours.outcome(&wrong).await, (2, 1));
    let rows = |count: usize| format!("at,i\n{}", "2026-11-20T10:00:00Z,1\n".repeat(count)).into_bytes();
    let key = product.drop_file(&ours, "Stock/c.csv", rows(3)).await;
    file(&ours, &key, "finished", 3).await;
    product.invoke("count-facts", &json!({})).await;
    uses(&product, &ours, 5, 1).await;

    let path = format!("/v1/batches/{}", wrong["batch_id"].text());
    assert_eq!(ours.request(Method::DELETE, &path).await.accepted()["state"], "undone");
    uses(&product, &ours, 3, 0).await;

    product.drop_file(&ours, "Stock/c.csv", rows(5)).await;
    let second = file(&ours, &key, "finished", 5).await;
    product.invoke("count-facts", &json!({})).await;
    uses(&product, &ours, 5, 0).await;
    let path = format!("/v1/files/{}", second["id"].text());
    assert_eq!(ours.request(Method::DELETE, &path).await.accepted()["state"], "undone");
    uses(&product, &ours, 3, 0).await;
    product.stop().await;
}
