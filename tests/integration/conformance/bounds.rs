//! Every accepted event ends as a fact or as a dead letter, wherever its batch is cut off and whatever the server refuses.

use std::time::{Duration, Instant};

use api::{EventSource, QueuedEvents};
use database::Error;
use facts::ingest::Effort;
use futures::future::join_all;
use records::batches;
use records::dead_letters::{self, DeadLetter, Wanted};
use serde_json::Value;
use serde_json::value::to_raw_value;
use uuid::Uuid;

use super::keys::{deliver, delivered};
use super::oracle::check;
use super::scenarios::in_every_shop;
use super::shop::{Shop, sale};

/// Facts that are appended, and facts that replace those with their key.
const KEYS: [&[&str]; 2] = [&[], &["receipt"]];

/// With so many tries before, a transaction writes a single event.
const ONE_BY_ONE: u32 = 9;

/// So many sales over some hours; every third has no region.
fn sales(count: usize) -> Vec<Value> {
    let sale = |number: usize| {
        let at = format!("2026-03-28T{:02}:{:02}:07Z", 8 + number / 60, number % 60);
        sale(&format!("r{number}"), &at, &format!("{number}.25"), 1)
    };
    (0..count).map(sale).collect()
}

fn queued(client: Uuid, events: &[Value]) -> QueuedEvents {
    QueuedEvents {
        batch_id: Uuid::now_v7(),
        client,
        entity: "Sale".to_owned(),
        source: EventSource::Events,
        key: None,
        events: events.iter().map(|event| to_raw_value(event).unwrap()).collect(),
        broken: Vec::new(),
        time_zone: None,
    }
}

const DEAD_LETTERS: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

fn context(shop: &Shop) -> ingest_events::Context {
    ingest_events::Context::new(shop.database.app.clone(), DEAD_LETTERS.to_owned())
}

/// Accepted and rejected events of a batch of which nothing is left.
async fn finished(shop: &Shop, batch: Uuid) -> (i32, i32) {
    let report = batches::find(&shop.database.app, shop.ours, batch).await.unwrap();
    let report = report.expect("the batch is marked");
    assert_eq!(report.next_position, None, "{report:?}");
    (report.accepted, report.rejected)
}

async fn letters(shop: &Shop, batch: Uuid) -> Vec<DeadLetter> {
    let wanted = Wanted {
        batch: Some(batch),
        ..Wanted::default()
    };
    dead_letters::list(&shop.database.app, shop.ours, wanted, dead_letters::MAX_PAGE)
        .await
        .unwrap()
}

