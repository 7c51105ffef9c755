//! Numbers to the last digit: from events and files of every format, over every route.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;
use reqwest::Method;
use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

use crate::flights::dead_letters;

/// A client with an entity of one decimal and one integer, and KPIs of them.
async fn client(product: &Product) -> User {
    let client = product.client().await;
    let entity = json!({
        "code": "M", "domain": "lab", "time": "at",
        "attributes": [{ "name": "d", "type": "decimal" }, { "name": "i", "type": "integer" },
            { "name": "third", "type": "decimal", "formula": "d / 3" }]
    });
    client.post("/v1/entities", &entity).await.created();
    for (code, formula) in [
        ("SUM", "SUM(M.d)"),
        ("WHOLE", "SUM(M.i)"),
        ("EACH", "SUM(M.d) / SUM(M.i)"),
        ("LAST", "LAST(M.d)"),
        ("THIRD", "LAST(M.third)"),
    ] {
        let kpi = json!({ "code": code, "name": code, "formula": formula });
        client.post("/v1/kpis", &kpi).await.created();
    }
    client
}

/// The text of a KPI's value in an answer: what a program reads before it makes a number of it.
async fn written(client: &User, code: &str, hour: u32, more: &str) -> Value {
    let path = format!("/v1/kpis/{code}/value?period=hour&at=2026-03-28T{hour:02}:30:00Z{more}");
    client.get(&path).await.ok()["value"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_digit_is_lost_between_an_event_and_an_answer() {
    let product = Product::shared().await;
    let client = client(&product).await;
    let nines = "9".repeat(28);
    let zeros = format!("1.5{}", "0".repeat(38));
    // Each in an hour of its own: the number as JSON writes it, and what is answered of its sum.
    let cases = [
        ("9007199254740993", json!("9007199254740993")),
        ("9007199254740994", json!(9_007_199_254_740_994_i64)),
        ("0.1234567", json!(0.123_456_7)),
        ("0.30000000000000004", json!(0.300_000_000_000_000_04)),
        ("0.00000000000000000009", json!(9e-20)),
        (&zeros, json!(1.5)),
        (&nines, json!(&nines)),
        (
            "-1234567890123456.789012345678",
            json!("-1234567890123456.789012345678"),
        ),
        ("1e-40", json!(0)),
    ];
    let events: Vec<String> = (0..)
        .zip(&cases)
        .map(|(hour, (digits, _))| format!(r#"{{"at":"2026-03-28T{hour:02}:00:00Z","d":{digits}}}"#))
        .collect();
    let queued = client
        .request(Method::POST, "/v1/events/M")
        .body(format!("[{}]", events.join(",")));
    let all = i64::try_from(cases.len()).unwrap();
    assert_eq!(client.outcome(&queued.await.accepted()).await, (all, 0));
    for (hour, (digits, expected)) in (0..).zip(&cases) {
        assert_eq!(&written(&client, "SUM", hour, "").await, expected, "{digits}");
        let text = written(&client, "SUM", hour, "&numbers=text").await;
        assert!(text.is_string(), "{digits} as text: {text}");
        let shortest = expected.as_str().map_or_else(|| expected.to_string(), str::to_owned);
        assert_eq!(
            text.text().parse::<f64>().unwrap().to_string(),
            shortest.parse::<f64>().unwrap().to_string()
        );
    }
    // All of them together, exactly, by day and in a series, of either form.
    let day = "/v1/kpis/SUM/series?period=day&from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";
    let total = "10000000000016779830619358531.13444435432200004009";
    assert_eq!(client.get(day).await.ok()["points"][0]["value"], total);
    let value = client
        .get("/v1/kpis/SUM/value?period=day&at=2026-03-28T12:00:00Z")
        .await
        .ok();
    assert_eq!(value["value"], total, "one KPI, one number");
    client.get(&format!("{day}&numbers=float")).await.refused(400);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_quotients_keep_their_digits_and_endless_ones_have_15() {
    let product = Product::shared().await;
    let client = client(&product).await;
    let cases = [
        ("0.09", 1_000_000_000_i64, json!(9e-11)),
        ("0.023", 1_000_000_000_000, json!(2.3e-14)),
        ("1", 3, json!(0.333_333_333_333_333)),
        ("27021597764222979", 3, json!("9007199254740993")),
        ("1", 0, Value::Null),
    ];
    let events: Vec<Value> = (0..)
        .zip(&cases)
        .map(|(hour, (d, i, _))| json!({ "at": format!("2026-03-28T{hour:02}:00:00Z"), "d": d, "i": i }))
        .collect();
    assert_eq!(client.ingest("M", &json!(events)).await, (5, 0));
    for (hour, (d, i, expected)) in (0..).zip(&cases) {
        assert_eq!(&written(&client, "EACH", hour, "").await, expected, "{d} / {i}");
    }
    assert_eq!(
        written(&client, "THIRD", 2, "").await,
        json!("0.3333333333333333333333333333")
    );
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_digits_than_a_fact_holds_are_a_dead_letter_that_says_so_and_repeats_them() {
    let product = Product::shared().await;
    let client = client(&product).await;
    let cases = [
        ("d", "12345678901234567890123456789", "more than 28 significant digits"),
        (
            "d",
            "0.00000000000000000000000000001",
            "more than 28 digits after the point",
        ),
        ("d", "1e28", "more than 28 digits before the point"),
        ("i", "9223372036854775808", "64 bits"),
    ];
    let events = cases.map(|(name, digits, _)| format!(r#"{{"at":"2026-03-28T10:00:00Z","{name}":{digits}}}"#));
    let queued = client
        .request(Method::POST, "/v1/events/M")
        .body(format!("[{}]", events.join(",")));
    let queued = queued.await.accepted();
    assert_eq!(client.outcome(&queued).await, (0, 4));
    let letters = dead_letters(&client, &queued["batch_id"]).await;
    for ((letter, event), (name, _, reason)) in letters.iter().zip(&events).zip(cases) {
        assert_eq!(letter["field"], name);
        assert!(letter["reason"].text().contains(reason), "{letter}");
        assert_eq!(letter["original"], event.as_str(), "as it was sent, as a text");
    }
    product.stop().await;
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Hours of 2026-03-28 as Parquet has times.
fn hours(of: std::ops::Range<i64>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from_iter_values(
        of.map(|hour| 1_774_656_000_000 + hour * 3_600_000),
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_every_format_keep_their_digits() {
    let product = Product::shared().await;
    let client = client(&product).await;
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.1 + 0.2, 1e-300, 9_007_199_254_740_994.0]));
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![9_007_199_254_740_993, i64::MAX, i64::MIN]));
    let floats = parquet(vec![("at", hours(0..3)), ("d", floats), ("i", whole)]);
    let decimals = Decimal128Array::from(vec![1_234_567_890_123_456_789_012_345_678, 5]);
    let decimals: ArrayRef = Arc::new(decimals.with_precision_and_scale(38, 18).unwrap());
    let decimals = parquet(vec![("at", hours(3..5)), ("d", decimals)]);
    let csv =
        b"at,d,i\n2026-03-28T05:00:00Z,0.30000000000000004,9007199254740993\n2026-03-28T06:00:00Z,1e-7,1e3\n".to_vec();
    let lines = b"{\"at\":\"2026-03-28T07:00:00Z\",\"d\":9007199254740993}\n".to_vec();
    let files = [
        ("M/a.parquet", floats),
        ("M/b.parquet", decimals),
        ("M/c.csv", csv),
        ("M/d.ndjson", lines),
    ];
    for (name, bytes) in files {
        product.drop_file(&client, name, bytes).await;
    }
    eventually("the files are loaded", async || {
        let answer = client
            .get("/v1/kpis/SUM/value?period=day&at=2026-03-28T12:00:00Z")
            .await
            .ok();
        (answer["facts"] == 8).then_some(())
    })
    .await;
    let expected = [
        ("LAST", 0, json!(0.300_000_000_000_000_04)),
        ("LAST", 1, json!(0)),
        ("LAST", 2, json!(9_007_199_254_740_994_i64)),
        ("WHOLE", 0, json!("9007199254740993")),
        ("WHOLE", 1, json!(i64::MAX.to_string())),
        ("WHOLE", 2, json!(i64::MIN.to_string())),
        ("LAST", 3, json!("1234567890.123456789012345678")),
        ("LAST", 4, json!(5e-18)),
        ("LAST", 5, json!(0.300_000_000_000_000_04)),
        ("WHOLE", 5, json!("9007199254740993")),
        ("LAST", 6, json!(1e-7)),
        ("WHOLE", 6, json!(1000)),
        ("LAST", 7, json!("9007199254740993")),
    ];
    for (code, hour, expected) in expected {
        assert_eq!(written(&client, code, hour, "").await, expected, "{code} at {hour}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboard_sees_the_same_digits_in_a_snapshot_an_update_and_a_resumption() {
    let product = Product::shared().await;
    let client = client(&product).await;
    let event = |number: &str| json!([{ "at": platform::clock::now().to_string(), "d": number }]);
    assert_eq!(client.ingest("M", &event("9007199254740992")).await, (1, 0));
    let topics = json!([{ "kpi": "SUM", "period": "day" }]);
    let mut dashboard = Dashboard::connect(&product, &client).await;
    dashboard
        .send(&json!({ "action": "subscribe", "topics": topics }))
        .await;
    let snapshot = dashboard.next("subscribed").await;
    let row = snapshot["rows"].list().first().cloned();
    let (epoch, seq) = (snapshot["epoch"].clone(), snapshot["seq"].clone());
    if let Some(row) = row {
        assert_eq!(row[2], json!(9_007_199_254_740_992_i64), "{snapshot}");
    }
    assert_eq!(client.ingest("M", &event("1")).await, (1, 0));
    let (_, row) = dashboard.row_with_facts(1, 2).await;
    let value = client.get("/v1/kpis/SUM/value?period=day").await.ok();
    assert_eq!(
        (&row[2], &value["value"]),
        (&json!("9007199254740993"), &json!("9007199254740993"))
    );
    drop(dashboard);
    let mut again = Dashboard::connect(&product, &client).await;
    let resume = json!({ "epoch": epoch, "seq": seq });
    again
        .send(&json!({ "action": "subscribe", "topics": topics, "resume": resume }))
        .await;
    let resumed = again.next("subscribed").await;
    assert_eq!(resumed["rows"][0][2], json!("9007199254740993"), "{resumed}");
    product.stop().await;
}
