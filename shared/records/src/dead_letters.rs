//! Dead letters: events that were refused, with the reason. Those of batches that were taken out are nobody's, and come back with them.

mod pages;

use database::{Database, Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

pub use pages::{Filter, page};

/// Most dead letters of one `POST /v1/dead-letters/replay`.
pub const MAX_PAGE: i64 = 200;

database::row! {
    /// An event that was refused.
    #[derive(Clone, Debug)]
    pub struct DeadLetter {
        /// Identity.
        pub id: Uuid,
        /// Entity.
        pub entity: String,
        /// Batch it came with.
        pub batch_id: Uuid,
        /// Position in the batch, or row of the file it came with.
        pub position: i32,
        /// Field that was wrong.
        pub field: String,
        /// Why.
        pub reason: String,
        /// The event as it was sent.
        pub original: String,
        /// The time zone that its file declared.
        pub time_zone: Option<String>,
        /// When it was refused.
        pub received_at: Timestamp,
        /// When it was sent through again.
        pub replayed_at: Option<Timestamp>,
        /// The batch of the replay; without a time it is being sent, or whoever sent it was cut off.
        pub replay_batch: Option<Uuid>,
        /// How often it came back after a replay of it was told to bring nothing.
        pub reopened: i32,
    }
}

impl DeadLetter {
    /// The batch of its replay: always the same one, so that it takes effect once however often it is sent, until that one was told to bring nothing.
    #[must_use]
    pub fn replay(&self) -> Uuid {
        match self.reopened {
            0 => Uuid::new_v5(&self.id, b"replay"),
            times => Uuid::new_v5(&self.id, format!("replay {times}").as_bytes()),
        }
    }
}

database::row! {
    struct Identity {
        id: Uuid,
    }
}

const COLUMNS: &str = "id, entity, batch_id, position, field, reason, original, time_zone, received_at, replayed_at, replay_batch, reopened";

/// Which dead letters are sent through again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only of this entity.
    pub entity: Option<&'a str>,
    /// Only of this batch.
    pub batch: Option<Uuid>,
    /// Only those before this one.
    pub before: Option<Uuid>,
    /// Only those that were not sent through again yet.
    pub is_new: bool,
}

/// The newest of the dead letters that are to be sent through again.
///
/// # Errors
/// When the statement fails.
pub async fn list(database: &Database, client: Uuid, wanted: Wanted<'_>, limit: i64) -> Result<Vec<DeadLetter>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM core.dead_letters WHERE client_id = $1 AND NOT is_undone AND ($2::text IS NULL OR entity = $2)
            AND ($3::uuid IS NULL OR batch_id = $3) AND ($4::uuid IS NULL OR id < $4) AND (NOT $5::boolean OR replayed_at IS NULL)
         ORDER BY id DESC LIMIT $6"
    );
    let limit = limit.clamp(1, MAX_PAGE);
    let Wanted {
        entity,
        batch,
        before,
        is_new,
    } = wanted;
    database
        .of(client)
        .rows(&sql, &[&client, &entity, &batch, &before, &is_new, &limit])
        .await
}

/// One dead letter; `None` when the client has no such one.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<DeadLetter>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM core.dead_letters WHERE client_id = $1 AND id = $2 AND NOT is_undone");
    database.of(client).row(&sql, &[&client, &id]).await
}

/// The first dead letter of a batch, by its identity; `None` when there is none, or not yet.
///
/// # Errors
/// When the statement fails.
pub async fn of_batch(database: &Database, client: Uuid, batch: Uuid) -> Result<Option<Uuid>, Error> {
    let sql = "SELECT id FROM core.dead_letters WHERE client_id = $1 AND batch_id = $2 ORDER BY position LIMIT 1";
    let found: Option<Identity> = database.of(client).row(sql, &[&client, &batch]).await?;
    Ok(found.map(|found| found.id))
}

/// The lock that whoever marks letters of a client as replayed takes alone, and whoever takes batches out, for all of the transaction: a replay is either known to
/// the undoing of its letter's batch, or knows of it.
pub(crate) fn replays_lock(client: Uuid) -> String {
    format!("{client}/replays")
}

/// Says of letters that batches send them through again, each the one beside it, before any is sent: from then on whoever undoes the letter's batch closes the
/// replay too. Returns those that may be sent; batches of the others were undone, or there are no such letters. Until [`end_replays`] they count as not sent, so
/// that what is cut off in between is sent by the next call: by the same batch, which has its effect once.
///
/// # Errors
/// When a statement fails.
pub async fn begin_replays(database: &Database, client: Uuid, replays: &[(Uuid, Uuid)]) -> Result<Vec<Uuid>, Error> {
    let sql = "UPDATE core.dead_letters AS letter SET replay_batch = sent.batch FROM unnest($2::uuid[], $3::uuid[]) AS sent (id, batch)
        WHERE letter.client_id = $1 AND letter.id = sent.id AND NOT letter.is_undone RETURNING letter.id";
    let (letters, batches): (Vec<Uuid>, Vec<Uuid>) = replays.iter().copied().unzip();
    let work = async |session: &Session| {
        session.lock(&replays_lock(client)).await?;
        session.rows::<Identity>(sql, &[&client, &letters, &batches]).await
    };
    let begun = database.transaction(client, work).await?;
    Ok(begun.into_iter().map(|letter| letter.id).collect())
}

/// Says of letters that they were sent through again; the first time counts.
///
/// # Errors
/// When the statement fails.
pub async fn end_replays(database: &Database, client: Uuid, letters: &[Uuid]) -> Result<(), Error> {
    let sql = "UPDATE core.dead_letters SET replayed_at = clock_timestamp() WHERE client_id = $1 AND id = ANY ($2) AND replayed_at IS NULL";
    database.of(client).execute(sql, &[&client, &letters]).await.map(drop)
}
