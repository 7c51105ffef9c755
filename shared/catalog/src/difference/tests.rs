#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn attribute(name: &str, formula: &str) -> Value {
    json!({ "name": name, "type": "boolean", "formula": formula })
}

/// Two versions, and their differences as pointer, before and after.
type Case = (&'static str, Value, Value, Value);

#[test]
fn what_differs_is_told_by_its_smallest_part() {
    let (large, late) = (attribute("large", "amount >= 100"), attribute("late", "delay > 0"));
    let mut renamed = attribute("big", "amount >= 100");
    renamed["formerly"] = json!(["large"]);
    let cases: [Case; 13] = [
        ("nothing", json!({ "a": [1] }), json!({ "a": [1] }), json!([])),
        (
            "a formula is shown as text, before and after",
            json!({ "code": "SHARE", "formula": "COUNT(Order WHERE large)" }),
            json!({ "code": "SHARE", "formula": "COUNT(Order WHERE large) / COUNT(Order)" }),
            json!([[
                "/formula",
                "COUNT(Order WHERE large)",
                "COUNT(Order WHERE large) / COUNT(Order)"
            ]]),
        ),
        (
            "a member comes and another goes",
            json!({ "unit": "%" }),
            json!({ "decimals": 2 }),
            json!([["/decimals", null, 2], ["/unit", "%", null]]),
        ),
        (
            "a member of a member",
            json!({ "csv": { "delimiter": "comma", "decimal": "point" } }),
            json!({ "csv": { "delimiter": "semicolon", "decimal": "point" } }),
            json!([["/csv/delimiter", "comma", "semicolon"]]),
        ),
        (
            "another kind of value",
            json!({ "a": { "b": 1 } }),
            json!({ "a": [1] }),
            json!([["/a", { "b": 1 }, [1]]]),
        ),
        (
            "an attribute's formula",
            json!({ "attributes": [large, late] }),
            json!({ "attributes": [large, attribute("late", "delay > 15")] }),
            json!([["/attributes/1/formula", "delay > 0", "delay > 15"]]),
        ),
        (
            "an attribute before others moves them, and they are not other ones",
            json!({ "attributes": [late] }),
            json!({ "attributes": [large, attribute("late", "delay > 15")] }),
            json!([
                ["/attributes/0", null, large],
                ["/attributes/1/formula", "delay > 0", "delay > 15"]
            ]),
        ),
        (
            "what is gone is where it was",
            json!({ "groupings": [{ "dimensions": ["region"] }, { "dimensions": ["large"] }] }),
            json!({ "groupings": [{ "dimensions": ["large"], "finest": "hour" }] }),
            json!([["/groupings/0", { "dimensions": ["region"] }, null], ["/groupings/0/finest", null, "hour"]]),
        ),
        (
            "what is gone of one that others moved is where it was, too",
            json!({ "attributes": [renamed] }),
            json!({ "attributes": [late, attribute("big", "amount >= 100")] }),
            json!([
                ["/attributes/0", null, late],
                ["/attributes/0/formerly", ["large"], null]
            ]),
        ),
        (
            "another name is another name of the same",
            json!({ "attributes": [large, late] }),
            json!({ "attributes": [renamed, late] }),
            json!([
                ["/attributes/0/formerly", null, ["large"]],
                ["/attributes/0/name", "large", "big"]
            ]),
        ),
        (
            "what has the former name of another is not that one",
            json!({ "attributes": [large] }),
            json!({ "attributes": [large, renamed] }),
            json!([["/attributes/1", null, renamed]]),
        ),
        (
            "another order is another list",
            json!({ "attributes": [large, late] }),
            json!({ "attributes": [late, large] }),
            json!([["/attributes", [large, late], [late, large]]]),
        ),
        (
            "what has no names is one part, and slashes are escaped",
            json!({ "a/b~": [1, 2] }),
            json!({ "a/b~": [2] }),
            json!([["/a~1b~0", [1, 2], [2]]]),
        ),
    ];
    for (name, before, after, expected) in cases {
        let found = differences(Some(&before), Some(&after));
        let shown = found.iter().map(|one| json!([one.pointer, one.before, one.after]));
        assert_eq!(Value::from_iter(shown), expected, "{name}");
    }
}

#[test]
fn what_was_not_there_is_new_as_a_whole() {
    let kpi = json!({ "code": "ORDERS", "formula": "COUNT(Order)" });
    let whole = |before: Option<&Value>, after: Option<&Value>| Difference {
        pointer: String::new(),
        before: before.cloned(),
        after: after.cloned(),
    };
    assert_eq!(differences(None, Some(&kpi)), [whole(None, Some(&kpi))]);
    assert_eq!(differences(Some(&kpi), None), [whole(Some(&kpi), None)]);
    assert_eq!(differences(None, None), []);
}

/// Documents of few names, so that two of them have parts in common: lists with names, without, and with a name twice.
fn document() -> impl Strategy<Value = Value> {
    let word = || prop_oneof![Just("a"), Just("b"), Just("c/~")];
    let leaf = prop_oneof![word().prop_map(Value::from), (0..3).prop_map(Value::from)];
    let element = (word(), proptest::option::of(word()), 0..2).prop_map(|(name, formerly, formula)| {
        let mut element = json!({ "name": name, "formula": formula });
        if let Some(formerly) = formerly {
            element["formerly"] = json!([formerly]);
        }
        element
    });
    let list = prop_oneof![vec(element, 0..4), vec(leaf.clone(), 0..3)].prop_map(Value::from);
    let member = prop_oneof![leaf, list];
    vec((word(), member), 0..4)
        .prop_map(|members| Value::from_iter(members.into_iter().map(|(name, value)| (name.to_owned(), value))))
}

proptest! {
    #[test]
    fn differences_are_true_and_complete(before in document(), after in document()) {
        let found = differences(Some(&before), Some(&after));
        prop_assert_eq!(found.is_empty(), before == after);
        for Difference { pointer, before: was, after: is } in &found {
            prop_assert_ne!(was, is);
            match is {
                Some(is) => prop_assert_eq!(after.pointer(pointer), Some(is)),
                None => prop_assert_eq!(before.pointer(pointer), was.as_ref()),
            }
        }
    }
}
