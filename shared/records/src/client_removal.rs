//! A client goes, with all that the database has of it.

use database::{Database, Error, Scope, Session};
use facts::leftovers::clear_client;
use facts::notifications::definitions_changed;
use uuid::Uuid;

/// Ordinary tables with rows of clients, each before those that it refers to.
pub const TABLES: [&str; 22] = [
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
    "moved_ranges",
    "moves",
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

/// Removes a client whose name is as it is said, in one transaction; whether there was one. Its batches that are still queued are refused when they come. It
/// takes the owner's login.
///
/// # Errors
/// When a statement fails; nothing is removed then.
pub async fn remove(database: &Database, client: Uuid, name: &str) -> Result<bool, Error> {
    let work = async |session: &Session| {
        let sql = "SELECT name FROM core.clients WHERE id = $1 AND name = $2 FOR UPDATE";
        let found: Option<Name> = session.row(sql, &[&client, &name]).await?;
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
