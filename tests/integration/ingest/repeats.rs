//! Whatever is sent or delivered again counts once, and a key that is used for something else is told.

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use uuid::Uuid;

use crate::flights::{dead_letters, flight, flights_counted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_sent_ten_times_at_once_counts_once() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let events = json!([flight(0, 5, "ORD"), { "date": 5 }]);
    let send = || {
        airline
            .post("/v1/events/Flight", &events)
            .idempotency_key("at once")
            .send()
    };
    for answer in futures::future::join_all((0..10).map(|_| send())).await {
        assert_eq!(airline.outcome(&answer.accepted()).await, (1, 1));
    }
    assert_eq!(flights_counted(&airline).await, (Some(1.0), 1));
    product.stop().await;
}

/// SQS may deliver a message twice, in one batch too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_delivered_twice_counts_once() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let batch = Uuid::now_v7();
    deliver_twice(&product, &airline, "Flight", batch, &json!([flight(1, 5, "ORD"), {}])).await;
    assert_eq!(airline.outcome_of(&batch.to_string()).await, (1, 1));
    assert_eq!(
        dead_letters(&airline, &json!(batch)).await.len(),
        1,
        "one letter of one event"
    );
    let unknown = Uuid::now_v7();
    deliver_twice(&product, &airline, "Nothing", unknown, &json!([{}])).await;
    assert_eq!(dead_letters(&airline, &json!(unknown)).await.len(), 1);
    assert_eq!(flights_counted(&airline).await, (Some(1.0), 1));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_after_a_delivery_in_duplicate_replaces_the_one_fact() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let entity = json!({ "code": "Reading", "domain": "metering", "key": ["meter"], "attributes": [
        { "name": "meter", "type": "text", "required": true }, { "name": "level", "type": "decimal" }] });
    ours.post("/v1/entities", &entity).await.created();
    let kpi = json!({ "code": "LEVEL", "name": "Level", "formula": "SUM(Reading.level)" });
    ours.post("/v1/kpis", &kpi).await.created();
    let at = "2026-03-28T10:00:00Z";
    let batch = Uuid::now_v7();
    let events = json!([{ "time": at, "meter": "a", "level": 1 }, { "time": at, "meter": "b", "level": 2 }, {}]);
    deliver_twice(&product, &ours, "Reading", batch, &events).await;
    assert_eq!(dead_letters(&ours, &json!(batch)).await.len(), 1);
    let correction = json!([{ "time": at, "meter": "a", "level": "10.5" }]);
    assert_eq!(ours.ingest("Reading", &correction).await, (1, 0));
    let value = ours
        .get("/v1/kpis/LEVEL/value?period=day&at=2026-03-28T10:00:00Z")
        .await
        .ok();
    assert_eq!((&value["value"], &value["facts"]), (&json!(12.5), &json!(2)), "{value}");
    product.stop().await;
}

/// Invokes the function with one message twice in one batch.
async fn deliver_twice(product: &Product, user: &User, entity: &str, batch: Uuid, events: &Value) {
    let queued = json!({
        "batch_id": batch, "client": user.client, "entity": entity,
        "source": "events", "events": events,
    });
    let message = json!({ "messageId": Uuid::new_v4(), "body": queued.to_string(), "eventSource": "aws:sqs" });
    let answer = product
        .invoke("ingest-events", &json!({ "Records": [message, message] }))
        .await;
    assert_eq!(answer["batchItemFailures"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_another_body_is_told_and_the_first_body_stands() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let mut batches = Vec::new();
    for (events, outcome) in [
        (json!([flight(2, 0, "ORD")]), (1, 0)),
        (json!([flight(2, 0, "LAX"), flight(2, 0, "JFK")]), (0, 2)),
        (json!([flight(2, 0, "ORD")]), (1, 0)),
    ] {
        let sent = airline.post("/v1/events/Flight", &events).idempotency_key("twice");
        let queued = sent.await.accepted();
        assert_eq!(airline.outcome(&queued).await, outcome, "{events}");
        batches.push(queued["batch_id"].clone());
    }
    assert_eq!(batches[0], batches[2], "the same body is the same batch");
    let letters = dead_letters(&airline, &batches[1]).await;
    assert_eq!(letters.len(), 2);
    assert!(letters[0]["reason"].text().contains("another body"), "{}", letters[0]);
    assert_eq!(flights_counted(&airline).await.1, 1);
    product.stop().await;
}
