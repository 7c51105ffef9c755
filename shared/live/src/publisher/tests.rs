//! One behaviour of the publisher each.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use catalog::Level;
use jiff::Timestamp;
use uuid::Uuid;

use super::grid::later;
use super::{Calendar, ConnectionInfo, Failure, Observed, Outgoing, Publisher, Touched, Verdict};
use crate::{Change, Control, Frame, MAX_ROWS_PER_CONNECTION, Mode, RETAIN_MS, Reason, Resume, Row, Subscription, Topic};

const CLIENT: Uuid = Uuid::from_u128(1);

struct Minutes;

impl Calendar for Minutes {
    fn start(&self, _: Uuid, _: Level, at: Timestamp) -> Timestamp {
        second(at.as_second().div_euclid(60) * 60)
    }

    fn next(&self, _: Uuid, _: Level, start: Timestamp) -> Timestamp {
        second(start.as_second() + 60)
    }

    fn uses(&self, _: &Topic, entity: &str) -> bool {
        entity == "Flight"
    }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn topic(kpi: &str) -> Topic {
    Topic { client: CLIENT, kpi: kpi.into(), period: Level::Minute, filter: BTreeMap::new() }
}

/// A publisher and the minutes that its database has. It starts in the middle of minute 6000.
struct Bench {
    publisher: Publisher,
    now: Timestamp,
    minutes: BTreeMap<i64, f64>,
    statements: usize,
}

impl Bench {
    fn new() -> Bench {
        let minutes = BTreeMap::from([(5_880, 1.0), (5_940, 2.0), (6_000, 3.0)]);
        Bench { publisher: Publisher::new(7), now: second(6_030), minutes, statements: 0 }
    }

    fn subscribe(&mut self, connection: &str, channel: u32, mode: Mode, buckets: u16, resume: Option<Resume>) {
        self.subscribe_to(connection, vec![Subscription { channel, topic: topic("FLIGHTS"), mode, buckets }], resume);
    }

    fn subscribe_to(&mut self, connection: &str, subscriptions: Vec<Subscription>, resume: Option<Resume>) {
        let request = Some(format!("request-{}", subscriptions[0].channel));
        self.publisher.apply(Change::Subscribed { connection: connection.into(), client: CLIENT, request, resume, subscriptions });
    }

    /// Facts arrive: the minute gets this value.
    fn facts(&mut self, minute: i64, value: f64) -> Vec<Touched> {
        self.minutes.insert(minute, value);
        vec![Touched { client: CLIENT, entity: Some("Flight".into()), from: second(minute), to: second(minute + 59) }]
    }

    /// Reads and composes; what is asked for is answered from the minutes.
    fn tick(&mut self, touched: Option<&[Touched]>) -> Vec<Outgoing> {
        for read in self.publisher.reads(self.now, touched, &Minutes) {
            self.statements += 1;
            let range = self.minutes.range(read.from.as_second()..read.to.as_second());
            let values: Vec<_> = range.map(|(minute, value)| Observed { start: second(*minute), value: Some(*value), facts: 1 }).collect();
            self.publisher.observe(&read, &values);
        }
        self.publisher.frames(self.now, &BTreeMap::from([(CLIENT, BTreeMap::from([("Flight".to_owned(), second(6_029))]))]))
    }

    /// A tick of which everything arrives.
    fn arrive(&mut self, touched: &[Touched]) -> Vec<Frame> {
        let outgoing = self.tick(Some(touched));
        for outgoing in &outgoing {
            self.publisher.sent(&outgoing.connection, outgoing.seq);
        }
        frames(&outgoing)
    }

