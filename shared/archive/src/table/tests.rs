//! Small Parquet files, written here, as facts and refused rows.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use arrow::array::{Date32Array, Float32Array, StringArray, TimestampMillisecondArray, UInt8Array, UInt64Array};
use catalog::EntityDefinition;
use formula::Value as Stored;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::*;
use crate::{Chunks, Format};

/// 2026-03-28T10:00:00Z.
const TIME_MS: i64 = 1_774_692_000_000;

fn mapper() -> Mapper {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Reading", "domain": "lab", "time": "at",
        "attributes": [{ "name": "level", "type": "decimal" }, { "name": "count", "type": "integer" },
            { "name": "place", "type": "text" }]
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
            // As it was written: without an offset.
            assert_eq!(original["at"], "2026-03-28T10:00:00", "{kind}: {row:?}");
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

/// The footer is whole, and pages before it are not: a header tells so before anything is read, and what lies behind it ends the file once.
#[test]
fn broken_pages_end_a_file_with_one_error() {
    let texts: Vec<String> = (0..2_000_u64).map(|row| (row * row * 7_919).to_string()).collect();
    let whole = packed(&texts, 1, Some(Encoding::PLAIN)).to_vec();
    let mut bytes = whole.clone();
    // The first page's header follows the magic number.
    bytes[4..40].fill(0xff);
    let refused = load(bytes.into());
    assert!(
        matches!(refused, Err(FileError::Unreadable { format: "Parquet", .. })),
        "{refused:?}"
    );

    let mut bytes = whole.clone();
    let middle = whole.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
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

    // Beyond what microseconds reach, and beyond the calendar: rows of their own.
    let late: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![
        i64::MAX / 100,
        TIME_MS,
        9_400_000_000_000_000,
    ]));
    let batch = RecordBatch::try_from_iter([("at", late)]).unwrap();
    let chunk = load(written(&batch)).unwrap();
    let refused: Vec<usize> = chunk.refused.iter().map(|row| row.position).collect();
    assert_eq!((chunk.facts.len(), refused), (1, vec![0, 2]), "{chunk:?}");

    // Spark's decimal(38,18): its zeros are no digits that have to fit.
    let wide = arrow::array::Decimal128Array::from(vec![
        100_000_000_000_500_000_000_000_000_000,
        1,
        12_345_678_901_234_567_890_123_456_789_012_345_678,
    ]);
    let wide: ArrayRef = Arc::new(wide.with_precision_and_scale(38, 18).unwrap());
    let chunk = load(file(vec![("level", wide)])).unwrap();
    assert_eq!(chunk.facts[0].values[0], decimal(1_000_000_000_005, 1), "{chunk:?}");
    assert_eq!(chunk.facts[1].values[0], decimal(1, 18), "{chunk:?}");
    assert_eq!(chunk.refused[0].rejection.field, "level", "{chunk:?}");
}

#[test]
fn what_writers_say_of_types_does_not_matter() {
    let texts: ArrayRef = Arc::new(arrow::array::BinaryArray::from_vec(vec![b"north", b"\xff"]));
    let chunk = load(file(vec![("place", texts)])).unwrap();
    assert_eq!(chunk.facts[0].values[2], Stored::Text("north".to_owned()));
    assert_eq!(chunk.refused[0].rejection.field, "place", "{chunk:?}");

    let nothing: ArrayRef = Arc::new(arrow::array::NullArray::new(2));
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![TIME_MS; 2]));
    let batch = RecordBatch::try_from_iter_with_nullable([("at", times, false), ("count", nothing, true)]).unwrap();
    let chunk = load(written(&batch)).unwrap();
    assert_eq!(
        (chunk.facts.len(), &chunk.facts[1].values[1]),
        (2, &Stored::Null),
        "{chunk:?}"
    );

    // What pandas makes of a category of integers.
    let numbers = arrow::array::Int64Array::from(vec![7, 9]);
    let keys = arrow::array::Int8Array::from(vec![1, 0, 1]);
    let categories: ArrayRef = Arc::new(arrow::array::DictionaryArray::new(keys, Arc::new(numbers)));
    let chunk = load(file(vec![("count", categories)])).unwrap();
    let counts: Vec<&Stored> = chunk.facts.iter().map(|fact| &fact.values[1]).collect();
    assert_eq!(counts, [&Stored::Integer(9), &Stored::Integer(7), &Stored::Integer(9)]);
}

