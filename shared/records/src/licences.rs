//! Licences as they were issued.
//!
//! A row's key is what counts: it is opened whenever it is read, so a row that somebody changed opens nothing.

use database::{Database, Error, Session};
use identity::Features;
use identity::licence::key::LicenceVerifyingKey;
use identity::licence::{Licence, LicenceError};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::clients;

/// Most licences of a client, those that are over among them: one a month for forty years.
pub const MAX_LICENCES: i64 = 500;

/// A licence that was issued.
#[derive(Clone, Debug)]
pub struct StoredLicence {
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

impl StoredLicence {
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
pub struct LicenceToStore<'a> {
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
pub enum Issuance {
    /// With this licence: now, or by the same request before.
    As(Box<StoredLicence>),
    /// The idempotency key was used for another request.
    KeyUsed,
    /// There is no such client.
    NoClient,
    /// The signing key was withdrawn.
    SigningKeyWithdrawn,
    /// The client has [`MAX_LICENCES`].
    TooMany,
}

database::row! {
    struct LicenceRow {
        client_id: Uuid,
        id: Uuid,
        key: String,
        kid: String,
        issued_by: Option<Uuid>,
        revoked_at: Option<Timestamp>,
        revoked_by: Option<Uuid>,
        reason: Option<String>,
        public_key: String,
        withdrawn_at: Option<Timestamp>,
    }
}

const COLUMNS: &str =
    "l.client_id, l.id, l.key, l.kid, l.issued_by, l.revoked_at, l.revoked_by, l.reason, k.public_key, k.withdrawn_at
    FROM core.licences l JOIN core.licence_keys k ON k.kid = l.kid";

impl LicenceRow {
    fn open(self) -> Result<StoredLicence, Error> {
        Ok(StoredLicence {
            licence: open(self.client_id, self.id, &self.key, &self.public_key)?,
            key: self.key,
            kid: self.kid,
            issued_by: self.issued_by,
            revoked: withdrawal(self.revoked_at, self.revoked_by, self.reason),
            key_withdrawn_at: self.withdrawn_at,
        })
    }
}

pub(crate) fn withdrawal(at: Option<Timestamp>, by: Option<Uuid>, reason: Option<String>) -> Option<Withdrawal> {
    Some(Withdrawal {
        at: at?,
        by: by?,
        reason: reason.unwrap_or_default(),
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
pub async fn issue(database: &Database, new: &LicenceToStore<'_>) -> Result<Issuance, Error> {
    let work = async |session: &Session| issued(session, new).await;
    database.at_home().transaction(new.licence.client, work).await
}

database::row! {
    struct Count {
        licences: i64,
    }
}

async fn issued(session: &Session, new: &LicenceToStore<'_>) -> Result<Issuance, Error> {
    let Licence { id, client, terms, .. } = new.licence;
    // Whoever issues to the same client waits here, so that the count holds.
    let lock =
        "SELECT pg_advisory_xact_lock(hashtextextended('licences/' || id::text, 0)) FROM core.clients WHERE id = $1";
    if session.query(lock, &[client]).await?.is_empty() {
        return Ok(Issuance::NoClient);
    }
    if let Some(before) = by_request(session, new).await? {
        return Ok(Issuance::As(Box::new(before)));
    }
    let count = "SELECT count(*) AS licences FROM core.licences WHERE client_id = $1";
    let count: Option<Count> = session.row(count, &[client]).await?;
    if count.is_some_and(|count| count.licences >= MAX_LICENCES) {
        return Ok(Issuance::TooMany);
    }
    let (kid, public_key) = (new.signed_by.id(), new.signed_by.text());
    let remember = "INSERT INTO core.licence_keys (kid, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    session.execute(remember, &[&kid, &public_key]).await?;
    let withdrawn = "SELECT kid FROM core.licence_keys WHERE kid = $1 AND withdrawn_at IS NOT NULL";
    if !session.query(withdrawn, &[&kid]).await?.is_empty() {
        return Ok(Issuance::SigningKeyWithdrawn);
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
    Ok(found.map_or(Issuance::KeyUsed, |found| Issuance::As(Box::new(found))))
}

async fn by_request(session: &Session, new: &LicenceToStore<'_>) -> Result<Option<StoredLicence>, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE l.client_id = $1 AND l.id = $2 AND l.request IS NOT DISTINCT FROM $3");
    let parameters: [&(dyn ToSql + Sync); 3] = [&new.licence.client, &new.licence.id, &new.request];
    let found: Option<LicenceRow> = session.row(&sql, &parameters).await?;
    found.map(LicenceRow::open).transpose()
}

/// A client's licences, the latest end first.
///
/// # Errors
/// When the statement fails.
pub async fn list(database: &Database, client: Uuid) -> Result<Vec<StoredLicence>, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE l.client_id = $1 ORDER BY l.ends_on DESC, l.id DESC LIMIT $2");
    let rows = database
        .at_home()
        .of(client)
        .rows(&sql, &[&client, &MAX_LICENCES])
        .await?;
    Ok(readable(client, rows))
}

/// One licence; `None` when the client has no such one.
///
/// # Errors
/// When the statement fails or the row's key does not open.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<StoredLicence>, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE l.client_id = $1 AND l.id = $2");
    let found: Option<LicenceRow> = database.at_home().of(client).row(&sql, &[&client, &id]).await?;
    found.map(LicenceRow::open).transpose()
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
) -> Result<Option<StoredLicence>, Error> {
    let sql = "UPDATE core.licences SET revoked_at = now(), revoked_by = $3, reason = $4
        WHERE client_id = $1 AND id = $2 AND revoked_at IS NULL";
    database
        .at_home()
        .of(client)
        .execute(sql, &[&client, &id, &user, &reason])
        .await?;
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
async fn counting(database: &Database, client: Uuid, today: Date) -> Result<Vec<StoredLicence>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE l.client_id = $1 AND l.revoked_at IS NULL AND k.withdrawn_at IS NULL
         AND l.starts_on <= $2 AND l.ends_on >= $2 LIMIT $3"
    );
    let rows = database
        .of(client)
        .rows(&sql, &[&client, &today, &MAX_LICENCES])
        .await?;
    let mut read = readable(client, rows);
    // The columns only find it: what its key says is asked again.
    read.retain(|stored| stored.problems(today).is_empty());
    Ok(read)
}

/// Licences of rows. One that was changed in the database opens nothing and is not shown, and keeps nobody from the others.
fn readable(client: Uuid, rows: Vec<LicenceRow>) -> Vec<StoredLicence> {
    let read = rows.into_iter().filter_map(|row| match row.open() {
        Ok(stored) => Some(stored),
        Err(error) => {
            tracing::error!(%client, cause = %error, "a licence does not count");
            None
        }
    });
    read.collect()
}
