//! What became of dropped files.

use database::{Database, Error};
use jiff::Timestamp;
use uuid::Uuid;

/// Most files of one answer.
pub const MAX_PAGE: i64 = 200;

database::row! {
    /// What became of a file.
    #[derive(Clone, Debug)]
    pub struct FileReport {
        /// Identity: of this time that it was put on the bucket.
        pub id: Uuid,
        /// Its key.
        pub key: String,
        /// Entity.
        pub entity: String,
        /// `writing`, `finished` or `refused`.
        pub state: String,
        /// Why it, or the rest of it, was refused.
        pub reason: Option<String>,
        /// Rows that became facts.
        pub accepted: i64,
        /// Rows that became dead letters.
        pub rejected: i64,
        /// When it was first taken up.
        pub begun_at: Timestamp,
        /// When it came so far.
        pub changed_at: Timestamp,
    }
}

/// A file that is being loaded.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its client.
    pub client: Uuid,
    /// Identity: of this time that it was put on the bucket.
    pub id: Uuid,
    /// Its key.
    pub key: &'a str,
    /// Entity.
    pub entity: &'a str,
}

/// How far a file is.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// Some of its rows have had their effect.
    Writing,
    /// All of them have.
    Finished,
    /// It, or the rest of it, was refused, for this reason.
    Refused(&'a str),
}

/// Keeps how far a file is, with the numbers of its rows so far. A run that goes on where another was killed counts again from the beginning, so the
/// numbers only grow.
///
/// # Errors
/// When the statement fails.
pub async fn keep(
    database: &Database,
    file: File<'_>,
    progress: Progress<'_>,
    accepted: i64,
    rejected: i64,
) -> Result<(), Error> {
    let sql = "INSERT INTO core.files AS kept (client_id, id, key, entity, state, reason, accepted, rejected) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (client_id, id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
            accepted = greatest(kept.accepted, excluded.accepted), rejected = greatest(kept.rejected, excluded.rejected), changed_at = clock_timestamp()";
    let (state, reason) = match progress {
        Progress::Writing => ("writing", None),
        Progress::Finished => ("finished", None),
        Progress::Refused(reason) => ("refused", Some(reason)),
    };
    let File {
        client,
        id,
        key,
        entity,
    } = file;
    database
        .of(client)
        .execute(
            sql,
            &[&client, &id, &key, &entity, &state, &reason, &accepted, &rejected],
        )
        .await
        .map(drop)
}

/// A page of files, the latest first, those before the file `before` when it is given; none before a file that is not there.
///
/// # Errors
/// When the statement fails.
pub async fn list(
    database: &Database,
    client: Uuid,
    entity: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<FileReport>, Error> {
    let sql = "SELECT id, key, entity, state, reason, accepted, rejected, begun_at, changed_at FROM core.files
        WHERE client_id = $1 AND ($2::text IS NULL OR entity = $2) AND ($3::uuid IS NULL
            OR (begun_at, id) < (SELECT f.begun_at, f.id FROM core.files f WHERE f.client_id = $1 AND f.id = $3))
        ORDER BY begun_at DESC, id DESC LIMIT $4";
    let limit = limit.clamp(1, MAX_PAGE);
    database
        .of(client)
        .rows(sql, &[&client, &entity, &before, &limit])
        .await
}
