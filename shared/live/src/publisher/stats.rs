//! What the publisher can tell about itself.

use std::sync::Arc;

use super::{Outgoing, Publisher};
use crate::{Control, Topic};

/// What the publisher is doing at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Connections, also those without subscriptions.
    pub connections: usize,
    /// Connections that pause after a failure.
    pub pausing: usize,
    /// Subscriptions of all connections.
    pub subscriptions: usize,
    /// Topics that are watched, pinned or not yet forgotten.
    pub topics: Vec<TopicStats>,
    /// What was done since the start.
    pub counters: Counters,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicStats {
    /// The topic.
    pub topic: Arc<Topic>,
    /// Channels that watch it.
    pub subscribers: usize,
    /// Whether it is pinned or paused.
    pub control: Option<Control>,
    /// Buckets that are kept.
    pub buckets: usize,
}

/// What was done since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Ticks.
    pub ticks: u64,
    /// Frames handed out.
    pub frames: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// `resync`s among them.
    pub resyncs: u64,
    /// Subscribes answered with `resumed: true`.
    pub resumed: u64,
    /// Posts reported as failed.
    pub failures: u64,
}

impl Counters {
    pub(super) fn count(&mut self, outgoing: &[Outgoing]) {
        self.ticks += 1;
        self.frames += outgoing
            .iter()
            .map(|outgoing| outgoing.frames.len() as u64)
            .sum::<u64>();
        let frames = outgoing.iter().flat_map(|outgoing| &outgoing.frames);
        self.bytes += frames.map(|frame| frame.len() as u64).sum::<u64>();
    }
}

impl Publisher {
    /// What the publisher is doing at the moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let topics = self.topics.states.values().map(|state| TopicStats {
            topic: state.topic.clone(),
            subscribers: state.subscribers.len(),
            control: state.control,
            buckets: state.buckets.len(),
        });
        Stats {
            connections: self.connections.len(),
            pausing: self
                .connections
                .values()
                .filter(|connection| connection.retry_at.is_some())
                .count(),
            subscriptions: self
                .connections
                .values()
                .map(|connection| connection.channels.len())
                .sum(),
            topics: topics.collect(),
            counters: self.counters,
        }
    }
}
