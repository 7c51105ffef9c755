//! What is read, and what is made of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::{Bench, CLIENT, Minutes, row, rows, second, topic};
use crate::publisher::{Calendar, Observed, Touched};
use crate::{
    Change, Control, Frame, MAX_TICK_READS, MIN_TICK_SHARERS, Mode, RETAIN_MS, Silence, SilentChannel, Subscription,
    Topic, UNREADABLE_FIRST_MS,
};

#[test]
fn the_open_bucket_has_the_value_of_no_facts() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 5, None);
    for read in bench.publisher.reads(second(6_030), Some(&[]), &Minutes) {
        bench.publisher.observe(&read, &[], Some(&0.into()));
    }
    let frames = super::frames(&bench.publisher.frames(second(6_030), &BTreeMap::new()));
    let open = crate::Row {
        facts: 0,
        ..row(1, 6_000, 0.0, false)
    };
    assert_eq!(
        frames.iter().flat_map(rows).collect::<Vec<_>>(),
        [open],
        "a count without facts is 0"
    );
}

#[test]
fn only_what_may_have_changed_is_read() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 5, None);
    let mut read = |now: i64, touched: Option<&[Touched]>| {
        let reads = bench.publisher.reads(second(now), touched, &Minutes);
        let ranges = reads
            .iter()
            .map(|read| (read.from.as_second(), read.to.as_second()))
            .collect::<Vec<_>>();
        reads.iter().for_each(|read| bench.publisher.observe(read, &[], None));
        bench.publisher.frames(second(now), &BTreeMap::new());
        ranges
    };
    let touched = |client: Uuid, entity: &str, from: i64, to: i64| {
        [Touched {
            client,
            entity: Some(entity.to_owned()),
            from: second(from),
            to: second(to),
        }]
    };
    assert_eq!(read(6_030, Some(&[])), [(5_700, 6_060)], "a new topic's window");
    assert_eq!(read(6_031, Some(&[])), [], "nothing happened");
    assert_eq!(
        read(6_032, Some(&touched(CLIENT, "Flight", 6_001, 6_031))),
        [(6_000, 6_060)]
    );
    assert_eq!(
        read(6_033, Some(&touched(CLIENT, "Flight", 0, 5_770))),
        [(5_700, 5_820)],
        "clipped to the window"
    );
    assert_eq!(
        read(6_034, Some(&touched(CLIENT, "Flight", 0, 60))),
        [],
        "before the window"
    );
    assert_eq!(
        read(6_034, Some(&touched(CLIENT, "Flight", 9_000, 9_001))),
        [],
        "after the window"
    );
    assert_eq!(
        read(6_035, Some(&touched(CLIENT, "Order", 6_001, 6_031))),
        [],
        "another entity"
    );
    assert_eq!(
        read(6_036, Some(&touched(Uuid::nil(), "Flight", 6_001, 6_031))),
        [],
        "another client"
    );
    assert_eq!(read(6_060, Some(&[])), [(6_000, 6_120)], "a bucket closed");
    assert_eq!(read(6_061, None), [(5_760, 6_120)], "notifications were missed");
}

#[test]
fn what_could_not_be_read_is_asked_for_again() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    let touched = bench.facts(6_000, 4.0);
    assert!(matches!(bench.arrive_reading(&[], &touched)[..], [Frame::Beat(_)]));
    assert_eq!(rows(&bench.arrive(&[])[0]), [row(1, 6_000, 4.0, false)]);
}

#[test]
fn a_bucket_that_was_open_is_finished_also_when_it_left_the_window_meanwhile() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.subscribe("b", 1, Mode::Live, 8, None);
    bench.arrive(&[]);
    bench.wait(200_000);
    assert!(
        bench
            .arrive_reading(&[], &[])
            .iter()
            .all(|frame| matches!(frame, Frame::Beat(_)))
    );
    let updates = bench.arrive(&[]);
    assert_eq!(updates.len(), 2);
    assert!(
        updates.iter().all(|update| rows(update)[0] == row(1, 6_000, 3.0, true)),
        "{updates:?}"
    );
}

/// Clients whose definitions can't be had just now.
struct Unknown;

impl Calendar for Unknown {
    fn knows(&self, _: Uuid) -> bool {
        false
    }

    fn start(&self, _: &Topic, _: Timestamp) -> Timestamp {
        panic!("buckets of a client that is not known")
    }

    fn next(&self, topic: &Topic, start: Timestamp) -> Timestamp {
        self.start(topic, start)
    }
}

#[test]
fn whose_buckets_are_not_known_is_read_when_they_are() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    assert!(bench.publisher.reads(bench.now, None, &Unknown).is_empty());
    assert!(bench.publisher.has_reads_due(bench.now));
    assert_eq!(bench.publisher.reads(bench.now, Some(&[]), &Minutes).len(), 1);
}

