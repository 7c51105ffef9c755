//! What must be read in a tick.

use std::collections::BTreeMap;
use std::sync::Arc;

use formula::Number;
use jiff::Timestamp;
use uuid::Uuid;

use super::grid::{Clocks, Grid, Span, clocks, later};
use super::topics::{TopicState, Topics};
use super::work::Work;
use super::{Calendar, Observed, Publisher, Reach, TopicRead, Touched, Touches};
use crate::{MAX_TICK_BUCKETS, MAX_TICK_READS, MIN_TICK_SHARE, MIN_TICK_SHARERS, POSTPONE_MS, SUSPECT_MS, Topic};

/// What was touched of one client, by entity.
type TouchedRanges = BTreeMap<Option<String>, Span>;

/// With whom a client is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// In the tick, with all who have few topics.
    Tick,
    /// Beside the ticks, one after the other: who has many, or took too long.
    Apart,
}

impl Publisher {
    /// Notes what commits touched; without it notifications may have been missed, and every window is to be read.
    pub fn touch(&mut self, touched: Option<&[Touched]>) {
        self.topics.touch(touched);
    }

    /// Notes that every window of a client is to be read: its definitions changed.
    pub fn doubt(&mut self, client: Uuid) {
        if let Some(work) = self.topics.clients.get_mut(&client) {
            work.unsure = true;
        }
    }

    /// The ranges that must be read in this tick. With `touched` it is what the notifications name within the windows, what was asked
    /// before and not observed, buckets that closed, and the whole window of topics that are new or were not followed; without (when notifications may
    /// have been missed) every window. Topics that nobody watches are not read unless they are pinned, paused ones never.
    ///
    /// They are [`MAX_TICK_READS`] at most, of which each client that has any gets its share; the rest is asked for in the next tick. Clients with more than
    /// [`MAX_TICK_TOPICS`](crate::MAX_TICK_TOPICS) topics or [`MAX_TICK_BUCKETS`] buckets, and those that took too long, are not among them: see
    /// [`reads_apart`](Publisher::reads_apart).
    pub fn reads(&mut self, now: Timestamp, touched: Option<&[Touched]>, calendar: &dyn Calendar) -> Vec<TopicRead> {
        for connection in self.connections.values_mut() {
            connection.connected_at.get_or_insert(now);
        }
        self.touch(touched);
        self.look(now, calendar)
    }

    /// The same for one of the clients with more than a tick reads of one, or that took too long: nobody else should wait for it. They have their turns.
    /// It is observed whenever it was read, ticks later. Until [`end_apart`](Publisher::end_apart) the client is not looked at, and what is touched
    /// meanwhile is kept for the next time; so there is nothing to be asked for until then.
    pub fn reads_apart(&mut self, now: Timestamp, calendar: &dyn Calendar) -> Vec<TopicRead> {
        if self.apart.is_some() {
            return Vec::new();
        }
        let due = self.clients_due(Lane::Apart, now, calendar);
        let next = due.iter().find(|client| **client > self.last_apart).or(due.first());
        let Some(client) = next.copied() else {
            return Vec::new();
        };
        self.last_apart = client;
        let reads = self.topics.look(client, self.share(1), now, self.seq, calendar);
        self.apart = (!reads.is_empty()).then_some(client);
        reads
    }

    /// What [`reads_apart`](Publisher::reads_apart) asked for is observed, as far as it could be read.
    pub fn end_apart(&mut self) {
        self.apart = None;
    }

    /// The client that is being read apart is not read before: others have their turns meanwhile, and the database some peace.
    pub fn rest_apart(&mut self, until: Timestamp) {
        if let Some(work) = self.apart.and_then(|client| self.topics.clients.get_mut(&client)) {
            work.rests_until = Some(until);
        }
    }

    /// Whether [`reads`](Publisher::reads) may ask for anything now; it need not be called when not.
    #[must_use]
    pub fn has_reads_due(&self, now: Timestamp) -> bool {
        self.lane(Lane::Tick).any(|(_, work)| work.is_due(now))
    }

    /// Whether [`reads_apart`](Publisher::reads_apart) may ask for anything now.
    #[must_use]
    pub fn has_reads_apart_due(&self, now: Timestamp) -> bool {
        self.next_apart(now).is_some_and(|at| at <= now)
    }

    /// When [`reads_apart`](Publisher::reads_apart) may ask for what is due now; `None` while it asks for nothing.
    #[must_use]
    pub fn next_apart(&self, now: Timestamp) -> Option<Timestamp> {
        if self.apart.is_some() {
            return None;
        }
        let due = self.lane(Lane::Apart).filter(|(_, work)| work.is_due(now));
        due.map(|(_, work)| work.rested_at(now)).min()
    }

    /// Whether topics are left that the last tick had no room for, or did not get to read.
    #[must_use]
    pub fn has_reads_left(&self) -> bool {
        let mut clients = self.lane(Lane::Tick);
        clients.any(|(_, work)| work.outstanding > 0 && work.postponed_until.is_none())
    }

