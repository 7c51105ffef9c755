//! Files dropped on S3: what is good in them counts, what is bad is told, accepted + rejected = sent.

use serde_json::json;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

use crate::flights::{dead_letters, flight, flights_counted};

const HEADER: &str = "date,delay,distance,origin,destination";

/// A file, what becomes of its rows, and of each refused one its position, its field and words of its reason.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    accepted: i64,
    refused: Vec<(i64, &'static str, &'static str)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_rows_of_a_file_count_and_bad_ones_become_dead_letters() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let mut total = 0;
    for case in cases() {
        let key = product.drop_file(&airline, case.name, case.bytes).await;
        let (batch, accepted, rejected) = outcome(&product, &key).await;
        let refused = i64::try_from(case.refused.len()).unwrap();
        assert_eq!((accepted, rejected), (case.accepted, refused), "{key}");
        let report = airline.get(&format!("/v1/batches/{batch}")).await.ok();
        assert_eq!(report["source"], key, "the batch names the file");
        let letters = dead_letters(&airline, &json!(batch)).await;
        assert_eq!(letters.len(), case.refused.len(), "{key}: {letters:?}");
        for (letter, (position, field, reason)) in letters.iter().zip(&case.refused) {
            let place = (&letter["position"], &letter["field"]);
            assert_eq!(place, (&json!(position), &json!(field)), "{key}: {letter}");
            assert!(letter["reason"].text().contains(reason), "{key}: {letter}");
        }
        total += case.accepted;
        assert_eq!(flights_counted(&airline).await.1, total, "after {key}");
    }
    product.stop().await;
}

fn cases() -> Vec<Case> {
    let csv = |lines: &[&str]| format!("{HEADER}\n{}\n", lines.join("\n")).into_bytes();
    let good = "2026-03-28T10:00:00Z,5,100,ORD,LGA";
    let whole = |name, bytes, reason| Case {
        name,
        bytes,
        accepted: 0,
        refused: vec![(0, "", reason)],
    };
    vec![
        Case {
            name: "Flight/mixed.csv",
            bytes: csv(&[
                good,
                "2026-03-28T10:00:00Z,NaN,100,ORD,LGA",
                "2026-03-28T10:00:00Z,inf,100,ORD,LGA",
                "yesterday,5,100,ORD,LGA",
                "1871-01-01,5,100,ORD,LGA",
                "2126-01-01,5,100,ORD,LGA",
                "2026-03-28T10:00:00Z,5,100,ORD",
                "2026-03-28T10:00:00Z,,100,ORD,LGA",
                "2026-03-28 10:01:00,-5,100,\"O'HARE, \"\"ORD\"\"\",LGA",
            ]),
            accepted: 2,
            refused: vec![
                (1, "delay", "NaN"),
                (2, "delay", "inf"),
                (3, "date", "yesterday"),
                (4, "date", "1990"),
                (5, "date", "future"),
                (6, "", "4 fields, the header has 5"),
                (7, "delay", "missing"),
            ],
        },
        Case {
            name: "Flight/lines.ndjson",
            bytes: format!("{}\r\n\n{{\"date\": NaN}}\nnot json\n{{}}", flight(2, 0, "ORD")).into_bytes(),
            accepted: 1,
            refused: vec![(1, "", "not JSON"), (2, "", "not JSON"), (3, "date", "missing")],
        },
        Case {
            name: "Flight/bytes.ndjson",
            bytes: [flight(2, 0, "ORD").to_string().as_bytes(), b"\n\xff\xfe\0\n"].concat(),
            accepted: 1,
            refused: vec![(1, "", "not UTF-8")],
        },
        whole(
            "Flight/unknown.csv",
            format!("{HEADER},gate\n{good},B7\n").into_bytes(),
            "gate",
        ),
        whole(
            "Flight/derived.csv",
            format!("{HEADER},on_time\n{good},true\n").into_bytes(),
            "on_time",
        ),
        whole(
            "Flight/twice.csv",
            format!("{HEADER},delay\n{good},7\n").into_bytes(),
            "delay",
        ),
        whole("Flight/lacking.csv", b"date,delay\n2026-03-28,5\n".to_vec(), "distance"),
        whole("Flight/empty.csv", Vec::new(), "date"),
        whole(
            "Flight/flights.xlsx",
            b"PK".to_vec(),
            ".parquet, .csv, .tsv, .ndjson or .jsonl",
        ),
        whole(
            "Flight/flights",
            b"{}".to_vec(),
            ".parquet, .csv, .tsv, .ndjson or .jsonl",
        ),
        whole("Parcel/parcels.csv", b"time,weight\n".to_vec(), "Parcel"),
        whole("Flight/truncated.parquet", truncated(), "Parquet"),
        whole("Flight/text.parquet", csv(&[good]), "Parquet"),
    ]
}

/// The beginning of the real facts: whole pages, and no footer.
fn truncated() -> Vec<u8> {
    use std::io::Read as _;
    let mut bytes = vec![0; 64 * 1024];
    let mut file = std::fs::File::open(tests::required("FACTS_FILE")).unwrap();
    file.read_exact(&mut bytes).unwrap();
    bytes
}

