//! Changes that meet: several about the same facts, and others' corrections, deletions and files in between. What counts in the end is what the test's own books
//! have, and so are the books of batches, files and use.

use std::time::{Duration, Instant};

use database::Error;
use facts::batch::{Batch, Reject};
use facts::changes::deletion::{self, Deleted};
use facts::ingest::{self, Effort};
use platform::clock;
use records::files::{self, End};
use records::undo::{self, Target, Undone};
use records::{batches, dead_letters, usage};
use serde_json::Value;
use series::Mapper;
use uuid::Uuid;

use super::changes::{
    KEY, LONG, begun, go_on, load, of, put, read, rows, sale_placed, sell, set, sold, state, taken_up, undo,
};
use super::oracle::check;
use super::scenarios::in_every_shop;
use super::shop::{Shop, at, sale};

/// As if steps had failed for being too large: each takes a few facts.
pub(super) async fn in_small_steps(shop: &Shop) {
    let plain = shop.database.plain().await.unwrap();
    let sql = "UPDATE core.changes SET failures = 4 WHERE finished_at IS NULL";
    plain.execute(sql, &[]).await.unwrap();
}

/// Asks for something to be undone that can't be, and returns why.
async fn refused(shop: &Shop, target: Target) -> String {
    let placed = sale_placed(shop).await;
    let begun = undo::begin(&shop.database.app, shop.ours, &placed, target, clock::now()).await;
    match begun.unwrap() {
        Undone::Refused(reason) => reason,
        other => panic!("{target:?}: {other:?}"),
    }
}

async fn undo_file(shop: &Shop, file: Uuid) {
    let change = begun(shop, Target::File(file)).await;
    assert!(go_on(shop, change, LONG).await);
    assert_eq!(state(shop, file).await, "undone");
}

/// Deletes what was sold in a range of time.
pub(super) async fn delete(shop: &Shop, from: &str, to: &str) {
    let change = begun_to_delete(shop, from, to).await;
    assert!(go_on(shop, change, LONG).await);
}

async fn begun_to_delete(shop: &Shop, from: &str, to: &str) -> Uuid {
    let placed = sale_placed(shop).await;
    let database = &shop.database.app;
    let deleted = Deleted {
        from: at(from),
        to: at(to),
        filter: [("region".to_owned(), ["north", "south", ""].map(str::to_owned).into())].into(),
        up_to: deletion::last_commit(database, shop.ours, &placed).await.unwrap(),
    };
    undo::delete(database, shop.ours, &placed, &deleted, Uuid::nil())
        .await
        .unwrap()
}

/// What is used, without counting it anew, is what is there.
async fn used(shop: &Shop) -> i64 {
    let stored = usage::of_client(&shop.database.app, shop.ours, clock::now()).await;
    stored.unwrap().facts
}

async fn count_anew(shop: &Shop) {
    let database = &shop.database.app;
    for client in usage::clients_to_count(database).await.unwrap() {
        let until = Instant::now() + Duration::from_secs(30);
        usage::count(database, client, clock::now(), until).await.unwrap();
    }
}

