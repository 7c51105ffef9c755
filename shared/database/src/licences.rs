//! Licences as they were issued, and the signing keys that they can be verified with.
//!
//! A row's key is what counts: it is opened whenever it is read, so a row that somebody changed opens nothing.

use identity::Features;
use identity::licence::key::LicenceVerifyingKey;
use identity::licence::{Licence, LicenceError};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::clients;
use crate::connect::{Database, Error, Isolation, Session};

/// Most licences of a client, those that are over among them: one a month for forty years.
pub const MAX_LICENCES: i64 = 500;

/// Most signing keys that are listed: one a month for as long.
const MAX_KEYS: i64 = 500;

/// A licence that was issued.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What it says.
    pub licence: Licence,
    /// The key.
    pub key: String,
    /// Name of the signing key.
    pub kid: String,
    /// Who issued it; `None` when the client was provisioned with it.
    pub issued_by: Option<Uuid>,
    /// When and why it was taken back.
    pub revoked: Option<Withdrawal>,
    /// When its signing key was withdrawn.
    pub key_withdrawn_at: Option<Timestamp>,
}

/// A licence or a signing key taken back.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Uuid,
    /// Why.
    pub reason: String,
}

impl Stored {
    /// Whether it was revoked, or its signing key withdrawn: it does not count on any day.
    #[must_use]
    pub const fn is_taken_back(&self) -> bool {
        self.revoked.is_some() || self.key_withdrawn_at.is_some()
    }

    /// Everything because of which the licence does not count on a day of its client's calendar; nothing when it does.
    #[must_use]
    pub fn problems(&self, today: Date) -> Vec<LicenceError> {
        let withdrawn = self
            .key_withdrawn_at
            .map(|_| LicenceError::WithdrawnKey(self.kid.clone()));
        let revoked = self.revoked.as_ref().map(|revoked| LicenceError::Revoked(revoked.at));
        let day = self.licence.check_day(today).err();
        withdrawn.into_iter().chain(revoked).chain(day).collect()
    }
}

/// A licence to store.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// What it says, its identity and client among it.
    pub licence: &'a Licence,
    /// The same, signed.
    pub key: &'a str,
    /// What verifies it.
    pub signed_by: &'a LicenceVerifyingKey,
    /// The request that issues it, when it has an idempotency key.
    pub request: Option<Uuid>,
    /// Who issues it; `None` when a client is provisioned with it.
    pub user: Option<Uuid>,
}

/// How an issue ended.
#[derive(Clone, Debug)]
pub enum Issued {
    /// With this licence: now, or by the same request before.
    As(Box<Stored>),
    /// The idempotency key was used for another request.
    KeyUsed,
    /// There is no such client.
    NoClient,
    /// The signing key was withdrawn.
    SigningKeyWithdrawn,
    /// The client has [`MAX_LICENCES`].
    TooMany,
}

const COLUMNS: &str =
    "l.client_id, l.id, l.key, l.kid, l.issued_by, l.revoked_at, l.revoked_by, l.reason, k.public_key, k.withdrawn_at
    FROM core.licences l JOIN core.licence_keys k ON k.kid = l.kid";

fn stored(row: &Row) -> Result<Stored, Error> {
    let (client, id): (Uuid, Uuid) = (row.get("client_id"), row.get("id"));
    let key: String = row.get("key");
    Ok(Stored {
        licence: open(client, id, &key, row.get("public_key"))?,
        key,
        kid: row.get("kid"),
        issued_by: row.get("issued_by"),
        revoked: withdrawal(row, "revoked_at", "revoked_by"),
        key_withdrawn_at: row.get("withdrawn_at"),
    })
}

fn withdrawal(row: &Row, at: &str, by: &str) -> Option<Withdrawal> {
    Some(Withdrawal {
        at: row.get::<_, Option<Timestamp>>(at)?,
        by: row.get::<_, Option<Uuid>>(by)?,
        reason: row.get::<_, Option<String>>("reason").unwrap_or_default(),
    })
}

