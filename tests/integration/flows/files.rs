//! Files dropped on S3: what is good in them counts, what is bad is told, accepted + rejected = sent.

use serde_json::{Value, json};
use tests::product::{Product, eventually};

use super::{flight, flights, letters};

const HEADER: &str = "date,delay,distance,origin,destination";

/// A file, what becomes of its rows, and of each refused one its position, its field and words of its reason.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    accepted: i64,
    refused: Vec<(i64, &'static str, &'static str)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_count_by_their_good_rows_and_tell_of_the_others() {
    let product = Product::start().await.unwrap();
    let ours = &product.ours;
    let mut total = 0;
    for case in cases() {
        let key = product.drop_file(ours, case.name, case.bytes).await.unwrap();
        let (batch, accepted, rejected) = outcome(&product, &key).await;
        let refused = i64::try_from(case.refused.len()).unwrap();
        assert_eq!((accepted, rejected), (case.accepted, refused), "{key}");
        let told = ours.get(&format!("/v1/batches/{batch}")).await.unwrap().expect(200);
        assert_eq!(told.unwrap().body["source"], key, "the batch names the file");
        let letters = letters(ours, &batch).await;
        assert_eq!(letters.len(), case.refused.len(), "{key}: {letters:?}");
        for (letter, (position, field, reason)) in letters.iter().zip(&case.refused) {
            assert_eq!(
                (&letter["position"], &letter["field"]),
                (&json!(position), &json!(field)),
                "{key}: {letter}"
            );
            assert!(letter["reason"].as_str().unwrap().contains(reason), "{key}: {letter}");
        }
        total += case.accepted;
        assert_eq!(flights(ours).await.1, total, "after {key}");
    }
    a_refused_row_of_a_table_is_kept_as_it_was(&product).await;
    the_same_file_again_changes_nothing(&product, total).await;
    a_key_that_names_no_client_is_left_alone(&product, total).await;
    product.stop().await.unwrap();
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
            refused: vec![(1, "", "no JSON"), (2, "", "no JSON"), (3, "date", "missing")],
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
        whole("Flight/flights.xlsx", b"PK".to_vec(), ".parquet, .csv, .ndjson"),
        whole("Flight/flights", b"{}".to_vec(), ".parquet, .csv, .ndjson"),
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

async fn a_refused_row_of_a_table_is_kept_as_it_was(product: &Product) {
    let line = "2026-03-28T10:00:00Z,late,100,\"O'HARE, \"\"ORD\"\"\",LGA";
    let bytes = format!("{HEADER}\n{line}\n").into_bytes();
    let key = product
        .drop_file(&product.ours, "Flight/quoted.csv", bytes)
        .await
        .unwrap();
    let (batch, ..) = outcome(product, &key).await;
    assert_eq!(letters(&product.ours, &batch).await[0]["original"], line);
}

async fn the_same_file_again_changes_nothing(product: &Product, total: i64) {
    let mixed = cases().swap_remove(0);
    product.drop_file(&product.ours, mixed.name, mixed.bytes).await.unwrap();
    let line = flight(3, 0, "ORD").to_string();
    let key = product
        .drop_file(&product.ours, "Flight/after é+%20 it.ndjson", line.into_bytes())
        .await
        .unwrap();
    outcome(product, &key).await;
    eventually("the file again is through", async || {
        (flights(&product.ours).await.1 == total + 1).then_some(())
    })
    .await;
}

async fn a_key_that_names_no_client_is_left_alone(product: &Product, total: i64) {
    let line = flight(3, 0, "ORD").to_string().into_bytes();
    let nobody = uuid::Uuid::from_u128(1);
    for key in [
        "flights.ndjson".to_owned(),
        "ours/Flight/a.ndjson".to_owned(),
        format!("{nobody}/Flight/a.ndjson"),
    ] {
        product.put_object(&key, line.clone()).await.unwrap();
    }
    // One of another client is only the other client's: theirs has no such entity.
    let key = product
        .drop_file(&product.theirs, "Flight/theirs.ndjson", line)
        .await
        .unwrap();
    let (_, accepted, rejected) = outcome(product, &key).await;
    assert_eq!((accepted, rejected), (0, 1));
    let letters = product.theirs.get("/v1/dead-letters").await.unwrap().body;
    assert_eq!(letters["dead_letters"].as_array().map(Vec::len), Some(1), "{letters}");
    assert_eq!(flights(&product.ours).await.1, total + 1);
    let all: Value = product.ours.get("/v1/dead-letters?limit=200").await.unwrap().body;
    assert!(!all.to_string().contains("theirs.ndjson"));
}