#[tokio::test]
async fn changes_of_the_same_facts_wait_for_each_other() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let database = &shop.database.app;
            let placed = sale_placed(shop).await;
            let first = load(shop, put(shop, "one", "1"), &rows(40, 0, "1"), End::Finished).await;
            let second = load(shop, put(shop, "two", "2"), &rows(40, 0, "2"), End::Finished).await;
            // The second one is undone in steps, and the first one meanwhile.
            let change = begun(shop, Target::File(second)).await;
            in_small_steps(shop).await;
            assert!(!go_on(shop, change, Duration::from_millis(1)).await);
            let reason = refused(shop, Target::File(first)).await;
            assert!(reason.contains(&change.to_string()), "{reason}");
            // A third one comes while the first one comes back, and again once it has.
            let file = put(shop, "three", "3");
            let attempt = read(shop, file, &rows(35, 0, "3")).await;
            for _ in 0..2 {
                let early = files::end(database, Some(&placed), file, attempt, End::Finished).await;
                assert!(matches!(early, Err(Error::Unfinished)), "{early:?}");
            }
            assert!(go_on(shop, change, LONG).await);
            assert_eq!(sold(shop).await, of(40, "1"));
            let ended = files::end(database, Some(&placed), file, attempt, End::Finished).await;
            let change = ended.unwrap().unwrap();
            in_small_steps(shop).await;
            assert!(!go_on(shop, change, Duration::from_millis(1)).await);
            // A fourth one comes while the third one is put in its place.
            let next = put(shop, "four", "4");
            let next_attempt = read(shop, next, &rows(30, 0, "4")).await;
            let early = files::end(database, Some(&placed), next, next_attempt, End::Finished).await;
            assert!(matches!(early, Err(Error::Unfinished)), "{early:?}");
            assert!(go_on(shop, change, LONG).await);
            assert_eq!(sold(shop).await, of(35, "3"));
            let ended = files::end(database, Some(&placed), next, next_attempt, End::Finished).await;
            assert!(go_on(shop, ended.unwrap().unwrap(), LONG).await);
            assert_eq!(sold(shop).await, of(30, "4"));
            let mut answers = check(shop, shop.ours, "UTC", "four versions").await;
            for (file, left) in [
                (next_attempt.file, of(35, "3")),
                (attempt.file, of(40, "1")),
                (first, of(0, "")),
            ] {
                undo_file(shop, file).await;
                assert_eq!(sold(shop).await, left);
            }
            answers.extend(check(shop, shop.ours, "UTC", "none").await);
            answers.push("none is left".to_owned());
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone_before_anything_takes_its_place() {
    in_every_shop(&["receipt"], async |shop| {
        let database = &shop.database.app;
        let placed = sale_placed(shop).await;
        load(shop, put(shop, "one", "1"), &rows(40, 0, "1"), End::Finished).await;
        let late = sell(shop, &[sale("f35", "2026-03-28T09:35:00Z", "7", 1)]).await;
        let change = begun_to_delete(shop, "2026-03-28T09:20:00Z", "2026-03-28T10:00:00Z").await;
        in_small_steps(shop).await;
        assert!(!go_on(shop, change, Duration::from_millis(1)).await);
        assert!(refused(shop, Target::Batch(late)).await.contains("deletion"));
        let file = put(shop, "two", "2");
        let attempt = read(shop, file, &rows(10, 0, "2")).await;
        let early = files::end(database, Some(&placed), file, attempt, End::Finished).await;
        assert!(matches!(early, Err(Error::Unfinished)), "{early:?}");
        assert!(go_on(shop, change, LONG).await);
        assert_eq!(sold(shop).await, of(20, "1"));
        undo(shop, late).await;
        assert_eq!(sold(shop).await, of(20, "1"), "what was deleted of a key stays so");
        let ended = files::end(database, Some(&placed), file, attempt, End::Finished).await;
        assert!(go_on(shop, ended.unwrap().unwrap(), LONG).await);
        undo_file(shop, attempt.file).await;
        assert_eq!(sold(shop).await, of(20, "1"));
        check(shop, shop.ours, "UTC", "deleted, replaced, and back").await
    })
    .await;
}

