//! Breaks, hand-overs, crashes: nobody has a hole without being told.

use uuid::Uuid;

use super::{Bench, CLIENT, frames, row, rows, second, topic};
use crate::publisher::{ConnectionInfo, Failure, Publisher};
use crate::{Change, Frame, Mode, RETAIN_MS, Reason, Resume, Subscription, Topic};

#[test]
fn an_answer_that_may_have_arrived_is_in_the_next_step() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    bench.subscribe_to(
        "a",
        vec![Subscription {
            channel: 2,
            topic: topic("DELAY"),
            mode: Mode::Live,
            buckets: 1,
        }],
        None,
    );
    let answer = bench.tick(Some(&[]));
    assert!(matches!(frames(&answer)[..], [Frame::Beat(_), Frame::Subscribed(_)]));
    bench.publisher.failed("a", Failure::Other, bench.now);
    bench.wait(1_000);
    let touched = bench.facts(6_000, 4.0);
    assert!(
        bench.arrive_reading(&["FLIGHTS"], &touched).is_empty(),
        "it would count as told for the other topic too"
    );
    assert!(
        matches!(&bench.arrive(&[])[..], [Frame::Update(_), Frame::Subscribed(frame)] if rows(&Frame::Subscribed(frame.clone())) == [row(2, 6_000, 4.0, false)])
    );
}

#[test]
fn a_client_that_returns_gets_the_gap() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 3, None);
    let had = *bench.arrive(&[])[0].position().unwrap();
    let resume = Some(Resume {
        epoch: had.epoch,
        seq: had.seq,
    });
    bench.publisher.apply(Change::Disconnected { connection: "a".into() });
    bench.arrive(&[]);
    bench.facts(6_000, 4.0);
    bench.wait(RETAIN_MS - 1_000);
    bench.arrive(&[]);
    bench.subscribe("b", 1, Mode::Live, 3, resume);
    let frames = bench.arrive(&[]);
    let Frame::Subscribed(subscribed) = &frames[0] else {
        panic!("{frames:?}")
    };
    let buckets: Vec<_> = subscribed.rows.iter().map(|row| (row.bucket, row.closed)).collect();
    assert_eq!(
        (subscribed.resumed, &buckets[..]),
        (true, &[(6_000, true), (6_120, false)][..])
    );

    for wrong in [
        Resume { epoch: 6, seq: had.seq },
        Resume { epoch: 7, seq: 0 },
        Resume { epoch: 7, seq: 99 },
    ] {
        let connection = format!("{wrong:?}");
        bench.subscribe(&connection, 1, Mode::Live, 3, Some(wrong));
        let frames = bench.arrive(&[]);
        assert!(
            frames
                .iter()
                .any(|frame| matches!(frame, Frame::Subscribed(frame) if !frame.resumed)),
            "{frames:?}"
        );
    }
}

#[test]
fn a_client_that_returns_late_or_wants_more_gets_everything() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    let had = *bench.arrive(&[])[0].position().unwrap();
    let resume = Some(Resume {
        epoch: had.epoch,
        seq: had.seq,
    });
    bench.subscribe("b", 1, Mode::Live, 8, resume);
    let frames = bench.arrive(&[]);
    assert!(
        frames
            .iter()
            .any(|frame| matches!(frame, Frame::Subscribed(frame) if !frame.resumed && frame.rows.len() == 3)),
        "{frames:?}"
    );
    for connection in ["a", "b"] {
        bench.publisher.apply(Change::Disconnected {
            connection: connection.into(),
        });
    }
    bench.arrive(&[]);
    bench.wait(RETAIN_MS);
    bench.arrive(&[]);
    bench.subscribe("c", 1, Mode::Live, 1, resume);
    assert!(matches!(&bench.arrive(&[])[0], Frame::Subscribed(frame) if !frame.resumed));
}

#[test]
fn a_hand_over_costs_no_resync_and_a_crash_does() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 2, None);
    bench.arrive(&[]);
    bench.arrive(&[]);
    let saved = bench.publisher.save(12, usize::MAX).unwrap();
    assert_eq!(bench.publisher.save(12, saved.len()).as_ref(), Some(&saved));
    assert_eq!(
        bench.publisher.save(12, saved.len() - 1),
        None,
        "more than may be handed over"
    );
    let (restored, through) = Publisher::restore(&saved).unwrap();
    assert_eq!(through, 12);
    assert_eq!(restored.save(12, usize::MAX), Some(saved));
    bench.publisher = restored;
    bench.facts(6_000, 4.0);
    let frames = bench.arrive(&[]);
    let Frame::Update(update) = &frames[0] else {
        panic!("{frames:?}")
    };
    assert_eq!(
        (update.position.epoch, update.position.seq, update.position.prev),
        (7, 3, Some(2))
    );
    assert_eq!(update.rows, [row(1, 6_000, 4.0, false)]);

    let info = ConnectionInfo {
        id: "a".into(),
        client: CLIENT,
        connected_at: bench.now,
    };
    let subscription = Subscription {
        channel: 1,
        topic: topic("FLIGHTS"),
        mode: Mode::Live,
        buckets: 2,
    };
    bench.publisher = Publisher::new(8);
    bench.publisher.load(vec![(info, vec![subscription])]);
    let frames = bench.arrive(&[]);
    let Frame::Resync(resync) = &frames[0] else {
        panic!("{frames:?}")
    };
    assert_eq!(
        (resync.position.epoch, resync.position.prev, resync.reason),
        (8, None, Reason::Restarted)
    );
    assert_eq!(resync.rows, [row(1, 5_940, 2.0, true), row(1, 6_000, 4.0, false)]);
    assert!(matches!(bench.arrive(&[])[..], [Frame::Beat(_)]));
}

