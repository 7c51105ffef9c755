//! Letters that are sent through again: whoever undoes their batch meanwhile knows of it, whoever is cut off loses none, and they mean what their file meant.

use api::{EventSource, QueuedEvents};
use database::Database;
use facts::batch::{Batch, Reject};
use facts::ingest::{self, Effort};
use ingest_events::Context;
use platform::clock;
use records::dead_letters::{self, DeadLetter, Wanted};
use records::undo::{self, Target, Undone};
use serde_json::value::{RawValue, to_raw_value};
use tests::databases::servers;
use tests::waiting::eventually;
use uuid::Uuid;

use super::keys::deliver;
use super::shop::{Shop, sale};

fn message(shop: &Shop, batch: Uuid, key: Option<Uuid>, event: Box<RawValue>) -> QueuedEvents {
    QueuedEvents {
        batch_id: batch,
        client: shop.ours,
        entity: "Sale".to_owned(),
        source: EventSource::Replay,
        key,
        events: vec![event],
        broken: Vec::new(),
        time_zone: None,
    }
}

/// A shop with one sale, and the letter of another one whose key was used before: replayed it counts.
async fn with_letter(server: &str) -> (Shop, Context, DeadLetter) {
    let shop = Shop::open(server, "UTC", &[]).await;
    let context = Context::new(shop.database.app.clone(), String::new());
    for receipt in ["a", "b"] {
        let event = to_raw_value(&sale(receipt, "2026-03-28T10:00:00Z", "5.00", 1)).unwrap();
        let queued = message(&shop, Uuid::now_v7(), Some(Uuid::from_u128(77)), event);
        deliver(&context, &[queued]).await;
    }
    let letter = letters(&shop, true).await.remove(0);
    assert_eq!(shop.count().await, 1);
    (shop, context, letter)
}

async fn letters(shop: &Shop, is_new: bool) -> Vec<DeadLetter> {
    let wanted = Wanted {
        is_new,
        ..Wanted::default()
    };
    dead_letters::list(&shop.database.app, shop.ours, wanted, 10)
        .await
        .unwrap()
}

async fn begun(database: &Database, shop: &Shop, letter: Uuid, batch: Uuid) -> bool {
    let begun = dead_letters::begin_replays(database, shop.ours, &[(letter, batch)]).await;
    !begun.unwrap().is_empty()
}

async fn undone(database: &Database, shop: &Shop, batch: Uuid) {
    let placed = shop.definitions(shop.ours).await.placed["Sale"].clone();
    let undone = undo::begin(database, shop.ours, &placed, Target::Batch(batch), clock::now()).await;
    assert!(matches!(undone.unwrap(), Undone::Begun(_)));
}

async fn replayed(shop: &Shop, context: &Context, letter: &DeadLetter, batch: Uuid) {
    let event = RawValue::from_string(letter.original.clone()).unwrap();
    deliver(context, &[message(shop, batch, None, event)]).await;
}

