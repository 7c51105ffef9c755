//! `migrate-database`: brings the schema up to date, at home and in each cell, and registers new cells; invoked at every deployment.

use anyhow::{Context as _, Result};
use database::{Database, HOME, LOGIN_ROLE};
use facts::migrate;
use lambda_runtime::LambdaEvent;
use platform::environment;
use records::cells::register;
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
        let authorities = environment::optional("DATABASE_CA").unwrap_or_default();
        let database = Database::trusting(&environment::required("DATABASE_URL")?, LOGIN_ROLE, &authorities)?;
        let cells = environment::optional("DATABASE_CELLS").unwrap_or_default();
        Ok(Self {
            database: database.with_cells(&cells)?,
        })
    }
}

/// What the migration did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Versions applied now, at home.
    pub applied: Vec<String>,
    /// Edition of TimescaleDB at home.
    pub edition: &'static str,
    /// Cells that are up to date.
    pub cells: Vec<String>,
}

/// Migrates.
///
/// # Errors
/// When a server can't be used or a migration fails: home comes first, and a cell that fails keeps none from its turn.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let migrated = migrate::run(&context.database.at_home()).await?;
    let edition = migrated.edition.name();
    tracing::info!(applied = migrated.applied.len(), edition, "migrated");
    Ok(Report {
        applied: migrated.applied,
        edition,
        cells: cells(&context.database).await?,
    })
}

/// Migrates the cells and registers those that are new.
async fn cells(database: &Database) -> Result<Vec<String>> {
    let (mut done, mut failure) = (Vec::new(), None);
    for (name, cell) in database.each().filter(|(name, _)| *name != HOME) {
        match migrate_cell(database, name, &cell).await {
            Ok(()) => done.push(name.to_owned()),
            Err(cause) => {
                tracing::error!(cell = name, cause = format!("{cause:#}"), "a cell can't be migrated");
                failure = failure.or(Some(cause));
            }
        }
    }
    failure.map_or(Ok(done), Err)
}

async fn migrate_cell(home: &Database, name: &str, cell: &Database) -> Result<()> {
    let migrated = migrate::run(cell)
        .await
        .with_context(|| format!("migrate cell {name}"))?;
    tracing::info!(
        cell = name,
        applied = migrated.applied.len(),
        edition = migrated.edition.name(),
        "migrated"
    );
    register(home, name, cell)
        .await
        .with_context(|| format!("register cell {name}"))
}
