//! Moving up, on the Apache edition: closed partials to every level, entity by entity, each in its turn.

use std::collections::BTreeSet;
use std::time::Instant;

use catalog::Level;
use database::{Error, Session};
use jiff::Timestamp;
use series::calendar::{DAY_US, floor_us};
use uuid::Uuid;

use super::slices::{self, Part, Slice};
use super::{Failures, MAX_MOVED, MAX_SLICES, MAX_STATEMENT_TIME, Upkeep};
use crate::MAX_TRIES;
use crate::copy::timestamp;
use crate::groups::{Crowded, MAX_GROUPS, stop};
use crate::volume::{self, MOVABLE, Volume};

database::row! {
    /// An entity that has closed partials.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Waiting {
        pub(super) client_id: Uuid,
        pub(super) entity_id: i32,
        pub(super) oldest: Timestamp,
        pub(super) partials: i64,
        /// When the first of them was committed, if that is still known, or when it was last tried.
        pub(super) since: Option<Timestamp>,
        /// How often it failed; nothing where it was not tried before.
        pub(super) failures: Option<i32>,
    }
}

/// Many entities at once, those first that have waited longest since they came or were tried, and none that is being moved. What fails for some keeps no others.
pub(super) async fn move_up(
    session: &Session,
    now: Timestamp,
    until: Instant,
    failures: &mut Failures,
) -> Result<Upkeep, Error> {
    let closed_us = floor_us(Level::Minute, now.as_microsecond());
    let mut all = Vec::new();
    for volume in volume::volumes(session).await? {
        // It changes nothing and nobody waits for it, so it has the time of the function.
        let waiting = failures.note(waiting(session, &volume, closed_us).await)?;
        let sets = sets(waiting.unwrap_or_default(), closed_us);
        all.extend(sets.into_iter().map(|set| (volume.clone(), set)));
    }
    all.sort_by_key(|(_, set)| set.first().and_then(|first| first.since));
    session.limit_statements(MAX_STATEMENT_TIME).await?;
    let mut run = Run {
        session,
        closed_us,
        until,
        done: Upkeep::default(),
    };
    for (volume, set) in all {
        if Instant::now() > until {
            run.done.left += set.len();
            continue;
        }
        if let Err(error) = run.set(&volume, &set).await {
            // All that is of one statement is tried alone then.
            let error = if set.len() > 1 && error.is_of_statement() {
                tracing::warn!(entities = set.len(), cause = %error, "entities can't be moved up together");
                run.each(&volume, &set).await?
            } else {
                Some(run.failed(&set, error).await?)
            };
            error.map_or(Ok(()), |error| failures.note(Err(error)).map(drop::<Option<()>>))?;
        }
    }
    Ok(run.done)
}

/// What one run moves up: buckets that closed before a time, until another one.
struct Run<'a> {
    session: &'a Session,
    closed_us: i64,
    until: Instant,
    done: Upkeep,
}

