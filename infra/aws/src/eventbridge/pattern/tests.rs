#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;

fn event() -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "OrderPlaced", "source": "shop.orders", "account": "0",
        "time": "2026-01-02T03:04:05Z", "region": "us-east-1", "resources": ["a", "b"],
        "detail": {
            "severity": "High",
            "value": 42.5,
            "count": 300,
            "whole": 300.0,
            "big": 9_007_199_254_740_993_i64,
            "late": true,
            "nothing": null,
            "tags": ["x", ["deep"]],
            "none": [],
            "entity": { "code": "ORD" },
            "rows": [{ "key": "k1", "state": "open", "lines": [{ "n": 1 }, { "n": 2 }] }, { "key": "k2", "state": "done", "note": "x" }],
        },
    })
}

fn matches(pattern: Value) -> bool {
    Pattern::parse(&pattern)
        .unwrap_or_else(|error| panic!("{pattern}: {error}"))
        .matches(&event())
}

#[test]
fn each_operator_on_a_field_of_the_detail() {
    let cases = [
        ("severity", json!(["High"]), true),
        ("severity", json!(["Low", "High"]), true),
        ("severity", json!(["high"]), false),
        ("severity", json!(["Low"]), false),
        ("late", json!([true]), true),
        ("late", json!(["true"]), false),
        ("nothing", json!([null]), true),
        ("severity", json!([null]), false),
        ("missing", json!([null]), false),
        ("count", json!([300]), true),
        ("whole", json!([300]), false),
        ("whole", json!([{ "numeric": ["=", 300] }]), true),
        ("count", json!([{ "numeric": ["=", 300.0] }]), true),
        ("count", json!(["300"]), false),
        ("big", json!([9_007_199_254_740_993_i64]), true),
        ("big", json!([9_007_199_254_740_992_i64]), false),
        ("severity", json!([{ "prefix": "Hi" }]), true),
        ("severity", json!([{ "prefix": "hi" }]), false),
        ("count", json!([{ "prefix": "3" }]), false),
        ("severity", json!([{ "suffix": "gh" }]), true),
        ("severity", json!([{ "suffix": "Hi" }]), false),
        ("severity", json!([{ "equals-ignore-case": "hIGH" }]), true),
        ("severity", json!([{ "equals-ignore-case": "hig" }]), false),
        ("severity", json!([{ "exists": true }]), true),
        ("severity", json!([{ "exists": false }]), false),
        ("nothing", json!([{ "exists": true }]), true),
        ("missing", json!([{ "exists": true }]), false),
        ("missing", json!([{ "exists": false }]), true),
        ("none", json!([{ "exists": false }]), true),
        ("value", json!([{ "numeric": [">", 42] }]), true),
        ("big", json!([{ "numeric": [">", 42] }]), false),
        ("value", json!([{ "numeric": [">", 42.5] }]), false),
        ("value", json!([{ "numeric": [">=", 42.5] }]), true),
        ("value", json!([{ "numeric": ["=", 42.5] }]), true),
        ("value", json!([{ "numeric": ["<", 42.5] }]), false),
        ("value", json!([{ "numeric": ["<=", 42.5] }]), true),
        ("value", json!([{ "numeric": [">", 0, "<=", 50] }]), true),
        ("value", json!([{ "numeric": [">", 0, "<", 42] }]), false),
        ("severity", json!([{ "numeric": [">", 0] }]), false),
        ("severity", json!([{ "anything-but": "Low" }]), true),
        ("severity", json!([{ "anything-but": "High" }]), false),
        ("severity", json!([{ "anything-but": ["Low", "High"] }]), false),
        ("count", json!([{ "anything-but": [1, 2] }]), true),
        ("count", json!([{ "anything-but": 300.0 }]), false),
        ("severity", json!([{ "anything-but": { "prefix": "Hi" } }]), false),
        ("severity", json!([{ "anything-but": { "prefix": "Lo" } }]), true),
        ("severity", json!([{ "anything-but": { "suffix": "gh" } }]), false),
        ("missing", json!([{ "anything-but": "Low" }]), false),
        ("tags", json!(["x"]), true),
        ("tags", json!(["deep"]), true),
        ("tags", json!(["y"]), false),
        ("tags", json!([{ "anything-but": "x" }]), true),
        ("tags", json!([{ "anything-but": ["x", "deep"] }]), false),
        ("entity", json!({ "code": ["ORD"] }), true),
        ("entity", json!({ "code": ["LGA"] }), false),
        ("entity", json!([{ "exists": true }]), false),
        ("severity", json!({ "code": ["ORD"] }), false),
        ("missing", json!({ "code": [{ "exists": false }] }), true),
        ("none", json!({ "code": [{ "exists": false }] }), true),
        ("rows", json!({ "key": ["k1"], "state": ["open"] }), true),
        ("rows", json!({ "key": ["k1"], "state": ["done"] }), false),
        (
            "rows",
            json!({ "key": ["k1"], "state": [{ "anything-but": "done" }] }),
            true,
        ),
        ("rows", json!({ "lines": { "n": [2] }, "key": ["k1"] }), true),
        ("rows", json!({ "lines": { "n": [2] }, "key": ["k2"] }), false),
        ("rows", json!({ "note": [{ "exists": true }], "key": ["k2"] }), true),
        ("rows", json!({ "note": [{ "exists": true }], "key": ["k1"] }), false),
        ("rows", json!({ "note": [{ "exists": false }] }), false),
        ("rows", json!({ "note": [{ "exists": false }], "key": ["k1"] }), false),
        ("rows", json!({ "other": [{ "exists": false }], "key": ["k2"] }), true),
        ("rows", json!({ "lines": { "m": [{ "exists": false }] } }), true),
        ("rows", json!({ "lines": { "n": [{ "exists": false }] } }), false),
        (
            "rows",
            json!({ "$or": [{ "key": ["k1"] }, { "key": ["k3"] }], "state": ["open"] }),
            true,
        ),
        (
            "rows",
            json!({ "$or": [{ "key": ["k2"] }, { "key": ["k3"] }], "state": ["open"] }),
            false,
        ),
        (
            "entity",
            json!({ "$or": [{ "code": ["LGA"] }, { "size": [{ "exists": false }] }] }),
            true,
        ),
        (
            "entity",
            json!({ "$or": [{ "code": ["LGA"] }, { "size": [1] }] }),
            false,
        ),
    ];
    for (field, expected_values, expected) in cases {
        let pattern = json!({ "detail": { field: expected_values } });
        assert_eq!(matches(pattern.clone()), expected, "{pattern}");
    }
}

