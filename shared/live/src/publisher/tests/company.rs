//! Who is read apart, in whose company, and how much of one client is kept.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Bench, CLIENT, Minutes, topic};
use crate::{Change, Mode, RETAIN_MS, Subscription, Topic};

/// A connection of a client subscribes to KPIs, so many buckets of each.
fn watch(bench: &mut Bench, connection: String, client: Uuid, kpis: impl IntoIterator<Item = (String, u16)>) {
    let subscription = |(index, (kpi, buckets)): (usize, (String, u16))| Subscription {
        channel: u32::try_from(index).unwrap() + 1,
        topic: Topic { client, ..topic(&kpi) },
        mode: Mode::Live,
        buckets,
    };
    bench.publisher.apply(Change::Subscribed {
        connection,
        client,
        request: None,
        resume: None,
        subscriptions: kpis.into_iter().enumerate().map(subscription).collect(),
    });
}

/// Another client, with so many topics, of which the first has so many buckets and all others one.
fn subscribe_other(bench: &mut Bench, client: Uuid, topics: usize, buckets: u16) {
    let kpis = (0..topics).map(|index| (format!("K{index}"), if index == 0 { buckets } else { 1 }));
    watch(bench, format!("of-{client}"), client, kpis);
}

/// One of these topics takes too long, in whatever company: reads apart until it stands alone, and tells how often that was.
fn narrow(bench: &mut Bench, slow: &str) -> usize {
    for turn in 1..64 {
        let reads = bench.publisher.reads_apart(bench.now, &Minutes);
        let is_slow = reads.iter().any(|read| read.topic.kpi == slow);
        for read in &reads {
            if is_slow {
                bench.publisher.suspect(read, reads.len(), bench.now);
            } else {
                bench.read(read);
            }
        }
        bench.publisher.end_apart();
        if is_slow && reads.len() == 1 {
            return turn;
        }
    }
    panic!("it never stood alone");
}

#[test]
fn who_takes_too_long_is_read_apart_until_the_topic_at_fault_stands_alone() {
    let mut bench = Bench::new();
    let suspect = Uuid::from_u128(0xA);
    subscribe_other(&mut bench, suspect, 8, 1);
    bench.subscribe("quiet", 1, Mode::Live, 1, None);
    for read in bench.publisher.reads(bench.now, Some(&[]), &Minutes) {
        match read.topic.client == suspect {
            true => bench.publisher.suspect(&read, 8, bench.now),
            false => bench.read(&read),
        }
    }
    assert!(!bench.publisher.has_reads_left(), "no tick asks for it again");
    assert!(
        bench
            .publisher
            .reads(bench.now, None, &Minutes)
            .iter()
            .all(|read| read.topic.client == CLIENT)
    );
    // 4, 2, 1; and the others in between.
    let turns = narrow(&mut bench, "K5");
    assert!(turns <= 8, "{turns} turns");
    let saved = bench.publisher.save(1, usize::MAX).unwrap();
    bench.publisher = crate::Publisher::restore(&saved).unwrap().0;
    let asked = |bench: &mut Bench| {
        let mut asked = BTreeSet::new();
        for _ in 0..16 {
            let reads = bench.publisher.reads_apart(bench.now, &Minutes);
            asked.extend(reads.iter().map(|read| read.topic.kpi.clone()));
            reads.iter().for_each(|read| bench.read(read));
            bench.publisher.end_apart();
        }
        asked.contains("K5")
    };
    bench.wait(crate::UNREADABLE_LAST_MS);
    assert!(!asked(&mut bench), "it is left alone, also by who goes on");
    watch(&mut bench, "again".to_owned(), suspect, [("K5".to_owned(), 1)]);
    assert!(asked(&mut bench), "somebody new wants to see it");
    bench.wait(crate::SUSPECT_MS);
    bench.publisher.reads_apart(bench.now, &Minutes);
    bench.publisher.end_apart();
    assert!(
        bench
            .publisher
            .reads(bench.now, None, &Minutes)
            .iter()
            .any(|read| read.topic.client == suspect),
        "nothing took too long for a while"
    );
}

#[test]
fn those_who_are_read_apart_have_their_turns() {
    let mut bench = Bench::new();
    let clients = [1, 2, 3].map(Uuid::from_u128);
    bench.publisher.tick_topics = 0;
    clients
        .iter()
        .for_each(|client| subscribe_other(&mut bench, *client, 1, 1));
    let turn = |bench: &mut Bench, rest_ms: i64| {
        bench.publisher.touch(None);
        let reads = bench.publisher.reads_apart(bench.now, &Minutes);
        bench
            .publisher
            .rest_apart(crate::publisher::grid::later(bench.now, rest_ms));
        bench.publisher.end_apart();
        reads.first().map(|read| read.topic.client)
    };
    let turns: Vec<_> = (0..4).map(|_| turn(&mut bench, 0)).collect();
    assert_eq!(turns, [0, 1, 2, 0].map(|index| Some(clients[index])));
    // The second one takes long.
    assert_eq!(turn(&mut bench, 9_000), Some(clients[1]));
    let turns: Vec<_> = (0..3).map(|_| turn(&mut bench, 0)).collect();
    assert_eq!(turns, [2, 0, 2].map(|index| Some(clients[index])), "others go on");
    bench.wait(9_000);
    assert_eq!(turn(&mut bench, 0), Some(clients[0]));
    assert_eq!(turn(&mut bench, 0), Some(clients[1]));
}

