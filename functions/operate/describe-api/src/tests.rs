#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};

use super::*;

/// Set to rewrite the checked-in documents instead of comparing them.
const UPDATE: &str = "UPDATE_DOCUMENTS";

fn openapi_document() -> Value {
    serde_json::to_value(api::openapi::document(&described())).unwrap()
}

#[test]
fn it_serves_exactly_its_routes() {
    assert_eq!(routes().differences(env!("CARGO_PKG_NAME"), &described()), [""; 0]);
}

#[test]
fn routes_are_described_rightly() {
    assert_eq!(route::mistakes(&described()), [""; 0]);
}

#[test]
fn openapi_is_up_to_date() {
    check_document("openapi.json", &openapi_document());
}

#[test]
fn asyncapi_is_up_to_date() {
    check_document("asyncapi.json", &api::asyncapi::document());
}

#[test]
fn references_in_the_documents_resolve() {
    for document in [openapi_document(), api::asyncapi::document()] {
        let mut found = Vec::new();
        references(&document, &mut found);
        let (title, count) = (&document["info"]["title"], found.len());
        assert!(
            count > 10,
            "{title} has {count} references: are they written otherwise now?"
        );
        let resolves = |reference: &&str| {
            let pointer = reference.strip_prefix('#');
            pointer.is_some_and(|pointer| document.pointer(pointer).is_some())
        };
        found.retain(|reference| !resolves(reference));
        assert_eq!(
            found, [""; 0],
            "{title}: a generator of clients stops at the first that does not resolve"
        );
    }
}

/// Two types of one name would describe each other's values: only one of them is in the document.
#[test]
fn each_name_in_the_document_is_of_one_type() {
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    for route in described() {
        for body in route.request.iter().chain(&route.answer.body) {
            (body.parts)(&mut schemas);
            schemas.push(((body.name)().into_owned(), (body.schema)()));
        }
    }
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut of_several = BTreeSet::new();
    for (name, schema) in schemas {
        let schema = serde_json::to_value(schema).unwrap();
        if known.get(&name).is_some_and(|first| *first != schema) {
            of_several.insert(name.clone());
        }
        known.insert(name, schema);
    }
    assert_eq!(of_several, BTreeSet::new(), "names of several types");
}

/// Compares a document with the one that is checked in, or writes it.
fn check_document(name: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/api")
        .join(name);
    let text = serde_json::to_string_pretty(document).unwrap() + "\n";
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = stored
        .lines()
        .zip(text.lines())
        .position(|(old, new)| old != new)
        .unwrap_or(stored.lines().count().min(text.lines().count()));
    assert!(
        stored == text,
        "shared/api/{name} is stale from line {}: run `{UPDATE}=1 cargo test -p describe-api` and look at what changed, because clients will",
        difference + 1,
    );
}

/// Every `$ref`.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(reference) if name == "$ref" => found.push(reference),
                    other => references(other, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}
