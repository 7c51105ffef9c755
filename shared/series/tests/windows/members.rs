//! What is taken for each value of a dimension, against asking for each value by itself.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, Period};
use formula::{Arithmetic, Number, Value};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rust_decimal::Decimal;
use series::answer::{Brought, Row};
use series::plan::{Filter, Source};
use series::windows::MAX_MEMBERS;
use series::{Absent, Calendar, GroupState, Part, Point, Question, Range, Request, SeriesKey};

use super::{at, bin};

/// A fact: of which entity, when, how much, of which kind and where. The empty text is no value.
type Fact = (&'static str, Timestamp, i64, &'static str, &'static str);

const KINDS: [&str; 4] = ["", "x", "y", "z"];

fn catalog(formula: &str) -> Catalog {
    let attributes = serde_json::json!([
        { "name": "d", "type": "decimal" }, { "name": "kind", "type": "text", "dimension": true },
        { "name": "place", "type": "text", "dimension": true }]);
    let entity = |code: &str| {
        serde_json::json!({ "code": code, "domain": "m", "attributes": attributes,
            "groupings": [{ "dimensions": ["kind"] }, { "dimensions": ["kind", "place"] }] })
    };
    let entities = serde_json::json!([entity("M"), entity("N")]);
    let kpis = serde_json::json!([{ "code": "K", "name": "K", "formula": formula }]);
    let entities = serde_json::from_value(entities).unwrap();
    Catalog::new(entities, serde_json::from_value(kpis).unwrap()).unwrap()
}

/// What a reader gives for a question.
fn read(question: &Question, facts: &[Fact]) -> Vec<Row> {
    let mut rows: BTreeMap<(Timestamp, Vec<Value>), GroupState> = BTreeMap::new();
    for (entity, time, amount, kind, place) in facts {
        let is_asked = question.entity.code() == *entity;
        if !is_asked || *time < question.range.from || *time >= question.range.to {
            continue;
        }
        let value = |text: &str| match text {
            "" => Value::Null,
            text => Value::Text(text.to_owned()),
        };
        let dimension = |name: &String| value(if name == "kind" { kind } else { place });
        let group: Vec<Value> = question.dimensions.iter().map(dimension).collect();
        let state = rows.entry((bin(question, *time), group));
        let state = state.or_insert_with(|| GroupState::empty(question.attributes.len()));
        let values = vec![Some(Decimal::from(*amount)); question.attributes.len()];
        state.add(time.as_microsecond(), &values);
    }
    let row = |((bucket, dimensions), state): ((Timestamp, Vec<Value>), GroupState)| Row {
        bucket,
        dimensions,
        state,
        numbers: Vec::new(),
        sketched: None,
    };
    rows.into_iter().map(row).collect()
}

/// What is asked.
#[derive(Clone)]
struct Asked<'a> {
    formula: String,
    calendar: &'a Calendar,
    period: Period,
    range: Range,
    filter: Filter,
    by: &'a [String],
    now: Timestamp,
}

impl Asked<'_> {
    /// The points, and beside them what a bucket is that has none.
    fn points(&self, facts: &[Fact]) -> (BTreeMap<SeriesKey, Point>, Absent) {
        let catalog = catalog(&self.formula);
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period: self.period,
            range: self.range,
            filter: &self.filter,
            by: self.by,
            now: self.now,
        };
        let parts = series::plan(&request, self.calendar, |code| catalog.entity(code), |_, _| None).unwrap();
        let read: Vec<(Part, Vec<Row>)> = parts
            .into_iter()
            .map(|part| {
                let rows = read(&part.question, facts);
                (part, rows)
            })
            .collect();
        let brought: Vec<Brought<'_>> = read
            .iter()
            .map(|(part, rows)| (&part.purpose, &part.question, rows.as_slice()))
            .collect();
        let points = series::answer(&request, self.calendar, &brought).unwrap();
        (points, Absent::of(&request, self.calendar))
    }

    /// The value of each bucket that has begun, of one group.
    fn values(&self, facts: &[Fact], group: &[String]) -> BTreeMap<Timestamp, (Option<Number>, i64)> {
        let (points, absent) = self.points(facts);
        let starts = std::iter::successors(Some(self.range.from), |start| {
            Some(self.calendar.next(self.period, *start))
        });
        let starts = starts.take_while(|start| *start < self.range.to && *start <= self.now);
        let value = |start: Timestamp| {
            let point = points.get(&(start, group.to_vec()));
            let point = point.unwrap_or(absent.point(start));
            (start, (point.value.clone(), point.facts))
        };
        starts.map(value).collect()
    }
}

fn march() -> Range {
    Range {
        from: at("2026-03-01T00:00:00Z"),
        to: at("2026-04-01T00:00:00Z"),
    }
}

