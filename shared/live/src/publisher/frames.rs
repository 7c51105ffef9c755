//! What is sent in a tick: to each connection what changed after the last tick that arrived there.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::batch::Batch;
use super::connections::{Channel, Connection, InFlight, Request};
use super::topics::{TopicState, Topics};
use super::{Counters, Outgoing, Publisher};
use crate::{Beat, Frame, Position, Reason, Resync, SilentChannel, Subscribed, TopicEcho, Update, Watermark};

/// What composing needs to know beside the connection.
struct View<'a> {
    epoch: u64,
    seq: u64,
    now: Timestamp,
    topics: &'a Topics,
    watermark: Option<&'a Watermark>,
}

impl Publisher {
    /// Ends the tick: what is to be posted. A connection whose last post has no report yet, or that must pause after a failure, is left out and gets
    /// everything later.
    pub fn frames(&mut self, now: Timestamp, watermarks: &BTreeMap<Uuid, Watermark>) -> Vec<Outgoing> {
        self.frames_within(usize::MAX, now, watermarks)
    }

    /// The same for so many connections at most: what has to wait for its post is better composed later, when it is newer. The others have their turn in the
    /// next tick.
    pub fn frames_within(
        &mut self,
        room: usize,
        now: Timestamp,
        watermarks: &BTreeMap<Uuid, Watermark>,
    ) -> Vec<Outgoing> {
        let Publisher {
            epoch,
            seq,
            topics,
            connections,
            cursors,
            held_back,
            tick_bytes,
            counters,
            ..
        } = self;
        let mut outgoing = Vec::new();
        let (mut places, mut bytes) = (room, *tick_bytes);
        *held_back = false;
        let lists = waiting(connections, cursors, now);
        let mut clients = lists.len();
        for list in lists {
            // What clients before it left is shared by it and those after it.
            let mut share = Share {
                places: places.div_ceil(clients),
                bytes: bytes / clients,
                used: 0,
            };
            clients -= 1;
            for connection in list {
                if share.places == 0 || share.used > share.bytes {
                    cursors
                        .entry(connection.client)
                        .or_insert_with(|| connection.id.clone());
                    *held_back = true;
                    break;
                }
                let view = View {
                    epoch: *epoch,
                    seq: *seq,
                    now,
                    topics,
                    watermark: watermarks.get(&connection.client),
                };
                connection.bell.silence();
                let frames = connection.compose(&view, counters);
                if frames.is_empty() {
                    continue;
                }
                share.used += frames.iter().map(String::len).sum::<usize>();
                share.places -= 1;
                places -= 1;
                outgoing.push(Outgoing {
                    connection: String::from(&*connection.id),
                    client: connection.client,
                    seq: *seq,
                    frames,
                });
            }
            bytes = bytes.saturating_sub(share.used);
        }
        counters.count(&outgoing);
        *seq += 1;
        outgoing
    }
}

/// What one client may have of a tick.
struct Share {
    /// Connections that may still be composed for.
    places: usize,
    bytes: usize,
    used: usize,
}

/// The connections that there may be news for, by client: clients with few of them first, and each client's from where the last tick ended.
fn waiting<'a>(
    connections: &'a mut BTreeMap<Arc<str>, Connection>,
    cursors: &mut BTreeMap<Uuid, Arc<str>>,
    now: Timestamp,
) -> Vec<Vec<&'a mut Connection>> {
    let mut by_client: BTreeMap<Uuid, Vec<&mut Connection>> = BTreeMap::new();
    for connection in connections.values_mut() {
        if connection.is_open(now) && connection.has_news(now) {
            by_client.entry(connection.client).or_default().push(connection);
        }
    }
    for (client, list) in &mut by_client {
        if let Some(first) = cursors.remove(client) {
            let position = list.partition_point(|connection| connection.id < first);
            list.rotate_left(position);
        }
    }
    let mut lists: Vec<_> = by_client.into_values().collect();
    lists.sort_by_key(Vec::len);
    lists
}

