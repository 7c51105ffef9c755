//! What must be read in a tick.

use std::collections::BTreeMap;

use catalog::Level;
use jiff::Timestamp;
use uuid::Uuid;

use super::grid::{Grid, Span};
use super::topics::{TopicState, Topics};
use super::{Calendar, Observed, Publisher, TopicRead, Touched};

/// What was touched, by client and entity: batches of a tick that lie together are one range.
type TouchedRanges<'a> = BTreeMap<Uuid, BTreeMap<Option<&'a str>, Span>>;

impl Publisher {
    /// The ranges that must be read in this tick. With `touched` it is what the notifications name within the windows, what was asked
    /// before and not observed, buckets that closed, and the whole window of topics that are new or were not followed; without (when notifications may
    /// have been missed) every window. Topics that nobody watches are not read unless they are pinned, paused ones never.
    pub fn reads(&mut self, now: Timestamp, touched: Option<&[Touched]>, calendar: &dyn Calendar) -> Vec<TopicRead> {
        for connection in self.connections.values_mut() {
            connection.connected_at.get_or_insert(now);
        }
        self.topics.retire(now);
        self.topics.size(now);
        self.topics.refresh_grids(now, calendar);
        let ranges = touched.map(ranges);
        let Topics { states, grids, .. } = &mut self.topics;
        let mut reads = Vec::new();
        for state in states.values_mut() {
            let Some(grid) = grids.get(&(state.topic.client, state.topic.period)) else {
                continue;
            };
            if !state.is_active() || state.is_pausing(now) {
                // It is not followed from here on: when it is again, its window is read as a whole.
                (state.current, state.dirty) = (false, None);
                continue;
            }
            let floor = grid.floor(state.window, now);
            state.evict(floor, self.seq);
            state.dirty = state.due(floor, grid, ranges.as_ref(), calendar);
            reads.extend(state.dirty.map(|span| TopicRead {
                topic: state.topic.clone(),
                from: span.from,
                to: span.to,
            }));
        }
        reads
    }

    /// What was read of a range that [`reads`](Publisher::reads) asked for in this tick. A bucket of the range that is not among the
    /// values has no facts; `empty` is the KPI's value then, 0 for a count.
    pub fn observe(&mut self, read: &TopicRead, values: &[Observed], empty: Option<f64>) {
        let Topics {
            states, keys, grids, ..
        } = &mut self.topics;
        let state = keys.get(&read.topic).and_then(|key| states.get_mut(key));
        if let (Some(state), Some(grid)) = (state, grids.get(&(read.topic.client, read.topic.period))) {
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
        }
    }
}

impl Publisher {
    /// A range that [`reads`](Publisher::reads) asked for in this tick can't be read, because of what it asks and not because of the moment. Its
    /// topic falls silent, which is told to its subscribers, and is asked for as a whole after a pause.
    pub fn refuse(&mut self, read: &TopicRead, now: Timestamp) {
        let Topics { states, keys, .. } = &mut self.topics;
        if let Some(state) = keys.get(&read.topic).and_then(|key| states.get_mut(key)) {
            state.refuse(now, self.seq);
        }
    }
}

fn ranges(touched: &[Touched]) -> TouchedRanges<'_> {
    let mut ranges = TouchedRanges::new();
    for touched in touched {
        let range = Span {
            from: touched.from,
            to: touched.to,
        };
        let known = ranges
            .entry(touched.client)
            .or_default()
            .entry(touched.entity.as_deref())
            .or_insert(range);
        *known = known.hull(Some(range));
    }
    ranges
}

impl Topics {
    fn size(&mut self, now: Timestamp) {
        for state in self.states.values_mut().filter(|state| state.is_active()) {
            state.size(now);
        }
    }

    fn refresh_grids(&mut self, now: Timestamp, calendar: &dyn Calendar) {
        let mut wanted: BTreeMap<(Uuid, Level), u16> = BTreeMap::new();
        for state in self.states.values() {
            let buckets = wanted.entry((state.topic.client, state.topic.period)).or_default();
            *buckets = state.window.max(state.needed()).max(*buckets);
        }
        self.grids.retain(|key, _| wanted.contains_key(key));
        for ((client, period), buckets) in wanted {
            let grid = self
                .grids
                .get(&(client, period))
                .filter(|grid| grid.serves(now, buckets));
            if grid.is_none() {
                self.grids
                    .insert((client, period), Grid::new(calendar, client, period, now, buckets));
            }
        }
    }
}

impl TopicState {
    /// The range that must be read now.
    fn due(
        &self,
        floor: Timestamp,
        grid: &Grid,
        touched: Option<&TouchedRanges<'_>>,
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
        for (entity, range) in touched.get(&self.topic.client).into_iter().flatten() {
            if range.to >= window.from
                && range.from < window.to
                && entity.is_none_or(|entity| calendar.uses(&self.topic, entity))
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
