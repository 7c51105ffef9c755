//! Weeks, months, quarters and years of the client's calendar: the same on every route.

use jiff::Timestamp;
use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::{Answer, User};
use tests::json::JsonExt as _;
use tests::product::Product;

/// Around midnights of Kolkata, which is 5:30 ahead of UTC: when flights were there, and how many.
const FLIGHTS: [(&str, usize); 6] = [
    ("2025-12-31T18:29:59Z", 1),
    ("2025-12-31T18:30:00Z", 2),
    ("2026-01-04T18:29:59Z", 3),
    ("2026-01-04T18:30:00Z", 4),
    ("2026-03-31T18:29:59Z", 5),
    ("2026-03-31T18:30:00Z", 6),
];

/// From the first of January to the first of April, as clocks there show them.
const RANGE: &str = "from=2025-12-31T18:30:00Z&to=2026-03-31T18:30:01Z";

/// The buckets of that range that have flights.
const BUCKETS: [(&str, &[(&str, i64)]); 4] = [
    (
        "week",
        &[
            ("2025-12-28T18:30:00Z", 1 + 2 + 3),
            ("2026-01-04T18:30:00Z", 4),
            ("2026-03-29T18:30:00Z", 5 + 6),
        ],
    ),
    (
        "month",
        &[
            ("2025-12-31T18:30:00Z", 2 + 3 + 4),
            ("2026-02-28T18:30:00Z", 5),
            ("2026-03-31T18:30:00Z", 6),
        ],
    ),
    (
        "quarter",
        &[("2025-12-31T18:30:00Z", 2 + 3 + 4 + 5), ("2026-03-31T18:30:00Z", 6)],
    ),
    ("year", &[("2025-12-31T18:30:00Z", 2 + 3 + 4 + 5 + 6)]),
];

async fn airline_in_kolkata(product: &Product) -> User {
    let airline = product.client_in("Asia/Kolkata").await;
    Product::define_flights(&airline).await;
    let flights = FLIGHTS.iter().flat_map(|(date, count)| {
        let flight = json!({ "date": date, "delay": 1, "distance": 10, "origin": "ORD", "destination": "LGA" });
        std::iter::repeat_n(flight, *count)
    });
    let flights: Vec<Value> = flights.collect();
    assert_eq!(airline.ingest("Flight", &json!(flights)).await, (21, 0));
    airline
}