/// A file's batch with the number of accepted and rejected rows, read beside the product: only it knows the batch's id.
async fn outcome(product: &Product, key: &str) -> (String, i64, i64) {
    let plain = product.database.plain().await.unwrap();
    eventually(&format!("{key} is loaded"), async || {
        let sql = "SELECT id::text, accepted::bigint, rejected::bigint FROM core.batches WHERE source = $1";
        let row = plain.query_opt(sql, &[&key]).await.unwrap();
        row.map(|row| (row.get(0), row.get(1), row.get(2)))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_row_of_a_table_is_kept_as_it_was() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let line = "2026-03-28T10:00:00Z,late,100,\"O'HARE, \"\"ORD\"\"\",LGA";
    let bytes = format!("{HEADER}\n{line}\n").into_bytes();
    let key = product.drop_file(&airline, "Flight/quoted.csv", bytes).await;
    let (batch, ..) = outcome(&product, &key).await;
    assert_eq!(dead_letters(&airline, &json!(batch)).await[0]["original"], line);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_file_again_changes_nothing() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let Case { name, bytes, .. } = cases().swap_remove(0);
    let key = product.drop_file(&airline, name, bytes.clone()).await;
    let (_, accepted, _) = outcome(&product, &key).await;
    product.drop_file(&airline, name, bytes).await;
    let another = flight(3, 0, "ORD").to_string().into_bytes();
    let key = product
        .drop_file(&airline, "Flight/after é+%20 it.ndjson", another)
        .await;
    outcome(&product, &key).await;
    eventually("the file again is through", async || {
        (flights_counted(&airline).await.1 == accepted + 1).then_some(())
    })
    .await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_which_nothing_counted_is_loaded_when_it_is_put_again() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let parcels = b"time,weight\n2026-03-28T10:00:00Z,1.5\n2026-03-28T10:01:00Z,2\n".to_vec();
    let state = async |key: &str| {
        let files = airline.get("/v1/files?entity=Parcel").await.ok();
        let file = files["files"].list().iter().find(|file| file["key"] == key).cloned();
        file.map(|file| {
            (
                file["state"].text().to_owned(),
                file["accepted"].integer(),
                file["reason"].as_str().unwrap_or_default().to_owned(),
            )
        })
    };
    let expect = async |expected: &str, accepted: i64, reason: &str| {
        let key = product.drop_file(&airline, "Parcel/again.csv", parcels.clone()).await;
        eventually("the file is told of", async || {
            let (state, rows, told) = state(&key).await?;
            (state == expected && rows == accepted && told.contains(reason)).then_some(())
        })
        .await;
    };
    expect("refused", 0, "there is no entity").await;
    let parcel = json!({ "code": "Parcel", "domain": "post", "attributes": [{ "name": "weight", "type": "decimal" }] });
    airline.post("/v1/entities", &parcel).await.created();
    expect("finished", 2, "").await;
    expect("finished", 2, "loaded before").await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_too_many_refused_rows_is_read_no_further_and_says_where() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let (good, bad) = (
        "2026-03-28T10:00:00Z,5,100,ORD,LGA\n",
        "2026-03-28T10:00:00Z,late,100,ORD,LGA\n",
    );
    let most = 10_000_usize;
    let bytes = format!("{HEADER}\n{good}{}{good}", bad.repeat(most + 5)).into_bytes();
    let key = product.drop_file(&airline, "Flight/bad.csv", bytes).await;
    let file = eventually("the file is refused", async || {
        let files = airline.get("/v1/files").await.ok();
        let file = files["files"].list().iter().find(|file| file["key"] == key).cloned();
        file.filter(|file| file["state"] == "refused")
    })
    .await;
    assert!(file["reason"].text().contains(&format!("row {}", most + 1)), "{file}");
    let counts = (file["accepted"].integer(), file["rejected"].integer());
    assert_eq!(counts, (1, i64::try_from(most).unwrap() + 1), "{file}");
    assert_eq!(flights_counted(&airline).await.1, 1);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_its_clients_alone_and_one_without_a_client_is_left_alone() {
    let product = Product::shared().await;
    let (airline, other) = (product.airline().await, product.client().await);
    let line = flight(3, 0, "ORD").to_string().into_bytes();
    let nobody = uuid::Uuid::now_v7();
    for key in [
        format!("{nobody}.ndjson"),
        format!("nobody/Flight/{nobody}.ndjson"),
        format!("{nobody}/Flight/a.ndjson"),
    ] {
        product.put_object(&key, line.clone()).await;
    }
    // The other client has no such entity.
    let key = product.drop_file(&other, "Flight/theirs.ndjson", line).await;
    let (_, accepted, rejected) = outcome(&product, &key).await;
    assert_eq!((accepted, rejected), (0, 1));
    let letters = other.get("/v1/dead-letters").await.ok();
    assert_eq!(letters["dead_letters"].list().len(), 1, "{letters}");
    assert_eq!(flights_counted(&airline).await.1, 0);
    let ours = airline.get("/v1/dead-letters?limit=200").await.ok();
    assert_eq!(ours["dead_letters"], json!([]));
    product.stop().await;
}
