//! A grouping that is added to many facts: how far its filling is can be seen, it can be given up, and what is asked meanwhile is answered alike.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::User;
use tests::json::{JsonExt as _, without_version};
use tests::product::Product;
use tests::waiting::eventually;

use super::definitions::kpi;

const FACTS: i64 = 20_000;
const PARCEL: &str = "/v1/entities/Parcel";
const NORTH: &str = "/v1/kpis/NORTH/value?period=day&at=2026-03-28T12:00:00Z";

/// A run of the upkeep begins each minute, and fills this in some seconds.
const FILLED_WITHIN: Duration = Duration::from_secs(150);

/// The state of the grouping by region, and its progress; nothing where there is no such grouping.
async fn by_region(client: &User) -> Option<(String, i64)> {
    let list = client.get(&format!("{PARCEL}/groupings")).await.ok();
    let mut groupings = list["groupings"].list().iter();
    let found = groupings.find(|grouping| grouping["dimensions"] == json!(["region"]))?;
    Some((
        found["state"].text().to_owned(),
        found["percent"].as_i64().unwrap_or(100),
    ))
}

/// Adds the grouping by region to what is defined.
async fn add(client: &User) {
    let read = client.get(PARCEL).await.ok();
    let mut definition = without_version(read.body.clone());
    definition["groupings"] = json!([{ "dimensions": ["region"] }]);
    client.put(PARCEL, &definition).if_match(read.etag()).await.ok();
}

async fn north(client: &User) -> Value {
    client.get(NORTH).await.ok()["value"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filling_shows_its_progress_and_is_given_up_while_answers_stay() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let parcel = json!({ "code": "Parcel", "domain": "logistics", "attributes": [{ "name": "region", "type": "text", "dimension": true }] });
    ours.post("/v1/entities", &parcel).await.created();
    ours.post("/v1/kpis", &kpi("NORTH", "COUNT(Parcel WHERE region = 'north')"))
        .await
        .created();
    let rows = (0..FACTS).map(|row| {
        let region = if row % 2 == 0 { "north" } else { "south" };
        format!("2026-03-28T{:02}:{:02}:00Z,{region}\n", row % 24, row / 24 % 60)
    });
    let file = format!("time,region\n{}", rows.collect::<String>());
    product.drop_file(&ours, "Parcel/many.csv", file.into_bytes()).await;
    let right = json!(FACTS / 2);
    eventually("the file is loaded", async || {
        (north(&ours).await == right).then_some(())
    })
    .await;

    // What is being filled answers nothing yet, and can be taken back.
    let give_up = format!("{PARCEL}/groupings/give-up");
    add(&ours).await;
    let (state, percent) = by_region(&ours).await.unwrap();
    assert!(state == "filling" && percent < 100, "{state}, {percent} %");
    assert_eq!(north(&ours).await, right);
    ours.request(Method::POST, &give_up).await.ok();
    assert_eq!(by_region(&ours).await, None);
    assert_eq!(north(&ours).await, right);
    ours.request(Method::POST, &give_up).await.refused(409);
    let versions = ours.get(&format!("{PARCEL}/versions")).await.ok();
    let changes: Vec<&str> = versions["versions"]
        .list()
        .iter()
        .map(|version| version["change"].text())
        .collect();
    assert_eq!(changes, ["given_up", "replaced", "created"]);

    // Added again it is filled, and answers are right all the time.
    add(&ours).await;
    let (until, mut last) = (Instant::now() + FILLED_WITHIN, 0);
    loop {
        let (state, percent) = by_region(&ours).await.unwrap();
        assert_eq!(north(&ours).await, right, "{state}, {percent} %");
        assert!(percent >= last, "{percent} % after {last}");
        if state == "kept" {
            break;
        }
        assert!(Instant::now() < until, "{state}, {percent} %");
        last = percent;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(north(&ours).await, right);
    product.stop().await;
}
