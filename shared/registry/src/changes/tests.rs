//! What a reader of the sequence sees: order, holes, lateness, expiry.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_sdk_dynamodb::types::Delete;
use uuid::Uuid;

use super::*;
use crate::testing::{at, connection, registry};

fn connected(id: &str) -> Change {
    Change::Connected {
        connection: id.to_owned(),
        client: connection(id).client,
    }
}

/// A number that a slow writer took.
struct Taken {
    number: u64,
    now: Timestamp,
}

async fn taken(registry: &Registry, now: Timestamp) -> Taken {
    let number = registry.take_number(0, now).await.unwrap();
    Taken { number, now }
}

/// Writes a change whose number was taken before.
async fn write(registry: &Registry, taken: &Taken, id: &str) -> bool {
    let body = item::json("change", &connected(id)).unwrap();
    registry
        .write(0, taken.number, body, Vec::new(), taken.now)
        .await
        .unwrap()
}

async fn append(registry: &Registry, id: &str, now: Timestamp) {
    assert!(registry.record(0, &connected(id), Vec::new(), now).await.unwrap());
}

fn since(changes: &[(u64, &str)]) -> Changes {
    Changes::Since(changes.iter().map(|(number, id)| (*number, connected(id))).collect())
}

#[tokio::test]
async fn changes_come_in_order_from_any_number() {
    let registry = registry().await;
    assert_eq!(registry.sequence(0).await.unwrap(), 0);
    assert_eq!(registry.changes(0, 0, at(0)).await.unwrap(), since(&[]));
    for id in ["a", "b", "c"] {
        append(&registry, id, at(0)).await;
    }
    assert_eq!(registry.sequence(0).await.unwrap(), 3);
    assert_eq!(
        registry.changes(0, 0, at(1)).await.unwrap(),
        since(&[(1, "a"), (2, "b"), (3, "c")])
    );
    assert_eq!(registry.changes(0, 2, at(1)).await.unwrap(), since(&[(3, "c")]));
    assert_eq!(registry.changes(0, 3, at(1)).await.unwrap(), since(&[]));
}

#[tokio::test]
async fn a_hole_is_waited_for_while_its_writer_may_be_at_work() {
    let registry = registry().await;
    append(&registry, "a", at(0)).await;
    let slow = taken(&registry, at(0)).await;
    append(&registry, "c", at(0)).await;
    assert_eq!(registry.changes(0, 0, at(1)).await.unwrap(), since(&[(1, "a")]));
    assert_eq!(registry.changes(0, 1, at(1)).await.unwrap(), since(&[]));
    assert!(write(&registry, &slow, "b").await);
    assert_eq!(
        registry.changes(0, 1, at(1)).await.unwrap(),
        since(&[(2, "b"), (3, "c")])
    );
}

#[tokio::test]
async fn an_old_hole_is_closed_and_its_writer_takes_a_new_number() {
    let registry = registry().await;
    append(&registry, "a", at(0)).await;
    let slow = taken(&registry, at(0)).await;
    append(&registry, "c", at(0)).await;
    assert_eq!(registry.changes(0, 1, at(2)).await.unwrap(), since(&[(3, "c")]));
    assert!(!write(&registry, &slow, "b").await, "the number was closed");
    append(&registry, "b", at(0)).await;
    assert_eq!(registry.changes(0, 3, at(2)).await.unwrap(), since(&[(4, "b")]));
    // Who reads from before the hole sees the same.
    assert_eq!(
        registry.changes(0, 0, at(3)).await.unwrap(),
        since(&[(1, "a"), (3, "c"), (4, "b")])
    );
}

#[tokio::test]
async fn after_a_silence_nothing_is_lost_but_expired_changes_are() {
    let registry = registry().await;
    for id in ["a", "b"] {
        append(&registry, id, at(0)).await;
    }
    let later = at(CHANGE_SECONDS + 1);
    assert_eq!(registry.changes(0, 2, later).await.unwrap(), since(&[]), "silence");
    assert_eq!(
        registry.changes(0, 1, later).await.unwrap(),
        Changes::Lost,
        "change 2 has expired, swept or not"
    );
    assert_eq!(
        registry.changes(0, 3, later).await.unwrap(),
        Changes::Lost,
        "a number that was never taken"
    );
    append(&registry, "c", later).await;
    assert_eq!(registry.changes(0, 2, later).await.unwrap(), since(&[(3, "c")]));
    assert_eq!(registry.changes(0, 1, later).await.unwrap(), Changes::Lost);
}

