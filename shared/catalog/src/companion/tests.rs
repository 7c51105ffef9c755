#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{order_customer, shop};
use crate::{Cardinality, EntityRename, KpiRename, MAX_STAGE_CODES, MAX_STAGES, MAX_WORKS, Resolution, Stage, Work};

fn dispatcher() -> Actor {
    let work = |entity: &str, does: &str| Work {
        entity: entity.into(),
        does: does.into(),
    };
    Actor {
        code: "DISPATCHER".into(),
        name: "Dispatcher".into(),
        description: String::new(),
        works_with: vec![work("Order", "ships"), work("Customer", "")],
    }
}

fn stage(name: &str) -> Stage {
    Stage {
        name: name.into(),
        module: "Logistics".into(),
        actors: vec!["DISPATCHER".into()],
        entities: vec!["Order".into()],
        kpis: vec!["ORDERS".into()],
    }
}

fn order_to_cash() -> ValueChainPattern {
    ValueChainPattern {
        code: "ORDER_TO_CASH".into(),
        name: "Order to cash".into(),
        description: String::new(),
        industry: "Retail".into(),
        value_chain: "Order to cash".into(),
        stages: vec![stage("Ordering"), stage("Delivery")],
    }
}

/// The shop with a companion of each kind.
pub(crate) fn full_shop() -> Catalog {
    let mut catalog = shop();
    catalog.add_companion(order_customer()).unwrap();
    catalog.add_companion(dispatcher()).unwrap();
    catalog.add_companion(order_to_cash()).unwrap();
    catalog
}

fn pointers<C: Companion>(catalog: &Catalog, definition: C) -> Vec<String> {
    let added = catalog.clone().replace_companion(definition);
    let problems = added.err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.pointer).collect()
}

