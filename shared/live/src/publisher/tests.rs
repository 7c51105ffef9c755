//! One behaviour of the publisher each, against a database that is a map.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod company;
mod continuity;
mod delivery;
mod months;
mod reading;
mod windows;

use std::collections::BTreeMap;

use catalog::Period;
use formula::Number;
use jiff::Timestamp;
use uuid::Uuid;

use super::grid::later;
use super::{Calendar, Observed, Outgoing, Publisher, TopicRead, Touched, Touches};
use crate::{Change, Frame, Mode, Resume, Row, Subscription, Topic};

const CLIENT: Uuid = Uuid::from_u128(1);

struct Minutes;

impl Calendar for Minutes {
    fn start(&self, _: &Topic, at: Timestamp) -> Timestamp {
        second(at.as_second().div_euclid(60) * 60)
    }

    fn next(&self, _: &Topic, start: Timestamp) -> Timestamp {
        second(start.as_second() + 60)
    }

    fn touches(&self, _: &Topic, entity: Option<&str>) -> Touches {
        match entity.is_none_or(|entity| entity == "Flight") {
            true => Touches::Own,
            false => Touches::Nothing,
        }
    }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn topic(kpi: &str) -> Topic {
    Topic {
        client: CLIENT,
        kpi: kpi.into(),
        period: Period::Minute,
        time_zone: None,
        filter: BTreeMap::new(),
    }
}

/// A publisher and the minutes that its database has. It starts in the middle of minute 6000.
struct Bench {
    publisher: Publisher,
    now: Timestamp,
    minutes: BTreeMap<i64, Number>,
    statements: usize,
}

impl Bench {
    fn new() -> Bench {
        let minutes = [(5_880, 1), (5_940, 2), (6_000, 3)].map(|(minute, value)| (minute, Number::from(value)));
        Bench {
            publisher: Publisher::new(7),
            now: second(6_030),
            minutes: minutes.into(),
            statements: 0,
        }
    }

    fn subscribe(&mut self, connection: &str, channel: u32, mode: Mode, buckets: u16, resume: Option<Resume>) {
        self.subscribe_to(
            connection,
            vec![Subscription {
                channel,
                topic: topic("FLIGHTS"),
                mode,
                buckets,
            }],
            resume,
        );
    }

    fn subscribe_to(&mut self, connection: &str, subscriptions: Vec<Subscription>, resume: Option<Resume>) {
        let request = Some(format!("request-{}", subscriptions[0].channel));
        self.publisher.apply(Change::Subscribed {
            connection: connection.into(),
            client: CLIENT,
            request,
            resume,
            subscriptions,
        });
    }

    /// Facts arrive: the minute gets this value.
    fn facts(&mut self, minute: i64, value: f64) -> Vec<Touched> {
        self.facts_of(minute, Number::of_float(value).unwrap())
    }

    fn facts_of(&mut self, minute: i64, value: Number) -> Vec<Touched> {
        self.minutes.insert(minute, value);
        vec![Touched {
            client: CLIENT,
            entity: Some("Flight".into()),
            from: second(minute),
            to: second(minute + 59),
        }]
    }

    /// Reads and composes; what is asked for is answered from the minutes.
    fn tick(&mut self, touched: Option<&[Touched]>) -> Vec<Outgoing> {
        for read in self.publisher.reads(self.now, touched, &Minutes) {
            self.read(&read);
        }
        self.publisher.frames(
            self.now,
            &BTreeMap::from([(CLIENT, BTreeMap::from([("Flight".to_owned(), second(6_029))]))]),
        )
    }

    /// A tick in which only these topics can be read, and everything arrives.
    fn arrive_reading(&mut self, kpis: &[&str], touched: &[Touched]) -> Vec<Frame> {
        let reads = self.publisher.reads(self.now, Some(touched), &Minutes);
        for read in reads.iter().filter(|read| kpis.contains(&read.topic.kpi.as_str())) {
            self.read(read);
        }
        let outgoing = self.publisher.frames(self.now, &BTreeMap::new());
        outgoing
            .iter()
            .for_each(|sent| _ = self.publisher.sent(&sent.connection, sent.seq));
        frames(&outgoing)
    }

    fn read(&mut self, read: &TopicRead) {
        self.statements += 1;
        let range = self.minutes.range(read.from.as_second()..read.to.as_second());
        let values: Vec<_> = range
            .map(|(minute, value)| Observed {
                start: second(*minute),
                value: Some(value.clone()),
                facts: 1,
            })
            .collect();
        self.publisher.observe(read, &values, None);
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
    outgoing
        .iter()
        .flat_map(|outgoing| &outgoing.frames)
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

fn row(channel: u32, bucket: i64, value: f64, closed: bool) -> Row {
    Row {
        channel,
        bucket,
        value: Number::of_float(value),
        facts: 1,
        closed,
    }
}

fn rows(frame: &Frame) -> Vec<Row> {
    match frame {
        Frame::Subscribed(frame) => frame.rows.clone(),
        Frame::Update(frame) => frame.rows.clone(),
        Frame::Resync(frame) => frame.rows.clone(),
        _ => Vec::new(),
    }
}
