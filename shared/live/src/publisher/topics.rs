//! What is known of each topic: its window of buckets, each with the tick in which it last changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use formula::Number;
use jiff::Timestamp;
use uuid::Uuid;

use super::bell::Bell;
use super::grid::{Clocks, Grid, Span, clocks, later};
use super::work::Work;
use super::{Observed, is_sent};
use crate::row::tail;
use crate::{
    Control, MAX_BUCKETS, MAX_ROWS_PER_CLIENT, Mode, RETAIN_MS, Resume, SLOW_PAUSE_MS, Silence, Topic,
    UNREADABLE_FIRST_MS, UNREADABLE_LAST_MS,
};

/// All topics that are watched, pinned or not yet forgotten.
#[derive(Debug, Default)]
pub(super) struct Topics {
    pub(super) states: BTreeMap<u32, TopicState>,
    /// Where the state of a topic is. Connections hold the number, which is cheaper to compare.
    pub(super) keys: BTreeMap<Arc<Topic>, u32>,
    pub(super) next_key: u32,
    pub(super) controls: BTreeMap<Topic, Control>,
    pub(super) grids: BTreeMap<Clocks, Grid>,
    /// The topics by client, with what is to be done about them.
    pub(super) clients: BTreeMap<Uuid, Work>,
}

/// Who watches a topic, by one of its channels.
#[derive(Debug)]
pub(super) struct Subscriber {
    /// Buckets that are shown there.
    pub(super) buckets: u16,
    /// The connection's bell.
    pub(super) bell: Bell,
}

/// One topic.
#[derive(Debug)]
pub(super) struct TopicState {
    pub(super) topic: Arc<Topic>,
    /// By connection and channel.
    pub(super) subscribers: BTreeMap<(Arc<str>, u32), Subscriber>,
    pub(super) control: Option<Control>,
    /// Why its rows are not kept up. It lasts until the window was read again, not only until its cause is gone.
    pub(super) silent: Option<Silence>,
    /// The tick in which that last changed.
    pub(super) silent_changed: u64,
    /// Readings in a row that were refused, and until when it is not read because of that.
    pub(super) refusals: u32,
    pub(super) refused_until: Option<Timestamp>,
    /// It was refused because it takes too long: from when on a new subscriber has it tried again.
    pub(super) tried_again_from: Option<Timestamp>,
    /// Among how many topics of its client it may be read.
    pub(super) company: usize,
    /// Buckets of it that its client's are counted with.
    pub(super) counted: u16,
    /// Buckets that are kept; stays large for a while after the subscriber that needed it left.
    pub(super) window: u16,
    pub(super) window_until: Timestamp,
    pub(super) idle_since: Option<Timestamp>,
    /// Whether every change since the last reading of the whole window was read or is in `dirty`.
    pub(super) current: bool,
    /// What must be read.
    pub(super) dirty: Option<Span>,
    /// The minute in which it was to be read last, where the open bucket changes by the minute.
    pub(super) read_minute: Option<i64>,
    /// The bucket that was open at the last reading.
    pub(super) head: Option<Timestamp>,
    /// From where on absent buckets are known to be empty.
    pub(super) loaded_from: Option<Timestamp>,
    /// The tick since which every change from `loaded_from` on has its mark.
    pub(super) known_since: u64,
    pub(super) buckets: BTreeMap<Timestamp, Bucket>,
    /// The buckets in the order of their last change.
    pub(super) changes: BTreeSet<(u64, Timestamp)>,
    /// Of the buckets that left the window, the newest start and the newest change.
    pub(super) evicted: Option<(Timestamp, u64)>,
    /// Of the buckets that left the window, the last tick that closed one.
    pub(super) finished: u64,
}

/// One bucket that has, or had, a row.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) value: Option<Number>,
    pub(super) facts: u64,
    pub(super) closed: bool,
    /// The tick that closed it, when it was known as open before.
    pub(super) finished: u64,
    pub(super) changed: u64,
    /// The row without its channel.
    pub(super) tail: Box<str>,
}

impl Topics {
    pub(super) fn get(&self, key: u32) -> Option<&TopicState> {
        self.states.get(&key)
    }

    pub(super) fn grid(&self, topic: &Topic) -> Option<&Grid> {
        self.grids.get(&clocks(topic))
    }

    pub(super) fn any_pinned(&self) -> bool {
        self.controls.values().any(|control| *control == Control::Pinned)
    }