#[tokio::test]
async fn a_key_has_the_last_that_counts_whatever_comes_back() {
    in_every_shop(&["receipt"], async |shop| {
        let time = |minute: u8| format!("2026-03-28T09:{minute:02}:00Z");
        let one = |receipt: &str, minute: u8, amount: &str| sale(receipt, &time(minute), amount, 1);
        sell(shop, &[one("before", 1, "0"), one("between", 1, "0")]).await;
        let names = ["before", "between", "after", "both", "moved", "deleted", "only"];
        let version = |amount: &str, minute: u8| -> Vec<Value> {
            let all = names
                .iter()
                .zip(minute..)
                .map(|(name, minute)| one(name, minute, amount));
            all.collect()
        };
        load(shop, put(shop, "one", "1"), &version("1", 10), End::Finished).await;
        let between = sell(shop, &[one("between", 2, "5"), one("both", 3, "5")]).await;
        // At other times, and without the last one.
        let second = load(shop, put(shop, "two", "2"), &version("2", 30)[..6], End::Finished).await;
        let after = sell(shop, &[one("after", 50, "9"), one("both", 51, "9")]).await;
        delete(shop, "2026-03-28T09:35:00Z", "2026-03-28T09:36:00Z").await;
        assert_eq!(
            sold(shop).await,
            set(&["before 2", "between 2", "after 9", "both 9", "moved 2"])
        );
        let mut answers = check(shop, shop.ours, "UTC", "before the undoing").await;
        let change = begun(shop, Target::File(second)).await;
        in_small_steps(shop).await;
        for minute in 40.. {
            if go_on(shop, change, Duration::from_millis(1)).await {
                break;
            }
            in_small_steps(shop).await;
            sell(shop, &[one("moved", minute, "8")]).await;
            check(shop, shop.ours, "UTC", "on its way").await;
        }
        sell(shop, &[one("moved", 39, "8")]).await;
        // Later ones stay, deleted ones stay deleted, and of the others the last that came for them counts.
        let left = set(&["before 1", "between 5", "after 9", "both 9", "moved 8", "only 1"]);
        assert_eq!(sold(shop).await, left);
        answers.extend(check(shop, shop.ours, "UTC", "the second one is undone").await);
        undo(shop, after).await;
        let left = set(&["before 1", "between 5", "after 1", "both 5", "moved 8", "only 1"]);
        assert_eq!(sold(shop).await, left);
        undo(shop, between).await;
        let left = set(&["before 1", "between 1", "after 1", "both 1", "moved 8", "only 1"]);
        assert_eq!(sold(shop).await, left);
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(shop, shop.ours, "UTC", "all others are undone").await);
        answers
    })
    .await;
}

