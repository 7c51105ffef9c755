//! A client goes, with all that the database has of it.

use std::time::Instant;

use database::{Database, Error, Scope, Session};
use facts::leftovers::{clear_client, clear_some, end_moves, end_work};
use facts::notifications::definitions_changed;
use uuid::Uuid;

use crate::cells::remove_from_cells;

/// Ordinary tables with rows of clients, each before those that it refers to.
pub const TABLES: [&str; 35] = [
    "residences",
    "licence_notices",
    "licences",
    "proposal_renderings",
    "proposal_revisions",
    "proposals",
    "branding",
    "outbox",
    "dead_letters",
    "batches",
    "files",
    "facts_of_days",
    "facts_of_hours",
    "counts",
    "value_chain_patterns",
    "actors",
    "relationships",
    "kpis",
    "definition_versions",
    "fillings",
    "ungrouped",
    "stopped_groupings",
    "leftovers",
    "moved_ranges",
    "moves",
    "changes",
    "stale_ranges",
    "unsketched",
    "upkeep",
    "departed_codes",
    "commits",
    "clocks",
    "entities",
    // What makes them holds the entity: once that is gone nobody does.
    "sketches",
    "users",
];

/// A client that is to go.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Its name.
    pub name: String,
    /// Addresses of its users, but for who was invited and has set no password: those may be others'.
    pub addresses: Vec<String>,
}

database::row! {
    struct Name {
        name: String,
    }
}

database::row! {
    struct Address {
        email: String,
    }
}

/// Who goes; `None` when there is no such client.
///
/// # Errors
/// When a statement fails.
pub async fn leaving(database: &Database, client: Uuid) -> Result<Option<Leaving>, Error> {
    let work = async |session: &Session| {
        let name: Option<Name> = session
            .row("SELECT name FROM core.clients WHERE id = $1", &[&client])
            .await?;
        let sql = "SELECT email FROM core.users WHERE client_id = $1 AND has_accepted ORDER BY email";
        let addresses: Vec<Address> = session.rows(sql, &[&client]).await?;
        Ok(name.map(|Name { name }| Leaving {
            name,
            addresses: addresses.into_iter().map(|row| row.email).collect(),
        }))
    };
    // Its users in a cell are copies.
    database.at_home().transaction(client, work).await
}

/// Clears facts and rollups of a client that is to go out of every database, a part at a time, so that [`remove`] finds few; whether that was done before the
/// time was over. Its moves between volumes end, or they would copy what is cleared. It takes the owner's login.
///
/// # Errors
/// When a statement fails.
pub async fn clear(database: &Database, client: Uuid, until: Instant) -> Result<bool, Error> {
    for (_, database) in database.each() {
        end_moves(&database.session().await?, client).await?;
        while clear_some(&database.session().await?, client).await? > 0 {
            if Instant::now() >= until {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Removes a client whose name is as it is said, in one transaction of each database that may have something of it, home last; whether there was one. Its
/// batches that are still queued are refused when they come. It takes the owner's login.
///
/// # Errors
/// When a statement fails, or a database does not answer; the same call goes on there.
pub async fn remove(database: &Database, client: Uuid, name: &str) -> Result<bool, Error> {
    let by_name = "SELECT name FROM core.clients WHERE id = $1 AND name = $2";
    let found: Option<Name> = database.session().await?.row(by_name, &[&client, &name]).await?;
    if found.is_none() {
        return Ok(false);
    }
    remove_from_cells(database, client).await?;
    let work = async |session: &Session| {
        let found: Option<Name> = session.row(by_name, &[&client, &name]).await?;
        if found.is_none() {
            return Ok(false);
        }
        end_work(session, client).await?;
        let found: Option<Name> = session.row(&format!("{by_name} FOR UPDATE"), &[&client, &name]).await?;
        let Some(Name { name }) = found else { return Ok(false) };
        clear_client(session, client).await?;
        // A volume of its own is a name for empty tables now.
        session
            .execute(
                "UPDATE core.volumes SET client_id = NULL, is_open = false WHERE client_id = $1",
                &[&client],
            )
            .await?;
        for table in TABLES {
            session
                .execute(&format!("DELETE FROM core.{table} WHERE client_id = $1"), &[&client])
                .await?;
        }
        session
            .execute("DELETE FROM core.clients WHERE id = $1", &[&client])
            .await?;
        definitions_changed(session, client).await?;
        tracing::info!(%client, name, "a client is removed");
        Ok(true)
    };
    database.transaction_in(Scope::default(), work).await
}
