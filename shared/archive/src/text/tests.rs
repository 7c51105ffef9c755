#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::sync::Arc;

use catalog::EntityDefinition;

use super::*;
use crate::{Chunks, Format};

fn counts(format: Format, text: &str) -> (usize, Vec<(usize, String)>) {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Sale", "domain": "retail", "time": "at",
        "attributes": [
            { "name": "amount", "type": "decimal" },
            { "name": "region", "type": "text", "dimension": true }
        ]
    }))
    .unwrap();
    let mapper = Mapper::new(Arc::new(definition.validate().unwrap()));
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let mut accepted = 0;
    let mut refused = Vec::new();
    for chunk in Chunks::open(format, bytes, &mapper, now).unwrap() {
        let chunk = chunk.unwrap();
        accepted += chunk.facts.len();
        refused.extend(
            chunk
                .refused
                .into_iter()
                .map(|row| (row.position, row.rejection.reason)),
        );
    }
    (accepted, refused)
}

#[test]
fn a_quote_that_is_never_closed_is_told() {
    let cases = [
        ("T,1,\"a\"\nT,2,b\n", 2, None),
        ("T,1,\"a \"\"quoted\"\" b\"\nT,2,\"\"", 2, None),
        ("T,1,\"two\nlines\"\n", 1, None),
        ("T,1,5\" pipe\nT,2,b\n", 2, None),
        ("T,1,\"oops\nT,2,b\nT,3,c\n", 0, Some(0)),
        ("T,1,a\nT,2,\"oops \"\"\nT,3,c\n", 1, Some(1)),
    ];
    for (rows, accepted, unclosed) in cases {
        let text = format!("at,amount,region\n{}", rows.replace('T', "2026-11-21T10:00:00Z"));
        let (facts, refused) = counts(Format::Csv, &text);
        assert_eq!(facts, accepted, "{rows}");
        assert_eq!(
            refused.first().map(|(position, _)| *position),
            unclosed,
            "{rows}: {refused:?}"
        );
        assert!(
            refused.iter().all(|(_, reason)| reason.contains("never closed")),
            "{refused:?}"
        );
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let json = "\u{feff}{\"at\": \"2026-11-21T10:00:00Z\", \"amount\": 1}\n";
    assert_eq!(counts(Format::Ndjson, json), (1, Vec::new()));
    let csv = "\u{feff}at,amount\n2026-11-21T10:00:00Z,1\n";
    assert_eq!(counts(Format::Csv, csv), (1, Vec::new()));
}
