#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{flight, kpi};
use crate::{GroupingDefinition, KpiDefinition};

fn catalog() -> Catalog {
    let order: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Order", "domain": "sales", "attributes": [{ "name": "origin", "type": "text", "dimension": true }] }))
    .unwrap();
    let kpis = vec![
        kpi(
            "RATE",
            "COUNT(Flight WHERE origin = 'ORD') / COUNT( Order WHERE origin = 'ORD' )",
        ),
        kpi("ORDERS", "COUNT( Order )"),
        kpi("FLIGHTS", "COUNT( Flight )"),
    ];
    Catalog::new(vec![flight(), order], kpis).unwrap()
}

fn attributes(names: &[(&str, &str)]) -> EntityRename {
    let names = names.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned()));
    EntityRename {
        code: None,
        attributes: names.collect(),
    }
}

fn renamed(catalog: &mut Catalog, code: &str, wanted: &EntityRename) -> Result<Renamed, Vec<String>> {
    let old = Arc::clone(catalog.entity(code).unwrap());
    let renamed = catalog.rename_entity(&old, wanted);
    renamed.map_err(|problems| problems.into_iter().map(|problem| problem.pointer).collect())
}

#[test]
fn everything_follows_an_attribute() {
    let mut catalog = catalog();
    let wanted = attributes(&[("delay", "minutes_late"), ("destination", "to_airport")]);
    let Renamed { entity, kpis } = renamed(&mut catalog, "Flight", &wanted).unwrap();
    assert!(kpis.is_empty(), "no formula names what has another name");
    let definition = entity.definition();
    assert_eq!(definition.attributes[0].formerly, ["delay"]);
    assert_eq!(definition.attributes[4].formula.as_deref(), Some("minutes_late < 15"));
    // Values are kept in the order of the old names, which is not that of the new ones.
    assert_eq!(definition.groupings[1].dimensions, ["to_airport", "origin"]);
    assert_eq!(entity.groupings()[2].dimensions, ["to_airport", "origin"]);
    assert!(wanted.is_done("Flight", &entity));
    // So they are when they are read, and when the definition is replaced by who has sorted them.
    let mut stored = definition.clone().validate_in_order().unwrap();
    assert_eq!(stored, *entity);
    stored.definition.groupings[1].dimensions.sort();
    stored
        .definition
        .groupings
        .push(GroupingDefinition::by_minute(["origin", "on_time"]));
    let replaced = catalog.replace_entity(stored.definition).unwrap();
    assert_eq!(replaced.groupings()[2].dimensions, ["to_airport", "origin"]);
    assert_eq!(replaced.groupings()[3].dimensions, ["on_time", "origin"]);
}

#[test]
fn formulas_follow_and_others_stay_as_they_were_written() {
    let mut catalog = catalog();
    let wanted = EntityRename {
        code: Some("Leg".to_owned()),
        ..attributes(&[("origin", "departs_from")])
    };
    let Renamed { entity, kpis } = renamed(&mut catalog, "Flight", &wanted).unwrap();
    assert_eq!(
        (entity.code(), &entity.definition().formerly[..]),
        ("Leg", &["Flight".to_owned()][..])
    );
    let formulas: Vec<&str> = kpis.iter().map(|kpi| kpi.definition.formula.as_str()).collect();
    assert_eq!(
        formulas,
        [
            "COUNT(Leg)",
            "COUNT(Leg WHERE departs_from = 'ORD') / COUNT(Order WHERE origin = 'ORD')"
        ]
    );
    assert_eq!(catalog.kpi("ORDERS").unwrap().definition.formula, "COUNT( Order )");
    assert!(catalog.entity("Flight").is_none());
    assert_eq!(catalog.former_entity("Flight").unwrap().code(), "Leg");
    // What comes for a former code is its entity's, so nothing else is called so.
    let problems = catalog.add_entity(flight()).unwrap_err();
    assert_eq!(problems[0].pointer, "/code");
    // It may have its code back.
    let back = EntityRename {
        code: Some("Flight".to_owned()),
        ..EntityRename::default()
    };
    let Renamed { entity, .. } = renamed(&mut catalog, "Leg", &back).unwrap();
    assert_eq!(entity.definition().formerly, ["Leg"]);
    assert!(catalog.former_entity("Flight").is_none());
}

