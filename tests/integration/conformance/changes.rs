//! What was brought is taken out again: batches are undone, files take each other's places, and what a filter finds is deleted. After every step rollups equal the
//! facts, and the facts are those that the test's own books have.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use facts::batch::Batch;
use facts::changes;
use facts::changes::deletion::{self, Deleted};
use facts::ingest::{self, Effort};
use platform::clock;
use records::files::{self, Attempt, Begun, End, File};
use records::undo::{self, Target, Undone};
use records::{batches, dead_letters};
use serde_json::Value;
use series::Mapper;
use uuid::Uuid;

use super::oracle::check;
use super::scenarios::{a_day, in_every_shop};
use super::shop::{Shop, at, sale};

/// Time enough for all steps of a change of a test.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// The first client's facts, each by its receipt and amount.
pub(super) async fn sold(shop: &Shop) -> BTreeSet<String> {
    let plain = shop.database.plain().await.unwrap();
    let sql =
        "SELECT receipt || ' ' || coalesce(trim_scale(amount)::text, '') FROM shop_data.sale WHERE client_id = $1";
    let rows = plain.query(sql, &[&shop.ours]).await.unwrap();
    let sold: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(sold.len(), rows.len(), "no fact is there twice");
    sold
}

pub(super) fn set(sales: &[&str]) -> BTreeSet<String> {
    sales.iter().map(|sale| (*sale).to_owned()).collect()
}

pub(super) async fn sale_placed(shop: &Shop) -> facts::Placed {
    shop.definitions(shop.ours).await.placed["Sale"].clone()
}

/// Begins to undo, and returns the change.
pub(super) async fn begun(shop: &Shop, target: Target) -> Uuid {
    let placed = sale_placed(shop).await;
    let begun = undo::begin(&shop.database.app, shop.ours, &placed, target, clock::now()).await;
    match begun.unwrap() {
        Undone::Begun(change) => change,
        other => panic!("{target:?}: {other:?}"),
    }
}

/// Goes on with a change for so long; whether it is done.
pub(super) async fn go_on(shop: &Shop, change: Uuid, time: Duration) -> bool {
    let placed = sale_placed(shop).await;
    let until = Instant::now() + time;
    let gone = changes::go_on(&shop.database.app, shop.ours, &placed, change, until);
    gone.await.unwrap()
}

pub(super) async fn undo(shop: &Shop, batch: Uuid) {
    let change = begun(shop, Target::Batch(batch)).await;
    assert!(go_on(shop, change, LONG).await);
}

pub(super) async fn sell(shop: &Shop, sales: &[Value]) -> Uuid {
    shop.sell(shop.ours, sales).await.batch
}

