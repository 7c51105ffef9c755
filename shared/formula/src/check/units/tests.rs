#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
//! Times and durations, in KPI formulas and in derived attributes.

use crate::number::Number;
use crate::value::{Attribute, AttributeType, Entities, Value};
use crate::{advise, advise_row, compile, compile_row};
use rust_decimal::Decimal;

/// Tickets, whose own time comes last, and calls.
struct Desk(Vec<Attribute>);

impl Entities for Desk {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        matches!(entity, "Ticket" | "Call").then_some(self.0.as_slice())
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        vec!["Call", "Ticket"]
    }
}

fn desk() -> Desk {
    let attributes = [
        ("closed", AttributeType::Time),
        ("due", AttributeType::Time),
        ("resolution", AttributeType::Duration),
        ("cost", AttributeType::Decimal),
        ("team", AttributeType::Text),
        ("opened", AttributeType::Time),
    ];
    let attribute = |(name, kind): (&str, AttributeType)| Attribute {
        name: name.to_owned(),
        kind,
        dimension: name == "team",
        required: name == "opened",
        difference: None,
    };
    Desk(attributes.map(attribute).into())
}

#[test]
fn durations_are_measures_in_seconds_and_numbers_in_a_unit() {
    let between = "Ticket.closed - Ticket.opened";
    for (formula, measure, seconds, expected) in [
        (
            format!("AVG({between})"),
            format!("AVG({between})"),
            "5400.000001",
            "5400.000001",
        ),
        (
            "AVG(Ticket.closed - opened)".to_owned(),
            format!("AVG({between})"),
            "60",
            "60",
        ),
        (
            format!("HOURS(AVG({between}))"),
            format!("AVG({between})"),
            "5400",
            "1.5",
        ),
        (
            format!("AVG(HOURS({between}))"),
            format!("AVG({between})"),
            "5400",
            "1.5",
        ),
        (
            format!("max(days({between}) where team = 'x')"),
            format!("MAX({between} WHERE (team = 'x'))"),
            "-86400",
            "-1",
        ),
        (
            format!("MINUTES(SUM({between})) / 2"),
            format!("SUM({between})"),
            "240",
            "2",
        ),
        (
            "SECONDS(LAST(Ticket.resolution))".to_owned(),
            "LAST(Ticket.resolution)".to_owned(),
            "0.5",
            "0.5",
        ),
        (format!("COUNT({between})"), format!("COUNT({between})"), "3", "3"),
        (
            format!("COUNT(HOURS({between}))"),
            format!("COUNT({between})"),
            "3",
            "3",
        ),
        (
            "COUNT(Ticket.closed)".to_owned(),
            "COUNT(Ticket.closed)".to_owned(),
            "3",
            "3",
        ),
        (
            "-MIN(Ticket.resolution) * 2".to_owned(),
            "MIN(Ticket.resolution)".to_owned(),
            "3",
            "-6",
        ),
        (
            "HOURS(COALESCE(SUM(Ticket.resolution), 0))".to_owned(),
            "SUM(Ticket.resolution)".to_owned(),
            "3600",
            "1",
        ),
        (
            "IF(MIN(Ticket.resolution) < 0, 1, 0)".to_owned(),
            "MIN(Ticket.resolution)".to_owned(),
            "-1",
            "1",
        ),
        (
            "IF(SUM(Ticket.resolution) IN (0), 1, 0)".to_owned(),
            "SUM(Ticket.resolution)".to_owned(),
            "0",
            "1",
        ),
    ] {
        let compiled = compile(&formula, &desk()).unwrap_or_else(|found| panic!("{formula}: {found:?}"));
        let measures: Vec<String> = compiled.measures.iter().map(ToString::to_string).collect();
        assert_eq!(measures, [measure], "{formula}");
        let number = |text: &str| text.parse::<Number>().unwrap();
        assert_eq!(
            compiled.finish(crate::Values::of(&[Some(number(seconds))])),
            Some(number(expected)),
            "{formula}"
        );
    }
    let ratio = compile("SUM(Ticket.resolution) / SUM(Call.resolution)", &desk()).unwrap();
    assert_eq!(ratio.measures.len(), 2);
}

/// An entity has one number of a kind: that of the rollups.
#[test]
fn a_difference_that_is_kept_as_an_attribute_is_read_as_that() {
    let mut desk = desk();
    desk.0[2].difference = Some(["closed".to_owned(), "opened".to_owned()]);
    let formula = "AVG(Ticket.closed - Ticket.opened) / AVG(Ticket.opened - Ticket.closed)";
    let measures = compile(formula, &desk).unwrap().measures;
    let measures: Vec<String> = measures.iter().map(ToString::to_string).collect();
    assert_eq!(
        measures,
        ["AVG(Ticket.resolution)", "AVG(Ticket.opened - Ticket.closed)"]
    );
    let told: Vec<_> = advise(formula, &desk).into_iter().map(|advice| advice.span).collect();
    assert_eq!((told.len(), told.first()), (1, Some(&(37..71))));
}