/// A file of one page of texts, written so many times over, packed, with the encoding of texts.
fn packed(texts: &[String], times: usize, encoding: Option<Encoding>) -> Bytes {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_data_page_size_limit(usize::MAX)
        .set_data_page_row_count_limit(usize::MAX)
        .set_write_batch_size(texts.len())
        .set_dictionary_page_size_limit(usize::MAX)
        .set_statistics_enabled(EnabledStatistics::None);
    if let Some(encoding) = encoding {
        properties = properties.set_dictionary_enabled(false).set_encoding(encoding);
    }
    let properties = properties.set_column_encoding("at".into(), Encoding::PLAIN).build();
    let instants: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![TIME_MS; texts.len()]));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    let batch = RecordBatch::try_from_iter([("at", instants), ("place", texts)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    for _ in 0..times {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    bytes.into()
}

/// Most bytes that this process has held, as the kernel counts them.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_file_that_would_take_too_much_is_refused_before_it_is_unpacked() {
    let long = |count: usize, bytes: usize| vec!["x".repeat(bytes); count];
    let distinct = |count: usize, bytes: usize| {
        (0..count)
            .map(|row| format!("{row}{}", "x".repeat(bytes)))
            .collect::<Vec<_>>()
    };
    for (name, bytes, limit) in [
        (
            "a page",
            packed(&long(17, 1 << 20), 1, Some(Encoding::PLAIN)),
            guard::MAX_PAGE_BYTES,
        ),
        (
            "a dictionary",
            packed(&distinct(17, 1 << 20), 1, None),
            guard::MAX_PAGE_BYTES,
        ),
        ("a row", packed(&long(3, 2 << 20), 1, None), crate::files::MAX_ROW_BYTES),
    ] {
        let size = bytes.len();
        let refused = load(bytes).unwrap_err().to_string();
        assert!(
            refused.contains(&limit.to_string()),
            "{name} of {size} bytes: {refused}"
        );
        assert!(size < 64 * 1024, "{name}: {size} bytes");
    }
}

/// A few hundred bytes that are a gigabyte of texts, in every encoding that repeats them: they are read, a few rows at a time.
#[test]
fn texts_that_are_repeated_are_read_within_the_memory() {
    for encoding in [None, Some(Encoding::DELTA_BYTE_ARRAY)] {
        let bytes = packed(&vec!["x".repeat(512 * 1024); 20], 100, encoding);
        let size = bytes.len();
        let chunk = load(bytes).unwrap();
        assert_eq!(chunk.refused.len(), 2_000, "{encoding:?}");
        let peak_mb = peak_bytes() / 1_000_000;
        eprintln!("{size} bytes as {encoding:?}: {peak_mb} MB at most until now");
        assert!(peak_mb < 400, "{peak_mb} MB");
    }
}

/// Each way to write texts is read to the same facts, and its longest text is known before.
#[test]
fn texts_are_read_in_every_encoding() {
    let texts: Vec<String> = (0..2_000).map(|row| "y".repeat(row % 301)).collect();
    for encoding in [
        None,
        Some(Encoding::PLAIN),
        Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        Some(Encoding::DELTA_BYTE_ARRAY),
    ] {
        let bytes = packed(&texts, 1, encoding);
        let metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).unwrap();
        let rows = guard::rows_at_once(&bytes, metadata.metadata().row_group(0), usize::MAX).unwrap();
        assert_eq!(rows, guard::MAX_DECODED_BYTES / (1 + 16 + 300), "{encoding:?}");
        let chunk = load(bytes).unwrap();
        let read = chunk.facts.iter().map(|fact| fact.values[2].clone());
        let stored = |text: &String| {
            if text.is_empty() {
                Stored::Null
            } else {
                Stored::Text(text.clone())
            }
        };
        assert!(read.eq(texts.iter().map(stored)), "{encoding:?}");
    }
}

#[test]
fn a_dictionary_that_says_it_has_more_than_it_has_is_refused() {
    let bytes = packed(&["a".to_owned(), "b".to_owned(), "c".to_owned()], 1, None).to_vec();
    // A dictionary's header: field 7, whose first field is the number of values.
    let places: Vec<usize> = (4..bytes.len() - 3)
        .filter(|at| bytes[*at..].starts_with(&[0x4c, 0x15, 0x06]))
        .collect();
    let mut lying = bytes.clone();
    lying[places[0] + 2] = 0x7e;
    let refused = load(lying.into()).unwrap_err().to_string();
    assert!(refused.contains("63 values"), "{refused}");
}

