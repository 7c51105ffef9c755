#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::time::{Duration, Instant};

use super::*;
use crate::fixtures::{attribute, flight, kpi};
use crate::{EntityRename, KpiRename};
use formula::{AttributeType, MAX_REFERENCE_LEVELS};

const KPIS: &[(&str, &str)] = &[
    // Before what it refers to.
    ("LEVEL", "IF(MEAN > 15, 1, 0)"),
    ("MEAN", "DELAY / FLIGHTS"),
    ("DELAY", "SUM(Flight.delay)"),
    ("FLIGHTS", "COUNT(Flight)"),
    ("SHARE", "COUNT( Flight WHERE on_time )/FLIGHTS"),
];

fn catalog_of(kpis: &[(&str, &str)]) -> Result<Catalog, Vec<Problem>> {
    let kpis = kpis.iter().map(|(code, formula)| kpi(code, formula));
    Catalog::new(vec![flight()], kpis.collect())
}

fn measures(catalog: &Catalog, code: &str) -> String {
    let measures = catalog.kpi(code).unwrap().formula.measures.iter();
    measures.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn formula<'c>(catalog: &'c Catalog, code: &str) -> &'c str {
    &catalog.kpi(code).unwrap().definition.formula
}

fn messages(problems: &[Problem]) -> Vec<String> {
    let messages = problems.iter();
    messages
        .map(|problem| format!("{} {}", problem.pointer, problem.message))
        .collect()
}

#[test]
fn kpis_are_computed_from_others_in_whichever_order_they_are_given() {
    let catalog = catalog_of(KPIS).unwrap();
    assert_eq!(measures(&catalog, "LEVEL"), "SUM(Flight.delay), COUNT(Flight)");
    assert_eq!(catalog.kpi("LEVEL").unwrap().refers_to, ["MEAN"]);
    assert_eq!(catalog.kpi("MEAN").unwrap().refers_to, ["DELAY", "FLIGHTS"]);
    let referrers: Vec<&str> = catalog.referrers("FLIGHTS").map(|kpi| kpi.code()).collect();
    assert_eq!(referrers, ["MEAN", "SHARE"]);
    let backwards: Vec<(&str, &str)> = KPIS.iter().rev().copied().collect();
    assert_eq!(catalog, catalog_of(&backwards).unwrap());
}

#[test]
fn circles_are_refused_with_the_way() {
    let found = catalog_of(&[
        ("A", "B + 1"),
        ("B", "2 * C"),
        ("C", "COUNT(Flight) - A"),
        ("SELF", "SELF + COUNT(Flight)"),
        ("ABOVE", "A / COUNT(Flight)"),
        ("FINE", "COUNT(Flight)"),
        ("BROKEN", "COUNT(Fligth)"),
        ("ON_BROKEN", "BROKEN + 1"),
    ]);
    let circle = "the KPI would be computed from itself:";
    let expected = [
        format!("/kpis/0/formula {circle} A -> B -> C -> A"),
        format!("/kpis/1/formula {circle} B -> C -> A -> B"),
        format!("/kpis/2/formula {circle} C -> A -> B -> C"),
        format!("/kpis/3/formula {circle} SELF -> SELF"),
        format!("/kpis/4/formula {circle} ABOVE -> A -> B -> C -> A"),
        "/kpis/6/formula there is no entity `Fligth`".to_owned(),
        "/kpis/7/formula the KPI `BROKEN` can't be computed itself".to_owned(),
    ];
    assert_eq!(messages(&found.unwrap_err()), expected);
}

#[test]
fn what_is_computed_from_a_replaced_kpi_follows() {
    let mut catalog = catalog_of(KPIS).unwrap();
    catalog.replace_kpi(kpi("DELAY", "SUM(Flight.distance)")).unwrap();
    assert_eq!(measures(&catalog, "LEVEL"), "SUM(Flight.distance), COUNT(Flight)");
    assert_eq!(
        catalog,
        catalog_of(&[KPIS[0], KPIS[1], ("DELAY", "SUM(Flight.distance)"), KPIS[3], KPIS[4]]).unwrap()
    );
}

#[test]
fn a_replacement_that_breaks_a_referrer_is_refused_with_its_name() {
    let many = (0..32).map(|n| format!("COUNT(Flight WHERE origin = '{n}')"));
    let many = many.collect::<Vec<_>>().join(" + ");
    for (name, definition, expected) in [
        (
            "a circle",
            kpi("FLIGHTS", "LEVEL + COUNT(Flight)"),
            "/formula the KPI would be computed from itself: FLIGHTS -> LEVEL -> MEAN -> FLIGHTS",
        ),
        (
            "itself",
            kpi("FLIGHTS", "FLIGHTS"),
            "/formula the KPI would be computed from itself: FLIGHTS -> FLIGHTS",
        ),
        (
            "too many measures",
            kpi("FLIGHTS", &many),
            "/formula the KPI `MEAN` refers to it and would not fit: with the KPI `FLIGHTS` the formula has 33 different aggregates, and 32 are allowed",
        ),
        (
            "a mistake of its own",
            kpi("FLIGHTS", "COUNT(Fligth)"),
            "/formula there is no entity `Fligth`",
        ),
    ] {
        let mut catalog = catalog_of(KPIS).unwrap();
        let found = messages(&catalog.replace_kpi(definition).unwrap_err());
        assert_eq!(found.first().map(String::as_str), Some(expected), "{name}");
        assert_eq!(catalog, catalog_of(KPIS).unwrap(), "{name}: nothing is changed");
    }
}