    /// Of the buckets that are asked for, so many as there is room for: those that are kept of the topic anyway cost nothing.
    pub(super) fn grant(&self, topic: &Topic, buckets: u16) -> u16 {
        let kept = self.clients.get(&topic.client).map_or(0, |work| work.buckets);
        let room = u16::try_from(MAX_ROWS_PER_CLIENT.saturating_sub(kept)).unwrap_or(u16::MAX);
        let state = self.keys.get(topic).and_then(|key| self.states.get(key));
        let counted = state.map_or(0, |state| state.counted);
        buckets.min(counted.saturating_add(room)).max(1)
    }

    pub(super) fn watch(&mut self, topic: Topic, connection: &Arc<str>, channel: u32, subscriber: Subscriber) -> u32 {
        let client = topic.client;
        let key = self.key(topic);
        let work = self.clients.entry(client).or_default();
        work.changed = true;
        if let Some(state) = self.states.get_mut(&key) {
            let more = subscriber.buckets.saturating_sub(state.counted);
            state.counted += more;
            work.buckets += usize::from(more);
            state.try_again();
            state.subscribers.insert((connection.clone(), channel), subscriber);
        }
        key
    }

    pub(super) fn unwatch(&mut self, key: u32, connection: &Arc<str>, channel: u32) {
        if let Some(state) = self.states.get_mut(&key) {
            state.subscribers.remove(&(connection.clone(), channel));
        }
    }

    pub(super) fn control(&mut self, topic: Topic, control: Option<Control>, seq: u64) {
        match control {
            Some(control) => self.controls.insert(topic.clone(), control),
            None => self.controls.remove(&topic),
        };
        if control == Some(Control::Pinned) {
            self.key(topic.clone());
        }
        if let Some(state) = self.keys.get(&topic).and_then(|key| self.states.get_mut(key)) {
            state.control = control;
            state.ring();
            self.clients.entry(topic.client).or_default().changed = true;
            if control == Some(Control::Paused) {
                state.fall_silent(Silence::Paused, seq);
                // Its window is read as a whole when it goes on, however soon that is.
                state.current = false;
            }
        }
    }

    fn key(&mut self, topic: Topic) -> u32 {
        if let Some(key) = self.keys.get(&topic) {
            return *key;
        }
        let control = self.controls.get(&topic).copied();
        self.insert(TopicState::new(Arc::new(topic), control))
    }

    pub(super) fn insert(&mut self, mut state: TopicState) -> u32 {
        let key = self.next_key;
        self.next_key += 1;
        let work = self.clients.entry(state.topic.client).or_default();
        work.topics.insert(key);
        work.changed = true;
        state.counted = state.window;
        work.buckets += usize::from(state.counted);
        self.keys.insert(state.topic.clone(), key);
        self.states.insert(key, state);
        key
    }
}

impl TopicState {
    pub(super) fn new(topic: Arc<Topic>, control: Option<Control>) -> TopicState {
        TopicState {
            topic,
            subscribers: BTreeMap::new(),
            control,
            silent: (control == Some(Control::Paused)).then_some(Silence::Paused),
            silent_changed: 0,
            refusals: 0,
            refused_until: None,
            tried_again_from: None,
            company: usize::MAX,
            counted: 0,
            window: 1,
            window_until: Timestamp::MIN,
            idle_since: None,
            current: false,
            dirty: None,
            read_minute: None,
            head: None,
            loaded_from: None,
            known_since: 0,
            buckets: BTreeMap::new(),
            changes: BTreeSet::new(),
            evicted: None,
            finished: 0,
        }
    }

    /// Whether it is to be computed.
    pub(super) fn is_active(&self) -> bool {
        match self.control {
            Some(Control::Paused) => false,
            Some(Control::Pinned) => true,
            None => !self.subscribers.is_empty(),
        }
    }

    /// Whether it is not read because that was refused not long ago.
    pub(super) fn is_pausing(&self, now: Timestamp) -> bool {
        self.refused_until.is_some_and(|until| now < until)
    }

    /// Whether a snapshot taken now tells all there is. Of a paused topic, and of one that can't be read, it tells what was there when it
    /// fell silent, and that it is silent. While a client is read apart, a new subscription may need more than was looked at.
    pub(super) fn is_ready(&self) -> bool {
        let is_read = self.current && self.dirty.is_none() && self.needed() <= self.window;
        self.control == Some(Control::Paused) || self.refused_until.is_some() || is_read
    }