#[tokio::test]
async fn what_came_for_a_key_while_a_version_was_replaced_gives_it_back() {
    in_every_shop(&["receipt"], async |shop| {
        load(shop, put(shop, "one", "1"), &rows(6, 0, "1"), End::Finished).await;
        let late = sell(shop, &[sale("f5", "2026-03-28T09:40:00Z", "7", 1)]).await;
        // Without the last row, which somebody else has corrected.
        let second = load(shop, put(shop, "two", "2"), &rows(5, 0, "2"), End::Finished).await;
        undo(shop, late).await;
        assert_eq!(sold(shop).await, of(5, "2"));
        undo_file(shop, second).await;
        assert_eq!(sold(shop).await, of(6, "1"));
        check(shop, shop.ours, "UTC", "as it was").await
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_put_again_and_taken_out_again_counts_once() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            count_anew(shop).await;
            let database = &shop.database.app;
            let first = load(shop, put(shop, "one", "1"), &rows(9, 0, "1"), End::Finished).await;
            undo_file(shop, first).await;
            load(shop, put(shop, "one", "2"), &rows(9, 0, "1"), End::Finished).await;
            count_anew(shop).await;
            // Two of nine facts are deleted before another version takes their place.
            delete(shop, "2026-03-28T09:07:00Z", "2026-03-28T09:09:00Z").await;
            assert_eq!((sold(shop).await, used(shop).await), (of(7, "1"), 7));
            let second = load(shop, put(shop, "two", "3"), &rows(4, 0, "2"), End::Finished).await;
            count_anew(shop).await;
            assert_eq!((sold(shop).await, used(shop).await), (of(4, "2"), 4));
            undo_file(shop, second).await;
            assert_eq!((sold(shop).await, used(shop).await), (of(7, "1"), 7));
            let told = batches::find(database, shop.ours, first).await.unwrap().unwrap();
            assert!(
                told.undone_by.is_some() && told.removed == 9,
                "the first time stays undone"
            );
            count_anew(shop).await;
            assert_eq!(used(shop).await, 7, "counted anew it is the same");
            let mut answers = check(shop, shop.ours, "UTC", "two are deleted").await;

            // Back and forth: each one in the place of the other, and back.
            load(shop, put(shop, "two", "4"), &rows(4, 0, "2"), End::Finished).await;
            load(shop, put(shop, "one", "5"), &rows(9, 20, "1"), End::Finished).await;
            count_anew(shop).await;
            assert_eq!(sold(shop).await, of(9, "1"));
            undo_file(shop, first).await;
            assert_eq!((sold(shop).await, used(shop).await), (of(4, "2"), 4));
            undo_file(shop, second).await;
            assert_eq!((sold(shop).await, used(shop).await), (of(7, "1"), 7));
            assert_eq!(state(shop, first).await, "finished", "an earlier time counts again");
            // So it is what a third one takes the place of.
            let third = load(shop, put(shop, "three", "6"), &rows(3, 0, "3"), End::Finished).await;
            count_anew(shop).await;
            assert_eq!((sold(shop).await, used(shop).await), (of(3, "3"), 3));
            undo_file(shop, third).await;
            assert_eq!(sold(shop).await, of(7, "1"));
            undo_file(shop, first).await;
            assert_eq!((sold(shop).await, used(shop).await), (of(0, ""), 0));
            answers.extend(check(shop, shop.ours, "UTC", "nothing is left").await);
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_that_is_taken_out_before_its_first_rows_are_written_brings_none() {
    in_every_shop(&[], async |shop| {
        sell(shop, &[sale("other", "2026-03-28T09:05:30Z", "1", 1)]).await;
        let database = &shop.database.app;
        let placed = sale_placed(shop).await;
        let mapper = Mapper::new(placed.entity.clone());
        let piece = |attempt: Uuid| {
            let mut batch = Batch::piece(attempt, 0, Some(3));
            for (position, event) in rows(3, 0, "1").iter().enumerate() {
                batch.accept(position, mapper.json(clock::now(), &event.to_string()).unwrap());
            }
            batch
        };
        // Whoever reads it has begun, and comes to write after it was undone.
        let slow = taken_up(shop, put(shop, "one", "1")).await;
        let change = begun(shop, Target::File(slow.file)).await;
        assert!(go_on(shop, change, LONG).await);
        let late = [piece(slow.batch)];
        let written = ingest::ingest(database, shop.ours, &placed, KEY, &late, Effort::default()).await;
        assert!(written.unwrap()[0].written == 0);
        assert_eq!(sold(shop).await, set(&["other 1"]));
        // So it is where another one has taken its place meanwhile.
        let slow = taken_up(shop, put(shop, "two", "2")).await;
        load(shop, put(shop, "three", "3"), &rows(2, 0, "3"), End::Finished).await;
        let late = [piece(slow.batch)];
        let written = ingest::ingest(database, shop.ours, &placed, KEY, &late, Effort::default()).await;
        assert!(written.unwrap()[0].written == 0);
        assert_eq!(sold(shop).await, set(&["other 1", "f0 3", "f1 3"]));
        check(shop, shop.ours, "UTC", "nothing came late").await
    })
    .await;
}

#[tokio::test]
async fn what_may_come_back_is_known_as_long_as_that() {
    in_every_shop(&["receipt"], async |shop| {
        let first = load(shop, put(shop, "one", "1"), &rows(6, 0, "1"), End::Finished).await;
        let late = sell(shop, &[sale("f5", "2026-03-28T09:40:00Z", "7", 1)]).await;
        // All of that was long ago.
        let plain = shop.database.plain().await.unwrap();
        for sql in [
            "UPDATE core.commits SET committed_at = committed_at - interval '60 days'",
            "UPDATE core.batches SET begun_at = begun_at - interval '60 days', finished_at = finished_at - interval '60 days'",
            "UPDATE core.files SET begun_at = begun_at - interval '60 days', changed_at = changed_at - interval '60 days'",
        ] {
            plain.execute(sql, &[]).await.unwrap();
        }
        let second = load(shop, put(shop, "two", "2"), &rows(5, 0, "2"), End::Finished).await;
        for client in [shop.ours, shop.theirs] {
            usage::forget(&shop.database.app, client, clock::now()).await.unwrap();
        }
        shop.compact(&clock::now().to_string()).await;
        assert!(refused(shop, Target::Batch(late)).await.contains("is not known any more"));
        let correction = sell(shop, &[sale("f4", "2026-03-28T09:41:00Z", "8", 1)]).await;
        undo_file(shop, second).await;
        assert_eq!(sold(shop).await, set(&["f0 1", "f1 1", "f2 1", "f3 1", "f4 8", "f5 7"]));
        undo(shop, correction).await;
        assert_eq!(sold(shop).await, set(&["f0 1", "f1 1", "f2 1", "f3 1", "f4 1", "f5 7"]));
        assert_eq!(state(shop, first).await, "finished");
        load(shop, put(shop, "three", "3"), &rows(2, 0, "3"), End::Finished).await;
        assert_eq!(sold(shop).await, set(&["f0 3", "f1 3", "f5 7"]), "it is still known whose they are");
        check(shop, shop.ours, "UTC", "an old version came back and went again").await
    })
    .await;
}

#[tokio::test]
async fn letters_of_what_is_undone_are_used_no_more_from_its_beginning_on() {
    in_every_shop(&[], async |shop| {
        let placed = sale_placed(shop).await;
        let database = &shop.database.app;
        let fact = Mapper::new(placed.entity.clone()).json(clock::now(), &rows(1, 0, "1")[0].to_string());
        let mut batch = Batch::of(Uuid::now_v7(), [fact.unwrap()]);
        for position in 1..4 {
            batch.refuse(Reject {
                position,
                field: String::new(),
                reason: "no".to_owned(),
                original: "{}".to_owned(),
            });
        }
        let id = batch.id;
        let written = ingest::ingest(database, shop.ours, &placed, "test", &[batch], Effort::default()).await;
        assert_eq!(written.unwrap()[0].written, 1);
        let letters = async || {
            usage::of_client(database, shop.ours, clock::now())
                .await
                .unwrap()
                .letters
        };
        count_anew(shop).await;
        assert_eq!(letters().await, 3);
        let change = begun(shop, Target::Batch(id)).await;
        assert_eq!(letters().await, 0);
        // Counted between its beginning and its end, they are not taken off twice.
        count_anew(shop).await;
        assert!(go_on(shop, change, LONG).await);
        assert_eq!((letters().await, used(shop).await), (0, 0));
        check(shop, shop.ours, "UTC", "nothing").await;
        vec!["nothing".to_owned()]
    })
    .await;
}

#[tokio::test]
async fn a_letter_whose_replay_came_while_its_file_was_replaced_can_be_replayed_again() {
    in_every_shop(&[], async |shop| {
        let (database, placed) = (&shop.database.app, sale_placed(shop).await);
        let file = put(shop, "one", "1");
        let mut attempt = taken_up(shop, file).await;
        let mut batch = Batch::piece(attempt.batch, 0, Some(2));
        let fact = Mapper::new(placed.entity.clone()).json(clock::now(), &rows(1, 0, "1")[0].to_string());
        batch.accept(0, fact.unwrap());
        batch.refuse(Reject {
            position: 1,
            field: String::new(),
            reason: "no".to_owned(),
            original: rows(2, 0, "1")[1].to_string(),
        });
        let written = ingest::ingest(database, shop.ours, &placed, KEY, &[batch], Effort::default()).await;
        written.unwrap();
        attempt.position = 2;
        files::end(database, Some(&placed), file, attempt, End::Finished)
            .await
            .unwrap();
        let letter = dead_letters::of_batch(database, shop.ours, attempt.batch)
            .await
            .unwrap();
        let letter = letter.unwrap();
        let replay = mark_replayed(shop, letter).await;
        // Its message waits for so long.
        let second = load(shop, put(shop, "two", "2"), &rows(1, 0, "2"), End::Finished).await;
        for _ in 0..2 {
            assert_eq!(shop.sell_as(replay, shop.ours, &rows(2, 0, "1")[1..]).await.written, 0);
        }
        undo_file(shop, second).await;
        assert_eq!(sold(shop).await, of(1, "1"));
        let found = dead_letters::find(database, shop.ours, letter).await.unwrap().unwrap();
        assert_eq!(found.replay_batch, None, "it is open again");
        assert_eq!(shop.sell_as(replay, shop.ours, &rows(2, 0, "1")[1..]).await.written, 0);
        let again = mark_replayed(shop, letter).await;
        shop.sell_as(again, shop.ours, &rows(2, 0, "1")[1..]).await;
        assert_eq!(sold(shop).await, of(2, "1"));
        check(shop, shop.ours, "UTC", "replayed after all").await
    })
    .await;
}

/// A letter whose event is queued again, as the batch that is returned.
async fn mark_replayed(shop: &Shop, letter: Uuid) -> Uuid {
    let database = &shop.database.app;
    let found = dead_letters::find(database, shop.ours, letter).await.unwrap().unwrap();
    let begun = dead_letters::begin_replays(database, shop.ours, &[(letter, found.replay())]).await;
    assert_eq!(begun.unwrap(), [letter]);
    dead_letters::end_replays(database, shop.ours, &[letter]).await.unwrap();
    found.replay()
}
