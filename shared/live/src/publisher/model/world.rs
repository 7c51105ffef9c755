//! Everything around the publisher: time, facts, the registry, and a network that fails as it is told.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Period;
use formula::Number;
use jiff::Timestamp;
use uuid::Uuid;

use super::calendar::{ClientsOwn, instant, period_end, period_start};
use super::client::{Client, Received};
use super::{CLIENTS, KPIS, Op, Post};
use crate::publisher::grid::later;
use crate::publisher::{ConnectionInfo, Failure, Observed, Outgoing, Publisher, TopicRead, Touched, Verdict};
use crate::{Control, SLOW_PAUSE_MS, Subscription, Topic};

pub(super) const TENANT: Uuid = Uuid::from_u128(7);

/// Value and facts.
pub(super) type Cell = (Option<Number>, u64);

/// What was read of a topic, and which bucket was open then.
#[derive(Debug, Default)]
pub(super) struct LastRead {
    pub(super) head: i64,
    pub(super) cells: BTreeMap<i64, Cell>,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) publisher: Publisher,
    pub(super) epoch: u64,
    pub(super) tick_bytes: usize,
    pub(super) tick_topics: usize,
    /// What is being read apart, with what the database said when that was begun.
    pub(super) apart: Vec<(TopicRead, LastRead)>,
    /// Facts of each KPI by minute.
    pub(super) facts: [BTreeMap<i64, u64>; KPIS.len()],
    pub(super) touched: Vec<Touched>,
    pub(super) reads: BTreeMap<(String, Period), LastRead>,
    pub(super) registry: BTreeMap<String, (ConnectionInfo, Vec<Subscription>)>,
    pub(super) controls: BTreeMap<String, Control>,
    /// Topics that were paused or refused and not read since: what is shown of them is from before.
    pub(super) behind: BTreeSet<String>,
    pub(super) clients: Vec<Client>,
    pub(super) connections: usize,
    /// The number of the next channel; none is used twice.
    pub(super) channels: u32,
    /// Whether the publisher does not hear of changes, until it reads the registry's list again.
    pub(super) is_deaf: bool,
    /// Connections to which something was reported as sent that did not arrive.
    pub(super) vanished: BTreeSet<String>,
    pub(super) late: Vec<(usize, String, String)>,
    pub(super) unreported: Vec<Outgoing>,
}

impl World {
    pub(super) fn new(tick_bytes: usize, tick_topics: usize) -> World {
        let mut world = World {
            now: instant(1_763_719_230),
            publisher: Publisher::new(1),
            epoch: 1,
            tick_bytes,
            tick_topics,
            apart: Vec::new(),
            facts: Default::default(),
            touched: Vec::new(),
            reads: BTreeMap::new(),
            registry: BTreeMap::new(),
            controls: BTreeMap::new(),
            behind: BTreeSet::new(),
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            connections: 0,
            channels: 1,
            is_deaf: false,
            vanished: BTreeSet::new(),
            late: Vec::new(),
            unreported: Vec::new(),
        };
        world.publisher.tick_bytes = tick_bytes;
        world.publisher.tick_topics = tick_topics;
        world
    }

    pub(super) fn happen(&mut self, op: Op) {
        match op {
            Op::Facts {
                kpi,
                minutes_back,
                facts,
            } => self.set_facts(kpi, minutes_back, facts),
            Op::Wait { milliseconds } => self.now = later(self.now, milliseconds),
            Op::Tick {
                trusted,
                failing,
                posts,
            } => self.tick(trusted, failing, &posts),
            Op::Subscribe { client, keys } => self.subscribe_new(client, keys),
            Op::Unsubscribe { client, nth } => self.unsubscribe(client, nth),
            Op::Break { client, noticed } => self.break_off(client, noticed),
            Op::Reconnect { client } => self.reconnect(client),
            Op::HandOver { milliseconds } => self.hand_over(milliseconds),
            Op::Crash => self.crash(),
            Op::LoseChanges => self.is_deaf = true,
            Op::Reload => self.load(),
            Op::Control { kpi, period, control } => self.control(kpi, period, control),
            Op::LateArrivals => self.late_arrivals(),
            Op::ReadApart { failing } => self.end_apart(failing),
            Op::Reports { sent } => self.reports(sent),
        }
    }

