//! What is left behind: rows of entities that were moved, of moves that were given up, of groupings that are kept no longer, of clients that go. It is cleared
//! a part at a time, once nobody can be reading it any more.

use std::time::Instant;

use database::{Edition, Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::chunks;
use crate::sketches::SKETCHES;
use crate::volume::{Volume, volumes};

/// Seconds after which nobody reads any more what was there before a change of place or groupings: a reader learns of it with its next question, and no
/// statement takes longer.
pub const LEARNT_AFTER_SECONDS: f64 = 120.0;

/// The lock of the upkeep.
pub const UPKEEP_LOCK: &str = "compact-rollups";

/// Rows of one table that are cleared at once: well below a second.
pub const MAX_CLEARED: i64 = 100_000;

/// Rows of an entity, or of one of its groupings, that are cleared.
struct Clearing {
    client: Uuid,
    entity: i32,
    grouping: Option<i16>,
}

database::row! {
    struct Extent {
        first: Option<Timestamp>,
        last: Option<Timestamp>,
    }
}

impl Clearing {
    fn rows(&self) -> String {
        let grouping = self
            .grouping
            .map_or_else(String::new, |id| format!(" AND grouping_id = {id}"));
        format!("client_id = $1 AND entity_id = $2{grouping}")
    }

    /// Clears at most [`MAX_CLEARED`] rows of each of some tables. Returns how many there were.
    async fn clear(&self, session: &Session, volume: &Volume, tables: &[String]) -> Result<u64, Error> {
        let is_community = session.edition().await? == Edition::Community;
        let mut cleared = 0;
        for table in tables {
            cleared += if is_community && *table == volume.partials() {
                self.clear_partials(session, volume).await?
            } else {
                self.clear_table(session, table).await?
            };
        }
        Ok(cleared)
    }

    /// The chunks of the rows that come first.
    async fn chunks(&self, session: &Session, table: &str) -> Result<Vec<String>, Error> {
        let few = format!("(SELECT tableoid FROM {table} WHERE {} LIMIT $3) f", self.rows());
        chunks::with_rows(session, &few, "true", &[&self.client, &self.entity, &MAX_CLEARED]).await
    }

    /// Rows are told by their place in a chunk: however many remain, none of them is looked at.
    async fn clear_table(&self, session: &Session, table: &str) -> Result<u64, Error> {
        let rows = self.rows();
        let (mut cleared, mut left) = (0, MAX_CLEARED);
        for chunk in self.chunks(session, table).await? {
            let sql =
                format!("DELETE FROM {chunk} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {chunk} WHERE {rows} LIMIT $3))");
            let gone = session.execute(&sql, &[&self.client, &self.entity, &left]).await?;
            cleared += gone;
            left = (left - i64::try_from(gone).unwrap_or(left)).max(0);
        }
        Ok(cleared)
    }

    /// Clears partials that aggregates are over, and has these refreshed for no client's sake, in one statement: a refresh between the two would be for nothing
    /// (Community edition). Aggregates learn of what is deleted from the hypertable; only the chunk is planned, for it has all buckets from first to last.
    async fn clear_partials(&self, session: &Session, volume: &Volume) -> Result<u64, Error> {
        let (partials, rows) = (volume.partials(), self.rows());
        let (mut cleared, mut left) = (0, MAX_CLEARED);
        for chunk in self.chunks(session, &partials).await? {
            let extent = format!(
                "SELECT min(bucket) AS first, max(bucket) AS last FROM (SELECT bucket FROM {chunk} WHERE {rows} ORDER BY bucket LIMIT $3) few"
            );
            let extent: Option<Extent> = session.row(&extent, &[&self.client, &self.entity, &left]).await?;
            let Some(Extent {
                first: Some(first),
                last: Some(last),
            }) = extent
            else {
                continue;
            };
            let sql = format!(
                "WITH told AS (
                     INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
                     VALUES ($5, $6, 0, $3, $4::timestamptz + interval '1 day')
                 )
                 DELETE FROM {partials} WHERE {rows} AND bucket >= $3 AND bucket <= $4"
            );
            let gone = session
                .execute(
                    &sql,
                    &[&self.client, &self.entity, &first, &last, &volume.name(), &Uuid::nil()],
                )
                .await?;
            cleared += gone;
            left -= i64::try_from(gone).unwrap_or(left);
            if left <= 0 {
                break;
            }
        }
        Ok(cleared)
    }
}

/// Clears an entity's rows out of a volume, at most [`MAX_CLEARED`] of each table. Returns how many there were.
async fn clear(session: &Session, client: Uuid, entity: i32, volume: &Volume) -> Result<u64, Error> {
    let clearing = Clearing {
        client,
        entity,
        grouping: None,
    };
    let tables = volume.tables(session.edition().await?);
    clearing.clear(session, volume, &tables).await
}

