//! Channels, limits, and messages of one connection that arrive at once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use super::*;
use crate::Changes;
use crate::Connection;
use crate::testing::{CLIENT, OTHER, at, channels, connection, peer, registry, topic, topics};

async fn followed(registry: &Registry) -> Vec<(u64, Change)> {
    let Changes::Since(changes) = registry.changes(0, 0, at(10)).await.unwrap() else {
        panic!("lost")
    };
    changes
}

#[tokio::test]
async fn a_dashboard_is_one_item_and_one_change() {
    let registry = registry().await;
    let alice = connection("alice");
    registry.connect(&alice).await.unwrap();
    let resume = Resume { epoch: 7, seq: 9 };
    let granted = registry
        .subscribe(alice.peer(), Some("r1".into()), Some(resume), topics(0..100), at(1))
        .await
        .unwrap();
    assert_eq!(channels(&granted), (1..=100).collect::<Vec<u32>>());
    assert_eq!(registry.stored("CONNECTION#alice#TOPICS#").await, 1);
    let changes = followed(&registry).await;
    let expected = Change::Subscribed {
        connection: "alice".into(),
        client: CLIENT,
        request: Some("r1".into()),
        resume: Some(resume),
        subscriptions: granted.clone(),
    };
    assert_eq!(changes[0], (1, expected));
    assert_eq!(
        registry.roster(0, at(200)).await.unwrap().connections,
        [(alice.clone(), granted)]
    );
    assert_eq!(
        registry
            .subscribe(alice.peer(), None, None, Vec::new(), at(1))
            .await
            .unwrap(),
        []
    );
    assert_eq!(registry.sequence(0).await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_message_of_the_longest_topics_fits() {
    let registry = registry().await;
    let alice = connection("alice");
    registry.connect(&alice).await.unwrap();
    let mut longest = topics(0..live::MAX_TOPICS_PER_MESSAGE);
    for subscription in &mut longest {
        let values = (0..live::MAX_FILTER_VALUES)
            .map(|value| format!("value{value:09}"))
            .collect();
        subscription.topic.filter.insert("dimension".into(), values);
        assert!(
            subscription.topic.id().len() > live::MAX_TOPIC_ID_BYTES - 100,
            "{}",
            subscription.topic.id().len()
        );
    }
    assert_eq!(
        registry
            .subscribe(alice.peer(), None, None, longest, at(1))
            .await
            .unwrap()
            .len(),
        live::MAX_TOPICS_PER_MESSAGE
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_subscribers_at_once_get_their_own_channels_and_numbers() {
    let registry = registry().await;
    for id in ["alice", "bob"] {
        registry.connect(&connection(id)).await.unwrap();
    }
    // Two connections, and two messages of one of them.
    let (alice, bob) = (connection("alice"), connection("bob"));
    let (first, second, other) = tokio::join!(
        registry.subscribe(alice.peer(), Some("first".into()), None, topics(0..10), at(1)),
        registry.subscribe(alice.peer(), Some("second".into()), None, topics(10..20), at(1)),
        registry.subscribe(bob.peer(), Some("other".into()), None, topics(0..10), at(1)),
    );
    let (first, second, other) = (first.unwrap(), second.unwrap(), other.unwrap());
    let together: BTreeSet<u32> = channels(&first).into_iter().chain(channels(&second)).collect();
    assert_eq!(together, (1..=20).collect());
    assert_eq!(channels(&other), (1..=10).collect::<Vec<u32>>());
    let requests: BTreeSet<String> = followed(&registry)
        .await
        .into_iter()
        .filter_map(|(_, change)| match change {
            Change::Subscribed { request, .. } => request,
            _ => None,
        })
        .collect();
    assert_eq!(requests, ["first", "second", "other"].map(String::from).into());
    let roster = registry.roster(0, at(100)).await.unwrap();
    assert_eq!(
        roster
            .connections
            .iter()
            .map(|(_, topics)| topics.len())
            .collect::<Vec<_>>(),
        [20, 10]
    );
}

#[tokio::test]
async fn topics_are_limited_per_connection_over_all_messages() {
    let registry = registry().await;
    let alice = connection("alice");
    registry.connect(&alice).await.unwrap();
    let half = MAX_TOPICS_PER_CONNECTION / 2;
    let granted = registry
        .subscribe(alice.peer(), None, None, topics(0..half), at(1))
        .await
        .unwrap();
    registry
        .subscribe(alice.peer(), None, None, topics(0..half), at(1))
        .await
        .unwrap();
    let outcome = registry.subscribe(alice.peer(), None, None, topics([1]), at(1)).await;
    assert!(
        matches!(
            outcome,
            Err(Error::TooManyTopics {
                held: MAX_TOPICS_PER_CONNECTION,
                asked: 1,
                ..
            })
        ),
        "{outcome:?}"
    );
    // What was given up makes room, but its channel is never used again.
    registry
        .unsubscribe(peer("alice"), &channels(&granted)[..1], at(1))
        .await
        .unwrap();
    let next = registry
        .subscribe(alice.peer(), None, None, topics([1]), at(1))
        .await
        .unwrap();
    assert_eq!(usize::try_from(next[0].channel).unwrap(), 2 * half + 1);
    assert!(
        registry
            .subscribe(alice.peer(), None, None, topics([1]), at(1))
            .await
            .is_err()
    );
    // A refused message leaves nothing behind.
    assert_eq!(registry.sequence(0).await.unwrap(), 4);
}

#[tokio::test]
async fn unsubscribing_removes_what_was_there() {
    let registry = registry().await;
    let alice = connection("alice");
    registry.connect(&alice).await.unwrap();
    registry
        .subscribe(alice.peer(), None, None, topics(0..3), at(1))
        .await
        .unwrap();
    registry
        .subscribe(alice.peer(), None, None, topics(3..6), at(1))
        .await
        .unwrap();
    let cases: [(&[u32], &[u32], &[u32]); 5] = [
        (&[], &[], &[1, 2, 3, 4, 5, 6]),
        (&[2, 4, 99, 2], &[2, 4], &[1, 3, 5, 6]),
        (&[2, 4], &[], &[1, 3, 5, 6]),
        (&[5, 6, 7], &[5, 6], &[1, 3]),
        (&[1, 3], &[1, 3], &[]),
    ];
    for (asked, expected, left) in cases {
        assert_eq!(
            registry.unsubscribe(peer("alice"), asked, at(1)).await.unwrap(),
            expected,
            "{asked:?}"
        );
        let roster = registry.roster(0, at(2)).await.unwrap();
        assert_eq!(channels(&roster.connections[0].1), left, "{asked:?}");
    }
    assert_eq!(registry.stored("CONNECTION#alice#TOPICS#").await, 0);
    let told: Vec<Change> = followed(&registry)
        .await
        .into_iter()
        .skip(2)
        .map(|(_, change)| change)
        .collect();
    let unsubscribed = |channels: &[u32]| Change::Unsubscribed {
        connection: "alice".into(),
        channels: channels.into(),
    };
    assert_eq!(
        told,
        [unsubscribed(&[2, 4]), unsubscribed(&[5, 6]), unsubscribed(&[1, 3])]
    );
    assert!(matches!(
        registry.unsubscribe(peer("bob"), &[1], at(1)).await,
        Err(Error::ConnectionGone { .. })
    ));
}

#[tokio::test]
async fn unsubscribing_from_more_items_than_one_transaction_holds_takes_several() {
    let registry = registry().await;
    let alice = connection("alice");
    registry.connect(&alice).await.unwrap();
    let messages = MAX_REWRITTEN_ITEMS + 5;
    for message in 0..messages {
        registry
            .subscribe(alice.peer(), None, None, topics([message]), at(1))
            .await
            .unwrap();
    }
    let all: Vec<u32> = (1..=u32::try_from(messages).unwrap()).collect();
    assert_eq!(registry.unsubscribe(peer("alice"), &all, at(1)).await.unwrap(), all);
    assert_eq!(registry.stored("CONNECTION#alice#TOPICS#").await, 0);
    assert_eq!(
        registry.card(peer("alice"), at(1)).await.unwrap().unwrap().topic_count,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_messages_that_rewrite_one_item_at_once_both_count() {
    let registry = registry().await;
    let alice = connection("alice");
    registry.connect(&alice).await.unwrap();
    registry
        .subscribe(alice.peer(), None, None, topics(0..4), at(1))
        .await
        .unwrap();
    let (first, second) = tokio::join!(
        registry.unsubscribe(peer("alice"), &[1], at(1)),
        registry.unsubscribe(peer("alice"), &[2], at(1))
    );
    assert_eq!((first.unwrap(), second.unwrap()), (vec![1], vec![2]));
    let roster = registry.roster(0, at(2)).await.unwrap();
    assert_eq!(channels(&roster.connections[0].1), [3, 4]);
    assert_eq!(
        registry.card(peer("alice"), at(1)).await.unwrap().unwrap().topic_count,
        2
    );
}

#[tokio::test]
async fn a_client_sees_its_own_watched_topics() {
    let registry = registry().await;
    let (alice, bob) = (connection("alice"), connection("bob"));
    let foreign = Connection {
        client: OTHER,
        ..connection("eve")
    };
    for watcher in [&alice, &bob, &foreign] {
        registry.connect(watcher).await.unwrap();
    }
    registry
        .subscribe(alice.peer(), None, None, topics([1, 2]), at(1))
        .await
        .unwrap();
    registry
        .subscribe(alice.peer(), None, None, topics([1]), at(1))
        .await
        .unwrap();
    registry
        .subscribe(bob.peer(), None, None, topics([1]), at(1))
        .await
        .unwrap();
    let mut theirs = topics([9]);
    theirs[0].topic.client = foreign.client;
    registry
        .subscribe(foreign.peer(), None, None, theirs, at(1))
        .await
        .unwrap();
    let counts = registry
        .subscriber_counts(CLIENT, "", 1_000, at(2), |_, _| true)
        .await
        .unwrap();
    let counts: Vec<(String, usize)> = counts.into_iter().map(|(id, count)| (id, count.connections)).collect();
    assert_eq!(counts, [(topic("KPI_1").id(), 2), (topic("KPI_2").id(), 1)]);
    let first = topic("KPI_1").id();
    for (after, most, expected) in [("", 1, "KPI_1"), (first.as_str(), 9, "KPI_2")] {
        let page = registry
            .subscriber_counts(CLIENT, after, most, at(2), |_, _| true)
            .await
            .unwrap();
        assert_eq!(page.into_keys().collect::<Vec<_>>(), [topic(expected).id()]);
    }
    for (kpi, expected) in [("KPI_1", 2), ("KPI_2", 1), ("KPI_9", 0)] {
        let count = registry.subscriber_count(&topic(kpi), at(2)).await.unwrap();
        assert_eq!(count, expected, "{kpi}");
    }
}

#[tokio::test]
async fn a_roster_larger_than_one_page_is_read_whole() {
    let registry = registry().await;
    // A page is 1 MB; a full connection of long topics is about a quarter.
    for number in 0..8 {
        let id = format!("connection{number}");
        registry.connect(&connection(&id)).await.unwrap();
        for _ in 0..2 {
            let mut long = topics(0..200);
            for subscription in &mut long {
                subscription
                    .topic
                    .filter
                    .insert("dimension".into(), ["x".repeat(600)].into());
            }
            registry.subscribe(peer(&id), None, None, long, at(1)).await.unwrap();
        }
    }
    let roster = registry.roster(0, at(2)).await.unwrap();
    assert_eq!(roster.connections.len(), 8);
    assert!(
        roster
            .connections
            .iter()
            .all(|(_, subscriptions)| subscriptions.len() == 400)
    );
    // The changes are as large: each poll reads a page and the reader comes to the end.
    let (mut after, mut polls) = (0, 0);
    while after < registry.sequence(0).await.unwrap() {
        let Changes::Since(changes) = registry.changes(0, after, at(2)).await.unwrap() else {
            panic!("lost")
        };
        after = changes.last().unwrap().0;
        polls += 1;
    }
    assert!(polls > 1);
}

#[tokio::test]
async fn a_minute_has_so_many_changes_of_each_client() {
    let registry = registry().await;
    registry.connect(&connection("alice")).await.unwrap();
    let subscribe = |second| registry.subscribe(peer("alice"), None, None, topics([1]), at(second));
    let granted = subscribe(0).await.unwrap();
    let left = usize::try_from(crate::quotas::MAX_TOPIC_CHANGES_PER_MINUTE).unwrap() - 1;
    registry.take_topic_changes(CLIENT, left, at(1)).await.unwrap();
    let refused = subscribe(2).await;
    assert!(
        matches!(refused, Err(Error::TooManyChanges { seconds: 58, .. })),
        "{refused:?}"
    );
    let refused = registry.unsubscribe(peer("alice"), &channels(&granted), at(2)).await;
    assert!(matches!(refused, Err(Error::TooManyChanges { .. })), "{refused:?}");
    registry.take_topic_changes(OTHER, 1, at(2)).await.unwrap();
    registry
        .unsubscribe(peer("alice"), &channels(&granted), at(60))
        .await
        .unwrap();
    assert_eq!(registry.topic_changes_taken(CLIENT, at(60)).await.unwrap(), 1);
}
