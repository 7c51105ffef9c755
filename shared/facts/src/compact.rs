//! Upkeep of rollups: closed buckets move up (Apache edition), stale ranges are refreshed (Community edition).

use std::collections::BTreeMap;

use catalog::Level;
use database::{Database, Edition, Error, Session};
use jiff::{SignedDuration, Timestamp};
use series::calendar::{DAY_US, floor_us};
use uuid::Uuid;

use crate::MAX_TRIES;
use crate::copy::timestamp;
use crate::groups::{clear_stopped, end_writing, stop_crowded};
use crate::leftovers::{UPKEEP_LOCK, clear_leftovers};
use crate::volume::{self, Volume, level_name, levels};

/// Length of the slices that one statement moves, so that a statement's memory is bounded after a large load.
const SLICE_US: i64 = 31 * DAY_US;

/// Most slices of one client in one run; the next run takes what is left. 31 days x 100 is more than 8 years.
const MAX_SLICES: usize = 100;

/// How long what was known before is kept: partials that were moved up, facts that were replaced, and the times of commits.
pub const HISTORY: SignedDuration = SignedDuration::from_hours(35 * 24);

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Partial rows that were moved up (Apache edition).
    pub moved: i64,
    /// Stale ranges that were refreshed (Community edition).
    pub refreshed: u64,
}

/// Runs the upkeep of all rollups once; what is open at `now` stays where it is.
///
/// # Errors
/// When a statement fails; what was done before stays done, and nothing is half done.
pub async fn run(database: &Database, now: Timestamp) -> Result<Upkeep, Error> {
    let upkeep = async |session: &Session| {
        let done = match session.edition().await? {
            Edition::Apache => move_up(session, now)
                .await
                .map(|moved| Upkeep { moved, refreshed: 0 })?,
            Edition::Community => refresh(session).await.map(|refreshed| Upkeep { moved: 0, refreshed })?,
        };
        end_writing(session, now).await?;
        clear_leftovers(session, now).await?;
        clear_stopped(session, now).await?;
        let before = now.checked_sub(HISTORY).unwrap_or(Timestamp::MIN);
        session.execute("SELECT core.forget_history($1)", &[&before]).await?;
        Ok(done)
    };
    // One run at a time: a second one returns at once.
    Ok(database.alone(UPKEEP_LOCK, upkeep).await?.unwrap_or_default())
}

database::row! {
    /// A client that has closed partials.
    struct Waiting {
        client_id: Uuid,
        entities: Vec<i32>,
    }
}

/// One client after the other, and no entity that is being moved, so that none waits for another's, and a correction meets the rows of its own client only.
async fn move_up(session: &Session, now: Timestamp) -> Result<i64, Error> {
    let closed_us = floor_us(Level::Minute, now.as_microsecond());
    let mut moved = 0;
    for volume in volume::volumes(session).await? {
        let sql = format!(
            "SELECT client_id, array_agg(DISTINCT entity_id) AS entities FROM {} part WHERE bucket < $1
                 AND NOT EXISTS (SELECT FROM core.moves m WHERE m.client_id = part.client_id AND m.entity_id = part.entity_id)
             GROUP BY client_id",
            volume.partials()
        );
        let waiting: Vec<Waiting> = session.rows(&sql, &[&timestamp(closed_us)]).await?;
        for client in waiting {
            moved += move_client(session, &volume, &client, closed_us).await?;
        }
    }
    Ok(moved)
}

database::row! {
    struct Oldest {
        oldest: Option<Timestamp>,
    }
}

database::row! {
    struct Moved {
        moved: i64,
    }
}

async fn move_client(session: &Session, volume: &Volume, waiting: &Waiting, closed_us: i64) -> Result<i64, Error> {
    let Waiting { client_id, entities } = waiting;
    let sql = volume.compact();
    let oldest = format!(
        "SELECT min(bucket) AS oldest FROM {} WHERE bucket >= $1 AND bucket < $2 AND client_id = $3 AND entity_id = ANY ($4)",
        volume.partials()
    );
    let (mut moved, mut from_us, mut touched) = (0, Timestamp::UNIX_EPOCH.as_microsecond(), None);
    for _ in 0..MAX_SLICES {
        let parameters = [timestamp(from_us), timestamp(closed_us)];
        let found: Option<Oldest> = session
            .row(&oldest, &[&parameters[0], &parameters[1], client_id, entities])
            .await?;
        let Some(from) = found.and_then(|found| found.oldest) else {
            break;
        };
        // Slices end at a full day, so that a coarser bucket is touched by one slice.
        let end_us = floor_us(Level::Day, from.as_microsecond() + SLICE_US).min(closed_us);
        moved += move_slice(session, &sql, [from, timestamp(end_us)], waiting).await?;
        touched = Some([
            touched.map_or(from, |[first, _]: [Timestamp; 2]| first),
            timestamp(end_us),
        ]);
        from_us = end_us;
    }
    if let Some(touched) = touched {
        stop_crowded(session, volume, *client_id, touched).await?;
    }
    Ok(moved)
}

async fn move_slice(session: &Session, sql: &str, [from, to]: [Timestamp; 2], waiting: &Waiting) -> Result<i64, Error> {
    let mut tries = 1;
    let rows = loop {
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&from, &to, &waiting.client_id, &waiting.entities];
        match session.rows::<Moved>(sql, &parameters).await {
            // A correction takes rows out of the same levels, in another order.
            Err(error) if error.is_conflict() && tries < MAX_TRIES => tries += 1,
            result => break result?,
        }
    };
    Ok(rows.iter().map(|row| row.moved).sum())
}

database::row! {
    struct StaleRange {
        id: i64,
        volume: String,
        client_id: Uuid,
        from_time: Timestamp,
        to_time: Timestamp,
    }
}

/// Refreshes the aggregates over all stale ranges, then forgets those that were there before the refresh began. A range
/// that a batch adds meanwhile stays: whether the refresh saw its rows is not known.
async fn refresh(session: &Session) -> Result<u64, Error> {
    let sql = "SELECT id, volume, client_id, from_time, to_time FROM core.stale_ranges";
    let ranges: Vec<StaleRange> = session.rows(sql, &[]).await?;
    let mut volumes: BTreeMap<Volume, Vec<StaleRange>> = BTreeMap::new();
    for range in ranges {
        volumes
            .entry(Volume::named(range.volume.clone()))
            .or_default()
            .push(range);
    }
    let mut refreshed = 0;
    for (volume, ranges) in volumes {
        let (from_us, to_us) = hull(&ranges);
        for level in levels(Level::Minute) {
            refresh_level(session, &volume, level, from_us, to_us).await?;
        }
        let ids: Vec<i64> = ranges.iter().map(|range| range.id).collect();
        refreshed += session
            .execute("DELETE FROM core.stale_ranges WHERE id = ANY ($1)", &[&ids])
            .await?;
        let mut clients: BTreeMap<Uuid, Vec<StaleRange>> = BTreeMap::new();
        for range in ranges {
            clients.entry(range.client_id).or_default().push(range);
        }
        for (client, ranges) in clients {
            let (from_us, to_us) = hull(&ranges);
            stop_crowded(session, &volume, client, [timestamp(from_us), timestamp(to_us)]).await?;
        }
    }
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
