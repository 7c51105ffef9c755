#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{flight, kpi};
use crate::{EntityRename, KpiRename};
use serde_json::{Value, json};

/// A KPI with fields of its own.
fn with(code: &str, formula: &str, fields: &Value) -> KpiDefinition {
    let mut definition = serde_json::to_value(kpi(code, formula)).unwrap();
    definition
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    serde_json::from_value(definition).unwrap()
}

fn catalog() -> Catalog {
    let kpis = vec![
        kpi("FLIGHTS", "COUNT(Flight)"),
        kpi("PLANNED", "SUM(Flight.distance)"),
        with(
            "DELAY",
            "SUM(Flight.delay)",
            &json!({ "direction": "lower_is_better", "target": "PLANNED * 0.9", "warning": "PLANNED", "critical": "1.5 * DELAY + FLIGHTS" }),
        ),
    ];
    Catalog::new(vec![flight()], kpis).unwrap()
}

fn measures(catalog: &Catalog) -> Vec<String> {
    let goal = catalog.kpi("DELAY").unwrap().goal.as_ref().unwrap();
    let measures = goal.all().into_iter().map(|bound| {
        let measures = bound.formula.measures.iter();
        measures.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    });
    measures.collect()
}

#[test]
fn limits_are_numbers_formulas_or_bands() {
    for (written, kept) in [
        (json!(95), Some(json!("95"))),
        (json!(-0.05), Some(json!("-0.05"))),
        (json!(1e-7), Some(json!("0.0000001"))),
        (json!("1.05 * FLIGHTS"), Some(json!("1.05 * FLIGHTS"))),
        (
            json!({ "from": 20, "to": "FLIGHTS" }),
            Some(json!({ "from": "20", "to": "FLIGHTS" })),
        ),
        (json!(null), Some(json!(null))),
        (json!(true), None),
        (json!([1]), None),
        (json!({ "from": 20 }), None),
        (json!({ "from": 20, "to": 25, "by": 1 }), None),
        (json!({ "from": { "from": 1, "to": 2 }, "to": 25 }), None),
    ] {
        let read = serde_json::from_value::<Option<Limit<Expression>>>(written.clone()).ok();
        assert_eq!(
            read.map(|limit| serde_json::to_value(limit).unwrap()),
            kept,
            "{written}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_goal_is_told() {
    for (name, fields, expected) in [
        ("none", json!({}), vec![]),
        (
            "a number",
            json!({ "direction": "higher_is_better", "target": 3 }),
            vec![],
        ),
        (
            "a formula",
            json!({ "direction": "lower_is_better", "warning": "FLIGHTS + K", "critical": "2 * FLIGHTS" }),
            vec![],
        ),
        (
            "a band",
            json!({ "direction": "between", "target": { "from": 1, "to": "FLIGHTS" } }),
            vec![],
        ),
        ("no way is good", json!({ "target": 3 }), vec!["/direction"]),
        ("no band", json!({ "direction": "between" }), vec!["/direction"]),
        (
            "a number for a band",
            json!({ "direction": "between", "target": 3 }),
            vec!["/target"],
        ),
        (
            "a band for a number",
            json!({ "direction": "higher_is_better", "critical": { "from": 1, "to": 2 } }),
            vec!["/critical"],
        ),
        (
            "a turned band",
            json!({ "direction": "between", "warning": { "from": 2, "to": 1 } }),
            vec!["/warning"],
        ),
        (
            "milder",
            json!({ "direction": "higher_is_better", "warning": 80, "critical": 90 }),
            vec!["/critical"],
        ),
        (
            "milder than the target",
            json!({ "direction": "lower_is_better", "target": 10, "critical": 9 }),
            vec!["/critical"],
        ),
        (
            "a milder band",
            json!({ "direction": "between", "warning": { "from": 1, "to": 5 }, "critical": { "from": 0, "to": 4 } }),
            vec!["/critical"],
        ),
        (
            "as mild",
            json!({ "direction": "higher_is_better", "target": 80, "critical": "80" }),
            vec![],
        ),
        (
            "formulas",
            json!({ "direction": "between", "target": { "from": "COUNT(Fligth)", "to": "FLIGTS +" } }),
            vec!["/target/from 6..12", "/target/to 8..8", "/target/to 0..6"],
        ),
    ] {
        let found = catalog()
            .add_kpi(with("K", "COUNT(Flight WHERE on_time)", &fields))
            .err()
            .unwrap_or_default();
        let found = found.iter().map(|problem| {
            let span = problem
                .span
                .as_ref()
                .map_or(String::new(), |span| format!(" {}..{}", span.start, span.end));
            format!("{}{span}", problem.pointer)
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn goals_follow_what_they_refer_to() {
    let mut catalog = catalog();
    let of_distance = "SUM(Flight.distance)";
    assert_eq!(
        measures(&catalog),
        [of_distance, of_distance, "SUM(Flight.delay), COUNT(Flight)"]
    );
    let delay = catalog.kpi("DELAY").unwrap();
    assert!(delay.reads("Flight") && delay.names("FLIGHTS") && delay.refers_to.is_empty());
    let referrers: Vec<&str> = catalog.referrers("PLANNED").map(|kpi| kpi.code()).collect();
    assert_eq!(referrers, ["DELAY"]);
    assert_eq!(catalog.referrers("DELAY").count(), 0, "itself");
    catalog.replace_kpi(kpi("PLANNED", "MAX(Flight.distance)")).unwrap();
    assert_eq!(measures(&catalog)[0], "MAX(Flight.distance)");
    // Targets make no circle: the planned delay may be computed from the delay.
    catalog.replace_kpi(kpi("PLANNED", "DELAY + 1")).unwrap();
    assert_eq!(measures(&catalog)[0], "SUM(Flight.delay)");
    let duration = serde_json::from_value(
        json!({ "code": "Shift", "domain": "travel", "attributes": [{ "name": "length", "type": "duration" }] }),
    );
    catalog.add_entity(duration.unwrap()).unwrap();
    let before = catalog.clone();
    let refused = catalog.replace_kpi(kpi("PLANNED", "SUM(Shift.length)")).unwrap_err();
    assert!(
        refused[0]
            .message
            .starts_with("the `target` of the KPI `DELAY` would not fit"),
        "{refused:?}"
    );
    assert_eq!(catalog, before);
}

#[test]
fn goals_follow_names() {
    let mut catalog = catalog();
    for (old, new) in [("DELAY", "LATENESS"), ("PLANNED", "PLAN")] {
        let old = Arc::clone(catalog.kpi(old).unwrap());
        let renamed = catalog.rename_kpi(&old, &KpiRename { code: new.to_owned() }).unwrap();
        let referrers: Vec<&str> = renamed.referrers.iter().map(|kpi| kpi.code()).collect();
        assert_eq!(referrers, if new == "PLAN" { vec!["LATENESS"] } else { vec![] });
    }
    let old = Arc::clone(catalog.entity("Flight").unwrap());
    let wanted = EntityRename {
        code: Some("Leg".to_owned()),
        ..EntityRename::default()
    };
    let changed = catalog.rename_entity(&old, &wanted).unwrap().kpis;
    assert_eq!(changed.len(), 3);
    let kpi = catalog.kpi("LATENESS").unwrap();
    let goal = kpi.definition.goal().unwrap();
    let texts: Vec<&str> = goal.all().into_iter().map(|expression| expression.0.as_str()).collect();
    assert_eq!(texts, ["PLAN * 0.9", "PLAN", "1.5 * LATENESS + FLIGHTS"]);
    let formula = &kpi.goal.as_ref().unwrap().all()[2].formula;
    assert_eq!(formula.measures[0].to_string(), "SUM(Leg.delay)");
}
