//! The publisher's state machine: what is read in a tick, what is sent to whom, and what follows from the reports.
//!
//! One tick is [`reads`](Publisher::reads), the caller's reading, [`observe`](Publisher::observe) for each range that could be read,
//! [`frames`](Publisher::frames), the caller's posting, and [`sent`](Publisher::sent) or [`failed`](Publisher::failed) for each
//! connection, possibly ticks later. A range that could not be read is simply not observed: it is asked for again. One that can't be read
//! because of what it is, is [refused](Publisher::refuse): it is asked for after a pause, and its subscribers are told. Clients with many topics, or whose
//! statements [took too long](Publisher::suspect), are [read apart](Publisher::reads_apart), while ticks go on. Between
//! ticks [`apply`](Publisher::apply) follows the change sequence.

mod batch;
mod bell;
mod connections;
mod frames;
mod grid;
mod handover;
mod reads;
mod stats;
mod topics;
mod work;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use formula::Number;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Change, Control, MAX_TICK_BYTES, MAX_TICK_TOPICS, Mode, Reason, Subscription, Topic};
use connections::Connection;
use topics::Topics;

pub use handover::RestoreError;
pub use stats::{Counters, Stats, TopicStats};

/// Where buckets start. They are the client's own, so only the caller knows.
pub trait Calendar {
    /// Whether it knows the client's buckets for now. What is due of others waits.
    fn knows(&self, client: Uuid) -> bool {
        let _ = client;
        true
    }

    /// Start of the bucket of a topic that holds the instant. Topics of one client, time zone and period have the same.
    fn start(&self, topic: &Topic, at: Timestamp) -> Timestamp;

    /// Start of the bucket after the one that starts at `start`.
    fn next(&self, topic: &Topic, start: Timestamp) -> Timestamp;

    /// Which buckets of the topic facts of the entity can change, or of any where none is given. Topics that differ only in the values of their filters have the same.
    /// When in doubt more: the topic is then read once more than needed.
    fn touches(&self, topic: &Topic, entity: Option<&str>) -> Touches {
        let _ = (topic, entity);
        Touches::Own
    }

    /// What beside its own facts changes a bucket of the topic, which its client and KPI tell.
    fn reach(&self, topic: &Topic) -> Reach {
        let _ = topic;
        Reach::Own
    }
}

/// Which buckets facts change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touches {
    /// None.
    Nothing,
    /// Their own, and those that [reach](Reach) back to them.
    Own,
    /// Their own and all later ones: they tell what an object is like from then on, which is looked up for other facts.
    Later,
    /// All: what was told of it last is looked up for facts of any time.
    All,
}

/// What changes a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Its own facts.
    Own,
    /// Earlier facts too.
    Back,
    /// Those, and while it is open each minute by itself: it is compared with so much of another as has passed, or made of the shorter periods that have begun.
    Clock,
}

/// A connection as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Its id.
    pub id: String,
    /// Its tenant.
    pub client: Uuid,
    /// When it was accepted.
    pub connected_at: Timestamp,
}

/// Facts that a commit brought, as far as it was notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The client whose facts they are.
    pub client: Uuid,
    /// The entity; `None` stands for any.
    pub entity: Option<String>,
    /// Earliest time of a fact.
    pub from: Timestamp,
    /// Latest time of a fact, inclusive.
    pub to: Timestamp,
}

/// A range of buckets to be read: `from` is the start of a bucket, `to` the end of one, exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRead {
    /// The topic.
    pub topic: Arc<Topic>,
    /// Start of the first bucket.
    pub from: Timestamp,
    /// End of the last bucket.
    pub to: Timestamp,
}

/// A bucket that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Its start.
    pub start: Timestamp,
    /// The KPI's value as it is answered: a difference in a single digit is a change.
    pub value: Option<Number>,
    /// Facts that the value rests on.
    pub facts: u64,
}

/// What is to be posted to one connection in this tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The connection's id.
    pub connection: String,
    /// Its tenant.
    pub client: Uuid,
    /// The tick, for [`Publisher::sent`].
    pub seq: u64,
    /// JSON texts, to be posted in this order; nearly always one. When a post fails, leave out the rest and report the failure.
    pub frames: Vec<String>,
}

/// How a post failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// 410: there is no such connection (any more, or yet).
    Gone,
    /// 429: too many posts.
    Throttled,
    /// Anything else; the frame may or may not have arrived.
    Other,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its rows are sent later, with what is newest then.
    Retry,
    /// The connection is forgotten: remove it from the registry.
    Dropped,
}

/// The state machine.
#[derive(Debug)]
pub struct Publisher {
    epoch: u64,
    /// Number of the tick that is being put together: what is observed now is sent with it.
    seq: u64,
    topics: Topics,
    connections: BTreeMap<Arc<str>, Connection>,
    next_request: u64,
    /// Where the next tick starts with composing for a client whose share of bytes was used up.
    cursors: BTreeMap<Uuid, Arc<str>>,
    /// Whether the last tick left out a connection that there may be news for.
    held_back: bool,
    /// The client that the next tick starts to read for, when there were more than one tick can serve.
    next_client: Uuid,
    /// The client whose topics are being read apart from the ticks, and whose were last.
    apart: Option<Uuid>,
    last_apart: Uuid,
    /// [`MAX_TICK_TOPICS`], but less in tests.
    tick_topics: usize,
    /// [`MAX_TICK_BYTES`], but less in tests.
    tick_bytes: usize,
    counters: Counters,
}