    pub(super) fn set_facts(&mut self, kpi: usize, minutes_back: i64, facts: u64) {
        let second = self.now.as_second() - minutes_back * 60;
        if facts == 0 {
            self.facts[kpi].remove(&period_start(Period::Minute, second));
        } else {
            self.facts[kpi].insert(period_start(Period::Minute, second), facts);
        }
        let (from, to) = (instant(second), instant(second));
        self.touched.push(Touched {
            client: TENANT,
            entity: Some(KPIS[kpi].to_owned()),
            from,
            to,
        });
    }

    /// What the database answers for one bucket.
    pub(super) fn cell(&self, kpi: &str, period: Period, start: i64) -> Cell {
        let kpi = KPIS.iter().position(|known| *known == kpi).unwrap();
        let facts: u64 = self.facts[kpi]
            .range(start..period_end(period, start))
            .map(|(_, facts)| facts)
            .sum();
        (
            (facts > 0).then(|| Number::of_float(facts as f64 / 4.0)).flatten(),
            facts,
        )
    }

    pub(super) fn tick(&mut self, trusted: bool, failing: u8, posts: &[Post]) {
        let touched = std::mem::take(&mut self.touched);
        let reads = self
            .publisher
            .reads(self.now, trusted.then_some(&touched[..]), &ClientsOwn);
        let among = reads.len();
        for (index, read) in reads.into_iter().enumerate() {
            self.check_wanted(&read);
            let answer = self.answer(&read);
            self.settle(read, answer, among, failing >> (2 * (index % 4)));
        }
        for read in self.publisher.reads_apart(self.now, &ClientsOwn) {
            self.check_wanted(&read);
            let answer = self.answer(&read);
            self.apart.push((read, answer));
        }
        for (index, outgoing) in self
            .publisher
            .frames(self.now, &BTreeMap::new())
            .into_iter()
            .enumerate()
        {
            self.post(outgoing, posts[index % posts.len()]);
        }
    }

    fn check_wanted(&self, read: &TopicRead) {
        assert!(
            self.is_deaf || !self.is_paused(&read.topic.kpi, read.topic.period),
            "a paused topic is read"
        );
    }

    /// What was being read apart is there, as it was when that was begun.
    pub(super) fn end_apart(&mut self, failing: u8) {
        let apart = std::mem::take(&mut self.apart);
        let among = apart.len();
        for (index, (read, answer)) in apart.into_iter().enumerate() {
            self.settle(read, answer, among, failing >> (2 * (index % 4)));
        }
        self.publisher.rest_apart(later(self.now, i64::from(failing)));
        self.publisher.end_apart();
    }

    /// A read that is answered, not answered, refused, or took too long among so many.
    fn settle(&mut self, read: TopicRead, answer: LastRead, among: usize, failing: u8) {
        match failing & 3 {
            0 => self.observe(&read, answer),
            1 => {}
            3 => {
                self.publisher.suspect(&read, among, self.now);
                if among == 1 {
                    self.behind.insert(read.topic.id());
                }
            }
            _ => {
                self.publisher.refuse(&read, self.now);
                self.behind.insert(read.topic.id());
            }
        }
    }

    /// What the database says now.
    fn answer(&self, read: &TopicRead) -> LastRead {
        let (kpi, period) = (&read.topic.kpi, read.topic.period);
        let (from, to) = (read.from.as_second(), read.to.as_second());
        assert_eq!(
            (period_start(period, from), period_start(period, to)),
            (from, to),
            "{read:?} is not aligned"
        );
        let starts = std::iter::successors(Some(from), |start| Some(period_end(period, *start)));
        let starts = starts.take_while(|start| *start < to);
        LastRead {
            cells: starts.map(|start| (start, self.cell(kpi, period, start))).collect(),
            head: period_start(period, self.now.as_second()),
        }
    }

