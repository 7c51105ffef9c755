//! A client that does what the documentation of the crate says and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Period;

use crate::{Frame, Mode, Position, Row, Silence, TopicEcho};

/// A topic as a client asks for it: KPI, period, mode, buckets.
pub(super) type Key = (String, Period, Mode, u16);

/// Epoch and seq.
pub(super) type At = (u64, u64);

#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) connection: Option<String>,
    pub(super) wanted: BTreeSet<Key>,
    pub(super) channels: BTreeMap<u32, Key>,
    pub(super) given_up: BTreeSet<u32>,
    /// Channels that are told to be silent.
    pub(super) silent: BTreeMap<u32, Silence>,
    pub(super) shown: BTreeMap<Key, Shown>,
    have: Option<At>,
    held: Vec<(Position, Frame)>,
}

/// What it shows of a topic, and how far that reaches.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) rows: BTreeMap<i64, Row>,
    pub(super) at: Option<At>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Ignored,
    Held,
    Applied,
    Hole,
}

impl Client {
    pub(super) fn receive(&mut self, text: &str) -> Received {
        let frame: Frame = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let position = *frame.position().expect("a publisher's frame has a position");
        let at = (position.epoch, position.seq);
        // Old.
        if self.have.is_some_and(|have| at <= have)
            || self.held.first().is_some_and(|(held, _)| at < (held.epoch, held.seq))
        {
            return Received::Ignored;
        }
        // Parts.
        let (part, parts) = (position.part.unwrap_or(1), position.parts.unwrap_or(1));
        if part == 1 {
            self.held.clear();
        } else if self.held.len() + 1 != part as usize || self.held.iter().any(|(held, _)| (held.epoch, held.seq) != at)
        {
            return Received::Hole;
        }
        self.held.push((position, frame));
        if part < parts {
            return Received::Held;
        }
        // Hole.
        let is_known = |prev: u64| {
            self.have
                .is_some_and(|(epoch, seq)| epoch == position.epoch && prev <= seq)
        };
        if position.prev.is_some_and(|prev| !is_known(prev)) {
            return Received::Hole;
        }
        // Apply.
        for (position, frame) in std::mem::take(&mut self.held) {
            self.apply(position, frame);
        }
        self.have = Some(at);
        for key in self.channels.values() {
            self.shown.get_mut(key).expect("a channel's topic is shown").at = Some(at);
        }
        Received::Applied
    }

    fn apply(&mut self, position: Position, frame: Frame) {
        match frame {
            Frame::Subscribed(frame) => {
                frame.topics.iter().for_each(|topic| self.list(topic, frame.resumed));
                self.rows(frame.rows);
            }
            Frame::Resync(frame) => {
                assert_eq!(position.prev, None);
                if position.part.unwrap_or(1) == 1 {
                    self.silent.clear();
                    for key in std::mem::take(&mut self.channels).into_values() {
                        self.shown.remove(&key);
                    }
                }
                frame.topics.iter().for_each(|topic| self.list(topic, false));
                self.rows(frame.rows);
            }
            Frame::Update(frame) => {
                for channel in frame.silent {
                    self.hear(channel.channel, channel.why);
                }
                self.rows(frame.rows);
            }
            Frame::Beat(_) => {}
            other => panic!("a publisher does not send {other:?}"),
        }
    }

    fn list(&mut self, topic: &TopicEcho, resumed: bool) {
        if self.given_up.contains(&topic.channel) {
            return;
        }
        let key = (topic.kpi.clone(), topic.period, topic.mode, topic.buckets);
        assert!(self.wanted.contains(&key), "{key:?} was not asked for");
        if resumed {
            assert!(
                self.shown.get(&key).is_some_and(|shown| shown.at.is_some()),
                "{key:?} is resumed by a client that has nothing of it"
            );
        } else {
            self.shown.insert(key.clone(), Shown::default());
        }
        self.channels.insert(topic.channel, key);
        self.hear(topic.channel, topic.silent);
    }

    fn hear(&mut self, channel: u32, why: Option<Silence>) {
        match why {
            Some(why) => self.silent.insert(channel, why),
            None => self.silent.remove(&channel),
        };
    }

    fn rows(&mut self, rows: Vec<Row>) {
        for row in rows {
            if let Some(shown) = self.channels.get(&row.channel).and_then(|key| self.shown.get_mut(key)) {
                shown.rows.insert(row.bucket, row);
            }
        }
    }

    /// The connection broke.
    pub(super) fn leave(&mut self) {
        self.connection = None;
        self.channels.clear();
        self.given_up.clear();
        self.silent.clear();
        self.held.clear();
    }

    /// What to subscribe to after connecting again: topics with what it has of them, together where that is the same.
    pub(super) fn subscribes(&self) -> BTreeMap<Option<At>, Vec<Key>> {
        let mut messages: BTreeMap<Option<At>, Vec<Key>> = BTreeMap::new();
        for key in &self.wanted {
            messages
                .entry(self.shown.get(key).and_then(|shown| shown.at))
                .or_default()
                .push(key.clone());
        }
        messages
    }

    pub(super) fn give_up(&mut self, channel: u32) {
        if let Some(key) = self.channels.remove(&channel) {
            self.given_up.insert(channel);
            self.wanted.remove(&key);
            self.shown.remove(&key);
        }
    }
}
