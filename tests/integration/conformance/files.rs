//! Files: each row has its effect once, wherever the pieces of a file are cut, whoever began it, and however often it is put on the bucket.

use std::ops::Range;

use database::Error;
use facts::batch::{Batch, Reject};
use facts::ingest::{self, Effort};
use platform::clock;
use records::files::{self, Attempt, Begun, End, File};
use series::Mapper;
use uuid::Uuid;

use super::oracle::check;
use super::scenarios::in_every_shop;
use super::shop::{Shop, sale};

fn put<'a>(shop: &Shop, sequencer: &'a str) -> File<'a> {
    File {
        client: shop.ours,
        key: "c/Sale/a.csv",
        entity: "Sale",
        etag: "e",
        digest: "",
        replaces: true,
        sequencer,
    }
}

async fn begun(shop: &Shop, file: File<'_>) -> Attempt {
    match files::begin(&shop.database.app, file).await.unwrap() {
        Begun::At(attempt) => attempt,
        Begun::Before => panic!("it was loaded before"),
    }
}

/// Rows of a file as the version before, or this one, writes them. Every fifth of them is refused unless none is, or all are.
async fn write(shop: &Shop, mut batch: Batch, rows: Range<i32>, refused: impl Fn(i32) -> bool) -> Result<(), Error> {
    let definitions = shop.definitions(shop.ours).await;
    let placed = &definitions.placed["Sale"];
    let mapper = Mapper::new(placed.entity.clone());
    for row in rows {
        let at = format!("2026-03-28T{:02}:{:02}:07Z", 8 + row / 60, row % 60);
        let event = sale(&format!("r{row}"), &at, &format!("{row}.25"), 1);
        if refused(row) {
            batch.refuse(Reject {
                position: row,
                field: String::new(),
                reason: "no".to_owned(),
                original: event.to_string(),
            });
        } else {
            let fact = mapper.json(clock::now(), &event.to_string()).unwrap();
            batch.accept(usize::try_from(row).unwrap(), fact);
        }
    }
    let effort = Effort::default();
    ingest::ingest(&shop.database.app, shop.ours, placed, "c/Sale/a.csv", &[batch], effort)
        .await
        .map(drop)
}

async fn piece(shop: &Shop, attempt: Attempt, rows: Range<i32>) -> Result<(), Error> {
    let batch = Batch::piece(attempt.batch, rows.start, Some(rows.end));
    write(shop, batch, rows, every_fifth).await?;
    files::keep(&shop.database.app, put(shop, ""), attempt).await.map(drop)
}

const fn every_fifth(row: i32) -> bool {
    row % 5 == 4
}

/// State, accepted and rejected rows of the one file.
async fn told(shop: &Shop) -> (String, i64, i64) {
    let wanted = files::Wanted::default();
    let files = files::list(&shop.database.app, shop.ours, &wanted, 2).await;
    let files = files.unwrap().rows;
    let [file] = &files[..] else { panic!("{files:?}") };
    (file.state.clone(), file.accepted, file.rejected)
}