/// Waits until so many connections wait for one, or for those that wait for it.
async fn wait_for(shop: &Shop, pid: i32, waiting: i64) {
    let plain = shop.database.plain().await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND ($1 = ANY (pg_blocking_pids(a.pid))
        OR EXISTS (SELECT FROM unnest(pg_blocking_pids(a.pid)) AS b (pid) WHERE $1 = ANY (pg_blocking_pids(b.pid))))";
    eventually(&format!("{waiting} wait"), async || {
        let row = plain.query_one(sql, &[&pid]).await.unwrap();
        (row.get::<_, i64>(0) >= waiting).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_replay_and_the_undoing_of_its_batch_know_of_each_other() {
    for server in servers() {
        for is_replay_first in [true, false] {
            let (shop, context, letter) = with_letter(&server).await;
            let batch = Uuid::now_v7();
            let [replayer, undoer] = [shop.connect(), shop.connect()];
            // The letter is held until both of them have come to it.
            let held = shop.database.plain().await.unwrap();
            held.batch_execute("BEGIN").await.unwrap();
            let sql = "SELECT pg_backend_pid() FROM core.dead_letters WHERE id = $1 FOR UPDATE";
            let pid: i32 = held.query_one(sql, &[&letter.id]).await.unwrap().get(0);
            let replay = async {
                wait_for(&shop, pid, i64::from(!is_replay_first)).await;
                begun(&replayer, &shop, letter.id, batch).await
            };
            let undo = async {
                wait_for(&shop, pid, i64::from(is_replay_first)).await;
                undone(&undoer, &shop, letter.batch_id).await;
            };
            let release = async {
                wait_for(&shop, pid, 2).await;
                held.batch_execute("COMMIT").await.unwrap();
            };
            let (is_begun, (), ()) = tokio::join!(replay, undo, release);
            assert_eq!(is_begun, is_replay_first, "who comes first knows nothing of the other");
            // As if it had been sent in any case.
            if is_begun {
                replayed(&shop, &context, &letter, batch).await;
            }
            assert_eq!(shop.count().await, 1, "what was undone does not come back");
            assert!(letters(&shop, false).await.is_empty());
            shop.database.drop_it().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_replay_that_is_cut_off_before_it_is_sent_is_sent_by_the_next_call() {
    for server in servers() {
        let (shop, context, letter) = with_letter(&server).await;
        let (app, batch) = (&shop.database.app, Uuid::now_v7());
        for _ in 0..2 {
            assert!(begun(app, &shop, letter.id, batch).await);
            let waiting = letters(&shop, true).await;
            assert_eq!(
                (waiting.len(), waiting[0].replay_batch),
                (1, Some(batch)),
                "it counts as not sent"
            );
        }
        for _ in 0..2 {
            replayed(&shop, &context, &letter, batch).await;
            assert_eq!(shop.count().await, 2, "it has its effect once");
        }
        dead_letters::end_replays(app, shop.ours, &[letter.id]).await.unwrap();
        assert!(letters(&shop, true).await.is_empty());
        undone(app, &shop, letter.batch_id).await;
        assert!(!begun(app, &shop, letter.id, batch).await, "its batch was undone");
        shop.database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn a_letter_of_a_file_keeps_the_zone_that_the_file_declared() {
    const ZONE: &str = "Asia/Tokyo";
    for server in servers() {
        let shop = Shop::open(&server, "Europe/Berlin", &[]).await;
        let context = Context::new(shop.database.app.clone(), String::new());
        let placed = shop.definitions(shop.ours).await.placed["Sale"].clone();
        // Ten past midnight in Tokyo, which is the evening before in Berlin.
        let mut event = sale("z", "2026-03-28T00:10:00", "5.00", 1);
        event["unknown"] = true.into();
        let mut batch = Batch::piece(Uuid::now_v7(), 0, Some(1));
        batch.time_zone = Some(ZONE.to_owned());
        batch.refuse(Reject {
            position: 0,
            field: "unknown".to_owned(),
            reason: "it is not an attribute".to_owned(),
            original: event.to_string(),
        });
        let database = &shop.database.app;
        ingest::ingest(database, shop.ours, &placed, "file", &[batch], Effort::default())
            .await
            .unwrap();
        let first = letters(&shop, true).await.remove(0);
        assert_eq!(first.time_zone.as_deref(), Some(ZONE));

        let original = RawValue::from_string(first.original.clone()).unwrap();
        let mut queued = message(&shop, Uuid::now_v7(), None, original);
        queued.time_zone.clone_from(&first.time_zone);
        deliver(&context, std::slice::from_ref(&queued)).await;
        let second = letters(&shop, true).await.remove(0);
        assert_eq!(
            (second.batch_id, &second.time_zone),
            (queued.batch_id, &first.time_zone),
            "refused again"
        );

        event.as_object_mut().unwrap().remove("unknown");
        queued.batch_id = Uuid::now_v7();
        queued.events = vec![to_raw_value(&event).unwrap()];
        deliver(&context, std::slice::from_ref(&queued)).await;
        let plain = shop.database.plain().await.unwrap();
        let sql = "SELECT to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM shop_data.sale";
        let time: String = plain.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(time, "2026-03-27 15:10");

        queued.batch_id = Uuid::now_v7();
        queued.time_zone = Some("Mars/Olympus".to_owned());
        deliver(&context, std::slice::from_ref(&queued)).await;
        assert!(
            letters(&shop, true).await[0].reason.contains("Mars/Olympus"),
            "a zone that is not known here"
        );
        shop.database.drop_it().await.unwrap();
    }
}
