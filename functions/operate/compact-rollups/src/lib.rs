//! `compact-rollups`: maintains rollups every minute, in every database. On the Apache edition it moves closed buckets up to hours and days; on the
//! Community edition it refreshes what late events made stale. It also adds a volume when the one for all is full, clears what clients left that moved away, and has what
//! came under a code follow the entity that had it.

use std::time::{Duration, Instant};

use anyhow::Result;
use database::{Database, Timeouts};
use facts::compact::{self, Upkeep};
use facts::volume;
use lambda_runtime::LambdaEvent;
use platform::clock;
use platform::database::in_each;
use records::cells::clear_departed;
use records::definitions::follow_all;
use serde::Serialize;

/// For what only reads, and clears what clients left that moved away: what changes rollups has less, see [`compact::MAX_STATEMENT_TIME`].
const TIMEOUTS: Timeouts = Timeouts {
    statement: Duration::from_secs(90),
    lock: Duration::from_secs(20),
};

/// How long a run has what came under codes that entities had follow them; the next one goes on.
pub const FOLLOWING: Duration = Duration::from_secs(10);

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
    /// Entities that were not reached, or failed: they have their turn in the next run.
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
    let work = async |database: Database| upkeep(&database).await;
    let done = in_each(&context.database, work).await?;
    let report = Report {
        moved: done.iter().map(|upkeep| upkeep.moved).sum(),
        refreshed: done.iter().map(|upkeep| upkeep.refreshed).sum(),
        left: done.iter().map(|upkeep| upkeep.left).sum(),
    };
    tracing::info!(
        moved = report.moved,
        refreshed = report.refreshed,
        left = report.left,
        "upkeep"
    );
    Ok(report)
}

/// The upkeep of one database.
async fn upkeep(database: &Database) -> Result<Upkeep> {
    let upkeep = compact::run(database, clock::now()).await;
    volume::make_room(database).await?;
    clear_departed(database, clock::now()).await?;
    follow_all(database, Instant::now() + FOLLOWING).await?;
    Ok(upkeep?)
}
