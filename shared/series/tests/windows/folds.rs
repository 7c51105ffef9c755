//! Values of shorter periods: what a bucket is made of, against asking each of them by itself.

use std::collections::BTreeMap;

use catalog::Period;
use formula::Number;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use series::plan::Filter;
use series::windows::MAX_FOLDED;
use series::{Absent, Calendar, Point, Range, Request, SeriesKey};

use super::{Fact, at, catalog, told};

/// What is asked.
struct Asked<'a> {
    formula: &'a str,
    calendar: &'a Calendar,
    period: Period,
    range: Range,
    by: &'a [String],
    now: Timestamp,
}

impl Asked<'_> {
    /// The points, and beside them what a bucket is that has none.
    fn points(&self, facts: &[Fact]) -> (BTreeMap<SeriesKey, Point>, Absent) {
        let (catalog, filter) = (catalog(self.formula), Filter::new());
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period: self.period,
            range: self.range,
            filter: &filter,
            by: self.by,
            now: self.now,
        };
        let points = told(&request, &catalog, self.calendar, facts);
        (points, Absent::of(&request, self.calendar))
    }

    /// The value of each bucket, in their order.
    fn values(&self, facts: &[Fact]) -> Vec<(Timestamp, Option<Number>)> {
        let (points, absent) = self.points(facts);
        let starts = std::iter::successors(Some(self.range.from), |start| {
            Some(self.calendar.next(self.period, *start))
        });
        let value = |start: Timestamp| {
            let point = points.get(&(start, Vec::new()));
            (start, point.unwrap_or(absent.point(start)).value.clone())
        };
        starts.take_while(|start| *start < self.range.to).map(value).collect()
    }
}

fn range(calendar: &Calendar, period: Period, from: &str, to: &str) -> Range {
    let range = Range {
        from: at(from),
        to: at(to),
    };
    calendar.align(period, range)
}

#[test]
fn a_bucket_is_made_of_the_periods_that_have_begun_in_it() {
    let berlin = Calendar::of("Europe/Berlin").unwrap();
    let fact = |time: &str, amount: i64| (at(time), amount, "x");
    let facts = [
        fact("2026-02-28T10:00:00Z", 8),
        fact("2026-03-01T10:00:00Z", 4),
        fact("2026-03-01T11:00:00Z", 2),
        fact("2026-03-03T10:00:00Z", 3),
        // Already the fourth in Berlin.
        fact("2026-03-03T23:30:00Z", 12),
        fact("2026-04-02T10:00:00Z", 5),
    ];
    for (formula, now, expected) in [
        // Four days have begun; on one of them nothing was sold.
        ("AVG_PER(COUNT(M), DAY)", "2026-03-04T09:00:00Z", ["1", "0"]),
        (
            "AVG_PER(COUNT(M), DAY)",
            "2026-06-01T00:00:00Z",
            ["0.129032258064516", "0.0333333333333333"],
        ),
        ("AVG_PER(SUM(M.d), DAY)", "2026-06-01T00:00:00Z", ["7", "5"]),
        ("COUNT_PER(SUM(M.d), DAY)", "2026-06-01T00:00:00Z", ["3", "1"]),
        ("COUNT_PER(COUNT(M), DAY)", "2026-06-01T00:00:00Z", ["31", "30"]),
        ("SUM_PER(COUNT(M), DAY) - COUNT(M)", "2026-06-01T00:00:00Z", ["0", "0"]),
        ("MEDIAN_PER(SUM(M.d), DAY)", "2026-06-01T00:00:00Z", ["6", "5"]),
        (
            "FIRST_PER(SUM(M.d), DAY) + 10 * LAST_PER(SUM(M.d), DAY)",
            "2026-06-01T00:00:00Z",
            ["126", "55"],
        ),
        // A week counts where it begins: those of 2, 9, 16, 23 and 30 March, and the four of April.
        ("COUNT_PER(COUNT(M), WEEK)", "2026-06-01T00:00:00Z", ["5", "4"]),
        ("SUM_PER(COUNT(M), WEEK)", "2026-06-01T00:00:00Z", ["3", "0"]),
        (
            "MAX_PER(SUM(M.d) - PREVIOUS(SUM(M.d)), DAY)",
            "2026-06-01T00:00:00Z",
            ["9", "none"],
        ),
        (
            "ROLLING(SUM_PER(SUM(M.d), DAY), 2)",
            "2026-06-01T00:00:00Z",
            ["29", "26"],
        ),
        ("PREVIOUS(SUM_PER(SUM(M.d), DAY))", "2026-06-01T00:00:00Z", ["8", "21"]),
        (
            "TO_DATE(MAX_PER(SUM(M.d), DAY), YEAR)",
            "2026-06-01T00:00:00Z",
            ["12", "12"],
        ),
        ("DRAWDOWN_PER(SUM(M.d), DAY)", "2026-06-01T00:00:00Z", ["0.5", "0"]),
        ("AVG_PER(7, DAY) * COUNT(M)", "2026-06-01T00:00:00Z", ["28", "7"]),
    ] {
        let asked = Asked {
            formula,
            calendar: &berlin,
            period: Period::Month,
            range: range(&berlin, Period::Month, "2026-03-01T12:00:00Z", "2026-04-30T12:00:00Z"),
            by: &[],
            now: at(now),
        };
        let shown =
            |(_, value): (Timestamp, Option<Number>)| value.map_or("none".to_owned(), |value| value.to_string());
        let found: Vec<String> = asked.values(&facts).into_iter().map(shown).collect();
        assert_eq!(found, expected, "{formula} at {now}");
    }
}