    /// The clients of a lane, none of which is being read apart.
    fn lane(&self, lane: Lane) -> impl Iterator<Item = (&Uuid, &Work)> {
        let (most, apart) = (self.tick_topics, self.apart);
        let of = move |work: &Work| {
            let has_much = work.topics.len() > most || work.buckets > MAX_TICK_BUCKETS;
            if has_much || work.suspect_until.is_some() {
                Lane::Apart
            } else {
                Lane::Tick
            }
        };
        let clients = self.topics.clients.iter();
        clients.filter(move |(client, work)| of(work) == lane && apart != Some(**client))
    }

    /// Topics that may be read of one client, of so many that are.
    fn share(&self, clients: usize) -> usize {
        let is_alone = self.topics.clients.len() == 1;
        let sharers = if is_alone { 1 } else { clients.max(MIN_TICK_SHARERS) };
        (MAX_TICK_READS / sharers).max(MIN_TICK_SHARE)
    }

    /// What is read of the clients of the tick: of as many as get a share, in turn.
    fn look(&mut self, now: Timestamp, calendar: &dyn Calendar) -> Vec<TopicRead> {
        let mut looked_at = self.clients_due(Lane::Tick, now, calendar);
        let served = MAX_TICK_READS / MIN_TICK_SHARE;
        if looked_at.len() > served {
            let first = looked_at.partition_point(|client| *client < self.next_client);
            looked_at.rotate_left(first);
            self.next_client = looked_at[served];
            looked_at.truncate(served);
        }
        let share = self.share(looked_at.len());
        let mut reads = Vec::new();
        for client in looked_at {
            reads.extend(self.topics.look(client, share, now, self.seq, calendar));
        }
        reads
    }

    /// The clients of a lane that are to be looked at now, in the order of their ids.
    fn clients_due(&self, lane: Lane, now: Timestamp, calendar: &dyn Calendar) -> Vec<Uuid> {
        let is_rested = |work: &Work| lane == Lane::Tick || work.rested_at(now) <= now;
        let due = self.lane(lane);
        let due = due.filter(|(client, work)| work.is_due(now) && is_rested(work) && calendar.knows(**client));
        due.map(|(client, _)| *client).collect()
    }

