//! What is taken for each value of a dimension: trades, states of positions, conditions that only the facts know, paths and sketches, against asking the same expression split
//! by the dimension and folding what comes out. And amounts that are converted by the rate of their own time.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{EntityDefinition, Kpi, KpiDefinition, Mode, Period, Relationship};
use formula::{Arithmetic, Number};
use jiff::{SignedDuration, Timestamp};
use records::definitions::{ClientCatalog, Written, create_companion, create_entity, load_one};
use serde_json::{Value, json};
use series::plan::Filter;
use series::{Point, Range, Request, SeriesKey};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

const BEGIN: &str = "2026-03-25T00:00:00Z";
const END: &str = "2026-04-03T00:00:00Z";

const TRADES: usize = 500;
const REPORTS: usize = 120;

fn definitions() -> [Value; 3] {
    let symbol = json!({ "name": "symbol", "type": "text", "dimension": true });
    let sector = json!({ "name": "sector", "type": "text", "dimension": true });
    [
        json!({ "code": "Trade", "domain": "markets", "attributes": [
            symbol, sector, { "name": "price", "type": "integer" }, { "name": "volume", "type": "integer" },
            { "name": "venue", "type": "text", "sketches": ["distinct"] }, { "name": "issuer", "type": "text" }],
            "groupings": [{ "dimensions": ["symbol"] }] }),
        json!({ "code": "Position", "domain": "markets", "state": ["account", "symbol"], "attributes": [
            { "name": "account", "type": "text", "required": true },
            { "name": "symbol", "type": "text", "required": true, "dimension": true },
            sector, { "name": "quantity", "type": "integer" }] }),
        json!({ "code": "Issuer", "domain": "markets", "state": ["id"], "attributes": [
            { "name": "id", "type": "text", "required": true }, { "name": "country", "type": "text", "dimension": true }] }),
    ]
}

/// An expression, the dimension for each value of which it is taken, and whether sketches answer it.
const EXPRESSIONS: [(&str, &str, Mode); 10] = [
    ("COUNT(Trade)", "symbol", Mode::Exact),
    ("LAST(Trade.price) - PREVIOUS(LAST(Trade.price))", "symbol", Mode::Exact),
    (
        "AT_END(SUM(Position.quantity)) * ROLLING(LAST(Trade.price), 3)",
        "symbol",
        Mode::Exact,
    ),
    ("AT_START(COUNT(Position WHERE quantity > 2))", "symbol", Mode::Exact),
    (
        "ENTERED(Position WHERE quantity > 2) - LEFT(Position WHERE quantity > 2)",
        "symbol",
        Mode::Exact,
    ),
    (
        "MEDIAN(Trade.price) * COUNT(Trade WHERE volume > 3)",
        "symbol",
        Mode::Exact,
    ),
    (
        "SUM(Trade.price WHERE symbol != 'A') / COUNT(Trade)",
        "sector",
        Mode::Exact,
    ),
    ("AVG_PER(COALESCE(MAX(Trade.price), 0), DAY)", "symbol", Mode::Exact),
    ("SUM(Trade.volume) / COUNT(Trade)", "issuer.country", Mode::Exact),
    (
        "COUNT(DISTINCT Trade.venue) + COUNT(Trade)",
        "symbol",
        Mode::Approximate,
    ),
];

struct Bench {
    database: TestDatabase,
    client: Uuid,
}

impl Bench {
    async fn open(server: &str, entities: &[Value], relationship: Value) -> Self {
        let database = TestDatabase::create(server).await.unwrap();
        let client = database.client("members", "Europe/Berlin").await.unwrap();
        for definition in entities {
            let definition: EntityDefinition = serde_json::from_value(definition.clone()).unwrap();
            let entity = definition.validate().unwrap();
            create_entity(&database.owner, client, &entity).await.unwrap();
        }
        let relationship: Relationship = serde_json::from_value(relationship).unwrap();
        let written = create_companion(&database.owner, client, &relationship).await.unwrap();
        assert!(matches!(written, Written::Stored(1)), "{written:?}");
        Self { database, client }
    }

    async fn known(&self) -> ClientCatalog {
        load_one(&self.database.app, self.client).await.unwrap().unwrap()
    }

