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

/// A row is read no further than it may be long, and those behind it are read as ever.
#[test]
fn a_row_that_is_too_long_is_refused_alone() {
    let long = "x".repeat(crate::files::MAX_ROW_BYTES);
    let csv = format!(
        "at,amount,region\nT,1,a\nT,2,\"{long}\n\"\nT,{long}\nT,3,{commas}\nT,4,b\n",
        commas = ",".repeat(2 << 20)
    );
    let json = format!("{{\"at\":\"T\"}}\n{{\"at\":\"T\",\"region\":\"{long}\"}}\n{{\"at\":\"T\"}}\n");
    for (format, text, refused_at) in [(Format::Csv, csv, vec![1, 2, 3]), (Format::Ndjson, json, vec![1])] {
        let (facts, refused) = counts(format, &text.replace('T', "2026-11-21T10:00:00Z"));
        let positions: Vec<usize> = refused.iter().map(|(position, _)| *position).collect();
        assert_eq!((facts, positions), (2, refused_at), "{format:?}");
        assert!(
            refused.iter().all(|(_, reason)| reason.contains("1048576 bytes")),
            "{format:?}: {refused:?}"
        );
    }
}

#[test]
fn the_rows_of_a_file_end() {
    let mut text = String::from("at,amount\n");
    text.push_str(&"x,1\n".repeat(crate::files::MAX_FILE_ROWS + 1));
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Sale", "domain": "retail", "time": "at", "attributes": [{ "name": "amount", "type": "decimal" }]
    }))
    .unwrap();
    let mapper = Mapper::new(Arc::new(definition.validate().unwrap()));
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let (mut rows, mut errors) = (0, Vec::new());
    for chunk in Chunks::open(Format::Csv, Bytes::from(text), &mapper, now).unwrap() {
        match chunk {
            Ok(chunk) => rows += chunk.refused.len(),
            Err(error) => errors.push(error.to_string()),
        }
    }
    assert_eq!((rows, errors.len()), (crate::files::MAX_FILE_ROWS, 1), "{errors:?}");
    assert!(errors[0].contains("more than 5000000 rows"), "{errors:?}");
}

/// pandas writes whole numbers of a column with gaps as 1.0, and truth as True.
#[test]
fn what_pandas_writes_is_read() {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Sale", "domain": "retail", "time": "at",
        "attributes": [{ "name": "count", "type": "integer" }, { "name": "paid", "type": "boolean" }]
    }))
    .unwrap();
    let mapper = Mapper::new(Arc::new(definition.validate().unwrap()));
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let text = "at,count,paid\nT,1.0,True\nT,,False\nT,3.5,yes\n".replace('T', "2026-11-21T10:00:00Z");
    let text = text.replace("2026-11-21T10:00:00Zrue", "True");
    let chunk = Chunks::open(Format::Csv, Bytes::from(text), &mapper, now)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let values: Vec<String> = chunk.facts.iter().map(|fact| format!("{:?}", fact.values)).collect();
    assert_eq!(values, ["[Integer(1), Boolean(true)]", "[Null, Boolean(false)]"]);
    assert_eq!(chunk.refused[0].rejection.field, "count", "{:?}", chunk.refused);
}
