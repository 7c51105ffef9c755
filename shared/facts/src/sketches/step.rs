//! One step of the long work on an entity's sketches: some hours of it are made of their facts anew, and the days that they are in of their hours.
//!
//! It is of one snapshot, and waits for no batch: what one commits meanwhile is in neither the facts that are read nor the sketches that are taken out, and neither is
//! its note that these hours are to be made anew.

use std::collections::BTreeMap;

use catalog::{Level, SketchKind};
use database::{Database, Error, Isolation, Scope, Session};
use jiff::Timestamp;
use series::calendar::{DAY_US, floor_us};
use series::sketch::{Seen, Sketch};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::{Cell, Sketching, due, due_at_once, insert};
use crate::copy::timestamp;
use crate::fill::{MAX_STEP, end_of_step};
use crate::layout::Slot;
use crate::notifications::definitions_changed;
use crate::place::{Place, Placed};
use crate::read::sketches::value;
use crate::work::{After, MAX_STEP_TIME};

database::row! {
    struct Version {
        version: i32,
    }
}

database::row! {
    /// The first hours that are due, one after the other.
    struct Due {
        from_time: Timestamp,
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
    let work = async |session: &Session| make(session, sketching.client_id, placed).await;
    database.transaction_in(scope, work).await
}

async fn make(session: &Session, client: Uuid, placed: &Placed) -> Result<After, Error> {
    let id = placed.place.id;
    session.limit_transaction(MAX_STEP_TIME).await?;
    let sql = "SELECT version FROM core.entities WHERE client_id = $1 AND id = $2 AND generation = $3";
    let stored: Option<Version> = session.row(sql, &[&client, &id, &placed.generation]).await?;
    if stored.is_none_or(|stored| stored.version != placed.version) {
        return Err(Error::DefinitionChanged(placed.entity.code().to_owned()));
    }
    let (at_once, due) = (due_at_once(), due());
    let sql = format!(
        "SELECT lower(range) AS from_time, upper(range) AS to_time, is_filling FROM (
             SELECT unnest(range_agg(tstzrange(from_time, CASE WHEN {at_once} THEN to_time ELSE least(to_time, date_trunc('hour', clock_timestamp(), 'UTC')) END))) AS range,
                 bool_or(is_filling) AS is_filling
             FROM core.unsketched WHERE client_id = $1 AND entity_id = $2 AND {due}
         ) AS due ORDER BY from_time LIMIT 1"
    );
    let due: Option<Due> = session.row(&sql, &[&client, &id]).await?;
    let Some(Due {
        from_time: from,
        to_time: last,
        is_filling,
    }) = due
    else {
        return Ok(After::Done);
    };
    // The hour of the fact with which the step would be too large is the first of the next one, unless it is the first of this one.
    let sql = format!(
        "SELECT time FROM {} WHERE client_id = $1 AND entity_id = $2 AND time >= $3 AND time < $4 ORDER BY time OFFSET $5::bigint LIMIT 1",
        placed.place.volume.facts()
    );
    let next: Option<Next> = session.row(&sql, &[&client, &id, &from, &last, &MAX_STEP]).await?;
    let to = next.map_or(last, |next| end_of_step(Level::Hour, from, next.time).min(last));
    anew(session, client, placed, [from, to]).await?;
    let sql = "WITH done AS (
             DELETE FROM core.unsketched WHERE client_id = $1 AND entity_id = $2 AND from_time >= $3 AND to_time <= $4
         )
         UPDATE core.unsketched SET from_time = $4 WHERE client_id = $1 AND entity_id = $2 AND from_time >= $3 AND from_time < $4 AND to_time > $4";
    session.execute(sql, &[&client, &id, &from, &to]).await?;
    if is_filling {
        whole(session, client, &placed.place).await?;
    }
    Ok(After::Rest)
}

/// Once all that was filled is there, sketches are read.
async fn whole(session: &Session, client: Uuid, place: &Place) -> Result<(), Error> {
    let sql = "UPDATE core.entities SET generation = generation + 1 WHERE client_id = $1 AND id = $2
        AND NOT EXISTS (SELECT FROM core.unsketched WHERE client_id = $1 AND entity_id = $2 AND is_filling)";
    if session.execute(sql, &[&client, &place.id]).await? > 0 {
        definitions_changed(session, client).await?;
    }
    Ok(())
}