    fn wait(&mut self, milliseconds: i64) {
        self.now = later(self.now, milliseconds);
    }
}

fn frames(outgoing: &[Outgoing]) -> Vec<Frame> {
    outgoing.iter().flat_map(|outgoing| &outgoing.frames).map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn row(channel: u32, bucket: i64, value: f64, closed: bool) -> Row {
    Row { channel, bucket, value: Some(value), facts: 1, closed }
}

fn rows(frame: &Frame) -> Vec<Row> {
    match frame {
        Frame::Subscribed(frame) => frame.rows.clone(),
        Frame::Update(frame) => frame.rows.clone(),
        Frame::Resync(frame) => frame.rows.clone(),
        _ => Vec::new(),
    }
}

#[test]
fn a_snapshot_comes_first_then_only_what_changed() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 2, None);
    bench.subscribe("b", 1, Mode::Live, 1, None);
    let first = bench.arrive(&[]);
    let Frame::Subscribed(subscribed) = &first[0] else { panic!("{first:?}") };
    assert_eq!((subscribed.id.as_deref(), subscribed.resumed, subscribed.position.prev), (Some("request-1"), false, None));
    assert_eq!(subscribed.rows, [row(1, 5_940, 2.0, true), row(1, 6_000, 3.0, false)]);
    assert_eq!(rows(&first[1]), [row(1, 6_000, 3.0, false)]);
    let beats = bench.arrive(&[]);
    assert!(beats.iter().all(|frame| matches!(frame, Frame::Beat(_))), "{beats:?}");
    assert!(bench.arrive(&[]).is_empty());
    let touched = bench.facts(6_000, 4.0);
    let updates = bench.arrive(&touched);
    let Frame::Update(update) = &updates[0] else { panic!("{updates:?}") };
    assert_eq!((update.position.seq, update.position.prev, &update.time), (4, Some(2), &None));
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
    assert_eq!(rows(&bench.arrive(&[])[0]), [row(1, 5_880, 1.0, true), row(1, 5_940, 2.0, true)]);
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
    let open = Row { channel: 1, bucket: 6_060, value: None, facts: 0, closed: false };
    assert_eq!(rows(&update[0]), [row(1, 6_000, 3.0, true), open]);
}

#[test]
fn only_what_may_have_changed_is_read() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 5, None);
    let mut read = |now: i64, touched: Option<&[Touched]>| {
        let reads = bench.publisher.reads(second(now), touched, &Minutes);
        let ranges = reads.iter().map(|read| (read.from.as_second(), read.to.as_second())).collect::<Vec<_>>();
        reads.iter().for_each(|read| bench.publisher.observe(read, &[]));
        bench.publisher.frames(second(now), &BTreeMap::new());
        ranges
    };
    let touched = |client: Uuid, entity: &str, from: i64, to: i64| {
        [Touched { client, entity: Some(entity.to_owned()), from: second(from), to: second(to) }]
    };
    assert_eq!(read(6_030, Some(&[])), [(5_700, 6_060)], "a new topic's window");
    assert_eq!(read(6_031, Some(&[])), [], "nothing happened");
    assert_eq!(read(6_032, Some(&touched(CLIENT, "Flight", 6_001, 6_031))), [(6_000, 6_060)]);
    assert_eq!(read(6_033, Some(&touched(CLIENT, "Flight", 0, 5_770))), [(5_700, 5_820)], "clipped to the window");
    assert_eq!(read(6_034, Some(&touched(CLIENT, "Flight", 0, 60))), [], "before the window");
    assert_eq!(read(6_034, Some(&touched(CLIENT, "Flight", 9_000, 9_001))), [], "after the window");
    assert_eq!(read(6_035, Some(&touched(CLIENT, "Order", 6_001, 6_031))), [], "another entity");
    assert_eq!(read(6_036, Some(&touched(Uuid::nil(), "Flight", 6_001, 6_031))), [], "another client");
    assert_eq!(read(6_060, Some(&[])), [(6_000, 6_120)], "a bucket closed");
    assert_eq!(read(6_061, None), [(5_760, 6_120)], "notifications were missed");
}

#[test]
fn what_could_not_be_read_is_asked_for_again() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    let touched = bench.facts(6_000, 4.0);
    assert_eq!(bench.publisher.reads(bench.now, Some(&touched), &Minutes).len(), 1);
    bench.publisher.frames(bench.now, &BTreeMap::new()).iter().for_each(|sent| bench.publisher.sent(&sent.connection, sent.seq));
    assert_eq!(rows(&bench.arrive(&[])[0]), [row(1, 6_000, 4.0, false)]);
}

