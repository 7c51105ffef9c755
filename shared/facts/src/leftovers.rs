//! What is left behind: rows of entities that were moved, of moves that were given up, of groupings that are kept no longer, of clients that go. It is cleared
//! a part at a time, once nobody can be reading it any more.

use database::{Edition, Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::volume::{Volume, volumes};

/// Seconds after which nobody reads any more what was there before a change of place or groupings: a reader learns of it with its next question, and no
/// statement takes longer.
pub const LEARNT_AFTER_SECONDS: f64 = 120.0;

/// The lock of the upkeep.
pub const UPKEEP_LOCK: &str = "compact-rollups";

/// Rows that one statement clears: well below a second.
const MAX_CLEARED: i64 = 100_000;

/// Clears an entity's rows out of a volume, at most [`MAX_CLEARED`] of each table. Returns how many there were.
async fn clear(session: &Session, client: Uuid, id: i32, volume: &Volume) -> Result<u64, Error> {
    let mut cleared = 0;
    if session.edition().await? == Edition::Community {
        stale_for_nobody(session, volume, client, Some(id)).await?;
    }
    for table in volume.tables(session.edition().await?) {
        let sql = few_of(&table, "");
        cleared += session.execute(&sql, &[&client, &id, &MAX_CLEARED]).await?;
    }
    Ok(cleared)
}

/// Deletes so many rows of a client's entity that fulfil a condition. Rows of a hypertable are told by their chunk and place in it.
fn few_of(table: &str, condition: &str) -> String {
    format!(
        "DELETE FROM {table} t USING (
             SELECT tableoid, ctid FROM {table} WHERE client_id = $1 AND entity_id = $2{condition} LIMIT $3
         ) few WHERE t.tableoid = few.tableoid AND t.ctid = few.ctid AND t.client_id = $1 AND t.entity_id = $2"
    )
}

/// Clears rows of one grouping out of a volume, at most [`MAX_CLEARED`] of each table. Returns how many there were.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn clear_grouping(
    session: &Session,
    (client, entity, grouping): (Uuid, i32, i16),
    volume: &Volume,
) -> Result<u64, Error> {
    let edition = session.edition().await?;
    if edition == Edition::Community {
        stale_for_nobody(session, volume, client, Some(entity)).await?;
    }
    let mut cleared = 0;
    for table in volume.rollups(edition) {
        let sql = few_of(&table, &format!(" AND grouping_id = {grouping}"));
        cleared += session.execute(&sql, &[&client, &entity, &MAX_CLEARED]).await?;
    }
    Ok(cleared)
}

database::row! {
    struct Identity {
        id: i32,
    }
}

/// Clears some rows of a client that is to go, of each of its entities in each volume at most [`MAX_CLEARED`] of each table. Returns how many there were.
///
/// # Errors
/// When a statement fails.
pub async fn clear_some(session: &Session, client: Uuid) -> Result<u64, Error> {
    let sql = "SELECT id FROM core.entities WHERE client_id = $1 ORDER BY id";
    let entities: Vec<Identity> = session.rows(sql, &[&client]).await?;
    let mut cleared = 0;
    for volume in volumes(session).await? {
        for entity in &entities {
            cleared += clear(session, client, entity.id, &volume).await?;
        }
    }
    Ok(cleared)
}

/// Clears all rows of a client out of all volumes, after its writers and the upkeep have ended. A volume of its own stays, without rows. Rows of aggregates
/// go with the next refresh (Community edition).
///
/// # Errors
/// When a statement fails.
pub async fn clear_client(session: &Session, client: Uuid) -> Result<(), Error> {
    session.lock(UPKEEP_LOCK).await?;
    let writers = "SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/' || id, 0)) FROM core.entities WHERE client_id = $2 ORDER BY id";
    session.execute(writers, &[&client.to_string(), &client]).await?;
    let edition = session.edition().await?;
    for volume in volumes(session).await? {
        if edition == Edition::Community {
            stale_for_nobody(session, &volume, client, None).await?;
        }
        for table in volume.tables(edition) {
            session
                .execute(&format!("DELETE FROM {table} WHERE client_id = $1"), &[&client])
                .await?;
        }
    }
    Ok(())
}

/// Has the aggregates of what is being cleared refreshed, for no client's sake (Community edition).
async fn stale_for_nobody(session: &Session, volume: &Volume, client: Uuid, entity: Option<i32>) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
         SELECT $1, $2, 0, min(bucket), max(bucket) + interval '1 day' FROM {}
         WHERE client_id = $3 AND (entity_id = $4 OR $4 IS NULL) HAVING count(*) > 0",
        volume.partials()
    );
    session
        .execute(&sql, &[&volume.name(), &Uuid::nil(), &client, &entity])
        .await
        .map(drop)
}

database::row! {
    struct Leftover {
        volume: String,
        client_id: Uuid,
        entity_id: i32,
    }
}

/// Clears what entities left behind when they moved, if nobody can be reading it any more: a part of each in a run.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn clear_leftovers(session: &Session, now: Timestamp) -> Result<u64, Error> {
    let sql = "SELECT volume, client_id, entity_id FROM core.leftovers WHERE left_at < $1::timestamptz - make_interval(secs => $2) ORDER BY left_at";
    let leftovers: Vec<Leftover> = session.rows(sql, &[&now, &LEARNT_AFTER_SECONDS]).await?;
    let mut all = 0;
    for left in leftovers {
        let volume = Volume::named(left.volume);
        let cleared = clear(session, left.client_id, left.entity_id, &volume).await?;
        if cleared == 0 {
            let sql = "DELETE FROM core.leftovers WHERE volume = $1 AND entity_id = $2";
            session.execute(sql, &[&volume.name(), &left.entity_id]).await?;
        }
        all += cleared;
    }
    Ok(all)
}
