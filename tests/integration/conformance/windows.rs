//! Formulas over other periods against plain SQL: on every edition, in zones that are odd, before and after compaction, with late facts, as a series, as single values
//! and beside each other in one statement.

use std::collections::BTreeMap;

use answer::Batch;
use catalog::{KpiDefinition, Period};
use formula::Number;
use jiff::Timestamp;
use records::definitions;
use series::plan::Filter;
use series::{Range, Request};
use tests::answers::answered;
use tests::databases::servers;

use super::scenarios::a_day;
use super::shop::{Shop, at, sale};

/// A formula by day; which facts count for the day `day`, by their local date `f.date`, in SQL; and its value over them. Where the day has no counterpart, `exists` is
/// false.
struct Case {
    formula: &'static str,
    counts: &'static str,
    value: &'static str,
    exists: &'static str,
}

const fn case(formula: &'static str, counts: &'static str, value: &'static str) -> Case {
    Case {
        formula,
        counts,
        value,
        exists: "true",
    }
}

const SUM: &str = "sum(amount)";
const COUNT: &str = "count(f.time)";

const CASES: [Case; 9] = [
    case("PREVIOUS(SUM(Sale.amount))", "f.date = day - 1", SUM),
    case("PREVIOUS(COUNT(Sale), 2, WEEK)", "f.date = day - 14", COUNT),
    Case {
        exists: "extract(day from day) <= 28",
        ..case(
            "PREVIOUS(COUNT(Sale), 1, MONTH)",
            "f.date = (day - interval '1 month')::date",
            COUNT,
        )
    },
    // A rolling maximum is of the facts, whatever rollup they are read from: cube #8745.
    case(
        "ROLLING(MAX(Sale.amount), 3)",
        "f.date BETWEEN day - 2 AND day",
        "max(amount)",
    ),
    case("ROLLING(COUNT(Sale), 10, DAY)", "f.date BETWEEN day - 9 AND day", COUNT),
    case(
        "TO_DATE(SUM(Sale.amount), MONTH)",
        "date_trunc('month', f.date) = date_trunc('month', day) AND f.date <= day",
        SUM,
    ),
    case("CUMULATIVE(COUNT(Sale))", "f.date <= day", COUNT),
    case(
        "ROLLING(AVG(Sale.amount), 2)",
        "f.date BETWEEN day - 1 AND day",
        "sum(amount)::numeric(60, 30) / nullif(count(amount), 0)",
    ),
    case(
        "PREVIOUS(TO_DATE(COUNT(Sale), WEEK))",
        "date_trunc('week', f.date) = date_trunc('week', day - 1) AND f.date <= day - 1",
        COUNT,
    ),
];

const FIRST: &str = "2026-03-27";
const LAST: &str = "2026-04-01";

fn code(number: usize) -> String {
    format!("OVER_{number}")
}

/// What SQL says of each day from the first to the last.
async fn expected(shop: &Shop, zone: &str, case: &Case) -> BTreeMap<Timestamp, Option<Number>> {
    let plain = shop.database.plain().await.unwrap();
    let Case {
        counts, value, exists, ..
    } = case;
    let sql = format!(
        "SELECT day::timestamp AT TIME ZONE '{zone}', trim_scale((CASE WHEN {exists} THEN {value} END)::numeric)::text
         FROM (SELECT generate_series('{FIRST}'::timestamp, '{LAST}', '1 day')::date AS day) AS days
         LEFT JOIN (SELECT *, (time AT TIME ZONE '{zone}')::date AS date FROM shop_data.sale WHERE client_id = '{}') AS f ON {counts}
         GROUP BY day",
        shop.ours
    );
    let rows = plain
        .query(&sql, &[])
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let value = |row: &tokio_postgres::Row| row.get::<_, Option<&str>>(1).map(answered);
    rows.iter().map(|row| (row.get(0), value(row))).collect()
}

/// Asks each case as a series, each day by itself, and all cases in one statement.
async fn check(shop: &Shop, zone: &str, step: &str) {
    let definitions = shop.definitions(shop.ours).await;
    let filter = Filter::new();
    let range = Range {
        from: at(&format!("{FIRST}T12:00:00Z")),
        to: at(&format!("{LAST}T12:00:00Z")),
    };
    let range = definitions.calendar.align(Period::Day, range);
    let codes: Vec<String> = (0..CASES.len()).map(code).collect();
    let requests: Vec<Request<'_>> = codes
        .iter()
        .map(|code| Request {
            kpi: definitions.catalog.kpi(code).unwrap(),
            period: Period::Day,
            range,
            filter: &filter,
            by: &[],
            now: range.to,
        })
        .collect();
    let mut batch = Batch::default();
    let asked: Vec<_> = requests
        .iter()
        .map(|request| {
            batch
                .add(shop.ours, &definitions, &definitions.calendar, request)
                .unwrap()
        })
        .collect();
    let session = shop.database.app.session_at(definitions.residence).await.unwrap();
    let answers = batch.read(&session, shop.ours).await.unwrap();
    drop(session);
    for ((number, case), (request, asked)) in CASES.iter().enumerate().zip(requests.iter().zip(&asked)) {
        let expected = expected(shop, zone, case).await;
        let place = format!("{step} in {zone}: {}", case.formula);
        let told = answers.points(asked, request).unwrap();
        let empty = series::answer::empty(request);
        let series = shop
            .ask(shop.ours, &code(number), Period::Day, range, &filter, &[])
            .await;
        assert_eq!(series, told, "{place}: alone and beside others");
        for (day, value) in expected {
            let key = (day, Vec::new());
            let point = told.get(&key).unwrap_or(&empty);
            assert_eq!(point.value, value, "{place}: {day}");
            let to = definitions.calendar.next(Period::Day, day);
            let only = Range { from: day, to };
            let alone = shop
                .ask(shop.ours, &code(number), Period::Day, only, &filter, &[])
                .await;
            assert_eq!(alone.get(&key), told.get(&key), "{place}: {day} by itself");
        }
    }
}

#[tokio::test]
async fn formulas_over_other_periods_are_those_of_the_facts() {
    for server in servers() {
        for zone in ["UTC", "Europe/Berlin", "Asia/Kathmandu"] {
            let shop = Shop::open(&server, zone, &[]).await;
            for (number, case) in CASES.iter().enumerate() {
                let mut kpi = KpiDefinition::named(code(number), code(number));
                kpi.formula = case.formula.to_owned();
                definitions::create_kpi(&shop.database.owner, shop.ours, &kpi)
                    .await
                    .unwrap();
            }
            let mut earlier = a_day();
            for (number, date) in ["02-26", "02-28", "03-01", "03-13", "03-18", "03-22", "03-26", "03-30"]
                .iter()
                .enumerate()
            {
                let time = format!("2026-{date}T{:02}:29:00Z", 3 * number);
                earlier.push(sale(date, &time, &format!("{}.5", 40 * number), 1));
            }
            shop.sell(shop.ours, &earlier).await;
            shop.sell(shop.theirs, &earlier).await;
            check(&shop, zone, "not compacted").await;
            shop.compact("2026-04-02T00:00:00Z").await;
            check(&shop, zone, "compacted").await;
            let late = sale("late", "2026-03-18T22:10:00Z", "999", 1);
            shop.sell(shop.ours, &[late]).await;
            check(&shop, zone, "with a late one").await;
            shop.database.drop_it().await.unwrap();
        }
    }
}
