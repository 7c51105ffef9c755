//! What became of batches, and the dead letters.

use jiff::Timestamp;
use uuid::Uuid;

use crate::connect::{Database, Error, Isolation};

/// Most dead letters of one answer.
pub const MAX_PAGE: i64 = 200;

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

/// An event that was refused.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Identity.
    pub id: Uuid,
    /// Entity.
    pub entity: String,
    /// Batch it came with.
    pub batch: Uuid,
    /// Position in the batch, or row of the file it came with.
    pub position: i32,
    /// Field that was wrong.
    pub field: String,
    /// Why.
    pub reason: String,
    /// The event as it was sent.
    pub original: String,
    /// When it was refused.
    pub received_at: Timestamp,
    /// When it was sent through again.
    pub replayed_at: Option<Timestamp>,
    /// The batch of the replay.
    pub replay_batch: Option<Uuid>,
}

/// The report of a batch; `None` while it is queued, or when the client has no such batch.
///
/// # Errors
/// When the statement fails.
pub async fn batch(database: &Database, client: Uuid, id: Uuid) -> Result<Option<BatchReport>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = session
        .query(
            "SELECT entity, source, accepted, rejected, finished_at FROM core.batches WHERE client_id = $1 AND id = $2",
            &[&client, &id],
        )
        .await;
    let rows = session.finish(result).await?;
    Ok(rows.first().map(|row| BatchReport {
        entity: row.get(0),
        source: row.get(1),
        accepted: row.get(2),
        rejected: row.get(3),
        finished_at: row.get(4),
    }))
}

const COLUMNS: &str = "id, entity, batch_id, position, field, reason, original, received_at, replayed_at, replay_batch";

fn letter(row: &tokio_postgres::Row) -> DeadLetter {
    DeadLetter {
        id: row.get(0),
        entity: row.get(1),
        batch: row.get(2),
        position: row.get(3),
        field: row.get(4),
        reason: row.get(5),
        original: row.get(6),
        received_at: row.get(7),
        replayed_at: row.get(8),
        replay_batch: row.get(9),
    }
}

/// A page of dead letters, newest first, those before `before` when it is given.
///
/// # Errors
/// When the statement fails.
pub async fn list(
    database: &Database,
    client: Uuid,
    entity: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<DeadLetter>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM core.dead_letters WHERE client_id = $1 AND ($2::text IS NULL OR entity = $2) AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4"
    );
    let result = session
        .query(&sql, &[&client, &entity, &before, &limit.clamp(1, MAX_PAGE)])
        .await;
    Ok(session.finish(result).await?.iter().map(letter).collect())
}

/// One dead letter; `None` when the client has no such one.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<DeadLetter>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = format!("SELECT {COLUMNS} FROM core.dead_letters WHERE client_id = $1 AND id = $2");
    let result = session.query(&sql, &[&client, &id]).await;
    Ok(session.finish(result).await?.first().map(letter))
}

/// The first dead letter of a batch, by its identity; `None` when there is none, or not yet.
///
/// # Errors
/// When the statement fails.
pub async fn of_batch(database: &Database, client: Uuid, batch: Uuid) -> Result<Option<Uuid>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = session
        .query(
            "SELECT id FROM core.dead_letters WHERE client_id = $1 AND batch_id = $2 ORDER BY position LIMIT 1",
            &[&client, &batch],
        )
        .await;
    Ok(session.finish(result).await?.first().map(|row| row.get(0)))
}

/// Marks a dead letter as sent through again by a batch; the first time counts.
///
/// # Errors
/// When the statement fails.
pub async fn mark_replayed(database: &Database, client: Uuid, id: Uuid, replay_batch: Uuid) -> Result<(), Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = session
        .execute(
            "UPDATE core.dead_letters SET replayed_at = clock_timestamp(), replay_batch = $3
             WHERE client_id = $1 AND id = $2 AND replayed_at IS NULL",
            &[&client, &id, &replay_batch],
        )
        .await;
    session.finish(result).await.map(|_| ())
}
