//! Everything around the publisher: time, facts, the registry, and a network that fails as it is told.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Level;
use jiff::Timestamp;
use uuid::Uuid;

use super::calendar::{ClientsOwn, instant, period_seconds, period_start};
use super::client::{Client, Key, Received};
use super::{CLIENTS, KPIS, Op, Post};
use crate::publisher::grid::later;
use crate::publisher::{ConnectionInfo, Failure, Observed, Outgoing, Publisher, TopicRead, Touched, Verdict};
use crate::{Change, Control, Mode, Resume, Subscription, Topic};

const TENANT: Uuid = Uuid::from_u128(7);

/// Value and facts.
type Cell = (Option<f64>, u64);

/// What was read of a topic, and which bucket was open then.
#[derive(Debug, Default)]
struct LastRead {
    head: i64,
    cells: BTreeMap<i64, Cell>,
}

pub(super) struct World {
    now: Timestamp,
    publisher: Publisher,
    epoch: u64,
    tick_bytes: usize,
    /// Facts of each KPI by minute.
    facts: [BTreeMap<i64, u64>; KPIS.len()],
    touched: Vec<Touched>,
    reads: BTreeMap<(String, Level), LastRead>,
    registry: BTreeMap<String, (ConnectionInfo, Vec<Subscription>)>,
    controls: BTreeMap<String, Control>,
    /// Topics that were paused and not read since: what is shown of them is from before.
    behind: BTreeSet<String>,
    clients: Vec<Client>,
    connections: usize,
    /// The number of the next channel; none is used twice.
    channels: u32,
    /// Whether the publisher does not hear of changes, until it reads the registry's list again.
    is_deaf: bool,
    /// Connections to which something was reported as sent that did not arrive.
    vanished: BTreeSet<String>,
    late: Vec<(usize, String, String)>,
    unreported: Vec<Outgoing>,
}

impl World {
    pub(super) fn new(tick_bytes: usize) -> World {
        let mut world = World {
            now: instant(1_763_719_230),
            publisher: Publisher::new(1),
            epoch: 1,
            tick_bytes,
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
            Op::Reports { sent } => self.reports(sent),
        }
    }

