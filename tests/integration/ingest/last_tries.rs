//! What came too often comes a last time, through a dead-letter queue: it ends as facts or as dead letters that its sender can see.

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use platform::queue::{Beat, Queue};
use serde_json::{Value, json};
use tests::fake_service::configuration;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;
use uuid::Uuid;

use crate::flights::{dead_letters, flight, flights_counted};

const EVENTS: &str = "analytics-engine-events-dead";
const FILES: &str = "analytics-engine-files-dead";
const SAMPLE: &str = include_str!("../../../events/ingest/load-files.json");

fn queued(user: &User, batch: Uuid, events: &Value) -> String {
    json!({ "batch_id": batch, "client": user.client, "entity": "Flight", "source": "events", "events": events })
        .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_came_too_often_are_written_after_all() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let batch = Uuid::now_v7();
    let events = json!([flight(2, 5, "ORD"), { "date": "never" }, flight(3, 5, "ORD")]);
    product.send_message(EVENTS, &queued(&airline, batch, &events)).await;
    let report = eventually("the batch is finished", async || {
        let report = airline.get(&format!("/v1/batches/{batch}")).await;
        (report.status == 200 && report["state"] == "finished")
            .then(|| (report["accepted"].clone(), report["rejected"].clone()))
    })
    .await;
    assert_eq!(report, (json!(2), json!(1)));
    assert_eq!(flights_counted(&airline).await.1, 2);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_came_too_often_is_a_dead_letter() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let key = format!("{}/Flight/heavy.parquet", airline.client);
    let sample: Value = SAMPLE.parse().unwrap();
    let mut notification: Value = sample["Records"][0]["body"].text().parse().unwrap();
    notification["Records"][0]["s3"]["object"]["key"] = key.as_str().into();
    let message = notification.to_string();
    product.send_message(FILES, &message).await;
    let letter = eventually("the file is a dead letter", async || {
        let letters = airline.get("/v1/dead-letters?entity=Flight").await.ok();
        letters["dead_letters"].list().first().cloned()
    })
    .await;
    assert_eq!(letter["original"], key.as_str());
    assert!(letter["reason"].text().contains("could not be loaded"), "{letter}");
    // A message that comes twice is told once.
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{FILES}-dev");
    let record = json!({ "messageId": "again", "body": message, "eventSourceARN": arn, "attributes": {}, "messageAttributes": {} });
    let answer = product.invoke("load-files", &json!({ "Records": [record] })).await;
    assert_eq!(answer["batchItemFailures"], json!([]));
    assert_eq!(dead_letters(&airline, &letter["batch_id"]).await.len(), 1);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_hidden_while_it_is_worked_on_and_comes_back_soon_after() {
    // A queue that no function empties.
    const QUEUE: &str = "analytics-engine-renders-dead";
    let product = Product::shared().await;
    let body = Uuid::now_v7().to_string();
    product.send_message(QUEUE, &body).await;
    let receive = async || {
        let wanted = json!({ "MaxNumberOfMessages": 10, "VisibilityTimeout": 600 });
        let received = product.sqs_call("ReceiveMessage", QUEUE, wanted).await;
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        messages.into_iter().find(|message| message["Body"] == body)
    };
    let first = eventually("the message is received", receive).await;
    assert_eq!(receive().await, None, "it is hidden");

    let mut message = SqsMessage::default();
    message.receipt_handle = Some(first["ReceiptHandle"].text().to_owned());
    let queue = Queue::new(&configuration(product.sqs()), product.queue_url(QUEUE));
    let beat = Beat {
        hidden: Duration::from_secs(2),
        renewed: Duration::from_millis(500),
    };
    let work = async {
        for _ in 0..6 {
            tokio::time::sleep(beat.renewed).await;
            assert_eq!(
                receive().await,
                None,
                "it is worked on for longer than it is hidden at once"
            );
        }
    };
    queue.held(&message, beat, work).await;
    let again = eventually("the message comes back", receive).await;
    let delete = json!({ "ReceiptHandle": again["ReceiptHandle"] });
    product.sqs_call("DeleteMessage", QUEUE, delete).await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_listed_with_their_state_and_letters() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let mut sent = Vec::new();
    for minute in 0..5 {
        let events = json!([flight(minute, 5, "ORD"), {}]);
        let queued = airline.post("/v1/events/Flight", &events).await.accepted();
        assert_eq!(airline.outcome(&queued).await, (1, 1));
        sent.insert(0, queued["batch_id"].clone());
    }
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = airline
            .get(&format!("/v1/batches?entity=Flight&limit=2{cursor}"))
            .await
            .ok();
        listed.extend(page["batches"].list().to_vec());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let ids: Vec<Value> = listed.iter().map(|batch| batch["id"].clone()).collect();
    assert_eq!(ids, sent, "the latest first, each once");
    assert!(
        listed
            .iter()
            .all(|batch| batch["state"] == "finished" && batch["accepted"] == 1),
        "{listed:?}"
    );
    let letters = airline
        .get(&format!("/v1/dead-letters?batch={}", sent[1].text()))
        .await
        .ok();
    assert_eq!(letters["dead_letters"].list().len(), 1);
    assert_eq!(letters["dead_letters"][0]["batch_id"], sent[1]);

    let other = product.airline().await;
    assert!(
        other.get("/v1/batches").await.ok()["batches"].list().is_empty(),
        "of another client"
    );
    for (query, status) in [
        ("limit=0", 400),
        ("limit=1001", 400),
        ("cursor=x", 400),
        ("state=all", 400),
    ] {
        airline.get(&format!("/v1/batches?{query}")).await.expect(status);
    }
    product.stop().await;
}