#[test]
fn names_that_others_have_or_had_are_refused() {
    for (name, wanted, pointers) in [
        ("nothing", attributes(&[]), vec![""]),
        ("unknown", attributes(&[("dely", "late")]), vec!["/attributes/dely"]),
        ("taken", attributes(&[("delay", "origin")]), vec!["/attributes/delay"]),
        (
            "exchanged",
            attributes(&[("delay", "distance"), ("distance", "delay")]),
            vec!["/attributes/delay", "/attributes/distance"],
        ),
        (
            "twice",
            attributes(&[("delay", "late"), ("distance", "late")]),
            vec!["/attributes/distance"],
        ),
        ("the time", attributes(&[("delay", "date")]), vec!["/attributes/delay"]),
        (
            "a word",
            attributes(&[("distance", "where")]),
            vec!["/attributes/distance"],
        ),
        (
            "another's code",
            EntityRename {
                code: Some("ORDER".to_owned()),
                ..EntityRename::default()
            },
            vec!["/code"],
        ),
    ] {
        let refused = renamed(&mut catalog(), "Flight", &wanted).unwrap_err();
        assert_eq!(refused, pointers, "{name}");
    }
    let mut catalog = catalog();
    renamed(&mut catalog, "Flight", &attributes(&[("delay", "late")])).unwrap();
    assert_eq!(
        renamed(&mut catalog, "Flight", &attributes(&[("distance", "delay")])).unwrap_err(),
        ["/attributes/distance"]
    );
    // It may have its own name back.
    let back = renamed(&mut catalog, "Flight", &attributes(&[("late", "delay")])).unwrap();
    assert_eq!(back.entity.definition().attributes[0].formerly, ["late"]);
}

#[test]
fn a_kpi_has_another_code() {
    let mut catalog = catalog();
    let old = Arc::clone(catalog.kpi("ORDERS").unwrap());
    let wanted = |code: &str| KpiRename { code: code.to_owned() };
    for code in ["RATE", "orders"] {
        let problems = catalog.rename_kpi(&old, &wanted(code)).unwrap_err();
        assert_eq!(problems[0].pointer, "/code", "{code}");
    }
    let renamed = catalog.rename_kpi(&old, &wanted("SALES")).unwrap();
    assert_eq!(renamed.kpi.definition.formerly, ["ORDERS"]);
    assert_eq!(catalog.former_kpi("ORDERS").unwrap().code(), "SALES");
    let other: KpiDefinition = kpi("ORDERS", "COUNT(Order)");
    assert_eq!(catalog.add_kpi(other).unwrap_err()[0].pointer, "/code");
}

#[test]
fn a_dimension_for_each_value_of_which_something_is_taken_follows_or_refuses() {
    let mut before = catalog();
    before
        .add_kpi(kpi(
            "BUSIEST",
            "MAX_PER(FLIGHTS, origin) + COUNT_PER(ORDERS, Order.origin)",
        ))
        .unwrap();
    for (new, expected) in [
        (
            "departs_from",
            "MAX_PER(FLIGHTS, departs_from) + COUNT_PER(ORDERS, Order.origin)",
        ),
        // A period is written so.
        ("day", "MAX_PER(FLIGHTS, Flight.day) + COUNT_PER(ORDERS, Order.origin)"),
    ] {
        let mut catalog = before.clone();
        let wanted = attributes(&[("origin", new)]);
        let kpis = renamed(&mut catalog, "Flight", &wanted).unwrap().kpis;
        let busiest = kpis.iter().find(|kpi| kpi.code() == "BUSIEST").unwrap();
        assert_eq!(busiest.definition.formula, expected);
        assert_eq!(
            busiest.formula.measures[0].to_string(),
            format!("EACH(COUNT(Flight), {new})")
        );
    }
    // Of two entities it is one name in both.
    before
        .add_kpi(kpi("TOGETHER", "MAX_PER(COUNT(Flight) + COUNT(Order), origin)"))
        .unwrap();
    let old = Arc::clone(before.entity("Flight").unwrap());
    let refused = before
        .rename_entity(&old, &attributes(&[("origin", "departs_from")]))
        .unwrap_err();
    assert!(refused[0].message.contains("TOGETHER"), "{refused:?}");
}
