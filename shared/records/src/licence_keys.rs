//! The signing keys that licences can be verified with.

use database::{Database, Error};
use identity::licence::key::LicenceVerifyingKey;
use jiff::Timestamp;
use uuid::Uuid;

use crate::licences::{Withdrawal, withdrawal};

/// Most signing keys that are listed: one a month for forty years.
const MAX_KEYS: i64 = 500;

/// A signing key, by its public half.
#[derive(Clone, Debug)]
pub struct LicenceKey {
    /// The key.
    pub key: LicenceVerifyingKey,
    /// When the first licence was signed with it.
    pub first_used_at: Timestamp,
    /// When and why it was withdrawn.
    pub withdrawn: Option<Withdrawal>,
}

database::row! {
    struct KeyRow {
        kid: String,
        public_key: String,
        first_used_at: Timestamp,
        withdrawn_at: Option<Timestamp>,
        withdrawn_by: Option<Uuid>,
        reason: Option<String>,
    }
}

const COLUMNS: &str = "kid, public_key, first_used_at, withdrawn_at, withdrawn_by, reason FROM core.licence_keys";

impl KeyRow {
    fn read(self) -> Result<LicenceKey, Error> {
        let key = LicenceVerifyingKey::from_text(&self.public_key).map_err(|error| Error::Stored {
            place: format!("licence key {}", self.kid),
            cause: error.to_string(),
        })?;
        Ok(LicenceKey {
            key,
            first_used_at: self.first_used_at,
            withdrawn: withdrawal(self.withdrawn_at, self.withdrawn_by, self.reason),
        })
    }
}

/// The signing keys that licences were signed with, newest first.
///
/// # Errors
/// When the statement fails or a key can't be read.
pub async fn list(database: &Database) -> Result<Vec<LicenceKey>, Error> {
    let sql = format!("SELECT {COLUMNS} ORDER BY first_used_at DESC, kid LIMIT $1");
    let rows: Vec<KeyRow> = database.session().await?.rows(&sql, &[&MAX_KEYS]).await?;
    rows.into_iter().map(KeyRow::read).collect()
}

/// One signing key by its name.
///
/// # Errors
/// As [`list`].
pub async fn find(database: &Database, kid: &str) -> Result<Option<LicenceKey>, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE kid = $1");
    let found: Option<KeyRow> = database.session().await?.row(&sql, &[&kid]).await?;
    found.map(KeyRow::read).transpose()
}

/// Withdraws a signing key, unless that was done before: no licence that it signed counts any more. `None` when there is no such key.
///
/// # Errors
/// As [`list`].
pub async fn withdraw(database: &Database, kid: &str, user: Uuid, reason: &str) -> Result<Option<LicenceKey>, Error> {
    let session = database.session().await?;
    let sql = "UPDATE core.licence_keys SET withdrawn_at = now(), withdrawn_by = $2, reason = $3
        WHERE kid = $1 AND withdrawn_at IS NULL";
    session.execute(sql, &[&kid, &user, &reason]).await?;
    drop(session);
    find(database, kid).await
}
