//! Service proposals: their answers, in versions.

use jiff::Timestamp;
use proposal::Answers;
use uuid::Uuid;

use crate::connect::{Database, Error, Isolation};
use crate::definitions::json;

/// Most proposals of one answer.
pub const MAX_PAGE: i64 = 200;

/// A proposal.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Identity.
    pub id: Uuid,
    /// Name of the project.
    pub name: String,
    /// Version of the price book that it was begun with.
    pub price_book: String,
    /// The answers so far.
    pub answers: Answers,
    /// Counts the changes of the answers.
    pub version: i32,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// How a change of answers ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Stored with this version, at this time.
    To(i32, Timestamp),
    /// Somebody else was faster: it has this version now.
    Stale(i32),
    /// The client has no such proposal.
    Missing,
}

/// What `stored` reads, in its order.
const COLUMNS: &str = "id, name, price_book, answers, version, created_at, updated_at";

fn stored(row: &tokio_postgres::Row) -> Result<Stored, Error> {
    let id: Uuid = row.get(0);
    let answers = serde_json::from_value(row.get(3)).map_err(|error| Error::Stored {
        place: format!("answers of proposal {id}"),
        cause: error.to_string(),
    })?;
    Ok(Stored {
        id,
        name: row.get(1),
        price_book: row.get(2),
        answers,
        version: row.get(4),
        created_at: row.get(5),
        updated_at: row.get(6),
    })
}

/// Stores a new proposal.
///
/// # Errors
/// When the statement fails.
pub async fn create(
    database: &Database,
    client: Uuid,
    name: &str,
    price_book: &str,
    answers: &Answers,
) -> Result<Stored, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = format!(
        "INSERT INTO core.proposals (client_id, id, name, price_book, answers) VALUES ($1, $2, $3, $4, $5) RETURNING {COLUMNS}"
    );
    let (id, answers) = (Uuid::now_v7(), json(answers)?);
    let result = session.query(&sql, &[&client, &id, &name, &price_book, &answers]).await;
    let rows = session.finish(result).await?;
    rows.first().map(stored).unwrap_or_else(|| {
        Err(Error::Stored {
            place: format!("proposal {id}"),
            cause: "the insert returned no row".to_owned(),
        })
    })
}

/// A page of proposals, newest first, those before `before` when it is given.
///
/// # Errors
/// When the statement fails or stored answers can't be read.
pub async fn list(database: &Database, client: Uuid, before: Option<Uuid>, limit: i64) -> Result<Vec<Stored>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM core.proposals WHERE client_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
    );
    let result = session
        .query(&sql, &[&client, &before, &limit.clamp(1, MAX_PAGE)])
        .await;
    session.finish(result).await?.iter().map(stored).collect()
}

/// One proposal; `None` when the client has no such one.
///
/// # Errors
/// As [`list`].
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<Stored>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = format!("SELECT {COLUMNS} FROM core.proposals WHERE client_id = $1 AND id = $2");
    let result = session.query(&sql, &[&client, &id]).await;
    session.finish(result).await?.first().map(stored).transpose()
}

/// Replaces the answers when the version is still the one that they were made from.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn replace_answers(
    database: &Database,
    client: Uuid,
    id: Uuid,
    answers: &Answers,
    version: i32,
) -> Result<Changed, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = async {
        let answers = json(answers)?;
        let written = session
            .query(
                "UPDATE core.proposals SET answers = $3, version = version + 1, updated_at = now()
                 WHERE client_id = $1 AND id = $2 AND version = $4 RETURNING version, updated_at",
                &[&client, &id, &answers, &version],
            )
            .await?;
        if let Some(row) = written.first() {
            return Ok(Changed::To(row.get(0), row.get(1)));
        }
        let sql = "SELECT version FROM core.proposals WHERE client_id = $1 AND id = $2";
        let rows = session.query(sql, &[&client, &id]).await?;
        Ok(rows.first().map_or(Changed::Missing, |row| Changed::Stale(row.get(0))))
    }
    .await;
    session.finish(result).await
}
