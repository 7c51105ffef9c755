//! `docs/market-data.md` holds: what it defines, sends and asks has the figures of its tables, and its measures of risk and of portfolios those of pandas.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{EntityDefinition, KpiDefinition, Period};
use records::definitions;
use series::plan::Filter;
use series::{Range, Request};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

const MANUAL: &str = include_str!("../../../docs/market-data.md");

/// The blocks of the manual in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    let rest = MANUAL.split(begin.as_str()).skip(1);
    rest.map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// The rows of the table of the manual with this word above its first column, without its header.
fn kpis(header: &str) -> Vec<Vec<String>> {
    let mut tables = tables().into_iter();
    let mut table = tables.find(|table| table[0][0] == header).unwrap();
    table.remove(0);
    table
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
    for definition in blocks("json") {
        let entity: EntityDefinition = serde_json::from_str(definition).unwrap();
        let entity = entity.validate().unwrap();
        definitions::create_entity(&database.owner, client, &entity)
            .await
            .unwrap();
    }
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
    send(database, client, "Trade", trades).await;
}

async fn send(database: &TestDatabase, client: Uuid, entity: &str, trades: &[&str]) {
    database.ingest(client, entity, trades).await.unwrap();
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
    let figures: Vec<_> = tables
        .iter()
        .filter(|table| table[0].contains(&"OPEN".to_owned()))
        .collect();
    assert_eq!(figures.len(), 4);
    let trades: Vec<&str> = blocks("ndjson")[0].lines().collect();
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = traders(&database, &kpis("KPI")).await;
        let (early, late) = trades.split_at(trades.len() / 2);
        trade(&database, client, early).await;
        facts::compact::run(&database.owner, "2026-03-27T11:30:00Z".parse().unwrap())
            .await
            .unwrap();
        trade(&database, client, late).await;
        for now in ["2026-03-27T12:00:00Z", "2026-05-01T00:00:00Z"] {
            for table in &figures {
                holds(&database, client, table).await;
            }
            facts::compact::run(&database.owner, now.parse().unwrap())
                .await
                .unwrap();
        }
        for table in figures.iter() {
            holds(&database, client, table).await;
        }
        database.drop_it().await.unwrap();
    }
}

/// The symbols whose prices walk, each with its sector.
const SYMBOLS: [(&str, &str); 4] = [
    ("ACME", "tools"),
    ("MARKET", "index"),
    ("ZEN", "food"),
    ("BOLT", "tools"),
];

/// Trades of these on the weekdays of 150 days, on some days none; their prices walk at random.
fn walk() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut prices = SYMBOLS.map(|(symbol, sector)| (symbol, sector, random.i64(5_000..500_000)));
    let first: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut trades = Vec::new();
    for day in (0..150_i64).filter(|day| ![1, 2].contains(&((day + 5) % 7))) {
        for (symbol, sector, price) in &mut prices {
            if random.u8(..) < 20 {
                continue;
            }
            for _ in 0..random.i64(1..6) {
                *price += *price * random.i64(-30..31) / 1_000;
                let at = first + jiff::SignedDuration::from_secs(day * 86_400 + random.i64(30_000..70_000));
                let (whole, cents) = (*price / 100, *price % 100);
                trades.push(format!(
                    r#"{{ "at": "{at}", "symbol": "{symbol}", "sector": "{sector}", "price": "{whole}.{cents:02}", "volume": 1 }}"#
                ));
            }
        }
    }
    trades
}

/// What two accounts hold of them, told again and again; one of the symbols is not held, and one that is held has no trades.
fn holdings() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(8);
    let first: jiff::Timestamp = "2025-12-20T00:00:00Z".parse().unwrap();
    let held = [("ACME", "tools"), ("ZEN", "food"), ("BOLT", "tools"), ("OLD", "food")];
    let mut told = Vec::new();
    for account in ["K", "L"] {
        for (symbol, sector) in held {
            for month in 0..5 {
                let at = first + jiff::SignedDuration::from_mins(month * 30 * 1_440 + random.i64(0..10_000));
                let quantity = random.i64(0..50);
                told.push(format!(
                    r#"{{ "at": "{at}", "account": "{account}", "symbol": "{symbol}", "sector": "{sector}", "quantity": {quantity} }}"#
                ));
            }
        }
    }
    told
}

/// By bucket, and by KPI, pair or sector.
type Figures = BTreeMap<String, BTreeMap<String, Option<f64>>>;

