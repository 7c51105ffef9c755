//! Plain SQL over the facts, sharing nothing with what it checks but the database.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Period;
use formula::Number;
use jiff::Timestamp;
use series::Range;
use series::plan::Filter;
use tests::answers::answered;
use uuid::Uuid;

use super::shop::{KPIS, Shop, range};

/// What is asked of every KPI and period: a filter and dimensions to split by.
fn questions() -> Vec<(Filter, Vec<String>)> {
    let filter = |name: &str, values: &[&str]| {
        Filter::from([(
            name.to_owned(),
            values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>(),
        )])
    };
    let by = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    vec![
        (Filter::new(), by(&[])),
        (Filter::new(), by(&["region"])),
        (filter("region", &["north"]), by(&[])),
        (filter("big", &["true"]), by(&["region"])),
        (filter("region", &["south", ""]), by(&[])),
        // No grouping has the till: these go to the facts.
        (filter("till", &["1"]), by(&["till"])),
    ]
}

/// Asks everything both ways, compares, and returns the answers, which must be alike on every edition.
pub(super) async fn check(shop: &Shop, client: Uuid, zone: &str, step: &str) -> Vec<String> {
    check_within(shop, (client, zone), range(), &Period::ALL, step).await
}

/// The same of some time, by some periods.
pub(super) async fn check_within(
    shop: &Shop,
    (client, zone): (Uuid, &str),
    within: Range,
    periods: &[Period],
    step: &str,
) -> Vec<String> {
    let plain = shop.database.plain().await.unwrap();
    let mut answers = Vec::new();
    for (code, _, sql) in KPIS {
        for period in periods.iter().copied() {
            for (filter, by) in questions() {
                let told = shop.ask(client, code, period, within, &filter, &by).await;
                let expected = expected(&plain, (client, zone), (sql, period, within), &filter, &by).await;
                let place = format!("{step}: {code} by {} {by:?} {filter:?}", period.name());
                assert_eq!(
                    told.keys().collect::<Vec<_>>(),
                    expected.keys().collect::<Vec<_>>(),
                    "{place}: buckets"
                );
                for (key, (value, facts)) in expected {
                    let point = &told[&key];
                    assert_eq!(point.facts, facts, "{place} {key:?}: facts");
                    assert_eq!(point.value, value, "{place} {key:?}: value");
                    answers.push(format!("{place} {key:?} {point:?}"));
                }
            }
        }
    }
    answers
}

type Expected = BTreeMap<(Timestamp, Vec<String>), (Option<Number>, i64)>;

async fn expected(
    plain: &tokio_postgres::Client,
    (client, zone): (Uuid, &str),
    (sql, period, within): (&str, Period, Range),
    filter: &Filter,
    by: &[String],
) -> Expected {
    let bucket = match period {
        Period::Minute => "date_trunc('minute', time, 'UTC')".to_owned(),
        // What clocks show at the full hour, less what they are ahead of UTC: the server's own answer would be one hour for the two of an autumn night.
        Period::Hour => format!(
            "(date_trunc('hour', time AT TIME ZONE '{zone}') - (time AT TIME ZONE '{zone}' - time AT TIME ZONE 'UTC')) AT TIME ZONE 'UTC'"
        ),
        // Of a client that declares nothing, fiscal years are those of the calendar.
        days => format!(
            "date_trunc('{}', time, '{zone}')",
            days.name().trim_start_matches("fiscal_")
        ),
    };
    let groups: String = by
        .iter()
        .map(|name| format!(", coalesce({name}::text, '') AS {name}_text"))
        .collect();
    let conditions: String = filter
        .iter()
        .map(|(name, values)| {
            let values: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
            format!(" AND coalesce({name}::text, '') IN ({})", values.join(", "))
        })
        .collect();
    let order: String = by.iter().map(|name| format!(", {name}_text")).collect();
    // The one KPI all of whose measures restrict the region rests on that region's facts only.
    let counted = if sql.contains("'north'") {
        " AND region = 'north'"
    } else {
        ""
    };
    let text = format!(
        "SELECT {bucket} AS bucket, trim_scale(({sql})::numeric)::text AS value, count(*) AS facts{groups} FROM shop_data.sale
         WHERE client_id = '{client}' AND time >= $1 AND time < $2{conditions}{counted} GROUP BY bucket{order}"
    );
    let range = series::Calendar::of(zone).unwrap().align(period, within);
    let rows = plain
        .query(&text, &[&range.from, &range.to])
        .await
        .unwrap_or_else(|error| panic!("{text}: {error:?}"));
    rows.iter()
        .map(|row| {
            let group = (0..by.len()).map(|position| row.get(3 + position)).collect();
            let value: Option<&str> = row.get(1);
            ((row.get(0), group), (value.map(answered), row.get(2)))
        })
        .collect()
}