impl Connection {
    /// The frames of one tick; none when there is nothing to say.
    fn compose(&mut self, view: &View<'_>, counters: &mut Counters) -> Vec<String> {
        if self.channels.values().all(|channel| !channel.answered) {
            // Nothing it has can be void.
            self.resync = None;
        } else if self.resync.is_none() && self.is_lagging(view) {
            self.resync = Some(Reason::Lagging);
        }
        if !self.is_ready(view.topics) {
            return Vec::new();
        }
        let mut batch = Batch::default();
        let mut flight = InFlight {
            seq: view.seq,
            at: view.now,
            ..InFlight::default()
        };
        let prev = if self.resync.is_some() {
            None
        } else {
            self.sent.map(|sent| sent.seq)
        };
        let position = Position {
            epoch: view.epoch,
            seq: view.seq,
            prev,
            part: None,
            parts: None,
        };
        match self.resync {
            Some(reason) => {
                self.snapshot(
                    Frame::Resync(Resync {
                        position,
                        reason,
                        topics: Vec::new(),
                        rows: Vec::new(),
                    }),
                    view,
                    &mut batch,
                );
                flight.resyncs = true;
                counters.resyncs += 1;
            }
            None => flight.beats = self.changes(position, view, &mut batch),
        }
        flight.answers = self.answers(position, view, &mut batch, counters);
        for request in self
            .requests
            .iter_mut()
            .take_while(|request| Some(request.serial) <= flight.answers)
        {
            request.attempted = true;
        }
        counters.rows += batch.rows;
        let frames = batch.finish();
        if !frames.is_empty() {
            self.in_flight = Some(flight);
        }
        frames
    }

    /// Whether what must be in the next step is there: all topics when they are to be sent anew, those of answers that may have arrived.
    fn is_ready(&self, topics: &Topics) -> bool {
        let is_ready = |channel: &Channel| topics.get(channel.topic).is_none_or(TopicState::is_ready);
        let attempted = self
            .requests
            .iter()
            .filter(|request| request.attempted)
            .flat_map(|request| &request.channels);
        (self.resync.is_none() || self.answered().all(|(_, channel)| is_ready(channel)))
            && attempted.filter_map(|number| self.channels.get(number)).all(is_ready)
    }

    fn answered(&self) -> impl Iterator<Item = (u32, &Channel)> {
        self.channels
            .iter()
            .filter(|(_, channel)| channel.answered)
            .map(|(number, channel)| (*number, channel))
    }

    /// Whether a row that it needed left a window before it arrived.
    fn is_lagging(&self, view: &View<'_>) -> bool {
        let Some(sent) = self.sent else { return false };
        self.answered().any(|(_, channel)| {
            let Some(state) = view.topics.get(channel.topic) else {
                return false;
            };
            state.lost_since(sent.seq, || floor(view.topics, state, channel, sent.at))
        })
    }

    /// A snapshot of everything.
    fn snapshot(&self, head: Frame, view: &View<'_>, batch: &mut Batch) {
        batch.open(head);
        for (number, channel) in self.answered() {
            if let Some(state) = view.topics.get(channel.topic) {
                batch.topic(&echo(number, channel, state));
                for tail in state.snapshot(view.topics.grid(&state.topic), channel.buckets, channel.mode) {
                    batch.row(number, tail);
                }
            }
        }
    }

