#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::attributes;
use proptest::prelude::*;

fn compiled(source: &str) -> RowFormula {
    compile_row(source, &attributes()).unwrap()
}

/// delay, distance, origin, on_time, stops, remark, diverted
fn row() -> Vec<Value> {
    vec![
        Value::Integer(12),
        Value::Decimal(Decimal::new(2505, 1)),
        Value::Text("ORD".into()),
        Value::Boolean(true),
        Value::Null,
        Value::Text("late".into()),
        Value::Null,
    ]
}

#[test]
fn formulas_derive_values() {
    let decimal = |text: &str| Value::Decimal(Decimal::from_str_exact(text).unwrap());
    for (name, source, kind, expected) in [
        (
            "a comparison",
            "delay < 15",
            AttributeType::Boolean,
            Value::Boolean(true),
        ),
        (
            "mixed numbers",
            "delay < 11.5",
            AttributeType::Boolean,
            Value::Boolean(false),
        ),
        (
            "a whole sum",
            "delay + 2 * 3",
            AttributeType::Integer,
            Value::Integer(18),
        ),
        (
            "whole division is decimal",
            "delay / 8",
            AttributeType::Decimal,
            decimal("1.5"),
        ),
        (
            "decimal division",
            "distance / 2",
            AttributeType::Decimal,
            decimal("125.25"),
        ),
        (
            "a decimal with a whole number",
            "distance - delay",
            AttributeType::Decimal,
            decimal("238.5"),
        ),
        ("minus", "-(delay)", AttributeType::Integer, Value::Integer(-12)),
        ("an attribute", "origin", AttributeType::Text, Value::Text("ORD".into())),
        (
            "logic",
            "origin = 'ORD' AND NOT on_time",
            AttributeType::Boolean,
            Value::Boolean(false),
        ),
        (
            "text against text",
            "origin != remark",
            AttributeType::Boolean,
            Value::Boolean(true),
        ),
        (
            "booleans are equal",
            "on_time = TRUE",
            AttributeType::Boolean,
            Value::Boolean(true),
        ),
        (
            "a list of numbers",
            "delay IN (1, 12.0)",
            AttributeType::Boolean,
            Value::Boolean(true),
        ),
        (
            "a negative in a list",
            "-delay IN (-12)",
            AttributeType::Boolean,
            Value::Boolean(true),
        ),
        ("no value", "stops + 1", AttributeType::Integer, Value::Null),
        (
            "compared with no value",
            "stops < 1",
            AttributeType::Boolean,
            Value::Null,
        ),
        (
            "unknown and false",
            "diverted AND delay > 100",
            AttributeType::Boolean,
            Value::Boolean(false),
        ),
        (
            "unknown or false",
            "diverted OR delay > 100",
            AttributeType::Boolean,
            Value::Null,
        ),
        (
            "division by zero",
            "delay / (delay - 12)",
            AttributeType::Decimal,
            Value::Null,
        ),
        (
            "overflow",
            "delay * 9223372036854775807",
            AttributeType::Integer,
            Value::Null,
        ),
        (
            "a whole number beyond 64 bits is decimal",
            "delay + 9223372036854775808",
            AttributeType::Decimal,
            decimal("9223372036854775820"),
        ),
    ] {
        let formula = compiled(source);
        assert_eq!(formula.kind(), kind, "{name}");
        assert_eq!(formula.evaluate(&row()), expected, "{name}");
    }
}

#[test]
fn mistakes_are_reported_with_their_columns() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "unknown attribute",
            "dealy < 15",
            &["0..5 unknown-attribute did you mean `delay`?"],
        ),
        (
            "wrong types",
            "delay = 'x'",
            &["0..11 type-mismatch a number is written without quotes"],
        ),
        (
            "a number for a text",
            "origin = 5",
            &["0..10 type-mismatch a text is written in single quotes"],
        ),
        ("a boolean added", "on_time + 1", &["0..7 not-a-number"]),
        (
            "a number as condition",
            "NOT delay",
            &["4..9 not-a-condition compare it with a value, as in delay > 0"],
        ),
        (
            "booleans have no order",
            "on_time < diverted",
            &["0..18 no-order compare with = or !="],
        ),
        (
            "both sides",
            "origin + remark",
            &["0..6 not-a-number", "9..15 not-a-number"],
        ),
        ("a computed list item", "delay IN (1 + 1)", &["10..15 not-a-literal"]),
        (
            "a list item of another type",
            "delay IN (1, 'x')",
            &["13..16 type-mismatch a number is written without quotes"],
        ),
        ("an aggregate", "AVG(Flight.delay)", &["0..17 aggregate-in-row"]),
        ("a path", "Flight.delay > 1", &["0..12 path-in-row write delay"]),
        (
            "form and names",
            "(foo + 1",
            &["0..1 unclosed-parenthesis add the missing )", "1..4 unknown-attribute"],
        ),
    ];
    for (name, source, expected) in cases {
        let diagnostics = compile_row(source, &attributes()).unwrap_err();
        assert_eq!(diagnostics.len(), expected.len(), "{name}: {diagnostics:?}");
        for (diagnostic, expected) in diagnostics.iter().zip(*expected) {
            let hint = diagnostic.hint.as_deref().unwrap_or_default();
            let found = format!(
                "{}..{} {} {hint}",
                diagnostic.span.start, diagnostic.span.end, diagnostic.code
            );
            assert!(found.starts_with(expected), "{name}: {found}");
        }
    }
}

