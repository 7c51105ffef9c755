//! The live protocol, by clients of two kinds: one in Rust, and Python's `websockets`.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tests::product::{Account, Product};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

struct Dashboard(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Dashboard {
    async fn connect(product: &Product, account: &Account, query: &str) -> Self {
        let url = format!(
            "{}?token={}{query}",
            product.cloud.access.endpoints.websocket, account.token
        );
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next frame of a type; others are passed over.
    async fn next(&mut self, kind: &str) -> Value {
        self.next_of(&[kind]).await
    }

    async fn next_of(&mut self, kinds: &[&str]) -> Value {
        let wait = async {
            loop {
                let message = self.0.next().await.expect("the connection lives").unwrap();
                if let Message::Text(text) = message {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if kinds.iter().any(|kind| frame["type"] == *kind) {
                        return frame;
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(15), wait)
            .await
            .unwrap_or_else(|_| panic!("no {kinds:?} within 15 s"))
    }

    /// What the next update that speaks of silent channels says.
    async fn silent(&mut self) -> Value {
        loop {
            let frame = self.next("update").await;
            if !frame["silent"].is_null() {
                return frame["silent"].clone();
            }
        }
    }

    /// Waits for a row of a channel with a number of facts.
    async fn row(&mut self, channel: u64, facts: i64) -> (Value, Value) {
        loop {
            let frame = self.next("update").await;
            let found = frame["rows"]
                .as_array()
                .unwrap()
                .iter()
                .find(|row| row[0] == channel && row[3] == facts)
                .cloned();
            if let Some(row) = found {
                return (frame, row);
            }
        }
    }

    /// The close code.
    async fn closed(&mut self) -> u16 {
        let wait = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(close)))) => return close.code.into(),
                    Some(Ok(_)) => {}
                    other => panic!("closed without a code: {other:?}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .expect("it is closed")
    }
}

fn now_flight(origin: &str) -> Value {
    json!({ "date": platform::clock::now().to_string(), "delay": 1, "distance": 10, "origin": origin, "destination": "LGA" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboard_sees_what_happens() {
    let product = Product::start().await.unwrap();
    let ours = &product.ours;
    let mut dashboard = Dashboard::connect(&product, ours, "").await;
    bad_messages_get_an_error_and_the_connection_lives(&mut dashboard).await;
    let (epoch, seq) = snapshot_then_updates(&mut dashboard, ours).await;
    drop(dashboard);
    resume_fills_the_gap_or_says_so(&product, epoch, seq).await;
    streams_are_counted_paused_and_pruned(&product).await;
    oversized_and_binary_messages_close(&product).await;
    strangers_are_turned_away(&product).await;
    product.stop().await.unwrap();
}

async fn bad_messages_get_an_error_and_the_connection_lives(dashboard: &mut Dashboard) {
    let topic = |kpi: &str| json!({ "kpi": kpi, "period": "minute" });
    let many: Vec<Value> = vec![topic("FLIGHTS"); 201];
    let cases = [
        (
            json!({ "action": "subscribe", "topics": [topic("FLIGHTZ")] }),
            "FLIGHTZ",
        ),
        (
            json!({ "action": "subscribe", "topics": [{ "kpi": "FLIGHTS", "period": "minute", "filter": { "gate": "B7" } }] }),
            "gate",
        ),
        (
            json!({ "action": "subscribe", "topics": [{ "kpi": "FLIGHTS", "period": "week" }] }),
            "week",
        ),
        (json!({ "action": "subscribe", "topics": many }), "200"),
        (json!({ "action": "dance" }), "dance"),
        (json!([1, 2]), ""),
    ];
    for (message, told) in cases {
        dashboard.send(&message).await;
        let error = dashboard.next("error").await;
        assert!(error["detail"].as_str().unwrap().contains(told), "{error}");
    }
    dashboard.0.send(Message::text("{not json")).await.unwrap();
    dashboard.next("error").await;
    dashboard.send(&json!({ "action": "ping", "id": "p" })).await;
    assert_eq!(dashboard.next("pong").await["id"], "p");
}

async fn snapshot_then_updates(dashboard: &mut Dashboard, ours: &Account) -> (u64, u64) {
    // A hundred topics in one message.
    let mut topics = vec![
        json!({ "kpi": "FLIGHTS", "period": "day" }),
        json!({ "kpi": "FLIGHTS", "period": "day", "mode": "closed" }),
    ];
    topics.extend((0..98).map(
        |number| json!({ "kpi": "ON_TIME_RATE", "period": "hour", "filter": { "origin": format!("A{number:02}") } }),
    ));
    dashboard
        .send(&json!({ "action": "subscribe", "id": "s", "topics": topics }))
        .await;
    let subscribed = dashboard.next("subscribed").await;
    assert_eq!(
        (
            subscribed["id"].as_str(),
            subscribed["topics"].as_array().unwrap().len()
        ),
        (Some("s"), 100),
        "{subscribed}"
    );
    assert_eq!(subscribed["resumed"], false);
    ours.ingest("Flight", &json!([now_flight("A05"), now_flight("B00")]))
        .await
        .unwrap();
    let (frame, row) = dashboard.row(1, 2).await;
    let value = ours.get("/v1/kpis/FLIGHTS/value?period=day").await.unwrap().body;
    assert_eq!(row[2].as_f64(), value["value"].as_f64(), "one KPI, one number");
    assert!(
        frame["rows"].as_array().unwrap().iter().all(|row| row[0] != 2),
        "a closed topic is silent about the open bucket: {frame}"
    );
    let filtered = frame["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row[0].as_u64() > Some(2))
        .count();
    assert_eq!(filtered, 1, "only what changed is sent: {frame}");
    let beat = dashboard.next("beat").await;
    assert!(beat["watermark"]["Flight"].is_string(), "{beat}");
    dashboard
        .send(&json!({ "action": "unsubscribe", "id": "u", "channels": [2, 3] }))
        .await;
    assert_eq!(dashboard.next("unsubscribed").await["channels"], json!([2, 3]));
    (beat["epoch"].as_u64().unwrap(), beat["seq"].as_u64().unwrap())
}

async fn resume_fills_the_gap_or_says_so(product: &Product, epoch: u64, seq: u64) {
    product
        .ours
        .ingest("Flight", &json!([now_flight("ORD")]))
        .await
        .unwrap();
    for (epoch, resumed) in [(epoch, true), (epoch + 1_000, false)] {
        let mut dashboard = Dashboard::connect(product, &product.ours, "").await;
        let topics = json!([{ "kpi": "FLIGHTS", "period": "day" }]);
        dashboard
            .send(&json!({ "action": "subscribe", "topics": topics, "resume": { "epoch": epoch, "seq": seq } }))
            .await;
        let subscribed = dashboard.next("subscribed").await;
        assert_eq!(subscribed["resumed"], resumed, "{subscribed}");
        assert_eq!(subscribed["rows"][0][3], 3, "what was missed is there: {subscribed}");
    }
}

async fn streams_are_counted_paused_and_pruned(product: &Product) {
    let ours = &product.ours;
    let mut dashboard = Dashboard::connect(product, ours, "&kpi=LONGEST_DELAY&period=hour").await;
    dashboard.next("subscribed").await;
    let subscribers = async || {
        let streams = ours.get("/v1/streams").await.unwrap().expect(200).unwrap().body;
        let found = streams["streams"]
            .as_array()
            .unwrap()
            .iter()
            .find(|stream| stream["kpi"] == "LONGEST_DELAY")
            .cloned();
        found.map(|stream| (stream["subscribers"].as_u64().unwrap(), stream["control"].clone()))
    };
    assert_eq!(subscribers().await, Some((1, Value::Null)));
    let topic = json!({ "kpi": "LONGEST_DELAY", "period": "hour" });
    ours.post("/v1/streams/stop", &topic)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(subscribers().await, Some((1, "paused".into())));
    let silent = dashboard.silent().await;
    assert_eq!(silent, json!([{ "channel": 1, "why": "paused" }]), "a pause is told");
    ours.post("/v1/streams/start", &topic)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(
        subscribers().await,
        Some((1, Value::Null)),
        "started again, it is as it was"
    );
    assert_eq!(dashboard.silent().await, json!([{ "channel": 1, "why": null }]));
    for (order, control) in [("start", "pinned".into()), ("clear", Value::Null)] {
        ours.post(&format!("/v1/streams/{order}"), &topic)
            .await
            .unwrap()
            .expect(200)
            .unwrap();
        assert_eq!(subscribers().await, Some((1, control)), "{order}");
    }
    let mut late = now_flight("ORD");
    late["delay"] = 999.into();
    ours.ingest("Flight", &json!([late])).await.unwrap();
    loop {
        let update = dashboard.next("update").await;
        if update["rows"][0][2].as_f64() == Some(999.0) {
            break;
        }
    }
    drop(dashboard);
    for _ in 0..100 {
        if subscribers().await.is_none_or(|(count, _)| count == 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("a connection that is gone is still counted");
}

async fn oversized_and_binary_messages_close(product: &Product) {
    let mut dashboard = Dashboard::connect(product, &product.ours, "").await;
    dashboard.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(dashboard.closed().await, 1003);
    let mut dashboard = Dashboard::connect(product, &product.ours, "").await;
    dashboard.0.send(Message::text("x".repeat(140 * 1024))).await.unwrap();
    assert_eq!(dashboard.closed().await, 1009);
}

async fn strangers_are_turned_away(product: &Product) {
    for (token, status) in [("nonsense", 401), (product.ours.refresh_token.as_str(), 401)] {
        let url = format!("{}?token={token}", product.cloud.access.endpoints.websocket);
        let refused = tokio_tungstenite::connect_async(url).await.unwrap_err();
        let tungstenite::Error::Http(response) = refused else {
            panic!("{refused}")
        };
        assert_eq!(response.status().as_u16(), status);
    }
    let mut theirs = Dashboard::connect(product, &product.theirs, "").await;
    theirs
        .send(&json!({ "action": "subscribe", "topics": [{ "kpi": "FLIGHTS", "period": "day" }] }))
        .await;
    assert!(
        theirs.next("error").await["detail"]
            .as_str()
            .unwrap()
            .contains("FLIGHTS"),
        "another client's KPI is unknown"
    );
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
    let product = Product::start().await.unwrap();
    let url = format!(
        "{}?token={}&kpi=FLIGHTS&period=minute",
        product.cloud.access.endpoints.websocket, product.ours.token
    );
    let client = tokio::process::Command::new(tests::required("TEST_PYTHON"))
        .args(["-c", PYTHON, &url])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    product
        .ours
        .ingest("Flight", &json!([now_flight("ORD")]))
        .await
        .unwrap();
    let output = client.wait_with_output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}");
    assert!(
        printed.starts_with("connected\nsubscribed\n") && printed.ends_with("update\n"),
        "{printed}"
    );
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_costs_no_frame_and_no_epoch() {
    let product = Product::start().await.unwrap();
    let mut dashboard = Dashboard::connect(&product, &product.ours, "&kpi=FLIGHTS&period=day").await;
    let subscribed = dashboard.next("subscribed").await;
    // A publisher hands over once it has worked for 20 s and another waits.
    let event = json!({ "shard": 0 });
    let successor = product.cloud.invoke("push-updates", &event);
    let watch = async {
        let mut last = subscribed["seq"].clone();
        for number in 1..=30 {
            product
                .ours
                .ingest("Flight", &json!([now_flight("ORD")]))
                .await
                .unwrap();
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
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    // The successor works on after the test is done: it is the watching that ends it.
    tokio::select! {
        () = watch => {}
        report = successor => { report.unwrap(); panic!("the successor ended before the watching") }
    }
    product.stop().await.unwrap();
}