impl Run<'_> {
    /// The entities of a set that could not be moved up together, one by one; the error of the last that fails by itself.
    async fn each(&mut self, volume: &Volume, set: &[Waiting]) -> Result<Option<Error>, Error> {
        let mut failure = None;
        for alone in set.chunks(1) {
            if Instant::now() > self.until {
                self.done.left += 1;
            } else if let Err(error) = self.set(volume, alone).await {
                failure = Some(self.failed(alone, error).await?);
            }
        }
        Ok(failure)
    }

    /// Says of an entity that it failed, so that all others come first next time. An error that is the server's is given back as one.
    async fn failed(&mut self, set: &[Waiting], error: Error) -> Result<Error, Error> {
        if !error.is_of_statement() {
            return Err(error);
        }
        let Some(entity) = set.first() else { return Ok(error) };
        let (client, id) = (entity.client_id, entity.entity_id);
        tracing::error!(%client, entity = id, cause = %error, "the upkeep of an entity fails");
        self.done.left += 1;
        let sql = "INSERT INTO core.upkeep AS u (client_id, entity_id, tried_at, failures, reason) VALUES ($1, $2, clock_timestamp(), 1, $3)
            ON CONFLICT (entity_id) DO UPDATE SET tried_at = excluded.tried_at, failures = u.failures + 1, reason = excluded.reason";
        self.session.execute(sql, &[&client, &id, &error.kind()]).await?;
        Ok(error)
    }

    /// Moves a set up, as far as one run goes with it.
    async fn set(&mut self, volume: &Volume, set: &[Waiting]) -> Result<(), Error> {
        let clients: BTreeSet<Uuid> = set.iter().map(|entity| entity.client_id).collect();
        let mut moving = Moving {
            session: self.session,
            volume,
            of: Entities {
                clients: clients.into_iter().collect(),
                ids: set.iter().map(|entity| entity.entity_id).collect(),
            },
            until: self.until,
            statements: 0,
            moved: 0,
            stopped: BTreeSet::new(),
        };
        let oldest = set.iter().map(|entity| entity.oldest).min().unwrap_or(Timestamp::MAX);
        let is_all = moving.all([oldest, timestamp(self.closed_us)]).await;
        self.done.moved += moving.moved;
        let is_all = is_all?;
        let tried = set.iter().filter(|entity| !is_all || entity.failures.is_some());
        let ids: Vec<i32> = tried.map(|entity| entity.entity_id).collect();
        if is_all && !ids.is_empty() {
            let sql = "DELETE FROM core.upkeep WHERE entity_id = ANY ($1)";
            self.session.execute(sql, &[&ids]).await?;
        } else if !is_all {
            self.done.left += set.len();
            let sql = "INSERT INTO core.upkeep (client_id, entity_id, tried_at)
                SELECT e.client_id, e.id, clock_timestamp() FROM core.entities e WHERE e.id = ANY ($1)
                ON CONFLICT (entity_id) DO UPDATE SET tried_at = excluded.tried_at, failures = 0, reason = NULL";
            self.session.execute(sql, &[&ids]).await?;
        }
        Ok(())
    }
}

/// Entities of a volume with closed partials that may be moved up, those first that have waited longest. What others left behind there when they moved is not
/// theirs.
async fn waiting(session: &Session, volume: &Volume, closed_us: i64) -> Result<Vec<Waiting>, Error> {
    let sql = format!(
        "SELECT w.client_id, w.entity_id, w.oldest, w.partials, greatest(c.committed_at, u.tried_at) AS since, u.failures FROM (
             SELECT client_id, entity_id, min(bucket) AS oldest, count(*) AS partials, min(batch_number) AS first FROM {} part
             WHERE bucket < $1 AND NOT EXISTS (SELECT FROM core.moves m WHERE m.client_id = part.client_id AND m.entity_id = part.entity_id)
                 AND {MOVABLE}
             GROUP BY client_id, entity_id
         ) w JOIN core.entities e ON e.client_id = w.client_id AND e.id = w.entity_id AND e.volume = $2
         LEFT JOIN core.commits c ON c.entity_id = w.entity_id AND c.batch_number = w.first
         LEFT JOIN core.upkeep u ON u.entity_id = w.entity_id
         ORDER BY since NULLS FIRST, w.client_id, w.entity_id",
        volume.partials()
    );
    session.rows(&sql, &[&timestamp(closed_us), &volume.name()]).await
}

/// Entities that are moved up by one statement: many whose partials are of the last day, and those of one client where they go further back, for a few of
/// them would have all others' older rows looked at. One that failed is alone.
pub(super) fn sets(waiting: Vec<Waiting>, closed_us: i64) -> Vec<Vec<Waiting>> {
    let mut sets: Vec<Vec<Waiting>> = Vec::new();
    let mut partials = 0;
    for entity in waiting {
        let is_recent = |entity: &Waiting| entity.oldest.as_microsecond() >= closed_us - DAY_US;
        let has_failed = |entity: &Waiting| entity.failures.is_some_and(|failures| failures > 0);
        let joins = |set: &&mut Vec<Waiting>| {
            let is_of_client = set.iter().all(|other| other.client_id == entity.client_id);
            let is_near = set.iter().chain([&entity]).all(is_recent);
            let failed = set.iter().chain([&entity]).any(has_failed);
            !failed && (is_near || is_of_client) && partials + entity.partials <= MAX_MOVED
        };
        match sets.last_mut().filter(joins) {
            Some(set) => {
                partials += entity.partials;
                set.push(entity);
            }
            None => {
                partials = entity.partials;
                sets.push(vec![entity]);
            }
        }
    }
    sets
}

