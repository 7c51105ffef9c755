//! Days and months of zones whose hours begin between those of UTC, over so long that most of their time is read by quarters of days and hours, and the rest by quarters of hours.

use std::collections::BTreeMap;

use catalog::{KpiDefinition, Level, Period};
use database::Edition;
use formula::Number;
use jiff::{SignedDuration, Timestamp};
use records::definitions;
use serde_json::Value;
use series::Range;
use series::plan::Filter;
use tests::answers::answered;
use tests::databases::servers;

use super::oracle::check_within;
use super::shop::{Shop, at, sale};

const PERIODS: [Period; 3] = [Period::Hour, Period::Day, Period::Month];
const DAYS: [Period; 1] = [Period::Day];

/// Rolled over a week.
const ROLLING: &str = "ROLLING_WEEK";

fn within() -> Range {
    Range {
        from: at("2025-06-01T12:00:00Z"),
        to: at("2026-05-10T12:00:00Z"),
    }
}

/// Sales of three months, some of them right before and after each quarter of the hours in which days begin, and none in the hour that Lord Howe cuts in two.
fn sales() -> Vec<Value> {
    let begin = at("2026-02-02T00:00:00Z");
    let sales = (0..240_i32).map(|number| {
        // Every 9 hours and 37 minutes; each third one at the edge of a quarter.
        let time = begin + SignedDuration::from_mins(577 * i64::from(number));
        let time = match number % 3 {
            0 => series::floor(Level::QuarterHour, time) - SignedDuration::from_micros(i64::from(number % 2)),
            _ => time,
        };
        let amount = format!("{}.{:02}", number * 7 % 190, number % 100);
        (format!("r{number}"), time, amount)
    });
    let cut = Range {
        from: at("2026-04-04T14:00:00Z"),
        to: at("2026-04-04T16:00:00Z"),
    };
    let sales = sales.filter(|(_, time, _)| !cut.holds(*time));
    sales
        .map(|(receipt, time, amount)| sale(&receipt, &time.to_string(), &amount, 2))
        .collect()
}

/// What the server makes of a week up to each day that has sales.
async fn rolling(shop: &Shop, zone: &str) -> BTreeMap<Timestamp, Option<Number>> {
    let sql = format!(
        "SELECT day::timestamp AT TIME ZONE '{zone}', trim_scale(sum(f.amount)::numeric)::text
         FROM (SELECT generate_series('2026-02-10'::timestamp, '2026-05-09', '1 day')::date AS day) AS days
         JOIN (SELECT *, (time AT TIME ZONE '{zone}')::date AS date FROM shop_data.sale WHERE client_id = '{}') AS f
             ON f.date BETWEEN day - 6 AND day
         GROUP BY day",
        shop.ours
    );
    let rows = shop.database.plain().await.unwrap().query(&sql, &[]).await.unwrap();
    let value = |row: &tokio_postgres::Row| row.get::<_, Option<&str>>(1).map(answered);
    rows.iter().map(|row| (row.get(0), value(row))).collect()
}

async fn check(shop: &Shop, zone: &str, periods: &[Period], step: &str) -> Vec<String> {
    let mut answers = check_within(shop, (shop.ours, zone), within(), periods, step).await;
    let expected = rolling(shop, zone).await;
    let told = shop
        .ask(shop.ours, ROLLING, Period::Day, within(), &Filter::new(), &[])
        .await;
    assert!(expected.len() > 80, "{zone} {step}: {} days", expected.len());
    for (day, value) in expected {
        let point = &told[&(day, Vec::new())];
        assert_eq!(point.value, value, "{zone} {step}: a week up to {day}");
        answers.push(format!("{step}: {day} {value:?}"));
    }
    answers
}

async fn open(server: &str, zone: &str, key: &[&str]) -> Shop {
    let shop = Shop::open(server, zone, key).await;
    let mut kpi = KpiDefinition::named(ROLLING, ROLLING);
    kpi.formula = "ROLLING(SUM(Sale.amount), 7)".to_owned();
    definitions::create_kpi(&shop.database.owner, shop.ours, &kpi)
        .await
        .unwrap();
    shop
}

/// Whether the plan of two months by day reads what it should.
async fn is_read_by_hours_and_quarters(shop: &Shop) {
    let known = shop.definitions(shop.ours).await;
    let request = series::Request {
        kpi: known.catalog.kpi("REVENUE").unwrap(),
        period: Period::Day,
        range: known.calendar.align(Period::Day, within()),
        filter: &Filter::new(),
        by: &[],
        now: Timestamp::MAX,
    };
    let answer = answer::ask(&shop.database.app, shop.ours, &known, &known.calendar, &request)
        .await
        .unwrap();
    let levels: Vec<Level> = answer.plan.iter().map(|step| step.level).collect();
    assert_eq!(levels, [Level::QuarterDay, Level::Hour, Level::QuarterHour]);
    assert!(answer.plan.iter().all(|step| !step.raw));
}

