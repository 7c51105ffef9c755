//! Domain events on their way to the bus: written in the transaction of what they tell of, so that there is no event without
//! its cause and no cause without its event.

use database::{Database, Error, Session};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// Most events that are taken at once.
pub const MAX_TAKEN: i64 = 100;

database::row! {
    /// An event that is to be sent.
    #[derive(Clone, Debug, PartialEq)]
    pub struct PendingEvent {
        /// The client that it is about.
        pub client_id: Uuid,
        /// Identity.
        pub id: Uuid,
        /// Its name on the bus.
        pub kind: String,
        /// What it says, as JSON.
        pub detail: Value,
    }
}

/// Writes an event into the running transaction.
pub(crate) async fn append(session: &Session, event: &PendingEvent) -> Result<(), Error> {
    let PendingEvent {
        client_id,
        id,
        kind,
        detail,
    } = event;
    session
        .execute(
            "INSERT INTO core.outbox (client_id, id, kind, detail) VALUES ($1, $2, $3, $4)",
            &[client_id, id, kind, detail],
        )
        .await?;
    Ok(())
}

/// Writes an event that nothing else is written with.
///
/// # Errors
/// When the statement fails.
pub async fn add(database: &Database, event: &PendingEvent) -> Result<(), Error> {
    let work = async |session: &Session| append(session, event).await;
    database.transaction(event.client_id, work).await
}

/// A client's events that are still to be sent, oldest first, at most [`MAX_TAKEN`].
///
/// # Errors
/// When the statement fails.
pub async fn of_client(database: &Database, client: Uuid) -> Result<Vec<PendingEvent>, Error> {
    let sql = "SELECT client_id, id, kind, detail FROM core.outbox WHERE client_id = $1
        ORDER BY tries, created_at LIMIT $2";
    database.of(client).rows(sql, &[&client, &MAX_TAKEN]).await
}

/// Events of all clients that were to be sent for `age` already, oldest first, at most [`MAX_TAKEN`]. Those that were tried in
/// vain come after the others.
///
/// # Errors
/// When the statement fails.
pub async fn overdue(database: &Database, age: SignedDuration, now: Timestamp) -> Result<Vec<PendingEvent>, Error> {
    let before = now - age;
    let sql = "SELECT client_id, id, kind, detail FROM core.overdue_events($1, $2)";
    database.session().await?.rows(sql, &[&before, &MAX_TAKEN]).await
}

/// Forgets the events of a client that the bus has, and counts a try for those that it refused.
///
/// # Errors
/// When a statement fails: then they are sent once more.
pub async fn settle(database: &Database, client: Uuid, sent: &[Uuid], refused: &[Uuid]) -> Result<(), Error> {
    let work = async |session: &Session| {
        let delete = "DELETE FROM core.outbox WHERE client_id = $1 AND id = ANY($2)";
        session.execute(delete, &[&client, &sent]).await?;
        let count = "UPDATE core.outbox SET tries = tries + 1 WHERE client_id = $1 AND id = ANY($2)";
        session.execute(count, &[&client, &refused]).await.map(drop)
    };
    database.transaction(client, work).await
}
