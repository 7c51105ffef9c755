#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{kpi, order_customer, shop};

/// A name, a change, and the pointers of the problems it makes.
type Case = (&'static str, fn(&mut Relationship), &'static [&'static str]);

#[test]
fn a_relationship_fits_its_entities_or_all_is_told() {
    let cases: &[Case] = &[
        ("one customer", |_| {}, &[]),
        ("as of now", |it| it.resolved = Resolution::AsOfNow, &[]),
        (
            "the order before, of the same entity",
            |it| (it.attribute, it.to_entity) = ("parent".into(), "Order".into()),
            &[],
        ),
        (
            "many customers of a region",
            |it| {
                (it.attribute, it.key) = ("region".into(), "region".into());
                it.cardinality = Cardinality::Many;
            },
            &[],
        ),
        (
            "many of what there is one of",
            |it| it.cardinality = Cardinality::Many,
            &["/cardinality"],
        ),
        (
            "one of what there are many of",
            |it| (it.attribute, it.key) = ("region".into(), "region".into()),
            &["/cardinality"],
        ),
        (
            "half of a key",
            |it| (it.to_entity, it.key) = ("Visit".into(), "customer".into()),
            &["/cardinality"],
        ),
        ("another type", |it| it.attribute = "number".into(), &["/key"]),
        (
            "itself",
            |it| (it.attribute, it.to_entity) = ("id".into(), "Order".into()),
            &["/key"],
        ),
        (
            "no such entities",
            |it| (it.from_entity, it.to_entity) = ("Ordr".into(), "Custom".into()),
            &["/from_entity", "/to_entity"],
        ),
        (
            "no such attributes",
            |it| (it.attribute, it.key) = ("custommer".into(), "key".into()),
            &["/attribute", "/key"],
        ),
        (
            "words that can't be used",
            |it| (it.code, it.name) = ("order customer".into(), "x".repeat(121)),
            &["/code", "/name"],
        ),
    ];
    for (name, change, expected) in cases {
        let mut definition = order_customer();
        change(&mut definition);
        let mut catalog = shop();
        let added = catalog.add_companion(definition.clone());
        let found = added.as_ref().err().map_or(&[][..], Vec::as_slice);
        let pointers: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, *expected, "{name}: {found:?}");
        assert!(
            found
                .iter()
                .all(|problem| problem.hint.is_some() || problem.pointer == "/name"),
            "{name}: {found:?}"
        );
        let is_there = catalog.companion::<Relationship>(&definition.code).is_some();
        assert_eq!(is_there, expected.is_empty(), "{name}");
    }
}

#[test]
fn an_attribute_leads_to_one_entity() {
    let mut catalog = shop();
    catalog.add_companion(order_customer()).unwrap();
    let found = catalog.relationship_of("Order", "customer").unwrap();
    assert_eq!((found.to_entity.as_str(), found.key.as_str()), ("Customer", "id"));
    assert!(catalog.relationship_of("Order", "region").is_none());
    assert!(catalog.relationship_of("Customer", "customer").is_none());
    let pointers =
        |problems: Vec<Problem>| -> Vec<String> { problems.into_iter().map(|problem| problem.pointer).collect() };
    let again = catalog.add_companion(order_customer()).map_err(pointers);
    assert_eq!(again, Err(vec!["/code".to_owned()]));
    let mut other = order_customer();
    other.code = "BUYER".into();
    assert_eq!(
        catalog.add_companion(other).map_err(pointers),
        Err(vec!["/attribute".to_owned()])
    );
    let mut same = order_customer();
    same.resolved = Resolution::AsOfNow;
    catalog.replace_companion(same).unwrap();
    assert_eq!(
        catalog.relationship_of("Order", "customer").unwrap().resolved,
        Resolution::AsOfNow
    );
}

#[test]
fn nothing_of_a_relationship_is_assumed() {
    let whole = serde_json::to_value(order_customer()).unwrap();
    for field in [
        "code",
        "from_entity",
        "attribute",
        "to_entity",
        "key",
        "cardinality",
        "resolved",
    ] {
        let mut without = whole.clone();
        without.as_object_mut().unwrap().remove(field);
        assert!(serde_json::from_value::<Relationship>(without).is_err(), "{field}");
    }
    assert_eq!(whole["resolved"], "as_of_fact");
}

/// The shop with a relationship, and KPIs that go along it.
fn walked() -> Catalog {
    let mut catalog = shop();
    catalog.add_companion(order_customer()).unwrap();
    for (code, formula) in [
        ("GOLD", "COUNT(Order WHERE customer.segment = 'gold')"),
        ("GOLD_SHARE", "GOLD / ORDERS"),
        ("SEGMENTS", "COUNT(DISTINCT Order.customer.segment)"),
    ] {
        catalog.add_kpi(kpi(code, formula)).unwrap();
    }
    catalog
}

#[test]
fn formulas_keep_the_relationships_that_they_go_along() {
    let catalog = walked();
    let along = catalog.going_along::<Relationship>("ORDER_CUSTOMER");
    let codes: Vec<&str> = along.map(|kpi| kpi.code()).collect();
    assert_eq!(codes, ["GOLD", "GOLD_SHARE", "SEGMENTS"]);
    assert_eq!(shop().going_along::<Relationship>("ORDER_CUSTOMER").count(), 0);
    let reads: Vec<&str> = catalog
        .kpis()
        .filter(|kpi| kpi.reads("Customer"))
        .map(|kpi| kpi.code())
        .collect();
    assert_eq!(reads, ["GOLD", "GOLD_SHARE", "PER_CUSTOMER", "SEGMENTS"]);
    // As of when is no matter of where paths lead; another entity is.
    for (name, change, expected) in [
        (
            "as of now",
            (|it| it.resolved = Resolution::AsOfNow) as fn(&mut Relationship),
            vec![],
        ),
        (
            "to orders",
            |it| it.to_entity = "Order".into(),
            vec!["the KPI GOLD goes along it", "the KPI SEGMENTS goes along it"],
        ),
        (
            "from another attribute",
            |it| it.attribute = "region".into(),
            vec!["the KPI GOLD goes along it", "the KPI SEGMENTS goes along it"],
        ),
    ] {
        let mut changed = order_customer();
        change(&mut changed);
        let mut trial = catalog.clone();
        let refused = trial.replace_companion(changed).err().unwrap_or_default();
        let told: Vec<&str> = refused
            .iter()
            .filter_map(|problem| problem.message.split(" and would").next())
            .collect();
        assert_eq!(told, expected, "{name}");
        assert_eq!(trial == catalog, !expected.is_empty(), "{name}");
    }
}

#[test]
fn paths_follow_new_names_of_what_they_go_through() {
    let mut catalog = walked();
    let wanted: crate::EntityRename =
        serde_json::from_str(r#"{ "code": "Buyer", "attributes": { "segment": "class" } }"#).unwrap();
    let customer = catalog.entity("Customer").cloned().unwrap();
    let renamed = catalog.rename_entity(&customer, &wanted).unwrap();
    let kpis: Vec<(&str, &str)> = renamed
        .kpis
        .iter()
        .map(|kpi| (kpi.code(), kpi.definition.formula.as_str()))
        .collect();
    assert_eq!(
        kpis,
        [
            ("GOLD", "COUNT(Order WHERE customer.class = 'gold')"),
            ("PER_CUSTOMER", "COUNT(Order) / COUNT(Buyer)"),
            ("SEGMENTS", "COUNT(DISTINCT Order.customer.class)"),
        ]
    );
    let kind = catalog
        .attribute_at("Order", "customer.class")
        .map(|attribute| attribute.kind);
    assert_eq!(kind, Some(formula::AttributeType::Text));
    for path in ["customer.segment", "region.class", "customer.id.class", "class"] {
        assert_eq!(catalog.attribute_at("Order", path), None, "{path}");
    }
    let graph = catalog.graph_of(["GOLD"]).unwrap();
    let edges: Vec<String> = graph
        .edges
        .iter()
        .map(|edge| format!("{} {}", edge.from, edge.to))
        .collect();
    assert_eq!(
        edges,
        [
            "kpi:GOLD entity:Buyer",
            "kpi:GOLD entity:Order",
            "entity:Order entity:Buyer"
        ]
    );
}

#[test]
fn stored_definitions_may_go_along_relationships() {
    let catalog = walked();
    let definitions = catalog.entities().map(|entity| entity.definition().clone()).collect();
    let kpis = catalog.kpis().map(|kpi| kpi.definition.clone()).collect();
    let companions = crate::Companions {
        relationships: vec![order_customer()],
        ..crate::Companions::default()
    };
    assert_eq!(Catalog::stored(definitions, kpis, companions).unwrap(), catalog);
}