    fn observe(&mut self, read: &TopicRead, answer: LastRead) {
        let (kpi, period) = (&read.topic.kpi, read.topic.period);
        let values = answer.cells.iter().filter(|(_, (_, facts))| *facts > 0);
        let values: Vec<_> = values
            .map(|(start, (value, facts))| Observed {
                start: instant(*start),
                value: value.clone(),
                facts: *facts,
            })
            .collect();
        self.publisher.observe(read, &values, None);
        if !self.is_paused(kpi, period) {
            self.behind.remove(&read.topic.id());
        }
        let last = self.reads.entry((kpi.clone(), period)).or_default();
        last.cells.extend(answer.cells);
        last.head = answer.head;
    }

    pub(super) fn post(&mut self, outgoing: Outgoing, post: Post) {
        let (id, seq) = (outgoing.connection.clone(), outgoing.seq);
        let Some(client) = self
            .clients
            .iter()
            .position(|client| client.connection.as_ref() == Some(&id))
        else {
            if self.publisher.failed(&id, Failure::Gone, self.now) == Verdict::Dropped {
                self.registry.remove(&id);
            }
            return;
        };
        match post {
            Post::Arrives => {
                self.deliver(client, &outgoing.frames, true);
                self.publisher.sent(&id, seq);
            }
            Post::ArrivesReportedLater => {
                self.deliver(client, &outgoing.frames, true);
                self.unreported.push(outgoing);
            }
            Post::ArrivesDoubted => {
                self.deliver(client, &outgoing.frames, true);
                self.publisher.failed(&id, Failure::Other, self.now);
            }
            Post::ArrivesInPart => {
                self.deliver(client, &outgoing.frames[..1], true);
                self.publisher.failed(&id, Failure::Other, self.now);
            }
            Post::ArrivesLate => {
                self.late
                    .extend(outgoing.frames.into_iter().map(|text| (client, id.clone(), text)));
                self.publisher.failed(&id, Failure::Other, self.now);
            }
            Post::Fails { throttled } => {
                self.publisher.failed(
                    &id,
                    if throttled { Failure::Throttled } else { Failure::Other },
                    self.now,
                );
            }
            Post::Vanishes => {
                self.publisher.sent(&id, seq);
                self.vanished.insert(id);
            }
        }
    }

    pub(super) fn deliver(&mut self, client: usize, frames: &[String], timely: bool) {
        for text in frames {
            match self.clients[client].receive(text) {
                Received::Ignored | Received::Held => {}
                Received::Applied if timely => self.check_against_reads(client, text),
                Received::Applied => {}
                Received::Hole => {
                    let connection = self.clients[client].connection.as_ref().unwrap();
                    assert!(
                        self.vanished.contains(connection),
                        "a hole where nothing vanished: {text} for {:?}",
                        self.clients[client]
                    );
                    self.break_off(client, false);
                    self.reconnect(client);
                    return;
                }
            }
        }
    }

    pub(super) fn late_arrivals(&mut self) {
        for (client, connection, text) in std::mem::take(&mut self.late) {
            if self.clients[client].connection.as_ref() == Some(&connection) {
                self.deliver(client, &[text], false);
            }
        }
    }

    pub(super) fn reports(&mut self, sent: bool) {
        for outgoing in std::mem::take(&mut self.unreported) {
            if sent {
                self.publisher.sent(&outgoing.connection, outgoing.seq);
            } else {
                self.publisher
                    .failed(&outgoing.connection, Failure::Throttled, self.now);
            }
        }
    }

    /// The network and the database work from now on; clients that see a hole or lost their connection come back.
    pub(super) fn calm_down(&mut self) {
        self.late_arrivals();
        self.end_apart(0);
        self.reports(true);
        self.now = later(self.now, SLOW_PAUSE_MS);
        if self.is_deaf {
            self.load();
        }
        for _ in 0..16 {
            (0..CLIENTS).for_each(|client| self.reconnect(client));
            for _ in 0..2 * CLIENTS {
                self.tick(true, 0, &[Post::Arrives]);
                self.end_apart(0);
            }
            self.now = later(self.now, 3_000);
        }
        for _ in 0..2 * CLIENTS {
            self.tick(true, 0, &[Post::Arrives]);
            self.end_apart(0);
        }
        self.tick(true, 0, &[Post::Arrives]);
    }
}

pub(super) fn topic(kpi: &str, period: Period) -> Topic {
    Topic {
        client: TENANT,
        kpi: kpi.to_owned(),
        period,
        time_zone: None,
        filter: BTreeMap::new(),
    }
}
