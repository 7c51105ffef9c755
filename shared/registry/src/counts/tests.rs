//! Quotas, and counts of what was killed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::Connection;
use crate::testing::{CLIENT, OTHER, at, channels, connection, peer, registry, topics};

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
    assert_eq!(used(1).await, (2, 7));
    registry
        .unsubscribe(peer("alice"), &channels(&granted)[..2], at(1))
        .await
        .unwrap();
    assert_eq!(used(1).await, (2, 5));
    registry.disconnect(peer("bob"), at(1)).await.unwrap();
    registry.prune(peer("bob"), at(1)).await.unwrap();
    assert_eq!(used(1).await, (1, 3));
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
    for quota in [Quota::UserConnections, Quota::ClientConnections, Quota::ClientTopics] {
        set(&registry, quota, quota.limit()).await;
        let refused = if quota == Quota::ClientTopics {
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
    for quota in [Quota::UserConnections, Quota::ClientConnections, Quota::ClientTopics] {
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
}
