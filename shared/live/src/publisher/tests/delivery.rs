//! What is sent, when, and how much.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Bench, CLIENT, row, rows, second, topic};
use crate::publisher::{Failure, Verdict};
use crate::{Change, Frame, MAX_ROWS_PER_CONNECTION, Mode, Row, Subscription, Topic};

#[test]
fn a_snapshot_comes_first_then_only_what_changed() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 2, None);
    bench.subscribe("b", 1, Mode::Live, 1, None);
    let first = bench.arrive(&[]);
    let Frame::Subscribed(subscribed) = &first[0] else {
        panic!("{first:?}")
    };
    assert_eq!(
        (subscribed.id.as_deref(), subscribed.resumed, subscribed.position.prev),
        (Some("request-1"), false, None)
    );
    assert_eq!(subscribed.rows, [row(1, 5_940, 2.0, true), row(1, 6_000, 3.0, false)]);
    assert_eq!(rows(&first[1]), [row(1, 6_000, 3.0, false)]);
    let beats = bench.arrive(&[]);
    assert!(beats.iter().all(|frame| matches!(frame, Frame::Beat(_))), "{beats:?}");
    assert!(bench.arrive(&[]).is_empty());
    let touched = bench.facts(6_000, 4.0);
    let updates = bench.arrive(&touched);
    let Frame::Update(update) = &updates[0] else {
        panic!("{updates:?}")
    };
    assert_eq!(
        (update.position.seq, update.position.prev, &update.time),
        (4, Some(2), &None)
    );
    assert_eq!(update.rows, [row(1, 6_000, 4.0, false)]);
    let corrected = bench.facts(5_940, 5.0);
    let updates = bench.arrive(&corrected);
    assert_eq!(rows(&updates[0]), [row(1, 5_940, 5.0, true)]);
}

#[test]
fn the_wire_is_small() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 2, None);
    let text = bench.tick(Some(&[])).remove(0).frames.remove(0);
    assert_eq!(
        text,
        r#"{"type":"subscribed","epoch":7,"seq":1,"prev":null,"id":"request-1","resumed":false,"topics":[{"channel":1,"kpi":"FLIGHTS","period":"minute","filter":{},"mode":"live","buckets":2}],"rows":[[1,5940,2,1,1],[1,6000,3,1]]}"#
    );
}

#[test]
fn closed_mode_gets_closed_buckets() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Closed, 2, None);
    assert_eq!(
        rows(&bench.arrive(&[])[0]),
        [row(1, 5_880, 1.0, true), row(1, 5_940, 2.0, true)]
    );
    bench.arrive(&[]);
    let touched = bench.facts(6_000, 4.0);
    assert!(bench.arrive(&touched).is_empty());
    bench.wait(30_000);
    let update = bench.arrive(&[]);
    assert_eq!(rows(&update[0]), [row(1, 6_000, 4.0, true)]);
    let touched = bench.facts(5_940, 9.0);
    assert_eq!(rows(&bench.arrive(&touched)[0]), [row(1, 5_940, 9.0, true)]);
}

#[test]
fn a_bucket_that_closes_is_said_to_and_the_next_one_opens() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    bench.wait(30_000);
    let update = bench.arrive(&[]);
    let open = Row {
        channel: 1,
        bucket: 6_060,
        value: None,
        facts: 0,
        closed: false,
    };
    assert_eq!(rows(&update[0]), [row(1, 6_000, 3.0, true), open]);
}

#[test]
fn a_slow_connection_gets_the_newest_and_nothing_twice() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    bench.arrive(&[]);
    for value in [4.0, 5.0, 6.0] {
        let touched = bench.facts(6_000, value);
        for outgoing in bench.tick(Some(&touched)) {
            assert_eq!(
                bench
                    .publisher
                    .failed(&outgoing.connection, Failure::Throttled, bench.now),
                Verdict::Retry
            );
        }
    }
    assert!(bench.tick(Some(&[])).is_empty(), "it pauses");
    bench.wait(1_000);
    let update = bench.arrive(&[]);
    assert_eq!((update.len(), rows(&update[0])), (1, vec![row(1, 6_000, 6.0, false)]));
    assert_eq!(update[0].position().unwrap().prev, Some(2));
    assert!(bench.arrive(&[]).is_empty());
}

#[test]
fn pauses_grow_to_a_bound() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.tick(Some(&[]));
    let mut pauses = Vec::new();
    for _ in 0..12 {
        bench.publisher.failed("a", Failure::Other, bench.now);
        let start = bench.now;
        while bench.tick(Some(&[])).is_empty() {
            bench.wait(50);
        }
        pauses.push(bench.now.as_millisecond() - start.as_millisecond());
    }
    assert!((250..=425).contains(&pauses[0]), "{pauses:?}");
    assert!(
        pauses.iter().all(|pause| *pause <= 15_050) && pauses[11] >= 10_000,
        "{pauses:?}"
    );
}

