//! A file that is small on the bucket and large once it is unpacked.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

/// What the template gives `load-files`.
const MEMORY_MB: usize = 1_024;

/// A thousand rows of two texts of 400 KiB, which dictionaries have once: 800 MB in a few hundred bytes.
fn repeated() -> Vec<u8> {
    let column = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number; 20])) };
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(400 * 1024); 20]));
    let columns = [
        ("date", column(1_774_692_000_000)),
        ("delay", column(5)),
        ("distance", column(100)),
        ("origin", Arc::clone(&texts)),
        ("destination", texts),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    for _ in 0..50 {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    bytes
}

/// The most memory that any process of a function has held, as the kernel counts it.
fn peak_mb(function: &str) -> Option<usize> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let statuses = processes.filter_map(|process| std::fs::read_to_string(process.path().join("status")).ok());
    let peaks = statuses.filter_map(|status| {
        let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        (value("Name:")? == function).then_some(())?;
        value("VmHWM:")?.split_whitespace().next()?.parse::<usize>().ok()
    });
    peaks.max().map(|kilobytes| kilobytes / 1_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_file_that_is_large_once_it_is_unpacked_is_read_within_the_memory() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let bytes = repeated();
    let size = bytes.len();
    assert!(size < 4_096, "{size} bytes");
    let key = product.drop_file(&airline, "Flight/large.parquet", bytes).await;
    let file = eventually("the file is finished", async || {
        let files = airline.get("/v1/files").await.ok();
        let file = files["files"].list().iter().find(|file| file["key"] == key).cloned();
        file.filter(|file| file["state"] != "writing")
    })
    .await;
    assert_eq!(
        (&file["state"], file["rejected"].integer()),
        (&"finished".into(), 1_000),
        "{file}"
    );
    let peak = peak_mb("load-files").unwrap();
    eprintln!("a file of {size} bytes that is 800 MB once it is unpacked: load-files held {peak} MB at most");
    assert!(peak < MEMORY_MB, "{peak} MB");
    product.stop().await;
}
