//! The real facts: three million flights through the demo's own way in, then every KPI x period over the whole range
//! against plain SQL over the facts, bucket by bucket, as the HTTP API tells it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{Timestamp, ToSpan as _};
use local_cloud::cloud::{Cloud, Options};
use serde_json::Value;
use tests::answers::answered;
use tests::databases::{TestDatabase, servers};

/// KPIs of the demo, the same in SQL, and which facts they rest on.
const KPIS: [(&str, &str, &str); 6] = [
    ("FLIGHTS", "count(*)", "true"),
    (
        "ON_TIME_RATE",
        "(count(*) FILTER (WHERE delay < 15))::numeric(60, 30) / count(*) * 100",
        "true",
    ),
    (
        "AVERAGE_DELAY",
        "sum(delay)::numeric(60, 30) / nullif(count(delay), 0)",
        "true",
    ),
    ("LONGEST_DELAY", "max(delay)", "true"),
    ("DISTANCE_FLOWN", "sum(distance)", "true"),
    (
        "ON_TIME_RATE_ORD",
        "(count(*) FILTER (WHERE delay < 15))::numeric(60, 30) / count(*) * 100",
        "origin = 'ORD'",
    ),
];

/// The facts under the names of their attributes, written by hand from the order in which the demo defines them.
const FLIGHTS: &str = "CREATE SCHEMA aviation_data;
    CREATE VIEW aviation_data.flight AS
    SELECT f.time, f.n1 AS delay, f.n2 AS distance, f.t1 AS origin
    FROM volume_1.facts f JOIN core.entities e ON e.client_id = f.client_id AND e.id = f.entity_id AND e.code = 'Flight'";

const FROM: &str = "2001-01-01T00:00:00Z";
const TO: &str = "2001-07-02T00:00:00Z";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bucket_of_every_kpi_equals_plain_sql() {
    let database = TestDatabase::create(&servers()[0]).await.unwrap();
    let state = std::env::temp_dir().join(format!("analytics-engine-facts-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir(&state).unwrap();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut options = Options::quiet(project, Path::new(&tests::required("FUNCTIONS_DIR")), &state);
    options.database_url = Some(database.url.clone());
    options.demo = true;
    options.facts = Some(tests::required("FACTS_FILE").into());
    let cloud = Cloud::start(&options).await.unwrap();
    let (http, token) = (cloud.access.endpoints.http.clone(), cloud.access.token.clone().unwrap());
    let plain = database.plain().await.unwrap();
    plain.batch_execute(FLIGHTS).await.unwrap();
    let mut buckets = 0;
    for (code, sql, counted) in KPIS {
        // A request has at most 10,080 buckets: a week of minutes.
        for (period, days) in [("minute", 7), ("hour", 182), ("day", 182), ("week", 182)] {
            let expected = expected(&plain, sql, counted, period).await;
            let told = told(&http, &token, code, period, days).await;
            assert_eq!(told.len(), expected.len(), "{code} by {period}: number of buckets");
            for (bucket, answer) in &expected {
                assert_eq!(told.get(bucket), Some(answer), "{code} by {period} at {bucket}");
            }
            buckets += expected.len();
        }
    }
    println!("{buckets} buckets compared");
    assert!(
        buckets > 1_000_000,
        "six KPIs have over 200,000 minutes each, but one: {buckets}"
    );
    cloud.shutdown().await;
    database.drop_it().await.unwrap();
    std::fs::remove_dir_all(state).unwrap();
}

type Buckets = BTreeMap<Timestamp, (Option<f64>, i64)>;

async fn expected(plain: &tokio_postgres::Client, sql: &str, counted: &str, period: &str) -> Buckets {
    let text = format!(
        "SELECT date_trunc('{period}', time, 'UTC'), trim_scale(({sql})::numeric)::text, count(*) FROM aviation_data.flight
         WHERE time >= '{FROM}' AND time < '{TO}' AND {counted} GROUP BY 1"
    );
    let rows = plain.query(&text, &[]).await.unwrap();
    let value = |value: Option<&str>| value.map(|text| answered(text).to_float());
    rows.iter()
        .map(|row| (row.get(0), (value(row.get(1)), row.get(2))))
        .collect()
}

async fn told(http: &str, token: &str, code: &str, period: &str, days: i64) -> Buckets {
    let client = reqwest::Client::new();
    let (mut from, end): (Timestamp, Timestamp) = (FROM.parse().unwrap(), TO.parse().unwrap());
    let mut buckets = Buckets::new();
    while from < end {
        let to = (from + (days * 24).hours()).min(end);
        let url = format!("{http}/v1/kpis/{code}/series?period={period}&from={from}&to={to}");
        let answer = client.get(url).bearer_auth(token).send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{code} {period} from {from}: {}",
            answer.text().await.unwrap()
        );
        let answer: Value = answer.json().await.unwrap();
        for point in answer["points"].as_array().unwrap() {
            let bucket = point["bucket"].as_str().unwrap().parse().unwrap();
            buckets.insert(bucket, (point["value"].as_f64(), point["facts"].as_i64().unwrap()));
        }
        from = to;
    }
    buckets
}