#[test]
fn each_group_has_its_own_and_facts_are_counted() {
    let utc = Calendar::utc();
    let facts = [
        (at("2026-03-01T10:00:00Z"), 4, "x"),
        (at("2026-03-02T10:00:00Z"), 2, "x"),
        (at("2026-03-02T11:00:00Z"), 1, "y"),
        (at("2026-05-02T11:00:00Z"), 9, "y"),
    ];
    let by = ["kind".to_owned()];
    let asked = Asked {
        formula: "MAX_PER(SUM(M.d), DAY)",
        calendar: &utc,
        period: Period::Month,
        range: range(&utc, Period::Month, "2026-03-01T00:00:00Z", "2026-06-01T00:00:00Z"),
        by: &by,
        now: at("2026-06-01T00:00:00Z"),
    };
    let (points, _) = asked.points(&facts);
    let shown: Vec<String> = points
        .iter()
        .map(|((start, group), point)| {
            let value = point.value.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {} {value} {}", start.strftime("%m"), group[0], point.facts)
        })
        .collect();
    assert_eq!(shown, ["03 x 4 2", "03 y 1 1", "05 y 9 1"]);
}

#[test]
fn a_week_may_end_behind_its_bucket() {
    for (formula, period, expected) in [
        ("COUNT(M)", Period::Month, false),
        ("SUM_PER(COUNT(M), DAY)", Period::Month, false),
        ("SUM_PER(COUNT(M), WEEK)", Period::Week, false),
        ("SUM_PER(COUNT(M), DAY) + SUM_PER(COUNT(M), WEEK)", Period::Month, true),
        ("SUM_PER(COUNT(M), MONTH)", Period::Year, false),
        ("SUM_PER(COUNT(M), MONTH)", Period::FiscalYear, true),
        ("SUM_PER(COUNT(M), FISCAL_MONTH)", Period::FiscalQuarter, false),
    ] {
        let catalog = catalog(formula);
        let kpi = catalog.kpi("K").unwrap();
        assert_eq!(
            series::windows::reach_beyond(kpi, period),
            expected,
            "{formula} by {period}"
        );
    }
    // The week of 30 March has a fact of April, which March is made of.
    let utc = Calendar::utc();
    let asked = Asked {
        formula: "SUM_PER(COUNT(M), WEEK)",
        calendar: &utc,
        period: Period::Month,
        range: range(&utc, Period::Month, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        by: &[],
        now: at("2026-04-03T00:00:00Z"),
    };
    let found = asked.values(&[(at("2026-04-02T10:00:00Z"), 1, "x")]);
    assert_eq!(found[0].1, Some(Number::from(1)));
}

#[test]
fn what_has_no_meaning_or_is_too_much_is_refused() {
    let utc = Calendar::utc();
    for (formula, period, to, expected) in [
        (
            "AVG_PER(COUNT(M), DAY)",
            Period::Hour,
            "2026-01-02T00:00:00Z",
            "ask by day or a longer period",
        ),
        (
            "AVG_PER(7, YEAR) * COUNT(M)",
            Period::Day,
            "2026-01-02T00:00:00Z",
            "ask by year or a longer period",
        ),
        (
            "ROLLING(AVG_PER(COUNT(M), HOUR), 300, HOUR) + ROLLING(AVG_PER(COUNT(M), HOUR), 400, HOUR)",
            Period::Hour,
            "2026-02-05T00:00:00Z",
            "and 504000 is the most",
        ),
        (
            "AVG_PER(COUNT(M), FISCAL_YEAR)",
            Period::Quarter,
            "2026-04-01T00:00:00Z",
            "ask by fiscal year or",
        ),
        (
            "AVG_PER(PREVIOUS(COUNT(M), 1, HOUR), DAY)",
            Period::Month,
            "2026-02-01T00:00:00Z",
            "PREVIOUS(…, 1, HOUR) is of a hour",
        ),
        (
            "AVG_PER(COUNT(M), MINUTE)",
            Period::Month,
            "2026-02-01T00:00:00Z",
            "more than 10080 values by minute",
        ),
        (
            "ROLLING(AVG_PER(COUNT(M), HOUR), 1000, HOUR)",
            Period::Hour,
            "2026-02-20T00:00:00Z",
            "more than 504000 values by hour",
        ),
    ] {
        let (catalog, filter) = (catalog(formula), Filter::new());
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period,
            range: range(&utc, period, "2026-01-01T00:00:00Z", to),
            filter: &filter,
            by: &[],
            now: at("2026-06-01T00:00:00Z"),
        };
        let refused = series::plan(&request, &utc, |code| catalog.entity(code), |_, _| None).unwrap_err();
        assert!(refused.contains(expected), "{formula}: {refused}");
    }
}