#[test]
fn few_topics_with_long_windows_are_many() {
    let mut bench = Bench::new();
    let wide = Uuid::from_u128(0xA);
    subscribe_other(&mut bench, wide, 1, crate::MAX_BUCKETS);
    let count = |bench: &mut Bench| bench.publisher.reads(bench.now, None, &Minutes).len();
    assert_eq!(count(&mut bench), 1, "one of them is nothing");
    let many = crate::MAX_TICK_BUCKETS / usize::from(crate::MAX_BUCKETS) + 1;
    for index in 1..=many {
        let kpi = (format!("W{index}"), crate::MAX_BUCKETS);
        watch(&mut bench, format!("wide-{index}"), wide, [kpi]);
    }
    assert_eq!(count(&mut bench), 0);
    assert_eq!(bench.publisher.reads_apart(bench.now, &Minutes).len(), many + 1);
    bench.publisher.end_apart();
    for index in 1..=many {
        bench.publisher.apply(Change::Disconnected {
            connection: format!("wide-{index}"),
        });
    }
    for _ in 0..2 {
        bench.publisher.touch(None);
        bench.publisher.reads_apart(bench.now, &Minutes);
        bench.publisher.end_apart();
        bench.wait(RETAIN_MS);
    }
    assert_eq!(count(&mut bench), 1, "they are watched no more");
}

#[test]
fn a_client_has_so_many_buckets_and_no_more_however_many_connections_ask() {
    let mut bench = Bench::new();
    let wide = Uuid::from_u128(0xA);
    let topics = crate::MAX_ROWS_PER_CLIENT / usize::from(crate::MAX_BUCKETS) + 50;
    let subscribe = |bench: &mut Bench, connection: String, kpi: String| {
        watch(bench, connection, wide, [(kpi, crate::MAX_BUCKETS)]);
    };
    for index in 0..topics {
        subscribe(&mut bench, format!("wide-{index:03}"), format!("W{index:03}"));
    }
    let most = crate::MAX_ROWS_PER_CLIENT + 50;
    let kept = |bench: &Bench| bench.publisher.topics.clients[&wide].buckets;
    assert!(kept(&bench) <= most, "{} buckets", kept(&bench));
    bench.publisher.touch(None);
    bench.publisher.reads_apart(bench.now, &Minutes);
    bench.publisher.end_apart();
    assert!(kept(&bench) <= most, "{} buckets", kept(&bench));
    // Who watches what is there already has all of it, and another client what it asks.
    subscribe(&mut bench, "again".to_owned(), "W000".to_owned());
    let granted = |bench: &Bench, connection: &str| bench.publisher.connections[connection].channels[&1].buckets;
    assert_eq!(granted(&bench, "again"), crate::MAX_BUCKETS);
    assert_eq!(granted(&bench, &format!("wide-{:03}", topics - 1)), 1);
    bench.subscribe("other", 1, Mode::Live, 60, None);
    assert_eq!(granted(&bench, "other"), 60);
}

#[test]
fn whose_definitions_changed_is_read_anew_and_nobody_else() {
    let mut bench = Bench::new();
    let other = Uuid::from_u128(0xA);
    subscribe_other(&mut bench, other, 1, 1);
    bench.subscribe("a", 1, Mode::Live, 1, None);
    bench.arrive(&[]);
    bench.publisher.doubt(other);
    let reads = bench.publisher.reads(bench.now, Some(&[]), &Minutes);
    assert_eq!(reads.iter().map(|read| read.topic.client).collect::<Vec<_>>(), [other]);
}

#[test]
fn whose_database_is_gone_is_asked_for_again_after_a_pause() {
    let mut bench = Bench::new();
    bench.subscribe("a", 1, Mode::Live, 1, None);
    assert_eq!(bench.publisher.reads(bench.now, Some(&[]), &Minutes).len(), 1);
    bench.publisher.postpone(CLIENT, bench.now);
    assert!(!bench.publisher.has_reads_left() && !bench.publisher.has_reads_due(bench.now));
    bench.wait(crate::POSTPONE_MS);
    assert_eq!(bench.publisher.reads(bench.now, Some(&[]), &Minutes).len(), 1);
}
