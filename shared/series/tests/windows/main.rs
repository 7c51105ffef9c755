//! Windows against counting facts one by one, in zones that are odd, and what other products have answered wrongly.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod folds;
mod members;
mod naive;
mod whole;

use std::collections::BTreeMap;

use catalog::{Catalog, Period};
use formula::Number;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use rust_decimal::Decimal;
use series::answer::{Brought, Row};
use series::calendar::{Bins, Rules, floor};
use series::plan::Filter;
use series::{Calendar, GroupState, Part, Point, Question, Range, Request, SeriesKey};

/// A fact: when, how much, and of which group.
type Fact = (Timestamp, i64, &'static str);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn catalog(formula: &str) -> Catalog {
    let entities = serde_json::json!([{ "code": "M", "domain": "m", "attributes": [
        { "name": "d", "type": "decimal" }, { "name": "kind", "type": "text", "dimension": true }],
        "groupings": [{ "dimensions": ["kind"] }] }]);
    let kpis = serde_json::json!([{ "code": "K", "name": "K", "formula": formula }]);
    let entities = serde_json::from_value(entities).unwrap();
    Catalog::new(entities, serde_json::from_value(kpis).unwrap()).unwrap()
}

/// The start of the bin that a time is in, as that of its bucket is.
fn bin(question: &Question, time: Timestamp) -> Timestamp {
    let time = floor(question.level, time);
    match &question.bins {
        Bins::Even { length_us, origin_us } => {
            let into = (time.as_microsecond() - origin_us).rem_euclid(*length_us);
            Timestamp::from_microsecond(time.as_microsecond() - into).unwrap()
        }
        Bins::Between(instants) => instants[instants.partition_point(|instant| *instant <= time) - 1],
        Bins::Windows(_) => unreachable!("no formula here needs the facts themselves"),
    }
}

/// What a reader gives for a question.
fn read(question: &Question, facts: &[Fact]) -> Vec<Row> {
    let mut rows: BTreeMap<(Timestamp, &str), GroupState> = BTreeMap::new();
    for (time, amount, kind) in facts {
        if !question.range.holds(*time) || !question.hours.hold(*time) {
            continue;
        }
        let bin = bin(question, *time);
        assert!(bin >= question.range.from, "{question:?}");
        let group = if question.dimensions.is_empty() { "" } else { kind };
        let state = rows.entry((bin, group));
        let state = state.or_insert_with(|| GroupState::empty(question.attributes.len()));
        let values = vec![Some(Decimal::from(*amount)); question.attributes.len()];
        state.add(time.as_microsecond(), &values);
    }
    let row = |((bucket, group), state): ((Timestamp, &str), GroupState)| Row {
        bucket,
        dimensions: vec![formula::Value::Text(group.to_owned()); question.dimensions.len()],
        state,
        numbers: Vec::new(),
        sketched: None,
    };
    rows.into_iter().map(row).collect()
}

/// The same as it may be read: with that of another question, of earlier bins of the same kind.
fn shared(question: &Question) -> Question {
    let mut wide = question.clone();
    if let Bins::Even { length_us, .. } = wide.bins {
        let from_us = wide.range.from.as_microsecond() - 300 * length_us;
        wide.range.from = Timestamp::from_microsecond(from_us).unwrap();
    }
    wide
}

