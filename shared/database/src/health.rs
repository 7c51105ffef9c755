//! What the database says of itself.

use serde::Serialize;

use crate::connect::{Database, Edition, Error};

/// State of the database.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// Version of TimescaleDB.
    pub timescaledb: String,
    /// Edition, `apache` or `community`.
    pub edition: &'static str,
    /// Failures of our background jobs so far (Community edition; those below 1000 are TimescaleDB's own, of which telemetry
    /// and the like fail on every server); anything but 0 is a fault even when the data
    /// looks right.
    pub failed_jobs: i64,
    /// Stale ranges that wait for a refresh (Community edition).
    pub stale_ranges: i64,
}

/// Asks the database how it is.
///
/// # Errors
/// When it does not answer.
pub async fn check(database: &Database) -> Result<Health, Error> {
    let session = database.session().await?;
    let edition = session.edition().await?;
    let version = session
        .query("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'", &[])
        .await?;
    let timescaledb = version.first().map_or_else(String::new, |row| row.get(0));
    let (failed_jobs, stale_ranges) = match edition {
        Edition::Apache => (0, 0),
        Edition::Community => {
            let rows = session
                .query(
                    "SELECT (SELECT coalesce(sum(total_failures), 0)::bigint FROM timescaledb_information.job_stats WHERE job_id >= 1000),
                            (SELECT count(*) FROM core.stale_ranges)",
                    &[],
                )
                .await?;
            (rows[0].get(0), rows[0].get(1))
        }
    };
    let edition = if edition == Edition::Community {
        "community"
    } else {
        "apache"
    };
    Ok(Health {
        timescaledb,
        edition,
        failed_jobs,
        stale_ranges,
    })
}
