//! Dead letters: kept as they were sent, listed in pages, replayed.

use reqwest::Method;
use serde_json::{Value, json};
use tests::json::JsonExt as _;
use tests::product::Product;
use uuid::Uuid;

use crate::flights::{dead_letters, flight, flights_counted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_events_become_dead_letters_and_do_nothing_else() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let with = |origin: &str| flight(3, 0, "x").to_string().replace("\"x\"", origin);
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let cases = [
        (r#"{"a\u0000b": 1}"#.to_owned(), "not an attribute"),
        (with(r#""a\u0000b""#), "U+0000"),
        (with(r#""\ud800""#), "half a character"),
        (with("1e400"), ""),
        (with(&format!("\"{}\"", "x".repeat(600))), "512"),
        (deep, "not a list"),
        (format!("{{\"{}\": 1}}", "x".repeat(10_000)), "not an attribute"),
        ("null".to_owned(), "object"),
        (with("\"\""), "missing"),
        (
            flight(3, 0, "ORD")
                .to_string()
                .replace("\"2026-03-28T10:03:00Z\"", "9223372036854775807"),
            "range",
        ),
    ];
    let good = [
        with("\"'); DROP TABLE core.clients; --\""),
        with("\"\u{ffff}\u{7f}\u{202e}\""),
    ];
    let mut events: Vec<&str> = cases.iter().map(|(event, _)| event.as_str()).collect();
    events.splice(3..3, good.iter().map(String::as_str));
    let body = format!("[{}]", events.join(","));
    let request = airline.request(Method::POST, "/v1/events/Flight");
    let queued = request
        .header("content-type", "application/json")
        .body(body)
        .await
        .accepted();
    let rejected = i64::try_from(cases.len()).unwrap();
    assert_eq!(airline.outcome(&queued).await, (2, rejected));
    let letters = dead_letters(&airline, &queued["batch_id"]).await;
    assert_eq!(letters.len(), cases.len());
    for ((event, reason), letter) in cases.iter().zip(&letters) {
        assert_eq!(letter["original"], *event, "as it was sent");
        assert!(letter["reason"].text().contains(reason), "{letter}");
    }
    assert_eq!(flights_counted(&airline).await.1, 2);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_lines_are_kept_as_they_were_sent_and_are_not_replayed() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let lines = ["{\"date\": NaN}", "{oops", "\"text\"", "-Infinity"];
    let body = format!("{}\n{}\n", lines.join("\n"), flight(4, 0, "ORD"));
    let request = airline.request(Method::POST, "/v1/events/Flight").json_lines(body);
    let queued = request.await.accepted();
    assert_eq!(airline.outcome(&queued).await, (1, 4));
    let letters = dead_letters(&airline, &queued["batch_id"]).await;
    let originals: Vec<&str> = letters.iter().map(|letter| letter["original"].text()).collect();
    assert_eq!(originals, lines);
    assert!(letters[0]["reason"].text().contains("not JSON"), "{}", letters[0]);
    // What is no event can't be replayed.
    let replay = format!("/v1/dead-letters/{}/replay", letters[0]["id"].text());
    airline.post(&replay, &json!({})).await.refused(422);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_come_in_pages_newest_first() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let events: Vec<Value> = (0..7).map(|number| json!({ "number": number })).collect();
    assert_eq!(ours.ingest("Page", &json!(events)).await, (0, 7));
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let path = format!("/v1/dead-letters?entity=Page&limit=3{cursor}");
        let page = ours.get(&path).await.ok();
        let letters = page["dead_letters"].list();
        assert!(letters.len() <= 3);
        seen.extend(letters.iter().map(|letter| letter["position"].integer()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 1, 0]);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_can_not_be_is_refused() {
    let product = Product::shared().await;
    let ours = product.client().await;
    assert_eq!(ours.ingest("Page", &json!([{}])).await, (0, 1));
    for (query, status) in [
        ("limit=0", 400),
        ("limit=1001", 400),
        ("limit=many", 400),
        ("cursor=now", 400),
        ("before=01933b5c-6f3a-7d3a-8d4e-0123456789ab", 400),
        ("enitty=Page", 400),
        ("entity='%20OR%20true%20--", 200),
        ("entity=%00", 400),
    ] {
        let answer = ours.get(&format!("/v1/dead-letters?{query}")).await.expect(status);
        assert!(status != 200 || answer["dead_letters"] == json!([]), "{answer}");
    }
    for id in ["x", &Uuid::now_v7().to_string()] {
        let replay = format!("/v1/dead-letters/{id}/replay");
        ours.post(&replay, &json!({})).await.refused(404);
        ours.get(&format!("/v1/batches/{id}")).await.refused(404);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_before_its_entity_is_defined_is_a_dead_letter_again() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let replayed = async |letter: &Value| {
        let path = format!("/v1/dead-letters/{}/replay", letter["id"].text());
        let queued = ours.post(&path, &json!({})).await.accepted();
        let outcome = ours.outcome(&queued).await;
        (queued["batch_id"].clone(), outcome)
    };
    let events = json!([{ "time": "2026-03-28T10:00:00Z", "weight": 2 }]);
    let queued = ours.post("/v1/events/Crate", &events).await.accepted();
    assert_eq!(ours.outcome(&queued).await, (0, 1));
    let first = dead_letters(&ours, &queued["batch_id"]).await.remove(0);
    assert_eq!(first["replayed_at"], Value::Null);
    let (batch, outcome) = replayed(&first).await;
    assert_eq!(outcome, (0, 1), "there is still no such entity");
    let second = dead_letters(&ours, &batch).await.remove(0);
    assert_eq!(second["original"], first["original"]);
    let path = format!("/v1/dead-letters/{}/replay", first["id"].text());
    let again = ours.post(&path, &json!({})).await.refused(409);
    assert!(again["hint"].text().contains(second["id"].text()), "{again}");
    let report = ours.get(&format!("/v1/batches/{}", batch.text())).await.ok();
    assert_eq!(report["source"], "replay");

    let entity = json!({ "code": "Crate", "domain": "post", "attributes": [{ "name": "weight", "type": "decimal" }] });
    ours.post("/v1/entities", &entity).await.created();
    let kpi = json!({ "code": "CRATES", "name": "Crates", "formula": "COUNT(Crate)" });
    ours.post("/v1/kpis", &kpi).await.created();
    for _ in 0..2 {
        let (batch, outcome) = replayed(&second).await;
        assert_eq!(outcome, (1, 0));
        let letter = dead_letters(&ours, &second["batch_id"]).await.remove(0);
        assert_eq!(letter["replay_batch_id"], batch, "{letter}");
        assert!(letter["replayed_at"].is_string(), "{letter}");
    }
    let path = "/v1/kpis/CRATES/value?period=day&at=2026-03-28T10:00:00Z";
    let value = ours.get(path).await.ok();
    assert_eq!(value["value"], 1.0, "once, whichever letter is replayed how often");
    product.stop().await;
}
