//! What the checker accepts is answered, and rightly: generated formulas are planned, read and finished, and compared with counting the facts one by one.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, Period};
use formula::{Aggregate, AttributeType, Measure, Measured, Second, Value};
use jiff::Timestamp;
use proptest::prelude::*;
use rust_decimal::Decimal;
use series::answer::{Brought, Row};
use series::plan::Filter;
use series::{AttributeState, Calendar, GroupState, Part, Question, Range, Request, Source};

use series::calendar::Bins;
use series::pushed::{Brings, numbers};

use super::generated::{self, ATTRIBUTES, Choices, Made, Number, has_value, number_of, of, shown, value_of, written};
use super::worth::{BEGIN, Points, aggregated, compare, numbers_of, pairs_of, percentile, time};

/// What a reader gives for a question, made straight from the facts. A rollup has states of numbers only, and only its dimensions.
fn read(question: &Question, facts: &[Made]) -> Vec<Row> {
    let is_number = |measured: &Measured| {
        let is_number = |name: &str| {
            ATTRIBUTES
                .iter()
                .any(|(known, kind, _)| *known == name && kind.is_numeric())
        };
        measured
            .attribute()
            .is_some_and(|name| name == "took" || is_number(name))
    };
    if let Source::Rollup(index) = question.source {
        let grouping = &question.entity.groupings()[index];
        assert!(
            grouping.covers(question.dimensions.iter().map(String::as_str)),
            "{question:?}"
        );
        assert!(grouping.finest <= question.level, "{question:?}");
        assert!(
            question.attributes.keys().all(is_number),
            "no rollup has them: {question:?}"
        );
    }
    let mut rows: BTreeMap<(Timestamp, Vec<Value>), GroupState> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| restricted(question, fact)) {
        let time = time(fact);
        if !question.range.holds(time) || !question.hours.hold(time) {
            continue;
        }
        let group = question.dimensions.iter().map(|name| of(fact, name).clone()).collect();
        let state = rows
            .entry((series::floor(question.level, time), group))
            .or_insert_with(|| GroupState::empty(question.attributes.len()));
        let numbers: Vec<Option<Decimal>> = question
            .attributes
            .keys()
            .map(|measured| number_of(fact, &written(measured)))
            .collect();
        state.add(time.as_microsecond(), &numbers);
        for (measured, state) in question.attributes.keys().zip(&mut state.attributes) {
            if let (Some(name), false) = (measured.attribute(), is_number(measured)) {
                *state = counted(state, has_value(fact, name));
            }
        }
    }
    rows.into_iter()
        .map(|((bucket, dimensions), state)| Row {
            bucket,
            dimensions,
            state,
            numbers: Vec::new(),
            sketched: None,
        })
        .collect()
}

/// Of what is no number only the count is known.
fn counted(state: &AttributeState, has_value: bool) -> AttributeState {
    AttributeState {
        count: state.count + i64::from(has_value),
        ..AttributeState::default()
    }
}

/// The database leaves out what a question says that no one needs.
fn restricted(question: &Question, fact: &Made) -> bool {
    question.filter.iter().all(|(name, values)| {
        let is_text = ATTRIBUTES
            .iter()
            .any(|(known, kind, _)| known == name && *kind == AttributeType::Text);
        !is_text || values.contains("") || values.contains(&shown(of(fact, name)))
    })
}

/// What a reader gives for a question that is pushed down, made of the facts that count for each measure.
fn pushed(question: &Question, facts: &[Made]) -> Vec<Row> {
    let counts = |measure: &Measure, fact: &Made| {
        let filter = measure.filter.as_ref();
        filter.is_none_or(|filter| filter.matches(&|name| value_of(fact, name)))
    };
    let mut groups: BTreeMap<(Timestamp, Vec<Value>), Vec<&Made>> = BTreeMap::new();
    for fact in facts {
        let passes = |(name, values): (&String, &BTreeSet<String>)| values.contains(&shown(of(fact, name)));
        let time = time(fact);
        let is_within = time >= question.range.from && time < question.range.to;
        let is_counted = question.pushed.iter().any(|measure| counts(measure, fact));
        if !is_within || !is_counted || !question.filter.iter().all(passes) {
            continue;
        }
        let group: Vec<Value> = question.dimensions.iter().map(|name| of(fact, name).clone()).collect();
        for bucket in buckets(&question.bins, time) {
            groups.entry((bucket, group.clone())).or_default().push(fact);
        }
    }
    let rows = groups.into_iter().map(|((bucket, dimensions), facts)| {
        let brought = question.pushed.iter().flat_map(|measure| {
            let counted: Vec<&Made> = facts.iter().copied().filter(|fact| counts(measure, fact)).collect();
            numbers(measure)
                .into_iter()
                .map(move |brings| brought(brings, measure, &counted))
        });
        Row {
            bucket,
            dimensions,
            state: GroupState {
                facts: i64::try_from(facts.len()).unwrap(),
                attributes: Vec::new(),
            },
            numbers: brought.collect(),
            sketched: None,
        }
    });
    rows.collect()
}

