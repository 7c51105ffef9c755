use super::*;
use serde_json::{Value, json};

fn terms(value: Value) -> Terms {
    serde_json::from_value(value).unwrap()
}

#[test]
fn possible_terms_have_no_problems_and_survive_being_stored() {
    for value in [
        json!({}),
        json!({ "discounts": { "licensing": { "percent": "7.5", "reason": "A reference customer" } } }),
        json!({ "exchange": { "currency": "JPY", "rate": "151.25" }, "tax": { "name": "VAT", "percent": "19" } }),
    ] {
        let terms = terms(value.clone());
        assert_eq!(terms.clone().checked("USD").as_ref(), Ok(&terms), "{value}");
        let stored = serde_json::to_value(&terms).unwrap();
        assert_eq!(serde_json::from_value::<Terms>(stored).unwrap(), terms);
    }
}

#[test]
fn everything_impossible_is_named() {
    let reason = "x".repeat(121);
    let cases = [
        (
            json!({ "discounts": { "licensing": { "percent": "0", "reason": "none" } } }),
            "/discounts/licensing/percent",
        ),
        (
            json!({ "discounts": { "implementation": { "percent": "100.01", "reason": "all" } } }),
            "/discounts/implementation/percent",
        ),
        (
            json!({ "discounts": { "managed_services": { "percent": "1.005", "reason": "odd" } } }),
            "/discounts/managed_services/percent",
        ),
        (
            json!({ "discounts": { "licensing": { "percent": "-3", "reason": "dearer" } } }),
            "/discounts/licensing/percent",
        ),
        (
            json!({ "discounts": { "licensing": { "percent": "3", "reason": " " } } }),
            "/discounts/licensing/reason",
        ),
        (
            json!({ "discounts": { "licensing": { "percent": "3", "reason": reason } } }),
            "/discounts/licensing/reason",
        ),
        (
            json!({ "exchange": { "currency": "XXX", "rate": "1" } }),
            "/exchange/currency",
        ),
        (
            json!({ "exchange": { "currency": "USD", "rate": "1" } }),
            "/exchange/currency",
        ),
        (
            json!({ "exchange": { "currency": "EUR", "rate": "0" } }),
            "/exchange/rate",
        ),
        (
            json!({ "exchange": { "currency": "EUR", "rate": "0.1234567" } }),
            "/exchange/rate",
        ),
        (json!({ "tax": { "name": "VAT", "percent": "51" } }), "/tax/percent"),
        (json!({ "tax": { "name": "a\u{7}b", "percent": "5" } }), "/tax/name"),
    ];
    for (value, pointer) in cases {
        let pointers: Vec<String> = terms(value.clone())
            .checked("USD")
            .unwrap_err()
            .into_iter()
            .map(|problem| problem.pointer)
            .collect();
        assert_eq!(pointers, [pointer], "{value}");
    }
}

#[test]
fn the_highest_discount_decides() {
    let discount = |percent: &str| json!({ "percent": percent, "reason": "agreed" });
    let both = terms(json!({ "discounts": { "licensing": discount("4"), "managed_services": discount("12.5") } }));
    assert_eq!(both.highest_discount(), Decimal::new(125, 1));
    assert_eq!(Terms::default().highest_discount(), Decimal::ZERO);
}

#[test]
fn terms_are_kept_in_their_normal_form() {
    let blanks = " ".repeat(100_000);
    let written = json!({ "tax": { "name": format!("\n{blanks}VAT{blanks}"), "percent": "19.000000000000000000000" } });
    let kept = terms(written).checked("USD").unwrap();
    assert_eq!(
        serde_json::to_value(kept).unwrap(),
        json!({ "tax": { "name": "VAT", "percent": "19" } })
    );
}