#[test]
fn expressions_are_taken_for_each_value_of_which_facts_count() {
    let utc = Calendar::utc();
    let fact =
        |entity: &'static str, time: &str, amount: i64, kind: &'static str| (entity, at(time), amount, kind, "p");
    let facts = [
        fact("M", "2026-02-10T10:00:00Z", 7, "x"),
        fact("M", "2026-02-11T10:00:00Z", 1, "w"),
        fact("M", "2026-03-02T10:00:00Z", 4, "x"),
        fact("M", "2026-03-02T11:00:00Z", 2, "y"),
        fact("M", "2026-03-03T11:00:00Z", 6, "y"),
        fact("M", "2026-03-03T12:00:00Z", 5, ""),
        fact("N", "2026-03-05T12:00:00Z", 3, "z"),
        fact("N", "2026-03-05T13:00:00Z", 10, "y"),
    ];
    for (formula, expected) in [
        ("MAX_PER(SUM(M.d), kind)", "8"),
        ("COUNT_PER(COUNT(M), kind)", "3"),
        ("SUM_PER(COUNT(M), kind) - COUNT(M)", "0"),
        ("AVG_PER(SUM(M.d), kind)", "5.66666666666667"),
        ("MEDIAN_PER(SUM(M.d), kind)", "5"),
        ("PERCENTILE_PER(SUM(M.d), kind, 50)", "5"),
        ("VARIANCE_POP_PER(COUNT(M), kind) * 9", "2"),
        // What nothing counts for is no value among the others, whatever else the formula reads.
        (
            "COUNT_PER(COUNT(M WHERE kind != 'x'), kind) + 10 * COUNT_PER(COUNT(M), kind)",
            "31",
        ),
        ("COUNT_PER(COUNT(N), kind) + 10 * COUNT_PER(COUNT(M), kind)", "32"),
        // Of both entities all values of either: z has no trade, and a product without one has no value.
        ("COUNT_PER(COUNT(M) + COUNT(N), kind)", "4"),
        ("SUM_PER(SUM(M.d) * SUM(N.d), kind)", "80"),
        ("SUM_PER(COALESCE(SUM(M.d), 0) + COALESCE(SUM(N.d), 0), kind)", "30"),
        // A value that had facts in the month before alone is among them where these are looked at.
        (
            "COUNT_PER(COALESCE(SUM(M.d), 0) - COALESCE(PREVIOUS(SUM(M.d)), 0), kind)",
            "4",
        ),
        (
            "COUNT_PER(CASE WHEN SUM(M.d) > PREVIOUS(SUM(M.d)) THEN 1 END, kind)",
            "0",
        ),
        (
            "COUNT_PER(CASE WHEN SUM(M.d) < PREVIOUS(SUM(M.d)) THEN 1 END, kind)",
            "1",
        ),
        ("PREVIOUS(MAX_PER(SUM(M.d), kind))", "7"),
        ("ROLLING(MAX_PER(SUM(M.d), kind), 2)", "11"),
        ("CUMULATIVE(COUNT_PER(COUNT(M), kind))", "4"),
        // Of the days the greatest number of kinds; of the kinds the greatest number of days.
        ("MAX_PER(COUNT_PER(COUNT(M), kind), DAY)", "2"),
        ("MAX_PER(COUNT_PER(SUM(M.d), DAY), kind)", "2"),
        ("SUM_PER(AVG_PER(SUM(M.d), DAY), kind)", "13"),
        ("AVG_PER(COUNT_PER(COUNT(M), kind), DAY) * 31", "4"),
        ("MAX_PER(SUM_PER(COUNT(M), kind), place)", "4"),
        ("SUM_PER(MAX_PER(SUM(M.d), kind), place)", "8"),
        ("COUNT_PER(COUNT(M WHERE kind = 'nothing'), kind)", "0"),
        ("MAX_PER(COUNT(M WHERE kind = 'nothing'), kind)", "none"),
        ("CORRELATION_PER(SUM(M.d), COUNT(M), kind)", "0.970725343394151"),
    ] {
        let asked = Asked {
            formula: formula.to_owned(),
            calendar: &utc,
            period: Period::Month,
            range: march(),
            filter: Filter::new(),
            by: &[],
            now: at("2026-06-01T00:00:00Z"),
        };
        let values = asked.values(&facts, &[]);
        let value = values[&march().from].0.as_ref();
        let shown = value.map_or("none".to_owned(), ToString::to_string);
        assert_eq!(shown, expected, "{formula}");
    }
}

