//! What is counted of clients for their quotas, and what is let go of after its time.

use std::time::{Duration, Instant};

use facts::batch::{Batch, Reject};
use facts::ingest;
use jiff::{SignedDuration, Timestamp};
use platform::clock;
use records::usage::{self, ToCount};
use uuid::Uuid;

use super::oracle::check;
use super::scenarios::in_every_shop;
use super::shop::{Shop, sale};

/// Counts all clients, and tells the facts and dead letters of the first.
async fn counted(shop: &Shop, now: Timestamp) -> (i64, i64) {
    let database = &shop.database.app;
    let clients: Vec<ToCount> = usage::clients_to_count(database).await.unwrap();
    assert_eq!(clients.len(), 2);
    for client in clients {
        let until = Instant::now() + Duration::from_secs(30);
        usage::count(database, client, now, until).await.unwrap();
    }
    let stored = usage::of_client(database, shop.ours, now).await.unwrap();
    (stored.facts, stored.letters)
}

/// A batch of so many refused events.
async fn refuse(shop: &Shop, events: i32) -> Uuid {
    let mut batch = Batch::new(Uuid::now_v7(), None);
    for position in 0..events {
        batch.refuse(Reject {
            position,
            field: String::new(),
            reason: "no".to_owned(),
            original: "{}".to_owned(),
        });
    }
    let id = batch.id;
    ingest::refuse(&shop.database.app, shop.ours, "Sale", "test", &[batch])
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn what_is_counted_equals_what_is_there_and_old_letters_and_batches_go() {
    in_every_shop(&[], async |shop| {
        let now = clock::now();
        assert_eq!(counted(shop, now).await, (0, 0));
        let sales = |from: i32, to: i32| {
            let sale = |number: i32| sale(&format!("r{number}"), "2026-03-28T09:00:00Z", "5", 1);
            (from..to).map(sale).collect::<Vec<_>>()
        };
        shop.sell(shop.ours, &sales(0, 7)).await;
        shop.sell(shop.theirs, &sales(0, 3)).await;
        let young = refuse(shop, 4).await;
        for _ in 0..2 {
            assert_eq!(counted(shop, now).await, (7, 4), "however often it is counted");
        }
        shop.sell(shop.ours, &sales(7, 9)).await;
        assert_eq!(counted(shop, now).await, (9, 4), "what has come since");

        // All but the latest fact's batch, and the letters that are young, are of long ago.
        let old = refuse(shop, 5).await;
        let long_ago = now - SignedDuration::from_hours(36 * 24);
        let milliseconds = u64::try_from(long_ago.as_millisecond()).unwrap();
        let plain = shop.database.plain().await.unwrap();
        let aged = "UPDATE core.batches SET begun_at = $1::text::timestamptz, finished_at = $1::text::timestamptz WHERE id <> $2";
        plain.execute(aged, &[&long_ago.to_string(), &young]).await.unwrap();
        let letters = plain.query("SELECT id FROM core.dead_letters WHERE batch_id = $1", &[&old]).await.unwrap();
        for letter in letters {
            let letter: Uuid = letter.get(0);
            let seconds = milliseconds / 1_000;
            let id = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0));
            plain
                .execute("UPDATE core.dead_letters SET id = $2 WHERE id = $1", &[&letter, &id])
                .await
                .unwrap();
        }
        let before = check(shop, shop.ours, "UTC", "before").await;
        let watermark = "SELECT entity, latest::text FROM core.watermarks(ARRAY[$1::uuid]) ORDER BY 1";
        let told = async || {
            let rows = plain.query(watermark, &[&shop.ours]).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<(String, Option<String>)>>()
        };
        let known = told().await;
        let database = &shop.database.app;
        let mut forgotten = 0;
        while let some @ 1.. = usage::forget(database, shop.ours, now).await.unwrap() {
            forgotten += some;
        }
        // Two batches have the latest fact, both at the same time: one of them stays.
        assert_eq!(forgotten, 5 + 1 + 1, "five letters, their batch, and one of sales");
        assert_eq!(told().await, known, "how far the data has come");
        let left = "SELECT count(*) FROM core.dead_letters WHERE client_id = $1";
        let left: i64 = plain.query_one(left, &[&shop.ours]).await.unwrap().get(0);
        assert_eq!(left, 4);
        assert_eq!(usage::forget(database, shop.theirs, now).await.unwrap(), 0, "their latest stays");
        check(shop, shop.ours, "UTC", "after").await.into_iter().chain(before).collect()
    })
    .await;
}