    /// Tells the connections that watch it that there may be something new.
    pub(super) fn ring(&self) {
        for subscriber in self.subscribers.values() {
            subscriber.bell.ring();
        }
    }

    pub(super) fn refuse(&mut self, now: Timestamp, seq: u64) {
        let pause = UNREADABLE_FIRST_MS
            .checked_shl(self.refusals.min(16))
            .unwrap_or(UNREADABLE_LAST_MS)
            .min(UNREADABLE_LAST_MS);
        self.refusals = self.refusals.saturating_add(1);
        self.refused_until = Some(later(now, pause));
        // It is not followed from here on: when it is again, its window is read as a whole.
        (self.current, self.dirty) = (false, None);
        self.ring();
        // Paused while it was being read, that is what its subscribers are told.
        if self.control != Some(Control::Paused) {
            self.fall_silent(Silence::Unreadable, seq);
        }
    }

    /// It takes too long, although nothing was read with it: it is left alone for long, unless somebody new wants to see it.
    pub(super) fn refuse_slow(&mut self, now: Timestamp, seq: u64) {
        self.refuse(now, seq);
        self.refused_until = Some(later(now, SLOW_PAUSE_MS));
        self.tried_again_from = Some(later(now, UNREADABLE_LAST_MS));
    }

    /// Somebody new wants to see it.
    fn try_again(&mut self) {
        if let Some(from) = self.tried_again_from.take() {
            self.refused_until = self.refused_until.map(|until| until.min(from));
        }
    }

    fn fall_silent(&mut self, why: Silence, seq: u64) {
        if self.silent != Some(why) {
            (self.silent, self.silent_changed) = (Some(why), seq);
            self.ring();
        }
    }

    /// It was read as a whole: what it shows is what is.
    fn speak(&mut self, seq: u64) {
        (self.refusals, self.refused_until, self.tried_again_from) = (0, None, None);
        if self.silent.take().is_some() {
            self.silent_changed = seq;
        }
    }

    pub(super) fn is_over(&mut self, now: Timestamp) -> bool {
        if !self.subscribers.is_empty() || self.control == Some(Control::Pinned) {
            self.idle_since = None;
            return false;
        }
        now >= later(*self.idle_since.get_or_insert(now), RETAIN_MS)
    }

    /// Buckets that the largest subscription shows.
    pub(super) fn needed(&self) -> u16 {
        self.subscribers
            .values()
            .map(|subscriber| subscriber.buckets)
            .max()
            .unwrap_or(1)
            .clamp(1, MAX_BUCKETS)
    }

    /// Adapts the window. It shrinks late: whoever needed the larger one may be about to resume.
    pub(super) fn size(&mut self, now: Timestamp) {
        let needed = self.needed();
        if needed >= self.window {
            self.window = needed;
            self.window_until = later(now, RETAIN_MS);
        } else if now >= self.window_until {
            self.window = needed;
        }
    }

    /// Drops the buckets before the window.
    pub(super) fn evict(&mut self, floor: Timestamp, seq: u64) {
        if let Some(from) = self.loaded_from {
            self.loaded_from = Some(from.max(floor));
        }
        if self.buckets.first_key_value().is_none_or(|(start, _)| *start >= floor) {
            return;
        }
        self.ring();
        let kept = self.buckets.split_off(&floor);
        for (start, bucket) in std::mem::replace(&mut self.buckets, kept) {
            self.changes.remove(&(bucket.changed, start));
            let before = self.evicted.unwrap_or((Timestamp::MIN, 0));
            self.evicted = Some((before.0.max(start), before.1.max(bucket.changed)));
            // One that leaves before it was read as closed may have changed unseen: everyone who has it must be told.
            self.finished = self.finished.max(if bucket.closed { bucket.finished } else { seq });
        }
    }

