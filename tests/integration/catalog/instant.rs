//! A change takes effect at one instant: who asks after it was answered is answered by it, whatever process answers and whatever that remembers.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

use super::definitions::kpi;

const VALUE: &str = "/v1/kpis/FACTOR/value?period=day&at=2026-03-28T12:00:00Z";
const SERIES: &str = "/v1/kpis/FACTOR/series?period=hour&from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";
const CHANGES: i32 = 12;

/// Asks until all changes are made: each answer is of a formula that was in force when it was asked, or of a later one, all of it, and none of an earlier one than
/// the answer before.
async fn ask(user: &User, path: &str, factor: &AtomicI32, is_over: &AtomicBool) -> usize {
    let (mut answers, mut last) = (0, 0.0);
    while !is_over.load(Ordering::SeqCst) {
        let least = f64::from(factor.load(Ordering::SeqCst));
        let answer = user.get(path).await.ok();
        let value = answer
            .body
            .get("value")
            .or_else(|| answer.body.pointer("/points/0/value"));
        let value = value.unwrap_or(&Value::Null);
        let shown: f64 = value.to_string().trim_matches('"').parse().unwrap();
        assert!(
            shown >= least && shown >= last,
            "{path}: {shown}, after {least} and {last}"
        );
        (answers, last) = (answers + 1, shown);
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_after_a_change_was_answered_is_answered_by_it() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let parcel =
        json!({ "code": "Parcel", "domain": "logistics", "attributes": [{ "name": "weight", "type": "decimal" }] });
    ours.post("/v1/entities", &parcel).await.created();
    let event = json!([{ "time": "2026-03-28T10:00:00Z", "weight": 1 }]);
    assert_eq!(ours.ingest("Parcel", &event).await, (1, 0));
    ours.post("/v1/kpis", &kpi("FACTOR", "SUM(Parcel.weight) * 1"))
        .await
        .created();
    let (factor, is_over) = (AtomicI32::new(1), AtomicBool::new(false));
    let changing = async {
        for next in 2..=CHANGES {
            let formula = format!("SUM(Parcel.weight) * {next}");
            ours.put("/v1/kpis/FACTOR", &kpi("FACTOR", &formula))
                .if_match("*")
                .await
                .ok();
            factor.store(next, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        is_over.store(true, Ordering::SeqCst);
    };
    // At the same time, so that several processes answer, each with what it remembers.
    let (value, series) = (
        || ask(&ours, VALUE, &factor, &is_over),
        || ask(&ours, SERIES, &factor, &is_over),
    );
    let (_, one, two, three, four) = tokio::join!(changing, value(), value(), series(), series());
    assert!([one, two, three, four].iter().all(|answers| *answers > 1));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboard_sees_formulas_in_the_order_of_their_changes() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let parcel =
        json!({ "code": "Parcel", "domain": "logistics", "attributes": [{ "name": "weight", "type": "decimal" }] });
    ours.post("/v1/entities", &parcel).await.created();
    let now = platform::clock::now().to_string();
    assert_eq!(
        ours.ingest("Parcel", &json!([{ "time": now, "weight": 1 }])).await,
        (1, 0)
    );
    ours.post("/v1/kpis", &kpi("FACTOR", "SUM(Parcel.weight) * 1"))
        .await
        .created();
    let mut dashboard = Dashboard::connect_to(&product, &ours, "kpi=FACTOR&period=year").await;
    dashboard.next("subscribed").await;
    let mut last = 0;
    for next in 2..=i64::from(CHANGES) {
        let formula = format!("SUM(Parcel.weight) * {next}");
        ours.put("/v1/kpis/FACTOR", &kpi("FACTOR", &formula))
            .if_match("*")
            .await
            .ok();
        let until = Instant::now() + Duration::from_secs(30);
        while last < next {
            assert!(Instant::now() < until, "{last} is shown, and {next} is in force");
            let update = dashboard.next("update").await;
            for row in update["rows"].list() {
                // Years without facts have no value.
                let Some(shown) = row[2].as_i64() else { continue };
                assert!(shown >= last, "{shown} after {last}");
                last = shown;
            }
        }
        assert_eq!(last, next);
    }
    product.stop().await;
}
