//! `migrate-database`: brings the schema up to date; invoked at every deployment.

use anyhow::Result;
use database::{Database, LOGIN_ROLE};
use facts::migrate;
use lambda_runtime::LambdaEvent;
use platform::environment;
use serde::Serialize;

/// What the function has from its environment.
pub struct Context {
    database: Database,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_environment() -> Result<Self> {
        // As the login itself: the roles exist only after the first migration.
        Ok(Self {
            database: Database::new(&environment::required("DATABASE_URL")?, LOGIN_ROLE)?,
        })
    }
}

/// What the migration did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Versions applied now.
    pub applied: Vec<String>,
    /// Edition of TimescaleDB.
    pub edition: &'static str,
}

/// Migrates.
///
/// # Errors
/// When the server can't be used or a migration fails.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let migrated = migrate::run(&context.database).await?;
    let edition = migrated.edition.name();
    tracing::info!(applied = migrated.applied.len(), edition, "migrated");
    Ok(Report {
        applied: migrated.applied,
        edition,
    })
}
