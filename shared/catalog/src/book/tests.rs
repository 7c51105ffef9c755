#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{attribute, flight, kpi};
use formula::AttributeType;

const RATE: &str = "COUNT(Flight WHERE on_time) / COUNT(Flight)";

fn catalog() -> Catalog {
    Catalog::new(
        vec![flight()],
        vec![kpi("FLIGHTS", "COUNT(Flight)"), kpi("ON_TIME_RATE", RATE)],
    )
    .unwrap()
}

fn shown(problems: &[Problem]) -> Vec<String> {
    let span = |problem: &Problem| {
        problem
            .span
            .as_ref()
            .map_or(String::new(), |span| format!(" {}..{}", span.start, span.end))
    };
    problems
        .iter()
        .map(|problem| format!("{}{}", problem.pointer, span(problem)))
        .collect()
}

#[test]
fn a_catalogue_finds_its_parts() {
    let catalog = catalog();
    assert_eq!(catalog.entity("Flight").unwrap().code(), "Flight");
    assert_eq!(catalog.kpi("ON_TIME_RATE").unwrap().formula.measures.len(), 2);
    assert_eq!(
        catalog.kpis().map(|kpi| kpi.code()).collect::<Vec<_>>(),
        ["FLIGHTS", "ON_TIME_RATE"]
    );
    assert_eq!(catalog.names(), ["Flight"]);
    assert!(catalog.entity("flight").is_none() && catalog.kpi("flights").is_none());
}

#[test]
fn problems_of_many_definitions_point_into_the_document() {
    let mut broken = flight();
    broken.code = "Leg".into();
    broken.attributes[4].formula = Some("delay <".into());
    let kpis = vec![
        kpi("FLIGHTS", "COUNT(Flight)"),
        kpi("FLIGHTS", "COUNT(Fligth)"),
        kpi("legs", "COUNT(Leg)"),
    ];
    let problems = Catalog::new(vec![flight(), broken, flight()], kpis).unwrap_err();
    let expected = [
        "/entities/1/attributes/4/formula 7..7",
        "/entities/2/code",
        "/kpis/1/code",
        "/kpis/1/formula 6..12",
        "/kpis/2/code",
        "/kpis/2/formula 6..9",
    ];
    assert_eq!(shown(&problems), expected);
}

#[test]
fn kpis_are_checked() {
    let long = |length: usize| "x".repeat(length);
    let with = |change: fn(&mut KpiDefinition)| {
        let mut definition = kpi("K", RATE);
        change(&mut definition);
        definition
    };
    for (name, definition, expected) in [
        ("valid", kpi("K", RATE), vec![]),
        ("code", kpi("rate", RATE), vec!["/code"]),
        ("taken", kpi("FLIGHTS", RATE), vec!["/code"]),
        ("no name", with(|kpi| kpi.name.clear()), vec!["/name"]),
        (
            "name",
            KpiDefinition {
                name: long(121),
                ..kpi("K", RATE)
            },
            vec!["/name"],
        ),
        ("unit", with(|kpi| kpi.unit = "\u{7}".into()), vec!["/unit"]),
        ("decimals", with(|kpi| kpi.decimals = 11), vec!["/decimals"]),
        ("no formula", kpi("K", ""), vec!["/formula 0..0"]),
        (
            "formula",
            kpi("K", "AVG(Flight.dealy) +"),
            vec!["/formula 19..19", "/formula 11..16"],
        ),
        ("a long formula", kpi("K", &long(5000)), vec!["/formula 4096..5000"]),
    ] {
        let mut catalog = catalog();
        let problems = catalog.add_kpi(definition).err().unwrap_or_default();
        assert_eq!(shown(&problems), expected, "{name}");
        assert_eq!(
            catalog.kpis().count(),
            if expected.is_empty() { 3 } else { 2 },
            "{name}"
        );
    }
}

#[test]
fn codes_that_differ_in_case_collide() {
    let mut other = flight();
    other.code = "FLIGHT".into();
    assert_eq!(shown(&catalog().add_entity(other).unwrap_err()), ["/code"]);
}

#[test]
fn a_replaced_entity_keeps_its_kpis_valid() {
    let mut wider = flight();
    wider.attributes.push(attribute("tail", AttributeType::Text));
    let mut narrower = flight();
    narrower.attributes.remove(4);
    let mut looser = flight();
    looser.attributes.remove(1);
    let mut other = flight();
    other.code = "FLIGHT".into();
    for (name, definition, expected) in [
        ("an addition", wider, vec![]),
        ("what a KPI reads is removed", narrower, vec!["/attributes"]),
        ("what nothing reads is removed", looser, vec!["/attributes"]),
        ("another code", other, vec!["/code"]),
    ] {
        let mut catalog = catalog();
        let count = definition.attributes.len();
        let result = catalog.replace_entity(definition);
        assert_eq!(shown(&result.err().unwrap_or_default()), expected, "{name}");
        let kept = catalog.entity("Flight").unwrap().stored_attributes().len();
        assert_eq!(kept, if expected.is_empty() { count } else { 5 }, "{name}");
        assert!(catalog.kpi("ON_TIME_RATE").is_some(), "{name}");
    }
}

#[test]
fn what_is_stored_can_be_read_where_a_former_code_is_anothers() {
    let (mut taken, mut other) = (flight(), flight());
    other.code = "Trip".into();
    taken.formerly = vec!["Trip".into()];
    let both = || vec![taken.clone(), other.clone()];
    assert!(Catalog::new(both(), vec![]).is_err());
    let stored = Catalog::stored(both(), vec![], crate::Companions::default()).unwrap();
    assert_eq!(stored.entities().count(), 2);
    // It can be mended, and nothing else of it be written.
    let mut mended = stored.clone();
    assert!(mended.replace_entity(taken.clone()).is_err());
    mended.replace_entity(flight()).unwrap();
}