    async fn write(&self, entity: &str, events: &[Value]) {
        for events in events.chunks(100) {
            self.database.ingest(self.client, entity, events).await.unwrap();
        }
    }

    /// What a formula comes to, and whether it was read of the facts.
    async fn ask(&self, known: &ClientCatalog, asked: &Asked<'_>, formula: &str) -> BTreeMap<SeriesKey, Point> {
        let kpi = kpi(known, formula, asked.mode);
        let (from, to) = (BEGIN.parse().unwrap(), END.parse().unwrap());
        let request = Request {
            kpi: &kpi,
            period: asked.period,
            range: known.calendar.align(asked.period, Range { from, to }),
            filter: &asked.filter,
            by: &asked.by,
            now: to,
        };
        let answer = answer::ask(&self.database.app, self.client, known, &known.calendar, &request).await;
        answer.unwrap_or_else(|error| panic!("{formula}: {error}")).points
    }
}

fn kpi(known: &ClientCatalog, formula: &str, mode: Mode) -> Kpi {
    let definition = KpiDefinition {
        formula: formula.to_owned(),
        mode,
        ..KpiDefinition::named("ASKED", "ASKED")
    };
    let kpi = known.catalog.clone().add_kpi(definition);
    let kpi = kpi.unwrap_or_else(|problems| panic!("{formula}: {problems:?}"));
    Kpi::clone(&kpi)
}

/// How a formula is asked.
#[derive(Clone, Debug)]
struct Asked<'a> {
    mode: Mode,
    period: Period,
    filter: Filter,
    by: Vec<String>,
    dimension: &'a str,
}

fn total(values: &[Number]) -> Option<Number> {
    let (first, others) = values.split_first()?;
    let add = |sum: Number, value: &Number| sum.calculate(Arithmetic::Add, value);
    others.iter().try_fold(first.clone(), add)
}

/// Values that were rounded before they are added up are alike to 15 digits.
fn is_alike(one: Option<&Number>, other: Option<&Number>) -> bool {
    match one.zip(other) {
        Some((one, other)) => {
            let (one, other) = (one.to_float(), other.to_float());
            (one - other).abs() <= 1e-9 * one.abs().max(1.0)
        }
        None => one.is_none() && other.is_none(),
    }
}

/// Holds an expression for each value of a dimension against the same split by it; how many values were compared.
async fn check(bench: &Bench, known: &ClientCatalog, expression: &str, asked: &Asked<'_>) -> usize {
    let dimension = asked.dimension;
    let split = Asked {
        by: asked.by.iter().cloned().chain([dimension.to_owned()]).collect(),
        ..asked.clone()
    };
    let mut members: BTreeMap<SeriesKey, Vec<Number>> = BTreeMap::new();
    for ((bucket, mut group), point) in bench.ask(known, &split, expression).await {
        if point.facts > 0 {
            group.pop();
            members.entry((bucket, group)).or_default().extend(point.value);
        }
    }
    let formula = |function: &str| format!("{function}({expression}, {dimension})");
    let sums = bench.ask(known, asked, &formula("SUM_PER")).await;
    let counts = bench.ask(known, asked, &formula("COUNT_PER")).await;
    let greatest = bench.ask(known, asked, &formula("MAX_PER")).await;
    for (key, values) in &members {
        let told = format!("{expression} for each {dimension}, {asked:?}, {key:?}");
        let value = |points: &BTreeMap<SeriesKey, Point>| points.get(key).and_then(|point| point.value.clone());
        let [sum, count, most] = [&sums, &counts, &greatest].map(value);
        assert!(
            is_alike(sum.as_ref(), total(values).as_ref()),
            "{told}: {sum:?} of {values:?}"
        );
        assert_eq!(
            count,
            Some(Number::from(i64::try_from(values.len()).unwrap())),
            "{told}"
        );
        assert!(
            is_alike(most.as_ref(), values.iter().max()),
            "{told}: {most:?} of {values:?}"
        );
        assert!(sums[key].facts > 0, "{told}");
    }
    let others = sums.iter().filter(|(key, _)| !members.contains_key(*key));
    for (key, point) in others {
        assert_eq!(
            (&point.value, point.facts),
            (&None, 0),
            "{expression} {asked:?} {key:?}"
        );
    }
    members.values().filter(|values| values.len() > 1).count()
}

