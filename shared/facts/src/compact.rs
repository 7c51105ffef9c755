//! Upkeep of rollups: closed buckets move up (Apache edition), stale ranges are refreshed (Community edition).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use catalog::Level;
use database::{Database, Edition, Error, Session};
use jiff::{SignedDuration, Timestamp};
use series::calendar::{DAY_US, floor_us};
use uuid::Uuid;

use crate::MAX_TRIES;
use crate::copy::timestamp;
use crate::groups::{Crowded, MAX_GROUPS, Touched, clear_stopped, end_writing, stop, stop_crowded};
use crate::leftovers::{UPKEEP_LOCK, clear_leftovers};
use crate::volume::{self, Volume, level_name, levels};

/// Longest time whose buckets one statement moves.
const SLICE_US: i64 = 31 * DAY_US;

/// Most slices of one set in one run; the next run takes what is left. Each has some [`MAX_MOVED`] partials, so they take about a minute.
pub const MAX_SLICES: usize = 100;

/// Most partials that one statement moves, of however many entities: about half a second, and so long may a correction of one of them wait. What one entity
/// has beyond it is moved in slices of whole days that have no more; a day that has more is one statement.
pub const MAX_MOVED: i64 = 10_000;

/// How long a run begins with anything: the function has 300 s, and a statement takes seconds. Who was not reached has waited longest in the next run.
pub const MAX_RUN: Duration = Duration::from_secs(200);

/// How long a run clears what was left behind at least, however long it has moved up before.
const CLEARING: Duration = Duration::from_secs(10);

/// How long what was known before is kept: partials that were moved up, facts that were replaced, and the times of commits.
pub const HISTORY: SignedDuration = SignedDuration::from_hours(35 * 24);

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Partial rows that were moved up (Apache edition).
    pub moved: i64,
    /// Stale ranges that were refreshed (Community edition).
    pub refreshed: u64,
    /// Entities that were not reached, or failed: the next run begins with them.
    pub left: usize,
}

/// Runs the upkeep of all rollups once; what is open at `now` stays where it is.
///
/// # Errors
/// When a statement fails; what was done before stays done, and nothing is half done.
pub async fn run(database: &Database, now: Timestamp) -> Result<Upkeep, Error> {
    run_until(database, now, Instant::now() + MAX_RUN).await
}

/// As [`run`], for as long as that.
///
/// # Errors
/// As [`run`].
pub async fn run_until(database: &Database, now: Timestamp, until: Instant) -> Result<Upkeep, Error> {
    let upkeep = async |session: &Session| {
        let done = match session.edition().await? {
            Edition::Apache => move_up(session, now, until).await,
            Edition::Community => refresh(session, until).await.map(|refreshed| Upkeep {
                refreshed,
                ..Upkeep::default()
            }),
        };
        // What fails for some keeps nothing else from being done.
        if done.as_ref().is_err_and(|error| !error.is_of_statement()) {
            return done;
        }
        end_writing(session, now).await?;
        let until = until.max(Instant::now() + CLEARING);
        clear_leftovers(session, now, until).await?;
        clear_stopped(session, now, until).await?;
        let before = now.checked_sub(HISTORY).unwrap_or(Timestamp::MIN);
        session.execute("SELECT core.forget_history($1)", &[&before]).await?;
        done
    };
    // One run at a time: a second one returns at once.
    Ok(database.alone(UPKEEP_LOCK, upkeep).await?.unwrap_or_default())
}

database::row! {
    /// An entity that has closed partials.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Waiting {
        client_id: Uuid,
        entity_id: i32,
        oldest: Timestamp,
        partials: i64,
        /// When the first of them was committed, if that is still known.
        since: Option<Timestamp>,
    }
}

/// Many entities at once, those first that have waited longest, and none that is being moved. What fails for some keeps no others.
async fn move_up(session: &Session, now: Timestamp, until: Instant) -> Result<Upkeep, Error> {
    let closed_us = floor_us(Level::Minute, now.as_microsecond());
    let mut done = Upkeep::default();
    let mut failure = None;
    let mut all = Vec::new();
    for volume in volume::volumes(session).await? {
        let sets = sets(waiting(session, &volume, closed_us).await?, closed_us);
        all.extend(sets.into_iter().map(|set| (volume.clone(), set)));
    }
    all.sort_by_key(|(_, set)| set.first().and_then(|first| first.since));
    let closed = Closed { us: closed_us, until };
    for (volume, set) in all {
        if Instant::now() > until {
            done.left += set.len();
            continue;
        }
        match move_set(session, &volume, &set, closed).await {
            Ok(moved) => done.add(moved, &set),
            Err(error) if !error.is_of_statement() => return Err(error),
            Err(_) => {
                let failed = move_each(session, &volume, &set, closed, &mut done).await?;
                failure = failed.or(failure);
            }
        }
    }
    failure.map_or(Ok(done), Err)
}

