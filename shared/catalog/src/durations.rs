//! Times and durations among an entity's attributes, its own time included.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::Catalog;
use crate::definition::{AttributeDefinition, EntityDefinition};
use crate::fixtures::{attribute, dimension, flight, kpi};
use formula::{AttributeType, Value};

/// Tickets that are opened at their own time.
fn ticket() -> EntityDefinition {
    let derived = |name: &str, kind, formula: &str| AttributeDefinition {
        formula: Some(formula.to_owned()),
        ..attribute(name, kind)
    };
    EntityDefinition {
        code: "Ticket".into(),
        time: "opened".into(),
        attributes: vec![
            attribute("closed", AttributeType::Time),
            derived("resolution", AttributeType::Duration, "closed - opened"),
            AttributeDefinition {
                dimension: true,
                ..derived("in_time", AttributeType::Boolean, "HOURS(resolution) <= 4")
            },
        ],
        groupings: Vec::new(),
        ..flight()
    }
}

#[test]
fn a_duration_is_computed_from_the_facts_own_time() {
    let entity = ticket().validate().unwrap();
    let mut row = vec![Value::Time(5_400_000_001), Value::Null, Value::Null];
    entity.derive(0, &mut row);
    assert_eq!(
        row[1..],
        [Value::Decimal("5400.000001".parse().unwrap()), Value::Boolean(true)]
    );
    let mut open = vec![Value::Null; 3];
    entity.derive(0, &mut open);
    assert_eq!(open, [Value::Null, Value::Null, Value::Null]);
}

#[test]
fn a_difference_that_is_an_attribute_is_measured_as_that() {
    let kpis = vec![
        kpi("A", "HOURS(AVG(Ticket.closed - Ticket.opened))"),
        kpi("B", "HOURS(AVG(Ticket.opened - Ticket.closed))"),
        kpi("C", "COUNT(Ticket.opened)"),
    ];
    let catalog = Catalog::new(vec![ticket()], kpis).unwrap();
    for (code, measure, hints) in [
        ("A", "AVG(Ticket.resolution)", 0),
        ("B", "AVG(Ticket.opened - Ticket.closed)", 1),
        ("C", "COUNT(Ticket.opened)", 0),
    ] {
        let kpi = catalog.kpi(code).unwrap();
        assert_eq!(kpi.formula.measures[0].to_string(), measure);
        assert_eq!(kpi.hints(&catalog).len(), hints, "{code}");
    }
}

#[test]
fn times_and_durations_are_no_dimensions_and_no_plain_numbers() {
    for (name, change, expected) in [
        (
            "a time as a dimension",
            dimension("due", AttributeType::Time),
            "/attributes/3/dimension",
        ),
        (
            "a duration as a dimension",
            dimension("wait", AttributeType::Duration),
            "/attributes/3/dimension",
        ),
        (
            "the fact's own time once more",
            attribute("opened", AttributeType::Time),
            "/attributes/3/name",
        ),
        (
            "a duration as a decimal",
            AttributeDefinition {
                formula: Some("closed - opened".into()),
                ..attribute("seconds", AttributeType::Decimal)
            },
            "/attributes/3/type",
        ),
        (
            "a number as a duration",
            AttributeDefinition {
                formula: Some("HOURS(closed - opened)".into()),
                ..attribute("hours", AttributeType::Duration)
            },
            "/attributes/3/type",
        ),
    ] {
        let mut definition = ticket();
        definition.attributes.push(change);
        let problems = definition.validate().unwrap_err();
        let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, [expected], "{name}: {problems:?}");
    }
}