#[tokio::test]
async fn an_undone_batch_counts_nowhere_and_all_others_do() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let day = a_day();
            sell(shop, &day[..20]).await;
            let before = sold(shop).await;
            let wrong = sell(shop, &day[20..]).await;
            sell(shop, &[sale("between", "2026-03-28T10:00:20Z", "7", 1)]).await;
            shop.compact("2026-03-28T10:30:30Z").await;
            let all = sold(shop).await;
            undo(shop, wrong).await;
            let mut answers = check(shop, shop.ours, "UTC", "undone").await;
            let left: BTreeSet<String> = before.into_iter().chain(set(&["between 7"])).collect();
            assert_eq!(sold(shop).await, left);
            // However often it is asked for, and however often the batch comes.
            let placed = sale_placed(shop).await;
            let again = undo::begin(
                &shop.database.app,
                shop.ours,
                &placed,
                Target::Batch(wrong),
                clock::now(),
            )
            .await;
            assert!(matches!(again.unwrap(), Undone::Before(Some(_))));
            shop.sell_as(wrong, shop.ours, &day[20..]).await;
            assert_eq!(sold(shop).await, left);
            let told = batches::find(&shop.database.app, shop.ours, wrong)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(told.removed, i64::from(told.accepted));
            assert!(told.undone_by.is_some() && !told.is_being_undone);
            shop.compact("2026-04-01T00:00:00Z").await;
            answers.extend(check(shop, shop.ours, "UTC", "undone, and moved up").await);
            sell(shop, &day[20..]).await;
            assert_eq!(sold(shop).await, all, "sent anew it counts");
            answers.extend(check(shop, shop.ours, "UTC", "sent anew").await);
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_key_had_before_comes_back_unless_it_was_undone_too() {
    in_every_shop(&["receipt"], async |shop| {
        let at = |hour: u8| format!("2026-03-28T{hour:02}:10:00Z");
        let first = sell(shop, &[sale("a", &at(9), "1", 1), sale("b", &at(9), "10", 1)]).await;
        let second = sell(shop, &[sale("a", &at(10), "2", 1)]).await;
        shop.compact("2026-03-28T11:00:00Z").await;
        let third = sell(shop, &[sale("a", &at(11), "3", 1), sale("c", &at(11), "30", 1)]).await;
        undo(shop, second).await;
        assert_eq!(sold(shop).await, set(&["a 3", "b 10", "c 30"]));
        undo(shop, third).await;
        assert_eq!(sold(shop).await, set(&["a 1", "b 10"]), "the second one was undone");
        let mut answers = check(shop, shop.ours, "UTC", "two are undone").await;
        let fourth = sell(shop, &[sale("a", &at(12), "4", 1)]).await;
        undo(shop, fourth).await;
        assert_eq!(
            sold(shop).await,
            set(&["a 1", "b 10"]),
            "what came back comes back again"
        );
        undo(shop, first).await;
        assert_eq!(sold(shop).await, set(&[]));
        answers.extend(check(shop, shop.ours, "UTC", "all are undone").await);
        // In one transaction with others, too.
        let placed = sale_placed(shop).await;
        let mapper = Mapper::new(placed.entity.clone());
        let batch = |amount: &str| {
            let event = sale("d", &at(10), amount, 1);
            Batch::of(Uuid::now_v7(), [mapper.json(clock::now(), &event.to_string()).unwrap()])
        };
        let both = [batch("5"), batch("6")];
        let written = ingest::ingest(&shop.database.app, shop.ours, &placed, "test", &both, Effort::default());
        written.await.unwrap();
        assert_eq!(sold(shop).await, set(&["d 6"]));
        undo(shop, both[1].id).await;
        assert_eq!(sold(shop).await, set(&["d 5"]));
        answers.extend(check(shop, shop.ours, "UTC", "one of two of a transaction").await);
        answers
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_undone_in_steps_while_sales_go_on() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let day = a_day();
            let right = sell(shop, &day[..10]).await;
            let wrong = sell(shop, &day[10..]).await;
            shop.compact("2026-03-28T10:30:30Z").await;
            let change = begun(shop, Target::Batch(wrong)).await;
            // As if steps had failed for being too large: each takes a few facts.
            let plain = shop.database.plain().await.unwrap();
            plain
                .execute("UPDATE core.changes SET failures = 4", &[])
                .await
                .unwrap();
            let mut steps = 0;
            // Each time as if whoever made the last step was killed after it.
            while !go_on(shop, change, Duration::from_millis(1)).await {
                steps += 1;
                if steps % 4 == 1 {
                    let receipt = format!("more {steps}");
                    sell(shop, &[sale(&receipt, "2026-03-28T11:30:00Z", "1", 1)]).await;
                    shop.compact("2026-03-28T11:00:30Z").await;
                    check(shop, shop.ours, "UTC", &format!("after {steps} steps")).await;
                }
                assert!(steps < 100, "it goes on");
            }
            assert!(steps > 5, "{steps} steps");
            let left = sold(shop).await;
            assert!(
                left.iter()
                    .all(|sale| sale.starts_with('r') || sale.starts_with("more")),
                "{left:?}"
            );
            assert_eq!(left.iter().filter(|sale| sale.starts_with('r')).count(), 10);
            // How many steps there are depends on the time that each takes, and what is sold meanwhile on that.
            check(shop, shop.ours, "UTC", "all is undone").await;
            undo(shop, right).await;
            check(shop, shop.ours, "UTC", "the other one, too").await;
            assert!(sold(shop).await.iter().all(|sale| sale.starts_with("more")));
            vec!["all is as it should be".to_owned()]
        })
        .await;
    }
}

pub(super) const KEY: &str = "c/Sale/stock.csv";

pub(super) fn put<'a>(shop: &Shop, digest: &'a str, sequencer: &'a str) -> File<'a> {
    File {
        client: shop.ours,
        key: KEY,
        entity: "Sale",
        etag: digest,
        digest,
        replaces: true,
        sequencer,
    }
}

pub(super) async fn taken_up(shop: &Shop, file: File<'_>) -> Attempt {
    match files::begin(&shop.database.app, file).await.unwrap() {
        Begun::At(attempt) => attempt,
        Begun::Before => panic!("it was loaded before"),
    }
}