    /// Takes what was read in a range; buckets that are not among the values are without facts, with the value `empty`. One without facts may have another, where
    /// what it is compared with does not exist.
    pub(super) fn observe(&mut self, span: Span, values: &[Observed], empty: Option<&Number>, grid: &Grid, seq: u64) {
        let inside = |start: Timestamp| span.from <= start && start < span.to && start <= grid.head();
        let mut read: BTreeMap<Timestamp, (Option<&Number>, u64)> = self
            .buckets
            .range(span.from..span.to)
            .map(|(start, _)| (*start, (empty, 0)))
            .collect();
        if inside(grid.head()) {
            read.insert(grid.head(), (empty, 0));
        }
        read.extend(
            values
                .iter()
                .filter(|value| inside(value.start))
                .map(|value| (value.start, (value.value.as_ref(), value.facts))),
        );
        let before = (self.last_change(), self.is_ready());
        for (start, (value, facts)) in read {
            // One without a row has the value of those without facts.
            if facts > 0 || value != empty || start == grid.head() || self.buckets.contains_key(&start) {
                self.set(start, value, facts, grid.head(), seq);
            }
        }
        if self.dirty.is_some_and(|dirty| span.holds(dirty)) {
            self.dirty = None;
            // Paused while it was being read, it is read as a whole when it goes on.
            self.current = self.control != Some(Control::Paused);
            if self.current {
                self.speak(seq);
            }
            self.head = Some(grid.head());
            if self.loaded_from.is_none_or(|from| span.from < from) {
                self.loaded_from = Some(span.from);
                self.known_since = seq;
            }
        }
        if before != (self.last_change(), self.is_ready()) {
            self.ring();
        }
    }

    fn set(&mut self, start: Timestamp, value: Option<&Number>, facts: u64, head: Timestamp, seq: u64) {
        let before = self.buckets.get(&start);
        let closed = start < head || before.is_some_and(|bucket| bucket.closed);
        if before.is_some_and(|bucket| (bucket.value.as_ref(), bucket.facts, bucket.closed) == (value, facts, closed)) {
            return;
        }
        let finished = before.map_or(0, |bucket| if closed && !bucket.closed { seq } else { bucket.finished });
        let value = value.cloned();
        self.put(start, Bucket::new(start, value, facts, closed, finished, seq));
    }

    pub(super) fn put(&mut self, start: Timestamp, bucket: Bucket) {
        if let Some(before) = self.buckets.get(&start) {
            self.changes.remove(&(before.changed, start));
        }
        self.changes.insert((bucket.changed, start));
        self.buckets.insert(start, bucket);
    }

    /// Rows that changed after a tick, from a bucket on; and of earlier buckets those that were shown as open and closed since, because a
    /// window moves on also while nothing can be read.
    pub(super) fn rows_since(&self, seq: u64, floor: Timestamp, mode: Mode) -> impl Iterator<Item = &str> {
        let changed = self
            .changes
            .range((seq + 1, Timestamp::MIN)..)
            .filter_map(|(_, start)| self.buckets.get_key_value(start));
        let needed = changed
            .filter(move |(start, bucket)| is_sent(mode, bucket.closed) && (**start >= floor || bucket.finished > seq));
        needed.map(|(_, bucket)| &*bucket.tail)
    }

    /// The rows of a snapshot: the newest buckets, of which in closed mode the open one is none.
    pub(super) fn snapshot(&self, grid: Option<&Grid>, buckets: u16, mode: Mode) -> impl Iterator<Item = &str> {
        let back = if mode == Mode::Live {
            buckets.saturating_sub(1)
        } else {
            buckets
        };
        let from = grid.map_or(Timestamp::MIN, |grid| grid.back(back));
        self.buckets
            .range(from..)
            .filter(move |(_, bucket)| is_sent(mode, bucket.closed))
            .map(|(_, bucket)| &*bucket.tail)
    }

    pub(super) fn last_change(&self) -> u64 {
        self.changes.last().map_or(0, |(seq, _)| *seq)
    }

    /// Whether a bucket that changed after the tick left the window, for someone whose window began at `floor`.
    pub(super) fn lost_since(&self, seq: u64, floor: impl FnOnce() -> Timestamp) -> bool {
        self.finished > seq
            || self
                .evicted
                .is_some_and(|(start, changed)| changed > seq && start >= floor())
    }

    /// Whether all that changed after the client left is known.
    pub(super) fn can_resume(&self, resume: Resume) -> bool {
        self.loaded_from.is_some() && self.known_since <= resume.seq && !self.lost_since(resume.seq, || Timestamp::MIN)
    }
}

impl Bucket {
    pub(super) fn new(
        start: Timestamp,
        value: Option<Number>,
        facts: u64,
        closed: bool,
        finished: u64,
        changed: u64,
    ) -> Bucket {
        Bucket {
            tail: tail(start.as_second(), value.as_ref(), facts, closed),
            value,
            facts,
            closed,
            finished,
            changed,
        }
    }
}