#[test]
fn what_is_no_duration_is_refused_with_its_place() {
    for (formula, expected) in [
        (
            "SUM(Ticket.closed)",
            "11..17 not-a-number to measure the time between two times write SUM(Ticket.closed - Ticket.opened)",
        ),
        (
            "AVG(Ticket.opened)",
            "11..17 not-a-number to measure the time between two times write AVG(Ticket.closed - Ticket.opened)",
        ),
        (
            "MAX(Ticket.due)",
            "11..14 not-a-number to measure the time between two times write MAX(Ticket.due - Ticket.opened)",
        ),
        (
            "AVG(Ticket.closed - Ticket.opend)",
            "27..32 unknown-attribute did you mean `opened`?",
        ),
        (
            "AVG(Ticket.cloesd - Ticket.opened)",
            "11..17 unknown-attribute did you mean `closed`?",
        ),
        (
            "AVG(Ticket.closed - Call.opened)",
            "20..24 different-entities both times are of one entity, as in Ticket.closed - Ticket.opened",
        ),
        (
            "SUM(Ticket.cost - Ticket.cost)",
            "11..15 not-a-time of numbers write SUM(Ticket.cost) - SUM(Ticket.cost)",
        ),
        (
            "AVG(Ticket.closed - Ticket.team)",
            "27..31 not-a-time define a derived attribute",
        ),
        (
            "AVG(Ticket.closed - 1)",
            "20..21 unexpected-in-aggregate an aggregate reads one attribute",
        ),
        (
            "AVG(Ticket.closed + Ticket.opened)",
            "18..19 unexpected-in-aggregate an aggregate reads one attribute",
        ),
        (
            "AVG(Ticket.resolution) + COUNT(Ticket)",
            "0..38 type-mismatch a duration becomes a number in a unit",
        ),
        (
            "COUNT(Ticket) / SUM(Ticket.resolution)",
            "0..38 type-mismatch a duration becomes a number",
        ),
        (
            "SUM(Ticket.resolution) * SUM(Ticket.resolution)",
            "0..47 type-mismatch a duration",
        ),
        (
            "COALESCE(AVG(Ticket.resolution), 1)",
            "33..34 type-mismatch a duration becomes a number",
        ),
        (
            "IF(AVG(Ticket.resolution) < 3600, 1, 0)",
            "28..32 type-mismatch a duration becomes a number",
        ),
        (
            "IF(AVG(Ticket.resolution) IN (60), 1, 0)",
            "3..25 type-mismatch a duration becomes a number",
        ),
        (
            "HOURS(COUNT(Ticket))",
            "6..19 not-a-duration the difference of two times is one, as in HOURS(",
        ),
        (
            "AVG(Ticket.cost) / 100 + AVG(HOURS(Ticket.cost))",
            "25..48 not-a-duration the difference",
        ),
        ("COUNT(Ticket WHERE closed > 4)", "19..29 type-mismatch"),
        (
            "COUNT(Ticket WHERE resolution > 4)",
            "19..33 type-mismatch a duration becomes a number in a unit",
        ),
    ] {
        let found = compile(formula, &desk()).unwrap_err();
        let first = &found[0];
        let told = format!(
            "{:?} {} {}",
            first.span,
            first.code,
            first.hint.as_deref().unwrap_or_default()
        );
        assert!(told.starts_with(expected), "{formula}: {told}");
    }
}

/// Closed an hour and a microsecond after it was opened, due a second later; its cost and team are missing.
fn row() -> Vec<Value> {
    let opened = 1_700_000_000_000_000;
    let closed = opened + 3_600_000_001;
    let resolution = Value::Decimal(Decimal::new(3_600_000_001, 6));
    vec![
        Value::Time(closed),
        Value::Time(closed + 1_000_000),
        resolution,
        Value::Null,
        Value::Null,
        Value::Time(opened),
    ]
}