#[tokio::test]
async fn rows_of_a_file_count_once_wherever_its_pieces_are_cut() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let file = put(shop, "1");
            let first = begun(shop, file).await;
            piece(shop, first, 0..50).await.unwrap();
            // It is killed, and goes on by a definition that cuts otherwise; another that thinks to be behind does nothing, one that is ahead neither.
            let second = begun(shop, file).await;
            assert_eq!((second.position, second.rejected), (50, 10));
            piece(shop, second, 50..73).await.unwrap();
            piece(shop, first, 0..60).await.unwrap();
            let ahead = piece(shop, second, 80..90).await;
            assert!(matches!(ahead, Err(Error::Unfinished)), "{ahead:?}");
            // Two at once, of which one has read more.
            piece(shop, second, 50..90).await.unwrap();
            assert_eq!(told(shop).await, ("writing".to_owned(), 72, 18), "{key:?}");
            let early = files::end(&shop.database.app, None, file, second, End::Finished).await;
            assert!(matches!(early, Err(Error::Unfinished)), "{early:?}");
            let last = begun(shop, file).await;
            files::end(&shop.database.app, None, file, last, End::Finished)
                .await
                .unwrap();
            assert_eq!(told(shop).await, ("finished".to_owned(), 72, 18), "{key:?}");
            assert_eq!(shop.count().await, 72, "{key:?}");
            check(shop, shop.ours, "UTC", "a file in pieces").await
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_that_the_version_before_began_goes_on_at_its_row() {
    in_every_shop(&[], async |shop| {
        let file = put(shop, "1");
        let part = |number: &str| Uuid::new_v5(&shop.ours, format!("{}#e#{number}", file.key).as_bytes());
        let plain = shop.database.plain().await.unwrap();
        let sql = "INSERT INTO core.files (client_id, id, key, entity, state) VALUES ($1, $2, $3, 'Sale', 'writing')";
        plain
            .execute(sql, &[&shop.ours, &part("file"), &file.key])
            .await
            .unwrap();
        write(shop, Batch::new(part("0"), None), 0..30, every_fifth)
            .await
            .unwrap();
        write(shop, Batch::new(part("1"), None), 30..40, every_fifth)
            .await
            .unwrap();
        assert_eq!(begun(shop, file).await.position, 40);
        // The second of its parts was cut off at row 37.
        plain.execute("DELETE FROM core.files", &[]).await.unwrap();
        plain
            .execute("DELETE FROM core.batches WHERE batch_number IS NULL", &[])
            .await
            .unwrap();
        plain
            .execute(sql, &[&shop.ours, &part("file"), &file.key])
            .await
            .unwrap();
        let cut_off = "UPDATE core.batches SET next_position = 37 WHERE id = $1";
        plain.execute(cut_off, &[&part("1")]).await.unwrap();
        let attempt = begun(shop, file).await;
        assert_eq!(attempt.position, 37);
        assert_eq!(begun(shop, file).await, attempt, "however often it comes");
        check(shop, shop.ours, "UTC", "begun before").await
    })
    .await;
}

#[tokio::test]
async fn the_same_file_put_again_goes_on_begins_anew_or_counts_once() {
    in_every_shop(&[], async |shop| {
        let database = &shop.database.app;
        // Every row is refused; the message comes twice.
        let attempt = begun(shop, put(shop, "1")).await;
        let batch = Batch::piece(attempt.batch, 0, Some(20));
        write(shop, batch, 0..20, |_| true).await.unwrap();
        let attempt = begun(shop, put(shop, "1")).await;
        files::end(database, None, put(shop, "1"), attempt, End::Finished)
            .await
            .unwrap();
        assert_eq!(told(shop).await, ("finished".to_owned(), 0, 20));
        let again = files::begin(database, put(shop, "1")).await.unwrap();
        assert_eq!(again, Begun::Before, "the same message");

        // The definition is mended, and it is put again; half of it is loaded, and then it is refused.
        let attempt = begun(shop, put(shop, "2")).await;
        assert_eq!((attempt.number, attempt.position), (1, 0));
        piece(shop, attempt, 0..10).await.unwrap();
        let attempt = begun(shop, put(shop, "2")).await;
        files::end(database, None, put(shop, "2"), attempt, End::Refused("no licence"))
            .await
            .unwrap();
        assert_eq!(told(shop).await, ("refused".to_owned(), 8, 3));

        // Put again it goes on, and after that it counts once.
        let attempt = begun(shop, put(shop, "3")).await;
        assert_eq!((attempt.number, attempt.position, attempt.rejected), (2, 10, 0));
        piece(shop, attempt, 10..20).await.unwrap();
        let attempt = begun(shop, put(shop, "3")).await;
        files::end(database, None, put(shop, "3"), attempt, End::Finished)
            .await
            .unwrap();
        assert_eq!(told(shop).await, ("finished".to_owned(), 16, 5));
        for sequencer in ["2", "3", "4"] {
            let again = files::begin(database, put(shop, sequencer)).await.unwrap();
            assert_eq!(again, Begun::Before, "{sequencer}");
        }
        let files = files::list(database, shop.ours, &files::Wanted::default(), 1).await;
        let file = &files.unwrap().rows[0];
        let reason = file.reason.as_deref().unwrap_or_default();
        assert!(reason.contains("loaded before"), "{file:?}");
        assert_eq!(shop.count().await, 16);
        check(shop, shop.ours, "UTC", "put again").await
    })
    .await;
}
