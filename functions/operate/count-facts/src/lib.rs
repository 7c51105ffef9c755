//! `count-facts`: counts the facts of every client, for their quota. What it counts is kept in the registry too, where `accept-events`, which has no
//! database, looks it up.

use std::time::Duration;

use anyhow::{Context as _, Result};
use database::{Database, Timeouts};
use futures::stream::{self, TryStreamExt as _};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lambda_runtime::LambdaEvent;
use platform::database::in_each;
use platform::{clock, environment};
use records::usage;
use registry::Registry;
use serde::Serialize;

/// Days that are counted anew, today among them. A batch that is written in several transactions, or that comes again, was begun in the last of them.
const RECOUNTED_DAYS: i64 = 2;

/// Clients that are kept in the registry at the same time: a thousand of them take half a second.
const KEPT_AT_ONCE: usize = 16;

/// Counting takes one statement, and the function has 60 s.
const TIMEOUTS: Timeouts = Timeouts {
    statement: Duration::from_secs(45),
    lock: Duration::from_secs(10),
};

/// What the function has from its environment.
pub struct Context {
    database: Database,
    registry: Registry,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        Ok(Self {
            database: platform::database::from_environment()?.with_timeouts(TIMEOUTS),
            registry: Registry::connect_to(
                &platform::aws_configuration().await,
                environment::required("REGISTRY_TABLE")?,
            ),
        })
    }
}

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Clients that have facts.
    pub clients: usize,
    /// Facts of all of them.
    pub facts: u64,
}

/// Counts.
///
/// # Errors
/// When the database or the registry fails: the next run counts the same.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let count = async |database: Database| count(context, &database).await;
    let counted = in_each(&context.database, count).await?;
    let report = Report {
        clients: counted.iter().map(|report| report.clients).sum(),
        facts: counted.iter().map(|report| report.facts).sum(),
    };
    tracing::info!(clients = report.clients, facts = report.facts, "counted");
    Ok(report)
}

/// Counts the facts of the clients of one database.
async fn count(context: &Context, database: &Database) -> Result<Report> {
    let counted = usage::count_facts(database, since()?).await;
    let counted = counted.context("count facts")?;
    let facts = |facts: i64| u64::try_from(facts).unwrap_or(0);
    let report = Report {
        clients: counted.len(),
        facts: counted.iter().map(|client| facts(client.facts)).sum(),
    };
    stream::iter(counted.into_iter().map(Ok))
        .try_for_each_concurrent(KEPT_AT_ONCE, |client| {
            context.registry.count_facts(client.client_id, facts(client.facts))
        })
        .await
        .context("keep what was counted")?;
    Ok(report)
}

/// The first day that is counted anew.
fn since() -> Result<Date> {
    let today = clock::now().to_zoned(TimeZone::UTC).date();
    Ok(today.checked_sub((RECOUNTED_DAYS - 1).days())?)
}