#[test]
fn times_of_a_row_are_subtracted_and_compared() {
    let desk = desk();
    let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
    for (formula, kind, expected) in [
        ("closed - opened", AttributeType::Duration, decimal("3600.000001")),
        ("opened - closed", AttributeType::Duration, decimal("-3600.000001")),
        ("closed - opened - resolution", AttributeType::Duration, decimal("0")),
        (
            "-(closed - opened) / 2",
            AttributeType::Duration,
            decimal("-1800.0000005"),
        ),
        (
            "COALESCE(closed, due) - opened",
            AttributeType::Duration,
            decimal("3600.000001"),
        ),
        (
            "IF(closed > due, closed - due, 0)",
            AttributeType::Duration,
            decimal("0"),
        ),
        ("COALESCE(0, resolution)", AttributeType::Duration, decimal("0")),
        (
            "SECONDS(closed - opened)",
            AttributeType::Decimal,
            decimal("3600.000001"),
        ),
        (
            "HOURS(due - closed) * 3600",
            AttributeType::Decimal,
            decimal("1.0000000000000000000000000001"),
        ),
        (
            "MINUTES(due - closed + closed - opened)",
            AttributeType::Decimal,
            Value::Null,
        ),
        (
            "(closed - opened) / (due - closed)",
            AttributeType::Decimal,
            decimal("3600.000001"),
        ),
        (
            "HOURS(closed - opened) <= 1",
            AttributeType::Boolean,
            Value::Boolean(false),
        ),
        ("closed - opened < 0", AttributeType::Boolean, Value::Boolean(false)),
        (
            "closed <= due AND due != opened",
            AttributeType::Boolean,
            Value::Boolean(true),
        ),
        ("closed", AttributeType::Time, Value::Time(1_700_003_600_000_001)),
    ] {
        let compiled = compile_row(formula, &desk.0);
        if expected.is_null() {
            assert_eq!(compiled.unwrap_err()[0].code, "type-mismatch", "{formula}");
            continue;
        }
        let compiled = compiled.unwrap_or_else(|found| panic!("{formula}: {found:?}"));
        assert_eq!(compiled.kind(), kind, "{formula}");
        if formula.starts_with("HOURS(due") {
            // A second is no whole part of an hour: rounded to 28 digits on the way.
            let Value::Decimal(told) = compiled.evaluate(&row()) else {
                panic!("{formula} has no value");
            };
            assert!((told - Decimal::ONE).abs() < Decimal::new(1, 20), "{told}");
            continue;
        }
        assert_eq!(compiled.evaluate(&row()), expected, "{formula}");
        let mut open = row();
        open[0] = Value::Null;
        if formula.starts_with("closed") || formula.starts_with("opened - closed") {
            assert_eq!(compiled.evaluate(&open), Value::Null, "{formula} without an end");
        }
    }
}

#[test]
fn a_row_refuses_what_times_and_durations_are_not() {
    for (formula, expected) in [
        (
            "closed + opened",
            "0..15 type-mismatch of times there is only the difference",
        ),
        (
            "closed - 1",
            "0..10 type-mismatch of times there is only the difference",
        ),
        ("closed * 2", "0..10 type-mismatch of times"),
        ("resolution + 1", "0..14 type-mismatch a duration becomes a number"),
        ("resolution < 60", "0..15 type-mismatch a duration becomes a number"),
        ("closed - team", "9..13 not-a-number"),
        ("closed > 5", "0..10 type-mismatch"),
        (
            "HOURS(cost)",
            "6..10 not-a-duration the difference of two times is one, as in HOURS(closed - opened)",
        ),
        (
            "COALESCE(resolution, 5)",
            "21..22 type-mismatch a duration becomes a number",
        ),
        ("-closed", "1..7 not-a-number"),
        ("closed AND TRUE", "0..6 not-a-condition compare it with another time"),
    ] {
        let found = compile_row(formula, &desk().0).unwrap_err();
        let first = &found[0];
        let told = format!(
            "{:?} {} {}",
            first.span,
            first.code,
            first.hint.as_deref().unwrap_or_default()
        );
        assert!(told.starts_with(expected), "{formula}: {told}");
    }
}

#[test]
fn what_may_surprise_about_them_is_told() {
    let told = |found: Vec<crate::Diagnostic>| -> Vec<String> {
        let told = found.into_iter();
        told.map(|advice| format!("{:?} {} {}", advice.span, advice.code, advice.hint.unwrap_or_default()))
            .collect()
    };
    let hint = "an entity that is defined with an attribute of type duration whose formula is closed - opened has it rolled up";
    for (formula, expected) in [
        (
            "HOURS(AVG(Ticket.closed - Ticket.opened))",
            vec![format!("6..40 not-rolled-up {hint}")],
        ),
        ("AVG(Ticket.resolution)", vec![]),
    ] {
        assert_eq!(told(advise(formula, &desk())), expected, "{formula}");
    }
    for (formula, expected) in [
        (
            "team != 'x'",
            vec!["0..11 missing-undecided to have it decided for them too write COALESCE(team, '') != 'x'"],
        ),
        (
            "IF(NOT team = 'x', 1, 2)",
            vec!["7..17 missing-undecided to have it decided for them too write COALESCE(team, '') = 'x'"],
        ),
        ("resolution != 0", vec!["0..15 missing-undecided "]),
        ("COALESCE(team != 'x', TRUE)", vec![]),
        ("HOURS(closed - opened) <= 4", vec![]),
    ] {
        assert_eq!(told(advise_row(formula, &desk().0)), expected, "{formula}");
    }
}