/// More groups than there may be values: the answer is refused as a whole.
#[test]
fn an_answer_of_too_many_groups_is_none() {
    let utc = Calendar::utc();
    let by = ["kind".to_owned()];
    let days = 365;
    let (catalog, filter) = (catalog("AVG_PER(COUNT(M), DAY)"), Filter::new());
    let request = Request {
        kpi: catalog.kpi("K").unwrap(),
        period: Period::Year,
        range: range(&utc, Period::Year, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        filter: &filter,
        by: &by,
        now: at("2026-06-01T00:00:00Z"),
    };
    let parts = series::plan(&request, &utc, |code| catalog.entity(code), |_, _| None).unwrap();
    for (groups, is_answered) in [(MAX_FOLDED / days, true), (MAX_FOLDED / days + 1, false)] {
        let row = |number: usize| series::answer::Row {
            bucket: at("2025-03-01T00:00:00Z"),
            dimensions: vec![formula::Value::Text(number.to_string())],
            state: {
                let mut state = series::GroupState::empty(0);
                state.add(0, &[]);
                state
            },
            numbers: Vec::new(),
            sketched: None,
        };
        let rows: Vec<series::answer::Row> = (0..groups).map(row).collect();
        let read: Vec<series::answer::Brought<'_>> = parts
            .iter()
            .map(|part| (&part.purpose, &part.question, rows.as_slice()))
            .collect();
        assert_eq!(series::answer(&request, &utc, &read).is_some(), is_answered, "{groups}");
    }
}

/// Formulas of a shorter period, which are asked by themselves too.
const INNER: [&str; 5] = [
    "COUNT(M)",
    "SUM(M.d)",
    "SUM(M.d) - PREVIOUS(SUM(M.d))",
    "ROLLING(COUNT(M), 3)",
    "COALESCE(MAX(M.d), 0) / PREVIOUS(COUNT(M), 2)",
];

fn total(values: &[Option<Number>]) -> Option<Number> {
    let mut known = values.iter().flatten().cloned();
    let first = known.next()?;
    known.try_fold(first, |sum, value| sum.calculate(formula::Arithmetic::Add, &value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_bucket_is_made_of_what_its_periods_are_by_themselves(
        (zone, around) in proptest::sample::select(vec![
            ("Australia/Lord_Howe", "2026-04-05T00:00:00Z"), ("Asia/Kathmandu", "2024-03-01T00:00:00Z"),
            ("Pacific/Apia", "2012-01-02T00:00:00Z"), ("Europe/Berlin", "2026-10-25T00:00:00Z"),
        ]),
        (shorter, longer) in proptest::sample::select(vec![
            (Period::Hour, Period::Day), (Period::Hour, Period::Week), (Period::Day, Period::Week), (Period::Day, Period::Month), (Period::Day, Period::Day),
            (Period::Week, Period::Month),
        ]),
        inner in proptest::sample::select(INNER.to_vec()),
        back in 0_usize..3,
        buckets in 1_usize..5,
        open in 0_i64..40 * 24,
        facts in proptest::collection::vec((-60 * 24 * 40..60 * 24 * 40_i64, -9..9_i64), 0..80),
    ) {
        let calendar = Calendar::of(zone).unwrap();
        let around = at(around);
        let fact = |(minutes, amount): &(i64, i64)| (around + SignedDuration::from_mins(*minutes), *amount, "x");
        let facts: Vec<Fact> = facts.iter().map(fact).collect();
        let now = around + SignedDuration::from_hours(open - 20 * 24);
        let from = calendar.start(longer, around);
        let to = (0..buckets).fold(from, |start, _| calendar.next(longer, start));
        let ask = |function: &str| {
            let call = (0..back).fold(format!("{function}({inner}, {shorter})"), |formula, _| format!("PREVIOUS({formula})"));
            Asked { formula: &call, calendar: &calendar, period: longer, range: Range { from, to }, by: &[], now }.values(&facts)
        };
        let (sums, counts) = (ask("SUM_PER"), ask("COUNT_PER"));
        // Of a bucket that has not begun nothing is told.
        let both = sums.into_iter().zip(counts).filter(|((start, _), _)| *start <= now);
        for ((start, sum), (_, count)) in both {
            let own = (0..back).fold(start, |start, _| calendar.start(longer, start - SignedDuration::from_micros(1)));
            let end = calendar.next(longer, own);
            // What begins in it, and has begun.
            let first = calendar.start(shorter, own);
            let first = if first < own { calendar.next(shorter, first) } else { first };
            let begun = std::iter::successors(Some(first), |start| Some(calendar.next(shorter, *start)));
            let begun: Vec<Timestamp> = begun.take_while(|start| *start < end && *start <= now).collect();
            let expected: Vec<Option<Number>> = begun.iter().map(|start| {
                let range = Range { from: *start, to: calendar.next(shorter, *start) };
                let one = Asked { formula: inner, calendar: &calendar, period: shorter, range, by: &[], now }.values(&facts);
                one[0].1.clone()
            }).collect();
            // What is asked by itself was rounded to 15 digits before it is added up here.
            let is_alike = match (&sum, &total(&expected)) {
                (Some(sum), Some(total)) if sum.is_exact() => sum == total,
                (Some(sum), Some(total)) => (sum.to_float() - total.to_float()).abs() < 1e-9,
                (sum, total) => sum == total,
            };
            prop_assert!(is_alike, "{} {} {}: {:?} {:?}", inner, shorter, start, sum, expected);
            prop_assert_eq!(count, Some(Number::from(i64::try_from(expected.iter().flatten().count()).unwrap())));
        }
    }
}
