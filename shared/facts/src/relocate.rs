//! Entities move from one volume to another: as a whole, in one transaction that has the entity's writers wait, so that no number is lost, doubled or changed
//! whatever cuts it off. Readers are not kept waiting: who still reads where it was finds all of it there until the leftovers are cleared.

use database::{Database, Edition, Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::fill::stale;
use crate::notifications::definitions_changed;
use crate::place::{Placed, writers_lock};
use crate::volume::{Volume, volumes};

/// Seconds after which nobody reads any more what was there before a change of place or groupings: a reader learns of it with its next question, and no
/// statement takes longer.
pub const LEARNT_AFTER_SECONDS: f64 = 120.0;

/// The lock of the upkeep.
pub const UPKEEP_LOCK: &str = "compact-rollups";

/// Rows that one statement clears: well below a second.
const MAX_CLEARED: i64 = 100_000;

database::row! {
    struct Stored {
        version: i32,
    }
}

/// Moves an entity to a volume. Its batches wait meanwhile, in their queue; about ten seconds for a million facts.
///
/// # Errors
/// When its definition or place is another one by now, or a statement fails; it stays where it is then.
pub async fn relocate(database: &Database, client: Uuid, placed: &Placed, to: &Volume) -> Result<(), Error> {
    if placed.place.volume == *to {
        return Ok(());
    }
    database
        .transaction(client, async |session: &Session| {
            move_over(session, client, placed, to).await
        })
        .await
}

async fn move_over(session: &Session, client: Uuid, placed: &Placed, to: &Volume) -> Result<(), Error> {
    let (from, id) = (&placed.place.volume, placed.place.id);
    // The upkeep moves partials up, which must not happen between two of the copies. It is waited for before the writers wait.
    session.lock(UPKEEP_LOCK).await?;
    session.lock(&writers_lock(client, &placed.place)).await?;
    let sql = "SELECT version FROM core.entities WHERE client_id = $1 AND id = $2 AND version = $3 AND generation = $4";
    let stored: Option<Stored> = session
        .row(sql, &[&client, &id, &placed.version, &placed.generation])
        .await?;
    if stored.is_none_or(|stored| stored.version != placed.version) {
        return Err(Error::DefinitionChanged(placed.entity.code().to_owned()));
    }
    // What was cleared only in part when it was there before.
    clear(session, client, id, to, None).await?;
    let edition = session.edition().await?;
    for (old, new) in from.tables(edition).iter().zip(to.tables(edition)) {
        let sql = format!("INSERT INTO {new} SELECT * FROM {old} WHERE client_id = $1 AND entity_id = $2");
        session.execute(&sql, &[&client, &id]).await?;
    }
    let sql = "UPDATE core.entities SET volume = $3, generation = generation + 1 WHERE client_id = $1 AND id = $2";
    session.execute(sql, &[&client, &id, &to.name()]).await?;
    let sql = "UPDATE core.stale_ranges SET volume = $3 WHERE client_id = $1 AND entity_id = $2";
    session.execute(sql, &[&client, &id, &to.name()]).await?;
    if edition == Edition::Community {
        let place = crate::Place {
            volume: to.clone(),
            ..placed.place.clone()
        };
        stale(session, client, &place).await?;
    }
    let sql = "INSERT INTO core.leftovers (volume, client_id, entity_id) VALUES ($1, $2, $3)
        ON CONFLICT (volume, entity_id) DO UPDATE SET left_at = clock_timestamp()";
    session.execute(sql, &[&from.name(), &client, &id]).await?;
    // Back where it was before: those are leftovers no more.
    session
        .execute(
            "DELETE FROM core.leftovers WHERE volume = $1 AND entity_id = $2",
            &[&to.name(), &id],
        )
        .await?;
    definitions_changed(session, client).await
}

/// Clears an entity's rows out of a volume; at most so many of each table, or all. Returns how many there were.
async fn clear(session: &Session, client: Uuid, id: i32, volume: &Volume, most: Option<i64>) -> Result<u64, Error> {
    let mut cleared = 0;
    if session.edition().await? == Edition::Community {
        stale_for_nobody(session, volume, client, Some(id)).await?;
    }
    for table in volume.tables(session.edition().await?) {
        let sql = match most {
            None => format!("DELETE FROM {table} WHERE client_id = $1 AND entity_id = $2 AND $3::bigint IS NULL"),
            // Rows of a hypertable are told by their chunk and place in it.
            Some(_) => format!(
                "DELETE FROM {table} t USING (SELECT tableoid, ctid FROM {table} WHERE client_id = $1 AND entity_id = $2 LIMIT $3) few
                 WHERE t.tableoid = few.tableoid AND t.ctid = few.ctid AND t.client_id = $1 AND t.entity_id = $2"
            ),
        };
        cleared += session.execute(&sql, &[&client, &id, &most]).await?;
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
        let cleared = clear(session, left.client_id, left.entity_id, &volume, Some(MAX_CLEARED)).await?;
        if cleared == 0 {
            let sql = "DELETE FROM core.leftovers WHERE volume = $1 AND entity_id = $2";
            session.execute(sql, &[&volume.name(), &left.entity_id]).await?;
        }
        all += cleared;
    }
    Ok(all)
}
