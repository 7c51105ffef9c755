//! What became of batches of events.

use database::{Database, Error};
use jiff::Timestamp;
use uuid::Uuid;

database::row! {
    /// What became of a batch.
    #[derive(Clone, Debug)]
    pub struct BatchReport {
        /// Entity.
        pub entity: String,
        /// Where it came from.
        pub source: String,
        /// Events that became facts.
        pub accepted: i32,
        /// Events that became dead letters.
        pub rejected: i32,
        /// When its transaction ended.
        pub finished_at: Timestamp,
    }
}

/// The report of a batch; `None` while it is queued, or when the client has no such batch.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<BatchReport>, Error> {
    let sql =
        "SELECT entity, source, accepted, rejected, finished_at FROM core.batches WHERE client_id = $1 AND id = $2";
    database.of(client).row(sql, &[&client, &id]).await
}
