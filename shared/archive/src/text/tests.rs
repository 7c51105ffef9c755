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

/// Rows and reasons of a file that declares how it is written.
fn read_as(name: &str, text: &[u8], metadata: &[(&str, &str)]) -> Result<(Vec<String>, Vec<String>), String> {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Sale", "domain": "retail", "time": "at",
        "attributes": [{ "name": "amount", "type": "decimal" }, { "name": "n", "type": "integer" }, { "name": "region", "type": "text" }]
    }))
    .unwrap();
    let metadata = metadata
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let declared = crate::Declared::of(name, &metadata.collect()).map_err(|error| error.to_string())?;
    let mapper = declared.mapper(Mapper::new(Arc::new(definition.validate().unwrap())));
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let (format, bytes) = (Format::of(name), Bytes::copy_from_slice(text));
    let mut chunks = format
        .and_then(|format| Chunks::open_as(format, bytes, &mapper, now, declared.dialect(&mapper)))
        .map_err(|error| error.to_string())?;
    let chunk = chunks.next().map_or(Ok(crate::Chunk::default()), |chunk| {
        chunk.map_err(|error| error.to_string())
    })?;
    let facts = chunk
        .facts
        .iter()
        .map(|fact| format!("{} {:?}", fact.time_us / 1_000_000, fact.values));
    let refused = chunk
        .refused
        .iter()
        .map(|row| format!("{}: {}", row.rejection, row.original));
    Ok((facts.collect(), refused.collect()))
}

const SEMICOLONS: &str = "at;amount;n;region\n2026-11-20T10:00:00Z;1,5;2;\"a;b\"\n";

#[test]
fn other_delimiters_and_marks_are_read_where_they_are_declared() {
    let expected = vec![r#"1795168800 [Decimal(1.5), Integer(2), Text("a;b")]"#.to_owned()];
    let semicolons = [("delimiter", "semicolon"), ("decimal", "comma")];
    let tabs = SEMICOLONS
        .replace("a;b", "a,b")
        .replace(';', "\t")
        .replace("a,b", "a;b");
    let gzip = {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(tabs.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let comma = [("decimal", "comma")];
    for (name, text, metadata) in [
        ("a.csv", SEMICOLONS.as_bytes(), &semicolons[..]),
        ("a.tsv", tabs.as_bytes(), &comma),
        ("a.tsv.gz", &gzip, &comma),
        // What it is packed by need not be in its name.
        ("a.tsv", &gzip, &comma),
    ] {
        let read = read_as(name, text, metadata).unwrap();
        assert_eq!(read, (expected.clone(), Vec::new()), "{name}");
    }
    let packed = zstd::encode_all(&b"{\"at\": \"2026-11-20T10:00:00\"}\n"[..], 3).unwrap();
    let (facts, _) = read_as("a.ndjson.zst", &packed, &[("time-zone", "Asia/Tokyo")]).unwrap();
    assert_eq!(facts, ["1795136400 [Null, Null, Null]"]);
}

#[test]
fn other_delimiters_and_marks_are_named_where_they_are_not_declared() {
    let refused = read_as("a.csv", SEMICOLONS.as_bytes(), &[]).unwrap_err();
    assert!(
        refused.contains("lie between semicolons") && refused.contains("\"delimiter\": \"semicolon\""),
        "{refused}"
    );
    for (delimiter, name) in [("\t", "tab"), ("|", "pipe")] {
        let refused = read_as("a.csv", SEMICOLONS.replace(';', delimiter).as_bytes(), &[]).unwrap_err();
        assert!(refused.contains(&format!("lie between {name}s")), "{refused}");
    }
    let commas = SEMICOLONS.replace("1,5", "1.5").replace("a;b", "a").replace(';', ",");
    let refused = read_as("a.csv", commas.as_bytes(), &[("delimiter", "tab")]).unwrap_err();
    assert!(refused.contains("lie between commas"), "{refused}");
    // A misspelt column is one, also beside others.
    let refused = read_as("a.csv", b"at,amuont\n", &[]).unwrap_err();
    assert!(refused.contains("amuont"), "{refused}");

    let semicolon = [("delimiter", "semicolon")];
    let (_, refused) = read_as("a.csv", SEMICOLONS.as_bytes(), &semicolon).unwrap();
    assert!(
        refused[0].contains("decimal comma") && refused[0].ends_with("1,5;2;\"a;b\""),
        "{refused:?}"
    );
    let both = [("delimiter", "semicolon"), ("decimal", "comma")];
    let (_, refused) = read_as("a.csv", SEMICOLONS.replace("1,5", "1.234,5").as_bytes(), &both).unwrap();
    assert!(refused[0].contains("a number with a point"), "{refused:?}");
    let (_, refused) = read_as("a.csv", b"at,amount\n2026-11-20,\"1,234,567\"\n", &[]).unwrap();
    assert!(refused[0].contains("separators of thousands"), "{refused:?}");
    let refused = read_as("a.csv", b"at\n", &[("decimal", "comma")]).unwrap_err();
    assert!(refused.contains("declare the delimiter too"), "{refused}");
}

#[test]
fn names_say_the_format() {
    for (name, format) in [
        ("a.PARQUET", Some(Format::Parquet)),
        ("a.csv", Some(Format::Csv)),
        ("a.csv.gz", Some(Format::Csv)),
        ("a.tsv.zstd", Some(Format::Csv)),
        ("a.jsonl.GZ", Some(Format::Ndjson)),
        ("a.ndjson", Some(Format::Ndjson)),
        ("a.parquet.gz", None),
        ("a.gz", None),
        ("csv", None),
    ] {
        assert_eq!(Format::of(name).ok(), format, "{name}");
    }
}
