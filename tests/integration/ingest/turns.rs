//! A long file makes way: after its turn its rest waits behind what others have queued, and in the end every row counts once.

use std::time::Duration;

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::lone_function::LoneFunction;
use tests::product::Product;
use tests::waiting::eventually;

use crate::flights::flights_counted;

/// A queue that no function of the product empties, and a bucket that it does not watch.
const QUEUE: &str = "analytics-engine-renders-dead";
const BUCKET: &str = "analytics-engine-documents-dev-000000000000";
/// Rows of one part, and of a file that has two.
const PART: i64 = 50_000;
const ROWS: i64 = PART + 1_000;
const SAMPLE: &str = include_str!("../../../events/ingest/load-files.json");

/// The function alone, whose turns are over at once.
async fn loader(product: &Product) -> LoneFunction {
    let services = product.services();
    let (queue, database) = (product.queue_url(QUEUE), product.database.url.clone());
    let mut environment: Vec<(&str, &str)> = services
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    environment.extend([
        ("DATABASE_URL", database.as_str()),
        ("DATABASE_ROLE", "analytics_app"),
        ("FILES_QUEUE_URL", &queue),
        (
            "FILES_DEAD_LETTER_QUEUE_ARN",
            "arn:aws:sqs:us-east-1:000000000000:nobody",
        ),
        ("REGISTRY_TABLE", "analytics-engine-registry-dev"),
        ("FILE_TURN_SECONDS", "0"),
    ]);
    LoneFunction::start("load-files", Duration::from_secs(120), &environment)
        .await
        .unwrap()
}

async fn load(function: &LoneFunction, body: &str) {
    let record =
        json!({ "messageId": "1", "receiptHandle": "none", "body": body, "attributes": {}, "messageAttributes": {} });
    let (answer, _) = function
        .answer(&json!({ "Records": [record] }).to_string())
        .await
        .unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
}

/// The message that tells of the rest of a file; all that waits is taken out of the queue.
async fn rest(product: &Product) -> Value {
    eventually("the rest is queued", async || {
        let wanted = json!({ "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"] });
        let received = product.sqs_call("ReceiveMessage", QUEUE, wanted).await;
        let mut rest = None;
        for message in received["Messages"].as_array().into_iter().flatten() {
            let handle = json!({ "ReceiptHandle": message["ReceiptHandle"] });
            product.sqs_call("DeleteMessage", QUEUE, handle).await;
            if message["Body"].text().contains("Records") {
                rest = Some(message.clone());
            }
        }
        rest
    })
    .await
}

async fn state(user: &User, key: &str) -> (Value, i64) {
    let files = user.get("/v1/files").await.ok();
    let file = files["files"]
        .list()
        .iter()
        .find(|file| file["key"] == key)
        .unwrap()
        .clone();
    (file["state"].clone(), file["accepted"].integer())
}

/// What S3 tells of a file.
fn notification(key: &str, etag: &str) -> String {
    let sample: Value = SAMPLE.parse().unwrap();
    let mut notification: Value = sample["Records"][0]["body"].text().parse().unwrap();
    let place = &mut notification["Records"][0]["s3"];
    place["bucket"]["name"] = BUCKET.into();
    place["object"]["key"] = key.into();
    place["object"]["eTag"] = etag.trim_matches('"').into();
    notification.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_file_makes_way_after_its_turn_and_counts_in_the_end() {
    let product = Product::start().await;
    let airline = product.airline().await;
    let row = "2026-03-28T10:00:00Z,5,100,ORD,LGA\n";
    let rows = row.repeat(usize::try_from(ROWS).unwrap());
    let key = format!("{}/Flight/long.csv", airline.client);
    let etag = product
        .put_object_in(
            BUCKET,
            &key,
            format!("date,delay,distance,origin,destination\n{rows}").into_bytes(),
        )
        .await;
    let notification = notification(&key, &etag);

    let function = loader(&product).await;
    product.send_message(QUEUE, "another's").await;
    load(&function, &notification).await;
    assert_eq!(
        flights_counted(&airline).await.1,
        PART,
        "one part, and then it made way"
    );
    assert_eq!(state(&airline, &key).await, ("writing".into(), PART));
    let rest = rest(&product).await;
    assert_eq!(rest["Attributes"]["MessageGroupId"], airline.client.to_string());

    // Nothing else waits now.
    load(&function, rest["Body"].text()).await;
    assert_eq!(flights_counted(&airline).await.1, ROWS);
    assert_eq!(state(&airline, &key).await, ("finished".into(), ROWS));
    function.stop().await;
    product.stop().await;
}

/// With the attributes that are added, fewer rows are held at once, so that the file is cut elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_count_once_when_the_definition_is_replaced_and_the_message_comes_again() {
    let product = Product::start().await;
    let user = product.client().await;
    let number = |number: i32| json!({ "name": format!("n{number}"), "type": "decimal" });
    let mut attributes = vec![
        json!({ "name": "a", "type": "text" }),
        json!({ "name": "b", "type": "text" }),
    ];
    attributes.extend((0..18).map(number));
    let mut entity = json!({ "code": "Wide", "domain": "test", "time": "at", "attributes": attributes });
    user.post("/v1/entities", &entity).await.created();
    let kpi = json!({ "code": "WIDE", "name": "Wide", "formula": "COUNT(Wide)" });
    user.post("/v1/kpis", &kpi).await.created();
    let row = format!("2026-03-28T10:00:00Z,{},{}\n", "a".repeat(400), "b".repeat(400));
    let rows = row.repeat(usize::try_from(ROWS).unwrap());
    let key = format!("{}/Wide/wide.csv", user.client);
    let etag = product
        .put_object_in(BUCKET, &key, format!("at,a,b\n{rows}").into_bytes())
        .await;
    let notification = notification(&key, &etag);

    let function = loader(&product).await;
    product.send_message(QUEUE, "another's").await;
    load(&function, &notification).await;
    assert_eq!(state(&user, &key).await, ("writing".into(), PART));
    let read = user.get("/v1/entities/Wide").await.ok();
    let added = (18..22).map(number);
    entity["attributes"].as_array_mut().unwrap().extend(added);
    user.put("/v1/entities/Wide", &entity).if_match(read.etag()).await.ok();
    // As if the function had been killed: the rest, which waits too, is not what comes.
    rest(&product).await;
    load(&function, &notification).await;
    assert_eq!(state(&user, &key).await, ("finished".into(), ROWS));
    let value = user
        .get("/v1/kpis/WIDE/value?period=day&at=2026-03-28T10:00:00Z")
        .await
        .ok();
    assert_eq!(value["facts"], ROWS, "{value}");
    function.stop().await;
    product.stop().await;
}