/// The buckets of the answer for which a time counts.
fn buckets(bins: &Bins, time: Timestamp) -> Vec<Timestamp> {
    match bins {
        Bins::Between(instants) => instants
            .iter()
            .copied()
            .rfind(|start| *start <= time)
            .into_iter()
            .collect(),
        Bins::Windows(windows) => {
            let windows = windows
                .iter()
                .filter(|(_, range)| range.from <= time && time < range.to);
            windows.map(|(start, _)| *start).collect()
        }
        Bins::Even { .. } => panic!("buckets of facts are told one by one"),
    }
}

/// One number of a measure, of the facts that count for it.
fn brought(brings: Brings, measure: &Measure, facts: &[&Made]) -> Option<formula::Number> {
    let name = measure.attribute.as_ref().map(written);
    let first = name.as_deref();
    let numbers = || numbers_of(first.unwrap_or_default(), facts);
    let second = match &measure.second {
        Some(Second::Values(measured)) => written(measured),
        _ => String::new(),
    };
    let pairs = || pairs_of(first.unwrap_or_default(), &second, facts);
    let plain = |aggregate: Aggregate| aggregated(aggregate, first, facts);
    let number = match brings {
        Brings::Facts | Brings::Count => plain(Aggregate::Count),
        Brings::Distinct => plain(Aggregate::Distinct),
        Brings::Sum => plain(Aggregate::Sum),
        Brings::Min => plain(Aggregate::Min),
        Brings::Max => plain(Aggregate::Max),
        Brings::First => plain(Aggregate::First),
        Brings::Last => plain(Aggregate::Last),
        Brings::Mode => plain(Aggregate::Mode),
        Brings::LowerMiddle => numbers().get(numbers().len().saturating_sub(1) / 2).copied(),
        Brings::UpperMiddle => numbers().get(numbers().len() / 2).copied(),
        Brings::Percentile => match &measure.second {
            Some(Second::Percent(percent)) => percentile(numbers(), *percent),
            _ => None,
        },
        Brings::Deviation => deviation(numbers().into_iter().map(|number| (number, number)).collect()),
        Brings::Products => total(pairs().into_iter().map(|(one, other)| one * other).collect()),
        Brings::Weights => total(pairs().into_iter().map(|(_, other)| other).collect()),
        Brings::SharedDeviation => deviation(pairs()),
        Brings::FirstDeviation => deviation(pairs().into_iter().map(|(one, _)| (one, one)).collect()),
        // The facts here are no states.
        Brings::Entered | Brings::Left | Brings::Stayed => None,
        Brings::SecondDeviation => deviation(pairs().into_iter().map(|(_, other)| (other, other)).collect()),
    };
    number.map(formula::Number::from)
}

fn total(numbers: Vec<Decimal>) -> Option<Decimal> {
    (!numbers.is_empty()).then(|| numbers.iter().sum())
}

/// n Σxy - Σx Σy.
fn deviation(pairs: Vec<(Decimal, Decimal)>) -> Option<Decimal> {
    let count = Decimal::from(pairs.len());
    let products = total(pairs.iter().map(|(one, other)| one * other).collect())?;
    let (one, other): (Vec<Decimal>, Vec<Decimal>) = pairs.into_iter().unzip();
    Some(count * products - total(one)? * total(other)?)
}

