//! Upkeep of rollups: closed buckets move up (Apache edition), stale ranges are refreshed (Community edition).

use std::collections::BTreeMap;

use catalog::{GroupingDefinition, Level};
use database::{Database, Edition, Error, Session};
use jiff::Timestamp;
use series::calendar::{DAY_US, floor_us, length_us};

use crate::copy::timestamp;
use crate::relation::{Relation, level_name, levels};
use crate::tables::{self, SharedTables};
use crate::{MAX_TRIES, ddl};

/// Length of the slices that one statement moves, so that a statement's memory is bounded after a large load.
const SLICE_US: i64 = 31 * DAY_US;

/// Most slices of one grouping in one run; the next run takes what is left. 31 days x 100 is more than 8 years.
const MAX_SLICES: usize = 100;

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
    let upkeep = async |session: &Session| match session.edition().await? {
        Edition::Apache => move_up(session, now).await.map(|moved| Upkeep { moved, refreshed: 0 }),
        Edition::Community => refresh(session).await.map(|refreshed| Upkeep { moved: 0, refreshed }),
    };
    // One run at a time: a second one returns at once.
    Ok(database.alone("compact-rollups", upkeep).await?.unwrap_or_default())
}

async fn move_up(session: &Session, now: Timestamp) -> Result<i64, Error> {
    let mut moved = 0;
    for stored in tables::relations(session).await? {
        for grouping in &stored.groupings {
            moved += move_grouping(
                session,
                &stored,
                grouping,
                floor_us(grouping.finest, now.as_microsecond()),
            )
            .await?;
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

async fn move_grouping(
    session: &Session,
    stored: &SharedTables,
    grouping: &GroupingDefinition,
    closed_us: i64,
) -> Result<i64, Error> {
    let sql = ddl::compact(&stored.relation, &stored.entity, grouping);
    let oldest = format!(
        "SELECT min(bucket) AS oldest FROM {} WHERE bucket < $1",
        stored.relation.partials(grouping)
    );
    let mut moved = 0;
    for _ in 0..MAX_SLICES {
        let found: Option<Oldest> = session.row(&oldest, &[&timestamp(closed_us)]).await?;
        let Some(from) = found.and_then(|found| found.oldest) else {
            break;
        };
        // Slices end at a full day, so that a coarser bucket is touched by one slice.
        let end_us = floor_us(Level::Day, from.as_microsecond() + SLICE_US).min(closed_us);
        let mut tries = 1;
        let rows = loop {
            match session.rows::<Moved>(&sql, &[&from, &timestamp(end_us)]).await {
                // A correction takes rows out of the same levels, in another order.
                Err(error) if error.is_conflict() && tries < MAX_TRIES => tries += 1,
                result => break result?,
            }
        };
        moved += rows.iter().map(|row| row.moved).sum::<i64>();
    }
    Ok(moved)
}

database::row! {
    struct StaleRange {
        id: i64,
        schema_name: String,
        relation_name: String,
        from_time: Timestamp,
        to_time: Timestamp,
    }
}

/// Refreshes the aggregates over all stale ranges, then forgets those that were there before the refresh began. A range
/// that a batch adds meanwhile stays: whether the refresh saw its rows is not known.
async fn refresh(session: &Session) -> Result<u64, Error> {
    let sql = "SELECT id, schema_name, relation_name, from_time, to_time FROM core.stale_ranges";
    let ranges: Vec<StaleRange> = session.rows(sql, &[]).await?;
    let ids: Vec<i64> = ranges.iter().map(|range| range.id).collect();
    let mut hulls: BTreeMap<Relation, (i64, i64)> = BTreeMap::new();
    for range in ranges {
        let relation = Relation {
            schema: range.schema_name,
            name: range.relation_name,
        };
        let hull = hulls.entry(relation).or_insert((i64::MAX, i64::MIN));
        *hull = (
            hull.0.min(range.from_time.as_microsecond()),
            hull.1.max(range.to_time.as_microsecond()),
        );
    }
    for stored in tables::relations(session).await? {
        let Some((from_us, to_us)) = hulls.get(&stored.relation) else {
            continue;
        };
        for grouping in &stored.groupings {
            for level in levels(grouping.finest) {
                refresh_level(session, &stored.relation, grouping, level, *from_us, *to_us).await?;
            }
        }
    }
    session
        .execute("DELETE FROM core.stale_ranges WHERE id = ANY ($1)", &[&ids])
        .await
}

/// TimescaleDB refreshes only what was invalidated inside the window, so a wide window over two far ends costs little.
async fn refresh_level(
    session: &Session,
    relation: &Relation,
    grouping: &GroupingDefinition,
    level: Level,
    from_us: i64,
    to_us: i64,
) -> Result<(), Error> {
    let from = timestamp(floor_us(level, from_us));
    let to = timestamp(floor_us(level, to_us + length_us(level) - 1));
    let name = relation.rollup(grouping, level).replace('\'', "''");
    tracing::debug!(rollup = name, level = level_name(level), "refresh");
    // A CALL that commits inside takes no bind parameters in a transaction of its own; timestamps have no quotes.
    session
        .batch(&format!(
            "CALL refresh_continuous_aggregate('{name}', '{from}'::timestamptz, '{to}'::timestamptz)"
        ))
        .await
}
