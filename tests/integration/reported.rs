//! Inputs that were once answered wrongly: files as tools write them, and questions over a few events. Each stands for a kind of fault.

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

const DAY: &str = "period=day&at=2026-11-20T12:00:00Z";

/// What becomes of the files that lie under one key one after the other.
struct Dropped {
    files: &'static [(&'static str, &'static [u8])],
    zone: &'static str,
    /// Facts of all times, and rows that became dead letters.
    facts: i64,
    letters: i64,
    /// A KPI over 20 November 2026, and its value.
    value: (&'static str, &'static str),
}

macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("reported/", $name)).as_slice())
    };
}

/// One file in UTC of which everything counts.
const ONE: Dropped = Dropped {
    files: &[],
    zone: "UTC",
    facts: 3,
    letters: 0,
    value: ("FACTS", "3"),
};

const DROPPED: [Dropped; 11] = [
    Dropped {
        files: &[file!("c-corrected-1.csv"), file!("c-corrected-2.csv")],
        facts: 2,
        value: ("I", "30"),
        ..ONE
    },
    Dropped {
        files: &[file!("p-int96-year-2611.parquet")],
        facts: 2,
        letters: 1,
        value: ("FACTS", "2"),
        ..ONE
    },
    Dropped {
        files: &[file!("c-local-times-berlin.csv")],
        zone: "Europe/Berlin",
        facts: 2,
        value: ("FACTS", "2"),
        ..ONE
    },
    Dropped {
        files: &[file!("p-codec-gzip.parquet")],
        value: ("I", "3"),
        ..ONE
    },
    Dropped {
        files: &[file!("p-null-column.parquet")],
        ..ONE
    },
    Dropped {
        files: &[file!("p-pandas-category-of-integers.parquet")],
        value: ("I", "6"),
        ..ONE
    },
    Dropped {
        files: &[file!("p-decimal-38-18-large.parquet")],
        value: ("D", "100000000003"),
        ..ONE
    },
    Dropped {
        files: &[file!("p-text-as-bytes.parquet")],
        ..ONE
    },
    Dropped {
        files: &[file!("p-ms-one-far-year.parquet")],
        facts: 2,
        letters: 1,
        value: ("FACTS", "2"),
        ..ONE
    },
    Dropped {
        files: &[file!("c-pandas-int-with-gap.csv")],
        value: ("I", "4"),
        ..ONE
    },
    Dropped {
        files: &[file!("c-pandas-booleans.csv")],
        facts: 2,
        value: ("TRUE", "1"),
        ..ONE
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_as_tools_write_them_count_as_they_say() {
    let product = Product::shared().await;
    for Dropped {
        files,
        zone,
        facts,
        letters,
        value: (kpi, value),
    } in DROPPED
    {
        let client = product.client_in(zone).await;
        define(
            &client,
            &[
                ("FACTS", "COUNT(M)"),
                ("I", "SUM(M.i)"),
                ("D", "SUM(M.d)"),
                ("TRUE", "COUNT(M WHERE b)"),
            ],
        )
        .await;
        for (name, bytes) in files {
            let suffix = name.rsplit('.').next().unwrap();
            drop_and_wait(&product, &client, &format!("M/reported.{suffix}"), bytes).await;
        }
        let (name, _) = files[0];
        let rows = client.get("/v1/dead-letters").await.ok();
        assert_eq!(
            rows["dead_letters"].list().len(),
            usize::try_from(letters).unwrap(),
            "{name}: {rows}"
        );
        let answer = client.get(&format!("/v1/kpis/{kpi}/value?{DAY}")).await.ok();
        assert_eq!(digits(&answer["value"]), value, "{name}: {answer}");
        let all = "/v1/kpis/FACTS/series?period=day&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z";
        let series = client.get(all).await.ok();
        let counted: i64 = series["points"]
            .list()
            .iter()
            .map(|point| point["facts"].integer())
            .sum();
        assert_eq!(counted, facts, "{name}: {series}");
    }
    product.stop().await;
}

/// A KPI over a few events of 20 November 2026: its value of the day, and its points by hour.
struct Asked {
    formula: &'static str,
    events: Value,
    day: Option<&'static str>,
    hours: &'static [(&'static str, &'static str)],
}

fn asked() -> Vec<Asked> {
    let at = |hour: u32, mut event: Value| {
        event["at"] = json!(format!("2026-11-20T{hour:02}:00:00Z"));
        event
    };
    let sales = json!([
        at(1, json!({ "d": 100, "kind": "sale" })),
        at(2, json!({ "d": 30, "kind": "sale" })),
        at(3, json!({ "d": 7, "kind": "refund" })),
    ]);
    let one_of_two = json!([at(10, json!({ "kind": "x", "b": true })), at(10, json!({}))]);
    vec![
        Asked {
            formula: "COALESCE(SUM(M.d WHERE kind = 'sale'), 0) - COALESCE(SUM(M.d WHERE kind = 'refund'), 0)",
            events: sales,
            day: Some("123"),
            hours: &[("01", "100"), ("02", "30"), ("03", "-7")],
        },
        Asked {
            formula: "SUM(M.d) / SUM(M.i)",
            events: json!([
                at(10, json!({ "d": "0.09", "i": 1_000_000_000 })),
                at(11, json!({ "d": "0.023", "i": 1_000_000_000_000_i64 })),
            ]),
            day: None,
            hours: &[("10", "0.00000000009"), ("11", "0.000000000000023")],
        },
        Asked {
            formula: "COUNT(M.kind)",
            events: one_of_two.clone(),
            day: Some("1"),
            hours: &[("10", "1")],
        },
        Asked {
            formula: "COUNT(M.b)",
            events: one_of_two,
            day: Some("1"),
            hours: &[("10", "1")],
        },
        Asked {
            formula: "SUM(M.i)",
            events: json!([at(10, json!({ "i": 9_007_199_254_740_993_i64 }))]),
            day: Some("9007199254740993"),
            hours: &[("10", "9007199254740993")],
        },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_over_a_few_events_have_their_answers() {
    let product = Product::shared().await;
    for Asked {
        formula,
        events,
        day,
        hours,
    } in asked()
    {
        let client = product.client().await;
        define(&client, &[("ASKED", formula)]).await;
        let sent = i64::try_from(events.list().len()).unwrap();
        assert_eq!(client.ingest("M", &events).await, (sent, 0), "{formula}");
        if let Some(day) = day {
            let answer = client.get(&format!("/v1/kpis/ASKED/value?{DAY}")).await.ok();
            assert_eq!(digits(&answer["value"]), day, "{formula}: {answer}");
        }
        let range = "period=hour&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
        let series = client.get(&format!("/v1/kpis/ASKED/series?{range}")).await.ok();
        let points: Vec<_> = series["points"]
            .list()
            .iter()
            .map(|point| (point["bucket"].text(), digits(&point["value"])))
            .collect();
        let expected: Vec<_> = hours
            .iter()
            .map(|(hour, value)| (format!("2026-11-20T{hour}:00:00Z"), (*value).to_owned()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(bucket, value)| (bucket.as_str(), value.clone()))
            .collect();
        assert_eq!(points, expected, "{formula}: {series}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_text_and_none_are_told_apart_alike_by_formula_and_filter() {
    let product = Product::shared().await;
    let client = product.client().await;
    define(&client, &[("ALL", "COUNT(M)"), ("EMPTY", "COUNT(M WHERE kind = '')")]).await;
    let at = "2026-11-20T10:00:00Z";
    let events = json!([{ "at": at, "kind": "" }, { "at": at }, { "at": at, "kind": null }, { "at": at, "kind": "x" }]);
    assert_eq!(client.ingest("M", &events).await, (4, 0));
    let filtered = client
        .get(&format!("/v1/kpis/ALL/value?{DAY}&filter[kind]="))
        .await
        .ok();
    let inside = client.get(&format!("/v1/kpis/EMPTY/value?{DAY}")).await.ok();
    assert_eq!(filtered["value"], inside["value"], "{filtered} {inside}");
    let range = "period=day&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
    let split = client.get(&format!("/v1/kpis/ALL/series?{range}&by=kind")).await.ok();
    let groups: Vec<_> = split["points"]
        .list()
        .iter()
        .map(|point| digits(&point["value"]))
        .collect();
    assert!(groups.contains(&digits(&inside["value"])), "{split} {inside}");
    product.stop().await;
}

/// The entity of all inputs, with KPIs by code and formula.
async fn define(client: &User, kpis: &[(&str, &str)]) {
    let entity = json!({
        "code": "M", "domain": "reported", "time": "at",
        "attributes": [
            { "name": "d", "type": "decimal" },
            { "name": "i", "type": "integer" },
            { "name": "kind", "type": "text", "dimension": true },
            { "name": "b", "type": "boolean", "dimension": true },
            { "name": "note", "type": "text" },
        ],
        "groupings": [{ "dimensions": ["kind"], "finest": "minute" }, { "dimensions": ["b"], "finest": "minute" }],
    });
    client.post("/v1/entities", &entity).await.created();
    for (code, formula) in kpis {
        let kpi = json!({ "code": code, "name": code, "formula": formula, "unit": "count", "direction": "neutral" });
        client.post("/v1/kpis", &kpi).await.created();
    }
}

/// Drops a file and waits until it is through, as often as another was put there.
async fn drop_and_wait(product: &Product, client: &User, name: &str, bytes: &[u8]) {
    let before = through(client).await;
    product.drop_file(client, name, bytes.to_vec()).await;
    eventually("the file is through", async || {
        (through(client).await > before).then_some(())
    })
    .await;
}

/// Files that are through, with those whose place they took.
async fn through(client: &User) -> usize {
    let files = client.get("/v1/files").await.ok();
    let is_through = |file: &&Value| !["writing", "replacing"].contains(&file["state"].text());
    files["files"].list().iter().filter(is_through).count()
}

/// A value's digits, whether it is a JSON number or decimal text.
fn digits(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse::<rust_decimal::Decimal>()
        .or_else(|_| rust_decimal::Decimal::from_scientific(&text))
        .map_or(text, |exact| exact.normalize().to_string())
}
