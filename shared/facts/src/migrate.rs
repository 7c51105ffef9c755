//! Brings a database up to date: the ordinary tables, and those of the built-in entity.

use database::migrate::{self, Migrated};
use database::{Database, Error, Session};

use crate::ready_made::ensure_built_in;

/// Migrates; nothing happens when the database is up to date.
///
/// # Errors
/// As [`database::migrate::run`].
pub async fn run(database: &Database) -> Result<Migrated, Error> {
    let built_in = async |session: &Session| ensure_built_in(session).await;
    migrate::run(database, built_in).await
}