#[test]
fn unwatched_and_paused_topics_are_not_read_and_pinned_ones_are() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    let reads = |bench: &mut Bench| bench.publisher.reads(bench.now, None, &Minutes).len();
    let control = |bench: &mut Bench, control| bench.publisher.apply(Change::Control { client: CLIENT, topic: topic("FLIGHTS").id(), control });
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
    bench.publisher.apply(Change::Control { client: Uuid::nil(), topic: topic("FLIGHTS").id(), control: Some(Control::Pinned) });
    assert!(bench.publisher.is_idle(), "another client's control");
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
            assert_eq!(bench.publisher.failed(&outgoing.connection, Failure::Throttled, bench.now), Verdict::Retry);
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
    assert!(pauses.iter().all(|pause| *pause <= 15_050) && pauses[11] >= 10_000, "{pauses:?}");
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
    let Frame::Beat(beat) = bench.arrive(&[]).remove(0) else { panic!("no beat") };
    assert_eq!((beat.time, beat.watermark["Flight"]), (bench.now, second(6_029)));
    bench.wait(4_900);
    assert!(bench.arrive(&[]).is_empty());
    bench.wait(100);
    let touched = bench.facts(6_000, 4.0);
    let frames = bench.arrive(&touched);
    let [Frame::Update(update)] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!((update.time, update.watermark.as_ref().map(BTreeMap::len)), (Some(bench.now), Some(1)));
    assert!(bench.arrive(&[]).is_empty());
}

#[test]
fn a_client_that_returns_gets_the_gap() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 3, None);
    let had = *bench.arrive(&[])[0].position().unwrap();
    let resume = Some(Resume { epoch: had.epoch, seq: had.seq });
    bench.publisher.apply(Change::Disconnected { connection: "a".into() });
    bench.arrive(&[]);
    bench.facts(6_000, 4.0);
    bench.wait(RETAIN_MS - 1_000);
    bench.arrive(&[]);
    bench.subscribe("b", 1, Mode::Live, 3, resume);
    let frames = bench.arrive(&[]);
    let Frame::Subscribed(subscribed) = &frames[0] else { panic!("{frames:?}") };
    let buckets: Vec<_> = subscribed.rows.iter().map(|row| (row.bucket, row.closed)).collect();
    assert_eq!((subscribed.resumed, &buckets[..]), (true, &[(6_000, true), (6_120, false)][..]));

    for wrong in [Resume { epoch: 6, seq: had.seq }, Resume { epoch: 7, seq: 0 }, Resume { epoch: 7, seq: 99 }] {
        let connection = format!("{wrong:?}");
        bench.subscribe(&connection, 1, Mode::Live, 3, Some(wrong));
        let frames = bench.arrive(&[]);
        assert!(frames.iter().any(|frame| matches!(frame, Frame::Subscribed(frame) if !frame.resumed)), "{frames:?}");
    }
}

#[test]
fn a_client_that_returns_late_or_wants_more_gets_everything() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    let had = *bench.arrive(&[])[0].position().unwrap();
    let resume = Some(Resume { epoch: had.epoch, seq: had.seq });
    bench.subscribe("b", 1, Mode::Live, 8, resume);
    let frames = bench.arrive(&[]);
    assert!(frames.iter().any(|frame| matches!(frame, Frame::Subscribed(frame) if !frame.resumed && frame.rows.len() == 3)), "{frames:?}");
    for connection in ["a", "b"] {
        bench.publisher.apply(Change::Disconnected { connection: connection.into() });
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
    let saved = bench.publisher.save(12);
    let (restored, through) = Publisher::restore(&saved).unwrap();
    assert_eq!(through, 12);
    assert_eq!(restored.save(12), saved);
    bench.publisher = restored;
    bench.facts(6_000, 4.0);
    let frames = bench.arrive(&[]);
    let Frame::Update(update) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!((update.position.epoch, update.position.seq, update.position.prev), (7, 3, Some(2)));
    assert_eq!(update.rows, [row(1, 6_000, 4.0, false)]);

    let info = ConnectionInfo { id: "a".into(), client: CLIENT, connected_at: bench.now };
    let subscription = Subscription { channel: 1, topic: topic("FLIGHTS"), mode: Mode::Live, buckets: 2 };
    bench.publisher = Publisher::new(8);
    bench.publisher.load(vec![(info, vec![subscription])]);
    let frames = bench.arrive(&[]);
    let Frame::Resync(resync) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!((resync.position.epoch, resync.position.prev, resync.reason), (8, None, Reason::Restarted));
    assert_eq!(resync.rows, [row(1, 5_940, 2.0, true), row(1, 6_000, 4.0, false)]);
    assert!(matches!(bench.arrive(&[])[..], [Frame::Beat(_)]));
}

