//! Quotas, and counts of what was killed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::Connection;
use crate::testing::{CLIENT, OTHER, at, channels, connection, peer, registry, topics};

const QUOTAS: [Quota; 4] = [
    Quota::UserConnections,
    Quota::ClientConnections,
    Quota::ClientTopics,
    Quota::UserRows,
];

async fn set(registry: &Registry, quota: Quota, used: usize) {
    let owner = peer("").owned_by(connection("").user);
    let key = quota.key(owner);
    registry
        .client
        .update_item()
        .table_name(&registry.table)
        .key("pk", key.pk())
        .key("sk", key.sk())
        .update_expression(format!("SET {} = :used, {COUNTED_AT} = :at", quota.attribute()))
        .expression_attribute_values(":used", number(used))
        .expression_attribute_values(":at", time(at(0)))
        .send()
        .await
        .unwrap();
}

fn later(id: &str, second: i64) -> Connection {
    Connection {
        connected_at: at(second),
        ..connection(id)
    }
}

#[tokio::test]
async fn what_is_made_and_ended_is_counted() {
    let registry = registry().await;
    let used = async |second| {
        let usage = registry.usage(CLIENT, at(second)).await.unwrap();
        (usage.connections.used, usage.topics.used)
    };
    assert_eq!(used(0).await, (0, 0));
    for id in ["alice", "bob"] {
        registry.connect(&connection(id)).await.unwrap();
        registry.connect(&connection(id)).await.unwrap();
    }
    let granted = registry
        .subscribe(peer("alice"), None, None, topics(0..5), at(1))
        .await
        .unwrap();
    registry
        .subscribe(peer("bob"), None, None, topics(0..2), at(1))
        .await
        .unwrap();
    assert_eq!((used(1).await, rows(&registry).await), ((2, 7), 420));
    registry
        .unsubscribe(peer("alice"), &channels(&granted)[..2], at(1))
        .await
        .unwrap();
    assert_eq!((used(1).await, rows(&registry).await), ((2, 5), 300));
    registry.disconnect(peer("bob"), at(1)).await.unwrap();
    registry.prune(peer("bob"), at(1)).await.unwrap();
    assert_eq!((used(1).await, rows(&registry).await), ((1, 3), 180));
    let foreign = Connection {
        client: OTHER,
        ..connection("eve")
    };
    registry.connect(&foreign).await.unwrap();
    assert_eq!(used(1).await, (1, 3), "of this client alone");
    assert_eq!(used(120).await, (1, 3), "the items say the same");
}

#[tokio::test]
async fn nobody_has_more_than_a_quota() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    // The items were counted just now.
    set(&registry, Quota::ClientConnections, 1).await;
    for quota in QUOTAS {
        set(&registry, quota, quota.limit()).await;
        let refused = if [Quota::ClientTopics, Quota::UserRows].contains(&quota) {
            registry
                .subscribe(peer("alice"), None, None, topics([1]), at(1))
                .await
                .map(drop)
        } else {
            registry.connect(&later("bob", 1)).await
        };
        assert!(
            matches!(refused, Err(Error::QuotaExceeded { quota: of, .. }) if of == quota),
            "{quota:?}: {refused:?}"
        );
        set(&registry, quota, 1).await;
    }
    assert_eq!(
        registry.roster(0, at(1)).await.unwrap().connections.len(),
        1,
        "who was refused left nothing"
    );
    registry.connect(&later("bob", 1)).await.unwrap();
    registry
        .subscribe(peer("bob"), None, None, topics([1]), at(1))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_killed_is_not_counted_for_ever() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    registry
        .subscribe(peer("alice"), None, None, topics(0..3), at(1))
        .await
        .unwrap();
    for quota in QUOTAS {
        set(&registry, quota, quota.limit()).await;
    }
    let soon = RECOUNT_EVERY.as_secs() - 1;
    assert!(
        registry.connect(&later("bob", soon)).await.is_err(),
        "items are not counted for each who is refused"
    );
    let then = RECOUNT_EVERY.as_secs();
    registry.connect(&later("bob", then)).await.unwrap();
    registry
        .subscribe(peer("bob"), None, None, topics(0..3), at(then))
        .await
        .unwrap();
    let usage = registry.usage(CLIENT, at(then)).await.unwrap();
    assert_eq!((usage.connections.used, usage.topics.used), (2, 6));
    assert_eq!(rows(&registry).await, 360, "60 for each");
}

/// Of the user of all connections.
async fn rows(registry: &Registry) -> usize {
    let key = Quota::UserRows.key(peer("").owned_by(connection("").user));
    read_count(&registry.get(&key).await.unwrap().unwrap(), ROWS)
}

#[tokio::test]
async fn of_many_who_are_refused_at_one_moment_one_counts() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    let key = Key::count(CLIENT, None);
    let claim = |second| registry.claim_recount(&key, RECOUNT_EVERY, at(second));
    let claims = tokio::join!(claim(0), claim(0), claim(0), claim(0));
    let claims = [claims.0, claims.1, claims.2, claims.3];
    let won: Vec<_> = claims
        .iter()
        .filter_map(|claim| claim.as_ref().unwrap().as_ref())
        .collect();
    assert_eq!(won.len(), 1);
    assert_eq!(read_count(won[0], CONNECTIONS), 1);
    assert!(claim(9).await.unwrap().is_none() && claim(10).await.unwrap().is_some());
}
