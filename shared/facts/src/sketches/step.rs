//! One step of the long work on an entity's sketches: some hours of it are made of their facts anew, and the days that they are in of their hours.
//!
//! It is of one snapshot, and waits for no batch: what one commits meanwhile is in neither the facts that are read nor the sketches that are taken out, and neither is
//! its note that these hours are to be made anew.

use std::collections::BTreeMap;
use std::time::Duration;

use catalog::{GroupingDefinition, Level, SketchKind};
use database::{Database, Error, Isolation, Scope, Session};
use jiff::Timestamp;
use series::calendar::{DAY_US, HOUR_US, floor_us};
use series::sketch::Sketch;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::facts::of_facts;
use super::{Cell, Sketching, due_at_once, insert, may_be_made};
use crate::copy::timestamp;
use crate::fill::{MAX_STEP, end_of_step};
use crate::notifications::definitions_changed;
use crate::place::{Place, Placed};
use crate::work::After;

/// The longest that a step may take, which is one hour where that has more facts than a step: a run begins none after 50 s, and the function has 120 s.
pub const MAX_HOUR_TIME: Duration = Duration::from_secs(60);

database::row! {
    struct Version {
        version: i32,
    }
}

database::row! {
    /// How far what is due goes without a gap.
    struct Due {
        to_time: Timestamp,
        is_filling: bool,
    }
}

database::row! {
    struct Next {
        time: Timestamp,
    }
}

/// Makes the sketches of some hours anew.
///
/// # Errors
/// When the definition is another one by now, or a statement fails.
pub(crate) async fn step(database: &Database, placed: &Placed, sketching: &Sketching) -> Result<After, Error> {
    let scope = Scope {
        client: Some(sketching.client_id),
        isolation: Isolation::RepeatableRead,
    };
    let work = async |session: &Session| make(session, sketching, placed).await;
    database.transaction_in(scope, work).await
}

async fn make(session: &Session, sketching: &Sketching, placed: &Placed) -> Result<After, Error> {
    let (client, id) = (sketching.client_id, placed.place.id);
    session.limit_transaction(MAX_HOUR_TIME).await?;
    let sql = "SELECT version FROM core.entities WHERE client_id = $1 AND id = $2 AND generation = $3";
    let stored: Option<Version> = session.row(sql, &[&client, &id, &placed.generation]).await?;
    if stored.is_none_or(|stored| stored.version != placed.version) {
        return Err(Error::DefinitionChanged(placed.entity.code().to_owned()));
    }
    let from = sketching.from_time;
    let Some(Due {
        to_time: last,
        is_filling,
    }) = due_from(session, sketching).await?
    else {
        // Somebody has been here.
        return Ok(After::Done);
    };
    let to = end(session, sketching, placed, last).await?;
    anew(session, client, placed, [from, to]).await?;
    let sql = "WITH done AS (
             DELETE FROM core.unsketched WHERE client_id = $1 AND entity_id = $2 AND from_time >= $3 AND to_time <= $4
         )
         UPDATE core.unsketched SET from_time = $4 WHERE client_id = $1 AND entity_id = $2 AND from_time >= $3 AND from_time < $4 AND to_time > $4";
    session.execute(sql, &[&client, &id, &from, &to]).await?;
    if is_filling {
        whole(session, client, id).await?;
    }
    Ok(After::Rest)
}

/// Where a step ends of what goes to `last` without a gap.
async fn end(session: &Session, sketching: &Sketching, placed: &Placed, last: Timestamp) -> Result<Timestamp, Error> {
    let Sketching {
        client_id,
        entity_id,
        from_time: from,
        is_careful,
        ..
    } = sketching;
    let sql = format!(
        "SELECT time FROM {} WHERE client_id = $1 AND entity_id = $2 AND time >= $3 AND time < $4 ORDER BY time OFFSET $5::bigint LIMIT 1",
        placed.place.volume.facts()
    );
    let before = if *is_careful { 0 } else { MAX_STEP };
    let next: Option<Next> = session.row(&sql, &[client_id, entity_id, from, &last, &before]).await?;
    // The hour of the fact with which the step would be too large is the first of the next one, unless it is the first of this one. Who is careful takes one hour
    // that has facts, or those before it.
    Ok(next.map_or(last, |next| end_of_step(Level::Hour, *from, next.time).min(last)))
}

