//! What a client may use: told before it is used up and when it is, and nobody else's.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

use crate::flights::{dead_letters, flight, flights_counted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_that_is_used_up_is_told_and_keeps_no_other_client() {
    let product = Product::shared().await;
    let (airline, other) = (product.airline().await, product.airline().await);
    product.registry().limit_events(airline.client, 2).await.unwrap();
    let events = json!([flight(0, 5, "ORD"), flight(1, 5, "ORD")]);
    // The minute may turn meanwhile: three minutes' worth does not go through at once.
    let mut accepted = 0;
    let refused = loop {
        let answer = airline.post("/v1/events/Flight", &events).await;
        if answer.status != 202 {
            break answer;
        }
        accepted += 2;
        assert!(accepted <= 4, "{accepted} events");
    };
    assert_eq!(refused.status, 429, "{refused}");
    assert_eq!(refused["type"], "urn:analytics-engine:problem:too-many-requests");
    assert!(refused.detail().starts_with("events_per_minute"), "{refused}");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(other.ingest("Flight", &events).await, (2, 0));

    let usage = airline.get("/v1/usage").await.ok();
    assert_eq!(usage["events_per_minute"]["limit"], 2, "{usage}");
    assert!(usage["events_per_minute"]["used"].integer() <= 2, "{usage}");
    assert_eq!(usage["entities"], json!({ "used": 2, "limit": 200 }));
    assert_eq!(usage["topics"]["used"], 0, "{usage}");
    let viewer = product.colleague(&other, "viewer").await;
    let usage = viewer.get("/v1/usage").await.ok();
    assert_eq!(usage["events_per_minute"]["limit"], 300_000, "{usage}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_are_counted_and_end_at_their_quota() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    assert_eq!(
        airline.ingest("Flight", &json!([flight(0, 5, "ORD"), {}])).await,
        (1, 1)
    );
    product.registry().limit_facts(airline.client, 1).await.unwrap();
    let counted = product.invoke("count-facts", &json!({})).await;
    assert!(counted["facts"].integer() >= 1, "{counted}");
    let usage = airline.get("/v1/usage").await.ok();
    assert_eq!(usage["facts"], json!({ "used": 1, "limit": 1 }));
    assert_eq!(usage["dead_letters"], json!({ "used": 1, "limit": 1_000_000 }));

    // Limits are kept for half a minute, and this client has sent already: a colleague's request may meet another process, or wait.
    let key = product
        .drop_file(
            &airline,
            "Flight/late.ndjson",
            flight(1, 5, "ORD").to_string().into_bytes(),
        )
        .await;
    let file = eventually("the file is refused", async || {
        let files = airline.get("/v1/files").await.ok();
        files["files"]
            .list()
            .iter()
            .find(|file| file["key"] == key && file["state"] == "refused")
            .cloned()
    })
    .await;
    assert!(
        file["reason"]
            .text()
            .starts_with("facts: 1 facts of your organisation were accepted"),
        "{file}"
    );
    assert_eq!(flights_counted(&airline).await.1, 1);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_end_at_their_quota() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let registry = product.registry();
    registry.limit_letters(airline.client, 5).await.unwrap();
    registry.keep_counts(airline.client, 0, 5).await.unwrap();
    let refused = airline
        .post("/v1/events/Flight", &json!([flight(0, 5, "ORD")]))
        .await
        .refused(403);
    assert_eq!(refused["type"], "urn:analytics-engine:problem:dead-letters-used-up");
    assert!(refused.detail().starts_with("dead_letters"), "{refused}");
    let usage = airline.get("/v1/usage").await.ok();
    assert_eq!(usage["dead_letters"]["limit"], 5, "{usage}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_take_the_events_of_a_minute() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let events: Vec<Value> = (0..4).map(|number| json!({ "weight": number })).collect();
    let queued = airline.post("/v1/events/Parcel", &json!(events)).await.accepted();
    assert_eq!(airline.outcome(&queued).await, (0, 4));
    product.registry().limit_events(airline.client, 1).await.unwrap();
    // The minute may turn meanwhile, and its first request always goes through.
    let mut statuses = Vec::new();
    for letter in dead_letters(&airline, &queued["batch_id"]).await {
        let path = format!("/v1/dead-letters/{}/replay", letter["id"].text());
        statuses.push(airline.post(&path, &json!({})).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| [202, 429].contains(status)),
        "{statuses:?}"
    );
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packed_events_are_taken() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(json!([flight(0, 5, "ORD")]).to_string().as_bytes())
        .unwrap();
    let packed = encoder.finish().unwrap();
    let send = |encoding: &str| {
        let request = airline.request(reqwest::Method::POST, "/v1/events/Flight");
        request.header("content-encoding", encoding).body(packed.clone())
    };
    assert_eq!(airline.outcome(&send("gzip").await.accepted()).await, (1, 0));
    let refused = send("br").await.refused(415);
    assert!(refused["hint"].text().contains("gzip"), "{refused}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_dead_letters_are_replayed_at_once() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let events = json!([{ "weight": 1, "time": "2026-03-28T10:00:00Z" }, { "weight": 2, "time": "2026-03-28T10:01:00Z" }, { "oops": 1 }]);
    let queued = airline.post("/v1/events/Parcel", &events).await.accepted();
    assert_eq!(airline.outcome(&queued).await, (0, 3));
    let parcel = json!({ "code": "Parcel", "domain": "post", "attributes": [{ "name": "weight", "type": "decimal" }] });
    airline.post("/v1/entities", &parcel).await.created();
    let wanted = json!({ "batch": queued["batch_id"] });
    let replayed = airline.post("/v1/dead-letters/replay", &wanted).await.accepted();
    assert_eq!(
        (&replayed["events"], &replayed["next_before"]),
        (&json!(3), &Value::Null),
        "{replayed}"
    );
    let letters = eventually("the replays are through", async || {
        let letters = dead_letters(&airline, &queued["batch_id"]).await;
        let all = letters.iter().all(|letter| letter["replay_batch_id"].is_string());
        all.then_some(letters)
    })
    .await;
    let mut outcomes = Vec::new();
    for letter in &letters {
        outcomes.push(airline.outcome_of(letter["replay_batch_id"].text()).await);
    }
    assert_eq!(outcomes, [(1, 0), (1, 0), (0, 1)]);
    let again = airline.post("/v1/dead-letters/replay", &wanted).await.accepted();
    assert_eq!(again["events"], 0, "each is sent again once: {again}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_see_what_waits() {
    let product = Product::shared().await;
    let queues = product.operator().await.get("/v1/queues").await.ok();
    let names: Vec<&String> = queues["queues"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "dropped_files",
            "events",
            "events_last_tries",
            "files",
            "files_last_tries"
        ]
    );
    assert!(queues["queues"]["events"]["waiting"].is_u64(), "{queues}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_rows_and_one_with_rows_are_listed() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let header = "date,delay,distance,origin,destination\n";
    let row = "2026-03-28T10:00:00Z,5,100,ORD,LGA\nnever,5,100,ORD,LGA\n";
    for (name, text, counts) in [
        ("Flight/none.csv", header.to_owned(), (0, 0)),
        ("Flight/two.csv", format!("{header}{row}"), (1, 1)),
    ] {
        let key = product.drop_file(&airline, name, text.into_bytes()).await;
        let file = eventually("the file is finished", async || {
            let files = airline.get("/v1/files?entity=Flight&limit=1").await.ok();
            let file = files["files"].list().first().cloned();
            file.filter(|file| file["key"] == key && file["state"] == "finished")
        })
        .await;
        assert_eq!(
            (file["accepted"].integer(), file["rejected"].integer()),
            counts,
            "{file}"
        );
    }
    product.stop().await;
}
