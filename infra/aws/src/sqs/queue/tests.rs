//! Visibility, receive counts, delays and dead letters, on a clock that the tests move.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use super::*;
use crate::store::Store;
use crate::testing::TempFolder;

const VISIBILITY: Duration = Duration::from_secs(30);
const RETENTION: Duration = Duration::from_secs(100);
const SECOND: Duration = Duration::from_secs(1);

fn queue() -> Queue {
    Queue::new("events".to_owned(), VISIBILITY, RETENTION)
}

async fn send(queue: &Queue, body: &str) {
    let message = Message::new(body.to_owned(), BTreeMap::new());
    queue.send(message, Duration::ZERO).await.unwrap();
}

async fn receive(queue: &Queue) -> Vec<Received> {
    queue.receive(Want::messages(10, VISIBILITY), Duration::ZERO).await
}

#[tokio::test(start_paused = true)]
async fn a_message_is_hidden_for_the_visibility_timeout_and_counted() {
    let queue = queue();
    send(&queue, "a").await;
    let first = receive(&queue).await;
    assert_eq!((first.len(), first[0].message.receives), (1, 1));
    assert!(receive(&queue).await.is_empty());
    assert_eq!(
        queue.counts(),
        Counts {
            visible: 0,
            in_flight: 1,
            delayed: 0
        }
    );

    tokio::time::advance(VISIBILITY).await;
    let second = receive(&queue).await;
    assert_eq!(second[0].message.receives, 2);
    assert_ne!(second[0].receipt, first[0].receipt);
    assert_eq!(second[0].message.first_received_ms, first[0].message.first_received_ms);

    queue.delete(&first[0].receipt).await.unwrap();
    assert_eq!(queue.counts().in_flight, 1, "an old receipt deletes nothing");
    queue.delete(&second[0].receipt).await.unwrap();
    assert_eq!(queue.counts(), Counts::default());
    assert_eq!(queue.delete("never a receipt").await, Err(ReceiptError::Invalid));
}

#[tokio::test(start_paused = true)]
async fn the_last_receipt_deletes_a_message_that_is_visible_again() {
    let queue = queue();
    send(&queue, "a").await;
    let received = receive(&queue).await;
    tokio::time::advance(VISIBILITY).await;
    assert_eq!(
        queue.change_visibility(&received[0].receipt, SECOND),
        Err(ReceiptError::NotInFlight)
    );
    queue.delete(&received[0].receipt).await.unwrap();
    assert_eq!(queue.counts(), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn a_message_received_too_often_moves_to_the_dead_letters() {
    let dead = Arc::new(queue());
    let queue = queue();
    queue.set_redrive(Redrive {
        queue: Arc::clone(&dead),
        max_receives: 2,
    });
    send(&queue, "poison").await;
    for receives in 1..=2 {
        assert_eq!(receive(&queue).await[0].message.receives, receives);
        tokio::time::advance(VISIBILITY).await;
    }
    assert!(receive(&queue).await.is_empty());
    assert_eq!(queue.counts(), Counts::default());
    assert_eq!(&*receive(&dead).await[0].message.body, "poison");
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_with_the_message_the_visibility_or_the_wait() {
    let queue = Arc::new(queue());
    let started = Instant::now();
    assert!(
        queue
            .receive(Want::messages(1, VISIBILITY), SECOND * 20)
            .await
            .is_empty()
    );
    assert_eq!(started.elapsed().as_secs(), 20);

    let (sender, started) = (Arc::clone(&queue), Instant::now());
    tokio::spawn(async move {
        tokio::time::sleep(SECOND * 3).await;
        send(&sender, "a").await;
    });
    assert_eq!(queue.receive(Want::messages(1, VISIBILITY), SECOND * 20).await.len(), 1);
    assert_eq!(started.elapsed().as_secs(), 3);

    assert_eq!(queue.receive(Want::messages(1, VISIBILITY), SECOND * 60).await.len(), 1);
    assert_eq!(
        started.elapsed().as_secs(),
        33,
        "visible again 30 s after it was received"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_is_hidden_until_then() {
    let queue = queue();
    let later = Message::new("later".to_owned(), BTreeMap::new());
    queue.send(later, SECOND * 5).await.unwrap();
    assert_eq!(
        queue.counts(),
        Counts {
            visible: 0,
            in_flight: 0,
            delayed: 1
        }
    );
    tokio::time::advance(SECOND * 5).await;
    assert_eq!(receive(&queue).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_dropped_after_the_retention_period_since_it_was_sent() {
    let dead = Arc::new(queue());
    let queue = queue();
    queue.set_redrive(Redrive {
        queue: Arc::clone(&dead),
        max_receives: 1,
    });
    send(&queue, "in flight").await;
    let received = receive(&queue).await;
    send(&queue, "waits").await;
    let delayed = Message::new("delayed".to_owned(), BTreeMap::new());
    queue.send(delayed, RETENTION * 2).await.unwrap();
    tokio::time::advance(RETENTION - SECOND).await;
    assert_eq!(
        queue.counts(),
        Counts {
            visible: 2,
            in_flight: 0,
            delayed: 1
        }
    );
    assert_eq!(
        receive(&queue).await.len(),
        1,
        "the one received before moves to the dead letters"
    );
    assert_eq!(dead.counts().visible, 1);

    tokio::time::advance(SECOND).await;
    assert_eq!(queue.counts(), Counts::default());
    assert!(receive(&queue).await.is_empty());
    assert_eq!(
        queue.change_visibility(&received[0].receipt, SECOND),
        Err(ReceiptError::NotInFlight)
    );
    assert_eq!(dead.counts(), Counts::default(), "its age counts from when it was sent");
}

#[tokio::test(start_paused = true)]
async fn a_batch_stops_at_its_bytes_but_takes_one_message_of_any_size() {
    let queue = queue();
    for _ in 0..3 {
        send(&queue, &"x".repeat(10_000)).await;
    }
    let want = Want {
        event_bytes: 25_000,
        ..Want::messages(10, VISIBILITY)
    };
    assert_eq!(queue.receive(want, Duration::ZERO).await.len(), 2);
    assert!(
        queue
            .receive(
                Want {
                    bytes_taken: 20_000,
                    ..want
                },
                SECOND
            )
            .await
            .is_empty()
    );
    assert_eq!(
        queue
            .receive(
                Want {
                    event_bytes: 5_000,
                    ..want
                },
                Duration::ZERO
            )
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn a_sender_that_goes_away_leaves_no_message_that_nobody_sees() {
    let folder = TempFolder::create();
    let store = Store::open(&folder.path().join("services.sqlite"), &[crate::sqs::kept::TABLES]).unwrap();
    let queue = queue().kept(Kept::new(store, "events")).unwrap();
    let mut send = Box::pin(queue.send(Message::new("a".to_owned(), BTreeMap::new()), Duration::ZERO));
    // It is being written, and then its client's connection breaks.
    let _ = futures::poll!(&mut send);
    drop(send);
    assert_eq!(queue.counts().visible, 1);
}