#[test]
fn a_file_of_too_many_rows_is_refused_before_one_is_read() {
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![TIME_MS; 1_000_001]));
    let batch = RecordBatch::try_from_iter([("at", times)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    for _ in 0..5 {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    let size = bytes.len();
    let refused = load(bytes.into()).unwrap_err().to_string();
    assert!(
        refused.contains("5000005 rows, more than 5000000: split it"),
        "{size} bytes: {refused}"
    );
}

/// The library would read it to its end, however long that is.
#[test]
fn a_frame_of_lz4_is_refused() {
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4)
        .set_dictionary_enabled(false);
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![TIME_MS; 1_000]));
    let batch = RecordBatch::try_from_iter([("at", times)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_eq!(load(bytes.clone().into()).unwrap().facts.len(), 1_000);
    let page = 4 + crate::thrift::page_header(&bytes[4..]).unwrap().length;
    for frame in [0x184d_2204_u32, 0x184c_2102, 0x184d_2a5f] {
        bytes[page..page + 4].copy_from_slice(&frame.to_le_bytes());
        let refused = load(bytes.clone().into()).unwrap_err().to_string();
        assert!(refused.contains("a frame of LZ4"), "{refused}");
    }
}

#[test]
fn an_index_that_pandas_marks_is_no_unknown_column() {
    let level: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![TIME_MS]));
    let columns = [
        ("__index_level_0__", level.clone()),
        ("row", level.clone()),
        ("at", times),
        ("level", level),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let told = |indexes: &str| {
        let properties =
            WriterProperties::builder().set_key_value_metadata(Some(vec![parquet::file::metadata::KeyValue::new(
                "pandas".to_owned(),
                format!("{{\"index_columns\": {indexes}}}"),
            )]));
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        load(bytes.into())
    };
    // One that the entity has is read, whatever it is to pandas.
    let marked = told(r#"["__index_level_0__", "row", "level", {"kind": "range"}]"#).unwrap();
    assert_eq!(
        marked.facts[0].values[0],
        Stored::Decimal(Decimal::new(15, 1)),
        "{marked:?}"
    );
    for not_marked in [r#"["row"]"#, "7", "no JSON"] {
        let refused = told(not_marked).unwrap_err().to_string();
        assert!(refused.contains("__index_level_0__"), "{refused}");
    }
}

#[test]
fn decimals_wider_than_the_widest_number_are_read_as_far_as_they_fit() {
    let wide = |text: &str| i256::from_string(text).unwrap();
    let one = format!("1{}", "0".repeat(60));
    let values = [
        wide(&one),
        wide(&format!("-{one}")),
        wide(&format!("{one}1")),
        i256::MAX,
    ];
    let levels = arrow::array::Decimal256Array::from(values.to_vec());
    let levels: ArrayRef = Arc::new(levels.with_precision_and_scale(76, 60).unwrap());
    let chunk = load(file(vec![("level", levels)])).unwrap();
    let facts: Vec<&Stored> = chunk.facts.iter().map(|fact| &fact.values[0]).collect();
    let whole = |number: i64| Stored::Decimal(Decimal::from(number));
    assert_eq!(facts, [&whole(1), &whole(-1)], "{chunk:?}");
    assert_eq!(chunk.refused.len(), 2);
}

/// What says no offset is in the client's zone.
#[test]
fn times_are_adjusted_to_utc_or_are_the_clients() {
    let berlin = mapper().of_client(&series::Calendar::of("Europe/Berlin").unwrap());
    let naive = TimestampMillisecondArray::from(vec![TIME_MS]);
    let adjusted = naive.clone().with_timezone("UTC");
    let day: ArrayRef = Arc::new(Date32Array::from(vec![20_540]));
    let midnight_us = 20_540 * 86_400_000_000_i64;
    let cases: [(ArrayRef, i64); 3] = [
        (Arc::new(naive), (TIME_MS - 3_600_000) * 1_000),
        (Arc::new(adjusted), TIME_MS * 1_000),
        (day, midnight_us - 3_600_000_000),
    ];
    for (times, expected) in cases {
        let batch = RecordBatch::try_from_iter([("at", times)]).unwrap();
        let now = "2026-04-01T00:00:00Z".parse().unwrap();
        let mut chunks = Chunks::open(Format::Parquet, written(&batch), &berlin, now).unwrap();
        let chunk = chunks.next().unwrap().unwrap();
        assert_eq!(chunk.facts[0].time_us, expected, "{:?}", batch.schema());
    }
}

#[test]
fn a_list_is_no_column() {
    let lists: ArrayRef = Arc::new(arrow::array::ListArray::from_iter_primitive::<Int64Type, _, _>([Some(
        [Some(1)],
    )]));
    let refused = load(file(vec![("count", lists)])).unwrap_err().to_string();
    assert!(refused.contains("count") && refused.contains("list"), "{refused}");
}

/// A page that gzip or Brotli makes larger than its header says is refused, in both versions of pages.
#[test]
fn a_page_that_is_larger_than_it_says_is_refused() {
    use parquet::basic::{BrotliLevel, GzipLevel};
    use parquet::file::properties::WriterVersion;
    let codecs = [
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
    ];
    let versions = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    for (codec, version) in codecs
        .into_iter()
        .flat_map(|codec| versions.map(|version| (codec, version)))
    {
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_compression(codec)
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::PLAIN)
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![Some(TIME_MS); 1_000]));
        let batch = RecordBatch::try_from_iter_with_nullable([("at", times, true)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert_eq!(load(bytes.clone().into()).unwrap().facts.len(), 1_000, "{version:?}");
        // The second field of the header behind the magic number is the unpacked size, of two bytes.
        assert_eq!((bytes[6], bytes[7] & 0x80), (0x15, 0x80), "{version:?}");
        let header = crate::thrift::page_header(&bytes[4..]).unwrap();
        let smaller = u16::try_from(2 * header.unpacked).unwrap() - 2 * 128;
        bytes[7] = 0x80 | u8::try_from(smaller & 0x7f).unwrap();
        bytes[8] = u8::try_from(smaller >> 7).unwrap();
        let refused = load(bytes.into()).unwrap_err().to_string();
        assert!(
            refused.contains("larger than its header says"),
            "{version:?}: {refused}"
        );
    }
}