#[test]
fn what_is_not_saved_state_is_refused() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 2, None);
    bench.arrive(&[]);
    let saved = String::from_utf8(bench.publisher.save(1, usize::MAX).unwrap()).unwrap();
    let cases = [
        (String::new(), "not readable"),
        ("{}".to_owned(), "not readable"),
        (saved.replace("\"format\":2", "\"format\":1"), "format 1"),
        (saved.replace("/minute", "/second"), "wrong topic"),
        (saved.replace("[5940,\"2\"", "[5940,\"two\""), "wrong row"),
        (saved.replace("[[1,0,\"live\"", "[[1,9,\"live\""), "missing topic"),
    ];
    for (text, part) in cases {
        let error = Publisher::restore(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_connection_that_lags_behind_the_window_is_told() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    for _ in 0..6 {
        for outgoing in bench.tick(Some(&[])) {
            bench
                .publisher
                .failed(&outgoing.connection, Failure::Throttled, bench.now);
        }
        bench.wait(61_000);
    }
    let frames = bench.arrive(&[]);
    assert!(
        matches!(&frames[..], [Frame::Resync(frame)] if frame.reason == Reason::Lagging),
        "{frames:?}"
    );
    assert!(matches!(bench.arrive(&[])[..], [Frame::Beat(_)]));
}

#[test]
fn loading_the_roster_anew_keeps_what_is_known() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.subscribe("b", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    bench.arrive(&[]);
    let of = |id: &str, channels: &[u32]| {
        let info = ConnectionInfo {
            id: id.into(),
            client: CLIENT,
            connected_at: second(6_000),
        };
        let subscription = |channel: &u32| Subscription {
            channel: *channel,
            topic: topic("FLIGHTS"),
            mode: Mode::Live,
            buckets: 1,
        };
        (info, channels.iter().map(subscription).collect::<Vec<_>>())
    };
    bench.publisher.load(vec![of("a", &[1]), of("c", &[4])]);
    let outgoing = bench.tick(Some(&[]));
    assert_eq!(
        outgoing
            .iter()
            .map(|outgoing| outgoing.connection.as_str())
            .collect::<Vec<_>>(),
        ["c"]
    );
    assert!(matches!(&frames(&outgoing)[..], [Frame::Resync(frame)] if frame.reason == Reason::Reloaded));
}

#[test]
fn a_roster_that_comes_while_a_resync_is_on_its_way_is_not_lost() {
    let mut bench = Bench::new();
    let roster = |channels: &[u32]| {
        let subscription = |channel: &u32| Subscription {
            channel: *channel,
            topic: topic("FLIGHTS"),
            mode: Mode::Live,
            buckets: 1,
        };
        let info = ConnectionInfo {
            id: "a".into(),
            client: CLIENT,
            connected_at: second(6_000),
        };
        vec![(info, channels.iter().map(subscription).collect())]
    };
    bench.publisher.load(roster(&[1]));
    let first = bench.tick(Some(&[]));
    bench.publisher.load(roster(&[1, 2]));
    bench.publisher.sent("a", first[0].seq);
    let frames = bench.arrive(&[]);
    assert!(
        matches!(&frames[..], [Frame::Resync(frame)] if frame.topics.len() == 2),
        "{frames:?}"
    );
}

#[test]
fn changes_can_be_applied_twice_and_foreign_topics_never() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        bench.publisher.apply(Change::Connected {
            connection: "a".into(),
            client: CLIENT,
        });
        bench.subscribe("a", 1, Mode::Live, 1, None);
    }
    let foreign = Topic {
        client: Uuid::nil(),
        ..topic("FLIGHTS")
    };
    bench.subscribe_to(
        "a",
        vec![Subscription {
            channel: 9,
            topic: foreign,
            mode: Mode::Live,
            buckets: 1,
        }],
        None,
    );
    assert_eq!(bench.publisher.stats().subscriptions, 1);
    assert_eq!(bench.arrive(&[]).len(), 1);
    for _ in 0..2 {
        bench.publisher.apply(Change::Unsubscribed {
            connection: "a".into(),
            channels: vec![1, 77],
        });
    }
    assert!(bench.publisher.is_idle());
    bench.subscribe("a", 2, Mode::Live, 1, None);
    bench.publisher.apply(Change::Unsubscribed {
        connection: "a".into(),
        channels: vec![2],
    });
    assert!(bench.arrive(&[]).is_empty(), "nobody waits for this answer any more");
}