/// What a row's key says, which must be about that row: a key that was copied to another client opens nothing.
fn open(client: Uuid, id: Uuid, key: &str, public_key: &str) -> Result<Licence, Error> {
    let wrong = |cause: String| Error::Stored {
        place: format!("licence {id}"),
        cause,
    };
    let verifying = LicenceVerifyingKey::from_text(public_key).map_err(|error| wrong(error.to_string()))?;
    let licence = verifying.open(key).map_err(|error| wrong(error.to_string()))?;
    if (licence.client, licence.id) != (client, id) {
        return Err(wrong("its key is of another licence".to_owned()));
    }
    Ok(licence)
}

/// Stores a licence, once for its identity, and the public half of what signed it.
///
/// # Errors
/// When a statement fails; nothing is stored then.
pub async fn issue(database: &Database, new: &New<'_>) -> Result<Issued, Error> {
    let session = database.session().await?;
    session
        .begin(Some(new.licence.client), Isolation::ReadCommitted)
        .await?;
    let result = issued(&session, new).await;
    session.finish(result).await
}

async fn issued(session: &Session, new: &New<'_>) -> Result<Issued, Error> {
    let Licence { id, client, terms, .. } = new.licence;
    // Whoever issues to the same client waits here, so that the count holds.
    let lock =
        "SELECT pg_advisory_xact_lock(hashtextextended('licences/' || id::text, 0)) FROM core.clients WHERE id = $1";
    if session.query(lock, &[client]).await?.is_empty() {
        return Ok(Issued::NoClient);
    }
    if let Some(before) = by_request(session, new).await? {
        return Ok(Issued::As(Box::new(before)));
    }
    let count = "SELECT count(*) FROM core.licences WHERE client_id = $1";
    let many = session.query(count, &[client]).await?;
    if many.first().is_some_and(|row| row.get::<_, i64>(0) >= MAX_LICENCES) {
        return Ok(Issued::TooMany);
    }
    let (kid, public_key) = (new.signed_by.id(), new.signed_by.text());
    let remember = "INSERT INTO core.licence_keys (kid, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    session.execute(remember, &[&kid, &public_key]).await?;
    let withdrawn = "SELECT withdrawn_at IS NOT NULL FROM core.licence_keys WHERE kid = $1";
    if session
        .query(withdrawn, &[&kid])
        .await?
        .first()
        .is_some_and(|row| row.get(0))
    {
        return Ok(Issued::SigningKeyWithdrawn);
    }
    session
        .execute(
            "INSERT INTO core.licences (client_id, id, kid, key, starts_on, ends_on, request, issued_by, issued_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
            &[
                client,
                id,
                &kid,
                &new.key,
                &terms.starts_on,
                &terms.ends_on,
                &new.request,
                &new.user,
                &new.licence.issued_at,
            ],
        )
        .await?;
    let found = by_request(session, new).await?;
    Ok(found.map_or(Issued::KeyUsed, |found| Issued::As(Box::new(found))))
}

async fn by_request(session: &Session, new: &New<'_>) -> Result<Option<Stored>, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE l.client_id = $1 AND l.id = $2 AND l.request IS NOT DISTINCT FROM $3");
    let rows = session
        .query(&sql, &[&new.licence.client, &new.licence.id, &new.request])
        .await?;
    rows.first().map(stored).transpose()
}

/// A client's licences, the latest end first.
///
/// # Errors
/// When the statement fails.
pub async fn list(database: &Database, client: Uuid) -> Result<Vec<Stored>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = format!("SELECT {COLUMNS} WHERE l.client_id = $1 ORDER BY l.ends_on DESC, l.id DESC LIMIT $2");
    let result = session.query(&sql, &[&client, &MAX_LICENCES]).await;
    Ok(readable(client, &session.finish(result).await?))
}

/// One licence; `None` when the client has no such one.
///
/// # Errors
/// When the statement fails or the row's key does not open.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<Stored>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = format!("SELECT {COLUMNS} WHERE l.client_id = $1 AND l.id = $2");
    let result = session.query(&sql, &[&client, &id]).await;
    session.finish(result).await?.first().map(stored).transpose()
}

/// Takes a licence back, unless that was done before, and gives it as it is then; `None` when the client has no such one.
///
/// # Errors
/// As [`find`].
pub async fn revoke(
    database: &Database,
    client: Uuid,
    id: Uuid,
    user: Uuid,
    reason: &str,
) -> Result<Option<Stored>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = session
        .execute(
            "UPDATE core.licences SET revoked_at = now(), revoked_by = $3, reason = $4
             WHERE client_id = $1 AND id = $2 AND revoked_at IS NULL",
            &[&client, &id, &user, &reason],
        )
        .await;
    session.finish(result).await?;
    find(database, client, id).await
}

