//! What orders, customers, countries and products are, and how they relate.

use serde_json::{Value, json};

pub(super) fn entities() -> [Value; 4] {
    [
        json!({ "code": "Order", "domain": "retail", "attributes": [
            { "name": "customer", "type": "text" }, { "name": "payer", "type": "text" }, { "name": "product", "type": "text" },
            { "name": "quantity", "type": "integer" }, { "name": "amount", "type": "integer" },
            { "name": "channel", "type": "text", "dimension": true }], "groupings": [{ "dimensions": ["channel"] }] }),
        json!({ "code": "Customer", "domain": "retail", "state": ["id"], "attributes": [
            { "name": "id", "type": "text", "required": true }, { "name": "segment", "type": "text", "dimension": true },
            { "name": "age", "type": "integer" }, { "name": "country", "type": "text" }] }),
        json!({ "code": "Country", "domain": "geography", "state": ["code"], "attributes": [
            { "name": "region", "type": "text", "dimension": true }, { "name": "code", "type": "text", "required": true }] }),
        json!({ "code": "Product", "domain": "retail", "key": ["sku"], "attributes": [
            { "name": "sku", "type": "text", "required": true }, { "name": "category", "type": "text", "dimension": true },
            { "name": "price", "type": "integer" }] }),
    ]
}

pub(super) fn relationships() -> [Value; 4] {
    let relationship = |from: &str, attribute: &str, to: &str, key: &str, resolved: &str| {
        json!({ "code": format!("{from}_{attribute}").to_uppercase(), "from_entity": from, "attribute": attribute,
            "to_entity": to, "key": key, "cardinality": "one", "resolved": resolved })
    };
    [
        relationship("Order", "customer", "Customer", "id", "as_of_fact"),
        relationship("Order", "payer", "Customer", "id", "as_of_now"),
        relationship("Order", "product", "Product", "sku", "as_of_fact"),
        relationship("Customer", "country", "Country", "code", "as_of_fact"),
    ]
}
