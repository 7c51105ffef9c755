//! `compact-rollups`: maintains rollups every minute. On the Apache edition it moves closed buckets up to hours and days; on the
//! Community edition it refreshes what late events made stale. It also adds a volume when the one for all is full.

use std::time::Duration;

use anyhow::Result;
use database::{Database, Timeouts};
use facts::{compact, volume};
use lambda_runtime::LambdaEvent;
use platform::clock;
use serde::Serialize;

/// The function has 300 s; a refresh of aggregates after a large load takes a minute.
const TIMEOUTS: Timeouts = Timeouts {
    statement: Duration::from_secs(240),
    lock: Duration::from_secs(60),
};

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
            database: platform::database::from_environment()?.with_timeouts(TIMEOUTS),
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
    /// Entities that were not reached: the next run begins with them.
    pub left: usize,
}

/// Runs the upkeep once.
///
/// # Errors
/// When the database fails; the next run goes on.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let upkeep = compact::run(&context.database, clock::now()).await?;
    volume::make_room(&context.database).await?;
    tracing::info!(
        moved = upkeep.moved,
        refreshed = upkeep.refreshed,
        left = upkeep.left,
        "upkeep"
    );
    Ok(Report {
        moved: upkeep.moved,
        refreshed: upkeep.refreshed,
        left: upkeep.left,
    })
}