/// Entities of some clients. Where they have more than [`MAX_MOVED`] partials, it is one.
pub(super) struct Entities {
    pub(super) clients: Vec<Uuid>,
    pub(super) ids: Vec<i32>,
}

/// A set on its way up.
struct Moving<'a> {
    session: &'a Session,
    volume: &'a Volume,
    of: Entities,
    until: Instant,
    statements: usize,
    moved: i64,
    /// Groupings that had too many groups, and are moved no more.
    stopped: BTreeSet<i16>,
}

impl Moving<'_> {
    /// Everything between two times, as far as one run goes. Whether that was all.
    async fn all(&mut self, [from, to]: [Timestamp; 2]) -> Result<bool, Error> {
        let days = slices::days(self.session, self.volume, &self.of, [from, to]).await?;
        for slice in slices::of_days(&days, to.as_microsecond()) {
            let is_all = if slice.partials <= MAX_MOVED {
                self.days(&slice).await?
            } else {
                self.day(&slice).await?
            };
            if !is_all {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether there is time for one more statement; the first has it in any case.
    fn goes_on(&mut self) -> bool {
        let goes_on = self.statements == 0 || (self.statements < MAX_SLICES && Instant::now() <= self.until);
        self.statements += 1;
        goes_on
    }

    /// Whole days by one statement.
    async fn days(&mut self, days: &Slice) -> Result<bool, Error> {
        if !self.goes_on() {
            return Ok(false);
        }
        self.move_up(&self.volume.compact(), days, None).await?;
        Ok(true)
    }

    /// A day that is more than one statement moves, grouping by grouping.
    async fn day(&mut self, day: &Slice) -> Result<bool, Error> {
        let sql = self.volume.compact_part();
        let minutes = slices::minutes(self.session, self.volume, &self.of, day).await?;
        for minutes in slices::of_minutes(&minutes) {
            let grouping = minutes.grouping_id;
            let parts = if minutes.slice.partials <= MAX_MOVED || self.stopped.contains(&grouping) {
                vec![minutes.whole()]
            } else if let Some(crowded) = slices::crowded(self.session, self.volume, &self.of, &minutes).await? {
                stop(self.session, &crowded).await?;
                self.stopped.insert(grouping);
                continue;
            } else {
                slices::commits(self.session, self.volume, &self.of, &minutes).await?
            };
            for part in parts {
                if self.stopped.contains(&grouping) {
                    break;
                }
                if !self.goes_on() {
                    return Ok(false);
                }
                self.move_up(&sql, &minutes.slice, Some(part)).await?;
            }
        }
        Ok(true)
    }

    async fn move_up(&mut self, sql: &str, slice: &Slice, part: Option<Part>) -> Result<(), Error> {
        let mut tries = 1;
        let rows = loop {
            match self.once(sql, slice, part.as_ref()).await {
                // A correction takes rows out of the same levels, in another order.
                Err(error) if error.is_conflict() && tries < MAX_TRIES => tries += 1,
                result => break result?,
            }
        };
        self.moved += rows.first().map_or(0, |row| row.moved);
        let crowded = rows.iter().filter_map(|row| {
            Some(Crowded {
                client_id: row.client_id?,
                entity_id: row.entity_id?,
                grouping_id: row.grouping_id?,
                groups: row.groups?,
            })
        });
        for grouping in crowded {
            stop(self.session, &grouping).await?;
            if part.is_some() {
                self.stopped.insert(grouping.grouping_id);
            }
        }
        Ok(())
    }

    async fn once(&self, sql: &str, slice: &Slice, part: Option<&Part>) -> Result<Vec<Moved>, Error> {
        let (from, to) = (timestamp(slice.from_us), timestamp(slice.to_us));
        let Entities { clients, ids } = &self.of;
        match part {
            None => self.session.rows(sql, &[&from, &to, clients, ids, &MAX_GROUPS]).await,
            Some(Part { grouping_id, commits }) => {
                let [first, end] = commits;
                let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
                    [&from, &to, clients, ids, &MAX_GROUPS, grouping_id, first, end];
                self.session.rows(sql, &parameters).await
            }
        }
    }
}

database::row! {
    /// How many partials were moved, and a grouping that has too many groups by now.
    struct Moved {
        moved: i64,
        client_id: Option<Uuid>,
        entity_id: Option<i32>,
        grouping_id: Option<i16>,
        groups: Option<i64>,
    }
}