/// What pandas says of trades and positions: of each kind its figures.
fn reference(trades: &[String]) -> BTreeMap<String, Figures> {
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
    let all = [trades, &holdings()].concat();
    std::io::Write::write_all(&mut input, all.join("\n").as_bytes()).unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn measures_of_risk_are_those_of_pandas() {
    let trades = walk();
    let expected = &reference(&trades)["risk"];
    assert_eq!(expected.len(), 5, "months");
    let returns = ["ACME", "MARKET"].map(|symbol| {
        let price = format!("LAST(Trade.price WHERE symbol = '{symbol}')");
        let code = if symbol == "ACME" { "RETURN" } else { "MARKET_RETURN" };
        vec![
            code.to_owned(),
            format!("{price} / PREVIOUS(ROLLING({price}, 10, DAY)) - 1"),
        ]
    });
    let kpis: Vec<Vec<String>> = returns.into_iter().chain(kpis("KPI of risk")).collect();
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

/// A KPI for the return of each symbol, and for the correlation of each two of them.
fn correlations() -> Vec<Vec<String>> {
    let row = |code: String, formula: String| vec![code, formula];
    let mut kpis = Vec::new();
    for (symbol, _) in SYMBOLS {
        let price = format!("LAST(Trade.price WHERE symbol = '{symbol}')");
        let formula = format!("{price} / PREVIOUS(ROLLING({price}, 10, DAY)) - 1");
        kpis.push(row(format!("RETURN_{symbol}"), formula));
    }
    for (place, (one, _)) in SYMBOLS.iter().enumerate() {
        for (other, _) in &SYMBOLS[place + 1..] {
            let formula = format!("CORRELATION_PER(RETURN_{one}, RETURN_{other}, DAY)");
            kpis.push(row(format!("{one}_{other}"), formula));
        }
    }
    kpis
}

/// What a KPI comes to by a period, by bucket and group, as floats.
async fn floats(
    database: &TestDatabase,
    known: &definitions::ClientCatalog,
    client: Uuid,
    (code, period, by): (&str, Period, &[String]),
) -> BTreeMap<(String, String), Option<f64>> {
    let range = Range {
        from: "2026-01-01T00:00:00Z".parse().unwrap(),
        to: "2026-06-01T00:00:00Z".parse().unwrap(),
    };
    let filter = Filter::new();
    let request = Request {
        kpi: known.catalog.kpi(code).unwrap(),
        period,
        range: known.calendar.align(period, range),
        filter: &filter,
        by,
        now: range.to,
    };
    let answer = answer::ask(&database.app, client, known, &known.calendar, &request).await;
    let points = answer
        .unwrap_or_else(|error| panic!("{code} by {period}: {error}"))
        .points;
    let float = |((start, group), point): (series::SeriesKey, series::Point)| {
        let start = start.strftime("%Y-%m-%d").to_string();
        ((start, group.concat()), point.value.map(|value| value.to_float()))
    };
    points.into_iter().map(float).collect()
}

/// Holds figures against pandas'; how many have a value.
fn is_like(
    code: &str,
    wanted: &BTreeMap<(String, String), Option<f64>>,
    found: &BTreeMap<(String, String), Option<f64>>,
) -> usize {
    for (key, wanted) in wanted {
        let value = found.get(key).copied().flatten();
        let is_like = match value.zip(*wanted) {
            Some((value, wanted)) => (value - wanted).abs() <= 1e-9 * wanted.abs().max(1e-3),
            None => value.is_none() && wanted.is_none(),
        };
        assert!(is_like, "{code} of {key:?}: {value:?}, {wanted:?}");
    }
    wanted.values().flatten().count()
}

#[tokio::test]
async fn breadth_portfolios_attribution_and_correlations_are_those_of_pandas() {
    let trades = walk();
    let expected = reference(&trades);
    let many = kpis("KPI of many symbols");
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = traders(&database, &[many.clone(), correlations()].concat()).await;
        let trades: Vec<&str> = trades.iter().map(String::as_str).collect();
        for part in trades.chunks(400) {
            trade(&database, client, part).await;
        }
        let holdings = holdings();
        let holdings: Vec<&str> = holdings.iter().map(String::as_str).collect();
        send(&database, client, "Position", &holdings).await;
        facts::compact::run(&database.owner, "2026-05-01T00:00:00Z".parse().unwrap())
            .await
            .unwrap();
        let known = definitions::load_one(&database.app, client).await.unwrap().unwrap();
        let of_code = |figures: &Figures, code: &str| -> BTreeMap<(String, String), Option<f64>> {
            let figures = figures.iter().filter(|(_, of)| of.contains_key(code));
            figures
                .map(|(start, of)| ((start.clone(), String::new()), of[code]))
                .collect()
        };
        for period in [Period::Day, Period::Week, Period::Month] {
            let figures = &expected[period.name()];
            for code in many.iter().map(|row| row[0].as_str()) {
                let wanted = of_code(figures, code);
                let found = floats(&database, &known, client, (code, period, &[])).await;
                assert!(is_like(code, &wanted, &found) > 3, "{code} by {period}: {wanted:?}");
            }
        }
        for by in ["symbol", "sector"] {
            let figures = expected[by].iter();
            let wanted =
                figures.flat_map(|(start, of)| of.iter().map(|(group, gain)| ((start.clone(), group.clone()), *gain)));
            let asked = ("PORTFOLIO_GAIN", Period::Month, &[by.to_owned()][..]);
            let found = floats(&database, &known, client, asked).await;
            assert!(is_like(by, &wanted.collect(), &found) >= 8);
        }
        for row in &correlations()[SYMBOLS.len()..] {
            let wanted = of_code(&expected["correlation"], &row[0]);
            let found = floats(&database, &known, client, (&row[0], Period::Month, &[])).await;
            assert_eq!(is_like(&row[0], &wanted, &found), 5, "{}", row[0]);
        }
        database.drop_it().await.unwrap();
    }
}