/// Loads a file of these sales as `load-files` does, in pieces of few rows; how it ends is said after the last.
pub(super) async fn load(shop: &Shop, file: File<'_>, sales: &[Value], end: End<'_>) -> Uuid {
    let attempt = read(shop, file, sales).await;
    let placed = sale_placed(shop).await;
    let change = files::end(&shop.database.app, Some(&placed), file, attempt, end).await;
    if let Some(change) = change.unwrap() {
        assert!(go_on(shop, change, LONG).await);
    }
    attempt.file
}

/// The same up to where its end is said.
pub(super) async fn read(shop: &Shop, file: File<'_>, sales: &[Value]) -> Attempt {
    let placed = sale_placed(shop).await;
    let mapper = Mapper::new(placed.entity.clone());
    let database = &shop.database.app;
    let mut attempt = taken_up(shop, file).await;
    for piece in sales.chunks(sales.len().div_ceil(20).max(3)) {
        let from = attempt.position;
        let to = from + i32::try_from(piece.len()).unwrap();
        let mut batch = Batch::piece(attempt.batch, from, Some(to));
        for (position, event) in (from..).zip(piece) {
            let fact = mapper.json(clock::now(), &event.to_string()).unwrap();
            batch.accept(usize::try_from(position).unwrap(), fact);
        }
        let batches = [batch];
        let effort = Effort::default();
        let written = if attempt.is_aside {
            ingest::set_aside(database, shop.ours, &placed, KEY, &batches, effort).await
        } else {
            ingest::ingest(database, shop.ours, &placed, KEY, &batches, effort).await
        };
        written.unwrap();
        attempt.position = to;
        files::keep(database, file, attempt).await.unwrap();
    }
    attempt
}

/// Rows of a file: so many, from a minute on, at an amount.
pub(super) fn rows(count: usize, minute: usize, amount: &str) -> Vec<Value> {
    let row = |number: usize| {
        let at = format!("2026-03-28T09:{:02}:00Z", minute + number);
        sale(&format!("f{number}"), &at, amount, 1)
    };
    (0..count).map(row).collect()
}

pub(super) async fn state(shop: &Shop, file: Uuid) -> String {
    let all = files::list(&shop.database.app, shop.ours, &files::Wanted::default(), 50)
        .await
        .unwrap();
    all.rows.into_iter().find(|report| report.id == file).unwrap().state
}

pub(super) fn of(count: usize, amount: &str) -> BTreeSet<String> {
    (0..count).map(|number| format!("f{number} {amount}")).collect()
}