#[test]
fn unwatched_and_paused_topics_are_not_read_and_pinned_ones_are() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    let reads = |bench: &mut Bench| bench.publisher.reads(bench.now, None, &Minutes).len();
    let control = |bench: &mut Bench, control| {
        bench.publisher.apply(Change::Control {
            client: CLIENT,
            topic: topic("FLIGHTS").id(),
            control,
        })
    };
    assert_eq!(reads(&mut bench), 1);
    control(&mut bench, Some(Control::Paused));
    assert_eq!(reads(&mut bench), 0);
    control(&mut bench, None);
    assert_eq!(reads(&mut bench), 1);
    bench.publisher.apply(Change::Disconnected { connection: "a".into() });
    assert!(bench.publisher.is_idle());
    assert_eq!(reads(&mut bench), 0);
    control(&mut bench, Some(Control::Pinned));
    assert!(!bench.publisher.is_idle());
    assert_eq!(reads(&mut bench), 1);
    assert_eq!(bench.publisher.stats().topics[0].subscribers, 0);
    control(&mut bench, None);
    reads(&mut bench);
    bench.wait(RETAIN_MS);
    reads(&mut bench);
    assert!(bench.publisher.stats().topics.is_empty(), "forgotten after a while");
    bench.publisher.apply(Change::Control {
        client: Uuid::nil(),
        topic: topic("FLIGHTS").id(),
        control: Some(Control::Pinned),
    });
    assert!(bench.publisher.is_idle(), "another client's control");
}

#[test]
fn a_topic_is_read_once_for_all_who_watch_it() {
    let mut bench = Bench::new();
    for index in 0..50 {
        bench.subscribe(&format!("connection-{index}"), 1, Mode::Live, 1 + index % 5, None);
    }
    assert_eq!(bench.arrive(&[]).len(), 50);
    assert_eq!(bench.statements, 1);
    let touched = bench.facts(6_000, 4.0);
    assert_eq!(bench.arrive(&touched).len(), 50);
    assert_eq!(bench.statements, 2);
}

#[test]
fn a_change_of_the_last_digit_is_one_and_no_digit_is_lost() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    bench.arrive(&[]);
    // The nearest float of both is the first.
    for digits in ["9007199254740992", "9007199254740993"] {
        let value: formula::Number = digits.parse().unwrap();
        let touched = bench.facts_of(6_000, value.clone());
        let frames = bench.arrive(&touched);
        assert_eq!(rows(&frames[0])[0].value, Some(value), "{frames:?}");
    }
    let (zero, minus) = (bench.facts(6_000, 0.0), bench.facts(6_000, -0.0));
    assert_eq!(bench.arrive(&zero).len(), 1);
    assert!(bench.arrive(&minus).is_empty(), "zero has one sign");
}

fn control(bench: &mut Bench, control: Option<Control>) {
    bench.publisher.apply(Change::Control {
        client: CLIENT,
        topic: topic("FLIGHTS").id(),
        control,
    });
}

