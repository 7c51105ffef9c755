//! What the next publisher finds.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use jiff::SignedDuration;

use super::*;
use crate::Duty;
use crate::testing::{at, registry};

const TTL: SignedDuration = SignedDuration::from_secs(10);

#[tokio::test]
async fn a_handover_of_any_size_reads_back() {
    let registry = registry().await;
    assert_eq!(registry.load_handover(0, at(0)).await.unwrap(), None);
    let lease = registry
        .acquire(0, Duty::Publish, Uuid::from_u128(1), at(0), TTL)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(registry.load_handover(0, at(0)).await.unwrap(), None);
    for (bytes, parts) in [(3 * MAX_VALUE_BYTES + 17, 4), (MAX_VALUE_BYTES, 1), (1, 1), (0, 0)] {
        let body: Vec<u8> = (0..=255).cycle().take(bytes).collect();
        assert!(registry.save_handover(&lease, &body, at(1)).await.unwrap());
        let (fence, loaded) = registry.load_handover(0, at(2)).await.unwrap().unwrap();
        assert_eq!(fence, lease.fence);
        assert!(loaded == body, "{bytes} bytes");
        assert_eq!(
            registry.stored("HANDOVER#").await,
            parts,
            "parts of the one before are removed"
        );
    }
}

#[tokio::test]
async fn a_replaced_publisher_leaves_nothing() {
    let registry = registry().await;
    let first = registry
        .acquire(0, Duty::Publish, Uuid::from_u128(1), at(0), TTL)
        .await
        .unwrap()
        .unwrap();
    assert!(registry.save_handover(&first, b"first", at(1)).await.unwrap());
    let second = registry
        .acquire(0, Duty::Publish, Uuid::from_u128(2), at(10), TTL)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        registry.load_handover(0, at(10)).await.unwrap(),
        Some((1, b"first".to_vec()))
    );
    assert!(registry.save_handover(&second, b"second", at(11)).await.unwrap());
    assert!(!registry.save_handover(&first, b"late", at(12)).await.unwrap());
    assert_eq!(
        registry.load_handover(0, at(12)).await.unwrap(),
        Some((2, b"second".to_vec()))
    );
    assert_eq!(registry.stored("HANDOVER#").await, 1);
}

#[tokio::test]
async fn an_old_or_incomplete_handover_is_none() {
    let registry = registry().await;
    let lease = registry
        .acquire(0, Duty::Publish, Uuid::from_u128(1), at(0), TTL)
        .await
        .unwrap()
        .unwrap();
    let body = vec![7; 2 * MAX_VALUE_BYTES];
    assert!(registry.save_handover(&lease, &body, at(0)).await.unwrap());
    assert!(
        registry
            .load_handover(0, at(HANDOVER_SECONDS - 1))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(registry.load_handover(0, at(HANDOVER_SECONDS)).await.unwrap(), None);
    let part = registry.query(0, "HANDOVER#").await.unwrap().remove(0);
    let key = Key::in_shard(0, read_text(&part, "sk").unwrap());
    registry
        .client
        .delete_item()
        .table_name(&registry.table)
        .key("pk", key.pk())
        .key("sk", key.sk())
        .send()
        .await
        .unwrap();
    assert_eq!(registry.load_handover(0, at(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_handover_beyond_the_limit_is_refused() {
    let registry = registry().await;
    let lease = registry
        .acquire(0, Duty::Publish, Uuid::from_u128(1), at(0), TTL)
        .await
        .unwrap()
        .unwrap();
    let outcome = registry
        .save_handover(&lease, &vec![0; MAX_HANDOVER_BYTES + 1], at(0))
        .await;
    assert!(
        matches!(outcome, Err(Error::TooLarge { what: "handover", .. })),
        "{outcome:?}"
    );
}