/// What a client is licensed for at a moment: the features of all its licences that count on that day of its calendar.
///
/// # Errors
/// When the statement fails.
pub async fn features(database: &Database, client: Uuid, now: Timestamp) -> Result<Features, Error> {
    let Some(calendar) = clients::calendar(database, client).await? else {
        return Ok(Features::NONE);
    };
    let today = calendar.date(now);
    let counting = counting(database, client, today).await?;
    let features = counting.iter().map(|stored| stored.licence.terms.features());
    Ok(features.fold(Features::NONE, Features::union))
}

/// The licences that count on a day.
async fn counting(database: &Database, client: Uuid, today: Date) -> Result<Vec<Stored>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = format!(
        "SELECT {COLUMNS} WHERE l.client_id = $1 AND l.revoked_at IS NULL AND k.withdrawn_at IS NULL
         AND l.starts_on <= $2 AND l.ends_on >= $2 LIMIT $3"
    );
    let result = session.query(&sql, &[&client, &today, &MAX_LICENCES]).await;
    let mut read = readable(client, &session.finish(result).await?);
    // The columns only find it: what its key says is asked again.
    read.retain(|stored| stored.problems(today).is_empty());
    Ok(read)
}

/// Licences of rows. One that was changed in the database opens nothing and is not shown, and keeps nobody from the others.
fn readable(client: Uuid, rows: &[Row]) -> Vec<Stored> {
    let read = rows.iter().filter_map(|row| match stored(row) {
        Ok(stored) => Some(stored),
        Err(error) => {
            tracing::error!(%client, cause = %error, "a licence does not count");
            None
        }
    });
    read.collect()
}

/// A signing key, by its public half.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The key.
    pub key: LicenceVerifyingKey,
    /// When the first licence was signed with it.
    pub first_used_at: Timestamp,
    /// When and why it was withdrawn.
    pub withdrawn: Option<Withdrawal>,
}

const KEY_COLUMNS: &str = "kid, public_key, first_used_at, withdrawn_at, withdrawn_by, reason FROM core.licence_keys";

fn stored_key(row: &Row) -> Result<StoredKey, Error> {
    let key = LicenceVerifyingKey::from_text(row.get("public_key")).map_err(|error| Error::Stored {
        place: format!("licence key {}", row.get::<_, &str>("kid")),
        cause: error.to_string(),
    })?;
    Ok(StoredKey {
        key,
        first_used_at: row.get("first_used_at"),
        withdrawn: withdrawal(row, "withdrawn_at", "withdrawn_by"),
    })
}

/// The signing keys that licences were signed with, newest first.
///
/// # Errors
/// When the statement fails or a key can't be read.
pub async fn keys(database: &Database) -> Result<Vec<StoredKey>, Error> {
    let session = database.session().await?;
    let sql = format!("SELECT {KEY_COLUMNS} ORDER BY first_used_at DESC, kid LIMIT $1");
    session
        .query(&sql, &[&MAX_KEYS])
        .await?
        .iter()
        .map(stored_key)
        .collect()
}

/// One signing key by its name.
///
/// # Errors
/// As [`keys`].
pub async fn find_key(database: &Database, kid: &str) -> Result<Option<StoredKey>, Error> {
    let session = database.session().await?;
    let sql = format!("SELECT {KEY_COLUMNS} WHERE kid = $1");
    session.query(&sql, &[&kid]).await?.first().map(stored_key).transpose()
}

/// Withdraws a signing key, unless that was done before: no licence that it signed counts any more. `None` when there is no such key.
///
/// # Errors
/// As [`keys`].
pub async fn withdraw_key(
    database: &Database,
    kid: &str,
    user: Uuid,
    reason: &str,
) -> Result<Option<StoredKey>, Error> {
    let session = database.session().await?;
    let sql = "UPDATE core.licence_keys SET withdrawn_at = now(), withdrawn_by = $2, reason = $3
        WHERE kid = $1 AND withdrawn_at IS NULL";
    session.execute(sql, &[&kid, &user, &reason]).await?;
    drop(session);
    find_key(database, kid).await
}
