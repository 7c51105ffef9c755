//! The database of a function, and what nearly every request reads first.

use anyhow::{Context as _, Result};
use database::Database;
use database::definitions::{self, ClientCatalog};
use uuid::Uuid;

use crate::{Problem, environment};

/// The database at `DATABASE_URL`, in the role `DATABASE_ROLE`.
///
/// # Errors
/// When a variable is missing or the address can't be read.
pub fn from_environment() -> Result<Database> {
    let url = environment::required("DATABASE_URL")?;
    let role = environment::required("DATABASE_ROLE")?;
    Ok(Database::new(&url, &role)?)
}

/// The definitions of the token's client.
///
/// # Errors
/// 401 when the client is gone: its tokens live on for a while. 500 when the database fails.
pub async fn client_catalog(database: &Database, client: Uuid) -> Result<ClientCatalog, Problem> {
    let loaded = definitions::load_one(database, client)
        .await
        .context("load definitions")?;
    loaded.ok_or_else(|| Problem::unauthenticated("the token's client does not exist any more"))
}
