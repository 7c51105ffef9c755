//! `docs/market-data.md` holds: what it defines, sends and asks has the figures of its tables, and its measures of risk those of pandas.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{EntityDefinition, KpiDefinition, Period};
use facts::batch::Batch;
use facts::ingest::{self, Effort};
use records::definitions;
use series::plan::Filter;
use series::{Mapper, Range, Request};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

const MANUAL: &str = include_str!("../../../docs/market-data.md");

/// A block of the manual in a language.
fn block(language: &str) -> &'static str {
    let begin = format!("```{language}\n");
    let (_, rest) = MANUAL.split_once(&begin).unwrap();
    rest.split_once("```").unwrap().0
}

/// The tables of the manual: the cells of all rows, without the line of dashes.
fn tables() -> Vec<Vec<Vec<String>>> {
    let cells = |line: &str| {
        let row = line.strip_prefix("| ").unwrap().trim_end_matches('|').split(" | ");
        row.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let blocks = MANUAL.split("\n\n").filter(|block| block.starts_with("| "));
    blocks
        .map(|block| {
            let mut rows: Vec<Vec<String>> = block.lines().map(cells).collect();
            rows.remove(1);
            rows
        })
        .collect()
}

async fn traders(database: &TestDatabase, kpis: &[Vec<String>]) -> Uuid {
    let client = database.client("traders", "UTC").await.unwrap();
    let entity: EntityDefinition = serde_json::from_str(block("json")).unwrap();
    let entity = entity.validate().unwrap();
    definitions::create_entity(&database.owner, client, &entity)
        .await
        .unwrap();
    for row in kpis {
        let mut kpi = KpiDefinition::named(&row[0], &row[0]);
        kpi.formula.clone_from(&row[1]);
        let written = definitions::create_kpi(&database.owner, client, &kpi).await.unwrap();
        assert_eq!(written, definitions::Written::Stored(1), "{row:?}");
    }
    client
}

/// Sends some of the trades as one batch.
async fn trade(database: &TestDatabase, client: Uuid, trades: &[&str]) {
    let known = definitions::load_one(&database.app, client).await.unwrap().unwrap();
    let placed = &known.placed["Trade"];
    let mapper = Mapper::new(placed.entity.clone());
    let now = platform::clock::now();
    let facts = trades.iter().map(|trade| mapper.json(now, trade).unwrap());
    let batch = Batch::of(Uuid::now_v7(), facts);
    ingest::ingest(&database.app, client, placed, "test", &[batch], Effort::default())
        .await
        .unwrap();
}

/// Holds a table against what is answered: its header says of which symbol it is, by which period, and which KPIs.
async fn holds(database: &TestDatabase, client: Uuid, table: &[Vec<String>]) {
    let [symbol, _, period] = table[0][0].split(' ').collect::<Vec<_>>()[..] else {
        unreachable!("{:?}", table[0]);
    };
    let known = definitions::load_one(&database.app, client).await.unwrap().unwrap();
    let period: Period = period.parse().unwrap();
    let range = Range {
        from: "2026-03-01T00:00:00Z".parse().unwrap(),
        to: "2026-04-01T00:00:00Z".parse().unwrap(),
    };
    let filter = Filter::from([("symbol".to_owned(), BTreeSet::from([symbol.to_owned()]))]);
    for (column, code) in table[0].iter().enumerate().skip(1) {
        let request = Request {
            kpi: known.catalog.kpi(code).unwrap(),
            period,
            range: known.calendar.align(period, range),
            filter: &filter,
            by: &[],
            now: range.to,
        };
        let answer = answer::ask(&database.app, client, &known, &known.calendar, &request).await;
        let points = answer.unwrap().points.into_iter();
        let told: BTreeMap<String, Option<String>> = points
            .map(|((bucket, _), point)| {
                let value = point.value.map(|value| value.to_string());
                (bucket.to_string(), value)
            })
            .collect();
        let rows = table[1..].iter();
        let expected: BTreeMap<String, Option<String>> =
            rows.map(|row| (row[0].clone(), Some(row[column].clone()))).collect();
        assert_eq!(told, expected, "{code} of {symbol} by {period}");
    }
}

#[tokio::test]
async fn open_high_low_close_volume_and_vwap_are_those_of_the_manual() {
    let tables = tables();
    let (kpis, figures) = tables.split_first().unwrap();
    let (_, figures) = figures.split_last().unwrap();
    assert_eq!((kpis[0][0].as_str(), figures.len()), ("KPI", 4));
    let trades: Vec<&str> = block("ndjson").lines().collect();
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = traders(&database, &kpis[1..]).await;
        let (early, late) = trades.split_at(trades.len() / 2);
        trade(&database, client, early).await;
        facts::compact::run(&database.owner, "2026-03-27T11:30:00Z".parse().unwrap())
            .await
            .unwrap();
        trade(&database, client, late).await;
        for now in ["2026-03-27T12:00:00Z", "2026-05-01T00:00:00Z"] {
            for table in figures {
                holds(&database, client, table).await;
            }
            facts::compact::run(&database.owner, now.parse().unwrap())
                .await
                .unwrap();
        }
        for table in figures {
            holds(&database, client, table).await;
        }
        database.drop_it().await.unwrap();
    }
}