async fn check_all(bench: &Bench) {
    let known = bench.known().await;
    for (expression, dimension, mode) in EXPRESSIONS {
        let mut compared = 0;
        for (period, by, filter) in [
            (Period::Day, None, None),
            (Period::Week, Some("sector"), None),
            (Period::Month, None, Some(("symbol", ["A", "C", ""].as_slice()))),
            (Period::Day, Some("symbol"), Some(("sector", &["tech"]))),
        ] {
            let filter = filter.map(|(name, values)| {
                let values: BTreeSet<String> = values.iter().map(ToString::to_string).collect();
                (name.to_owned(), values)
            });
            let asked = Asked {
                mode,
                period,
                filter: filter.into_iter().collect(),
                by: by
                    .into_iter()
                    .filter(|by| *by != dimension)
                    .map(str::to_owned)
                    .collect(),
                dimension,
            };
            compared += check(bench, &known, expression, &asked).await;
        }
        assert!(compared > 3, "{expression}: {compared}");
    }
    // Of the days of a month the mean of what each has.
    let asked = |period: Period| Asked {
        mode: Mode::Exact,
        period,
        filter: Filter::new(),
        by: Vec::new(),
        dimension: "symbol",
    };
    let days = bench
        .ask(&known, &asked(Period::Day), "MAX_PER(SUM(Trade.volume), symbol)")
        .await;
    let april: Timestamp = "2026-04-01T00:00:00+02:00".parse().unwrap();
    let days = days.into_iter().filter(|((day, _), _)| *day >= april);
    let days: Vec<Number> = days.filter_map(|(_, point)| point.value).collect();
    let month = "SUM_PER(MAX_PER(SUM(Trade.volume), symbol), DAY)";
    let month = bench.ask(&known, &asked(Period::Month), month).await;
    assert!(days.len() > 1);
    assert_eq!(month[&(april, Vec::new())].value, total(&days));
}

fn trade(random: &mut fastrand::Rng) -> Value {
    let begin: Timestamp = BEGIN.parse().unwrap();
    let time = begin + SignedDuration::from_mins(random.i64(-24 * 60..9 * 24 * 60));
    json!({
        "time": time.to_string(), "symbol": random.choice(["A", "B", "C", "D", ""]).unwrap(),
        "sector": random.choice(["tech", "food", ""]).unwrap(), "price": random.i64(1..100), "volume": random.i64(1..9),
        "venue": format!("V{}", random.u8(..20)), "issuer": random.choice(["I-1", "I-2", "I-3", "I-4"]).unwrap(),
    })
}

fn position(random: &mut fastrand::Rng) -> Value {
    let begin: Timestamp = BEGIN.parse().unwrap();
    let time = begin + SignedDuration::from_mins(random.i64(-48 * 60..9 * 24 * 60));
    json!({
        "time": time.to_string(), "account": random.choice(["K", "L"]).unwrap(),
        // Of the last of them there is no trade.
        "symbol": random.choice(["A", "B", "C", "E"]).unwrap(), "sector": random.choice(["tech", "food"]).unwrap(),
        "quantity": random.i64(0..6),
    })
}

#[tokio::test]
async fn values_are_those_of_the_same_expression_split_by_the_dimension() {
    let relationship = json!({ "code": "TRADE_ISSUER", "from_entity": "Trade", "attribute": "issuer", "to_entity": "Issuer",
        "key": "id", "cardinality": "one", "resolved": "as_of_fact" });
    for server in servers() {
        let bench = Bench::open(&server, &definitions(), relationship.clone()).await;
        let mut random = fastrand::Rng::with_seed(11);
        let trades: Vec<Value> = std::iter::repeat_with(|| trade(&mut random)).take(TRADES).collect();
        let reports: Vec<Value> = std::iter::repeat_with(|| position(&mut random)).take(REPORTS).collect();
        let issuers = ["I-1", "I-2", "I-3"].map(|id| {
            let country = random.choice(["de", "us"]).unwrap();
            json!({ "time": BEGIN, "id": id, "country": country })
        });
        bench.write("Issuer", &issuers).await;
        bench.write("Trade", &trades[..TRADES / 2]).await;
        bench.write("Position", &reports).await;
        let now = END.parse().unwrap();
        facts::compact::run(&bench.database.owner, now).await.unwrap();
        bench.write("Trade", &trades[TRADES / 2..]).await;
        check_all(&bench).await;
        facts::compact::run(&bench.database.owner, now).await.unwrap();
        check_all(&bench).await;
        bench.database.drop_it().await.unwrap();
    }
}

