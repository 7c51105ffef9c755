//! Numbers of every size that a fact can have, each far from the next: sums and states are exact at every commit, from partials of any route.

use std::collections::BTreeMap;

use catalog::{EntityDefinition, KpiDefinition, Period};
use formula::Number;
use jiff::{Timestamp, ToSpan as _};
use records::definitions::{self, ClientCatalog};
use serde_json::json;
use series::plan::Filter;
use series::{Range, Request};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

/// KPIs, and the same in SQL over the facts, whose sums and comparisons are exact.
const KPIS: [(&str, &str, &str); 10] = [
    ("TOTAL", "SUM(Reading.size)", "sum(n1)"),
    ("LEAST", "MIN(Reading.size)", "min(n1)"),
    ("MOST", "MAX(Reading.size)", "max(n1)"),
    (
        "OPENING",
        "FIRST(Reading.size)",
        "(min(ARRAY[extract(epoch from time)::numeric, n1]))[2]",
    ),
    (
        "CLOSING",
        "LAST(Reading.size)",
        "(max(ARRAY[extract(epoch from time)::numeric, n1]))[2]",
    ),
    ("WHOLE", "SUM(Reading.count)", "sum(n2)"),
    (
        "SPREAD",
        "(MAX(Reading.size) - MIN(Reading.size)) * COUNT(Reading)",
        "(max(n1) - min(n1)) * count(*)",
    ),
    // Rolled up as an attribute, and computed from the facts.
    (
        "DURATION",
        "SUM(Reading.until - Reading.at)",
        "sum(extract(epoch FROM t4::timestamptz) - extract(epoch FROM time))",
    ),
    (
        "BACKWARDS",
        "SECONDS(MIN(Reading.at - Reading.until))",
        "min(extract(epoch FROM time) - extract(epoch FROM t4::timestamptz))",
    ),
    (
        "LAST_DURATION",
        "LAST(Reading.took)",
        "(max(ARRAY[extract(epoch from time)::numeric, extract(epoch FROM t4::timestamptz) - extract(epoch FROM time)]))[2]",
    ),
];

const FROM: &str = "2026-03-28T00:00:00Z";
const TO: &str = "2026-03-29T00:00:00Z";

struct Bench {
    database: TestDatabase,
    client: Uuid,
}

impl Bench {
    async fn open(server: &str) -> Self {
        let database = TestDatabase::create(server).await.unwrap();
        let client = database.client("lab", "UTC").await.unwrap();
        let definition: EntityDefinition = serde_json::from_value(json!({
            "code": "Reading", "domain": "lab", "time": "at", "key": ["probe"],
            "attributes": [
                { "name": "size", "type": "decimal" }, { "name": "count", "type": "integer" },
                { "name": "probe", "type": "text", "required": true }, { "name": "room", "type": "text", "dimension": true },
                { "name": "shelf", "type": "text", "dimension": true },
                { "name": "until", "type": "time" }, { "name": "took", "type": "duration", "formula": "until - at" }
            ],
            "groupings": [{ "dimensions": ["room"] }]
        }))
        .unwrap();
        let entity = definition.validate().unwrap();
        definitions::create_entity(&database.owner, client, &entity)
            .await
            .unwrap();
        for (code, formula, _) in KPIS {
            let mut kpi = KpiDefinition::named(code, code);
            kpi.formula = formula.to_owned();
            definitions::create_kpi(&database.owner, client, &kpi).await.unwrap();
        }
        Self { database, client }
    }

    async fn known(&self) -> ClientCatalog {
        let loaded = definitions::load_one(&self.database.app, self.client).await;
        loaded.unwrap().unwrap()
    }

    async fn ingest(&self, events: impl Iterator<Item = serde_json::Value>) {
        self.database.ingest(self.client, "Reading", events).await.unwrap();
    }

