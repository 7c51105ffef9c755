//! What is asked about facts: split, filtered, explained, and refused where it makes no sense.

use serde_json::json;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

use crate::flights::flight;

const DAY: &str = "from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";

/// An airline with five flights from Chicago, and one each from Los Angeles and New York.
async fn airline_with_flights(product: &Product) -> User {
    let airline = product.airline().await;
    let origins = ["ORD", "LAX", "ORD", "JFK", "ORD", "ORD", "ORD"];
    let flights: Vec<_> = (0..)
        .zip(origins)
        .map(|(minute, origin)| flight(minute, 5, origin))
        .collect();
    assert_eq!(airline.ingest("Flight", &json!(flights)).await, (7, 0));
    airline
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_is_split_and_filtered_and_tells_its_plan() {
    let product = Product::shared().await;
    let airline = airline_with_flights(&product).await;
    let split = format!("/v1/kpis/FLIGHTS/series?period=hour&{DAY}&by=origin");
    let split = airline.get(&split).await.ok();
    let groups = split["points"].list().iter();
    let groups: Vec<_> = groups
        .map(|point| (point["group"]["origin"].text(), point["value"].as_f64().unwrap()))
        .collect();
    assert_eq!(groups, [("JFK", 1.0), ("LAX", 1.0), ("ORD", 5.0)]);
    assert_eq!(split["plan"][0]["raw"], false, "a rollup answers by hour: {split}");

    let filtered = format!("/v1/kpis/FLIGHTS/series?period=minute&{DAY}&filter[origin]=LAX,JFK");
    let minutes = airline.get(&filtered).await.ok();
    assert_eq!(minutes["points"].list().len(), 2);
    assert_eq!(
        minutes["plan"][0]["raw"], true,
        "no rollup has origins by minute: {minutes}"
    );

    let hostile = format!("/v1/kpis/FLIGHTS/series?period=hour&{DAY}&filter[origin]=%27%29%20OR%20true%20--");
    assert_eq!(airline.get(&hostile).await.ok()["points"], json!([]));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_makes_no_sense_is_refused_with_the_reason() {
    let product = Product::shared().await;
    let airline = airline_with_flights(&product).await;
    for (path, status, told) in [
        ("FLIGHTZ/value?period=day", 404, "FLIGHTZ"),
        (&format!("FLIGHTS/series?period=hour&{DAY}&by=gate"), 422, "gate"),
        (
            &format!("FLIGHTS/series?period=hour&{DAY}&filter[delay]=1"),
            422,
            "delay",
        ),
        (
            "FLIGHTS/series?period=minute&from=2001-01-01T00:00:00Z&to=2002-01-01T00:00:00Z",
            422,
            "10080",
        ),
        ("FLIGHTS/value?period=fortnight", 400, "fortnight"),
        ("FLIGHTS/value", 400, "period"),
    ] {
        let refused = airline.get(&format!("/v1/kpis/{path}")).await.refused(status);
        assert!(refused.detail().contains(told), "{refused}");
    }
    let unknown = airline.get("/v1/kpis/FLIHGTS/value?period=day").await.refused(404);
    assert_eq!(unknown["hint"], "did you mean FLIGHTS?");
    let weeks = airline.get("/v1/kpis/FLIGHTS/value?period=weeks").await.refused(400);
    assert_eq!(weeks["hint"], "did you mean week?");
    product.stop().await;
}

/// What is in a question is compared, never run: the good answers to hostile questions are empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_question_is_only_data() {
    let product = Product::shared().await;
    let airline = airline_with_flights(&product).await;
    let many = (0..60).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let series = |rest: &str| format!("FLIGHTS/series?period=day&{DAY}&{rest}");
    let between = |from: &str, to: &str| format!("FLIGHTS/series?period=day&from={from}&to={to}");
    let value = |rest: &str| format!("FLIGHTS/value?{rest}");
    for (path, status, told) in [
        (series("filter[origin]=%27%20OR%201=1;%20--"), 200, ""),
        (series("filter[origin]=%00"), 200, ""),
        (series("filter[origin]=%F0%9F%A6%80"), 200, ""),
        (series("filter[origin%22]=a"), 422, "origin"),
        (series("filter[origin]=C:%5Ctemp"), 422, "backslash"),
        (series("by=origin%22;--"), 422, "origin"),
        (series("by="), 422, ""),
        (series("by=origin,origin"), 422, "different"),
        (series("orign=ORD"), 400, "orign"),
        (between("2026-03-29T00:00:00Z", "2026-03-28T00:00:00Z"), 422, "before"),
        (
            between("2026-03-28T00:00:00Z", "9999-12-31T23:59:59Z"),
            422,
            "outside the times",
        ),
        (between("yesterday", "2026-03-28T00:00:00Z"), 400, "yesterday"),
        (
            "FLIGHTS/series?period=day&to=2026-03-28T00:00:00Z".to_owned(),
            400,
            "from",
        ),
        (between("-009999-01-03T00:00:00Z", "9999-12-30T22:00:00Z"), 422, "10080"),
        (between("-009999-01-03T00:00:00Z", "-009999-01-05T00:00:00Z"), 200, ""),
        (value("period=day&at=9999-12-30T22:00:00Z"), 200, ""),
        (value("period=day&at=-009999-01-02T01:59:59Z"), 200, ""),
        (value("period=minute&at=9999-12-30T22:00:00.999999999Z"), 200, ""),
        (value("period=week&at=-009999-01-02T01:59:59Z"), 200, ""),
        (value("period=year&at=-009999-01-02T01:59:59Z"), 200, ""),
        (value("period=quarter&at=9999-12-30T22:00:00Z"), 200, ""),
        (value("period=day&at=2026-03-28T12:00:00%2B26:00"), 400, "at"),
        (value("period=day&period=hour"), 400, "period"),
        (
            value("period=day&filter[a]=1&filter[b]=1&filter[c]=1&filter[d]=1&filter[e]=1"),
            422,
            "4",
        ),
        (value(&format!("period=day&filter[origin]={many}")), 422, "50"),
        (
            "%27%3B%20DROP%20TABLE%20core.kpis%3B%20--/value?period=day".to_owned(),
            404,
            "DROP",
        ),
        ("%00/value?period=day".to_owned(), 404, ""),
        ("%FF/value?period=day".to_owned(), 400, "path"),
    ] {
        let answer = airline.get(&format!("/v1/kpis/{path}")).await.expect(status);
        assert!(answer.detail().contains(told), "{answer}");
        if status == 200 {
            assert!(answer["points"] == json!([]) || answer["facts"] == 0, "{answer}");
        }
    }
    product.stop().await;
}

/// A lock that nobody else may have to wait for: a product of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_waits_too_long_is_told_so() {
    let product = Product::start().await;
    let airline = product.airline().await;
    let other = product.database.plain().await.unwrap();
    let lock = "BEGIN; LOCK TABLE core.kpis IN ACCESS EXCLUSIVE MODE";
    other.batch_execute(lock).await.unwrap();
    let path = "/v1/kpis/FLIGHTS/value?period=day";
    let waited = airline.get(path).await.refused(503);
    assert!(waited.detail().contains("longer"), "{waited}");
    other.batch_execute("ROLLBACK").await.unwrap();
    airline.get(path).await.ok();
    product.stop().await;
}
