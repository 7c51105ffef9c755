//! Letters that are sent through again over HTTP: nothing comes back that was undone meanwhile, and a row of a file means what its file meant.

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;
use uuid::Uuid;

use crate::flights::dead_letters;

/// Defines an entity with these attributes, and their total.
async fn define(ours: &User, attributes: &[Value]) -> Value {
    let entity = json!({ "code": "Stock", "domain": "tried", "time": "at", "attributes": attributes });
    ours.post("/v1/entities", &entity).await.created();
    let kpi = json!({ "code": "TOTAL", "name": "Total", "formula": "SUM(Stock.i)" });
    ours.post("/v1/kpis", &kpi).await.created();
    entity
}

/// The total of a day of November 2026.
async fn total(ours: &User, day: u8) -> Option<f64> {
    let path = format!("/v1/kpis/TOTAL/value?period=day&at=2026-11-{day}T12:00:00Z");
    ours.get(&path).await.ok()["value"].as_f64()
}

/// Waits until so many connections wait for one, or for those that wait for it.
async fn wait_for(product: &Product, pid: i32, waiting: i64) {
    let plain = product.database.plain().await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND ($1 = ANY (pg_blocking_pids(a.pid))
        OR EXISTS (SELECT FROM unnest(pg_blocking_pids(a.pid)) AS b (pid) WHERE $1 = ANY (pg_blocking_pids(b.pid))))";
    eventually(&format!("{waiting} wait"), async || {
        let row = plain.query_one(sql, &[&pid]).await.unwrap();
        (row.get::<_, i64>(0) >= waiting).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_meets_the_undoing_of_its_batch_brings_nothing_back() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let event = |i: i64| json!([{ "at": "2026-11-20T10:00:00Z", "i": i }]);
    let wrong = ours.post("/v1/events/Stock", &event(7)).await.accepted();
    assert_eq!(ours.outcome(&wrong).await, (0, 1), "there is no such entity yet");
    let letter = dead_letters(&ours, &wrong["batch_id"]).await.remove(0);
    define(&ours, &[json!({ "name": "i", "type": "integer" })]).await;
    // Two of the function are warm, so that neither request starts one while the letter is held.
    let (first, second) = tokio::join!(async { ours.get("/v1/files").await }, async {
        ours.get("/v1/batches").await
    });
    assert_eq!((first.status, second.status), (200, 200));

    let held = product.database.plain().await.unwrap();
    held.batch_execute("BEGIN").await.unwrap();
    let sql = "SELECT pg_backend_pid() FROM core.dead_letters WHERE id = $1 FOR UPDATE";
    let id: Uuid = letter["id"].text().parse().unwrap();
    let pid: i32 = held.query_one(sql, &[&id]).await.unwrap().get(0);
    let replay = async {
        let path = format!("/v1/dead-letters/{id}/replay");
        ours.post(&path, &json!({})).await
    };
    let undo = async {
        wait_for(&product, pid, 1).await;
        let path = format!("/v1/batches/{}", wrong["batch_id"].text());
        ours.request(Method::DELETE, &path).await
    };
    let release = async {
        wait_for(&product, pid, 2).await;
        held.batch_execute("COMMIT").await.unwrap();
    };
    let (replayed, undone, ()) = tokio::join!(replay, undo, release);
    replayed.accepted();
    assert_eq!(undone.accepted()["state"], "undone");
    // What is sent after the replay comes after it.
    assert_eq!(ours.ingest("Stock", &event(5)).await, (1, 0));
    assert_eq!(
        total(&ours, 20).await,
        Some(5.0),
        "the replay was known to who undid its batch"
    );
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_row_is_read_in_the_zone_that_its_file_declared() {
    let product = Product::shared().await;
    let ours = product.client_in("Europe/Berlin").await;
    let mut entity = define(&ours, &[json!({ "name": "i", "type": "integer" })]).await;
    // Ten past midnight in Tokyo is the afternoon before in Berlin.
    let row = json!({ "at": "2026-11-20T00:10:00", "i": 7, "kind": "a" }).to_string();
    let declared = [("time-zone", "Asia/Tokyo")];
    product
        .drop_declared_file(&ours, "Stock/tokyo.ndjson", &declared, row.into_bytes())
        .await;
    let letter = eventually("the row is refused", async || {
        let letters = ours.get("/v1/dead-letters").await.ok();
        letters["dead_letters"].list().first().cloned()
    })
    .await;
    assert_eq!(letter["time_zone"], "Asia/Tokyo", "{letter}");

    let kind = json!({ "name": "kind", "type": "text" });
    entity["attributes"].as_array_mut().unwrap().push(kind);
    let read = ours.get("/v1/entities/Stock").await.ok();
    let replaced = ours.put("/v1/entities/Stock", &entity).if_match(read.etag());
    replaced.await.ok();
    let replay = format!("/v1/dead-letters/{}/replay", letter["id"].text());
    let queued = ours.post(&replay, &json!({})).await.accepted();
    assert_eq!(ours.outcome(&queued).await, (1, 0));
    assert_eq!((total(&ours, 19).await, total(&ours, 20).await), (Some(7.0), None));
    product.stop().await;
}
