//! What was brought is taken out again, over HTTP and on the bucket: a corrected file takes the place of the one before, and what is undone or deleted counts nowhere.

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

const DAY: &str = "/v1/kpis/TOTAL/value?period=day&at=2026-11-20T12:00:00Z";

/// A client with an entity whose numbers are summed up.
async fn counter(product: &Product) -> User {
    let ours = product.client().await;
    let entity = json!({ "code": "Stock", "domain": "tried", "time": "at", "attributes": [
        { "name": "i", "type": "integer", "required": true }, { "name": "kind", "type": "text", "dimension": true }] });
    ours.post("/v1/entities", &entity).await.created();
    let kpi = json!({ "code": "TOTAL", "name": "Total", "formula": "SUM(Stock.i)" });
    ours.post("/v1/kpis", &kpi).await.created();
    ours
}

async fn total(ours: &User) -> Value {
    ours.get(DAY).await.ok()["value"].clone()
}

/// Waits until the day's total is this.
async fn counts(ours: &User, expected: i64) {
    let expected = f64::from(i32::try_from(expected).unwrap());
    eventually(&format!("the total is {expected}"), async || {
        let total = total(ours).await;
        (total.as_f64() == Some(expected)).then_some(())
    })
    .await;
}

/// Waits until a file is in a state, and returns it.
async fn file(ours: &User, key: &str, state: &str) -> Value {
    eventually(&format!("{key} is {state}"), async || {
        let files = ours.get("/v1/files").await.ok();
        let mut files = files["files"].as_array().unwrap().iter();
        files.find(|file| file["key"] == key && file["state"] == state).cloned()
    })
    .await
}

fn csv(rows: &[i64]) -> Vec<u8> {
    let rows: String = rows.iter().map(|row| format!("2026-11-20T10:00:00Z,{row}\n")).collect();
    format!("at,i\n{rows}").into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_file_replaces_and_an_undone_one_gives_it_back() {
    let product = Product::shared().await;
    let ours = counter(&product).await;
    let key = product.drop_file(&ours, "Stock/c.csv", csv(&[10, 99])).await;
    counts(&ours, 109).await;
    product.drop_file(&ours, "Stock/c.csv", csv(&[10, 20])).await;
    counts(&ours, 30).await;
    let corrected = file(&ours, &key, "finished").await;
    // It grows, and each row counts once.
    product.drop_file(&ours, "Stock/c.csv", csv(&[10, 20, 7])).await;
    counts(&ours, 37).await;
    for (total, accepted) in [(30, 2), (109, 2)] {
        let counting = file(&ours, &key, "finished").await;
        let path = format!("/v1/files/{}", counting["id"].text());
        let undone = ours.request(Method::DELETE, &path).await.accepted();
        assert_eq!(undone["state"], "undone", "{undone}");
        counts(&ours, total).await;
        let again = ours.request(Method::DELETE, &path).await.accepted();
        assert_eq!(again["state"], "undone", "{again}");
        assert_eq!(file(&ours, &key, "finished").await["accepted"], accepted);
    }
    let state = file(&ours, &key, "undone").await;
    assert!(state["accepted"].as_i64().unwrap() > 0);
    assert!(!corrected["id"].text().is_empty());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undone_batch_and_deleted_facts_count_nowhere() {
    let product = Product::shared().await;
    let ours = counter(&product).await;
    let event = |i: i64, kind: &str| json!({ "at": "2026-11-20T10:00:00Z", "i": i, "kind": kind });
    ours.ingest("Stock", &json!([event(1, "a"), event(2, "b")])).await;
    let wrong = ours
        .post("/v1/events/Stock", &json!([event(100, "a"), {}]))
        .await
        .accepted();
    assert_eq!(ours.outcome(&wrong).await, (1, 1));
    counts(&ours, 103).await;
    let path = format!("/v1/batches/{}", wrong["batch_id"].text());
    assert_eq!(
        ours.request(Method::DELETE, &path).await.accepted()["change"]["removed"],
        1
    );
    counts(&ours, 3).await;
    let batch = ours.get(&path).await.ok();
    assert_eq!(
        (&batch["state"], &batch["removed"]),
        (&json!("undone"), &json!(1)),
        "{batch}"
    );
    assert_eq!(ours.get("/v1/dead-letters").await.ok()["dead_letters"], json!([]));

    let facts = "/v1/entities/Stock/facts?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z&filter[kind]=b";
    let told = ours.request(Method::DELETE, facts).await.ok();
    assert_eq!((&told["facts"], &told["change"]), (&json!(1), &json!(null)), "{told}");
    counts(&ours, 3).await;
    let confirm = told["confirmation"].text();
    let other = format!("{}&confirm={confirm}", facts.replace("=b", "=a"));
    assert_eq!(ours.request(Method::DELETE, &other).await.status, 409);
    let deleted = ours
        .request(Method::DELETE, &format!("{facts}&confirm={confirm}"))
        .await
        .ok();
    assert_eq!(deleted["change"]["removed"], 1, "{deleted}");
    counts(&ours, 1).await;
    let again = ours
        .request(Method::DELETE, &format!("{facts}&confirm={confirm}"))
        .await;
    assert_eq!(again.status, 409, "they are gone: {again}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_told_to_whoever_can_see_it() {
    let product = Product::shared().await;
    let ours = counter(&product).await;
    let operator = product.colleague(&ours, "operator").await;
    let key = format!("{}/nothing/Stock/z.csv", ours.client.to_string().to_uppercase());
    product.put_object(&key, csv(&[1])).await;
    eventually("the operator sees it", async || {
        let queues = operator.get("/v1/queues").await.ok();
        let mut files = queues["unplaced_files"].as_array().unwrap().iter();
        files.any(|file| file["key"] == key.as_str()).then_some(())
    })
    .await;
    let key = product.drop_file(&ours, "z.csv", csv(&[1])).await;
    let refused = file(&ours, &key, "refused").await;
    assert!(refused["reason"].text().contains("client/Entity/name"), "{refused}");
    product.stop().await;
}
