//! What an entity or an object's metadata declare of files has its effect on the bucket as the manual of files says.

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

/// An entity of numbers with further declarations, and their total.
async fn define(ours: &User, declared: &Value) {
    let mut entity = json!({ "code": "Stock", "domain": "tried", "time": "at", "attributes": [{ "name": "d", "type": "decimal", "required": true }] });
    for (name, value) in declared.as_object().unwrap() {
        entity[name] = value.clone();
    }
    ours.post("/v1/entities", &entity).await.created();
    let kpi = json!({ "code": "TOTAL", "name": "Total", "formula": "SUM(Stock.d)" });
    ours.post("/v1/kpis", &kpi).await.created();
}

/// The total of a day of November 2026.
async fn total(ours: &User, day: u8) -> Option<f64> {
    let path = format!("/v1/kpis/TOTAL/value?period=day&at=2026-11-{day}T12:00:00Z");
    ours.get(&path).await.ok()["value"].as_f64()
}

/// Waits until so many files are under a key in their last state, the latest first.
async fn files(ours: &User, key: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} of {key} have ended"), async || {
        let files = ours.get("/v1/files").await.ok();
        let files = files["files"].list().iter().filter(|file| file["key"] == key);
        let ended: Vec<Value> = files.filter(|file| file["state"] != "writing").cloned().collect();
        (ended.len() == count).then_some(ended)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_an_entity_that_appends_add_up_and_are_undone_each() {
    let product = Product::shared().await;
    let ours = product.client().await;
    define(&ours, &json!({ "files": "append" })).await;
    let mut key = String::new();
    for (count, (rows, sum)) in (1..).zip([("10", 10.0), ("10\n2026-11-20T11:00:00Z,20", 40.0)]) {
        let bytes = format!("at,d\n2026-11-20T10:00:00Z,{rows}\n").into_bytes();
        key = product.drop_file(&ours, "Stock/log.csv", bytes).await;
        files(&ours, &key, count).await;
        assert_eq!(total(&ours, 20).await, Some(sum), "each row of each file counts");
    }
    let both = files(&ours, &key, 2).await;
    assert!(both.iter().all(|file| file["state"] == "finished"), "{both:?}");
    let path = format!("/v1/files/{}", both[1]["id"].text());
    assert_eq!(ours.request(Method::DELETE, &path).await.accepted()["state"], "undone");
    assert_eq!(total(&ours, 20).await, Some(30.0), "the other one stays");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_objects_metadata_declare_goes_before_what_its_entity_does() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let csv = json!({ "delimiter": "pipe", "decimal": "point" });
    define(&ours, &json!({ "time_zone": "America/New_York", "csv": csv })).await;
    let european = [
        ("delimiter", "semicolon"),
        ("decimal", "comma"),
        ("time-zone", "Asia/Tokyo"),
    ];
    let bytes = b"at;d\n2026-11-20T00:10:00;1,5\n2026-11-20T00:20:00;1.500,5\n".to_vec();
    let key = product
        .drop_declared_file(&ours, "Stock/european.csv", &european, bytes)
        .await;
    let file = files(&ours, &key, 1).await.remove(0);
    assert_eq!((&file["accepted"], &file["rejected"]), (&json!(1), &json!(1)), "{file}");
    assert_eq!(
        total(&ours, 19).await,
        Some(1.5),
        "ten past midnight in Tokyo is the day before"
    );
    let letters = ours.get("/v1/dead-letters").await.ok();
    let letter = &letters["dead_letters"][0];
    assert!(letter["reason"].text().contains("decimal commas"), "{letter}");
    assert_eq!(letter["time_zone"], "Asia/Tokyo", "{letter}");
    // A line of CSV is no event.
    let replay = format!("/v1/dead-letters/{}/replay", letter["id"].text());
    ours.post(&replay, &json!({})).await.refused(422);

    // Without metadata it is as the entity declares.
    let bytes = b"at|d\n2026-11-20T23:50:00|2.25\n".to_vec();
    let key = product.drop_file(&ours, "Stock/american.csv", bytes).await;
    files(&ours, &key, 1).await;
    assert_eq!(
        total(&ours, 21).await,
        Some(2.25),
        "ten to midnight in New York is the day after"
    );

    let wrong = [("delimiter", ";")];
    let key = product
        .drop_declared_file(&ours, "Stock/wrong.csv", &wrong, b"at;d\n".to_vec())
        .await;
    let file = files(&ours, &key, 1).await.remove(0);
    assert_eq!(file["state"], "refused");
    assert!(
        file["reason"].text().contains("comma, semicolon, tab or pipe"),
        "{file}"
    );
    product.stop().await;
}