/// The starts of the points of a series that have facts, with their values.
fn points(series: &Answer) -> Vec<(&str, i64)> {
    let points = series["points"].list().iter();
    let points = points.map(|point| (point["bucket"].text(), point["value"].integer()));
    points.filter(|(_, value)| *value > 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weeks_to_years_are_those_of_the_clients_zone_on_every_route() {
    let product = Product::shared().await;
    let airline = airline_in_kolkata(&product).await;
    for (period, buckets) in BUCKETS {
        let path = format!("/v1/kpis/FLIGHTS/series?period={period}&{RANGE}");
        let series = airline.get(&path).await.ok();
        assert_eq!(points(&series), buckets, "{series}");
        assert_eq!(series["period"], period);
        for (start, flights) in buckets {
            let value = airline.get(&format!("/v1/kpis/FLIGHTS/value?period={period}&at={start}"));
            let value = value.await.ok();
            assert_eq!(value["value"].integer(), *flights, "{value}");
            let ends: Timestamp = value["to"].text().parse().unwrap();
            assert_eq!(
                (&value["from"], &value["open"]),
                (&json!(start), &json!(ends > platform::clock::now())),
                "{value}"
            );
        }
        let query = format!("kpi=FLIGHTS&period={period}&buckets=1000");
        let subscribed = Dashboard::connect_to(&product, &airline, &query)
            .await
            .next("subscribed")
            .await;
        let rows = subscribed["rows"].list().iter().filter(|row| row[3].as_i64() > Some(0));
        let told = rows.map(|row| {
            let start = jiff::Timestamp::from_second(row[1].integer()).unwrap().to_string();
            (start, row[2].integer())
        });
        let all = airline
            .get(&format!(
                "/v1/kpis/FLIGHTS/series?period={period}&from=2025-12-01T00:00:00Z&to=2026-06-01T00:00:00Z"
            ))
            .await
            .ok();
        let all: Vec<(String, i64)> = points(&all)
            .into_iter()
            .map(|(start, flights)| (start.to_owned(), flights))
            .collect();
        assert_eq!(told.collect::<Vec<_>>(), all, "{subscribed}");
        let stream = airline.post("/v1/streams/start", &json!({ "kpi": "FLIGHTS", "period": period }));
        let stream = stream.await.ok();
        assert!(
            stream["topic"].text().ends_with(&format!("FLIGHTS/{period}")),
            "{stream}"
        );
    }
    let year = airline
        .get("/v1/kpis/FLIGHTS/value?period=year&at=2026-02-01T00:00:00Z")
        .await
        .ok();
    let levels: Vec<&str> = year["plan"].list().iter().map(|step| step["level"].text()).collect();
    assert_eq!(
        levels,
        ["quarter_day", "hour", "quarter_hour"],
        "of each day only the hour in which it begins is read by quarters: {year}"
    );
    product.stop().await;
}

/// The same flights by the clocks of other zones, on every route.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_names_another_zone() {
    let product = Product::shared().await;
    let airline = airline_in_kolkata(&product).await;
    for (zone, period, buckets) in [
        // It is afternoon there, and still the old year.
        (
            "America/New_York",
            "year",
            vec![("2025-01-01T05:00:00Z", 1 + 2), ("2026-01-01T05:00:00Z", 3 + 4 + 5 + 6)],
        ),
        // A quarter of an hour later than in Kolkata by the clocks, and so earlier in UTC.
        (
            "Asia/Kathmandu",
            "month",
            vec![("2025-12-31T18:15:00Z", 1 + 2 + 3 + 4), ("2026-03-31T18:15:00Z", 5 + 6)],
        ),
        (
            "Asia/Kathmandu",
            "day",
            vec![
                ("2025-12-31T18:15:00Z", 1 + 2),
                ("2026-01-04T18:15:00Z", 3 + 4),
                ("2026-03-31T18:15:00Z", 5 + 6),
            ],
        ),
        (
            "UTC",
            "week",
            vec![("2025-12-29T00:00:00Z", 1 + 2 + 3 + 4), ("2026-03-30T00:00:00Z", 5 + 6)],
        ),
        // Its clocks are put forward by half an hour, on the first Sunday of October and back in April.
        (
            "Australia/Lord_Howe",
            "quarter",
            vec![("2025-12-31T13:00:00Z", 1 + 2 + 3 + 4), ("2026-03-31T13:00:00Z", 5 + 6)],
        ),
    ] {
        let path = format!(
            "/v1/kpis/FLIGHTS/series?period={period}&time_zone={zone}&from=2025-12-31T18:29:00Z&to=2026-04-01T00:00:00Z"
        );
        let series = airline.get(&path).await.ok();
        assert_eq!(points(&series), buckets, "{zone}: {series}");
        assert_eq!(series["time_zone"], zone);
        for (start, flights) in &buckets {
            let path = format!("/v1/kpis/FLIGHTS/value?period={period}&time_zone={zone}&at={start}");
            let value = airline.get(&path).await.ok();
            assert_eq!(
                (value["value"].integer(), value["from"].text()),
                (*flights, *start),
                "{zone}: {value}"
            );
        }
        if period == "day" {
            // A topic reaches back 1,440 buckets: of days only four years.
            continue;
        }
        let query = format!("kpi=FLIGHTS&period={period}&time_zone={zone}&buckets=1440");
        let subscribed = Dashboard::connect_to(&product, &airline, &query)
            .await
            .next("subscribed")
            .await;
        assert_eq!(subscribed["topics"][0]["time_zone"], zone);
        let rows = subscribed["rows"].list().iter().filter(|row| row[3].as_i64() > Some(0));
        let told: Vec<(String, i64)> = rows
            .map(|row| {
                (
                    jiff::Timestamp::from_second(row[1].integer()).unwrap().to_string(),
                    row[2].integer(),
                )
            })
            .collect();
        let expected: Vec<(String, i64)> = buckets
            .iter()
            .map(|(start, flights)| ((*start).to_owned(), *flights))
            .collect();
        assert_eq!(told, expected, "{zone}: {subscribed}");
    }
    let own = airline.get("/v1/kpis/FLIGHTS/value?period=day").await.ok();
    assert_eq!(own["time_zone"], "Asia/Kolkata");
    let unknown = airline
        .get("/v1/kpis/FLIGHTS/value?period=day&time_zone=Tokyo")
        .await
        .refused(422);
    assert_eq!(unknown["hint"], "did you mean Asia/Tokyo?", "{unknown}");
    let stream = json!({ "kpi": "FLIGHTS", "period": "day", "time_zone": "asia/tokyo" });
    let stream = airline.post("/v1/streams/start", &stream).await.ok();
    assert_eq!(stream["time_zone"], "Asia/Tokyo");
    assert!(stream["topic"].text().ends_with("/day@Asia%2FTokyo"), "{stream}");
    let streams = airline.get("/v1/streams").await.ok();
    let listed = streams["streams"]
        .list()
        .iter()
        .any(|listed| listed["topic"] == stream["topic"]);
    assert!(listed, "{streams}");
    let unknown = json!({ "kpi": "FLIGHTS", "period": "day", "time_zone": "Tokyo" });
    let unknown = airline.post("/v1/streams/start", &unknown).await.refused(422);
    assert!(unknown.to_string().contains("did you mean Asia/Tokyo?"), "{unknown}");
    product.stop().await;
}

/// A retailer's year of 2023 has a 53rd week, in January.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fiscal_years_are_those_that_the_client_declares() {
    let product = Product::shared().await;
    let calendar = json!({
        "week_starts": "sunday",
        "fiscal_year": { "of": "weeks", "pattern": "4-5-4", "last_day": "saturday", "last_month": 1, "ends": "nearest" }
    });
    let airline = product.client_of("America/New_York", &calendar).await;
    Product::define_flights(&airline).await;
    let flight =
        |date: &str| json!({ "date": date, "delay": 1, "distance": 10, "origin": "ORD", "destination": "LGA" });
    // The last second of the 52nd week, the first and the last of the 53rd, and the first of the year after.
    let dates = [
        "2024-01-28T04:59:59Z",
        "2024-01-28T05:00:00Z",
        "2024-02-04T04:59:59Z",
        "2024-02-04T05:00:00Z",
    ];
    let flights: Vec<Value> = dates.map(flight).to_vec();
    assert_eq!(airline.ingest("Flight", &json!(flights)).await, (4, 0));
    for (period, buckets) in [
        (
            "week",
            vec![
                ("2024-01-21T05:00:00Z", 1),
                ("2024-01-28T05:00:00Z", 2),
                ("2024-02-04T05:00:00Z", 1),
            ],
        ),
        (
            "fiscal_month",
            vec![("2023-12-31T05:00:00Z", 3), ("2024-02-04T05:00:00Z", 1)],
        ),
        (
            "fiscal_quarter",
            vec![("2023-10-29T04:00:00Z", 3), ("2024-02-04T05:00:00Z", 1)],
        ),
        (
            "fiscal_year",
            vec![("2023-01-29T05:00:00Z", 3), ("2024-02-04T05:00:00Z", 1)],
        ),
    ] {
        let path = format!("/v1/kpis/FLIGHTS/series?period={period}&from=2024-01-27T00:00:00Z&to=2024-02-05T00:00:00Z");
        let series = airline.get(&path).await.ok();
        assert_eq!(points(&series), buckets, "{series}");
        for (start, flights) in &buckets {
            let value = airline
                .get(&format!("/v1/kpis/FLIGHTS/value?period={period}&at={start}"))
                .await
                .ok();
            assert_eq!(
                (value["from"].text(), value["value"].integer()),
                (*start, *flights),
                "{value}"
            );
        }
        let query = format!("kpi=FLIGHTS&period={period}&buckets=1000");
        let subscribed = Dashboard::connect_to(&product, &airline, &query)
            .await
            .next("subscribed")
            .await;
        let rows = subscribed["rows"].list().iter().filter(|row| row[3].as_i64() > Some(0));
        let told = rows.map(|row| row[2].integer());
        assert!(told.eq(buckets.iter().map(|(_, flights)| *flights)), "{subscribed}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn months_without_flights_are_gaps() {
    let product = Product::shared().await;
    let airline = airline_in_kolkata(&product).await;
    let path = format!("/v1/kpis/FLIGHTS/series?period=month&{RANGE}&gaps=fill");
    let filled = airline.get(&path).await.ok();
    let values: Vec<i64> = filled["points"]
        .list()
        .iter()
        .map(|point| point["value"].integer())
        .collect();
    assert_eq!(values, [9, 0, 5, 6], "{filled}");
    let far = "/v1/kpis/FLIGHTS/series?period=week&from=1000-01-01T00:00:00Z&to=2026-01-01T00:00:00Z";
    let refused = airline.get(far).await.refused(422);
    assert!(refused.detail().contains("10080 weeks"), "{refused}");
    product.stop().await;
}