#[test]
fn each_group_has_its_own_values_and_its_facts_are_counted_once() {
    let utc = Calendar::utc();
    let facts = [
        ("M", at("2026-03-01T10:00:00Z"), 4, "x", "p"),
        ("M", at("2026-03-02T10:00:00Z"), 2, "y", "p"),
        ("M", at("2026-03-02T11:00:00Z"), 1, "y", "q"),
        ("M", at("2026-03-02T12:00:00Z"), 1, "", "q"),
    ];
    let shown = |formula: &str, by: &str, kinds: &[&str]| {
        let by = [by.to_owned()];
        let kinds: BTreeSet<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let filter = match kinds.is_empty() {
            true => Filter::new(),
            false => Filter::from([("kind".to_owned(), kinds)]),
        };
        let asked = Asked {
            formula: formula.to_owned(),
            calendar: &utc,
            period: Period::Month,
            range: march(),
            filter,
            by: &by,
            now: at("2026-06-01T00:00:00Z"),
        };
        let (points, _) = asked.points(&facts);
        let point = |((_, group), point): (&SeriesKey, &Point)| {
            let value = point.value.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {value} {}", group[0], point.facts)
        };
        points.iter().map(point).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(shown("MAX_PER(SUM(M.d), kind)", "place", &[]), "p 4 2, q 1 2");
    assert_eq!(shown("COUNT_PER(SUM(M.d), kind)", "place", &["y"]), "p 1 1, q 1 1");
    // By the same dimension each group has one value.
    assert_eq!(shown("SUM_PER(SUM(M.d), kind)", "kind", &[]), " 1 1, x 4 1, y 3 2");
    assert_eq!(
        shown("SUM_PER(MAX_PER(SUM(M.d), DAY), kind)", "place", &[]),
        "p 6 2, q 2 2"
    );
}

#[test]
fn rollups_that_have_the_dimension_are_read_and_facts_otherwise() {
    for (formula, by, expected) in [
        (
            "MAX_PER(COUNT(M), kind) / COUNT(M)",
            None,
            [Source::Rollup(1), Source::Rollup(0)].as_slice(),
        ),
        ("MAX_PER(COUNT(M), kind)", Some("place"), &[Source::Rollup(2)]),
        ("MAX_PER(COUNT(M), place)", None, &[Source::Rollup(2)]),
        (
            "MAX_PER(MEDIAN(M.d), kind) / COUNT(M)",
            None,
            &[Source::Raw, Source::Rollup(0)],
        ),
    ] {
        let (catalog, filter) = (catalog(formula), Filter::new());
        let by: Vec<String> = by.iter().map(ToString::to_string).collect();
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period: Period::Month,
            range: march(),
            filter: &filter,
            by: &by,
            now: march().to,
        };
        let utc = Calendar::utc();
        let parts = series::plan(&request, &utc, |code| catalog.entity(code), |_, _| None).unwrap();
        let sources: Vec<Source> = parts.iter().map(|part| part.question.source).collect();
        assert_eq!(sources, expected, "{formula}");
    }
}

/// One more value than there may be in a bucket: the answer is refused as a whole.
#[test]
fn an_answer_of_too_many_values_is_none() {
    let utc = Calendar::utc();
    let (catalog, filter) = (catalog("MAX_PER(COUNT(M), kind)"), Filter::new());
    let request = Request {
        kpi: catalog.kpi("K").unwrap(),
        period: Period::Month,
        range: march(),
        filter: &filter,
        by: &[],
        now: march().to,
    };
    let parts = series::plan(&request, &utc, |code| catalog.entity(code), |_, _| None).unwrap();
    for (members, is_answered) in [(MAX_MEMBERS, true), (MAX_MEMBERS + 1, false)] {
        let row = |number: usize| Row {
            bucket: march().from,
            dimensions: vec![Value::Text(number.to_string())],
            state: {
                let mut state = GroupState::empty(0);
                state.add(0, &[]);
                state
            },
            numbers: Vec::new(),
            sketched: None,
        };
        let rows: Vec<Row> = (0..members).map(row).collect();
        let read: Vec<Brought<'_>> = parts
            .iter()
            .map(|part| (&part.purpose, &part.question, rows.as_slice()))
            .collect();
        assert_eq!(
            series::answer(&request, &utc, &read).is_some(),
            is_answered,
            "{members}"
        );
    }
}

/// Expressions that are asked for one value by themselves too.
const INNER: [&str; 7] = [
    "COUNT(M)",
    "SUM(M.d)",
    "COUNT(M WHERE place = 'p')",
    "SUM(M.d) - PREVIOUS(SUM(M.d))",
    "COALESCE(SUM(M.d), 0) * COUNT(N)",
    "ROLLING(MAX(M.d), 3) + COUNT(N)",
    "SUM_PER(SUM(M.d) - COALESCE(PREVIOUS(SUM(M.d)), 1), DAY)",
];

