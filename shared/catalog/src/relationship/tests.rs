#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{order_customer, shop};

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