#[test]
fn what_is_not_saved_state_is_refused() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 2, None);
    bench.arrive(&[]);
    let saved = String::from_utf8(bench.publisher.save(1)).unwrap();
    let cases = [
        (String::new(), "not readable"),
        ("{}".to_owned(), "not readable"),
        (saved.replace("\"format\":1", "\"format\":2"), "format 2"),
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
            bench.publisher.failed(&outgoing.connection, Failure::Throttled, bench.now);
        }
        bench.wait(61_000);
    }
    let frames = bench.arrive(&[]);
    assert!(matches!(&frames[..], [Frame::Resync(frame)] if frame.reason == Reason::Lagging), "{frames:?}");
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
        let info = ConnectionInfo { id: id.into(), client: CLIENT, connected_at: second(6_000) };
        let subscription = |channel: &u32| Subscription { channel: *channel, topic: topic("FLIGHTS"), mode: Mode::Live, buckets: 1 };
        (info, channels.iter().map(subscription).collect::<Vec<_>>())
    };
    bench.publisher.load(vec![of("a", &[1]), of("c", &[4])]);
    let outgoing = bench.tick(Some(&[]));
    assert_eq!(outgoing.iter().map(|outgoing| outgoing.connection.as_str()).collect::<Vec<_>>(), ["c"]);
    assert!(matches!(&frames(&outgoing)[..], [Frame::Resync(frame)] if frame.reason == Reason::Reloaded));
}

#[test]
fn changes_can_be_applied_twice_and_foreign_topics_never() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        bench.publisher.apply(Change::Connected { connection: "a".into(), client: CLIENT });
        bench.subscribe("a", 1, Mode::Live, 1, None);
    }
    let foreign = Topic { client: Uuid::nil(), ..topic("FLIGHTS") };
    bench.subscribe_to("a", vec![Subscription { channel: 9, topic: foreign, mode: Mode::Live, buckets: 1 }], None);
    assert_eq!(bench.publisher.stats().subscriptions, 1);
    assert_eq!(bench.arrive(&[]).len(), 1);
    for _ in 0..2 {
        bench.publisher.apply(Change::Unsubscribed { connection: "a".into(), channels: vec![1, 77] });
    }
    assert!(bench.publisher.is_idle());
    bench.subscribe("a", 2, Mode::Live, 1, None);
    bench.publisher.apply(Change::Unsubscribed { connection: "a".into(), channels: vec![2] });
    assert!(bench.arrive(&[]).is_empty(), "nobody waits for this answer any more");
}

#[test]
fn rows_of_a_connection_are_bounded() {
    let mut bench = Bench::new();
    let subscription = |channel: u32| Subscription { channel, topic: topic(&format!("K{channel}")), mode: Mode::Live, buckets: 1_440 };
    bench.subscribe_to("a", (1..=10).map(subscription).collect(), None);
    let frames = bench.arrive(&[]);
    let topics = frames.iter().flat_map(|frame| if let Frame::Subscribed(frame) = frame { frame.topics.clone() } else { Vec::new() });
    let granted: Vec<_> = topics.map(|topic| usize::from(topic.buckets)).collect();
    assert_eq!((granted.len(), granted[5], granted[6], granted[7]), (10, 1_440, MAX_ROWS_PER_CONNECTION - 6 * 1_440, 1));
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
fn what_json_cannot_say_is_no_value() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    bench.arrive(&[]);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let touched = bench.facts(6_000, value);
        let frames = bench.arrive(&touched);
        assert!(frames.iter().all(|frame| rows(frame)[0].value.is_none()), "{frames:?}");
    }
    let (zero, minus) = (bench.facts(6_000, 0.0), bench.facts(6_000, -0.0));
    assert_eq!(bench.arrive(&zero).len(), 1);
    assert!(bench.arrive(&minus).is_empty(), "zero has one sign");
}