/// Payments in dollars, and euros for each dollar, told when they change.
fn payments() -> [Value; 2] {
    [
        json!({ "code": "Payment", "domain": "money", "attributes": [
            { "name": "amount", "type": "decimal", "unit": "USD" }, { "name": "fee", "type": "decimal", "unit": "EUR" },
            { "name": "took", "type": "duration" }, { "name": "currency", "type": "text" }] }),
        json!({ "code": "Rate", "domain": "money", "state": ["currency"], "attributes": [
            { "name": "currency", "type": "text", "required": true }, { "name": "rate", "type": "decimal", "unit": "EUR/USD" }] }),
    ]
}

#[tokio::test]
async fn amounts_are_converted_by_the_rate_of_their_own_time() {
    let relationship = json!({ "code": "PAYMENT_CURRENCY", "from_entity": "Payment", "attribute": "currency", "to_entity": "Rate",
        "key": "currency", "cardinality": "one", "resolved": "as_of_fact" });
    for server in servers() {
        let bench = Bench::open(&server, &payments(), relationship.clone()).await;
        let rate = |time: &str, rate: &str| json!({ "time": time, "currency": "USD", "rate": rate });
        bench
            .write(
                "Rate",
                &[rate("2026-03-27T00:00:00Z", "0.9"), rate("2026-03-28T12:00:00Z", "0.8")],
            )
            .await;
        let payment = |time: &str, amount: &str, currency: &str| json!({ "time": time, "amount": amount, "fee": "1", "currency": currency });
        let payments = [
            // Before there was a rate, and of what there is none.
            payment("2026-03-26T10:00:00Z", "1000", "USD"),
            payment("2026-03-27T10:00:00Z", "1000", "CHF"),
            payment("2026-03-27T10:00:00Z", "100", "USD"),
            payment("2026-03-28T11:59:59Z", "10", "USD"),
            payment("2026-03-28T12:00:00Z", "1.5", "USD"),
        ];
        bench.write("Payment", &payments).await;
        let known = bench.known().await;
        for (formula, expected) in [
            // 100 * 0.9 + 10 * 0.9 + 1.5 * 0.8.
            ("SUM(Payment.amount * currency.rate)", "100.2"),
            ("SUM(Payment.amount * Payment.currency.rate) - SUM(Payment.fee)", "95.2"),
        ] {
            let asked = Asked {
                mode: Mode::Exact,
                period: Period::Month,
                filter: Filter::new(),
                by: Vec::new(),
                dimension: "",
            };
            let points = bench.ask(&known, &asked, formula).await;
            let march = points.into_values().next().unwrap();
            assert_eq!(
                march.value.map(|value| value.to_string()).as_deref(),
                Some(expected),
                "{formula}"
            );
            let kpi = kpi(&known, formula, Mode::Exact);
            assert_eq!(
                kpi.formula.unit().map(ToString::to_string).as_deref(),
                Some("EUR"),
                "{formula}"
            );
        }
        for (formula, hint) in [
            ("SUM(Payment.amount) + SUM(Payment.fee)", "currency.rate"),
            ("SUM(Payment.took) + SUM(Payment.amount)", "DAYS"),
            (
                "SUM(Payment.amount * currency.rate) + SUM(Payment.amount)",
                "currency.rate",
            ),
        ] {
            let definition = KpiDefinition {
                formula: formula.to_owned(),
                ..KpiDefinition::named("ASKED", "ASKED")
            };
            let problems = known.catalog.clone().add_kpi(definition).unwrap_err();
            let told = problems[0].hint.as_deref().unwrap_or_default();
            assert!(told.contains(hint), "{formula}: {problems:?}");
        }
        bench.database.drop_it().await.unwrap();
    }
}
