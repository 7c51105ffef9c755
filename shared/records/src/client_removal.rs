//! A client goes, with all that the database has of it.

use database::{Database, Error, Scope, Session};
use facts::notifications::definitions_changed;
use facts::relocate;
use uuid::Uuid;

use crate::cells::remove_from_cells;

/// Ordinary tables with rows of clients, each before those that it refers to.
pub const TABLES: [&str; 21] = [
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
    "kpis",
    "fillings",
    "stopped_groupings",
    "leftovers",
    "stale_ranges",
    "commits",
    "clocks",
    "entities",
    "users",
];

database::row! {
    struct Name {
        name: String,
    }
}

/// Removes a client whose name is as it is said, in one transaction of each database that may have something of it; whether there was one. Its batches that are still queued are refused when they come. It
/// takes the owner's login.
///
/// # Errors
/// When a statement fails; nothing is removed then.
pub async fn remove(database: &Database, client: Uuid, name: &str) -> Result<bool, Error> {
    let by_name = "SELECT name FROM core.clients WHERE id = $1 AND name = $2";
    let found: Option<Name> = database.session().await?.row(by_name, &[&client, &name]).await?;
    if found.is_none() {
        return Ok(false);
    }
    remove_from_cells(database, client).await?;
    let work = async |session: &Session| {
        let found: Option<Name> = session.row(&format!("{by_name} FOR UPDATE"), &[&client, &name]).await?;
        let Some(Name { name }) = found else { return Ok(false) };
        relocate::clear_client(session, client).await?;
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