impl Publisher {
    /// A publisher that knows nothing. The epoch must be above every earlier one of these connections.
    #[must_use]
    pub fn new(epoch: u64) -> Publisher {
        Publisher {
            epoch,
            seq: 1,
            topics: Topics::default(),
            connections: BTreeMap::new(),
            next_request: 0,
            cursors: BTreeMap::new(),
            held_back: false,
            next_client: Uuid::nil(),
            apart: None,
            last_apart: Uuid::nil(),
            tick_topics: MAX_TICK_TOPICS,
            tick_bytes: MAX_TICK_BYTES,
            counters: Counters::default(),
        }
    }

    /// The epoch of all frames.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether there is nothing to do: no subscription and no pinned topic.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.topics.any_pinned()
            && self
                .connections
                .values()
                .all(|connection| connection.channels.is_empty())
    }

    /// The clients of all topics.
    pub fn clients(&self) -> impl Iterator<Item = Uuid> {
        self.topics.clients.keys().copied()
    }

    /// Whether the last tick left out connections that there may be news for.
    #[must_use]
    pub fn has_frames_left(&self) -> bool {
        self.held_back
    }

    /// Whether there are topics of a client.
    #[must_use]
    pub fn watches(&self, client: Uuid) -> bool {
        self.topics.clients.contains_key(&client)
    }

    /// The client of a connection.
    #[must_use]
    pub fn client_of(&self, connection: &str) -> Option<Uuid> {
        self.connections.get(connection).map(|connection| connection.client)
    }

    /// Takes the registry's list as the whole truth: at the start of an epoch, or when the change sequence was lost. Connections
    /// that have subscriptions unknown so far get a `resync`, because nobody knows what they were sent. Controls are not in the
    /// list: see [`load_controls`](Publisher::load_controls).
    pub fn load(&mut self, roster: Vec<(ConnectionInfo, Vec<Subscription>)>) {
        let reason = if self.seq == 1 {
            Reason::Restarted
        } else {
            Reason::Reloaded
        };
        let roster: BTreeMap<Arc<str>, _> = roster
            .into_iter()
            .map(|(info, list)| (Arc::from(info.id.as_str()), (info, list)))
            .collect();
        let ended: Vec<_> = self
            .connections
            .keys()
            .filter(|id| !roster.contains_key(*id))
            .cloned()
            .collect();
        for id in ended {
            self.forget(&id);
        }
        for (id, (info, subscriptions)) in roster {
            let connection = self
                .connections
                .entry(id.clone())
                .or_insert_with(|| Connection::new(id, info.client));
            connection.connected_at = Some(info.connected_at);
            let gone = connection.channels_without(&subscriptions);
            connection.remove(&gone, &mut self.topics);
            if !connection.add(subscriptions, true, &mut self.topics).is_empty() {
                connection.void(reason);
            }
        }
    }

    /// Takes these as all the controls there are (tenant, [`Topic::id`] and what holds), beside [`load`](Publisher::load).
    pub fn load_controls(&mut self, controls: impl IntoIterator<Item = (Uuid, String, Control)>) {
        let ended: Vec<Topic> = self.topics.controls.keys().cloned().collect();
        for topic in ended {
            self.topics.control(topic, None, self.seq);
        }
        for (client, topic, control) in controls {
            self.apply(Change::Control {
                client,
                topic,
                control: Some(control),
            });
        }
    }

    /// Follows one change. Applying a change twice is applying it once.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Connected { connection, client } => {
                self.connect(&connection, client);
            }
            Change::Disconnected { connection } => self.forget(&connection),
            Change::Subscribed {
                connection,
                client,
                request,
                resume,
                subscriptions,
            } => {
                self.connect(&connection, client);
                if let Some(state) = self.connections.get_mut(&*connection) {
                    let channels = state.add(subscriptions, false, &mut self.topics);
                    if !channels.is_empty() {
                        self.next_request += 1;
                        state.request(self.next_request, request, resume, channels);
                    }
                }
            }
            Change::Unsubscribed { connection, channels } => {
                if let Some(state) = self.connections.get_mut(&*connection) {
                    state.remove(&channels, &mut self.topics);
                }
            }
            Change::Control { client, topic, control } => {
                // An id that cannot be read names no topic that could be subscribed to.
                if let Ok(topic) = topic.parse::<Topic>()
                    && topic.client == client
                {
                    self.topics.control(topic, control, self.seq);
                }
            }
        }
    }

    /// All frames of the tick arrived at the connection. Tells whether there is something new for it by now.
    pub fn sent(&mut self, connection: &str, seq: u64) -> bool {
        let Some(connection) = self.connections.get_mut(connection) else {
            return false;
        };
        connection.sent(seq);
        connection.bell.is_rung()
    }

    /// A post to the connection failed. What was to be sent goes out with what is newest after a pause; a connection that is gone is forgotten.
    pub fn failed(&mut self, connection: &str, failure: Failure, now: Timestamp) -> Verdict {
        self.counters.failures += 1;
        let Some(state) = self.connections.get_mut(connection) else {
            return Verdict::Dropped;
        };
        if failure == Failure::Gone && !state.is_connecting(now) {
            self.forget(connection);
            return Verdict::Dropped;
        }
        state.failed(failure, now);
        Verdict::Retry
    }

    fn connect(&mut self, id: &str, client: Uuid) {
        if !self.connections.contains_key(id) {
            let id: Arc<str> = id.into();
            self.connections.insert(id.clone(), Connection::new(id, client));
        }
    }

    fn forget(&mut self, id: &str) {
        if let Some(mut connection) = self.connections.remove(id) {
            let all = connection.channels();
            connection.remove(&all, &mut self.topics);
        }
    }
}

/// Whether a bucket's row is sent in this mode.
fn is_sent(mode: Mode, closed: bool) -> bool {
    closed || mode == Mode::Live
}