/// Trades of two symbols on the weekdays of 150 days, on some days none; their prices walk at random.
fn walk() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut prices = [("ACME", 10_000_i64), ("MARKET", 500_000)];
    let first: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut trades = Vec::new();
    for day in (0..150_i64).filter(|day| ![1, 2].contains(&((day + 5) % 7))) {
        for (symbol, price) in &mut prices {
            if random.u8(..) < 20 {
                continue;
            }
            for _ in 0..random.i64(1..6) {
                *price += *price * random.i64(-30..31) / 1_000;
                let at = first + jiff::SignedDuration::from_secs(day * 86_400 + random.i64(30_000..70_000));
                let (whole, cents) = (*price / 100, *price % 100);
                trades.push(format!(
                    r#"{{ "at": "{at}", "symbol": "{symbol}", "price": "{whole}.{cents:02}", "volume": 1 }}"#
                ));
            }
        }
    }
    trades
}

/// What pandas says of trades, by month and KPI.
fn reference(trades: &[String]) -> BTreeMap<String, BTreeMap<String, Option<f64>>> {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/integration/conformance/market/reference.py"
    );
    let mut process = std::process::Command::new(tests::required("TEST_PYTHON"))
        .arg(script)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, trades.join("\n").as_bytes()).unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn measures_of_risk_are_those_of_pandas() {
    let trades = walk();
    let expected = reference(&trades);
    assert_eq!(expected.len(), 5, "months");
    let tables = tables();
    let returns = ["ACME", "MARKET"].map(|symbol| {
        let price = format!("LAST(Trade.price WHERE symbol = '{symbol}')");
        let code = if symbol == "ACME" { "RETURN" } else { "MARKET_RETURN" };
        vec![
            code.to_owned(),
            format!("{price} / PREVIOUS(ROLLING({price}, 10, DAY)) - 1"),
        ]
    });
    let kpis: Vec<Vec<String>> = returns
        .into_iter()
        .chain(tables.last().unwrap()[1..].iter().cloned())
        .collect();
    let range = Range {
        from: "2026-01-01T00:00:00Z".parse().unwrap(),
        to: "2026-06-01T00:00:00Z".parse().unwrap(),
    };
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = traders(&database, &kpis).await;
        let trades: Vec<&str> = trades.iter().map(String::as_str).collect();
        for part in trades.chunks(400) {
            trade(&database, client, part).await;
        }
        let known = definitions::load_one(&database.app, client).await.unwrap().unwrap();
        let filter = Filter::new();
        for code in expected["2026-03"].keys() {
            let request = Request {
                kpi: known.catalog.kpi(code).unwrap(),
                period: Period::Month,
                range,
                filter: &filter,
                by: &[],
                now: range.to,
            };
            let answer = answer::ask(&database.app, client, &known, &known.calendar, &request).await;
            let points = answer.unwrap().points;
            assert_eq!(points.len(), expected.len(), "{code}");
            for ((start, _), point) in points {
                let value = point.value.map(|value| value.to_float());
                let wanted = expected[&start.strftime("%Y-%m").to_string()][code];
                let (value, wanted) = value
                    .zip(wanted)
                    .unwrap_or_else(|| panic!("{code} of {start}: {value:?}, {wanted:?}"));
                assert!(
                    (value - wanted).abs() <= 1e-9 * wanted.abs().max(1e-3),
                    "{code} of {start}: {value}, {wanted}"
                );
                assert!(point.facts > 0, "{code} of {start}");
            }
        }
        database.drop_it().await.unwrap();
    }
}