#[test]
fn inputs_are_indexes() {
    assert_eq!(
        compiled("delay < 15 AND origin IN ('ORD') OR delay > 100").inputs(),
        BTreeSet::from([0, 2])
    );
}

#[test]
fn whole_results_widen_to_decimals() {
    let widened = compiled("delay + 1").into_kind(AttributeType::Decimal).unwrap();
    assert_eq!(widened.evaluate(&row()), Value::Decimal(Decimal::from(13)));
    assert_eq!(compiled("distance").into_kind(AttributeType::Integer), None);
    assert_eq!(compiled("on_time").into_kind(AttributeType::Text), None);
}

#[test]
fn a_wrong_row_is_no_value() {
    assert_eq!(compiled("delay + 1").evaluate(&[]), Value::Null);
    assert_eq!(compiled("delay + 1").evaluate(&[Value::Text("12".into())]), Value::Null);
    assert_eq!(
        compiled("delay").evaluate(&[Value::Decimal(Decimal::ONE)]),
        Value::Null,
        "not of the formula's type"
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        (-5_i64..5).prop_map(Value::Integer),
        prop_oneof![Just(i64::MIN), Just(i64::MAX)].prop_map(Value::Integer),
        (any::<i64>(), 0_u32..28).prop_map(|(digits, scale)| Value::Decimal(Decimal::new(digits, scale))),
        prop_oneof![Just(Decimal::MAX), Just(Decimal::MIN)].prop_map(Value::Decimal),
        "[a-c]{0,2}".prop_map(Value::Text),
    ]
}

/// Conditions that read the first attributes of the sample row, some of them ill-typed on purpose.
fn conditions() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "delay < 15",
        "delay - 1 = stops * stops",
        "distance / delay >= 2.5",
        "-stops != -delay",
        "origin = 'a'",
        "origin IN ('a', 'b')",
        "stops NOT IN (0, -1)",
        "on_time",
        "diverted",
        "on_time = diverted",
        "origin < remark",
        "TRUE",
        "FALSE",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("(NOT {inner})")),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l} AND {r})")),
            (inner.clone(), inner).prop_map(|(l, r)| format!("({l} OR {r})")),
        ]
    })
}

proptest! {
    #[test]
    fn any_row_gives_a_value_of_the_kind(condition in conditions(), row in proptest::collection::vec(any_value(), 0..8)) {
        let value = compiled(&condition).evaluate(&row);
        prop_assert!(value.is_null() || value.kind() == Some(AttributeType::Boolean));
    }

    #[test]
    fn arithmetic_never_panics(row in proptest::collection::vec(any_value(), 7), operators in "[-+*/]{3}") {
        let [a, b, c] = operators.as_bytes() else { return Ok(()) };
        let source = format!("-delay {} distance {} (stops {} delay)", *a as char, *b as char, *c as char);
        let formula = compiled(&source);
        let value = formula.evaluate(&row);
        prop_assert!(value.is_null() || value.kind() == Some(formula.kind()));
    }

    #[test]
    fn de_morgan_holds_with_unknowns(l in conditions(), r in conditions(), row in proptest::collection::vec(any_value(), 7)) {
        let evaluate = |source: String| compiled(&source).evaluate(&row);
        prop_assert_eq!(evaluate(format!("NOT ({l} AND {r})")), evaluate(format!("NOT {l} OR NOT {r}")));
        prop_assert_eq!(evaluate(format!("{l} OR {r}")), evaluate(format!("{r} OR {l}")));
        prop_assert_eq!(evaluate(format!("NOT NOT {l}")), evaluate(l));
    }

    #[test]
    fn membership_is_equality_with_any_item(row in proptest::collection::vec(any_value(), 7), a in -5_i64..5, b in -5_i64..5) {
        let evaluate = |source: String| compiled(&source).evaluate(&row);
        prop_assert_eq!(evaluate(format!("stops IN ({a}, {b})")), evaluate(format!("stops = {a} OR stops = {b}")));
        prop_assert_eq!(evaluate(format!("stops NOT IN ({a}, {b})")), evaluate(format!("NOT (stops IN ({a}, {b}))")));
    }
}