fn told(request: &Request<'_>, catalog: &Catalog, calendar: &Calendar, facts: &[Fact]) -> BTreeMap<SeriesKey, Point> {
    let parts = series::plan(request, calendar, |code| catalog.entity(code), |_, _| None).unwrap();
    let read: Vec<(Part, Vec<Row>)> = parts
        .into_iter()
        .map(|part| {
            let rows = read(&shared(&part.question), facts);
            (part, rows)
        })
        .collect();
    let read = read
        .iter()
        .map(|(part, rows)| (&part.purpose, &part.question, rows.as_slice()));
    series::answer(request, calendar, &read.collect::<Vec<Brought<'_>>>()).unwrap()
}

/// The values of a formula by bucket, those of gaps too.
fn values(
    formula: &str,
    calendar: &Calendar,
    period: Period,
    (from, to): (&str, &str),
    facts: &[Fact],
) -> Vec<(Timestamp, Option<Number>)> {
    let catalog = catalog(formula);
    let filter = Filter::new();
    let range = Range {
        from: at(from),
        to: at(to),
    };
    let range = calendar.align(period, range);
    let request = Request {
        kpi: catalog.kpi("K").unwrap(),
        period,
        range,
        filter: &filter,
        by: &[],
        now: range.to,
    };
    let mut points = told(&request, &catalog, calendar, facts);
    series::gaps::fill(&request, calendar, range.to, &mut points, 100_000).unwrap();
    points
        .into_iter()
        .map(|((start, _), point)| (start, point.value))
        .collect()
}

fn shown(values: &[(Timestamp, Option<Number>)]) -> String {
    let shown = values.iter().map(|(_, value)| match value {
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// A fact at noon of UTC of each date from one to another, of as much as the day of its month.
fn daily(from: &str, to: &str) -> Vec<Fact> {
    let (from, to): (Date, Date) = (from.parse().unwrap(), to.parse().unwrap());
    let dates = from.series(1.day()).take_while(|date| *date <= to);
    let fact = |date: Date| (at(&format!("{date}T12:00:00Z")), i64::from(date.day()), "x");
    dates.map(fact).collect()
}

/// metricflow #1758: a month's offset by days loses the 29th to the 31st. Of months whole months are compared.
#[test]
fn an_earlier_month_has_its_31st() {
    let utc = Calendar::utc();
    let facts = daily("2026-01-01", "2026-04-30");
    let months = ("2026-02-01T00:00:00Z", "2026-05-01T00:00:00Z");
    let previous = values("PREVIOUS(SUM(M.d), 1, MONTH)", &utc, Period::Month, months, &facts);
    assert_eq!(shown(&previous), "496 406 496");
    // By day each date is compared with its own, and one that the month before lacks with none.
    let days = ("2026-03-27T00:00:00Z", "2026-04-02T00:00:00Z");
    for (formula, expected) in [
        ("PREVIOUS(COUNT(M), 1, MONTH)", "1 1 - - - 1"),
        (
            "COALESCE(COUNT(M) - PREVIOUS(COUNT(M), 1, MONTH), -9)",
            "0 0 -9 -9 -9 0",
        ),
    ] {
        assert_eq!(shown(&values(formula, &utc, Period::Day, days, &facts)), expected);
    }
}

/// metricflow #806: cumulative sums miss the days without rows.
#[test]
fn cumulative_sums_go_on_over_days_without_rows() {
    let facts = [
        (at("2026-01-01T10:00:00Z"), 5, "x"),
        (at("2026-01-04T10:00:00Z"), 2, "x"),
    ];
    let days = ("2025-12-31T00:00:00Z", "2026-01-06T00:00:00Z");
    for formula in ["CUMULATIVE(SUM(M.d))", "TO_DATE(SUM(M.d), MONTH)"] {
        let sums = values(formula, &Calendar::utc(), Period::Day, days, &facts);
        assert_eq!(shown(&sums), "- 5 5 5 7 7", "{formula}");
    }
}

/// cube #4454: averages of averages at a coarser grain. A ratio over a window is that of its sums.
#[test]
fn an_average_over_a_window_is_of_its_facts() {
    let mut facts = vec![(at("2026-01-01T10:00:00Z"), 100, "x")];
    let second = at("2026-01-02T10:00:00Z");
    facts.extend((0..9).map(|minute| (second + SignedDuration::from_mins(minute), 0, "x")));
    let days = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z");
    for formula in [
        "ROLLING(AVG(M.d), 2)",
        "ROLLING(SUM(M.d) / COUNT(M), 2, DAY)",
        "TO_DATE(AVG(M.d), YEAR)",
    ] {
        let found = values(formula, &Calendar::utc(), Period::Day, days, &facts);
        assert_eq!(shown(&found), "10", "{formula}");
    }
}

#[test]
fn comparisons_have_their_rules() {
    let berlin = Calendar::of("Europe/Berlin").unwrap();
    let daily = daily("2022-12-01", "2026-12-31");
    let cases = [
        // 29 February has no counterpart, and the day after it has.
        ("SAME_PERIOD_LAST_YEAR(COUNT(M))", Period::Day, "2024-02-28", "1 - 1"),
        ("PREVIOUS(SUM(M.d), 4, YEAR)", Period::Day, "2028-02-29", "29"),
        // Weeks with that of 52 before; quarters and years whole.
        ("SAME_PERIOD_LAST_YEAR(SUM(M.d))", Period::Week, "2026-01-05", "63"),
        (
            "SAME_PERIOD_LAST_YEAR(COUNT(M))",
            Period::Quarter,
            "2025-01-01",
            "91 91",
        ),
        ("SAME_PERIOD_LAST_YEAR(COUNT(M))", Period::Year, "2025-01-01", "366"),
        ("PREVIOUS(COUNT(M), 2, QUARTER)", Period::Month, "2024-08-01", "29 31"),
        (
            "PREVIOUS(PREVIOUS(COUNT(M)), 1, YEAR)",
            Period::Month,
            "2025-03-01",
            "29",
        ),
        // A stretch ends with its bucket: the year that a week ends in.
        ("TO_DATE(COUNT(M), YEAR)", Period::Week, "2025-12-29", "4 11"),
        ("TO_DATE(COUNT(M), QUARTER)", Period::Month, "2026-04-01", "30 61 91 31"),
        (
            "PREVIOUS(TO_DATE(COUNT(M), YEAR), 1, YEAR)",
            Period::Day,
            "2025-03-01",
            "61",
        ),
        ("ROLLING(COUNT(M), 3)", Period::Month, "2026-03-01", "90 89"),
        ("ROLLING(COUNT(M), 7, DAY)", Period::Hour, "2026-03-29", "7"),
        ("ROLLING(COUNT(M), 1, MONTH)", Period::Day, "2026-03-30", "31"),
    ];
    for (formula, period, from, expected) in cases {
        let from = berlin.start(period, at(&format!("{from}T00:30:00+01:00")));
        let buckets = expected.split(' ').count();
        let to = (0..buckets).fold(from, |start, _| berlin.next(period, start));
        let found = values(formula, &berlin, period, (&from.to_string(), &to.to_string()), &daily);
        assert_eq!(shown(&found), expected, "{formula} by {period}");
    }
}

/// What lies between the beginnings of the windows and their ends is read by day, and each day once, however many windows begin in it.
#[test]
fn a_long_stretch_is_read_by_day() {
    let kathmandu = Calendar::of("Asia/Kathmandu").unwrap();
    let facts = daily("2024-01-01", "2026-12-31");
    let from = kathmandu.start(Period::Hour, at("2026-05-01T00:00:00Z"));
    for (period, buckets) in [
        (Period::Hour, 60),
        (Period::Hour, 5),
        (Period::Minute, 90),
        (Period::Day, 40),
    ] {
        let from = kathmandu.start(period, from);
        let to = (0..buckets).fold(from, |start, _| kathmandu.next(period, start));
        let range = (&*from.to_string(), &*to.to_string());
        for formula in ["ROLLING(COUNT(M), 365, DAY)", "PREVIOUS(ROLLING(COUNT(M), 365, DAY))"] {
            let found = values(formula, &kathmandu, period, range, &facts);
            assert_eq!(shown(&found), vec!["365"; buckets].join(" "), "{formula} by {period}");
        }
        let all = values("CUMULATIVE(COUNT(M))", &kathmandu, period, range, &facts);
        for (start, value) in all {
            let end = kathmandu.next(period, start);
            let counted = facts.iter().filter(|(time, ..)| *time < end).count();
            assert_eq!(value.unwrap().to_string(), counted.to_string(), "{start} by {period}");
        }
    }
}

/// The most buckets of an answer, each of whose windows holds a thousand others.
#[test]
fn many_rows_go_into_many_windows() {
    let begin = at("2026-01-01T00:00:00Z");
    let minute = |number: i64| begin + SignedDuration::from_mins(number);
    let facts: Vec<Fact> = (-2_000..10_080).map(|number| (minute(number), number, "x")).collect();
    let range = (&*begin.to_string(), &*minute(10_080).to_string());
    let found = values(
        "ROLLING(MAX(M.d) - MIN(M.d), 1000)",
        &Calendar::utc(),
        Period::Minute,
        range,
        &facts,
    );
    assert_eq!(found.len(), 10_080);
    assert!(found.iter().all(|(_, value)| *value == Some(999.into())));
}

#[test]
fn clocks_that_are_changed_have_their_rules() {
    let berlin = Calendar::of("Europe/Berlin").unwrap();
    // Ten facts in the first hour from two o'clock of an autumn night, one in the second; the day before has three.
    let mut facts = vec![(at("2026-10-24T00:30:00Z"), 1, "x"); 3];
    facts.extend(vec![(at("2026-10-25T00:30:00Z"), 1, "x"); 10]);
    facts.push((at("2026-10-25T01:30:00Z"), 1, "x"));
    let by_hour = |from: &str, to: &str| {
        let found = values("PREVIOUS(COUNT(M), 1, DAY)", &berlin, Period::Hour, (from, to), &facts);
        shown(&found)
    };
    let night = by_hour("2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z");
    assert_eq!(night, "3 3", "both hours are compared with the one of their name");
    let after = by_hour("2026-10-26T01:00:00Z", "2026-10-26T02:00:00Z");
    assert_eq!(after, "10", "the first of two hours of one name");
    let spring = by_hour("2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z");
    assert_eq!(spring, "-", "the hour that a spring night lacks");
    // At a minute past midnight clocks of Newfoundland were put back to a minute past eleven: the first hour of that day is a minute.
    let st_johns = Calendar::of("America/St_Johns").unwrap();
    let hours = ("2010-11-08T03:30:00Z", "2010-11-08T05:30:00Z");
    let minute = [(at("2010-11-07T02:30:30Z"), 1, "x")];
    let before = values("PREVIOUS(COUNT(M), 1, DAY)", &st_johns, Period::Hour, hours, &minute);
    assert_eq!(shown(&before), "- 0", "an hour that clocks show cut");
    let days = ("2026-10-25T10:00:00Z", "2026-10-26T10:00:00Z");
    let days = values("PREVIOUS(COUNT(M))", &berlin, Period::Day, days, &facts);
    assert_eq!(shown(&days), "3 11", "a day of 25 hours is a day");
    // Samoa left out 30 December 2011.
    let apia = Calendar::of("Pacific/Apia").unwrap();
    let facts = [(at("2011-12-30T00:00:00Z"), 1, "x")];
    let days = ("2011-12-30T12:00:00Z", "2011-12-31T12:00:00Z");
    let before = values("PREVIOUS(COUNT(M))", &apia, Period::Day, days, &facts);
    assert_eq!(shown(&before), "1 0", "the bucket before is that of the 29th");
    let day = ("2012-01-06T00:00:00Z", "2012-01-06T09:00:00Z");
    let before = values("PREVIOUS(COUNT(M), 1, WEEK)", &apia, Period::Day, day, &facts);
    assert_eq!(shown(&before), "-", "there was no such date");
}

/// Of 52 or 53 weeks: the day with the same place in the fiscal year before.
#[test]
fn fiscal_years_are_compared_by_their_days() {
    let rules: Rules = serde_json::from_value(serde_json::json!({
        "fiscal_year": { "of": "weeks", "pattern": "4-4-5", "last_day": "saturday", "last_month": 1, "ends": "nearest" }
    }))
    .unwrap();
    let calendar = Calendar::utc().with(rules);
    let facts = daily("2022-01-01", "2026-12-31");
    for (formula, period, date, expected) in [
        // The year from 2 February 2025 on follows one of 52 weeks from 4 February 2024 on.
        ("PREVIOUS(SUM(M.d), 1, FISCAL_YEAR)", Period::Day, "2025-02-02", "4"),
        // That of 2023 had 53: its last week has no counterpart in the 52 before.
        ("PREVIOUS(COUNT(M), 1, FISCAL_YEAR)", Period::Day, "2024-01-28", "-"),
        (
            "PREVIOUS(COUNT(M), 1, FISCAL_YEAR)",
            Period::FiscalMonth,
            "2025-03-01",
            "28",
        ),
        ("TO_DATE(COUNT(M), FISCAL_YEAR)", Period::Day, "2025-02-03", "2"),
    ] {
        let day = (&*format!("{date}T12:00:00Z"), &*format!("{date}T13:00:00Z"));
        let found = values(formula, &calendar, period, day, &facts);
        assert_eq!(shown(&found), expected, "{formula} on {date}");
    }
}

#[test]
fn an_open_bucket_is_compared_with_a_whole_one_or_like_for_like() {
    let berlin = Calendar::of("Europe/Berlin").unwrap();
    let facts = daily("2024-01-01", "2026-03-10");
    let asked = |formula: &str, period: Period, now: &str| {
        let catalog = catalog(formula);
        let filter = Filter::new();
        let from = berlin.start(period, at(now));
        let to = berlin.next(period, from);
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period,
            range: Range { from, to },
            filter: &filter,
            by: &[],
            now: at(now),
        };
        let points = told(&request, &catalog, &berlin, &facts);
        let point = points.get(&(from, Vec::new())).cloned();
        let point = point.unwrap_or_else(|| series::answer::empty(&request));
        shown(&[(from, point.value)])
    };
    let month = "PREVIOUS(COUNT(M), 1, MONTH, LIKE_FOR_LIKE)";
    let year = "PREVIOUS(COUNT(M), 1, YEAR, LIKE_FOR_LIKE)";
    let to_date = "PREVIOUS(TO_DATE(COUNT(M), YEAR), 1, YEAR, LIKE_FOR_LIKE)";
    for (formula, period, now, expected) in [
        (
            "PREVIOUS(COUNT(M), 1, MONTH)",
            Period::Month,
            "2026-03-10T08:00:00Z",
            "28",
        ),
        // Until nine o'clock of the tenth, whose fact is at one.
        (month, Period::Month, "2026-03-10T08:00:00Z", "9"),
        (month, Period::Month, "2026-03-10T11:59:30Z", "9"),
        // The minute that has begun counts.
        (month, Period::Month, "2026-03-10T12:00:30Z", "10"),
        (month, Period::Month, "2026-03-31T20:00:00Z", "28"),
        (year, Period::Day, "2026-03-10T11:00:00Z", "0"),
        (year, Period::Day, "2026-03-10T12:00:00Z", "1"),
        (to_date, Period::Month, "2026-03-10T08:00:00Z", "68"),
        // A week that ends in another year: of that year nothing has passed.
        (to_date, Period::Week, "2025-12-30T20:00:00Z", "0"),
        (to_date, Period::Week, "2026-01-02T20:00:00Z", "3"),
        (
            "PREVIOUS(COUNT(M), LIKE_FOR_LIKE)",
            Period::Hour,
            "2026-03-10T13:10:00Z",
            "1",
        ),
    ] {
        assert_eq!(asked(formula, period, now), expected, "{formula} by {period} at {now}");
    }
}

#[test]
fn groups_of_an_earlier_bucket_have_points_and_buckets_to_come_have_none() {
    let facts = [
        (at("2026-01-01T10:00:00Z"), 5, "x"),
        (at("2026-01-02T10:00:00Z"), 2, "y"),
    ];
    let catalog = catalog("COUNT(M) - PREVIOUS(COUNT(M))");
    let (filter, by) = (Filter::new(), ["kind".to_owned()]);
    let shown = |now: &str| {
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period: Period::Day,
            range: Range {
                from: at("2026-01-02T00:00:00Z"),
                to: at("2026-01-05T00:00:00Z"),
            },
            filter: &filter,
            by: &by,
            now: at(now),
        };
        let points = told(&request, &catalog, &Calendar::utc(), &facts).into_iter();
        let shown = points.map(|((start, group), point)| {
            let value = point.value.unwrap();
            format!(
                "{}{} {value}/{}",
                &start.to_string()[8..10],
                group.concat(),
                point.facts
            )
        });
        shown.collect::<Vec<_>>()
    };
    assert_eq!(shown("2026-01-02T12:00:00Z"), ["02x -1/1", "02y 1/1"]);
    assert_eq!(shown("2026-01-05T00:00:00Z"), ["02x -1/1", "02y 1/1", "03y -1/1"]);
}

#[test]
fn what_a_period_has_no_window_for_is_refused_with_the_reason() {
    for (formula, period, told) in [
        (
            "PREVIOUS(COUNT(M), 1, MONTH)",
            Period::Year,
            "ask by month or a shorter",
        ),
        (
            "PREVIOUS(COUNT(M), 1, MONTH)",
            Period::Week,
            "a month is no number of weeks",
        ),
        ("TO_DATE(COUNT(M), DAY)", Period::Month, "ask by day or a shorter"),
        ("ROLLING(COUNT(M), 7, DAY)", Period::Quarter, "ask by day or a shorter"),
    ] {
        let catalog = catalog(formula);
        let filter = Filter::new();
        let from = Calendar::utc().start(period, at("2026-01-01T00:00:00Z"));
        let to = Calendar::utc().next(period, from);
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period,
            range: Range { from, to },
            filter: &filter,
            by: &[],
            now: to,
        };
        let refused = series::plan(&request, &Calendar::utc(), |code| catalog.entity(code), |_, _| None).unwrap_err();
        assert!(refused.contains(told), "{formula}: {refused}");
    }
}