    fn set_facts(&mut self, kpi: usize, minutes_back: i64, facts: u64) {
        let second = self.now.as_second() - minutes_back * 60;
        if facts == 0 {
            self.facts[kpi].remove(&period_start(Level::Minute, second));
        } else {
            self.facts[kpi].insert(period_start(Level::Minute, second), facts);
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
    fn cell(&self, kpi: &str, period: Level, start: i64) -> Cell {
        let kpi = KPIS.iter().position(|known| *known == kpi).unwrap();
        let facts: u64 = self.facts[kpi]
            .range(start..start + period_seconds(period))
            .map(|(_, facts)| facts)
            .sum();
        ((facts > 0).then_some(facts as f64 / 4.0), facts)
    }

    fn tick(&mut self, trusted: bool, failing: u8, posts: &[Post]) {
        let touched = std::mem::take(&mut self.touched);
        let reads = self
            .publisher
            .reads(self.now, trusted.then_some(&touched[..]), &ClientsOwn);
        for (index, read) in reads.iter().enumerate() {
            assert!(
                self.is_deaf || !self.is_paused(&read.topic.kpi, read.topic.period),
                "a paused topic is read"
            );
            if failing >> (index % 8) & 1 == 0 {
                self.read(read);
            }
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

    fn read(&mut self, read: &TopicRead) {
        let (kpi, period) = (&read.topic.kpi, read.topic.period);
        let (from, to) = (read.from.as_second(), read.to.as_second());
        assert_eq!(
            (period_start(period, from), period_start(period, to)),
            (from, to),
            "{read:?} is not aligned"
        );
        let starts = (from..to).step_by(usize::try_from(period_seconds(period)).unwrap());
        let cells: BTreeMap<i64, Cell> = starts.map(|start| (start, self.cell(kpi, period, start))).collect();
        let values: Vec<_> = cells.iter().filter(|(_, (_, facts))| *facts > 0).collect();
        let values: Vec<_> = values
            .into_iter()
            .map(|(start, (value, facts))| Observed {
                start: instant(*start),
                value: *value,
                facts: *facts,
            })
            .collect();
        self.publisher.observe(read, &values);
        if !self.is_paused(kpi, period) {
            self.behind.remove(&read.topic.id());
        }
        let last = self.reads.entry((kpi.clone(), period)).or_default();
        last.cells.extend(cells);
        last.head = period_start(period, self.now.as_second());
    }

    fn post(&mut self, outgoing: Outgoing, post: Post) {
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

    fn deliver(&mut self, client: usize, frames: &[String], timely: bool) {
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

    fn late_arrivals(&mut self) {
        for (client, connection, text) in std::mem::take(&mut self.late) {
            if self.clients[client].connection.as_ref() == Some(&connection) {
                self.deliver(client, &[text], false);
            }
        }
    }

    fn reports(&mut self, sent: bool) {
        for outgoing in std::mem::take(&mut self.unreported) {
            if sent {
                self.publisher.sent(&outgoing.connection, outgoing.seq);
            } else {
                self.publisher
                    .failed(&outgoing.connection, Failure::Throttled, self.now);
            }
        }
    }

    fn subscribe_new(&mut self, client: usize, keys: Vec<Key>) {
        let keys: BTreeSet<Key> = keys
            .into_iter()
            .filter(|key| !self.clients[client].wanted.contains(key))
            .collect();
        self.clients[client].wanted.extend(keys.iter().cloned());
        if self.clients[client].connection.is_some() && !keys.is_empty() {
            self.subscribe(client, keys.into_iter().collect(), None);
        }
    }

    fn subscribe(&mut self, client: usize, keys: Vec<Key>, resume: Option<Resume>) {
        let connection = self.clients[client].connection.clone().unwrap();
        let (_, registered) = self.registry.get_mut(&connection).unwrap();
        let subscriptions: Vec<_> = (self.channels..)
            .zip(keys)
            .map(|(channel, key)| subscription(channel, key))
            .collect();
        self.channels += 100;
        registered.extend(subscriptions.iter().cloned());
        let change = Change::Subscribed {
            connection,
            client: TENANT,
            request: None,
            resume,
            subscriptions,
        };
        self.tell(change);
    }

    /// The publisher follows a change, perhaps twice.
    fn tell(&mut self, change: Change) {
        if !self.is_deaf {
            let text = serde_json::to_string(&change).unwrap();
            self.publisher.apply(serde_json::from_str(&text).unwrap());
            self.publisher.apply(change);
        }
    }

    fn load(&mut self) {
        self.is_deaf = false;
        self.publisher.load(self.registry.values().cloned().collect());
        self.publisher.load_controls(
            self.controls
                .iter()
                .map(|(topic, control)| (TENANT, topic.clone(), *control)),
        );
    }

    fn unsubscribe(&mut self, client: usize, nth: usize) {
        let Some(connection) = self.clients[client].connection.clone() else {
            return;
        };
        if let Some(channel) = self.clients[client].channels.keys().copied().nth(nth) {
            self.clients[client].give_up(channel);
            let (_, registered) = self.registry.get_mut(&connection).unwrap();
            registered.retain(|subscription| subscription.channel != channel);
            self.tell(Change::Unsubscribed {
                connection,
                channels: vec![channel],
            });
        }
    }

    fn break_off(&mut self, client: usize, noticed: bool) {
        if let Some(connection) = self.clients[client].connection.clone().filter(|_| noticed) {
            self.registry.remove(&connection);
            self.tell(Change::Disconnected { connection });
        }
        self.clients[client].leave();
    }

    fn reconnect(&mut self, client: usize) {
        if self.clients[client].connection.is_some() {
            return;
        }
        self.connections += 1;
        let id = format!("connection-{}", self.connections);
        let info = ConnectionInfo {
            id: id.clone(),
            client: TENANT,
            connected_at: self.now,
        };
        self.registry.insert(id.clone(), (info, Vec::new()));
        self.tell(Change::Connected {
            connection: id.clone(),
            client: TENANT,
        });
        self.clients[client].connection = Some(id);
        for (at, keys) in self.clients[client].subscribes() {
            self.subscribe(client, keys, at.map(|(epoch, seq)| Resume { epoch, seq }));
        }
    }

    fn hand_over(&mut self, milliseconds: i64) {
        let (publisher, through) = Publisher::restore(&self.publisher.save(3)).unwrap();
        assert_eq!(through, 3);
        self.publisher = publisher;
        self.publisher.tick_bytes = self.tick_bytes;
        self.unreported.clear();
        self.now = later(self.now, milliseconds);
        // Nobody listened meanwhile.
        self.touched.clear();
    }

    fn crash(&mut self) {
        self.epoch += 1;
        self.publisher = Publisher::new(self.epoch);
        self.publisher.tick_bytes = self.tick_bytes;
        self.unreported.clear();
        self.touched.clear();
        self.load();
    }

    fn control(&mut self, kpi: usize, period: Level, control: Option<Control>) {
        let topic = topic(KPIS[kpi], period).id();
        if control == Some(Control::Paused) {
            self.behind.insert(topic.clone());
        }
        match control {
            Some(control) => self.controls.insert(topic.clone(), control),
            None => self.controls.remove(&topic),
        };
        self.tell(Change::Control {
            client: TENANT,
            topic,
            control,
        });
    }

    /// The network and the database work from now on; clients that see a hole or lost their connection come back.
    pub(super) fn calm_down(&mut self) {
        self.late_arrivals();
        self.reports(true);
        if self.is_deaf {
            self.load();
        }
        for _ in 0..16 {
            (0..CLIENTS).for_each(|client| self.reconnect(client));
            for _ in 0..2 * CLIENTS {
                self.tick(true, 0, &[Post::Arrives]);
            }
            self.now = later(self.now, 3_000);
        }
        for _ in 0..2 * CLIENTS {
            self.tick(true, 0, &[Post::Arrives]);
        }
    }

    pub(super) fn check_against_facts(&self) {
        for client in &self.clients {
            for key in client
                .wanted
                .iter()
                .filter(|(kpi, period, ..)| !self.is_paused(kpi, *period))
            {
                let (kpi, period, ..) = key;
                let head = period_start(*period, self.now.as_second());
                assert!(
                    client.channels.values().any(|channel| channel == key),
                    "{key:?} was never answered: {client:?}"
                );
                self.check(client, key, head, "the facts", |start| self.cell(kpi, *period, start));
            }
        }
    }

    /// What a client shows after a step is what was last read.
    fn check_against_reads(&self, client: usize, text: &str) {
        let client = &self.clients[client];
        for key in client
            .channels
            .values()
            .filter(|(kpi, period, ..)| !self.behind.contains(&topic(kpi, *period).id()))
        {
            let Some(last) = self.reads.get(&(key.0.clone(), key.1)) else {
                panic!("{key:?} was answered before it was read")
            };
            self.check(client, key, last.head, text, |start| {
                last.cells.get(&start).copied().unwrap_or((None, 0))
            });
        }
    }

    fn check(&self, client: &Client, key: &Key, head: i64, what: &str, cell: impl Fn(i64) -> Cell) {
        let (_, period, mode, buckets) = key;
        let rows = &client.shown[key].rows;
        let newest = if *mode == Mode::Live { 0 } else { 1 };
        for back in newest..newest + i64::from(*buckets) {
            let start = head - back * period_seconds(*period);
            let shown = rows.get(&start).map_or((None, 0), |row| (row.value, row.facts));
            assert_eq!(
                shown,
                cell(start),
                "{key:?} at {start} against {what} at {}: {client:?}",
                self.now
            );
        }
        assert!(
            *mode == Mode::Closed || rows.contains_key(&head),
            "{key:?} has no open bucket {head}: {client:?}"
        );
        for row in rows.values() {
            assert_eq!(
                row.closed,
                row.bucket < head,
                "{key:?} shows a bucket as open that closed, against {what} at {}: {row:?}",
                self.now
            );
        }
    }

    fn is_paused(&self, kpi: &str, period: Level) -> bool {
        self.controls.get(&topic(kpi, period).id()) == Some(&Control::Paused)
    }
}

fn topic(kpi: &str, period: Level) -> Topic {
    Topic {
        client: TENANT,
        kpi: kpi.to_owned(),
        period,
        filter: BTreeMap::new(),
    }
}

fn subscription(channel: u32, (kpi, period, mode, buckets): Key) -> Subscription {
    Subscription {
        channel,
        topic: topic(&kpi, period),
        mode,
        buckets,
    }
}