fn total(values: &[Number]) -> Option<Number> {
    let (first, others) = values.split_first()?;
    let add = |sum: Number, value: &Number| sum.calculate(Arithmetic::Add, value);
    others.iter().try_fold(first.clone(), add)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn values_are_those_that_each_has_by_itself(
        zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
        period in proptest::sample::select(vec![Period::Day, Period::Week, Period::Month]),
        inner in proptest::sample::select(INNER.to_vec()),
        (back, buckets, open) in (0_usize..3, 1_usize..5, 0_i64..40 * 24),
        (is_split, is_filtered) in (any::<bool>(), any::<bool>()),
        facts in proptest::collection::vec((any::<bool>(), -60 * 24 * 40..60 * 24 * 40_i64, -9..9_i64, 0_usize..4, any::<bool>()), 0..80),
    ) {
        let calendar = Calendar::of(zone).unwrap();
        let around = at("2026-03-28T12:00:00Z");
        let fact = |(is_m, minutes, amount, kind, is_p): &(bool, i64, i64, usize, bool)| {
            let (entity, place) = (if *is_m { "M" } else { "N" }, if *is_p { "p" } else { "q" });
            (entity, around + SignedDuration::from_mins(*minutes), *amount, KINDS[*kind], place)
        };
        let facts: Vec<Fact> = facts.iter().map(fact).collect();
        let from = calendar.start(period, around);
        let to = (0..buckets).fold(from, |start, _| calendar.next(period, start));
        let kinds: BTreeSet<String> = KINDS.iter().skip(usize::from(is_filtered)).map(ToString::to_string).collect();
        let by = ["place".to_owned()];
        let moved = |formula: String| (0..back).fold(formula, |formula, _| format!("PREVIOUS({formula})"));
        let ask = |formula: String, kinds: BTreeSet<String>| Asked {
            formula,
            calendar: &calendar,
            period,
            range: Range { from, to },
            filter: Filter::from([("kind".to_owned(), kinds)]),
            by: if is_split { &by } else { &[] },
            now: around + SignedDuration::from_hours(open - 20 * 24),
        };
        let groups: Vec<Vec<String>> = if is_split { vec![vec!["p".to_owned()], vec!["q".to_owned()]] } else { vec![Vec::new()] };
        for group in groups {
            let folded = |function: &str| {
                ask(moved(format!("{function}({inner}, kind)")), kinds.clone()).values(&facts, &group)
            };
            let (sums, counts) = (folded("SUM_PER"), folded("COUNT_PER"));
            let alone: Vec<_> = kinds
                .iter()
                .map(|kind| ask(moved(inner.to_owned()), BTreeSet::from([kind.clone()])).values(&facts, &group))
                .collect();
            for (start, (sum, counted)) in sums {
                let of_each = alone.iter().map(|values| &values[&start]).filter(|(_, facts)| *facts > 0);
                let expected: Vec<Number> = of_each.clone().filter_map(|(value, _)| value.clone()).collect();
                prop_assert_eq!(&sum, &total(&expected), "{} {} {:?}", inner, start, group);
                let many = Number::from(i64::try_from(expected.len()).unwrap());
                prop_assert_eq!(&counts[&start].0, &Some(many), "{} {}", inner, start);
                let of_windows = inner.contains("PREVIOUS") || inner.contains("ROLLING") || inner.contains("N)");
                if !of_windows {
                    prop_assert_eq!(counted, of_each.map(|(_, facts)| facts).sum::<i64>(), "{} {}", inner, start);
                }
            }
        }
    }

    #[test]
    fn of_days_it_is_what_each_day_has(
        inner in proptest::sample::select(INNER[..5].to_vec()),
        facts in proptest::collection::vec((any::<bool>(), 0..60 * 24 * 31_i64, -9..9_i64, 0_usize..4, any::<bool>()), 0..60),
    ) {
        let utc = Calendar::utc();
        let fact = |(is_m, minutes, amount, kind, is_p): &(bool, i64, i64, usize, bool)| {
            let (entity, place) = (if *is_m { "M" } else { "N" }, if *is_p { "p" } else { "q" });
            (entity, march().from + SignedDuration::from_mins(*minutes), *amount, KINDS[*kind], place)
        };
        let facts: Vec<Fact> = facts.iter().map(fact).collect();
        let ask = |formula: String, period: Period| Asked {
            formula,
            calendar: &utc,
            period,
            range: march(),
            filter: Filter::new(),
            by: &[],
            now: march().to,
        };
        let month = ask(format!("SUM_PER(SUM_PER({inner}, kind), DAY)"), Period::Month).values(&facts, &[]);
        let days = ask(format!("SUM_PER({inner}, kind)"), Period::Day).values(&facts, &[]);
        let days: Vec<Number> = days.into_values().filter_map(|(value, _)| value).collect();
        prop_assert_eq!(&month[&march().from].0, &total(&days), "{}", inner);
    }
}