/// Replaces the sketches of some hours by what the facts say, and those of their days.
async fn anew(session: &Session, client: Uuid, placed: &Placed, [from, to]: [Timestamp; 2]) -> Result<(), Error> {
    let place = &placed.place;
    let days = [
        timestamp(floor_us(Level::Day, from.as_microsecond())),
        timestamp(floor_us(Level::Day, to.as_microsecond() - 1) + DAY_US),
    ];
    let sql = "DELETE FROM core.sketches WHERE client_id = $1 AND entity_id = $2 AND (
        (level = 'hour' AND bucket >= $3 AND bucket < $4) OR (level = 'day' AND bucket >= $5 AND bucket < $6))";
    session
        .execute(sql, &[&client, &place.id, &from, &to, &days[0], &days[1]])
        .await?;
    for (_, grouping) in placed.entity.sketched_groupings() {
        if !placed.kept().any(|kept| kept == grouping) {
            continue;
        }
        let id = place.layout.grouping_id(grouping)?;
        let dimensions = grouping.dimensions.iter();
        let dimensions = dimensions.map(|name| Ok(place.layout.slot_of(&placed.entity, name)?.text()));
        let dimensions: Vec<String> = dimensions.collect::<Result<_, Error>>()?;
        for (_, attribute, kind) in placed.entity.sketches() {
            let of = Of {
                client,
                place,
                grouping: id,
                dimensions: &dimensions,
                slot: place.layout.slot(attribute)?,
                kind,
            };
            let hours = of.facts(session, [from, to]).await?;
            of.write(session, Level::Hour, &hours).await?;
            let days = of.hours(session, days).await?;
            of.write(session, Level::Day, &days).await?;
        }
    }
    Ok(())
}

/// Sketches by bucket and group.
type Groups = BTreeMap<(Timestamp, Vec<Option<String>>), Sketch>;

/// One sketch of the groups of a grouping.
struct Of<'a> {
    client: Uuid,
    place: &'a Place,
    grouping: i16,
    dimensions: &'a [String],
    slot: Slot,
    kind: SketchKind,
}

impl Of<'_> {
    /// Those of some hours by their facts.
    async fn facts(&self, session: &Session, [from, to]: [Timestamp; 2]) -> Result<Groups, Error> {
        let sql = format!(
            "SELECT bucket, by, value, count(*) AS facts FROM (
                 SELECT time_bucket('1 hour', time) AS bucket, ARRAY[{}]::text[] AS by, {} AS value FROM {}
                 WHERE client_id = $1 AND entity_id = $2 AND time >= $3 AND time < $4
             ) AS seen WHERE value IS NOT NULL GROUP BY bucket, by, value",
            self.dimensions.join(", "),
            value(self.slot),
            self.place.volume.facts()
        );
        let mut groups = Groups::new();
        let take = |row: tokio_postgres::Row| {
            let text: String = row.try_get("value")?;
            let seen = Seen::of(self.kind, &text, row.try_get("facts")?).ok_or_else(|| self.unreadable(&text))?;
            let key = (row.try_get("bucket")?, row.try_get("by")?);
            let sketch = groups.entry(key).or_insert_with(|| Sketch::empty(self.kind));
            sketch.add(&seen);
            Ok(())
        };
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&self.client, Type::UUID),
            (&self.place.id, Type::INT4),
            (&from, Type::TIMESTAMPTZ),
            (&to, Type::TIMESTAMPTZ),
        ];
        session.each_once(&sql, &parameters, take).await?;
        Ok(groups)
    }

    /// Those of some days by their hours.
    async fn hours(&self, session: &Session, [from, to]: [Timestamp; 2]) -> Result<Groups, Error> {
        let sql = "SELECT time_bucket('1 day', bucket) AS bucket, dimensions AS by, sketch FROM core.sketches
            WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3 AND slot = $4 AND kind = $5 AND level = 'hour' AND bucket >= $6 AND bucket < $7";
        let mut groups = Groups::new();
        let take = |row: tokio_postgres::Row| {
            let bytes: &[u8] = row.try_get("sketch")?;
            let more = Sketch::from_bytes(self.kind, bytes).ok_or_else(|| self.unreadable("one"))?;
            let key = (row.try_get("bucket")?, row.try_get("by")?);
            let sketch = groups.entry(key).or_insert_with(|| Sketch::empty(self.kind));
            sketch.merge(&more);
            Ok(())
        };
        let (slot, kind) = (self.slot.name(), self.kind.name());
        let parameters: [(&(dyn ToSql + Sync), Type); 7] = [
            (&self.client, Type::UUID),
            (&self.place.id, Type::INT4),
            (&self.grouping, Type::INT2),
            (&slot, Type::TEXT),
            (&kind, Type::TEXT),
            (&from, Type::TIMESTAMPTZ),
            (&to, Type::TIMESTAMPTZ),
        ];
        session.each_once(sql, &parameters, take).await?;
        Ok(groups)
    }

    async fn write(&self, session: &Session, level: Level, groups: &Groups) -> Result<(), Error> {
        let cells = groups.iter().map(|((bucket, dimensions), sketch)| Cell {
            grouping: self.grouping,
            slot: self.slot.name(),
            bucket: *bucket,
            dimensions: dimensions.clone(),
            sketch,
        });
        let cells: Vec<Cell<'_>> = cells.collect();
        insert(session, (self.client, self.place), level, &cells).await
    }

    fn unreadable(&self, what: &str) -> Error {
        Error::Stored {
            place: format!("sketches of {} of entity {}", self.slot.name(), self.place.id),
            cause: format!("{what} can't be read"),
        }
    }
}
