//! What must be read in a tick.

use std::collections::BTreeMap;

use catalog::Level;
use jiff::Timestamp;
use uuid::Uuid;

use super::grid::{Grid, Span};
use super::topics::{TopicState, Topics};
use super::{Calendar, Observed, Publisher, TopicRead, Touched};
use crate::{MAX_TICK_READS, MIN_TICK_SHARE, MIN_TICK_SHARERS};

/// What was touched of one client, by entity.
type TouchedRanges = BTreeMap<Option<String>, Span>;

impl Publisher {
    /// The ranges that must be read in this tick. With `touched` it is what the notifications name within the windows, what was asked
    /// before and not observed, buckets that closed, and the whole window of topics that are new or were not followed; without (when notifications may
    /// have been missed) every window. Topics that nobody watches are not read unless they are pinned, paused ones never.
    ///
    /// They are [`MAX_TICK_READS`] at most, of which each client that has any gets its share; the rest is asked for in the next tick.
    pub fn reads(&mut self, now: Timestamp, touched: Option<&[Touched]>, calendar: &dyn Calendar) -> Vec<TopicRead> {
        for connection in self.connections.values_mut() {
            connection.connected_at.get_or_insert(now);
        }
        self.topics.touch(touched);
        let looked_at = self.clients_due(now);
        let is_alone = self.topics.clients.len() == 1;
        let sharers = if is_alone {
            1
        } else {
            looked_at.len().max(MIN_TICK_SHARERS)
        };
        let share = (MAX_TICK_READS / sharers).max(MIN_TICK_SHARE);
        let mut reads = Vec::new();
        for client in looked_at {
            reads.extend(self.topics.look(client, share, now, self.seq, calendar));
        }
        reads
    }

    /// The clients that are looked at in this tick: as many as get a share, in turn.
    fn clients_due(&mut self, now: Timestamp) -> Vec<Uuid> {
        let clients = &self.topics.clients;
        let from = clients
            .range(self.next_client..)
            .chain(clients.range(..self.next_client));
        let mut due = from.filter(|(_, work)| work.is_due(now)).map(|(client, _)| *client);
        let served: Vec<Uuid> = due.by_ref().take(MAX_TICK_READS / MIN_TICK_SHARE).collect();
        self.next_client = due.next().unwrap_or(self.next_client);
        served
    }

    /// What was read of a range that [`reads`](Publisher::reads) asked for in this tick. A bucket of the range that is not among the
    /// values has no facts; `empty` is the KPI's value then, 0 for a count.
    pub fn observe(&mut self, read: &TopicRead, values: &[Observed], empty: Option<f64>) {
        let Topics {
            states,
            keys,
            grids,
            clients,
            ..
        } = &mut self.topics;
        let state = keys.get(&read.topic).and_then(|key| states.get_mut(key));
        if let (Some(state), Some(grid)) = (state, grids.get(&(read.topic.client, read.topic.period))) {
            let was_due = state.dirty.is_some();
            state.observe(
                Span {
                    from: read.from,
                    to: read.to,
                },
                values,
                empty,
                grid,
                self.seq,
            );
            if was_due
                && state.dirty.is_none()
                && let Some(work) = clients.get_mut(&read.topic.client)
            {
                work.settle();
            }
        }
    }
}

impl Publisher {
    /// A range that [`reads`](Publisher::reads) asked for in this tick can't be read, because of what it asks and not because of the moment. Its
    /// topic falls silent, which is told to its subscribers, and is asked for as a whole after a pause.
    pub fn refuse(&mut self, read: &TopicRead, now: Timestamp) {
        let Topics {
            states, keys, clients, ..
        } = &mut self.topics;
        if let Some(state) = keys.get(&read.topic).and_then(|key| states.get_mut(key)) {
            if state.dirty.is_some()
                && let Some(work) = clients.get_mut(&read.topic.client)
            {
                work.settle();
            }
            state.refuse(now, self.seq);
        }
    }
}

impl Topics {
    fn touch(&mut self, touched: Option<&[Touched]>) {
        let Some(touched) = touched else {
            self.clients.values_mut().for_each(|work| work.unsure = true);
            return;
        };
        for touched in touched {
            if let Some(work) = self.clients.get_mut(&touched.client) {
                work.touch(touched);
            }
        }
    }