/// How far what is due goes from some hours on: with what was noted beside it, but of what failed with nothing else.
async fn due_from(session: &Session, sketching: &Sketching) -> Result<Option<Due>, Error> {
    let (at_once, due) = (due_at_once(), may_be_made());
    let sql = format!(
        "SELECT upper(range) AS to_time, is_filling FROM (
             SELECT unnest(range_agg(tstzrange(from_time, CASE WHEN {at_once} THEN to_time ELSE least(to_time, date_trunc('hour', clock_timestamp(), 'UTC')) END))) AS range,
                 bool_or(is_filling) AS is_filling
             FROM core.unsketched WHERE client_id = $1 AND entity_id = $2 AND {due} AND (reason IS NOT NULL) = $4
         ) AS due WHERE range @> $3::timestamptz"
    );
    let Sketching {
        client_id,
        entity_id,
        from_time,
        is_careful,
        ..
    } = sketching;
    session.row(&sql, &[client_id, entity_id, from_time, is_careful]).await
}

/// Once all that was filled is there, or has failed and is read from the facts, sketches are read.
pub(super) async fn whole(session: &Session, client: Uuid, entity: i32) -> Result<(), Error> {
    let sql = "UPDATE core.entities SET generation = generation + 1 WHERE client_id = $1 AND id = $2
        AND NOT EXISTS (SELECT FROM core.unsketched WHERE client_id = $1 AND entity_id = $2 AND is_filling)";
    if session.execute(sql, &[&client, &entity]).await? > 0 {
        definitions_changed(session, client).await?;
    }
    Ok(())
}

/// Replaces the sketches of some hours by what the facts say, and those of their days.
async fn anew(session: &Session, client: Uuid, placed: &Placed, [from, to]: [Timestamp; 2]) -> Result<(), Error> {
    let place = &placed.place;
    let groupings: Vec<&GroupingDefinition> = placed
        .entity
        .sketched_groupings()
        .map(|(_, grouping)| grouping)
        .filter(|grouping| placed.kept().any(|kept| kept == *grouping))
        .collect();
    // Of many facts as little is in memory at once as may be.
    let is_alone = to.as_microsecond() - from.as_microsecond() == HOUR_US;
    let at_once = if is_alone { 1 } else { groupings.len().max(1) };
    let mut is_first = true;
    for groupings in groupings.chunks(at_once) {
        let made = of_facts(session, (client, placed), groupings, [from, to]).await?;
        // Only now: who deletes the entity waits for what is written from here on.
        if std::mem::take(&mut is_first) {
            clear(session, client, placed, [from, to]).await?;
        }
        let cells: Vec<Cell<'_>> = made.iter().flat_map(super::facts::Group::cells).collect();
        insert(session, (client, place), Level::Hour, &cells).await?;
    }
    if is_first {
        clear(session, client, placed, [from, to]).await?;
    }
    for grouping in groupings {
        let grouping = place.layout.grouping_id(grouping)?;
        let days = of_hours(session, (client, placed), grouping, days_of([from, to])).await?;
        let cells = days.iter().map(|((bucket, slot, _, dimensions), sketch)| Cell {
            grouping,
            slot: slot.clone(),
            bucket: *bucket,
            dimensions: dimensions.clone(),
            sketch,
        });
        let cells: Vec<Cell<'_>> = cells.collect();
        insert(session, (client, place), Level::Day, &cells).await?;
    }
    Ok(())
}

