//! Passing the state from one invocation to the next, so that a hand-over costs no `resync`.

use std::io;
use std::sync::Arc;

use formula::Number;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::Publisher;
use super::connections::{Channel, Connection, Request, Sent};
use super::topics::{Bucket, Subscriber, TopicState, Topics};
use crate::{Control, Mode, Reason, Resume, Silence, Topic, TopicError};

/// Grows with every change of the saved form: a publisher of another release starts a new epoch.
const FORMAT: u32 = 2;

/// Why saved state cannot be continued; the answer is a new epoch.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Not what [`Publisher::save`] wrote.
    #[error("saved state is not readable: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Written by another release.
    #[error("saved state has format {0}, not {FORMAT}")]
    Format(u32),
    /// Something that is not a topic's id.
    #[error("saved state has a wrong topic: {0}")]
    Topic(#[from] TopicError),
    /// A row's start or value is not possible.
    #[error("saved state of topic {0} has a wrong row")]
    Row(String),
    /// A connection watches a topic that is not there.
    #[error("saved state of connection {0} names a missing topic")]
    Channel(String),
}

#[derive(Deserialize)]
struct Saved {
    format: u32,
    epoch: u64,
    seq: u64,
    through: u64,
    next_request: u64,
    controls: Vec<(String, Control)>,
    /// Clients that nobody is read with, and until when.
    #[serde(default)]
    suspects: Vec<(Uuid, Timestamp)>,
    topics: Vec<SavedTopic>,
    connections: Vec<SavedConnection>,
}

/// The same while it is written: what is written is made one by one, so that there is never a second copy of the state.
#[derive(Serialize)]
struct Saving<'a> {
    format: u32,
    epoch: u64,
    seq: u64,
    through: u64,
    next_request: u64,
    controls: Vec<(String, Control)>,
    suspects: Vec<(Uuid, Timestamp)>,
    #[serde(serialize_with = "topics")]
    topics: &'a Topics,
    #[serde(serialize_with = "connections")]
    connections: &'a Publisher,
}

fn topics<S: Serializer>(topics: &Topics, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(topics.states.values().map(SavedTopic::of))
}

fn connections<S: Serializer>(publisher: &Publisher, to: S) -> Result<S::Ok, S::Error> {
    let keys: Vec<u32> = publisher.topics.states.keys().copied().collect();
    let saved = publisher.connections.values();
    to.collect_seq(saved.map(|connection| SavedConnection::of(connection, &keys)))
}

/// Bytes, but no more than so many.
struct Within {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Within {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct SavedTopic {
    id: String,
    silent: Option<Silence>,
    silent_changed: u64,
    window: u16,
    window_until: Timestamp,
    idle_since: Option<Timestamp>,
    head: Option<Timestamp>,
    loaded_from: Option<Timestamp>,
    known_since: u64,
    evicted: Option<(Timestamp, u64)>,
    finished: u64,
    /// Among how many topics it may be read, where not among any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    company: Option<usize>,
    /// It takes too long: until when it is refused, and from when on a new subscriber has it tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slow: Option<(Timestamp, Timestamp)>,
    rows: Vec<SavedRow>,
}

/// Start in seconds, value as text (its digits are read back exactly, which JSON numbers are not), facts, whether closed, tick that closed it,
/// tick of the last change.
type SavedRow = (i64, Option<String>, u64, bool, u64, u64);

#[derive(Serialize, Deserialize)]
struct SavedConnection {
    id: String,
    client: Uuid,
    connected_at: Option<Timestamp>,
    channels: Vec<SavedChannel>,
    requests: Vec<SavedRequest>,
    resync: Option<Reason>,
    sent: Option<(u64, Timestamp)>,
    failures: u32,
    retry_at: Option<Timestamp>,
    beat_at: Option<Timestamp>,
}

/// Channel, position of the topic, mode, buckets, whether answered.
type SavedChannel = (u32, usize, Mode, u16, bool);

/// Serial, id, what the client has, channels, whether an answer may have arrived.
type SavedRequest = (u64, Option<String>, Option<Resume>, Vec<u32>, bool);

impl Publisher {
    /// The whole state, to be continued by exactly one successor; `through` is the last change of the change sequence that was applied. `None` when it has more bytes
    /// than `most`: the successor starts a new epoch. Posts without a report count as failed: the successor sends their rows again, which clients take.
    #[must_use]
    pub fn save(&self, through: u64, most: usize) -> Option<Vec<u8>> {
        let suspects = self.topics.clients.iter();
        let saving = Saving {
            format: FORMAT,
            epoch: self.epoch,
            seq: self.seq,
            through,
            next_request: self.next_request,
            controls: self
                .topics
                .controls
                .iter()
                .map(|(topic, control)| (topic.id(), *control))
                .collect(),
            suspects: suspects
                .filter_map(|(client, work)| work.suspect_until.map(|until| (*client, until)))
                .collect(),
            topics: &self.topics,
            connections: self,
        };
        let mut written = Within {
            bytes: Vec::new(),
            most,
        };
        serde_json::to_writer(&mut written, &saving).ok()?;
        Some(written.bytes)
    }

