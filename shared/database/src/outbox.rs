//! Domain events on their way to the bus: written in the transaction of what they tell of, so that there is no event without
//! its cause and no cause without its event.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::connect::{Database, Error, Isolation, Session};

/// Most events that are taken at once.
pub const MAX_TAKEN: i64 = 100;

/// An event that is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// The client that it is about.
    pub client: Uuid,
    /// Identity.
    pub id: Uuid,
    /// Its name on the bus.
    pub kind: String,
    /// What it says, as JSON.
    pub detail: Value,
}

/// Writes an event into the running transaction.
pub(crate) async fn append(session: &Session, event: &Pending) -> Result<(), Error> {
    let Pending {
        client,
        id,
        kind,
        detail,
    } = event;
    session
        .execute(
            "INSERT INTO core.outbox (client_id, id, kind, detail) VALUES ($1, $2, $3, $4)",
            &[client, id, kind, detail],
        )
        .await?;
    Ok(())
}

/// Writes an event that nothing else is written with.
///
/// # Errors
/// When the statement fails.
pub async fn add(database: &Database, event: &Pending) -> Result<(), Error> {
    let session = database.session().await?;
    session.begin(Some(event.client), Isolation::ReadCommitted).await?;
    let result = append(&session, event).await;
    session.finish(result).await
}

/// A client's events that are still to be sent, oldest first, at most [`MAX_TAKEN`].
///
/// # Errors
/// When the statement fails.
pub async fn of_client(database: &Database, client: Uuid) -> Result<Vec<Pending>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = "SELECT client_id, id, kind, detail FROM core.outbox WHERE client_id = $1
        ORDER BY tries, created_at LIMIT $2";
    let result = session.query(sql, &[&client, &MAX_TAKEN]).await;
    Ok(session.finish(result).await?.iter().map(pending).collect())
}

/// Events of all clients that were to be sent for `age` already, oldest first, at most [`MAX_TAKEN`]. Those that were tried in
/// vain come after the others.
///
/// # Errors
/// When the statement fails.
pub async fn overdue(database: &Database, age: SignedDuration, now: Timestamp) -> Result<Vec<Pending>, Error> {
    let session = database.session().await?;
    let before = now - age;
    let sql = "SELECT client_id, id, kind, detail FROM core.overdue_events($1, $2)";
    Ok(session
        .query(sql, &[&before, &MAX_TAKEN])
        .await?
        .iter()
        .map(pending)
        .collect())
}

fn pending(row: &Row) -> Pending {
    Pending {
        client: row.get(0),
        id: row.get(1),
        kind: row.get(2),
        detail: row.get(3),
    }
}

/// Forgets the events of a client that the bus has, and counts a try for those that it refused.
///
/// # Errors
/// When a statement fails: then they are sent once more.
pub async fn settle(database: &Database, client: Uuid, sent: &[Uuid], refused: &[Uuid]) -> Result<(), Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = async {
        let delete = "DELETE FROM core.outbox WHERE client_id = $1 AND id = ANY($2)";
        session.execute(delete, &[&client, &sent]).await?;
        let count = "UPDATE core.outbox SET tries = tries + 1 WHERE client_id = $1 AND id = ANY($2)";
        session.execute(count, &[&client, &refused]).await
    }
    .await;
    session.finish(result).await.map(drop)
}
