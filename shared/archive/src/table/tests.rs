//! Small Parquet files, written here, as facts and refused rows.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use arrow::array::{Date32Array, Float32Array, StringArray, TimestampMillisecondArray, UInt8Array, UInt64Array};
use catalog::EntityDefinition;
use formula::Value as Stored;
use parquet::arrow::ArrowWriter;

use super::*;
use crate::{Chunks, Format};

/// 2026-03-28T10:00:00Z.
const TIME_MS: i64 = 1_774_692_000_000;

fn mapper() -> Mapper {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Reading", "domain": "lab", "time": "at",
        "attributes": [{ "name": "level", "type": "decimal" }, { "name": "count", "type": "integer" }]
    }))
    .unwrap();
    Mapper::new(Arc::new(definition.validate().unwrap()))
}

/// A file with one time to each row of the columns.
fn file(columns: Vec<(&str, ArrayRef)>) -> Bytes {
    let rows = columns[0].1.len();
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![TIME_MS; rows]));
    let batch = RecordBatch::try_from_iter([("at", times)].into_iter().chain(columns)).unwrap();
    written(&batch)
}

fn written(batch: &RecordBatch) -> Bytes {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

fn load(bytes: Bytes) -> Result<Chunk, FileError> {
    let mapper = mapper();
    let now = "2026-04-01T00:00:00Z".parse().unwrap();
    let mut chunks: Vec<Chunk> = Chunks::open(Format::Parquet, bytes, &mapper, now)?.collect::<Result<_, _>>()?;
    assert!(chunks.len() <= 1, "a small file is one chunk");
    Ok(chunks.pop().unwrap_or_default())
}

/// Every kind of float, each with NaN, both infinities, a number and nothing.
#[test]
fn floats_that_are_no_numbers_are_refused_row_by_row() {
    let floats = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5].map(Some);
    let floats: ArrayRef = Arc::new(Float64Array::from_iter(floats.into_iter().chain([None])));
    for kind in [DataType::Float64, DataType::Float32, DataType::Float16] {
        let chunk = load(file(vec![("level", converted(&floats, &kind).unwrap())])).unwrap();
        let facts: Vec<&Stored> = chunk.facts.iter().map(|fact| &fact.values[0]).collect();
        assert_eq!(facts, [&Stored::Decimal(Decimal::new(15, 1)), &Stored::Null], "{kind}");
        let refused: Vec<(usize, &str)> = chunk
            .refused
            .iter()
            .map(|row| (row.position, row.rejection.field.as_str()))
            .collect();
        assert_eq!(refused, [(0, "level"), (1, "level"), (2, "level")], "{kind}");
        for (row, shown) in chunk.refused.iter().zip(["NaN", "inf", "-inf"]) {
            let original: Value = serde_json::from_str(&row.original).unwrap();
            assert_eq!(original["level"], shown, "{kind}: {row:?}");
            assert_eq!(original["at"], "2026-03-28T10:00:00Z", "{kind}: {row:?}");
        }
    }
}

#[test]
fn a_file_without_its_footer_is_no_parquet_file() {
    let whole = file(vec![("level", Arc::new(Float64Array::from(vec![1.5; 1_000])))]);
    assert_eq!(load(whole.clone()).unwrap().facts.len(), 1_000);
    let cut = |end: usize| whole.slice(..end);
    let footer = usize::try_from(u32::from_le_bytes(
        whole[whole.len() - 8..whole.len() - 4].try_into().unwrap(),
    ))
    .unwrap();
    let cases = [
        ("nothing", cut(0)),
        ("the magic number alone", cut(4)),
        ("half of it", cut(whole.len() / 2)),
        ("the pages without the footer", cut(whole.len() - 8 - footer)),
        ("a part of the footer", cut(whole.len() - 8 - footer / 2)),
        ("the last byte missing", cut(whole.len() - 1)),
        ("no Parquet", Bytes::from_static(b"at,level\n2026-03-28,1.5\n")),
    ];
    for (case, bytes) in cases {
        let refused = load(bytes);
        assert!(
            matches!(refused, Err(FileError::Unreadable { format: "Parquet", .. })),
            "{case}: {refused:?}"
        );
    }
}

/// The footer is whole, and pages before it are not: what was read before stays, and the rest is told of once.
#[test]
fn broken_pages_end_a_file_with_one_error() {
    let whole = file(vec![(
        "level",
        Arc::new(Float64Array::from_iter_values((0..1_000).map(f64::from))),
    )]);
    let mut bytes = whole.to_vec();
    // The first page's header follows the magic number.
    bytes[4..40].fill(0xff);
    let mapper = mapper();
    let now = "2026-04-01T00:00:00Z".parse().unwrap();
    let chunks: Vec<_> = Chunks::open(Format::Parquet, bytes.into(), &mapper, now)
        .unwrap()
        .collect();
    let [Err(FileError::Unreadable { format: "Parquet", .. })] = chunks.as_slice() else {
        panic!("{} chunks", chunks.len())
    };
}

#[test]
fn columns_are_brought_to_the_types_of_attributes() {
    let days: ArrayRef = Arc::new(Date32Array::from(vec![20_540]));
    let batch =
        RecordBatch::try_from_iter([("at", days), ("count", Arc::new(UInt8Array::from(vec![7])) as ArrayRef)]).unwrap();
    let chunk = load(written(&batch)).unwrap();
    assert_eq!((chunk.facts.len(), chunk.refused.len()), (1, 0), "{chunk:?}");
    assert_eq!(chunk.facts[0].time_us, 20_540 * 86_400_000_000);

    let texts: ArrayRef = Arc::new(StringArray::from(vec!["many"]));
    let chunk = load(file(vec![("count", texts)])).unwrap();
    assert_eq!(
        (chunk.facts.len(), chunk.refused[0].rejection.field.as_str()),
        (0, "count")
    );
}

#[test]
fn no_number_is_lost_or_changed_on_the_way() {
    let counts: ArrayRef = Arc::new(UInt64Array::from(vec![1, (1 << 63) + 5, u64::MAX]));
    let chunk = load(file(vec![("count", counts)])).unwrap();
    assert_eq!(chunk.facts[0].values[1], Stored::Integer(1));
    let refused: Vec<&str> = chunk.refused.iter().map(|row| row.rejection.field.as_str()).collect();
    assert_eq!(refused, ["count", "count"], "{chunk:?}");

    let levels: ArrayRef = Arc::new(Float32Array::from(vec![0.1, 12.75]));
    let chunk = load(file(vec![("level", levels)])).unwrap();
    let facts: Vec<&Stored> = chunk.facts.iter().map(|fact| &fact.values[0]).collect();
    let decimal = |mantissa, scale| Stored::Decimal(Decimal::new(mantissa, scale));
    assert_eq!(facts, [&decimal(1, 1), &decimal(1275, 2)], "{chunk:?}");

    let late: ArrayRef = Arc::new(arrow::array::TimestampSecondArray::from(vec![i64::MAX / 1000]));
    let batch = RecordBatch::try_from_iter([("at", late)]).unwrap();
    let error = load(written(&batch)).unwrap_err();
    assert!(error.to_string().contains("verflow"), "{error}");
}