async fn in_each_zone(zones: &[&str], key: &[&str]) {
    for zone in zones {
        let mut first: Option<Vec<String>> = None;
        for server in servers() {
            let shop = open(&server, zone, key).await;
            shop.sell(shop.ours, &sales()).await;
            shop.sell(shop.theirs, &sales()[..30]).await;
            is_read_by_hours_and_quarters(&shop).await;
            let mut answers = check(&shop, zone, &DAYS, "not compacted").await;
            shop.compact("2026-03-20T18:40:30Z").await;
            answers.extend(check(&shop, zone, &DAYS, "half is compacted").await);
            shop.compact("2026-06-01T00:00:00Z").await;
            answers.extend(check(&shop, zone, &PERIODS, "compacted").await);
            // Late ones, of which one is in the hour that is cut; of a keyed entity some that are there already.
            let late = [
                sale("r5", "2026-02-03T18:20:00Z", "999", 1),
                sale("late", "2026-03-18T18:44:59.999999Z", "0.5", 1),
                sale("later", "2026-03-18T13:31:00Z", "12", 3),
                sale("r7", "2026-04-20T18:29:59Z", "77", 1),
            ];
            shop.sell(shop.ours, &late).await;
            answers.extend(check(&shop, zone, &PERIODS, "with late ones").await);
            shop.compact("2026-06-01T00:00:00Z").await;
            answers.extend(check(&shop, zone, &DAYS, "all is compacted").await);
            shop.database.drop_it().await.unwrap();
            match &first {
                None => first = Some(answers),
                Some(first) => assert_eq!(first, &answers, "{server} answers differently"),
            }
        }
    }
}

#[tokio::test]
async fn days_that_begin_within_an_hour_are_those_of_the_facts() {
    in_each_zone(&["Asia/Kolkata", "Asia/Kathmandu"], &[]).await;
}

#[tokio::test]
async fn days_that_begin_within_two_hours_are_those_of_the_facts() {
    in_each_zone(&["Australia/Adelaide", "America/St_Johns"], &[]).await;
}

#[tokio::test]
async fn days_of_clocks_that_are_changed_by_half_an_hour_are_those_of_the_facts() {
    in_each_zone(&["Australia/Lord_Howe"], &[]).await;
}

#[tokio::test]
async fn facts_that_are_replaced_are_in_no_quarter_of_an_hour() {
    in_each_zone(&["Asia/Kolkata", "Australia/Adelaide"], &["receipt"]).await;
}

/// Rows of the grouping that is kept by hour, in the tables of a level (Apache edition).
async fn rows_by_hour(shop: &Shop, level: Level) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM volume_1.{level}_rows r JOIN core.entities e ON e.client_id = r.client_id AND e.id = r.entity_id
         WHERE e.layout->'groupings'->r.grouping_id::int->>'finest' = 'hour'"
    );
    shop.database
        .plain()
        .await
        .unwrap()
        .query_one(&sql, &[])
        .await
        .unwrap()
        .get(0)
}

/// No level has rows of groupings that are kept from a coarser one on.
async fn has_only_what_is_kept(shop: &Shop, edition: Edition) {
    if edition == Edition::Community {
        return;
    }
    for level in Level::ALL {
        let rows = rows_by_hour(shop, level).await;
        assert_eq!(rows > 0, level >= Level::Hour, "{level}: {rows} rows");
    }
}

/// A database of the version before, that has rollups and not these levels.
#[tokio::test]
async fn quarters_of_an_hour_are_made_from_what_there_is() {
    let zone = "Asia/Kolkata";
    for server in servers() {
        for key in [&[][..], &["receipt"]] {
            let shop = open(&server, zone, key).await;
            shop.sell(shop.ours, &sales()).await;
            shop.sell(shop.theirs, &sales()[..30]).await;
            shop.compact("2026-04-20T18:40:30Z").await;
            let plain = shop.database.plain().await.unwrap();
            let edition = shop.database.app.session().await.unwrap().edition().await.unwrap();
            let drop = match edition {
                Edition::Apache => "DROP VIEW volume_1.$ CASCADE; DROP TABLE volume_1.$_rows",
                Edition::Community => "DROP MATERIALIZED VIEW volume_1.$ CASCADE",
            };
            for level in [Level::QuarterHour, Level::QuarterDay] {
                plain.batch_execute(&drop.replace('$', level.name())).await.unwrap();
            }
            shop.database.migrate().await.unwrap();
            has_only_what_is_kept(&shop, edition).await;
            let before = check(&shop, zone, &PERIODS, "migrated").await;
            shop.compact("2026-06-01T00:00:00Z").await;
            let after = check(&shop, zone, &PERIODS, "migrated").await;
            assert_eq!(before, after, "upkeep changes no answer");
            has_only_what_is_kept(&shop, edition).await;
            shop.sell(shop.ours, &[sale("r9", "2026-03-01T18:35:00Z", "4", 1)])
                .await;
            check(&shop, zone, &DAYS, "and goes on").await;
            let view = "SELECT count(*) FROM kpi_data.kpi_values_quarter_hour";
            plain.query_one(view, &[]).await.unwrap();
            shop.database.migrate().await.unwrap();
            check(&shop, zone, &DAYS, "migrated again").await;
            shop.database.drop_it().await.unwrap();
        }
    }
}
