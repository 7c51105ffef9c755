#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use serde_json::{Value, json};

fn order(change: impl FnOnce(&mut Value)) -> Entity {
    let mut definition = json!({
        "code": "Order", "domain": "sales", "time": "at", "description": "an order of ours",
        "attributes": [
            { "name": "number", "type": "text", "required": true },
            { "name": "amount", "type": "decimal", "unit": "EUR" },
            { "name": "channel", "type": "text", "dimension": true },
            { "name": "large", "type": "boolean", "dimension": true, "formula": "amount > 100" }
        ],
        "groupings": [{ "dimensions": ["channel"], "finest": "hour" }]
    });
    change(&mut definition);
    let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
    definition.validate().unwrap()
}

fn more(definition: &mut Value, field: &str, item: Value) {
    definition[field].as_array_mut().unwrap().push(item);
}

/// A name, what another client defines, and why the same tables can't hold it.
type Case = (&'static str, fn(&mut Value), Option<&'static str>);

#[test]
fn tables_hold_what_does_not_contradict() {
    let cases: &[Case] = &[
        ("the same", |_| {}, None),
        (
            "another attribute",
            |o| more(o, "attributes", json!({ "name": "tax", "type": "decimal" })),
            None,
        ),
        (
            "an attribute called like the other's time",
            |o| {
                o["time"] = "when".into();
                more(o, "attributes", json!({ "name": "at", "type": "text" }));
            },
            None,
        ),
        (
            "a plain attribute of what the other derives",
            |o| drop(o["attributes"][3]["formula"].take()),
            None,
        ),
        (
            "another type",
            |o| o["attributes"][2]["type"] = "integer".into(),
            Some("`channel` as text"),
        ),
        (
            "another level",
            |o| o["groupings"][0]["finest"] = "day".into(),
            Some("[channel] from the hour on"),
        ),
        ("another key", |o| o["key"] = json!(["number"]), Some("keyed by []")),
        (
            "a dimension called like a state of the other's",
            |o| {
                o["attributes"].as_array_mut().unwrap().remove(3);
                o["attributes"][1] = json!({ "name": "amount_sum", "type": "text", "dimension": true });
            },
            Some("`amount_sum`"),
        ),
        (
            "too many attributes in all",
            |o| {
                for number in 0..catalog::MAX_ATTRIBUTES - 4 {
                    more(o, "attributes", json!({ "name": format!("a{number}"), "type": "text" }));
                }
                o["attributes"][0]["name"] = "reference".into();
            },
            Some("65 attributes"),
        ),
        (
            "too many groupings in all",
            |o| {
                o["groupings"] = json!([]);
                for number in 0..catalog::MAX_GROUPINGS - 1 {
                    more(
                        o,
                        "attributes",
                        json!({ "name": format!("a{number}"), "type": "text", "dimension": true }),
                    );
                    more(o, "groupings", json!({ "dimensions": [format!("a{number}")] }));
                }
            },
            Some("17 groupings"),
        ),
    ];
    for (name, change, refused) in cases {
        let union = union(&order(|_| {}), &order(change));
        match (union, refused) {
            (Ok(_), None) => {}
            (Err(told), Some(why)) => assert!(told.contains(why), "{name}: {told}"),
            (told, _) => panic!("{name}: {told:?}"),
        }
    }
}

#[test]
fn tables_tell_nothing_of_what_clients_say() {
    let order = order(|_| {});
    let union = json(union(&order, &order).unwrap().definition()).unwrap().to_string();
    for said in ["EUR", "an order of ours", "amount > 100"] {
        assert!(!union.contains(said), "{said}: {union}");
    }
}
