#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::sync::Arc;

use catalog::EntityDefinition;
use formula::Value;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

fn mapper() -> Mapper {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Sale", "domain": "retail", "time": "at",
        "attributes": [
            { "name": "amount", "type": "decimal", "required": true },
            { "name": "items", "type": "integer" },
            { "name": "region", "type": "text", "dimension": true },
            { "name": "paid", "type": "boolean", "dimension": true },
            { "name": "big", "type": "boolean", "dimension": true, "formula": "amount > 100" }
        ]
    }))
    .unwrap();
    Mapper::new(Arc::new(definition.validate().unwrap()))
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

#[test]
fn an_event_becomes_a_fact_with_its_derived_attributes() {
    let text = r#" {"region": "n\u00f6rd", "at": "2026-11-21T10:00:00.000001+01:00", "amount": 100.5, "items": 3.0, "paid": null} "#;
    let fact = mapper().json(now(), text).unwrap();
    let time: Timestamp = "2026-11-21T09:00:00.000001Z".parse().unwrap();
    assert_eq!(fact.time_us, time.as_microsecond());
    assert_eq!(
        fact.values,
        [
            Value::Decimal(Decimal::new(1005, 1)),
            Value::Integer(3),
            Value::Text("n\u{f6}rd".to_owned()),
            Value::Null,
            Value::Boolean(true),
        ]
    );
}

