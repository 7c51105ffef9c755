//! What the database says of itself.

use database::{Database, Edition, Error};
use serde::Serialize;

/// State of the database.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// Version of TimescaleDB.
    pub timescaledb: String,
    /// Edition of TimescaleDB.
    pub edition: &'static str,
    /// Background jobs of ours; none on the Apache edition.
    pub jobs: Jobs,
    /// Stale ranges that wait for a refresh (Community edition).
    pub stale_ranges: i64,
    /// Sketches that can't be made.
    pub sketches: Sketches,
}

database::row! {
    /// Hours whose sketches can't be made anew; they are tried again, and read from their facts meanwhile, which takes longer.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
    pub struct Sketches {
        /// Entities that have such hours.
        pub entities: i64,
        /// Those hours.
        pub hours: i64,
        /// How often that was tried which was tried most.
        pub failures: i32,
        /// Of what kinds the failures are.
        pub reasons: String,
    }
}

/// Our background jobs (Community edition); those below 1000 are TimescaleDB's own, of which telemetry and the like fail on
/// every server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Jobs {
    /// Jobs whose last run failed; anything but 0 is a fault even when the data looks right. A job that works again
    /// is none.
    pub failing: i64,
    /// Failed runs of all jobs so far, for people: each may be long mended.
    pub failures_so_far: i64,
}

database::row! {
    struct Version {
        version: String,
    }
}

database::row! {
    struct JobCounts {
        failing: i64,
        failures_so_far: i64,
        stale_ranges: i64,
    }
}

/// Asks the database how it is.
///
/// # Errors
/// When it does not answer.
pub async fn check(database: &Database) -> Result<Health, Error> {
    let session = database.session().await?;
    let edition = session.edition().await?;
    let sql = "SELECT extversion AS version FROM pg_extension WHERE extname = 'timescaledb'";
    let version: Option<Version> = session.row(sql, &[]).await?;
    let timescaledb = version.map_or_else(String::new, |found| found.version);
    let mut health = Health {
        timescaledb,
        edition: edition.name(),
        jobs: Jobs::default(),
        stale_ranges: 0,
        sketches: Sketches::default(),
    };
    let sql = "SELECT entities, hours, failures, reasons FROM core.failing_sketches()";
    if let Some(failing) = session.row(sql, &[]).await? {
        health.sketches = failing;
    }
    if edition == Edition::Community {
        let sql = "SELECT count(*) FILTER (WHERE last_run_status = 'Failed') AS failing,
                coalesce(sum(total_failures), 0)::bigint AS failures_so_far, core.count_stale_ranges() AS stale_ranges
            FROM timescaledb_information.job_stats WHERE job_id >= 1000";
        let counts: Option<JobCounts> = session.row(sql, &[]).await?;
        if let Some(counts) = counts {
            health.jobs = Jobs {
                failing: counts.failing,
                failures_so_far: counts.failures_so_far,
            };
            health.stale_ranges = counts.stale_ranges;
        }
    }
    Ok(health)
}
