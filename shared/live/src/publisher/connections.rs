//! What is known of each connection: what it subscribed to, and the last tick that arrived there. Nothing is queued.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::Failure;
use super::bell::Bell;
use super::grid::later;
use super::topics::{Subscriber, Topics};
use crate::{
    BACKOFF_FIRST_MS, BACKOFF_LAST_MS, BEAT_INTERVAL_MS, CONNECT_GRACE_MS, MAX_ROWS_PER_CONNECTION, Mode, Reason,
    Resume, Subscription,
};

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: Arc<str>,
    pub(super) client: Uuid,
    /// When it was accepted; when it came by the change sequence, the first tick that saw it.
    pub(super) connected_at: Option<Timestamp>,
    pub(super) channels: BTreeMap<u32, Channel>,
    /// Subscribes that have no answer yet, in their order.
    pub(super) requests: VecDeque<Request>,
    /// Why what the connection has is void; `None` once a snapshot has arrived.
    pub(super) resync: Option<Reason>,
    /// The last tick that arrived: it has everything up to there.
    pub(super) sent: Option<Sent>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) failures: u32,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) beat_at: Option<Timestamp>,
    /// Rung when there may be something new for it.
    pub(super) bell: Bell,
}

/// One subscription.
#[derive(Debug)]
pub(super) struct Channel {
    /// Number of the topic's state.
    pub(super) topic: u32,
    pub(super) mode: Mode,
    pub(super) buckets: u16,
    /// Whether its snapshot arrived (or is to come with a `resync`): only then it gets updates.
    pub(super) answered: bool,
}

/// A subscribe that has no answer yet.
#[derive(Debug)]
pub(super) struct Request {
    /// Grows from request to request.
    pub(super) serial: u64,
    pub(super) id: Option<String>,
    pub(super) resume: Option<Resume>,
    pub(super) channels: Vec<u32>,
    /// Whether an answer was handed out, and so may have arrived although it was reported as failed. The client then counts
    /// these topics to what it has, and no step may leave them out.
    pub(super) attempted: bool,
}

/// What arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) seq: u64,
    /// When it was put together: the windows were those of then.
    pub(super) at: Timestamp,
}

/// What was handed out and has no report yet.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    /// The last request that it answers.
    pub(super) answers: Option<u64>,
    pub(super) resyncs: bool,
    pub(super) beats: bool,
}

impl Connection {
    pub(super) fn new(id: Arc<str>, client: Uuid) -> Connection {
        Connection {
            id,
            client,
            connected_at: None,
            channels: BTreeMap::new(),
            requests: VecDeque::new(),
            resync: None,
            sent: None,
            in_flight: None,
            failures: 0,
            retry_at: None,
            beat_at: None,
            bell: Bell::default(),
        }
    }

    /// Adds the subscriptions that it does not have, and tells their channels. A topic of another client is never added,
    /// whatever the registry says.
    pub(super) fn add(&mut self, subscriptions: Vec<Subscription>, answered: bool, topics: &mut Topics) -> Vec<u32> {
        let mut rows: usize = self.channels.values().map(|channel| usize::from(channel.buckets)).sum();
        let mut added = Vec::new();
        for subscription in subscriptions {
            let Subscription {
                channel,
                topic,
                mode,
                buckets,
            } = subscription;
            if topic.client != self.client || self.channels.contains_key(&channel) {
                continue;
            }
            let left = MAX_ROWS_PER_CONNECTION.saturating_sub(rows);
            let buckets = buckets
                .min(u16::try_from(left).unwrap_or(u16::MAX))
                .clamp(1, crate::MAX_BUCKETS);
            let buckets = topics.grant(&topic, buckets);
            rows += usize::from(buckets);
            let topic = topics.watch(
                topic,
                &self.id,
                channel,
                Subscriber {
                    buckets,
                    bell: self.bell.clone(),
                },
            );
            self.channels.insert(
                channel,
                Channel {
                    topic,
                    mode,
                    buckets,
                    answered,
                },
            );
            added.push(channel);
        }
        self.bell.ring();
        added
    }

    pub(super) fn remove(&mut self, channels: &[u32], topics: &mut Topics) {
        for number in channels {
            if let Some(channel) = self.channels.remove(number) {
                topics.unwatch(channel.topic, &self.id, *number);
            }
        }
        for request in &mut self.requests {
            request.channels.retain(|number| self.channels.contains_key(number));
        }
        self.requests.retain(|request| !request.channels.is_empty());
        self.bell.ring();
    }

    pub(super) fn channels(&self) -> Vec<u32> {
        self.channels.keys().copied().collect()
    }

    /// Its channels that are not among the subscriptions.
    pub(super) fn channels_without(&self, subscriptions: &[Subscription]) -> Vec<u32> {
        let listed: BTreeSet<u32> = subscriptions.iter().map(|subscription| subscription.channel).collect();
        self.channels
            .keys()
            .copied()
            .filter(|number| !listed.contains(number))
            .collect()
    }

    pub(super) fn request(&mut self, serial: u64, id: Option<String>, resume: Option<Resume>, channels: Vec<u32>) {
        self.requests.push_back(Request {
            serial,
            id,
            resume,
            channels,
            attempted: false,
        });
        self.bell.ring();
    }

    /// What the connection has no longer counts, and neither does what is on its way.
    pub(super) fn void(&mut self, reason: Reason) {
        self.resync = Some(reason);
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.resyncs = false;
        }
        self.bell.ring();
    }

    /// Whether there may be something to say to it: its bell was rung, or its beat is due.
    pub(super) fn has_news(&self, now: Timestamp) -> bool {
        self.bell.is_rung() || (self.sent.is_some() && self.beat_at.is_none_or(|at| now >= at))
    }

    /// Whether something may be posted to it now.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        self.in_flight.is_none() && self.retry_at.is_none_or(|at| now >= at) && !self.channels.is_empty()
    }

    /// Whether `$connect` may still be running.
    pub(super) fn is_connecting(&self, now: Timestamp) -> bool {
        self.connected_at.is_none_or(|at| now < later(at, CONNECT_GRACE_MS))
    }

    pub(super) fn sent(&mut self, seq: u64) {
        let Some(arrived) = self.in_flight.take_if(|in_flight| in_flight.seq == seq) else {
            return;
        };
        self.sent = Some(Sent { seq, at: arrived.at });
        (self.failures, self.retry_at) = (0, None);
        if arrived.resyncs {
            self.resync = None;
        }
        if arrived.beats {
            self.beat_at = Some(later(arrived.at, BEAT_INTERVAL_MS));
        }
        while let Some(request) = self
            .requests
            .pop_front_if(|request| Some(request.serial) <= arrived.answers)
        {
            for number in request.channels {
                if let Some(channel) = self.channels.get_mut(&number) {
                    channel.answered = true;
                }
            }
        }
    }

    pub(super) fn failed(&mut self, failure: Failure, now: Timestamp) {
        self.in_flight = None;
        self.bell.ring();
        if failure == Failure::Gone {
            return;
        }
        let pause = BACKOFF_FIRST_MS
            .checked_shl(self.failures.min(16))
            .unwrap_or(BACKOFF_LAST_MS)
            .min(BACKOFF_LAST_MS);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(later(now, pause + spread(&self.id, pause / 2)));
    }
}

/// A part of the range that differs from connection to connection, so that those throttled together do not come back together.
fn spread(id: &str, range: i64) -> i64 {
    let hash = id
        .bytes()
        .fold(5_381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte));
    i64::from(hash) % range.max(1)
}
