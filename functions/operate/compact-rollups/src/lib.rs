//! `compact-rollups`: maintains rollups every minute, in every database. On the Apache edition it moves closed buckets up to hours and days; on the
//! Community edition it refreshes what late events made stale.

use anyhow::Result;
use database::Database;
use facts::compact;
use lambda_runtime::LambdaEvent;
use platform::clock;
use platform::database::in_each;
use records::cells::clear_departed;
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
        Ok(Self {
            database: platform::database::from_environment()?,
        })
    }
}

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Partial rows that were moved up.
    pub moved: i64,
    /// Stale ranges that were refreshed.
    pub refreshed: u64,
}

/// Runs the upkeep once.
///
/// # Errors
/// When the database fails; the next run goes on.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let upkeep = async |database: Database| {
        let upkeep = compact::run(&database, clock::now()).await?;
        clear_departed(&database, clock::now()).await?;
        Ok(upkeep)
    };
    let done = in_each(&context.database, upkeep).await?;
    let report = Report {
        moved: done.iter().map(|upkeep| upkeep.moved).sum(),
        refreshed: done.iter().map(|upkeep| upkeep.refreshed).sum(),
    };
    tracing::info!(moved = report.moved, refreshed = report.refreshed, "upkeep");
    Ok(report)
}
