//! Files under keys of no client: nobody of a client can be told of them, so those who run the system are.

use database::{Database, Error};
use jiff::Timestamp;

/// Files of one answer. A thousand are kept.
pub const MAX_SHOWN: i64 = 100;

database::row! {
    /// A file under a key of no client.
    #[derive(Clone, Debug)]
    pub struct UnplacedFile {
        /// Its key.
        pub key: String,
        /// Why it is nobody's.
        pub reason: String,
        /// When it was put there last.
        pub seen_at: Timestamp,
    }
}

/// Notes a file that is nobody's. PostgreSQL's text has no U+0000, which a key may have.
///
/// # Errors
/// When the statement fails.
pub async fn note(database: &Database, key: &str, reason: &str) -> Result<(), Error> {
    let [key, reason] = [key, reason].map(|text| text.replace('\0', "\u{fffd}"));
    let session = database.at_home().session().await?;
    let sql = "SELECT core.note_unplaced_file($1, $2)";
    session.query(sql, &[&key, &reason]).await.map(drop)
}

/// The files that were noted last, the latest first.
///
/// # Errors
/// When the statement fails.
pub async fn list(database: &Database) -> Result<Vec<UnplacedFile>, Error> {
    let session = database.at_home().session().await?;
    let sql = "SELECT key, reason, seen_at FROM core.unplaced_files_seen($1)";
    session.rows(sql, &[&MAX_SHOWN]).await
}