#[tokio::test]
async fn the_writer_who_ends_a_silence_is_waited_for() {
    let registry = registry().await;
    append(&registry, "a", at(0)).await;
    let later = |seconds| at(CHANGE_SECONDS + seconds);
    let slow = taken(&registry, later(0)).await;
    assert_eq!(registry.changes(0, 1, later(1)).await.unwrap(), since(&[]));
    assert!(write(&registry, &slow, "b").await);
    assert_eq!(registry.changes(0, 1, later(1)).await.unwrap(), since(&[(2, "b")]));
    // And not for ever.
    let silence = CHANGE_SECONDS + 10;
    taken(&registry, later(silence)).await;
    assert_eq!(registry.changes(0, 2, later(silence + 2)).await.unwrap(), since(&[]));
    append(&registry, "d", later(silence + 2)).await;
    assert_eq!(
        registry.changes(0, 2, later(silence + 2)).await.unwrap(),
        since(&[(4, "d")])
    );
}

#[tokio::test]
async fn a_reader_that_lost_its_place_finds_it_by_the_roster() {
    let registry = registry().await;
    for id in ["a", "b"] {
        append(&registry, id, at(0)).await;
    }
    // After an hour of silence two take a number, and the first dies.
    let later = at(CHANGE_SECONDS + 1);
    taken(&registry, later).await;
    let slow = taken(&registry, later).await;
    assert_eq!(registry.changes(0, 2, later).await.unwrap(), Changes::Lost);
    let sequence = registry.roster(0, later).await.unwrap().sequence;
    assert_eq!(registry.changes(0, sequence, later).await.unwrap(), since(&[]));
    assert!(!write(&registry, &slow, "d").await);
    append(&registry, "d", later).await;
    assert_eq!(registry.changes(0, sequence, later).await.unwrap(), since(&[(5, "d")]));
}

#[tokio::test]
async fn the_roster_is_followed_from_where_changes_are_settled() {
    let registry = registry().await;
    append(&registry, "a", at(0)).await;
    append(&registry, "b", at(30)).await;
    let slow = taken(&registry, at(65)).await;
    append(&registry, "d", at(65)).await;
    // At 70, only the first is older than a minute.
    let sequence = registry.roster(0, at(70)).await.unwrap().sequence;
    assert_eq!(sequence, 1);
    assert!(!write(&registry, &slow, "c").await, "the roster closes holes");
    append(&registry, "c", at(65)).await;
    assert_eq!(
        registry.changes(0, sequence, at(70)).await.unwrap(),
        since(&[(2, "b"), (4, "d"), (5, "c")])
    );
    assert_eq!(registry.roster(0, at(700)).await.unwrap().sequence, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_misses_nobody_among_many_writers() {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let registry = registry().await;
    append(&registry, "first", at(0)).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let registry = registry.clone();
            tokio::spawn(async move {
                for count in 0..EACH {
                    let change = connected(&format!("{writer}-{count}"));
                    while !registry.record(0, &change, Vec::new(), at(0)).await.unwrap() {}
                }
            })
        })
        .collect();
    let mut after = 1;
    let mut seen = std::collections::BTreeSet::new();
    // The reader's clock runs 2 s ahead, so that it closes every hole it meets.
    while seen.len() < WRITERS * EACH {
        let Changes::Since(changes) = registry.changes(0, after, at(2)).await.unwrap() else {
            panic!("lost")
        };
        for (number, change) in changes {
            assert!(number > after);
            after = number;
            let Change::Connected { connection, .. } = change else {
                panic!("{change:?}")
            };
            assert!(seen.insert(connection));
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(registry.changes(0, after, at(2)).await.unwrap(), since(&[]));
}

#[tokio::test]
async fn a_change_too_large_for_an_item_is_refused_and_takes_no_number() {
    let registry = registry().await;
    let huge = Change::Control {
        client: Uuid::nil(),
        topic: "x".repeat(400_000),
        control: None,
    };
    let outcome = registry.record(0, &huge, Vec::new(), at(0)).await;
    assert!(
        matches!(outcome, Err(Error::TooLarge { what: "change", .. })),
        "{outcome:?}"
    );
    assert_eq!(registry.sequence(0).await.unwrap(), 0);
}

#[tokio::test]
async fn a_number_that_is_given_up_keeps_nobody_waiting() {
    let registry = registry().await;
    let missing = crate::keys::Key::in_shard(0, "nothing");
    let refused = Delete::builder()
        .table_name(&registry.table)
        .key("pk", missing.pk())
        .key("sk", missing.sk())
        .condition_expression("attribute_exists(pk)");
    let refused = transaction::delete(refused).unwrap();
    let refused = registry.record(0, &connected("a"), vec![refused], at(0)).await;
    assert!(!refused.unwrap());
    append(&registry, "b", at(0)).await;
    assert_eq!(registry.changes(0, 0, at(0)).await.unwrap(), since(&[(2, "b")]));
    append(&registry, "a", at(0)).await;
    assert_eq!(registry.changes(0, 2, at(0)).await.unwrap(), since(&[(3, "a")]));
}
