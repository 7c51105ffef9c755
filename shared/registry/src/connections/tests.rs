//! The life of a connection.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::Changes;
use crate::testing::{at, connection, registry, topics};

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
    assert_eq!(registry.connection("alice=", at(0)).await.unwrap(), None);
    registry.connect(&alice).await.unwrap();
    registry.connect(&alice).await.unwrap();
    assert_eq!(registry.connection("alice=", at(1)).await.unwrap(), Some(alice.clone()));
    assert_eq!(registry.connection("alice", at(1)).await.unwrap(), None);
    registry
        .subscribe(&alice, None, None, topics(0..3), at(1))
        .await
        .unwrap();
    assert!(registry.disconnect("alice=", at(1)).await.unwrap());
    assert!(
        !registry.disconnect("alice=", at(1)).await.unwrap(),
        "told twice is told once"
    );
    assert_eq!(registry.connection("alice=", at(1)).await.unwrap(), None);
    assert_eq!(registry.stored("CONNECTION#").await, 0);
    let changes = changes(&registry).await;
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert_eq!(
        changes[0],
        Change::Connected {
            connection: "alice=".into(),
            client: alice.client
        }
    );
    assert_eq!(
        changes[2],
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
        .subscribe(&connection("alice"), None, None, topics(0..3), at(1))
        .await
        .unwrap();
    let last = at(CONNECTION_SECONDS - 1);
    assert!(registry.connection("alice", last).await.unwrap().is_some());
    assert!(registry.touch("alice", last).await.unwrap());
    assert_eq!(registry.roster(0, last).await.unwrap().connections.len(), 1);
    let end = at(CONNECTION_SECONDS);
    assert!(registry.connection("alice", end).await.unwrap().is_none());
    assert!(!registry.touch("alice", end).await.unwrap());
    assert_eq!(registry.roster(0, end).await.unwrap().connections, []);
    // A new one may have its id.
    let again = Connection {
        connected_at: end,
        ..connection("alice")
    };
    registry.connect(&again).await.unwrap();
    assert_eq!(registry.connection("alice", end).await.unwrap(), Some(again));
}

#[tokio::test]
async fn prune_removes_everything_of_one_connection_and_nothing_of_another() {
    let registry = registry().await;
    for id in ["alice", "alice2"] {
        registry.connect(&connection(id)).await.unwrap();
        for message in 0..3 {
            registry
                .subscribe(&connection(id), None, None, topics([message]), at(1))
                .await
                .unwrap();
        }
    }
    assert_eq!(registry.stored("CONNECTION#").await, 8);
    assert!(registry.prune("alice", at(2)).await.unwrap());
    assert!(!registry.prune("alice", at(2)).await.unwrap());
    let roster = registry.roster(0, at(2)).await.unwrap();
    assert_eq!(roster.connections.len(), 1);
    assert_eq!(roster.connections[0].0, connection("alice2"));
    assert_eq!(roster.connections[0].1.len(), 3);
    assert_eq!(registry.stored("CONNECTION#").await, 4);
    let outcome = registry
        .subscribe(&connection("alice"), None, None, topics([1]), at(2))
        .await;
    assert!(matches!(outcome, Err(Error::ConnectionGone { connection }) if connection == "alice"));
}

#[tokio::test]
async fn more_subscribe_messages_than_one_transaction_holds_are_removed() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    for message in 0..MAX_TRANSACTION_ITEMS + 5 {
        registry
            .subscribe(&connection("alice"), None, None, topics([message]), at(1))
            .await
            .unwrap();
    }
    assert!(registry.disconnect("alice", at(2)).await.unwrap());
    assert_eq!(registry.stored("CONNECTION#").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_disconnect_and_a_prune_at_once_one_tells() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    let (disconnected, pruned) = tokio::join!(registry.disconnect("alice", at(1)), registry.prune("alice", at(1)));
    assert!(disconnected.unwrap() ^ pruned.unwrap());
    // The one that lost may have left its number as a hole, which is closed by then.
    assert_eq!(changes_at(&registry, at(1) + crate::changes::GAP_WAIT).await.len(), 2);
}