/// What is moved up: buckets that closed before a time, until another one.
#[derive(Clone, Copy)]
struct Closed {
    us: i64,
    until: Instant,
}

/// What was moved of a set, and whether that was all.
struct OfSet {
    moved: i64,
    is_all: bool,
}

impl Upkeep {
    fn add(&mut self, of: OfSet, set: &[Waiting]) {
        self.moved += of.moved;
        self.left += if of.is_all { 0 } else { set.len() };
    }
}

/// The entities of a set that could not be moved up together, client by client; the error of the last that fails by itself.
async fn move_each(
    session: &Session,
    volume: &Volume,
    set: &[Waiting],
    closed: Closed,
    done: &mut Upkeep,
) -> Result<Option<Error>, Error> {
    let mut failure = None;
    for alone in set.chunk_by(|one, other| one.client_id == other.client_id) {
        match move_set(session, volume, alone, closed).await {
            Ok(moved) => done.add(moved, alone),
            Err(error) if !error.is_of_statement() => return Err(error),
            Err(error) => {
                let client = alone.first().map(|entity| entity.client_id);
                tracing::error!(?client, cause = %error, "the upkeep of a client fails");
                done.left += alone.len();
                failure = Some(error);
            }
        }
    }
    Ok(failure)
}

/// Entities of a volume with closed partials, by the commit of the first of them. What others left behind there when they moved is not theirs.
async fn waiting(session: &Session, volume: &Volume, closed_us: i64) -> Result<Vec<Waiting>, Error> {
    let sql = format!(
        "SELECT w.client_id, w.entity_id, w.oldest, w.partials, c.committed_at AS since FROM (
             SELECT client_id, entity_id, min(bucket) AS oldest, count(*) AS partials, min(batch_number) AS first FROM {} part
             WHERE bucket < $1 AND NOT EXISTS (SELECT FROM core.moves m WHERE m.client_id = part.client_id AND m.entity_id = part.entity_id)
             GROUP BY client_id, entity_id
         ) w JOIN core.entities e ON e.client_id = w.client_id AND e.id = w.entity_id AND e.volume = $2
         LEFT JOIN core.commits c ON c.entity_id = w.entity_id AND c.batch_number = w.first
         ORDER BY c.committed_at NULLS FIRST, w.client_id, w.entity_id",
        volume.partials()
    );
    session.rows(&sql, &[&timestamp(closed_us), &volume.name()]).await
}

