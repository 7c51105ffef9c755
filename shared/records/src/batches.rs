//! What became of batches of events, and of deletions, which are listed among them: what takes facts out is as much of a client's history as what brings them.

use database::{Database, Error};
use jiff::Timestamp;
use uuid::Uuid;

/// Most batches of one answer.
pub const MAX_PAGE: i64 = 200;

database::row! {
    /// What became of a batch, or of a deletion.
    #[derive(Clone, Debug)]
    pub struct BatchReport {
        /// Identity; of a deletion that of its change.
        pub id: Uuid,
        /// Entity.
        pub entity: String,
        /// Where it came from.
        pub source: String,
        /// Whether it is a deletion.
        pub is_deletion: bool,
        /// Events that became facts.
        pub accepted: i32,
        /// Events that became dead letters.
        pub rejected: i32,
        /// Position of the first event that has had no effect yet; `None` once all have.
        pub next_position: Option<i32>,
        /// Facts of it that are not there any more, as far as that is counted; of a deletion those that it took out.
        pub removed: i64,
        /// The change that takes it out, or has.
        pub undone_by: Option<Uuid>,
        /// Whether that goes on.
        pub is_being_undone: bool,
        /// When its first transaction began.
        pub begun_at: Timestamp,
        /// When its last transaction ended.
        pub finished_at: Timestamp,
        /// Values of dimensions that a deletion named, as JSON.
        pub filter: Option<String>,
        /// From when on its facts were meant; not known of deletions by the version before.
        pub deleted_from: Option<Timestamp>,
        /// Before when they were meant.
        pub deleted_to: Option<Timestamp>,
        /// Who asked for it.
        pub begun_by: Option<Uuid>,
        /// Address of whoever asked for it, who may be gone.
        pub begun_by_email: Option<String>,
    }
}

/// Batches of a client; more conditions may follow.
const BATCHES: &str = "SELECT b.id, b.entity, b.source, false AS is_deletion, b.accepted, b.rejected, b.next_position, b.removed, b.undone_by,
    EXISTS (SELECT FROM core.changes c WHERE c.client_id = b.client_id AND c.id = b.undone_by AND c.finished_at IS NULL) AS is_being_undone,
    b.begun_at, b.finished_at, NULL::text AS filter, NULL::timestamptz AS deleted_from, NULL::timestamptz AS deleted_to, NULL::uuid AS begun_by,
    NULL::text AS begun_by_email
    FROM core.batches b WHERE b.client_id = $1";

/// Deletions of a client, with the columns of [`BATCHES`].
const DELETIONS: &str = "SELECT c.id, e.code AS entity, 'deletion' AS source, true AS is_deletion, 0 AS accepted, 0 AS rejected,
    CASE WHEN c.finished_at IS NULL THEN 0 END AS next_position, c.removed, NULL::uuid AS undone_by, false AS is_being_undone,
    c.began_at AS begun_at, coalesce(c.finished_at, c.tried_at, c.began_at) AS finished_at, c.filter::text AS filter, c.deleted_from, c.deleted_to, c.begun_by,
    u.email AS begun_by_email
    FROM core.changes c JOIN core.entities e ON e.client_id = c.client_id AND e.id = c.entity_id
        LEFT JOIN core.users u ON u.client_id = c.client_id AND u.id = c.begun_by
    WHERE c.client_id = $1 AND c.kind = 'deletion'";

/// The report of a batch or a deletion; `None` while it is queued, or when the client has no such one.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<BatchReport>, Error> {
    let sql = format!("{BATCHES} AND b.id = $2 UNION ALL {DELETIONS} AND c.id = $2 LIMIT 1");
    database.of(client).row(&sql, &[&client, &id]).await
}

/// A page of batches and deletions, the latest first, those before the one `before` when it is given; none before one that is not there.
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
    // Each has an index by its time, of which a page is the beginning.
    let sql = format!(
        "WITH last AS (
             SELECT b.begun_at FROM core.batches b WHERE b.client_id = $1 AND b.id = $3
             UNION ALL SELECT c.began_at FROM core.changes c WHERE c.client_id = $1 AND c.id = $3 AND c.kind = 'deletion' LIMIT 1
         )
         ({BATCHES} AND ($2::text IS NULL OR b.entity = $2) AND ($3::uuid IS NULL OR (b.begun_at, b.id) < ((SELECT begun_at FROM last), $3))
             ORDER BY b.begun_at DESC, b.id DESC LIMIT $4)
         UNION ALL
         ({DELETIONS} AND ($2::text IS NULL OR e.code = $2) AND ($3::uuid IS NULL OR (c.began_at, c.id) < ((SELECT begun_at FROM last), $3))
             ORDER BY c.began_at DESC, c.id DESC LIMIT $4)
         ORDER BY begun_at DESC, id DESC LIMIT $4"
    );
    let limit = limit.clamp(1, MAX_PAGE);
    database
        .of(client)
        .rows(&sql, &[&client, &entity, &before, &limit])
        .await
}
