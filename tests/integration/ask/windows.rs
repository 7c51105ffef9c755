//! Formulas over other periods: one number on every route, whose rule the answer names.

use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

const KPIS: [(&str, &str); 4] = [
    ("BEFORE", "PREVIOUS(COUNT(Flight))"),
    ("LAST_YEAR", "SAME_PERIOD_LAST_YEAR(COUNT(Flight))"),
    ("TO_DATE", "TO_DATE(SUM(Flight.delay), YEAR)"),
    ("ALL", "CUMULATIVE(COUNT(Flight WHERE on_time))"),
];

async fn airline(product: &Product) -> User {
    let airline = product.client_in("Europe/Berlin").await;
    Product::define_flights(&airline).await;
    for (code, formula) in KPIS {
        let kpi = json!({ "code": code, "name": code, "formula": formula });
        airline.post("/v1/kpis", &kpi).await.created();
    }
    let flights = ["2025-02-10", "2025-02-28", "2026-01-31", "2026-02-03"].map(|date| {
        json!({ "date": format!("{date}T12:00:00Z"), "delay": 5, "distance": 10, "origin": "ORD", "destination": "LGA" })
    });
    assert_eq!(airline.ingest("Flight", &json!(flights)).await, (4, 0));
    airline
}

/// The start and the value of each month from January to March 2026.
async fn series(airline: &User, code: &str) -> Vec<(String, Value)> {
    let path =
        format!("/v1/kpis/{code}/series?period=month&gaps=fill&from=2025-12-31T23:00:00Z&to=2026-03-31T22:00:00Z");
    let series = airline.get(&path).await.ok();
    let points = series["points"].list().iter();
    points
        .map(|point| (point["bucket"].text().to_owned(), point["value"].clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_formula_over_other_periods_is_one_number_on_every_route() {
    let product = Product::shared().await;
    let airline = airline(&product).await;
    for (code, expected) in [
        ("BEFORE", [0, 1, 1]),
        ("LAST_YEAR", [0, 2, 0]),
        ("TO_DATE", [5, 10, 10]),
        ("ALL", [3, 4, 4]),
    ] {
        let series = series(&airline, code).await;
        let values: Vec<i64> = series.iter().map(|(_, value)| value.integer()).collect();
        assert_eq!(values, expected, "{code}");
        let query = format!("kpi={code}&period=month&buckets=1000");
        let mut dashboard = Dashboard::connect_to(&product, &airline, &query).await;
        let subscribed = dashboard.next("subscribed").await;
        for (start, value) in series {
            let path = format!("/v1/kpis/{code}/value?period=month&at={start}");
            let one = airline.get(&path).await.ok();
            assert_eq!(one["value"], value, "{code} {start}: {one}");
            let second = start.parse::<jiff::Timestamp>().unwrap().as_second();
            let row = subscribed["rows"].list().iter().find(|row| row[1] == second);
            // A bucket in which nothing counts has no row.
            let told = row.map_or(&json!(0), |row| &row[2]).clone();
            assert_eq!(told, value, "{code} {start}: {subscribed}");
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_names_the_rule_and_what_has_none_is_refused() {
    let product = Product::shared().await;
    let airline = airline(&product).await;
    let value = airline.get("/v1/kpis/LAST_YEAR/value?period=day&at=2026-02-28T12:00:00Z");
    let value = value.await.ok();
    let [window] = value["windows"].list() else {
        unreachable!("{value}")
    };
    assert_eq!(window["function"], "PREVIOUS(…, 1, YEAR)");
    assert!(window["rule"].text().contains("29 February"), "{window}");
    assert_eq!(
        (&window["from"], &window["to"], &value["value"]),
        (
            &json!("2025-02-27T23:00:00Z"),
            &json!("2025-02-28T23:00:00Z"),
            &json!(1)
        )
    );
    // There was no such day, and a count of nothing is not 0.
    let leap = airline.get("/v1/kpis/LAST_YEAR/value?period=day&at=2024-02-29T12:00:00Z");
    assert_eq!(leap.await.ok()["value"], Value::Null);
    let kpi = json!({ "code": "DAYS", "name": "DAYS", "formula": "PREVIOUS(COUNT(Flight), 1, DAY)" });
    airline.post("/v1/kpis", &kpi).await.created();
    let refused = airline.get("/v1/kpis/DAYS/value?period=month").await.refused(422);
    assert!(refused.detail().contains("ask by day or a shorter period"), "{refused}");
    let stream = json!({ "kpi": "DAYS", "period": "month" });
    let refused = airline.post("/v1/streams/start", &stream).await.refused(422);
    assert!(refused.detail().contains("ask by day or a shorter period"), "{refused}");
    product.stop().await;
}