/// Entities that are moved up by one statement: many whose partials are of the last day, and those of one client where they go further back, for a few of
/// them would have all others' older rows looked at.
fn sets(waiting: Vec<Waiting>, closed_us: i64) -> Vec<Vec<Waiting>> {
    let mut sets: Vec<Vec<Waiting>> = Vec::new();
    let mut partials = 0;
    for entity in waiting {
        let is_recent = |entity: &Waiting| entity.oldest.as_microsecond() >= closed_us - DAY_US;
        let joins = |set: &&mut Vec<Waiting>| {
            let is_of_client = set.iter().all(|other| other.client_id == entity.client_id);
            let is_near = set.iter().chain([&entity]).all(is_recent);
            (is_near || is_of_client) && partials + entity.partials <= MAX_MOVED
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

database::row! {
    struct Day {
        day: Timestamp,
        partials: i64,
    }
}

async fn move_set(session: &Session, volume: &Volume, set: &[Waiting], closed: Closed) -> Result<OfSet, Error> {
    let clients: BTreeSet<Uuid> = set.iter().map(|entity| entity.client_id).collect();
    let of = Entities {
        clients: clients.into_iter().collect(),
        ids: set.iter().map(|entity| entity.entity_id).collect(),
    };
    let sql = volume.compact();
    let oldest = set.iter().map(|entity| entity.oldest).min().unwrap_or(Timestamp::MAX);
    let slices = slices(
        &days(session, volume, &of, [oldest, timestamp(closed.us)]).await?,
        closed.us,
    );
    let mut moved = 0;
    for (number, slice) in slices.iter().enumerate() {
        if number == MAX_SLICES || (number > 0 && Instant::now() > closed.until) {
            return Ok(OfSet { moved, is_all: false });
        }
        moved += move_slice(session, &sql, slice.map(timestamp), &of).await?;
    }
    Ok(OfSet { moved, is_all: true })
}

/// Slices that one statement moves each. They end at a full day, so that a coarser bucket is touched by one slice.
fn slices(days: &[Day], closed_us: i64) -> Vec<[i64; 2]> {
    let mut slices: Vec<[i64; 2]> = Vec::new();
    let mut partials = 0;
    for day in days {
        let from_us = day.day.as_microsecond();
        let to_us = (from_us + DAY_US).min(closed_us);
        let joins = |slice: &&mut [i64; 2]| partials + day.partials <= MAX_MOVED && to_us - slice[0] <= SLICE_US;
        match slices.last_mut().filter(joins) {
            Some(slice) => {
                slice[1] = to_us;
                partials += day.partials;
            }
            None => {
                slices.push([from_us, to_us]);
                partials = day.partials;
            }
        }
    }
    slices
}

/// Entities of some clients.
struct Entities {
    clients: Vec<Uuid>,
    ids: Vec<i32>,
}

/// How many partials they have in each day.
async fn days(
    session: &Session,
    volume: &Volume,
    of: &Entities,
    [from, to]: [Timestamp; 2],
) -> Result<Vec<Day>, Error> {
    let sql = format!(
        "SELECT time_bucket('1 day', bucket) AS day, count(*) AS partials FROM {}
         WHERE bucket >= $1 AND bucket < $2 AND client_id = ANY ($3) AND entity_id = ANY ($4) GROUP BY day ORDER BY day",
        volume.partials()
    );
    session.rows(&sql, &[&from, &to, &of.clients, &of.ids]).await
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

async fn move_slice(session: &Session, sql: &str, [from, to]: [Timestamp; 2], of: &Entities) -> Result<i64, Error> {
    let mut tries = 1;
    let rows = loop {
        match session
            .rows::<Moved>(sql, &[&from, &to, &of.clients, &of.ids, &MAX_GROUPS])
            .await
        {
            // A correction takes rows out of the same levels, in another order.
            Err(error) if error.is_conflict() && tries < MAX_TRIES => tries += 1,
            result => break result?,
        }
    };
    let crowded = rows.iter().filter_map(|row| {
        Some(Crowded {
            client_id: row.client_id?,
            entity_id: row.entity_id?,
            grouping_id: row.grouping_id?,
            groups: row.groups?,
        })
    });
    for grouping in crowded {
        stop(session, &grouping).await?;
    }
    Ok(rows.first().map_or(0, |row| row.moved))
}

database::row! {
    struct StaleRange {
        id: i64,
        volume: String,
        client_id: Uuid,
        entity_id: i32,
        from_time: Timestamp,
        to_time: Timestamp,
    }
}

/// Refreshes the aggregates over all stale ranges, then forgets those that were there before the refresh began. A range
/// that a batch adds meanwhile stays: whether the refresh saw its rows is not known. What fails for a volume keeps no other.
async fn refresh(session: &Session, until: Instant) -> Result<u64, Error> {
    let sql = "SELECT id, volume, client_id, entity_id, from_time, to_time FROM core.stale_ranges";
    let ranges: Vec<StaleRange> = session.rows(sql, &[]).await?;
    let mut volumes: BTreeMap<Volume, Vec<StaleRange>> = BTreeMap::new();
    for range in ranges {
        volumes
            .entry(Volume::named(range.volume.clone()))
            .or_default()
            .push(range);
    }
    let (mut refreshed, mut failure) = (0, None);
    // The volume first that has waited longest.
    let mut volumes: Vec<_> = volumes.into_iter().collect();
    volumes.sort_by_key(|(_, ranges)| ranges.iter().map(|range| range.id).min());
    for (volume, ranges) in volumes {
        if refreshed > 0 && Instant::now() > until {
            break;
        }
        match refresh_volume(session, &volume, ranges).await {
            Ok(ranges) => refreshed += ranges,
            Err(error) if !error.is_of_statement() => return Err(error),
            Err(error) => {
                tracing::error!(volume = volume.name(), cause = %error, "the aggregates of a volume can't be refreshed");
                failure = Some(error);
            }
        }
    }
    failure.map_or(Ok(refreshed), Err)
}

async fn refresh_volume(session: &Session, volume: &Volume, ranges: Vec<StaleRange>) -> Result<u64, Error> {
    let (from_us, to_us) = hull(&ranges);
    for level in levels(Level::Minute) {
        refresh_level(session, volume, level, from_us, to_us).await?;
    }
    let ids: Vec<i64> = ranges.iter().map(|range| range.id).collect();
    let refreshed = session
        .execute("DELETE FROM core.stale_ranges WHERE id = ANY ($1)", &[&ids])
        .await?;
    let mut entities: BTreeMap<(Uuid, i32), Vec<StaleRange>> = BTreeMap::new();
    for range in ranges {
        entities
            .entry((range.client_id, range.entity_id))
            .or_default()
            .push(range);
    }
    let touched: Vec<Touched> = entities
        .into_iter()
        .map(|((client, entity), ranges)| {
            let (from_us, to_us) = hull(&ranges);
            Touched {
                client,
                entity,
                from: timestamp(from_us),
                to: timestamp(to_us),
            }
        })
        .collect();
    stop_crowded(session, volume, &touched).await?;
    Ok(refreshed)
}

fn hull(ranges: &[StaleRange]) -> (i64, i64) {
    let edges = ranges
        .iter()
        .map(|range| (range.from_time.as_microsecond(), range.to_time.as_microsecond()));
    edges.fold((i64::MAX, i64::MIN), |hull, (from, to)| {
        (hull.0.min(from), hull.1.max(to))
    })
}

/// Refreshes whole days at every level: a grouping that is kept by hour or day only is in the levels below with the buckets of its finest. TimescaleDB
/// refreshes only what was invalidated inside the window, so a wide one costs little.
async fn refresh_level(
    session: &Session,
    volume: &Volume,
    level: Level,
    from_us: i64,
    to_us: i64,
) -> Result<(), Error> {
    let from = timestamp(floor_us(Level::Day, from_us));
    let to = timestamp(floor_us(Level::Day, to_us + DAY_US - 1));
    let name = volume.rollup(level).replace('\'', "''");
    tracing::debug!(rollup = name, level = level_name(level), "refresh");
    // A CALL that commits inside takes no bind parameters in a transaction of its own; timestamps have no quotes.
    session
        .batch(&format!(
            "CALL refresh_continuous_aggregate('{name}', '{from}'::timestamptz, '{to}'::timestamptz)"
        ))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED_US: i64 = 100 * DAY_US;

    fn entity(client: u128, id: i32, days_ago: i64, partials: i64) -> Waiting {
        Waiting {
            client_id: Uuid::from_u128(client),
            entity_id: id,
            oldest: timestamp(CLOSED_US - days_ago * DAY_US),
            partials,
            since: None,
        }
    }

    #[test]
    fn slices_are_of_whole_days_with_no_more_than_one_statement_moves() {
        for (name, days, expected) in [
            ("nothing", vec![], vec![]),
            ("few", vec![(1, 5), (2, 5), (31, 5)], vec![(1, 32)]),
            ("far apart", vec![(1, 5), (32, 5)], vec![(1, 2), (32, 33)]),
            ("many", vec![(1, 6_000), (2, 4_000), (3, 1)], vec![(1, 3), (3, 4)]),
            (
                "a day has too many",
                vec![(1, 1), (2, 90_000), (3, 1)],
                vec![(1, 2), (2, 3), (3, 4)],
            ),
            ("today is still open", vec![(100, 7)], vec![(100, 100)]),
        ] {
            let day = |(number, partials): (i64, i64)| Day {
                day: timestamp(number * DAY_US),
                partials,
            };
            let days: Vec<Day> = days.into_iter().map(day).collect();
            let slices = slices(&days, CLOSED_US).into_iter();
            let slices: Vec<(i64, i64)> = slices.map(|[from, to]| (from / DAY_US, to / DAY_US)).collect();
            assert_eq!(slices, expected, "{name}");
        }
    }

    #[test]
    fn many_are_moved_at_once_and_what_is_long_ago_by_itself() {
        for (name, waiting, expected) in [
            ("nobody", vec![], vec![]),
            (
                "all are recent",
                vec![entity(1, 1, 0, 40), entity(2, 2, 1, 40), entity(3, 3, 0, 40)],
                vec![3],
            ),
            (
                "too many partials",
                vec![entity(1, 1, 0, MAX_MOVED), entity(2, 2, 0, 1), entity(3, 3, 0, 1)],
                vec![1, 2],
            ),
            (
                "one has more than all may",
                vec![entity(1, 1, 0, 1), entity(2, 2, 0, 9 * MAX_MOVED), entity(3, 3, 0, 1)],
                vec![1, 1, 1],
            ),
            (
                "one is long ago",
                vec![entity(1, 1, 0, 1), entity(2, 2, 2, 1), entity(3, 3, 0, 1)],
                vec![1, 1, 1],
            ),
            (
                "two of one client are",
                vec![entity(1, 1, 9, 1), entity(1, 2, 2, 1), entity(3, 3, 0, 1)],
                vec![2, 1],
            ),
        ] {
            let ids: Vec<i32> = waiting.iter().map(|entity| entity.entity_id).collect();
            let sets = sets(waiting, CLOSED_US);
            assert_eq!(sets.iter().map(Vec::len).collect::<Vec<_>>(), expected, "{name}");
            let moved: Vec<i32> = sets.iter().flatten().map(|entity| entity.entity_id).collect();
            assert_eq!(moved, ids, "{name}: each once, in their order");
        }
    }
}