#[test]
fn a_post_without_a_report_is_not_followed_by_another() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    let first = bench.tick(Some(&[]));
    let touched = bench.facts(6_000, 4.0);
    assert!(bench.tick(Some(&touched)).is_empty());
    bench.publisher.sent("a", first[0].seq + 1);
    assert!(bench.tick(Some(&[])).is_empty(), "a report of another tick is none");
    bench.publisher.sent("a", first[0].seq);
    assert_eq!(rows(&bench.arrive(&[])[0]), [row(1, 6_000, 4.0, false)]);
}

#[test]
fn a_gone_connection_is_dropped_unless_it_is_just_connecting() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.tick(Some(&[]));
    assert_eq!(bench.publisher.failed("a", Failure::Gone, bench.now), Verdict::Retry);
    assert_eq!(bench.tick(Some(&[])).len(), 1, "in the next tick");
    bench.wait(5_000);
    assert_eq!(bench.publisher.failed("a", Failure::Gone, bench.now), Verdict::Dropped);
    assert_eq!(bench.publisher.failed("a", Failure::Gone, bench.now), Verdict::Dropped);
    assert!(bench.publisher.is_idle());
}

#[test]
fn a_beat_carries_the_watermark_and_an_update_stands_for_it() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    let Frame::Beat(beat) = bench.arrive(&[]).remove(0) else {
        panic!("no beat")
    };
    assert_eq!((beat.time, beat.watermark["Flight"]), (bench.now, second(6_029)));
    bench.wait(4_900);
    assert!(bench.arrive(&[]).is_empty());
    bench.wait(100);
    let touched = bench.facts(6_000, 4.0);
    let frames = bench.arrive(&touched);
    let [Frame::Update(update)] = &frames[..] else {
        panic!("{frames:?}")
    };
    assert_eq!(
        (update.time, update.watermark.as_ref().map(BTreeMap::len)),
        (Some(bench.now), Some(1))
    );
    assert!(bench.arrive(&[]).is_empty());
}

#[test]
fn rows_of_a_connection_are_bounded() {
    let mut bench = Bench::new();
    let subscription = |channel: u32| Subscription {
        channel,
        topic: topic(&format!("K{channel}")),
        mode: Mode::Live,
        buckets: 1_440,
    };
    bench.subscribe_to("a", (1..=10).map(subscription).collect(), None);
    let frames = bench.arrive(&[]);
    let topics = frames.iter().flat_map(|frame| {
        if let Frame::Subscribed(frame) = frame {
            frame.topics.clone()
        } else {
            Vec::new()
        }
    });
    let granted: Vec<_> = topics.map(|topic| usize::from(topic.buckets)).collect();
    assert_eq!(
        (granted.len(), granted[5], granted[6], granted[7]),
        (10, 1_440, MAX_ROWS_PER_CONNECTION - 6 * 1_440, 1)
    );
}

#[test]
fn a_tick_is_bounded_and_everyone_gets_a_turn() {
    let mut bench = Bench::new();
    bench.publisher.tick_bytes = 1;
    for index in 0..5 {
        bench.subscribe(&format!("connection-{index}"), 1, Mode::Live, 1, None);
    }
    let mut served = BTreeSet::new();
    for _ in 0..5 {
        let outgoing = bench.tick(Some(&[]));
        assert_eq!(outgoing.len(), 1);
        bench.publisher.sent(&outgoing[0].connection, outgoing[0].seq);
        served.insert(outgoing[0].connection.clone());
    }
    assert_eq!(served.len(), 5);
}

/// A client with more to say than a tick holds does not hold up another.
#[test]
fn a_client_with_much_to_say_gets_its_share_and_another_comes_first() {
    let mut bench = Bench::new();
    bench.publisher.tick_bytes = 1;
    for index in 0..5 {
        bench.subscribe(&format!("a-{index}"), 1, Mode::Live, 1, None);
    }
    let other = Uuid::from_u128(0xB);
    let theirs = Topic {
        client: other,
        ..topic("FLIGHTS")
    };
    bench.publisher.apply(Change::Subscribed {
        connection: "z".into(),
        client: other,
        request: None,
        resume: None,
        subscriptions: vec![Subscription {
            channel: 1,
            topic: theirs,
            mode: Mode::Live,
            buckets: 1,
        }],
    });
    let clients: Vec<_> = bench
        .tick(Some(&[]))
        .into_iter()
        .map(|outgoing| outgoing.client)
        .collect();
    assert_eq!(clients, [other, CLIENT]);
}
