//! Never a silent hole: a publisher, a database, a registry, and clients that follow the documentation, under every failure that was thought of.
//!
//! After each step that a client applies, what it shows is compared with what was last read; after everything calmed down, with
//! the facts themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod calendar;
mod checks;
mod client;
mod registry;
mod world;

use catalog::Period;
use proptest::prelude::*;

use crate::{Control, Mode};
use client::Key;
use world::World;

/// What can happen.
#[derive(Debug, Clone)]
enum Op {
    /// Facts of a KPI in a minute, counted back from now, become so many; none are retracted ones.
    Facts {
        kpi: usize,
        minutes_back: i64,
        facts: u64,
    },
    Wait {
        milliseconds: i64,
    },
    Tick {
        trusted: bool,
        failing: u8,
        posts: Vec<Post>,
    },
    Subscribe {
        client: usize,
        keys: Vec<Key>,
    },
    Unsubscribe {
        client: usize,
        nth: usize,
    },
    /// The connection breaks; the registry may hear of it.
    Break {
        client: usize,
        noticed: bool,
    },
    Reconnect {
        client: usize,
    },
    /// The publisher passes its state on and is away for a while.
    HandOver {
        milliseconds: i64,
    },
    /// The publisher vanishes.
    Crash,
    /// From now on changes do not reach the publisher.
    LoseChanges,
    /// The publisher reads the registry's list again.
    Reload,
    Control {
        kpi: usize,
        period: Period,
        control: Option<Control>,
    },
    /// What was posted long ago arrives after all.
    LateArrivals,
    /// What was being read apart since a tick before is there.
    ReadApart {
        failing: u8,
    },
    /// The outstanding reports come in.
    Reports {
        sent: bool,
    },
}

/// What becomes of what is posted to a connection in a tick.
#[derive(Debug, Clone, Copy)]
enum Post {
    Arrives,
    /// Arrives, and the report comes in a later tick.
    ArrivesReportedLater,
    /// Arrives, and is reported as failed.
    ArrivesDoubted,
    /// Only the first frame arrives.
    ArrivesInPart,
    /// Is reported as failed and arrives later.
    ArrivesLate,
    /// Does not arrive.
    Fails {
        throttled: bool,
    },
    /// Does not arrive and is reported as sent.
    Vanishes,
}

const KPIS: [&str; 3] = ["FLIGHTS", "DELAY", "DISTANCE"];
const CLIENTS: usize = 3;

fn period() -> impl Strategy<Value = Period> {
    prop_oneof![5 => Just(Period::Minute), 1 => Just(Period::Hour), 1 => Just(Period::Day), 2 => Just(Period::Month)]
}

fn key() -> impl Strategy<Value = Key> {
    let mode = prop_oneof![3 => Just(Mode::Live), 1 => Just(Mode::Closed)];
    (
        0..KPIS.len(),
        period(),
        mode,
        prop_oneof![Just(1_u16), Just(3), Just(8)],
    )
        .prop_map(|(kpi, period, mode, buckets)| (KPIS[kpi].to_owned(), period, mode, buckets))
}

fn post() -> impl Strategy<Value = Post> {
    prop_oneof![
        8 => Just(Post::Arrives),
        1 => Just(Post::ArrivesReportedLater),
        2 => Just(Post::ArrivesDoubted),
        2 => Just(Post::ArrivesInPart),
        2 => Just(Post::ArrivesLate),
        3 => any::<bool>().prop_map(|throttled| Post::Fails { throttled }),
        1 => Just(Post::Vanishes),
    ]
}

fn wait() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(100), 4 => Just(1_000), 3 => Just(11_000), 3 => Just(61_000), 1 => Just(115_000), 1 => Just(200_000), 1 => Just(3_700_000)]
}

fn tick() -> impl Strategy<Value = Op> {
    let failing = prop_oneof![4 => Just(0_u8), 1 => any::<u8>()];
    (
        proptest::bool::weighted(0.9),
        failing,
        proptest::collection::vec(post(), 1..4),
    )
        .prop_map(|(trusted, failing, posts)| Op::Tick {
            trusted,
            failing,
            posts,
        })
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    let control = prop_oneof![2 => Just(None), 1 => Just(Some(Control::Paused)), 1 => Just(Some(Control::Pinned))];
    prop_oneof![
        8 => (0..KPIS.len(), prop_oneof![4 => Just(0_i64), 2 => 0_i64..4, 1 => -1_i64..12], 0_u64..4)
            .prop_map(|(kpi, minutes_back, facts)| Op::Facts { kpi, minutes_back, facts }),
        5 => wait().prop_map(|milliseconds| Op::Wait { milliseconds }),
        14 => tick(),
        4 => (client.clone(), proptest::collection::vec(key(), 1..4)).prop_map(|(client, keys)| Op::Subscribe { client, keys }),
        1 => (client.clone(), 0_usize..4).prop_map(|(client, nth)| Op::Unsubscribe { client, nth }),
        2 => (client.clone(), any::<bool>()).prop_map(|(client, noticed)| Op::Break { client, noticed }),
        4 => client.prop_map(|client| Op::Reconnect { client }),
        1 => wait().prop_map(|milliseconds| Op::HandOver { milliseconds }),
        1 => Just(Op::Crash),
        1 => Just(Op::LoseChanges),
        2 => Just(Op::Reload),
        1 => (0..KPIS.len(), period(), control).prop_map(|(kpi, period, control)| Op::Control { kpi, period, control }),
        1 => Just(Op::LateArrivals),
        6 => prop_oneof![4 => Just(0_u8), 1 => any::<u8>()].prop_map(|failing| Op::ReadApart { failing }),
        2 => any::<bool>().prop_map(|sent| Op::Reports { sent }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn never_a_silent_hole(tick_bytes in prop_oneof![2 => Just(1 << 20), 1 => Just(300_usize)], tick_topics in prop_oneof![Just(256_usize), Just(0)], ops in proptest::collection::vec(op(), 1..120)) {
        let mut world = World::new(tick_bytes, tick_topics);
        for op in ops {
            world.happen(op);
        }
        world.calm_down();
        world.check_against_facts();
    }
}
