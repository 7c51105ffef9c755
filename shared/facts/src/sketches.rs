//! Sketches of facts: brought along by batches, made anew by the long work, and read by [`read`](crate::read).
//!
//! Of each hour it is noted that its sketches are to be made of the facts anew, whenever facts of it come or go. Where a batch only adds facts it brings their sketches
//! along, which merge with those that are there, so that questions have all from them at each commit. Where facts were replaced or taken out, no sketch tells what is
//! left: these hours are read from the facts until the long work has been there. So an undo, a correction and a file that is replaced are nothing of their own here,
//! and what is kept is what one makes of the facts.

mod facts;
mod step;

use std::collections::BTreeSet;

use catalog::Level;
use database::{Database, Error, Session, json};
use jiff::Timestamp;
use series::calendar::{HOUR_US, floor_us};
use series::partials::SketchRow;
use series::sketch::Sketch;
use uuid::Uuid;

use crate::commit::{MAX_RANGES, fewer, ranges};
use crate::copy::{dimension, timestamp};
use crate::place::{Place, Placed};

pub use step::MAX_HOUR_TIME;
pub(crate) use step::step;

/// The relation that has them, by which plans name it.
pub const SKETCHES: &str = "core.sketches";

/// Rows of one statement that writes sketches: 12 MB where all are of the largest.
const MAX_ROWS: usize = 1_000;

/// Notes the hours of minutes whose facts changed. `is_written` says that sketches of what came are brought along, and nothing went.
pub(crate) async fn note(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    minutes: &BTreeSet<i64>,
    is_written: bool,
) -> Result<(), Error> {
    if placed.entity.sketches().next().is_none() {
        return Ok(());
    }
    let hours: BTreeSet<i64> = minutes.iter().map(|minute| floor_us(Level::Hour, *minute)).collect();
    // What is bridged between hours is made anew as well, and read from the facts if these are.
    let ranges = fewer(&ranges(&hours, HOUR_US), MAX_RANGES).into_iter();
    let whole = ranges.map(|(from, to)| (timestamp(from), timestamp(floor_us(Level::Hour, to - 1) + HOUR_US)));
    let (from, to): (Vec<Timestamp>, Vec<Timestamp>) = whole.unzip();
    let sql = "INSERT INTO core.unsketched (client_id, entity_id, from_time, to_time, is_written)
        SELECT $1, $2, r.from_time, r.to_time, $5 FROM unnest($3::timestamptz[], $4::timestamptz[]) AS r (from_time, to_time)";
    session
        .execute(sql, &[&client, &placed.place.id, &from, &to, &is_written])
        .await
        .map(drop)
}

/// Writes the sketches that a batch brings along, of groupings that are kept.
pub(crate) async fn write(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    brought: &[SketchRow],
) -> Result<(), Error> {
    let mut cells = Vec::with_capacity(brought.len());
    for row in brought {
        let grouping = placed.entity.groupings().get(row.grouping);
        let Some(grouping) = grouping.filter(|grouping| placed.kept().any(|kept| kept == *grouping)) else {
            continue;
        };
        let Some(attribute) = placed.entity.stored_attributes().get(row.attribute) else {
            continue;
        };
        let layout = &placed.place.layout;
        cells.push(Cell {
            grouping: layout.grouping_id(grouping)?,
            slot: layout.slot(attribute)?.name(),
            bucket: timestamp(row.hour_us),
            dimensions: row.dimensions.iter().map(dimension).collect(),
            sketch: &row.sketch,
        });
    }
    insert(session, (client, &placed.place), Level::Hour, &cells).await
}

/// A sketch of a bucket and group.
struct Cell<'a> {
    grouping: i16,
    slot: String,
    bucket: Timestamp,
    dimensions: Vec<Option<String>>,
    sketch: &'a Sketch,
}