#[test]
fn every_field_has_to_match_and_one_of_its_values() {
    let source = json!([{ "prefix": "shop." }]);
    for (pattern, expected) in [
        (
            json!({ "source": source, "detail-type": ["OrderPlaced", "Other"] }),
            true,
        ),
        (json!({ "source": source, "detail-type": ["Other"] }), false),
        (json!({ "resources": ["b"] }), true),
        (json!({ "resources": ["c"] }), false),
        (
            json!({ "source": source, "detail": { "severity": ["High"], "late": [false] } }),
            false,
        ),
        (
            json!({ "$or": [{ "source": ["other"] }, { "detail": { "late": [true] } }] }),
            true,
        ),
        (
            json!({ "source": source, "$or": [{ "region": ["x"] }, { "account": ["0"], "$or": [{ "id": ["2"] }, { "id": ["1"] }] }] }),
            true,
        ),
        (
            json!({ "source": ["other"], "$or": [{ "region": ["us-east-1"] }, { "id": ["1"] }] }),
            false,
        ),
    ] {
        assert_eq!(matches(pattern.clone()), expected, "{pattern}");
    }
}

/// So many `$or`, each in a field of its own, of so many alternatives each.
fn combinations(fields: usize, alternatives: usize) -> Value {
    let list = vec![json!({ "a": [1] }); alternatives];
    let fields = (0..fields).map(|field| (format!("f{field}"), json!({ "$or": list })));
    Value::Object(fields.collect())
}