fn told(catalog: &Catalog, request: &Request<'_>, calendar: &Calendar, facts: &[Made]) -> Points {
    let parts = series::plan(request, calendar, |code| catalog.entity(code), |_, _| None).unwrap();
    let read: Vec<(Part, Vec<Row>)> = parts
        .into_iter()
        .map(|part| {
            let rows = if part.question.is_pushed() {
                pushed(&part.question, facts)
            } else {
                read(&part.question, facts)
            };
            (part, rows)
        })
        .collect();
    let read: Vec<Brought<'_>> = read
        .iter()
        .map(|(part, rows)| (&part.purpose, &part.question, rows.as_slice()))
        .collect();
    series::answer(request, calendar, &read).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_accepted_is_answered_rightly(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let mut choices = Choices::new(&bytes);
        let number = generated::number(&mut choices, 3);
        let (filter, by) = (generated::filter(&mut choices), generated::split(&mut choices));
        let period = Period::ALL[usize::from(bytes.first().copied().unwrap_or_default()) % Period::ALL.len()];
        let facts: Vec<Made> = (0..12).map(|_| generated::fact(&mut choices)).collect();
        if let Some(catalog) = generated::catalog(&number) {
            check(&catalog, &number, period, &filter, &by, &facts);
        }
    }
}

fn check(catalog: &Catalog, number: &Number, period: Period, filter: &Filter, by: &[String], facts: &[Made]) {
    let begin: Timestamp = BEGIN.parse().unwrap();
    for zone in ["UTC", "Asia/Kolkata"] {
        let calendar = Calendar::of(zone).unwrap();
        let range = Range {
            from: begin,
            to: Timestamp::from_second(begin.as_second() + 5 * 86_400).unwrap(),
        };
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period,
            range: calendar.align(period, range),
            filter,
            by,
            now: jiff::Timestamp::MAX,
        };
        compare(
            number,
            &request,
            &calendar,
            facts,
            told(catalog, &request, &calendar, facts),
        );
    }
}

/// The generator makes what it is for.
#[test]
fn all_constructs_are_generated_and_nearly_all_are_accepted() {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56).to_le_bytes()[0]
    };
    const FORMULAS: usize = 2_000;
    let mut texts = String::new();
    let mut accepted = 0;
    for _ in 0..FORMULAS {
        let bytes: Vec<u8> = (0..200).map(|_| next()).collect();
        let number = generated::number(&mut Choices::new(&bytes), 3);
        accepted += usize::from(generated::catalog(&number).is_some());
        texts.push_str(&number.text());
        // As events have them.
        let event = generated::event(&generated::fact(&mut Choices::new(&bytes)), BEGIN, true);
        assert_eq!(event["at"], BEGIN);
    }
    assert!(accepted > FORMULAS * 3 / 5, "{accepted} of {FORMULAS} are accepted");
    for part in [
        "COUNT(M.kind",
        "COUNT(M.ok",
        "COUNT(M.note",
        "COUNT(M.done",
        "COUNT(M.i",
        "COUNT(M.at",
        "COUNT(M.closed",
        "COUNT(M.closed - M.opened",
        "FIRST(M.spent",
        "(HOURS(M.",
        "MINUTES(",
        "DAYS(",
        "SECONDS(",
        "M.took",
        "M.closed - M.at",
        "M.opened - M.closed",
        "M.at - M.opened",
        "FIRST(M.stops",
        "IF(COUNT",
        "COALESCE(",
        "WHERE IF(",
        "COALESCE(kind",
        "NOT IN (",
        " != ''",
        "COUNT(DISTINCT M.note",
        "COUNT(DISTINCT M.closed - M.at",
        "(HOURS(M.closed - M.opened)",
        "MEDIAN(M.",
        "MODE(M.",
        "VARIANCE(M.",
        "VARIANCE_POP(M.",
        "STDDEV(M.",
        "STDDEV_POP(M.",
        "PERCENTILE(M.",
        "WEIGHTED_AVG(M.",
        "CORRELATION(M.",
        "SLOPE(M.",
        "ANY(M.",
        "ALL(M.",
        "note = ",
        "done",
        " NOT BETWEEN ",
        "BETWEEN TIME '2026-",
        "STARTS_WITH(",
        "ENDS_WITH(",
        "CONTAINS(",
        "HOURS(closed - at) ",
        "closed > at",
        "COALESCE(at, TIME '",
    ] {
        assert!(texts.contains(part), "no formula has {part}");
    }
}