/// The days that hours are in.
fn days_of([from, to]: [Timestamp; 2]) -> [Timestamp; 2] {
    [
        timestamp(floor_us(Level::Day, from.as_microsecond())),
        timestamp(floor_us(Level::Day, to.as_microsecond() - 1) + DAY_US),
    ]
}

/// Takes out the sketches of some hours, and of their days.
async fn clear(session: &Session, client: Uuid, placed: &Placed, hours: [Timestamp; 2]) -> Result<(), Error> {
    let id = placed.place.id;
    // It stays as long as sketches are written: what is written afterwards nobody would clear.
    let sql = "SELECT FROM core.entities WHERE client_id = $1 AND id = $2 FOR KEY SHARE";
    if session.execute(sql, &[&client, &id]).await? == 0 {
        return Err(Error::DefinitionChanged(placed.entity.code().to_owned()));
    }
    let ([from, to], days) = (hours, days_of(hours));
    let sql = "DELETE FROM core.sketches WHERE client_id = $1 AND entity_id = $2 AND (
        (level = 'hour' AND bucket >= $3 AND bucket < $4) OR (level = 'day' AND bucket >= $5 AND bucket < $6))";
    session
        .execute(sql, &[&client, &id, &from, &to, &days[0], &days[1]])
        .await
        .map(drop)
}

/// Sketches by bucket, slot, kind and group.
type Days = BTreeMap<(Timestamp, String, SketchKind, Vec<Option<String>>), Sketch>;

/// Those of the groups of a grouping of some days, by their hours.
async fn of_hours(
    session: &Session,
    (client, placed): (Uuid, &Placed),
    grouping: i16,
    [from, to]: [Timestamp; 2],
) -> Result<Days, Error> {
    let place: &Place = &placed.place;
    let mut kept: BTreeMap<(String, &str), SketchKind> = BTreeMap::new();
    for (_, attribute, kind) in placed.entity.sketches() {
        kept.insert((place.layout.slot(attribute)?.name(), kind.name()), kind);
    }
    let slots: Vec<&str> = kept.keys().map(|(slot, _)| slot.as_str()).collect();
    let kinds: Vec<&str> = kept.keys().map(|(_, kind)| *kind).collect();
    let sql = "SELECT time_bucket('1 day', bucket) AS bucket, slot, kind, dimensions, sketch FROM core.sketches
        WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3 AND slot = ANY ($4) AND kind = ANY ($5) AND level = 'hour' AND bucket >= $6 AND bucket < $7";
    let mut days = Days::new();
    let take = |row: tokio_postgres::Row| {
        let (slot, kind): (String, &str) = (row.try_get("slot")?, row.try_get("kind")?);
        // Of another one that was kept before.
        let Some(kind) = kept.get(&(slot.clone(), kind)).copied() else {
            return Ok(());
        };
        let bytes: &[u8] = row.try_get("sketch")?;
        let more = Sketch::from_bytes(kind, bytes).ok_or_else(|| unreadable(place, &slot, "one"))?;
        let key = (row.try_get("bucket")?, slot, kind, row.try_get("dimensions")?);
        let sketch = days.entry(key).or_insert_with(|| Sketch::empty(kind));
        sketch.merge(&more);
        Ok(())
    };
    let parameters: [(&(dyn ToSql + Sync), Type); 7] = [
        (&client, Type::UUID),
        (&place.id, Type::INT4),
        (&grouping, Type::INT2),
        (&slots, Type::TEXT_ARRAY),
        (&kinds, Type::TEXT_ARRAY),
        (&from, Type::TIMESTAMPTZ),
        (&to, Type::TIMESTAMPTZ),
    ];
    session.each_once(sql, &parameters, take).await?;
    Ok(days)
}

pub(super) fn unreadable(place: &Place, slot: &str, what: &str) -> Error {
    Error::Stored {
        place: format!("sketches of {slot} of entity {}", place.id),
        cause: format!("{what} can't be read"),
    }
}