#[test]
fn actors_name_what_there_is() {
    type Case = (&'static str, fn(&mut Actor), &'static [&'static str]);
    let cases: &[Case] = &[
        ("fine", |_| {}, &[]),
        ("without work", |it| it.works_with.clear(), &[]),
        ("no name", |it| it.name = " ".into(), &["/name"]),
        ("a code", |it| it.code = "Dispatcher".into(), &["/code"]),
        (
            "no such entity",
            |it| it.works_with[1].entity = "Custoner".into(),
            &["/works_with/1"],
        ),
        (
            "one twice",
            |it| it.works_with[1].entity = "Order".into(),
            &["/works_with/1"],
        ),
        (
            "a long word",
            |it| it.works_with[0].does = "x".repeat(121),
            &["/works_with/0/does"],
        ),
        (
            "too many",
            |it| it.works_with = vec![it.works_with[0].clone(); MAX_WORKS + 1],
            &["/works_with"],
        ),
    ];
    for (name, change, expected) in cases {
        let mut definition = dispatcher();
        change(&mut definition);
        assert_eq!(pointers(&shop(), definition), *expected, "{name}");
    }
}

#[test]
fn patterns_name_what_there_is() {
    type Case = (&'static str, fn(&mut ValueChainPattern), &'static [&'static str]);
    let cases: &[Case] = &[
        ("fine", |_| {}, &[]),
        ("no stages", |it| it.stages.clear(), &["/stages"]),
        (
            "too many stages",
            |it| it.stages = vec![stage("S"); MAX_STAGES + 1],
            &["/stages"],
        ),
        (
            "two of one name",
            |it| it.stages[1].name = "Ordering".into(),
            &["/stages/1/name"],
        ),
        (
            "what there is not",
            |it| {
                let stage = &mut it.stages[1];
                (stage.actors[0], stage.entities[0], stage.kpis[0]) = ("X".into(), "Y".into(), "Z".into());
            },
            &["/stages/1/actors/0", "/stages/1/entities/0", "/stages/1/kpis/0"],
        ),
        (
            "too many KPIs",
            |it| it.stages[0].kpis = vec!["ORDERS".into(); MAX_STAGE_CODES + 1],
            &["/stages/0/kpis"],
        ),
        (
            "labels",
            |it| (it.name, it.industry, it.value_chain) = (String::new(), "\0".into(), "x".repeat(121)),
            &["/name", "/industry", "/value_chain"],
        ),
    ];
    for (name, change, expected) in cases {
        let mut definition = order_to_cash();
        change(&mut definition);
        assert_eq!(pointers(&full_shop(), definition), *expected, "{name}");
    }
}

#[test]
fn who_names_a_definition_is_found() {
    let catalog = full_shop();
    for (named, expected) in [
        (
            Named::Entity("Order"),
            &[
                "relationship ORDER_CUSTOMER",
                "actor DISPATCHER",
                "value chain pattern ORDER_TO_CASH",
            ][..],
        ),
        (
            Named::Entity("Customer"),
            &["relationship ORDER_CUSTOMER", "actor DISPATCHER"],
        ),
        (Named::Entity("Visit"), &[]),
        (Named::Kpi("ORDERS"), &["value chain pattern ORDER_TO_CASH"]),
        (Named::Kpi("Order"), &[]),
        (Named::Actor("DISPATCHER"), &["value chain pattern ORDER_TO_CASH"]),
    ] {
        let found = catalog.companions_of(named).into_iter();
        let found: Vec<String> = found.map(|name| format!("{} {}", name.what, name.code)).collect();
        assert_eq!(found, expected, "{named:?}");
    }
}

#[test]
fn companions_follow_new_names() {
    let mut catalog = full_shop();
    let customer = Arc::clone(catalog.entity("Customer").unwrap());
    let wanted = EntityRename {
        code: Some("Client".into()),
        attributes: BTreeMap::from([("id".to_owned(), "number".to_owned())]),
    };
    catalog.rename_entity(&customer, &wanted).unwrap();
    let order = Arc::clone(catalog.entity("Order").unwrap());
    let wanted = EntityRename {
        code: Some("Sale".into()),
        attributes: BTreeMap::from([("customer".to_owned(), "buyer".to_owned())]),
    };
    catalog.rename_entity(&order, &wanted).unwrap();
    let orders = Arc::clone(catalog.kpi("ORDERS").unwrap());
    catalog
        .rename_kpi(&orders, &KpiRename { code: "SALES".into() })
        .unwrap();
    let relationship = catalog.relationship_of("Sale", "buyer").unwrap();
    assert_eq!(
        (relationship.to_entity.as_str(), relationship.key.as_str()),
        ("Client", "number")
    );
    assert_eq!(
        (relationship.cardinality, relationship.resolved),
        (Cardinality::One, Resolution::AsOfFact)
    );
    let actor = catalog.companion::<Actor>("DISPATCHER").unwrap();
    let works: Vec<&str> = actor.works_with.iter().map(|work| work.entity.as_str()).collect();
    assert_eq!(works, ["Sale", "Client"]);
    let pattern = catalog.companion::<ValueChainPattern>("ORDER_TO_CASH").unwrap();
    for stage in &pattern.stages {
        assert_eq!(
            (&stage.entities, &stage.kpis),
            (&vec!["Sale".to_owned()], &vec!["SALES".to_owned()])
        );
    }
    assert!(catalog.companions_of(Named::Entity("Order")).is_empty());
    // Who names the old one is told the new one.
    let told = catalog.clone().replace_companion(dispatcher()).unwrap_err();
    let told: Vec<_> = told.iter().filter_map(|problem| problem.hint.as_deref()).collect();
    assert_eq!(told, ["it was renamed to `Sale`", "it was renamed to `Client`"]);
    // What follows fits.
    for (name, problems) in [
        ("relationship", pointers(&catalog, Relationship::clone(relationship))),
        ("actor", pointers(&catalog, Actor::clone(actor))),
        ("pattern", pointers(&catalog, ValueChainPattern::clone(pattern))),
    ] {
        assert_eq!(problems, [""; 0], "{name}");
    }
}

#[test]
fn a_relationship_of_an_entity_with_itself_follows_at_both_ends() {
    let mut catalog = shop();
    let mut parent = order_customer();
    (parent.attribute, parent.to_entity) = ("parent".into(), "Order".into());
    catalog.add_companion(parent).unwrap();
    let order = Arc::clone(catalog.entity("Order").unwrap());
    let names = [("parent", "before"), ("id", "number_of_order")];
    let names = names.map(|(old, new)| (old.to_owned(), new.to_owned()));
    let wanted = EntityRename {
        code: Some("Sale".into()),
        attributes: BTreeMap::from(names),
    };
    catalog.rename_entity(&order, &wanted).unwrap();
    let found = catalog.relationship_of("Sale", "before").unwrap();
    assert_eq!(
        (found.to_entity.as_str(), found.key.as_str()),
        ("Sale", "number_of_order")
    );
}

#[test]
fn stored_companions_are_there_whether_they_fit_or_not() {
    let shop = shop();
    let entities = || shop.entities().map(|entity| entity.definition().clone()).collect();
    let kpis = || shop.kpis().map(|kpi| kpi.definition.clone()).collect();
    let mut nobody = dispatcher();
    nobody.works_with[0].entity = "Gone".into();
    let companions = Companions {
        relationships: vec![order_customer()],
        actors: vec![nobody],
        value_chain_patterns: vec![order_to_cash()],
    };
    let stored = Catalog::stored(entities(), kpis(), companions.clone()).unwrap();
    assert_eq!(stored.companions::<Relationship>().count(), 1);
    assert_eq!(
        stored.companion::<Actor>("DISPATCHER").unwrap().works_with[0].entity,
        "Gone"
    );
    let mut broken = companions;
    broken.relationships[0].key = "gone".into();
    // Nothing is computed by them, so that nothing else is kept from who has one that fits no more.
    let stored = Catalog::stored(entities(), kpis(), broken).unwrap();
    assert_eq!(stored.companions::<Relationship>().count(), 1);
}
