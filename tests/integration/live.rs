//! The live protocol, by clients of two kinds: one in Rust, and Python's `websockets`.

use std::time::Duration;

use registry::counts::MAX_CONNECTIONS_PER_USER;
use serde_json::{Value, json};
use tests::dashboard::{self, Dashboard};
use tests::json::JsonExt as _;
use tests::processes;
use tests::product::Product;
use tests::waiting::eventually;

use crate::flights::flight_now;

fn subscribe(topics: &Value) -> Value {
    json!({ "action": "subscribe", "topics": topics })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_message_gets_an_error_and_the_connection_lives() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let mut dashboard = Dashboard::connect(&product, &airline).await;
    let topic = |kpi: &str| json!({ "kpi": kpi, "period": "minute" });
    let by_gate = json!({ "kpi": "FLIGHTS", "period": "minute", "filter": { "gate": "B7" } });
    let by_fortnight = json!({ "kpi": "FLIGHTS", "period": "fortnight" });
    let many: Vec<Value> = vec![topic("FLIGHTS"); 201];
    for (message, told) in [
        (subscribe(&json!([topic("FLIGHTZ")])), "FLIGHTZ"),
        (subscribe(&json!([by_gate])), "gate"),
        (subscribe(&json!([by_fortnight])), "fortnight"),
        (subscribe(&json!(many)), "200"),
        (json!({ "action": "dance" }), "dance"),
        (json!([1, 2]), ""),
    ] {
        dashboard.send(&message).await;
        let error = dashboard.next("error").await;
        assert!(error["detail"].text().contains(told), "{error}");
    }
    dashboard.send_text("{not json").await;
    dashboard.next("error").await;
    dashboard.send(&json!({ "action": "ping", "id": "p" })).await;
    assert_eq!(dashboard.next("pong").await["id"], "p");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_begins_with_a_snapshot_and_goes_on_with_what_changes() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let mut dashboard = Dashboard::connect(&product, &airline).await;
    // A hundred topics in one message.
    let mut topics = vec![
        json!({ "kpi": "FLIGHTS", "period": "day" }),
        json!({ "kpi": "FLIGHTS", "period": "day", "mode": "closed" }),
    ];
    topics.extend((0..98).map(
        |number| json!({ "kpi": "ON_TIME_RATE", "period": "hour", "filter": { "origin": format!("A{number:02}") } }),
    ));
    let mut message = subscribe(&json!(topics));
    message["id"] = "s".into();
    dashboard.send(&message).await;
    let subscribed = dashboard.next("subscribed").await;
    assert_eq!(subscribed["id"], "s");
    assert_eq!(subscribed["topics"].list().len(), 100, "{subscribed}");
    assert_eq!(subscribed["resumed"], false);

    let events = json!([flight_now("A05"), flight_now("B00")]);
    assert_eq!(airline.ingest("Flight", &events).await, (2, 0));
    let (frame, row) = dashboard.row_with_facts(1, 2).await;
    let value = airline.get("/v1/kpis/FLIGHTS/value?period=day").await.ok();
    assert_eq!(row[2].as_f64(), value["value"].as_f64(), "one KPI, one number");
    let rows = frame["rows"].list();
    let closed_is_silent = rows.iter().all(|row| row[0] != 2);
    assert!(
        closed_is_silent,
        "a closed topic says nothing about the open bucket: {frame}"
    );
    let filtered = rows.iter().filter(|row| row[0].as_u64() > Some(2)).count();
    assert_eq!(filtered, 1, "only what changed is sent: {frame}");
    let beat = dashboard.next("beat").await;
    assert!(beat["watermark"]["Flight"].is_string(), "{beat}");
    let unsubscribe = json!({ "action": "unsubscribe", "id": "u", "channels": [2, 3] });
    dashboard.send(&unsubscribe).await;
    assert_eq!(dashboard.next("unsubscribed").await["channels"], json!([2, 3]));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resuming_fills_the_gap_or_says_that_it_does_not() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let topics = json!([{ "kpi": "FLIGHTS", "period": "day" }]);
    let mut dashboard = Dashboard::connect(&product, &airline).await;
    dashboard.send(&subscribe(&topics)).await;
    dashboard.next("subscribed").await;
    let flights = [flight_now("A05"), flight_now("B00")];
    assert_eq!(airline.ingest("Flight", &json!(flights)).await, (2, 0));
    dashboard.row_with_facts(1, 2).await;
    let beat = dashboard.next("beat").await;
    let (epoch, seq) = (beat["epoch"].as_u64().unwrap(), beat["seq"].as_u64().unwrap());
    drop(dashboard);
    assert_eq!(airline.ingest("Flight", &json!([flight_now("ORD")])).await, (1, 0));
    for (epoch, resumed) in [(epoch, true), (epoch + 1_000, false)] {
        let mut dashboard = Dashboard::connect(&product, &airline).await;
        let mut message = subscribe(&topics);
        message["resume"] = json!({ "epoch": epoch, "seq": seq });
        dashboard.send(&message).await;
        let subscribed = dashboard.next("subscribed").await;
        assert_eq!(subscribed["resumed"], resumed, "{subscribed}");
        assert_eq!(subscribed["rows"][0][3], 3, "what was missed is there: {subscribed}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_counted_paused_and_started_again() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let mut dashboard = Dashboard::connect_to(&product, &airline, "kpi=LONGEST_DELAY&period=hour").await;
    dashboard.next("subscribed").await;
    let subscribers = async || {
        let streams = airline.get("/v1/streams").await.ok();
        let mut streams = streams["streams"].list().iter();
        let found = streams.find(|stream| stream["kpi"] == "LONGEST_DELAY");
        found.map(|stream| (stream["subscribers"].integer(), stream["control"].clone()))
    };
    assert_eq!(subscribers().await, Some((1, Value::Null)));
    let topic = json!({ "kpi": "LONGEST_DELAY", "period": "hour" });
    airline.post("/v1/streams/stop", &topic).await.ok();
    assert_eq!(subscribers().await, Some((1, "paused".into())));
    let paused = json!([{ "channel": 1, "why": "paused" }]);
    assert_eq!(dashboard.silent_channels().await, paused, "a pause is told");
    airline.post("/v1/streams/start", &topic).await.ok();
    assert_eq!(subscribers().await, Some((1, Value::Null)), "it is as it was");
    let started = json!([{ "channel": 1, "why": null }]);
    assert_eq!(dashboard.silent_channels().await, started);
    for (order, control) in [("start", "pinned".into()), ("clear", Value::Null)] {
        airline.post(&format!("/v1/streams/{order}"), &topic).await.ok();
        assert_eq!(subscribers().await, Some((1, control)), "{order}");
    }
    let mut late = flight_now("ORD");
    late["delay"] = 999.into();
    assert_eq!(airline.ingest("Flight", &json!([late])).await, (1, 0));
    while dashboard.next("update").await["rows"][0][2].as_f64() != Some(999.0) {}
    drop(dashboard);
    eventually("a connection that is gone is no longer counted", async || {
        subscribers().await.is_none_or(|(count, _)| count == 0).then_some(())
    })
    .await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binary_or_oversized_message_closes_the_connection() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let mut dashboard = Dashboard::connect(&product, &airline).await;
    dashboard.send_bytes(&[1, 2, 3]).await;
    assert_eq!(dashboard.close_code().await, 1003);
    let mut dashboard = Dashboard::connect(&product, &airline).await;
    dashboard.send_text(&"x".repeat(140 * 1024)).await;
    assert_eq!(dashboard.close_code().await, 1009);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_does_not_connect_and_another_client_sees_nothing() {
    let product = Product::shared().await;
    let (airline, other) = (product.airline().await, product.client().await);
    for token in ["nonsense", &airline.refresh_token] {
        let stranger = airline.with_token(token);
        assert_eq!(Dashboard::status(&product, &stranger).await, 401);
    }
    let mut dashboard = Dashboard::connect(&product, &other).await;
    let topic = json!([{ "kpi": "FLIGHTS", "period": "day" }]);
    dashboard.send(&subscribe(&topic)).await;
    let error = dashboard.next("error").await;
    assert!(
        error["detail"].text().contains("FLIGHTS"),
        "another client's KPI is unknown: {error}"
    );
    product.stop().await;
}

const PYTHON: &str = r#"
import asyncio, json, sys, websockets

async def main():
    async with websockets.connect(sys.argv[1]) as live:
        print("connected", flush=True)
        while True:
            frame = json.loads(await live.recv())
            print(frame["type"], flush=True)
            if frame["type"] == "update" and any(row[3] == 1 for row in frame["rows"]):
                return

asyncio.run(asyncio.wait_for(main(), 20))
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_not_written_here_sees_live_values() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let url = format!("{}&kpi=FLIGHTS&period=minute", dashboard::address(&product, &airline));
    let client = tokio::process::Command::new(tests::required("TEST_PYTHON"))
        .args(["-c", PYTHON, &url])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(airline.ingest("Flight", &json!([flight_now("ORD")])).await, (1, 0));
    let output = client.wait_with_output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}");
    let in_order = printed.starts_with("connected\nsubscribed\n") && printed.ends_with("update\n");
    assert!(in_order, "{printed}");
    product.stop().await;
}

/// How long it takes until a publisher has called somebody who stands by.
const CALLED: Duration = Duration::from_secs(5);

/// A publisher works for many clients: a product of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_costs_no_frame_and_no_epoch() {
    let product = Product::start().await;
    let airline = product.airline().await;
    let mut dashboard = Dashboard::connect_to(&product, &airline, "kpi=FLIGHTS&period=day").await;
    let subscribed = dashboard.next("subscribed").await;
    let before = processes::publishers(&product).await.unwrap();
    let order = json!({ "shard": registry::shard_of(airline.client), "hand_over": true });
    product.invoke("push-updates", &order).await;
    let mut last = subscribed["seq"].clone();
    for number in 1..=12 {
        assert_eq!(airline.ingest("Flight", &json!([flight_now("ORD")])).await, (1, 0));
        loop {
            let frame = dashboard.next_of(&["update", "beat", "resync"]).await;
            assert_ne!(frame["type"], "resync", "{frame}");
            assert_eq!(frame["epoch"], subscribed["epoch"], "{frame}");
            assert!(frame["prev"].as_u64() <= last.as_u64(), "a hole after {last}: {frame}");
            last = frame["seq"].clone();
            if frame["rows"][0][3] == number {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let after = processes::publishers(&product).await.unwrap();
    assert!(
        before.len() == 1 && after.len() == 1 && before != after,
        "{before:?} handed over to {after:?}"
    );
    product.stop().await;
}

/// Facts that come while nobody publishes are in the new snapshot, and nothing of an earlier epoch comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_is_killed_is_followed_by_another() {
    let product = Product::start().await;
    let airline = product.airline().await;
    let mut dashboard = Dashboard::connect_to(&product, &airline, "kpi=FLIGHTS&period=day").await;
    let mut epoch = dashboard.next("subscribed").await["epoch"].as_u64().unwrap();
    let mut facts = 0;
    for _ in 0..2 {
        tokio::time::sleep(CALLED).await;
        assert_eq!(processes::kill_publisher(&product).await.unwrap(), 1);
        let killed = std::time::Instant::now();
        facts += 1;
        assert_eq!(airline.ingest("Flight", &json!([flight_now("ORD")])).await, (1, 0));
        let snapshot = loop {
            // Frames that were on their way when it was killed are the earlier epoch's.
            let frame = dashboard.next_of(&["resync", "subscribed", "update", "beat"]).await;
            if frame["epoch"].as_u64() != Some(epoch) {
                break frame;
            }
        };
        eprintln!("taken over {:?} after the kill", killed.elapsed());
        assert!(
            ["resync", "subscribed"].iter().any(|kind| snapshot["type"] == *kind),
            "{snapshot}"
        );
        assert!(snapshot["epoch"].as_u64() > Some(epoch), "{snapshot}");
        epoch = snapshot["epoch"].as_u64().unwrap();
        let mut frame = snapshot;
        while frame["rows"][0][3] != facts {
            frame = dashboard.next_of(&["resync", "subscribed", "update", "beat"]).await;
            assert_eq!(frame["epoch"], epoch, "of one publisher alone: {frame}");
        }
    }
    product.stop().await;
}

/// The message that called who stands by comes again, so that nobody waits for the schedule's next minute. Three times, because that minute may begin by chance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_who_stands_by_is_killed_too_others_are_called_within_seconds() {
    const AT_MOST: Duration = Duration::from_secs(15);
    let product = Product::start().await;
    let airline = product.airline().await;
    let mut dashboard = Dashboard::connect_to(&product, &airline, "kpi=FLIGHTS&period=day").await;
    dashboard.next("subscribed").await;
    for facts in 1..=3 {
        tokio::time::sleep(CALLED).await;
        assert!(
            processes::kill_function("push-updates").unwrap() >= 2,
            "one publishes and one stands by"
        );
        let killed = std::time::Instant::now();
        assert_eq!(airline.ingest("Flight", &json!([flight_now("ORD")])).await, (1, 0));
        while dashboard.next_of(&["resync", "subscribed", "update", "beat"]).await["rows"][0][3] != facts {}
        eprintln!("published again {:?} after both were killed", killed.elapsed());
        assert!(killed.elapsed() < AT_MOST, "after {:?}", killed.elapsed());
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_so_many_connections_and_a_colleague_others() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let colleague = product.colleague(&airline, "viewer").await;
    let mut dashboards = Vec::new();
    for _ in 0..MAX_CONNECTIONS_PER_USER {
        dashboards.push(Dashboard::connect(&product, &airline).await);
    }
    assert_eq!(Dashboard::status(&product, &airline).await, 429);
    assert_eq!(Dashboard::status(&product, &colleague).await, 101);
    dashboards.pop();
    eventually("one that was closed makes room for another", async || {
        (Dashboard::status(&product, &airline).await == 101).then_some(())
    })
    .await;
    product.stop().await;
}
