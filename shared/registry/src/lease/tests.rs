//! Who publishes, and who no longer does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::testing::{at, registry};

const ALICE: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);
const TTL: SignedDuration = SignedDuration::from_secs(10);

#[tokio::test]
async fn one_holds_the_lease_until_it_ends() {
    let registry = registry().await;
    assert_eq!(registry.lease(0, Duty::Publish, at(0)).await.unwrap(), None);
    let lease = registry
        .acquire(0, Duty::Publish, ALICE, at(0), TTL)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        lease,
        Lease {
            shard: 0,
            duty: Duty::Publish,
            holder: ALICE,
            fence: 1,
            expires_at: at(10)
        }
    );
    assert_eq!(registry.acquire(0, Duty::Publish, BOB, at(9), TTL).await.unwrap(), None);
    assert_eq!(registry.lease(0, Duty::Publish, at(9)).await.unwrap(), Some(lease));
    assert_eq!(registry.lease(0, Duty::Publish, at(10)).await.unwrap(), None);
    // Who stands by is another matter, and shards are leased one by one.
    let standby = registry
        .acquire(0, Duty::StandBy, BOB, at(9), TTL)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((standby.duty, standby.fence), (Duty::StandBy, 1));
    assert_eq!(
        registry
            .acquire(1, Duty::Publish, BOB, at(9), TTL)
            .await
            .unwrap()
            .unwrap()
            .fence,
        1
    );
}

#[tokio::test]
async fn after_the_end_another_takes_over_and_the_first_is_fenced_off() {
    let registry = registry().await;
    let first = registry
        .acquire(0, Duty::Publish, ALICE, at(0), TTL)
        .await
        .unwrap()
        .unwrap();
    let second = registry
        .acquire(0, Duty::Publish, BOB, at(10), TTL)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(second.fence, first.fence + 1);
    assert_eq!(registry.renew(&first, at(10), TTL).await.unwrap(), None);
    assert!(!registry.release(&first).await.unwrap());
    assert!(!registry.save_handover(&first, b"stale", at(11)).await.unwrap());
    assert_eq!(registry.lease(0, Duty::Publish, at(11)).await.unwrap(), Some(second));
}

#[tokio::test]
async fn a_renewed_lease_keeps_its_fence_and_a_released_one_is_free() {
    let registry = registry().await;
    let lease = registry
        .acquire(0, Duty::Publish, ALICE, at(0), TTL)
        .await
        .unwrap()
        .unwrap();
    let renewed = registry.renew(&lease, at(8), TTL).await.unwrap().unwrap();
    assert_eq!(
        renewed,
        Lease {
            expires_at: at(18),
            ..lease.clone()
        }
    );
    assert_eq!(
        registry.acquire(0, Duty::Publish, BOB, at(17), TTL).await.unwrap(),
        None
    );
    assert!(registry.release(&renewed).await.unwrap());
    assert_eq!(registry.lease(0, Duty::Publish, at(9)).await.unwrap(), None);
    let next = registry
        .acquire(0, Duty::Publish, BOB, at(9), TTL)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(next.fence, 2);
    // The same holder under an old fence is another.
    assert!(registry.release(&next).await.unwrap());
    assert_eq!(
        registry
            .acquire(0, Duty::Publish, ALICE, at(9), TTL)
            .await
            .unwrap()
            .unwrap()
            .fence,
        3
    );
    assert_eq!(registry.renew(&lease, at(9), TTL).await.unwrap(), None);
}

#[tokio::test]
async fn a_lease_that_ended_but_was_not_taken_can_be_renewed() {
    let registry = registry().await;
    let lease = registry
        .acquire(0, Duty::Publish, ALICE, at(0), TTL)
        .await
        .unwrap()
        .unwrap();
    let renewed = registry.renew(&lease, at(60), TTL).await.unwrap().unwrap();
    assert_eq!(renewed.fence, lease.fence);
    assert_eq!(
        registry.acquire(0, Duty::Publish, BOB, at(61), TTL).await.unwrap(),
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_acquires() {
    let registry = registry().await;
    let tries: Vec<_> = (0..16)
        .map(|holder| {
            let registry = registry.clone();
            tokio::spawn(async move {
                registry
                    .acquire(0, Duty::Publish, Uuid::from_u128(holder), at(0), TTL)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut acquired = Vec::new();
    for attempt in tries {
        acquired.extend(attempt.await.unwrap());
    }
    assert_eq!(acquired.len(), 1, "{acquired:?}");
}

/// A deployment: functions of both versions are at work for a while.
#[tokio::test]
async fn a_lease_of_the_version_before_is_taken_over_once_it_has_ended() {
    let registry = registry().await;
    let before = Duty::Publish.key_before(0);
    let mut item = item::keyed(&before);
    item.extend([
        ("lease_holder".to_owned(), text(ALICE)),
        ("leased_until".to_owned(), time(at(10))),
        ("fence_number".to_owned(), number(7)),
        ("handover_id".to_owned(), text("what it left")),
    ]);
    let put = registry.client.put_item().table_name(&registry.table);
    put.set_item(Some(item)).send().await.unwrap();
    let acquire = |holder, second| registry.acquire(0, Duty::Publish, holder, at(second), TTL);
    assert_eq!(acquire(BOB, 9).await.unwrap(), None, "it is at work");
    let lease = acquire(BOB, 10).await.unwrap().unwrap();
    assert_eq!((lease.fence, lease.expires_at), (8, at(20)), "above all that it had");
    let now = registry.get(&Duty::Publish.key(0)).await.unwrap().unwrap();
    assert!(now.contains_key("handover_id"));
    // The version before can neither renew it nor take it.
    let retired = registry.get(&before).await.unwrap().unwrap();
    let retired = read_lease(0, Duty::Publish, &retired).unwrap();
    assert!(retired.expires_at >= at(600) && retired.fence > 7 && retired.holder == Uuid::nil());
    assert_eq!(acquire(ALICE, 19).await.unwrap(), None);
    assert_eq!(acquire(ALICE, 20).await.unwrap().unwrap().fence, 9);
}