#[test]
fn formulas_follow_a_renamed_kpi() {
    let mut catalog = catalog_of(KPIS).unwrap();
    let old = Arc::clone(catalog.kpi("FLIGHTS").unwrap());
    let rename = |code: &str| KpiRename { code: code.to_owned() };
    let renamed = catalog.rename_kpi(&old, &rename("LEGS")).unwrap();
    let changed: Vec<&str> = renamed.referrers.iter().map(|kpi| kpi.code()).collect();
    assert_eq!((renamed.kpi.code(), changed), ("LEGS", vec!["MEAN", "SHARE"]));
    assert_eq!(formula(&catalog, "SHARE"), "COUNT(Flight WHERE on_time) / LEGS");
    assert_eq!(
        formula(&catalog, "LEVEL"),
        "IF(MEAN > 15, 1, 0)",
        "as somebody wrote it"
    );
    assert_eq!(catalog.kpi("MEAN").unwrap().refers_to, ["DELAY", "LEGS"]);
    let before = catalog.clone();
    let old = Arc::clone(catalog.kpi("LEGS").unwrap());
    let found = messages(&catalog.rename_kpi(&old, &rename("NOT")).unwrap_err());
    assert!(found[0].starts_with(" the KPI `MEAN` would not fit: "), "{found:?}");
    assert_eq!(catalog, before);
}

#[test]
fn an_entity_is_renamed_and_replaced_below_what_refers_to_each_other() {
    let mut catalog = catalog_of(KPIS).unwrap();
    let old = Arc::clone(catalog.entity("Flight").unwrap());
    let wanted = EntityRename {
        code: Some("Leg".to_owned()),
        attributes: [("delay".to_owned(), "late".to_owned())].into(),
    };
    let changed = catalog.rename_entity(&old, &wanted).unwrap().kpis;
    let mut changed: Vec<&str> = changed.iter().map(|kpi| kpi.code()).collect();
    changed.sort_unstable();
    assert_eq!(changed, ["DELAY", "FLIGHTS", "SHARE"], "the others name none of it");
    assert_eq!(measures(&catalog, "LEVEL"), "SUM(Leg.late), COUNT(Leg)");
    let mut wider = catalog.entity("Leg").unwrap().definition().clone();
    wider.attributes.push(attribute("tail", AttributeType::Text));
    catalog.replace_entity(wider).unwrap();
    assert_eq!(measures(&catalog, "LEVEL"), "SUM(Leg.late), COUNT(Leg)");
}

#[test]
fn ten_thousand_kpis_are_read_at_once() {
    // Each refers to two of those before it, as long as the levels allow.
    let formula = |index: usize| match index % 1_000 {
        0 => "COUNT(Flight)".to_owned(),
        step if step <= 8 => format!("COALESCE(K{}, K{})", index - 1, index - step),
        step => format!("K{} + K{}", index - step, index - step + step % 8),
    };
    let kpis = (0..10_000)
        .rev()
        .map(|index| kpi(&format!("K{index}"), &formula(index)));
    let kpis: Vec<_> = kpis.collect();
    let begun = Instant::now();
    let mut catalog = Catalog::new(vec![flight()], kpis).unwrap();
    // The bound is for a debug build on a machine that others use, too.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let begun = Instant::now();
    catalog.replace_kpi(kpi("K0", "SUM(Flight.delay)")).unwrap();
    assert_eq!(measures(&catalog, "K999"), "SUM(Flight.delay)");
    assert!(catalog.replace_kpi(kpi("K0", "K999")).is_err());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_circle_of_ten_thousand_is_refused_at_once() {
    let kpis = (0..10_000).map(|index| kpi(&format!("K{index}"), &format!("K{} + 1", (index + 1) % 10_000)));
    let begun = Instant::now();
    let problems = Catalog::new(vec![flight()], kpis.collect()).unwrap_err();
    assert_eq!(problems.len(), 10_000);
    assert!(problems[0].message.ends_with("-> K16 -> …"), "{}", problems[0].message);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let deep = (0..=MAX_REFERENCE_LEVELS + 1).map(|index| match index {
        0 => kpi("K0", "COUNT(Flight)"),
        _ => kpi(&format!("K{index}"), &format!("K{}", index - 1)),
    });
    let problems = Catalog::new(vec![flight()], deep.collect()).unwrap_err();
    let expected = format!(
        "/kpis/17/formula with the KPI `K16` the formula has 17 KPIs one below the other, and {MAX_REFERENCE_LEVELS} are allowed"
    );
    assert_eq!(messages(&problems), [expected]);
}