    /// Every KPI by every period, as a whole, by what a grouping has and by what none has, against SQL over the facts.
    async fn check(&self, step: &str) {
        let known = self.known().await;
        let range = Range {
            from: FROM.parse().unwrap(),
            to: TO.parse().unwrap(),
        };
        let plain = self.database.plain().await.unwrap();
        for (code, _, sql) in KPIS {
            for period in Period::ALL {
                for by in ["", "room", "shelf"] {
                    let place = format!("{step}: {code} by {} {by}", period.name());
                    let by: Vec<String> = [by]
                        .into_iter()
                        .filter(|by| !by.is_empty())
                        .map(str::to_owned)
                        .collect();
                    let request = Request {
                        kpi: known.catalog.kpi(code).unwrap(),
                        period,
                        range: known.calendar.align(period, range),
                        filter: &Filter::new(),
                        by: &by,
                        now: jiff::Timestamp::MAX,
                    };
                    let answer = answer::ask(&self.database.app, self.client, &known, &known.calendar, &request)
                        .await
                        .unwrap();
                    let told = answer
                        .points
                        .into_iter()
                        .map(|((bucket, group), point)| ((bucket, group), point.value));
                    let column = match by.first().map(String::as_str) {
                        Some("room") => ", t2",
                        Some(_) => ", t3",
                        None => "",
                    };
                    let text = format!(
                        "SELECT date_trunc('{}', time, 'UTC'), trim_scale({sql})::text, ARRAY[{}]::text[] FROM volume_1.facts GROUP BY 1{column}",
                        period.name().trim_start_matches("fiscal_"),
                        column.trim_start_matches(", ")
                    );
                    let rows = plain.query(&text, &[]).await.unwrap();
                    let expected = rows.iter().map(|row| {
                        let number: Number = row.get::<_, &str>(1).parse().unwrap();
                        ((row.get(0), row.get(2)), Some(number))
                    });
                    let (told, expected): (BTreeMap<(Timestamp, Vec<String>), _>, BTreeMap<_, _>) =
                        (told.collect(), expected.collect());
                    assert_eq!(told, expected, "{place}");
                }
            }
        }
    }
}

/// An event with a size of 28 digits that has its point anywhere, and with a whole number of 64 bits, both drawn from a seed.
fn event(seed: u64) -> serde_json::Value {
    let mut random = fastrand_of(seed);
    let digits: String = (0..28)
        .map(|place| char::from(b'0' + u8::try_from(random(10)).unwrap().max(u8::from(place == 0))))
        .collect();
    let places = usize::try_from(random(29)).unwrap();
    let (whole, rest) = digits.split_at(28 - places);
    let sign = ["", "-"][usize::try_from(random(2)).unwrap()];
    let whole = if whole.is_empty() { "0" } else { whole };
    let size = if rest.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{rest}")
    };
    let at: Timestamp = FROM.parse().unwrap();
    let at = at + i64::try_from(random(180)).unwrap().minutes();
    let until = at + (i64::try_from(random(9_000_000_000)).unwrap() - 1_000_000_000).microseconds();
    json!({
        "at": at.to_string(), "size": size, "count": i64::MAX - i64::try_from(random(1_000)).unwrap(),
        "until": until.to_string(), "probe": format!("p{}", seed % 150), "room": format!("r{}", random(3)), "shelf": format!("s{}", random(3)),
    })
}

/// Numbers below a limit, each from the one before (Knuth's multiplier).
fn fastrand_of(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |limit| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    }
}

#[tokio::test]
async fn numbers_of_every_size_add_up_exactly() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        bench.ingest((0..100).map(event)).await;
        bench.check("after a batch").await;
        // Half of these replace facts, whose minutes are then computed anew in SQL.
        bench.ingest((100..200).map(event)).await;
        bench.check("after corrections").await;
        for time in ["2026-03-28T02:00:00Z", "2026-04-10T00:00:00Z"] {
            let time: Timestamp = time.parse().unwrap();
            facts::compact::run(&bench.database.owner, time).await.unwrap();
            bench.check(&format!("after the upkeep of {time}")).await;
        }
        bench.ingest((200..230).map(event)).await;
        bench.check("after late facts").await;
        bench.database.drop_it().await.unwrap();
    }
}
