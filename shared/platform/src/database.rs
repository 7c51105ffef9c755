//! The database of a function.

use anyhow::Result;
use database::Database;

use crate::environment;

/// The database at `DATABASE_URL`, in the role `DATABASE_ROLE`.
///
/// # Errors
/// When a variable is missing or the address can't be read.
pub fn from_environment() -> Result<Database> {
    let url = environment::required("DATABASE_URL")?;
    let role = environment::required("DATABASE_ROLE")?;
    Ok(Database::new(&url, &role)?)
}