    /// Looks at all topics of a client, and chooses what is read.
    fn look(
        &mut self,
        client: Uuid,
        share: usize,
        now: Timestamp,
        seq: u64,
        calendar: &dyn Calendar,
    ) -> Vec<TopicRead> {
        self.retire(client, now);
        let Some(work) = self.clients.get_mut(&client) else {
            return Vec::new();
        };
        let touched = work.take(now);
        let keys: Vec<u32> = work.topics.iter().copied().collect();
        self.refresh_grids(client, &keys, now, calendar);
        let Topics {
            states, grids, clients, ..
        } = self;
        let mut due = Vec::new();
        for key in &keys {
            let Some(state) = states.get_mut(key) else { continue };
            if let Some(grid) = grids.get(&(client, state.topic.period))
                && state.look(grid, touched.as_ref(), now, seq, calendar)
            {
                due.push(*key);
            }
        }
        let chosen = clients.get_mut(&client).map(|work| work.choose(&due, share));
        let read = |key: u32| {
            let state = states.get(&key)?;
            state.dirty.map(|span| TopicRead {
                topic: state.topic.clone(),
                from: span.from,
                to: span.to,
            })
        };
        chosen.unwrap_or_default().into_iter().filter_map(read).collect()
    }

    /// Forgets what nobody has watched for a while.
    fn retire(&mut self, client: Uuid, now: Timestamp) {
        let Topics {
            states,
            keys,
            grids,
            clients,
            ..
        } = self;
        let Some(work) = clients.get_mut(&client) else { return };
        work.topics.retain(|key| {
            let is_over = states.get_mut(key).is_none_or(|state| state.is_over(now));
            if is_over && let Some(state) = states.remove(key) {
                keys.remove(&state.topic);
            }
            !is_over
        });
        if work.topics.is_empty() {
            clients.remove(&client);
            grids.retain(|(of, _), _| *of != client);
        }
    }

    fn refresh_grids(&mut self, client: Uuid, keys: &[u32], now: Timestamp, calendar: &dyn Calendar) {
        let mut wanted: BTreeMap<Level, u16> = BTreeMap::new();
        for key in keys {
            let Some(state) = self.states.get_mut(key) else {
                continue;
            };
            if state.is_active() {
                state.size(now);
            }
            let buckets = wanted.entry(state.topic.period).or_default();
            *buckets = state.window.max(state.needed()).max(*buckets);
        }
        for (period, buckets) in wanted {
            let known = self.grids.get(&(client, period));
            if known.is_none_or(|grid| !grid.serves(now, buckets)) {
                let grid = Grid::new(calendar, client, period, now, buckets);
                self.grids.insert((client, period), grid);
            }
        }
    }
}

impl TopicState {
    /// Moves its window on and notes what must be read; tells whether there is anything.
    fn look(
        &mut self,
        grid: &Grid,
        touched: Option<&TouchedRanges>,
        now: Timestamp,
        seq: u64,
        calendar: &dyn Calendar,
    ) -> bool {
        if !self.is_active() || self.is_pausing(now) {
            // It is not followed from here on: when it is again, its window is read as a whole.
            (self.current, self.dirty) = (false, None);
            return false;
        }
        let floor = grid.floor(self.window, now);
        self.evict(floor, seq);
        self.dirty = self.due(floor, grid, touched, calendar);
        self.dirty.is_some()
    }

    /// The range that must be read now.
    fn due(
        &self,
        floor: Timestamp,
        grid: &Grid,
        touched: Option<&TouchedRanges>,
        calendar: &dyn Calendar,
    ) -> Option<Span> {
        let window = Span {
            from: floor,
            to: grid.end(),
        };
        let grown = self.loaded_from.is_none_or(|from| floor < from);
        let Some(touched) = touched.filter(|_| self.current && !grown) else {
            return Some(window);
        };
        let mut due = self.dirty.and_then(|dirty| dirty.common(window));
        for (entity, range) in touched {
            if range.to >= window.from
                && range.from < window.to
                && entity.as_ref().is_none_or(|entity| calendar.uses(&self.topic, entity))
            {
                due = grid.buckets(range.from, range.to).hull(due).common(window);
            }
        }
        if let Some(head) = self.head.filter(|head| *head < grid.head()) {
            due = Span {
                from: head,
                to: grid.end(),
            }
            .hull(due)
            .common(window);
        }
        due
    }
}
