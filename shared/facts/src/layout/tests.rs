use catalog::EntityDefinition;
use serde_json::json;

use super::*;

fn entity(attributes: &[(&str, &str)], groupings: &[&[&str]]) -> Entity {
    let attributes: Vec<_> = attributes
        .iter()
        .map(|(name, kind)| json!({ "name": name, "type": kind, "dimension": *kind != "decimal" }))
        .collect();
    let groupings: Vec<_> = groupings.iter().map(|by| json!({ "dimensions": by })).collect();
    let definition = json!({ "code": "Sale", "domain": "shop", "attributes": attributes, "groupings": groupings });
    let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
    definition.validate().unwrap()
}

#[test]
fn each_family_has_slots_of_its_own() {
    let entity = entity(
        &[("a", "text"), ("b", "decimal"), ("c", "boolean"), ("d", "integer")],
        &[&["c"]],
    );
    let layout = Layout::of(&entity);
    let names = ["a", "b", "c", "d"].map(|name| layout.slot_of(&entity, name).unwrap().name());
    assert_eq!(names, ["t1", "n1", "f1", "n2"]);
    let ids: Vec<i16> = entity
        .groupings()
        .iter()
        .map(|grouping| layout.grouping_id(grouping).unwrap())
        .collect();
    assert_eq!(ids, [0, 1], "the whole comes first");
}

#[test]
fn a_layout_only_grows() {
    let before = entity(&[("amount", "decimal"), ("region", "text")], &[&["region"]]);
    let after = entity(
        &[
            ("tax", "decimal"),
            ("shop", "text"),
            ("amount", "decimal"),
            ("region", "text"),
        ],
        &[&["shop"], &["region"]],
    );
    let layout = Layout::of(&before).extended(&after);
    let names = ["amount", "tax", "region", "shop"].map(|name| layout.slot_of(&after, name).unwrap().name());
    assert_eq!(names, ["n1", "n2", "t1", "t2"]);
    for grouping in before.groupings() {
        let id = Layout::of(&before).grouping_id(grouping).unwrap();
        assert_eq!(layout.grouping_id(grouping).unwrap(), id);
    }
    assert_eq!(
        layout.clone().extended(&before),
        layout,
        "what is left out keeps its slot"
    );
}

#[test]
fn what_is_beyond_the_columns_lies_in_the_rest() {
    let names: Vec<String> = (0..30).map(|number| format!("a{number}")).collect();
    let attributes: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "decimal")).collect();
    let entity = entity(&attributes, &[]);
    let layout = Layout::of(&entity);
    let last = layout.slot_of(&entity, "a29").unwrap();
    assert!(!last.is_column());
    assert_eq!(last.value(), "(more->>'n30')::numeric");
    assert_eq!(last.state(), StateSlot { page: 3, slot: 6 });
    assert_eq!(layout.pages().len(), 4);
    assert!(layout.slot_of(&entity, "other").is_err());
}

#[test]
fn a_number_that_was_given_up_is_not_given_again() {
    let entity = entity(&[("a", "text"), ("b", "text")], &[&["a"], &["b"]]);
    let by_a = &entity.groupings()[1];
    let without = Layout::of(&entity).given_up(1);
    assert!(without.grouping(1).is_none() && without.grouping_id(by_a).is_err());
    assert_eq!(without.extended(&entity).grouping_id(by_a).unwrap(), 3);
}

#[test]
fn other_names_have_the_slots_of_before() {
    let before = entity(
        &[("amount", "decimal"), ("region", "text"), ("area", "text")],
        &[&["area", "region"]],
    );
    let names = [("amount", "price"), ("area", "zone")].map(|(old, new)| (old.to_owned(), new.to_owned()));
    let layout = Layout::of(&before).renamed(&names.into());
    let after = entity(&[("price", "decimal"), ("region", "text"), ("zone", "text")], &[]);
    let slots = ["price", "region", "zone"].map(|name| layout.slot_of(&after, name).unwrap().name());
    assert_eq!(slots, ["n1", "t1", "t2"]);
    assert_eq!(
        layout.grouping(1).unwrap().dimensions,
        ["zone", "region"],
        "as their values are kept"
    );
    assert!(layout.slot_of(&before, "area").is_err());
}
