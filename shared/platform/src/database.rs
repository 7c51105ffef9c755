//! The database of a function.

use anyhow::Result;
use database::Database;

use crate::environment;

/// The database at `DATABASE_URL`, in the role `DATABASE_ROLE`, with the cells of `DATABASE_CELLS`, whose certificates are of the authorities of `DATABASE_CA`.
///
/// # Errors
/// When a variable is missing or the address can't be read.
pub fn from_environment() -> Result<Database> {
    let url = environment::required("DATABASE_URL")?;
    let role = environment::required("DATABASE_ROLE")?;
    let cells = environment::optional("DATABASE_CELLS").unwrap_or_default();
    let authorities = environment::optional("DATABASE_CA").unwrap_or_default();
    Ok(Database::trusting(&url, &role, &authorities)?.with_cells(&cells)?)
}

/// Works over all clients, in each database at the same time: one that fails keeps no other from its turn.
///
/// # Errors
/// The first of those of the databases; each is in the log.
pub async fn in_each<T>(database: &Database, work: impl AsyncFn(Database) -> Result<T>) -> Result<Vec<T>> {
    let mut done = Vec::new();
    let mut failure = None;
    for (name, result) in database.in_each(work).await {
        match result {
            Ok(value) => done.push(value),
            Err(cause) => {
                tracing::error!(
                    database = name,
                    cause = format!("{cause:#}"),
                    "work in a database failed"
                );
                failure = failure.or_else(|| Some(cause.context(format!("in database {name}"))));
            }
        }
    }
    failure.map_or(Ok(done), Err)
}
