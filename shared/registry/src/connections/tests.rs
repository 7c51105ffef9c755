//! The life of a connection.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::Changes;
use crate::testing::{at, connection, peer, registry, topics};

async fn changes(registry: &Registry) -> Vec<Change> {
    changes_at(registry, at(1)).await
}

async fn changes_at(registry: &Registry, now: Timestamp) -> Vec<Change> {
    let Changes::Since(changes) = registry.changes(0, 0, now).await.unwrap() else {
        panic!("lost")
    };
    changes.into_iter().map(|(_, change)| change).collect()
}

#[tokio::test]
async fn a_connection_is_known_from_connect_to_disconnect() {
    let registry = registry().await;
    let alice = connection("alice=");
    assert_eq!(registry.connection(peer("alice="), at(0)).await.unwrap(), None);
    registry.connect(&alice).await.unwrap();
    registry.connect(&alice).await.unwrap();
    assert_eq!(
        registry.connection(peer("alice="), at(1)).await.unwrap(),
        Some(alice.clone())
    );
    assert_eq!(registry.connection(peer("alice"), at(1)).await.unwrap(), None);
    registry
        .subscribe(alice.peer(), None, None, topics(0..3), at(1))
        .await
        .unwrap();
    assert_eq!(registry.disconnect(peer("alice="), at(1)).await.unwrap(), Some(true));
    assert_eq!(
        registry.disconnect(peer("alice="), at(1)).await.unwrap(),
        None,
        "told twice is told once"
    );
    assert_eq!(registry.connection(peer("alice="), at(1)).await.unwrap(), None);
    assert_eq!(registry.stored("CONNECTION#").await, 0);
    let changes = changes(&registry).await;
    assert_eq!(
        changes.len(),
        2,
        "nobody is told of a connection before it subscribes: {changes:?}"
    );
    assert_eq!(
        changes[1],
        Change::Disconnected {
            connection: "alice=".into()
        }
    );
}

#[tokio::test]
async fn an_expired_connection_is_gone_though_it_was_not_swept() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    registry
        .subscribe(peer("alice"), None, None, topics(0..3), at(1))
        .await
        .unwrap();
    let last = at(CONNECTION_SECONDS - 1);
    assert!(registry.connection(peer("alice"), last).await.unwrap().is_some());
    assert!(registry.touch(peer("alice"), last).await.unwrap());
    assert_eq!(registry.roster(0, last).await.unwrap().connections.len(), 1);
    let end = at(CONNECTION_SECONDS);
    assert!(registry.connection(peer("alice"), end).await.unwrap().is_none());
    assert!(!registry.touch(peer("alice"), end).await.unwrap());
    assert_eq!(registry.roster(0, end).await.unwrap().connections, []);
    // A new one may have its id.
    let again = Connection {
        connected_at: end,
        ..connection("alice")
    };
    registry.connect(&again).await.unwrap();
    assert_eq!(registry.connection(peer("alice"), end).await.unwrap(), Some(again));
}

#[tokio::test]
async fn prune_removes_everything_of_one_connection_and_nothing_of_another() {
    let registry = registry().await;
    for id in ["alice", "alice2"] {
        registry.connect(&connection(id)).await.unwrap();
        for message in 0..3 {
            registry
                .subscribe(peer(id), None, None, topics([message]), at(1))
                .await
                .unwrap();
        }
    }
    assert_eq!(registry.stored("CONNECTION#").await, 8);
    assert!(registry.prune(peer("alice"), at(2)).await.unwrap());
    assert!(!registry.prune(peer("alice"), at(2)).await.unwrap());
    let roster = registry.roster(0, at(2)).await.unwrap();
    assert_eq!(roster.connections.len(), 1);
    assert_eq!(roster.connections[0].0, connection("alice2"));
    assert_eq!(roster.connections[0].1.len(), 3);
    assert_eq!(registry.stored("CONNECTION#").await, 4);
    let outcome = registry.subscribe(peer("alice"), None, None, topics([1]), at(2)).await;
    assert!(matches!(outcome, Err(Error::ConnectionGone { connection }) if connection == "alice"));
}

#[tokio::test]
async fn more_subscribe_messages_than_one_transaction_holds_are_removed() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    for message in 0..MAX_TRANSACTION_ITEMS + 5 {
        registry
            .subscribe(peer("alice"), None, None, topics([message]), at(1))
            .await
            .unwrap();
    }
    assert_eq!(registry.disconnect(peer("alice"), at(2)).await.unwrap(), Some(true));
    assert_eq!(registry.stored("CONNECTION#").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_disconnect_and_a_prune_at_once_one_tells() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    registry
        .subscribe(peer("alice"), None, None, topics([1]), at(1))
        .await
        .unwrap();
    let (disconnected, pruned) = tokio::join!(
        registry.disconnect(peer("alice"), at(1)),
        registry.prune(peer("alice"), at(1))
    );
    assert!(disconnected.unwrap().is_some() ^ pruned.unwrap());
    // The one that lost may have left its number as a hole, which is closed by then.
    assert_eq!(changes_at(&registry, at(1) + crate::changes::GAP_WAIT).await.len(), 2);
}

#[tokio::test]
async fn a_connection_that_never_subscribed_leaves_without_a_word() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    assert_eq!(registry.disconnect(peer("alice"), at(1)).await.unwrap(), Some(false));
    assert_eq!(registry.stored("CONNECTION#").await, 0);
    assert_eq!(registry.sequence(0).await.unwrap(), 0);
}