    /// What was read of a range that [`reads`](Publisher::reads) asked for in this tick, or [`reads_apart`](Publisher::reads_apart) before. A bucket of the range that is not among the
    /// values has no facts; `empty` is the KPI's value then, 0 for a count.
    pub fn observe(&mut self, read: &TopicRead, values: &[Observed], empty: Option<&Number>) {
        let Topics {
            states,
            keys,
            grids,
            clients,
            ..
        } = &mut self.topics;
        let state = keys.get(&read.topic).and_then(|key| states.get_mut(key));
        if let (Some(state), Some(grid)) = (state, grids.get(&clocks(&read.topic))) {
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
    /// A range that was asked for can't be read, because of what it asks and not because of the moment. Its
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

    /// A range that was asked for was not read because the statement took too long, or failed, in which so many topics of its client were asked. Nobody else is
    /// read with this client for a while; the topic is asked for again among half as many, and one that took too long alone is
    /// [refused](Publisher::refuse), for longer.
    pub fn suspect(&mut self, read: &TopicRead, among: usize, now: Timestamp) {
        let Topics {
            states, keys, clients, ..
        } = &mut self.topics;
        let Some(work) = clients.get_mut(&read.topic.client) else {
            return;
        };
        work.suspect_until = Some(later(now, SUSPECT_MS));
        if let Some(state) = keys.get(&read.topic).and_then(|key| states.get_mut(key)) {
            state.company = state.company.min(among / 2).max(1);
            if among <= 1 {
                if state.dirty.is_some() {
                    work.settle();
                }
                state.refuse_slow(now, self.seq);
            }
        }
    }

    /// The database of a client can't be reached: it is asked again after [`POSTPONE_MS`].
    pub fn postpone(&mut self, client: Uuid, now: Timestamp) {
        if let Some(work) = self.topics.clients.get_mut(&client) {
            work.postponed_until = Some(later(now, POSTPONE_MS));
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
        let is_suspect = work.suspect_until.is_some();
        let keys: Vec<u32> = work.topics.iter().copied().collect();
        self.refresh_grids(client, &keys, now, calendar);
        let Topics {
            states, grids, clients, ..
        } = self;
        let mut due = Vec::new();
        let mut touching = touched.map(|touched| Touching::new(touched, calendar));
        let mut reaches: BTreeMap<&str, Reach> = BTreeMap::new();
        let topics: Vec<Arc<Topic>> = keys
            .iter()
            .filter_map(|key| Some(Arc::clone(&states.get(key)?.topic)))
            .collect();
        for topic in &topics {
            reaches.entry(&topic.kpi).or_insert_with(|| calendar.reach(topic));
        }
        for key in &keys {
            let Some(state) = states.get_mut(key) else { continue };
            if !is_suspect {
                state.company = usize::MAX;
            }
            let reach = reaches.get(&*state.topic.kpi).copied().unwrap_or(Reach::Clock);
            let touching = touching.as_mut().map(|touching| touching.of(&state.topic, reach));
            if let Some(grid) = grids.get(&clocks(&state.topic))
                && state.look(grid, touching, reach, now, seq)
            {
                due.push((*key, state.company));
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
            grids.retain(|(of, _, _), _| *of != client);
        }
    }

    fn refresh_grids(&mut self, client: Uuid, keys: &[u32], now: Timestamp, calendar: &dyn Calendar) {
        let mut wanted: BTreeMap<Clocks, (u16, Arc<Topic>)> = BTreeMap::new();
        let mut counted = 0;
        for key in keys {
            let Some(state) = self.states.get_mut(key) else {
                continue;
            };
            if state.is_active() {
                state.size(now);
            }
            let most = state.window.max(state.needed());
            state.counted = most;
            counted += usize::from(state.counted);
            let wanted = wanted.entry(clocks(&state.topic));
            let (buckets, _) = wanted.or_insert_with(|| (most, Arc::clone(&state.topic)));
            *buckets = most.max(*buckets);
        }
        if let Some(work) = self.clients.get_mut(&client) {
            work.buckets = counted;
        }
        for (clocks, (buckets, topic)) in wanted {
            let known = self.grids.get(&clocks);
            if known.is_none_or(|grid| !grid.serves(now, buckets)) {
                let grid = Grid::new(calendar, &topic, now, buckets);
                self.grids.insert(clocks, grid);
            }
        }
    }
}

/// What was touched of one client, by KPI and the names that topics filter by: asked of the calendar once for all topics that have the same.
struct Touching<'a> {
    touched: TouchedRanges,
    calendar: &'a dyn Calendar,
    of_kpis: BTreeMap<(String, Vec<String>), Vec<Span>>,
}

impl<'a> Touching<'a> {
    fn new(touched: TouchedRanges, calendar: &'a dyn Calendar) -> Self {
        Self {
            touched,
            calendar,
            of_kpis: BTreeMap::new(),
        }
    }

    /// The ranges in which facts may change the topic.
    fn of(&mut self, topic: &Topic, reach: Reach) -> &[Span] {
        if self.touched.is_empty() {
            return &[];
        }
        let key = (topic.kpi.clone(), topic.filter.keys().cloned().collect());
        let Self {
            touched,
            calendar,
            of_kpis,
        } = self;
        of_kpis.entry(key).or_insert_with(|| {
            let ranges = touched.iter().filter_map(|(entity, range)| {
                match calendar.touches(topic, entity.as_deref()) {
                    Touches::Nothing => None,
                    Touches::Own if reach == Reach::Own => Some(*range),
                    // A fact counts in buckets after its own where a formula looks back; how far is not asked, because what is read once too often is right too.
                    Touches::Own | Touches::Later => Some(Span {
                        to: Timestamp::MAX,
                        ..*range
                    }),
                    Touches::All => Some(Span {
                        from: Timestamp::MIN,
                        to: Timestamp::MAX,
                    }),
                }
            });
            ranges.collect()
        })
    }
}

impl TopicState {
    /// Moves its window on and notes what must be read; tells whether there is anything.
    fn look(&mut self, grid: &Grid, touched: Option<&[Span]>, reach: Reach, now: Timestamp, seq: u64) -> bool {
        if !self.is_active() || self.is_pausing(now) {
            // It is not followed from here on: when it is again, its window is read as a whole.
            (self.current, self.dirty) = (false, None);
            return false;
        }
        let floor = grid.floor(self.window, now);
        self.evict(floor, seq);
        self.dirty = self.due(floor, grid, touched);
        self.age(grid, reach, now);
        self.dirty.is_some()
    }

    /// Of a topic whose open bucket changes by the minute, that is to be read once in each.
    fn age(&mut self, grid: &Grid, reach: Reach, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        if reach != Reach::Clock || self.read_minute == Some(minute) {
            return;
        }
        self.read_minute = Some(minute);
        let open = Span {
            from: grid.head(),
            to: grid.end(),
        };
        self.dirty = Some(open.hull(self.dirty));
    }

    /// The range that must be read now.
    fn due(&self, floor: Timestamp, grid: &Grid, touched: Option<&[Span]>) -> Option<Span> {
        let window = Span {
            from: floor,
            to: grid.end(),
        };
        let grown = self.loaded_from.is_none_or(|from| floor < from);
        let Some(touched) = touched.filter(|_| self.current && !grown) else {
            return Some(window);
        };
        let mut due = self.dirty.and_then(|dirty| dirty.common(window));
        for range in touched {
            if range.to >= window.from && range.from < window.to {
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
