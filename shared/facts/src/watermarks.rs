//! How far the facts have come.

use database::{Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

database::row! {
    /// The latest time of any fact of an entity.
    #[derive(Clone, Debug)]
    pub struct Watermark {
        /// Client.
        pub client_id: Uuid,
        /// Entity.
        pub entity: String,
        /// The latest time.
        pub latest: Timestamp,
    }
}

/// How far the facts of some clients have come, for each client and entity. It never goes back: a late correction leaves it where it is.
///
/// # Errors
/// When the statement fails.
pub async fn watermarks(session: &Session, clients: &[Uuid]) -> Result<Vec<Watermark>, Error> {
    let sql = "SELECT client_id, entity, latest FROM core.watermarks($1)";
    session.rows(sql, &[&clients]).await
}
