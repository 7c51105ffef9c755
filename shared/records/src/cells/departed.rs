//! What clients left behind in a database when they moved to another one.

use database::{Database, Error, HOME, Scope, Session};
use facts::leftovers::{LEARNT_AFTER_SECONDS, UPKEEP_LOCK, clear_client, end_work};
use jiff::Timestamp;
use uuid::Uuid;

use super::clear;
use crate::client_removal::TABLES;

database::row! {
    struct Departed {
        client_id: Uuid,
        is_home: bool,
    }
}

/// Clears what is left of clients that live elsewhere, once their facts are cleared (which is a part of the upkeep) and nobody can be reading it any more.
/// Returns of how many.
///
/// # Errors
/// When a statement fails; the next run goes on there.
pub async fn clear_departed(database: &Database, now: Timestamp) -> Result<usize, Error> {
    let departed = "SELECT r.client_id, NOT EXISTS (SELECT FROM core.this_cell) AS is_home FROM core.residences r
        WHERE NOT r.is_cleared AND r.gone_to IS NOT NULL AND r.arriving IS NULL AND r.left_at < $1::timestamptz - make_interval(secs => $2)
            AND NOT EXISTS (SELECT FROM core.leftovers l WHERE l.client_id = r.client_id)";
    let work = async |session: &Session| {
        // While it has the lock nobody comes back: who does clears first, and waits for it.
        session.lock(UPKEEP_LOCK).await?;
        let departed: Vec<Departed> = session.rows(departed, &[&now, &LEARNT_AFTER_SECONDS]).await?;
        for Departed { client_id, is_home } in &departed {
            clear(session, *client_id, *is_home).await?;
            let sql = "UPDATE core.residences SET is_cleared = true WHERE client_id = $1";
            session.execute(sql, &[client_id]).await?;
            tracing::info!(client = %client_id, "nothing is left of a client that has moved");
        }
        Ok(departed.len())
    };
    database.transaction_in(Scope::default(), work).await
}

/// Removes all that cells have of a client, wherever it lives or has lived.
///
/// # Errors
/// When a statement fails, or a cell does not answer: the same call goes on there.
pub async fn remove_from_cells(database: &Database, client: Uuid) -> Result<(), Error> {
    let work = async |session: &Session| {
        end_work(session, client).await?;
        clear_client(session, client).await?;
        let sql = "UPDATE core.volumes SET client_id = NULL, is_open = false WHERE client_id = $1";
        session.execute(sql, &[&client]).await?;
        for table in TABLES {
            let sql = format!("DELETE FROM core.{table} WHERE client_id = $1");
            session.execute(&sql, &[&client]).await?;
        }
        let sql = "DELETE FROM core.clients WHERE id = $1";
        session.execute(sql, &[&client]).await.map(drop)
    };
    for (name, cell) in database.each() {
        if name != HOME {
            cell.transaction_in(Scope::default(), work).await?;
        }
    }
    Ok(())
}