/// Writes sketches of a level.
async fn insert(
    session: &Session,
    (client, place): (Uuid, &Place),
    level: Level,
    cells: &[Cell<'_>],
) -> Result<(), Error> {
    // Each row's dimensions as JSON: the server takes no arrays of arrays of different lengths.
    let sql = "INSERT INTO core.sketches (client_id, entity_id, level, grouping_id, slot, kind, bucket, dimensions, sketch)
        SELECT $1, $2, $3, c.grouping_id, c.slot, c.kind, c.bucket, ARRAY(SELECT jsonb_array_elements_text(c.dimensions)), c.sketch
        FROM unnest($4::smallint[], $5::text[], $6::text[], $7::timestamptz[], $8::jsonb[], $9::bytea[])
            AS c (grouping_id, slot, kind, bucket, dimensions, sketch)";
    for some in cells.chunks(MAX_ROWS) {
        let groupings: Vec<i16> = some.iter().map(|cell| cell.grouping).collect();
        let slots: Vec<&str> = some.iter().map(|cell| cell.slot.as_str()).collect();
        let kinds: Vec<&str> = some.iter().map(|cell| cell.sketch.kind().name()).collect();
        let buckets: Vec<Timestamp> = some.iter().map(|cell| cell.bucket).collect();
        let dimensions = some.iter().map(|cell| json(&cell.dimensions));
        let dimensions: Vec<serde_json::Value> = dimensions.collect::<Result<_, Error>>()?;
        let sketches: Vec<Vec<u8>> = some.iter().map(|cell| cell.sketch.to_bytes()).collect();
        session
            .execute(
                sql,
                &[
                    &client,
                    &place.id,
                    &level.name(),
                    &groupings,
                    &slots,
                    &kinds,
                    &buckets,
                    &dimensions,
                    &sketches,
                ],
            )
            .await?;
    }
    Ok(())
}

/// Has all sketches of an entity made anew, where it has facts, by the definition that the transaction stores: until that is done none is read. It has the writers'
/// lock.
///
/// # Errors
/// When the statement fails.
pub async fn begin(session: &Session, client: Uuid, place: &Place) -> Result<(), Error> {
    let sql = "INSERT INTO core.unsketched (client_id, entity_id, from_time, to_time, is_written, is_filling)
        SELECT client_id, entity_id, date_trunc('hour', first_time, 'UTC'), date_trunc('hour', last_time, 'UTC') + interval '1 hour', false, true
        FROM core.clocks WHERE client_id = $1 AND entity_id = $2 AND first_time IS NOT NULL";
    session.execute(sql, &[&client, &place.id]).await.map(drop)
}

/// The same of all entities of a client that declare sketches, where it has just arrived in a database.
///
/// # Errors
/// When the statement fails.
pub async fn begin_all(session: &Session, client: Uuid) -> Result<(), Error> {
    let sql = "INSERT INTO core.unsketched (client_id, entity_id, from_time, to_time, is_written, is_filling)
        SELECT c.client_id, c.entity_id, date_trunc('hour', c.first_time, 'UTC'), date_trunc('hour', c.last_time, 'UTC') + interval '1 hour', false, true
        FROM core.clocks c JOIN core.entities e ON e.client_id = c.client_id AND e.id = c.entity_id
        WHERE c.client_id = $1 AND c.first_time IS NOT NULL AND e.definition @? '$.attributes[*].sketches[*]'";
    session.execute(sql, &[&client]).await.map(drop)
}

database::row! {
    /// Hours of an entity whose sketches are to be made anew: from then on, as far as a step gets.
    #[derive(Clone, Debug)]
    pub(crate) struct Sketching {
        pub(crate) client_id: Uuid,
        pub(crate) entity_id: i32,
        pub(crate) from_time: Timestamp,
        /// When they were last tried, or noted.
        pub(crate) turn: Timestamp,
        /// Whether a step of several hours failed: then they are taken one by one, until the one at fault stands alone.
        pub(crate) is_careful: bool,
    }
}

/// How long what was noted of an hour that goes on waits: as long as a dashboard's reader would not notice, and so long that what batches bring of the hour one by one
/// does not become as many rows as there are batches in an hour. One batch a second leaves 300 of them for each group.
pub const NOTED_MINUTES: u32 = 5;

/// How long an hour that failed waits before it is tried again: a run of the long work tries it once.
pub const RETRY_MINUTES: u32 = 1;

/// How often an hour may fail before it waits for long between two tries. It takes up to [`MAX_HOUR_TIME`] each time, which others wait for; meanwhile it is read from
/// its facts.
pub const MAX_FAILURES: u32 = 5;

/// How long that is.
pub const LONG_WAIT_MINUTES: u32 = 60;

/// What may be made anew now, also of an hour that goes on: what is being filled, and what was noted some minutes ago.
fn due_at_once() -> String {
    format!("(is_filling OR noted_at < clock_timestamp() - interval '{NOTED_MINUTES} minutes')")
}

/// The same, and what of the others is closed.
fn may_be_made() -> String {
    format!(
        "({} OR from_time < date_trunc('hour', clock_timestamp(), 'UTC'))",
        due_at_once()
    )
}

/// The same, but not what failed just now.
fn due() -> String {
    format!(
        "{} AND (failures = 0 OR tried_at < clock_timestamp() - CASE WHEN failures < {MAX_FAILURES} THEN interval '{RETRY_MINUTES} minutes' ELSE interval '{LONG_WAIT_MINUTES} minutes' END)",
        may_be_made()
    )
}

/// Those of each client that lives here whose turn it is, but for some entities; what failed comes after all others. It takes the owner's login.
pub(crate) async fn next_of_each(session: &Session, but: &[i32]) -> Result<Vec<Sketching>, Error> {
    let due = due();
    let sql = format!(
        "SELECT DISTINCT ON (client_id) client_id, entity_id, from_time, coalesce(tried_at, noted_at) AS turn, reason IS NOT NULL AS is_careful FROM core.unsketched
         WHERE core.is_here(client_id) AND entity_id <> ALL ($1) AND {due} ORDER BY client_id, failures > 0, turn, entity_id, from_time, is_careful"
    );
    session.rows(&sql, &[&but]).await
}

/// Says that they are tried now, before they are: who is killed has had its turn too.
pub(crate) async fn tried(database: &Database, sketching: &Sketching) -> Result<(), Error> {
    let sql = "UPDATE core.unsketched SET tried_at = clock_timestamp() WHERE client_id = $1 AND entity_id = $2 AND from_time = $3";
    let Sketching {
        client_id,
        entity_id,
        from_time,
        ..
    } = sketching;
    let of_client = database.of(*client_id);
    of_client
        .execute(sql, &[client_id, entity_id, from_time])
        .await
        .map(drop)
}

database::row! {
    struct Noted {
        is_filling: bool,
    }
}

/// Says that a step failed, and of what kind that was: its hours are taken one by one then. One that fails by itself is noted apart from then on, so that it keeps no
/// other from its turn, and no other sketches from being read: it is read from its facts where its sketches don't say all of them.
pub(crate) async fn failed(database: &Database, sketching: &Sketching, kind: &str) -> Result<(), Error> {
    let Sketching {
        client_id: client,
        entity_id: entity,
        from_time: from,
        is_careful,
        ..
    } = sketching;
    if !is_careful {
        let sql = "UPDATE core.unsketched SET reason = $4 WHERE client_id = $1 AND entity_id = $2 AND from_time = $3";
        let of_client = database.of(*client);
        return of_client.execute(sql, &[client, entity, from, &kind]).await.map(drop);
    }
    let to = timestamp(from.as_microsecond() + HOUR_US);
    let sql = "WITH inside AS (
             DELETE FROM core.unsketched WHERE client_id = $1 AND entity_id = $2 AND from_time >= $3 AND to_time <= $4
             RETURNING is_written, is_filling, noted_at, failures
         ), beyond AS (
             UPDATE core.unsketched SET from_time = $4, reason = NULL WHERE client_id = $1 AND entity_id = $2 AND from_time >= $3 AND from_time < $4 AND to_time > $4
             RETURNING is_written, is_filling, noted_at, failures
         ), noted AS (
             SELECT * FROM inside UNION ALL SELECT * FROM beyond
         ), apart AS (
             INSERT INTO core.unsketched (client_id, entity_id, from_time, to_time, is_written, noted_at, tried_at, failures, reason)
             SELECT $1, $2, $3, $4, bool_and(is_written AND NOT is_filling), min(noted_at), clock_timestamp(), max(failures) + 1, $5 FROM noted HAVING count(*) > 0
         )
         SELECT coalesce(bool_or(is_filling), false) AS is_filling FROM noted";
    let work = async |session: &Session| {
        let noted: Option<Noted> = session.row(sql, &[client, entity, from, &to, &kind]).await?;
        if noted.is_some_and(|noted| noted.is_filling) {
            step::whole(session, *client, *entity).await?;
        }
        Ok(())
    };
    database.transaction(*client, work).await
}