/// Clears rows of one grouping out of a volume, and its sketches, at most [`MAX_CLEARED`] of each table. Returns how many there were.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn clear_grouping(
    session: &Session,
    (client, entity, grouping): (Uuid, i32, i16),
    volume: &Volume,
) -> Result<u64, Error> {
    let clearing = Clearing {
        client,
        entity,
        grouping: Some(grouping),
    };
    let rollups = volume.rollups(session.edition().await?);
    let cleared = clearing.clear(session, volume, &rollups).await?;
    Ok(cleared + clearing.clear_table(session, SKETCHES).await?)
}

/// Clears sketches of an entity, which are in no volume, at most [`MAX_CLEARED`] of them. Returns how many there were.
async fn clear_sketches(session: &Session, client: Uuid, entity: i32) -> Result<u64, Error> {
    let clearing = Clearing {
        client,
        entity,
        grouping: None,
    };
    clearing.clear_table(session, SKETCHES).await
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
    for entity in &entities {
        cleared += clear_sketches(session, client, entity.id).await?;
    }
    Ok(cleared)
}

/// Waits until the upkeep, the client's writers and what moves its entities have ended, and keeps them away until the transaction ends. They have these locks
/// when they come to the client's own row: whoever locks that does so afterwards.
///
/// # Errors
/// When a statement fails.
pub async fn end_work(session: &Session, client: Uuid) -> Result<(), Error> {
    session.lock(UPKEEP_LOCK).await?;
    let writers = "SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/' || id, 0)) FROM core.entities WHERE client_id = $2 ORDER BY id";
    session.execute(writers, &[&client.to_string(), &client]).await?;
    end_moves(session, client).await
}

/// Ends the moves of a client that is to go: a step that runs is waited for, and there is no other.
///
/// # Errors
/// When a statement fails.
pub async fn end_moves(session: &Session, client: Uuid) -> Result<(), Error> {
    let sql = "DELETE FROM core.moves WHERE client_id = $1";
    session.execute(sql, &[&client]).await.map(drop)
}

/// Clears all rows of a client out of all volumes, after [`end_work`]. A volume of its own stays, without rows. Rows of aggregates
/// go with the next refresh (Community edition).
///
/// # Errors
/// When a statement fails.
pub async fn clear_client(session: &Session, client: Uuid) -> Result<(), Error> {
    let edition = session.edition().await?;
    for volume in volumes(session).await? {
        if edition == Edition::Community {
            stale_for_nobody(session, &volume, client).await?;
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
async fn stale_for_nobody(session: &Session, volume: &Volume, client: Uuid) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
         SELECT $1, $2, 0, min(bucket), max(bucket) + interval '1 day' FROM {}
         WHERE client_id = $3 HAVING count(*) > 0",
        volume.partials()
    );
    session
        .execute(&sql, &[&volume.name(), &Uuid::nil(), &client])
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

/// Clears what entities left behind when they moved, if nobody can be reading it any more: a part of each in a run, until that time. What fails for one keeps no
/// other.
///
/// # Errors
/// When what there is can't be read, or the server does not answer.
pub(crate) async fn clear_leftovers(session: &Session, now: Timestamp, until: Instant) -> Result<(), Error> {
    let sql = "SELECT volume, client_id, entity_id FROM core.leftovers WHERE left_at < $1::timestamptz - make_interval(secs => $2) ORDER BY left_at";
    let leftovers: Vec<Leftover> = session.rows(sql, &[&now, &LEARNT_AFTER_SECONDS]).await?;
    for left in leftovers {
        if Instant::now() > until {
            break;
        }
        match clear_leftover(session, &left).await {
            Err(error) if error.is_of_statement() => {
                tracing::error!(client = %left.client_id, entity = left.entity_id, volume = left.volume, cause = %error, "what was left behind can't be cleared");
            }
            result => result?,
        }
    }
    Ok(())
}

async fn clear_leftover(session: &Session, left: &Leftover) -> Result<(), Error> {
    let volume = Volume::named(left.volume.clone());
    let mut cleared = clear(session, left.client_id, left.entity_id, &volume).await?;
    // Those of an entity that has moved between volumes stay.
    let is_gone =
        "SELECT WHERE NOT core.is_here($1) OR NOT EXISTS (SELECT FROM core.entities WHERE client_id = $1 AND id = $2)";
    if session.execute(is_gone, &[&left.client_id, &left.entity_id]).await? > 0 {
        cleared += clear_sketches(session, left.client_id, left.entity_id).await?;
    }
    if cleared == 0 {
        let sql = "DELETE FROM core.leftovers WHERE volume = $1 AND entity_id = $2";
        session.execute(sql, &[&volume.name(), &left.entity_id]).await?;
    }
    Ok(())
}