#[test]
fn as_many_combinations_as_eventbridge_takes_are_taken() {
    Pattern::parse(&json!({ "detail": combinations(3, 10) })).unwrap();
}

#[test]
fn what_is_not_understood_is_refused_and_named() {
    let cases = [
        (json!("source"), "a pattern is an object"),
        (json!({}), "it has no fields"),
        (json!({ "detail": {} }), "field detail: it has no fields"),
        (json!({ "detail_type": ["x"] }), "field detail_type: no event has it"),
        (json!({ "source": "x" }), "field source: it needs a list"),
        (json!({ "source": [] }), "field source: it has no values"),
        (json!({ "source": [["x"]] }), "field source: a value cannot be a list"),
        (
            json!({ "detail": { "a": { "b": [{}] } } }),
            "field detail.a.b: a comparison has exactly one",
        ),
        (
            json!({ "source": [{ "prefix": "a", "suffix": "b" }] }),
            "a comparison has exactly one",
        ),
        (json!({ "source": [{ "wildcard": "a*" }] }), "the operator wildcard"),
        (json!({ "source": [{ "cidr": "10.0.0.0/24" }] }), "the operator cidr"),
        (
            json!({ "detail": { "$or": [{ "a": [1] }] } }),
            "field detail.$or: it needs a list of two",
        ),
        (
            json!({ "detail": { "$or": { "a": [1] } } }),
            "field detail.$or: it needs a list of two",
        ),
        (
            json!({ "detail": { "$or": [{ "a": [1] }, 1] } }),
            "field detail.$or: it needs objects",
        ),
        (
            json!({ "detail": { "$or": [{ "a": [1] }, {}] } }),
            "field detail: it has no fields",
        ),
        (
            json!({ "detail": { "$or": [{ "numeric": [1] }, { "prefix": ["a"] }] } }),
            "may not be named numeric",
        ),
        (
            json!({ "$or": [{ "a": [1] }, { "source": ["x"] }] }),
            "field a: no event has it",
        ),
        (json!({ "detail": { "a": [1.5] } }), "letter by letter"),
        (json!({ "detail": combinations(4, 6) }), "1296 combinations"),
        (json!({ "source": [{ "prefix": 1 }] }), "prefix needs a text"),
        (json!({ "source": [{ "prefix": "" }] }), "prefix needs a text"),
        (
            json!({ "source": [{ "prefix": { "equals-ignore-case": "a" } }] }),
            "prefix needs a text",
        ),
        (json!({ "source": [{ "exists": "yes" }] }), "exists needs true or false"),
        (json!({ "source": [{ "numeric": 1 }] }), "numeric needs a list"),
        (json!({ "source": [{ "numeric": [] }] }), "numeric needs one comparison"),
        (json!({ "source": [{ "numeric": [">"] }] }), "numeric needs operators"),
        (json!({ "source": [{ "numeric": ["!=", 1] }] }), "numeric does not know"),
        (
            json!({ "source": [{ "numeric": ["<", 5, ">", 1] }] }),
            "a lower and then",
        ),
        (
            json!({ "source": [{ "numeric": [">", 5, "<", 5] }] }),
            "a lower and then",
        ),
        (json!({ "source": [{ "numeric": [">", 6e9] }] }), "up to ±5e9"),
        (
            json!({ "source": [{ "anything-but": [] }] }),
            "anything-but needs texts",
        ),
        (
            json!({ "source": [{ "anything-but": ["a", 1] }] }),
            "anything-but needs texts",
        ),
        (
            json!({ "source": [{ "anything-but": true }] }),
            "anything-but needs texts",
        ),
        (
            json!({ "source": [{ "anything-but": { "exists": true } }] }),
            "anything-but of values",
        ),
        (
            json!({ "source": [{ "anything-but": { "wildcard": "a" } }] }),
            "the operator wildcard",
        ),
    ];
    for (pattern, told) in cases {
        let error = Pattern::parse(&pattern).unwrap_err().to_string();
        assert!(error.contains(told), "{pattern}: {error}");
    }
}
