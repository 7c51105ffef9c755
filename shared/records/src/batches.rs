//! What became of batches of events.

use database::{Database, Error};
use jiff::Timestamp;
use uuid::Uuid;

/// Most batches of one answer.
pub const MAX_PAGE: i64 = 200;

database::row! {
    /// What became of a batch.
    #[derive(Clone, Debug)]
    pub struct BatchReport {
        /// Identity.
        pub id: Uuid,
        /// Entity.
        pub entity: String,
        /// Where it came from.
        pub source: String,
        /// Events that became facts.
        pub accepted: i32,
        /// Events that became dead letters.
        pub rejected: i32,
        /// Position of the first event that has had no effect yet; `None` once all have.
        pub next_position: Option<i32>,
        /// Facts of it that are not there any more, as far as that is counted.
        pub removed: i64,
        /// The change that takes it out, or has.
        pub undone_by: Option<Uuid>,
        /// Whether that goes on.
        pub is_being_undone: bool,
        /// When its last transaction ended.
        pub finished_at: Timestamp,
    }
}

const COLUMNS: &str = "id, entity, source, accepted, rejected, next_position, removed, undone_by, finished_at,
    EXISTS (SELECT FROM core.changes c WHERE c.client_id = batches.client_id AND c.id = batches.undone_by AND c.finished_at IS NULL) AS is_being_undone";

/// The report of a batch; `None` while it is queued, or when the client has no such batch.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<BatchReport>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM core.batches WHERE client_id = $1 AND id = $2");
    database.of(client).row(&sql, &[&client, &id]).await
}

/// A page of batches, the latest first, those before the batch `before` when it is given; none before a batch that is not there.
///
/// # Errors
/// When the statement fails.
pub async fn list(
    database: &Database,
    client: Uuid,
    entity: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<BatchReport>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM core.batches WHERE client_id = $1 AND ($2::text IS NULL OR entity = $2) AND ($3::uuid IS NULL
            OR (begun_at, id) < (SELECT b.begun_at, b.id FROM core.batches b WHERE b.client_id = $1 AND b.id = $3))
         ORDER BY begun_at DESC, id DESC LIMIT $4"
    );
    let limit = limit.clamp(1, MAX_PAGE);
    database
        .of(client)
        .rows(&sql, &[&client, &entity, &before, &limit])
        .await
}