    /// Continues what was saved, in the same epoch, and returns the last change that it knows. Only the direct successor may: state that was continued
    /// once, or from which a later publisher has sent, would repeat its `seq`s with other rows. The first [`reads`](Publisher::reads) asks for
    /// every window, since nobody listened in between.
    ///
    /// # Errors
    /// The bytes are not such a state; start a new epoch.
    pub fn restore(bytes: &[u8]) -> Result<(Publisher, u64), RestoreError> {
        let saved: Saved = serde_json::from_slice(bytes)?;
        if saved.format != FORMAT {
            return Err(RestoreError::Format(saved.format));
        }
        let mut publisher = Publisher {
            seq: saved.seq,
            next_request: saved.next_request,
            ..Publisher::new(saved.epoch)
        };
        for (id, control) in saved.controls {
            publisher.topics.controls.insert(id.parse()?, control);
        }
        let states = saved
            .topics
            .into_iter()
            .map(|topic| topic.state(&publisher.topics))
            .collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<u32> = states.into_iter().map(|state| publisher.topics.insert(state)).collect();
        for (client, until) in saved.suspects {
            if let Some(work) = publisher.topics.clients.get_mut(&client) {
                work.suspect_until = Some(until);
            }
        }
        for saved in saved.connections {
            let connection = saved.connection(&keys, &mut publisher.topics)?;
            publisher.connections.insert(connection.id.clone(), connection);
        }
        Ok((publisher, saved.through))
    }
}

impl SavedTopic {
    fn of(state: &TopicState) -> SavedTopic {
        let row = |(start, bucket): (&Timestamp, &Bucket)| {
            (
                start.as_second(),
                bucket.value.as_ref().map(ToString::to_string),
                bucket.facts,
                bucket.closed,
                bucket.finished,
                bucket.changed,
            )
        };
        SavedTopic {
            id: state.topic.id(),
            silent: state.silent,
            silent_changed: state.silent_changed,
            window: state.window,
            window_until: state.window_until,
            idle_since: state.idle_since,
            head: state.head,
            loaded_from: state.loaded_from,
            known_since: state.known_since,
            evicted: state.evicted,
            finished: state.finished,
            company: (state.company < usize::MAX).then_some(state.company),
            slow: state.refused_until.zip(state.tried_again_from),
            rows: state.buckets.iter().map(row).collect(),
        }
    }

    fn state(self, topics: &Topics) -> Result<TopicState, RestoreError> {
        let topic: Topic = self.id.parse()?;
        let control = topics.controls.get(&topic).copied();
        let mut state = TopicState {
            silent: self.silent,
            silent_changed: self.silent_changed,
            window: self.window.clamp(1, crate::MAX_BUCKETS),
            window_until: self.window_until,
            idle_since: self.idle_since,
            head: self.head,
            loaded_from: self.loaded_from,
            known_since: self.known_since,
            evicted: self.evicted,
            finished: self.finished,
            company: self.company.unwrap_or(usize::MAX),
            refused_until: self.slow.map(|(until, _)| until),
            tried_again_from: self.slow.map(|(_, from)| from),
            ..TopicState::new(Arc::new(topic), control)
        };
        for (start, value, facts, closed, finished, changed) in self.rows {
            let wrong = || RestoreError::Row(self.id.clone());
            let start = Timestamp::from_second(start).map_err(|_| wrong())?;
            let value = value
                .map(|value| value.parse::<Number>())
                .transpose()
                .map_err(|_| wrong())?;
            state.put(start, Bucket::new(start, value, facts, closed, finished, changed));
        }
        Ok(state)
    }
}

impl SavedConnection {
    /// `keys` are the topics in the order in which they are saved.
    fn of(connection: &Connection, keys: &[u32]) -> SavedConnection {
        let channel = |(number, channel): (&u32, &Channel)| {
            let topic = keys.binary_search(&channel.topic).unwrap_or(usize::MAX);
            (*number, topic, channel.mode, channel.buckets, channel.answered)
        };
        let request = |request: &Request| {
            (
                request.serial,
                request.id.clone(),
                request.resume,
                request.channels.clone(),
                request.attempted,
            )
        };
        SavedConnection {
            id: String::from(&*connection.id),
            client: connection.client,
            connected_at: connection.connected_at,
            channels: connection.channels.iter().map(channel).collect(),
            requests: connection.requests.iter().map(request).collect(),
            resync: connection.resync,
            sent: connection.sent.map(|sent| (sent.seq, sent.at)),
            failures: connection.failures,
            retry_at: connection.retry_at,
            beat_at: connection.beat_at,
        }
    }

    fn connection(self, keys: &[u32], topics: &mut Topics) -> Result<Connection, RestoreError> {
        let id: Arc<str> = self.id.as_str().into();
        let mut connection = Connection {
            connected_at: self.connected_at,
            resync: self.resync,
            sent: self.sent.map(|(seq, at)| Sent { seq, at }),
            failures: self.failures,
            retry_at: self.retry_at,
            beat_at: self.beat_at,
            ..Connection::new(id.clone(), self.client)
        };
        for (number, topic, mode, buckets, answered) in self.channels {
            let missing = || RestoreError::Channel(self.id.clone());
            let topic = *keys.get(topic).ok_or_else(missing)?;
            topics.states.get_mut(&topic).ok_or_else(missing)?.subscribers.insert(
                (id.clone(), number),
                Subscriber {
                    buckets,
                    bell: connection.bell.clone(),
                },
            );
            connection.channels.insert(
                number,
                Channel {
                    topic,
                    mode,
                    buckets,
                    answered,
                },
            );
        }
        for (serial, id, resume, channels, attempted) in self.requests {
            connection.requests.push_back(Request {
                serial,
                id,
                resume,
                channels,
                attempted,
            });
        }
        connection.bell.ring();
        Ok(connection)
    }
}