async fn alter(shop: &Shop, what: &str) {
    let plain = shop.database.plain().await.unwrap();
    plain
        .batch_execute(&format!("ALTER TABLE volume_1.facts {what}"))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_event_that_the_server_refuses_stands_alone() {
    for key in KEYS {
        in_every_shop(key, async |shop| {
            let context = context(shop);
            alter(shop, "ADD CHECK (n3 <> 13)").await;
            let mut events = sales(60);
            events[37] = sale("at fault", "2026-03-28T09:00:00Z", "5", 13);
            let (first, second) = (queued(shop.ours, &events), queued(shop.ours, &sales(7)));
            let (sent, innocent) = (first.batch_id, second.batch_id);
            deliver(&context, &[first, second]).await;

            assert_eq!(finished(shop, sent).await, (59, 1), "{key:?}");
            assert_eq!(finished(shop, innocent).await, (7, 0), "{key:?}");
            let letters = letters(shop, sent).await;
            assert_eq!(letters.len(), 1);
            assert_eq!(
                (letters[0].position, &letters[0].original),
                (37, &events[37].to_string())
            );
            assert!(letters[0].reason.contains("SQLSTATE 23514"), "{}", letters[0].reason);
            check(shop, shop.ours, "UTC", "one event is refused").await
        })
        .await;
    }
}

#[tokio::test]
async fn messages_that_come_together_and_again_count_once() {
    for key in KEYS {
        in_every_shop(key, async |shop| {
            let context = context(shop);
            let early: Vec<Value> = (0..5)
                .map(|number| sale(&format!("e{number}"), "2026-03-01T00:00:00Z", "2", 1))
                .collect();
            let (first, second, third) = (
                queued(shop.ours, &sales(200)),
                queued(shop.ours, &early),
                queued(shop.ours, &sales(40)),
            );
            let batches = [first.batch_id, second.batch_id, third.batch_id];
            deliver(&context, &[first.clone(), second.clone(), first.clone()]).await;
            check(shop, shop.ours, "UTC", "together").await;
            // One of them has had its effect, the other not; then all of them have.
            deliver(&context, &[second.clone(), third.clone()]).await;
            deliver(&context, &[third.clone(), first, second, third]).await;
            for (batch, accepted) in batches.into_iter().zip([200, 5, 40]) {
                assert_eq!(finished(shop, batch).await, (accepted, 0), "{key:?}");
            }
            if key.is_empty() {
                assert_eq!(shop.count().await, 200 + 5 + 40, "facts");
            }
            check(shop, shop.ours, "UTC", "again").await
        })
        .await;
    }
}

#[tokio::test]
async fn events_of_a_client_that_is_gone_come_no_more() {
    in_every_shop(&[], async |shop| {
        let nobodys = queued(Uuid::now_v7(), &sales(3));
        deliver(&context(shop), &[nobodys, queued(shop.ours, &sales(3))]).await;
        assert_eq!(shop.count().await, 3);
        check(shop, shop.ours, "UTC", "beside a client that is gone").await
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_cut_off_goes_on_where_it_was() {
    for key in KEYS {
        in_every_shop(key, async |shop| {
            let (batch, events) = (Uuid::now_v7(), sales(90));
            let mut cut_off = 0;
            let outcome = loop {
                // Longer each time, so that a slow machine gets there too.
                let effort = Effort {
                    until: Some(Instant::now() + Duration::from_millis(10 * (1 + cut_off))),
                    tries: ONE_BY_ONE,
                    ..Effort::default()
                };
                match shop.write(&shop.database.app, batch, shop.ours, &events, effort).await {
                    Err(Error::Unfinished) => cut_off += 1,
                    done => break done.unwrap(),
                }
            };
            assert!(
                cut_off > 0 && !outcome.duplicate && outcome.written < 90,
                "{cut_off} {outcome:?}"
            );
            assert_eq!(finished(shop, batch).await, (90, 0), "{key:?}");
            let answers = check(shop, shop.ours, "UTC", "cut off").await;

            // What has had its effect is one transaction, however small the parts would be.
            let (before, effort) = (
                shop.database.app.statements(),
                Effort {
                    tries: ONE_BY_ONE,
                    ..Effort::default()
                },
            );
            let again = shop
                .write(&shop.database.app, batch, shop.ours, &events, effort)
                .await
                .unwrap();
            assert!(again.duplicate && again.written == 0, "{again:?}");
            assert!(shop.database.app.statements() - before < 12, "{again:?}");
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn a_batch_that_is_written_by_several_at_once_counts_once() {
    for key in KEYS {
        in_every_shop(key, async |shop| {
            let (batch, events) = (Uuid::now_v7(), sales(60));
            // In parts of different sizes.
            let writers = [ONE_BY_ONE, 6, 1, ONE_BY_ONE].map(async |tries| {
                let effort = Effort {
                    tries,
                    ..Effort::default()
                };
                let outcome = shop.write(&shop.connect(), batch, shop.ours, &events, effort).await;
                outcome.unwrap().written
            });
            let written: usize = join_all(writers).await.into_iter().sum();
            assert_eq!(written, 60, "{key:?}");
            assert_eq!(finished(shop, batch).await, (60, 0), "{key:?}");
            check(shop, shop.ours, "UTC", "several at once").await
        })
        .await;
    }
}

#[tokio::test]
async fn what_can_not_be_written_is_a_dead_letter_in_the_end() {
    in_every_shop(&[], async |shop| {
        let context = context(shop);
        let events = sales(20);
        let sent = queued(shop.ours, &events);
        let batch = sent.batch_id;
        alter(shop, "RENAME COLUMN n1 TO hidden").await;
        for (tries, queue, comes_again) in [
            ("1", "arn:events", true),
            ("5", "arn:events", true),
            // It may be that the migration is still to come.
            ("6", DEAD_LETTERS, true),
            ("11", DEAD_LETTERS, false),
        ] {
            let failures = delivered(&context, std::slice::from_ref(&sent), queue, tries).await;
            assert_eq!(failures == 1, comes_again, "{queue} {tries}");
            let report = batches::find(&shop.database.app, shop.ours, batch).await.unwrap();
            assert_eq!(report.is_none(), comes_again, "{queue} {tries}: {report:?}");
        }
        assert_eq!(finished(shop, batch).await, (0, 20));
        // Once it is mended, each letter is the event that was sent.
        alter(shop, "RENAME COLUMN hidden TO n1").await;
        let again = letters(shop, batch).await;
        let mut again: Vec<Value> = again.iter().map(|letter| letter.original.parse().unwrap()).collect();
        again.reverse();
        assert_eq!(again, events);
        assert_eq!(shop.sell(shop.ours, &again).await.written, 20);
        check(shop, shop.ours, "UTC", "replayed").await
    })
    .await;
}

#[tokio::test]
async fn what_may_pass_comes_again_also_in_the_last_tries() {
    in_every_shop(&[], async |shop| {
        let context = context(shop);
        let sent = queued(shop.ours, &sales(3));
        let mut plain = shop.database.plain().await.unwrap();
        let lock = plain.transaction().await.unwrap();
        lock.batch_execute("LOCK TABLE volume_1.facts IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        assert_eq!(
            delivered(&context, std::slice::from_ref(&sent), DEAD_LETTERS, "6").await,
            1
        );
        lock.rollback().await.unwrap();
        assert_eq!(
            delivered(&context, std::slice::from_ref(&sent), DEAD_LETTERS, "7").await,
            0
        );
        assert_eq!(finished(shop, sent.batch_id).await, (3, 0));
        check(shop, shop.ours, "UTC", "the lock is gone").await
    })
    .await;
}

/// Has each statement that counts a bucket anew take seconds, as one does where a bucket has millions of facts.
const SLOW: &str = "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(6); RETURN NULL; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON volume_1.partials FOR EACH STATEMENT EXECUTE FUNCTION public.slow()";

#[tokio::test]
async fn a_replacement_that_takes_too_long_is_a_dead_letter_in_the_end() {
    in_every_shop(&["receipt"], async |shop| {
        let context = context(shop);
        let plain = shop.database.plain().await.unwrap();
        plain.batch_execute(SLOW).await.unwrap();
        let sent = queued(shop.ours, &sales(1));
        let both = queued(shop.ours, &sales(2));
        for (message, queue, tries, comes_again) in
            [(&both, "arn:events", "1", true), (&sent, DEAD_LETTERS, "11", false)]
        {
            // The function is killed after 30 s.
            let began = Instant::now();
            let failures = delivered(&context, std::slice::from_ref(message), queue, tries).await;
            assert_eq!(failures == 1, comes_again, "{queue} {tries}");
            assert!(began.elapsed() < Duration::from_secs(24), "{:?}", began.elapsed());
        }
        assert_eq!(finished(shop, sent.batch_id).await, (0, 1));
        let letters = letters(shop, sent.batch_id).await;
        assert!(letters[0].reason.contains("SQLSTATE 57014"), "{}", letters[0].reason);
        plain
            .batch_execute("DROP TRIGGER slow ON volume_1.partials")
            .await
            .unwrap();
        assert_eq!(
            delivered(&context, std::slice::from_ref(&both), "arn:events", "2").await,
            0
        );
        assert_eq!(finished(shop, both.batch_id).await, (2, 0));
        check(shop, shop.ours, "UTC", "quick again").await
    })
    .await;
}