/// As an empty cell of a CSV file, whether it is required or not.
#[test]
fn an_empty_text_is_no_value() {
    let fact = mapper().json(now(), r#"{"at": 1795262400000, "amount": 1, "region": ""}"#);
    assert_eq!(fact.unwrap().values[2], Value::Null);
    let definition = serde_json::json!({ "code": "Sale", "domain": "retail", "time": "at",
        "attributes": [{ "name": "region", "type": "text", "required": true }, { "name": "area", "type": "text", "formula": "''" }] });
    let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
    let strict = Mapper::new(Arc::new(definition.validate().unwrap()));
    let refused = strict
        .json(now(), r#"{"at": 1795262400000, "region": ""}"#)
        .unwrap_err();
    assert_eq!(
        (refused.field.as_str(), refused.reason.as_str()),
        ("region", "is required and missing")
    );
    let derived = strict.json(now(), r#"{"at": 1795262400000, "region": "n"}"#).unwrap();
    assert_eq!(derived.values[1], Value::Null);
}

#[test]
fn what_is_wrong_is_named_with_its_field() {
    let cases = [
        ("", "", "is not JSON"),
        ("{", "", "is not JSON"),
        (r#"{"at": 1} x"#, "", "is not JSON"),
        (r#"{"amount": NaN}"#, "", "is not JSON"),
        (
            r#"{"at": 1795262400000, "amount": 1, "region": "\ud800"}"#,
            "region",
            "half a character",
        ),
        ("[1, 2]", "", "not a list"),
        ("7", "", "not a number"),
        ("\"text\"", "", "not a text"),
        ("null", "", "not null"),
        (r#"{"amount": 1}"#, "at", "is required and missing"),
        (r#"{"at": null, "amount": 1}"#, "at", "is required and missing"),
        (r#"{"at": true, "amount": 1}"#, "at", "not the boolean true"),
        (r#"{"at": 1795262400, "amount": 1}"#, "at", "is it in seconds"),
        (r#"{"at": "2027-01-01T00:00:00Z", "amount": 1}"#, "at", "in the future"),
        (r#"{"at": 9223372036854775807, "amount": 1}"#, "at", "out of range"),
        (r#"{"at": 1795262400000}"#, "amount", "is required and missing"),
        (
            r#"{"at": 1795262400000, "amount": 1e400}"#,
            "amount",
            "28 digits before the point",
        ),
        (
            r#"{"at": 1795262400000, "amount": 0.00000000000000000000000000001}"#,
            "amount",
            "28 digits after the point",
        ),
        (
            r#"{"at": 1795262400000, "amount": 1e99999999999}"#,
            "amount",
            "is not a number",
        ),
        (
            r#"{"at": 1795262400000, "amount": 12345678901234567890123456789}"#,
            "amount",
            "more than 28 significant digits",
        ),
        (
            r#"{"at": 1795262400000, "amount": "1.00000000000000000000000000000000000001"}"#,
            "amount",
            "more than 28 significant digits",
        ),
        (
            r#"{"at": 1795262400000, "amount": "1_000"}"#,
            "amount",
            "is not a number",
        ),
        (r#"{"at": 1795262400000, "amount": ""}"#, "amount", "is not a number"),
        (
            r#"{"at": 1795262400000, "amount": 1, "items": 9223372036854775808}"#,
            "items",
            "is beyond an integer's 64 bits",
        ),
        (
            r#"{"at": "2026-11-21T10:00:00[Mars/Olympus]", "amount": 1}"#,
            "at",
            "is not a time",
        ),
        (r#"{"at": 1795262400000, "amount": "abc"}"#, "amount", "is not a number"),
        (r#"{"at": 1795262400000, "amount": []}"#, "amount", "not a list"),
        (
            r#"{"at": 1795262400000, "amount": 1, "items": 1.5}"#,
            "items",
            "is not an integer",
        ),
        (
            r#"{"at": 1795262400000, "amount": 1, "items": -1e27}"#,
            "items",
            "is beyond an integer's 64 bits",
        ),
        (
            r#"{"at": 1795262400000, "amount": 1, "items": "1"}"#,
            "items",
            "not the text",
        ),
        (
            r#"{"at": 1795262400000, "amount": 1, "region": {"a": 1}}"#,
            "region",
            "not an object",
        ),
        (
            r#"{"at": 1795262400000, "amount": 1, "region": "\u0000"}"#,
            "region",
            "U+0000",
        ),
        (
            r#"{"at": 1795262400000, "amount": 1, "colour": "red"}"#,
            "colour",
            "is not an attribute of Sale",
        ),
        (
            r#"{"at": 1795262400000, "amount": 1, "big": true}"#,
            "big",
            "is derived",
        ),
        (
            r#"{"at": 1795262400000, "amount": 1, "amount": 2}"#,
            "amount",
            "appears twice",
        ),
    ];
    let mapper = mapper();
    for (text, field, reason) in cases {
        let rejection = mapper.json(now(), text).unwrap_err();
        assert_eq!(rejection.field, field, "{text}: {rejection}");
        assert!(rejection.reason.contains(reason), "{text}: {rejection}");
    }
}

#[test]
fn numbers_and_times_are_what_was_written() {
    let decimal = |text: &str| Value::Decimal(Decimal::from_str_exact(text).unwrap());
    let cases = [
        ("0.1", decimal("0.1")),
        ("-0.0", decimal("0")),
        ("100.50", decimal("100.5")),
        ("12e-1", decimal("1.2")),
        ("1.5E+3", decimal("1500")),
        ("0e999", decimal("0")),
        ("999999999999.999999", decimal("999999999999.999999")),
        ("0.1234567", decimal("0.1234567")),
        ("0.30000000000000004", decimal("0.30000000000000004")),
        ("9007199254740993", decimal("9007199254740993")),
        ("1e-400", decimal("0")),
        (
            "1234567890123456.789012345678",
            decimal("1234567890123456.789012345678"),
        ),
        ("1.50000000000000000000000000000000000000", decimal("1.5")),
        ("\"0.000001\"", decimal("0.000001")),
    ];
    for (digits, amount) in cases {
        let text = format!(r#"{{"at": "2026-11-21T10:00:00[Europe/Berlin]", "amount": {digits}}}"#);
        let fact = mapper()
            .json(now(), &text)
            .unwrap_or_else(|rejection| panic!("{digits}: {rejection}"));
        let time: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        assert_eq!(
            (fact.time_us, &fact.values[0]),
            (time.as_microsecond(), &amount),
            "{digits}"
        );
    }
}

#[test]
fn a_derived_value_beyond_the_limits_is_no_value() {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Power", "domain": "retail", "time": "at",
        "attributes": [
            { "name": "v", "type": "decimal" },
            { "name": "m", "type": "decimal", "formula": "v * v * v * v" },
            { "name": "third", "type": "decimal", "formula": "v / 3" }
        ]
    }))
    .unwrap();
    let mapper = Mapper::new(Arc::new(definition.validate().unwrap()));
    let fact = |v: &str| {
        mapper
            .json(now(), &format!(r#"{{"at": 1795262400000, "v": {v}}}"#))
            .unwrap()
    };
    assert_eq!(fact("16000000").values[1], Value::Null);
    assert_eq!(fact("2").values[1], Value::Decimal(Decimal::from(16)));
    let third = Decimal::from_str_exact("0.6666666666666666666666666667").unwrap();
    assert_eq!(fact("2").values[2], Value::Decimal(third));
}

#[test]
fn a_reason_repeats_only_the_beginning_of_a_long_text() {
    let long = "\u{1f600}".repeat(5_000);
    let events = [
        format!(r#"{{"at": "{long}"}}"#),
        format!(r#"{{"at": 1795262400000, "amount": "{long}"}}"#),
        format!(r#"{{"at": 1795262400000, "amount": 1, "items": "{long}"}}"#),
        format!(r#"{{"at": 1795262400000, "amount": {}}}"#, "9".repeat(9_000)),
        format!(r#"{{"{long}": 1}}"#),
    ];
    for event in events {
        let rejection = mapper().json(now(), &event).unwrap_err();
        assert!(rejection.field.len() + rejection.reason.len() < 600, "{rejection}");
    }
}

proptest! {
    /// The same event is the same fact, whatever the order and the spelling of its text.
    #[test]
    fn order_and_escapes_of_a_text_do_not_matter(
        mut pairs in Just(vec![("at", serde_json::json!(1_795_262_400_000_i64)), ("amount", serde_json::json!(12.25)), ("region", serde_json::json!("a\"b\\"))]).prop_shuffle(),
        items in any::<i64>(),
    ) {
        pairs.push(("items", serde_json::json!(items)));
        let text = |name: fn(&str) -> String| {
            let fields: Vec<String> = pairs.iter().map(|(key, value)| format!("{}:{value}", name(key))).collect();
            format!("{{{}}}", fields.join(","))
        };
        let plain = mapper().json(now(), &text(|key| format!("\"{key}\""))).unwrap();
        let escaped = mapper().json(now(), &text(|key| {
            let units: String = key.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect();
            format!("\"{units}\"")
        })).unwrap();
        prop_assert_eq!(&plain, &escaped);
        prop_assert_eq!(&plain.values[1], &Value::Integer(items));
    }

    /// No text makes it panic.
    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC{0,40}|\\{(\"(at|amount|items|x)\":[0-9eE.+-]{0,12},?){0,4}\\}") {
        let _ = mapper().json(now(), &text);
    }
}