    /// The rows that changed, or a beat; tells whether the beat that was due is in it.
    fn changes(&self, position: Position, view: &View<'_>, batch: &mut Batch) -> bool {
        let Some(sent) = self.sent else { return false };
        let is_due = self.beat_at.is_none_or(|at| view.now >= at) && self.answered().next().is_some();
        let watermark = is_due.then(|| view.watermark.cloned().unwrap_or_default());
        let time = is_due.then_some(view.now);
        let update = Update {
            position,
            time,
            watermark: watermark.clone(),
            silent: self.silent_since(sent.seq, view.topics),
            rows: Vec::new(),
        };
        let mut is_open = !update.silent.is_empty();
        if is_open {
            batch.open(Frame::Update(update.clone()));
        }
        for (number, channel) in self.answered() {
            let Some(state) = view
                .topics
                .get(channel.topic)
                .filter(|state| state.last_change() > sent.seq)
            else {
                continue;
            };
            for tail in state.rows_since(sent.seq, floor(view.topics, state, channel, sent.at), channel.mode) {
                if !is_open {
                    batch.open(Frame::Update(update.clone()));
                    is_open = true;
                }
                batch.row(number, tail);
            }
        }
        if let (false, Some(time), Some(watermark)) = (is_open, time, watermark) {
            batch.open(Frame::Beat(Beat {
                position,
                time,
                watermark,
            }));
        }
        is_due
    }

    /// The channels that fell silent, or are kept up again, after a tick.
    fn silent_since(&self, seq: u64, topics: &Topics) -> Vec<SilentChannel> {
        let changed = self.answered().filter_map(|(number, channel)| {
            let state = topics.get(channel.topic).filter(|state| state.silent_changed > seq)?;
            Some(SilentChannel {
                channel: number,
                why: state.silent,
            })
        });
        changed.collect()
    }

    /// The answers to subscribes whose topics are all there, in their order; tells the last one that is answered.
    fn answers(&self, position: Position, view: &View<'_>, batch: &mut Batch, counters: &mut Counters) -> Option<u64> {
        let mut last = None;
        for request in &self.requests {
            let channels: Vec<_> = self.states(request, view.topics).collect();
            if !channels.iter().all(|(_, _, state)| state.is_ready()) {
                break;
            }
            // Beside a `resync` nothing counts that the client has.
            let resume = request
                .resume
                .filter(|_| self.resync.is_none())
                .filter(|resume| resume.epoch == view.epoch && resume.seq < view.seq);
            let resume = resume.filter(|resume| channels.iter().all(|(_, _, state)| state.can_resume(*resume)));
            let resumed = resume.is_some();
            counters.resumed += u64::from(resumed);
            batch.open(Frame::Subscribed(Subscribed {
                position,
                id: request.id.clone(),
                resumed,
                topics: Vec::new(),
                rows: Vec::new(),
            }));
            for (number, channel, state) in channels {
                batch.topic(&echo(number, channel, state));
                match resume {
                    Some(resume) => state
                        .rows_since(resume.seq, Timestamp::MIN, channel.mode)
                        .for_each(|tail| batch.row(number, tail)),
                    None => {
                        let rows = state.snapshot(view.topics.grid(&state.topic), channel.buckets, channel.mode);
                        rows.for_each(|tail| batch.row(number, tail));
                    }
                }
            }
            last = Some(request.serial);
        }
        last
    }

    fn states<'a>(
        &'a self,
        request: &'a Request,
        topics: &'a Topics,
    ) -> impl Iterator<Item = (u32, &'a Channel, &'a TopicState)> {
        request.channels.iter().filter_map(|number| {
            let channel = self.channels.get(number)?;
            Some((*number, channel, topics.get(channel.topic)?))
        })
    }
}

/// Where the channel's window began when the last frame was put together. Rows that were read apart may be older than that frame: their window is the one of when
/// they were read.
fn floor(topics: &Topics, state: &TopicState, channel: &Channel, at: Timestamp) -> Timestamp {
    let at = state.head.map_or(at, |head| at.min(head));
    topics
        .grid(&state.topic)
        .map_or(Timestamp::MIN, |grid| grid.floor(channel.buckets, at))
}

fn echo(number: u32, channel: &Channel, state: &TopicState) -> TopicEcho {
    TopicEcho {
        channel: number,
        kpi: state.topic.kpi.clone(),
        period: state.topic.period,
        time_zone: state.topic.time_zone.clone(),
        filter: state.topic.filter.clone(),
        mode: channel.mode,
        buckets: channel.buckets,
        silent: state.silent,
    }
}