/// What the frames say of the silence of channel 1.
fn told(frames: &[Frame]) -> Vec<Option<Silence>> {
    let of = |silent: &[SilentChannel]| silent.iter().map(|silent| silent.why).collect::<Vec<_>>();
    frames
        .iter()
        .flat_map(|frame| match frame {
            Frame::Update(update) => of(&update.silent),
            Frame::Subscribed(subscribed) => subscribed.topics.iter().map(|topic| topic.silent).collect(),
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn a_pause_is_told_once_and_so_is_its_end_with_what_changed_meanwhile() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    assert_eq!(told(&bench.arrive(&[])), [None]);
    control(&mut bench, Some(Control::Paused));
    assert_eq!(told(&bench.arrive(&[])), [Some(Silence::Paused)]);
    control(&mut bench, Some(Control::Paused));
    let touched = bench.facts(6_000, 9.0);
    assert!(bench.arrive(&touched).is_empty(), "nothing is told twice");
    bench.subscribe("b", 1, Mode::Live, 1, None);
    assert_eq!(
        told(&bench.arrive(&[])),
        [Some(Silence::Paused)],
        "who comes later hears of it too"
    );
    control(&mut bench, None);
    for update in bench.arrive(&[]) {
        assert_eq!(told(std::slice::from_ref(&update)), [None]);
        assert_eq!(rows(&update), [row(1, 6_000, 9.0, false)]);
    }
}

#[test]
fn a_pause_that_ends_before_a_tick_is_over() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    control(&mut bench, Some(Control::Paused));
    control(&mut bench, None);
    assert_eq!(told(&bench.arrive(&[])), [None]);
}

#[test]
fn what_is_refused_is_told_and_read_again_after_a_pause_and_holds_nobody_up() {
    let mut bench = Bench::new();
    let subscription = |channel, kpi: &str| crate::Subscription {
        channel,
        topic: topic(kpi),
        mode: Mode::Live,
        buckets: 1,
    };
    bench.subscribe_to("a", vec![subscription(1, "LARGE"), subscription(2, "FLIGHTS")], None);
    let reads = bench.publisher.reads(bench.now, Some(&[]), &Minutes);
    for read in &reads {
        if read.topic.kpi == "LARGE" {
            bench.publisher.refuse(read, bench.now);
        } else {
            bench.read(read);
        }
    }
    let outgoing = bench.publisher.frames(bench.now, &BTreeMap::new());
    bench.publisher.sent("a", outgoing[0].seq);
    let subscribed = super::frames(&outgoing);
    assert_eq!(told(&subscribed), [Some(Silence::Unreadable), None]);
    assert_eq!(
        rows(&subscribed[0]),
        [row(2, 6_000, 3.0, false)],
        "the other topic is there"
    );
    bench.wait(UNREADABLE_FIRST_MS - 1);
    assert!(
        bench
            .publisher
            .reads(bench.now, None, &Minutes)
            .iter()
            .all(|read| read.topic.kpi != "LARGE")
    );
    bench.wait(1);
    let updates = bench.arrive(&[]);
    assert_eq!(told(&updates), [None]);
    assert!(rows(&updates[0]).contains(&row(1, 6_000, 3.0, false)), "{updates:?}");
}

/// One client with more topics than a tick reads does not hold up another.
#[test]
fn a_client_with_many_topics_gets_its_share_and_another_all_it_needs() {
    let mut bench = Bench::new();
    let loud = Uuid::from_u128(0xA);
    let many = MAX_TICK_READS;
    for index in 0..many {
        let topic = Topic {
            client: loud,
            ..topic(&format!("K{index}"))
        };
        bench.publisher.apply(Change::Subscribed {
            connection: format!("loud-{}", index / 500),
            client: loud,
            request: None,
            resume: None,
            subscriptions: vec![Subscription {
                channel: u32::try_from(index).unwrap() + 1,
                topic,
                mode: Mode::Live,
                buckets: 1,
            }],
        });
    }
    bench.subscribe("quiet", 1, Mode::Live, 1, None);
    let (mut read, mut ticks) = (BTreeSet::new(), 0);
    while ticks == 0 || bench.publisher.has_reads_apart_due(bench.now) {
        let reads = bench.publisher.reads(bench.now, Some(&[]), &Minutes);
        let ours = usize::from(ticks == 0);
        assert_eq!(
            reads.len(),
            ours,
            "the other has its values in the first tick, and alone"
        );
        reads.iter().for_each(|read| assert_eq!(read.topic.client, CLIENT));
        let apart = bench.publisher.reads_apart(bench.now, &Minutes);
        assert!(apart.len() <= many / MIN_TICK_SHARERS, "a share is bounded");
        for one in reads.iter().chain(&apart) {
            bench.publisher.observe(one, &[], None);
            read.insert(one.topic.clone());
        }
        bench.publisher.end_apart();
        ticks += 1;
    }
    assert_eq!(
        (read.len(), ticks),
        (many + 1, MIN_TICK_SHARERS),
        "all are read in the end"
    );
}

#[test]
fn what_is_touched_while_a_client_is_read_apart_is_read_after_it() {
    let mut bench = Bench::new();
    bench.publisher.tick_topics = 0;
    bench.subscribe("a", 1, Mode::Live, 1, None);
    assert!(bench.publisher.reads(bench.now, Some(&[]), &Minutes).is_empty());
    assert!(!bench.publisher.has_reads_due(bench.now) && bench.publisher.has_reads_apart_due(bench.now));
    let apart = bench.publisher.reads_apart(bench.now, &Minutes);
    assert_eq!(apart.len(), 1);
    // A commit that the reading does not see, and ticks that go on.
    let touched = bench.facts(6_000, 4.0);
    bench.publisher.touch(Some(&touched));
    assert!(!bench.publisher.has_reads_apart_due(bench.now));
    assert!(bench.publisher.reads_apart(bench.now, &Minutes).is_empty());
    assert!(bench.arrive(&[]).is_empty(), "what is not read is not told");
    let old = Observed {
        start: second(6_000),
        value: Some(3.into()),
        facts: 1,
    };
    bench.publisher.observe(&apart[0], &[old], None);
    bench.publisher.end_apart();
    assert_eq!(rows(&bench.arrive(&[])[0]), [row(1, 6_000, 3.0, false)]);
    assert!(bench.publisher.has_reads_apart_due(bench.now));
    let again = bench.publisher.reads_apart(bench.now, &Minutes);
    again.iter().for_each(|read| bench.read(read));
    bench.publisher.end_apart();
    assert_eq!(rows(&bench.arrive(&[])[0]), [row(1, 6_000, 4.0, false)]);
}

#[test]
fn what_was_read_apart_is_told_as_a_whole_though_a_frame_was_sent_since() {
    let mut bench = Bench::new();
    bench.publisher.tick_topics = 0;
    bench.subscribe("a", 1, Mode::Live, 3, None);
    bench.subscribe("b", 2, Mode::Live, 20, None);
    let first = bench.publisher.reads_apart(bench.now, &Minutes);
    first.iter().for_each(|read| bench.read(read));
    bench.publisher.end_apart();
    bench.arrive(&[]);
    bench.wait(120_000);
    let touched = bench.facts(6_060, 4.0);
    bench.publisher.touch(Some(&touched));
    let apart = bench.publisher.reads_apart(bench.now, &Minutes);
    bench.wait(400_000);
    let meanwhile = bench.arrive(&[]);
    assert!(
        matches!(meanwhile[..], [Frame::Beat(_), Frame::Beat(_)]),
        "{meanwhile:?}"
    );
    apart.iter().for_each(|read| bench.read(read));
    bench.publisher.end_apart();
    // The next reading is of a later window.
    bench.publisher.reads_apart(bench.now, &Minutes);
    let told = rows(&bench.arrive(&[])[0]);
    assert!(told.contains(&row(1, 6_060, 4.0, true)), "{told:?}");
}

#[test]
fn a_topic_that_is_paused_while_it_is_read_apart_is_read_as_a_whole_when_it_goes_on() {
    let mut bench = Bench::new();
    bench.publisher.tick_topics = 0;
    bench.subscribe("a", 1, Mode::Live, 1, None);
    let apart = bench.publisher.reads_apart(bench.now, &Minutes);
    control(&mut bench, Some(Control::Paused));
    apart.iter().for_each(|read| bench.read(read));
    bench.publisher.end_apart();
    control(&mut bench, None);
    let again = bench.publisher.reads_apart(bench.now, &Minutes);
    assert_eq!(again, apart, "whatever was read of it");
    again.iter().for_each(|read| bench.read(read));
    bench.publisher.end_apart();
    let frames = bench.arrive(&[]);
    assert!(
        matches!(&frames[0], Frame::Subscribed(frame) if frame.topics[0].silent.is_none()),
        "{frames:?}"
    );
}

#[test]
fn a_topic_that_is_paused_while_it_is_read_apart_is_paused_though_it_can_not_be_read() {
    let mut bench = Bench::new();
    bench.publisher.tick_topics = 0;
    bench.subscribe("a", 1, Mode::Live, 1, None);
    let apart = bench.publisher.reads_apart(bench.now, &Minutes);
    control(&mut bench, Some(Control::Paused));
    apart.iter().for_each(|read| bench.publisher.refuse(read, bench.now));
    bench.publisher.end_apart();
    let frames = bench.arrive(&[]);
    assert!(
        matches!(&frames[0], Frame::Subscribed(frame) if frame.topics[0].silent == Some(Silence::Paused)),
        "{frames:?}"
    );
}

#[test]
fn a_snapshot_of_more_than_was_looked_at_waits_until_that_is_read_too() {
    let mut bench = Bench::new();
    bench.publisher.tick_topics = 0;
    let read_apart = |bench: &mut Bench| {
        let reads = bench.publisher.reads_apart(bench.now, &Minutes);
        reads.iter().for_each(|read| bench.read(read));
        bench.publisher.end_apart();
    };
    bench.subscribe("a", 1, Mode::Live, 1, None);
    read_apart(&mut bench);
    bench.arrive(&[]);
    let touched = bench.facts(6_000, 4.0);
    bench.publisher.touch(Some(&touched));
    let apart = bench.publisher.reads_apart(bench.now, &Minutes);
    bench.subscribe("b", 2, Mode::Live, 3, None);
    apart.iter().for_each(|read| bench.read(read));
    bench.publisher.end_apart();
    let is_snapshot = |frame: &Frame| matches!(frame, Frame::Subscribed(_));
    assert!(
        !bench.arrive(&[]).iter().any(is_snapshot),
        "the minutes before are not known"
    );
    read_apart(&mut bench);
    let frames = bench.arrive(&[]);
    let snapshot = frames.iter().find(|frame| is_snapshot(frame)).unwrap();
    assert_eq!(
        rows(snapshot),
        [
            row(2, 5_880, 1.0, true),
            row(2, 5_940, 2.0, true),
            row(2, 6_000, 4.0, false)
        ]
    );
}
