//! Events posted over HTTP.

use serde_json::{Value, json};
use tests::json::JsonExt as _;
use tests::product::Product;

use crate::flights::{dead_letters, flight, flights_counted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_sent_twice_under_one_key_count_once() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let events = json!([flight(0, 5, "ORD"), flight(0, 20, "LAX"), flight(1, 0, "ORD")]);
    for _ in 0..2 {
        let sent = airline.post("/v1/events/Flight", &events).idempotency_key("first");
        assert_eq!(airline.outcome(&sent.await.accepted()).await, (3, 0));
    }
    // The second message of the same key may still be on its way; it must change nothing when it is through.
    assert_eq!(airline.ingest("Flight", &json!([flight(2, 0, "ORD")])).await, (1, 0));
    assert_eq!(flights_counted(&airline).await, (Some(4.0), 4));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_events_become_dead_letters_and_good_ones_of_the_same_batch_count() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let with = |name: &str, value: Value| {
        let mut event = flight(3, 1, "ORD");
        event[name] = value;
        event
    };
    let mut without_distance = flight(3, 1, "ORD");
    without_distance.as_object_mut().unwrap().remove("distance");
    let cases = [
        (with("delay", json!("late")), "delay"),
        (with("delay", json!(1.5)), "delay"),
        (with("delay", json!(9_223_372_036_854_775_808_u64)), "delay"),
        (with("delay", Value::Null), "delay"),
        (without_distance, "distance"),
        (with("gate", json!("B7")), "gate"),
        (with("on_time", json!(true)), "on_time"),
        (with("date", json!("1871-01-01T00:00:00Z")), "date"),
        (with("date", json!("2126-01-01T00:00:00Z")), "date"),
        (with("date", json!("yesterday")), "date"),
        (with("origin", json!(["ORD"])), "origin"),
        (json!([1]), ""),
        (json!("'; DROP TABLE core.clients; --"), ""),
    ];
    let mut events: Vec<Value> = cases.iter().map(|(event, _)| event.clone()).collect();
    events.insert(4, flight(4, 0, "JFK"));
    let queued = airline.post("/v1/events/Flight", &json!(events)).await.accepted();
    assert_eq!(airline.outcome(&queued).await, (1, 13));
    let letters = dead_letters(&airline, &queued["batch_id"]).await;
    assert_eq!(letters.len(), cases.len());
    for ((event, field), letter) in cases.iter().zip(&letters) {
        assert_eq!(letter["field"], *field, "{event}: {letter}");
        let original: Value = serde_json::from_str(letter["original"].text()).unwrap();
        assert_eq!(original, *event, "the original is kept");
    }
    assert_eq!(flights_counted(&airline).await, (Some(1.0), 1));
    product.stop().await;
}

/// NaN is not JSON, so that line falls and the others stand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_no_json_falls_alone() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let good = [flight(5, 0, "ORD"), flight(6, 0, "ORD")];
    let lines = format!("{}\n{{\"date\": NaN}}\n\nnot json\n{}\n", good[0], good[1]);
    let request = airline
        .request(reqwest::Method::POST, "/v1/events/Flight")
        .json_lines(lines);
    let queued = request.await.accepted();
    assert_eq!(queued["events"], 4);
    assert_eq!(airline.outcome(&queued).await, (2, 2));
    assert_eq!(flights_counted(&airline).await, (Some(2.0), 2));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_over_the_limits_are_refused_whole() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let long = json!([{ "date": "x".repeat(20_000) }]).to_string();
    let many = json!(vec![flight(0, 0, "ORD"); 1_001]).to_string();
    let huge = format!("[{}]", vec!["1"; 600_000].join(","));
    for (body, status, told) in [
        (long, 413, "event 0"),
        (many, 413, "1001"),
        (huge, 413, "bytes"),
        ("[".to_owned(), 400, "JSON"),
        ("[]".to_owned(), 422, "no events"),
        ("{}".to_owned(), 400, "list"),
    ] {
        let request = airline.request(reqwest::Method::POST, "/v1/events/Flight");
        let request = request.header("content-type", "application/json").body(body);
        let refused = request.await.refused(status);
        assert!(refused.detail().contains(told), "{refused}");
    }
    airline.post("/v1/events/flight", &json!([{}])).await.refused(404);
    assert_eq!(flights_counted(&airline).await, (Some(0.0), 0));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_an_unknown_entity_counts_once_it_is_defined_and_replayed() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let event = json!({ "time": "2026-03-28T10:00:00Z", "weight": 12.5 });
    assert_eq!(ours.ingest("Parcel", &json!([event])).await, (0, 1));
    let letters = ours.get("/v1/dead-letters?entity=Parcel").await.ok();
    let letter = &letters["dead_letters"][0];
    assert!(letter["reason"].text().contains("POST /v1/entities"), "{letter}");
    let parcel = json!({ "code": "Parcel", "domain": "post", "attributes": [{ "name": "weight", "type": "decimal" }] });
    ours.post("/v1/entities", &parcel).await.created();
    let kpi = json!({ "code": "WEIGHT", "name": "Weight", "formula": "SUM(Parcel.weight)" });
    ours.post("/v1/kpis", &kpi).await.created();
    let replay = format!("/v1/dead-letters/{}/replay", letter["id"].text());
    for _ in 0..2 {
        let queued = ours.post(&replay, &json!({})).await.accepted();
        assert_eq!(ours.outcome(&queued).await, (1, 0));
    }
    let another = json!([{ "time": "2026-03-28T10:00:01Z", "weight": "0.25" }]);
    assert_eq!(ours.ingest("Parcel", &another).await, (1, 0));
    let path = "/v1/kpis/WEIGHT/value?period=hour&at=2026-03-28T10:30:00Z";
    let value = ours.get(path).await.ok();
    assert_eq!(
        value["value"].as_f64(),
        Some(12.75),
        "replayed twice, counted once: {value}"
    );
    assert_eq!(value["facts"], 2, "{value}");
    product.stop().await;
}