#[tokio::test]
async fn a_file_takes_the_place_of_the_one_before_and_gives_it_back() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            sell(shop, &[sale("other", "2026-03-28T09:05:30Z", "1", 1)]).await;
            let with_other = |mut sales: BTreeSet<String>| {
                sales.insert("other 1".to_owned());
                sales
            };
            let first = load(shop, put(shop, "one", "1"), &rows(10, 0, "5"), End::Finished).await;
            shop.compact("2026-03-28T09:08:00Z").await;
            // It has more and less, at other times.
            let second = load(shop, put(shop, "two", "2"), &rows(7, 4, "6"), End::Finished).await;
            assert_eq!(sold(shop).await, with_other(of(7, "6")));
            let mut answers = check(shop, shop.ours, "UTC", "replaced").await;
            assert_eq!(
                (state(shop, first).await, state(shop, second).await),
                ("replaced".to_owned(), "finished".to_owned())
            );
            // One that grows counts each row once.
            let third = load(shop, put(shop, "three", "3"), &rows(12, 4, "6"), End::Finished).await;
            assert_eq!(sold(shop).await, with_other(of(12, "6")));
            // One that can't be read leaves what there was.
            let broken = load(
                shop,
                put(shop, "four", "4"),
                &rows(5, 0, "9"),
                End::Refused("it is broken"),
            )
            .await;
            assert_eq!(sold(shop).await, with_other(of(12, "6")));
            assert_eq!(state(shop, broken).await, "refused");
            answers.extend(check(shop, shop.ours, "UTC", "grown").await);
            let placed = sale_placed(shop).await;
            let early = undo::begin(
                &shop.database.app,
                shop.ours,
                &placed,
                Target::File(second),
                clock::now(),
            )
            .await;
            assert!(
                matches!(early.unwrap(), Undone::Refused(_)),
                "it comes back with the third"
            );
            for (undone, back) in [(third, of(7, "6")), (second, of(10, "5")), (first, of(0, ""))] {
                let change = begun(shop, Target::File(undone)).await;
                assert!(go_on(shop, change, LONG).await);
                assert_eq!(sold(shop).await, with_other(back));
                assert_eq!(state(shop, undone).await, "undone");
                shop.compact("2026-03-28T09:30:00Z").await;
                answers.extend(check(shop, shop.ours, "UTC", "one less").await);
            }
            // Put there again it is loaded anew; the same bytes in parts, which have another ETag, are the same file.
            let again = load(shop, put(shop, "one", "5"), &rows(10, 0, "5"), End::Finished).await;
            assert_eq!((again, sold(shop).await), (first, with_other(of(10, "5"))));
            let in_parts = File {
                etag: "one-2",
                ..put(shop, "one", "6")
            };
            let known = files::begin(&shop.database.app, in_parts).await.unwrap();
            assert_eq!(known, Begun::Before);
            answers.extend(check(shop, shop.ours, "UTC", "put again").await);
            let plain = shop.database.plain().await.unwrap();
            let aside = "SELECT count(*) FROM volume_1.facts WHERE entity_id < 0";
            assert_eq!(
                plain.query_one(aside, &[]).await.unwrap().get::<_, i64>(0),
                0,
                "nothing stays aside"
            );
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_is_put_in_its_place_in_steps_and_no_moment_lacks_or_doubles_a_minute() {
    in_every_shop(&[], async |shop| {
        load(shop, put(shop, "one", "1"), &rows(40, 0, "1"), End::Finished).await;
        let file = put(shop, "two", "2");
        let placed = sale_placed(shop).await;
        let mapper = Mapper::new(placed.entity.clone());
        let database = &shop.database.app;
        let mut attempt = taken_up(shop, file).await;
        let mut batch = Batch::piece(attempt.batch, 0, Some(40));
        for (position, event) in rows(40, 0, "2").iter().enumerate() {
            batch.accept(position, mapper.json(clock::now(), &event.to_string()).unwrap());
        }
        ingest::set_aside(database, shop.ours, &placed, KEY, &[batch], Effort::default())
            .await
            .unwrap();
        assert_eq!(sold(shop).await, of(40, "1"), "what is aside does not count");
        attempt.position = 40;
        let change = files::end(database, Some(&placed), file, attempt, End::Finished)
            .await
            .unwrap();
        let plain = shop.database.plain().await.unwrap();
        plain
            .execute("UPDATE core.changes SET failures = 4", &[])
            .await
            .unwrap();
        let mut steps = 0;
        while !go_on(shop, change.unwrap(), Duration::from_millis(1)).await {
            steps += 1;
            assert_eq!(shop.count().await, 40, "each minute has its row once");
            check(shop, shop.ours, "UTC", "on its way").await;
        }
        assert!(steps > 5, "{steps}");
        assert_eq!(sold(shop).await, of(40, "2"));
        check(shop, shop.ours, "UTC", "in its place").await
    })
    .await;
}

#[tokio::test]
async fn what_was_counted_is_deleted_and_nothing_that_came_since() {
    in_every_shop(&[], async |shop| {
        sell(shop, &a_day()).await;
        shop.compact("2026-03-28T10:30:30Z").await;
        let placed = sale_placed(shop).await;
        let database = &shop.database.app;
        let deleted = Deleted {
            from: at("2026-03-28T10:00:00Z"),
            to: at("2026-03-28T12:00:00Z"),
            filter: [("region".to_owned(), ["north".to_owned(), String::new()].into())].into(),
            up_to: deletion::last_commit(database, shop.ours, &placed).await.unwrap(),
        };
        let before = shop.count().await;
        let preview = deletion::preview(database, shop.ours, &placed, &deleted).await.unwrap();
        assert!(preview.facts > 5, "{preview:?}");
        assert_eq!(deletion::commit_of(&preview.confirmation), Some(deleted.up_to));
        sell(shop, &[sale("since", "2026-03-28T10:30:00Z", "1", 1)]).await;
        let again = deletion::preview(database, shop.ours, &placed, &deleted).await.unwrap();
        assert_eq!(again, preview, "what came since is not meant");
        let change = undo::delete(database, shop.ours, &placed, &deleted, Uuid::nil())
            .await
            .unwrap();
        assert!(go_on(shop, change, LONG).await);
        let gone = usize::try_from(preview.facts).unwrap();
        assert_eq!(shop.count().await, before + 1 - gone);
        let left = deletion::preview(database, shop.ours, &placed, &deleted).await.unwrap();
        assert_eq!(left.facts, 0);
        let letters = dead_letters::list(database, shop.ours, dead_letters::Wanted::default(), 10).await;
        assert_eq!(letters.unwrap().len(), 0);
        check(shop, shop.ours, "UTC", "deleted").await
    })
    .await;
}
