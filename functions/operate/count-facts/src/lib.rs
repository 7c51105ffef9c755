//! `count-facts`: counts the facts and dead letters of every client, for their quotas, and lets go of what is kept of batches, files and dead letters for
//! 35 days. What it counts is kept in the registry too, where `accept-events`, which has no database, looks it up.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use database::{Database, Timeouts};
use lambda_runtime::LambdaEvent;
use platform::database::in_each;
use platform::{clock, environment};
use records::definitions;
use records::usage::{self, MAX_FORGOTTEN, ToCount};
use registry::Registry;
use serde::Serialize;

/// How long a run begins with another client: the function has 60 s. Who is not reached comes first in the next run.
const COUNTING: Duration = Duration::from_secs(35);

/// How long a run begins with letting go of what is old. What is left is there in the next one.
const FORGETTING: Duration = Duration::from_secs(45);

/// An hour of a client takes one statement: of the 18,000,000 batches that it may have at one event each, some seconds.
const TIMEOUTS: Timeouts = Timeouts {
    statement: Duration::from_secs(12),
    lock: Duration::from_secs(5),
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
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Clients that were counted.
    pub clients: usize,
    /// Facts of all of them.
    pub facts: u64,
    /// Dead letters, batches and files that were let go of.
    pub forgotten: u64,
    /// Clients that were not reached.
    pub left: usize,
}

/// Counts, and lets go of what is old.
///
/// # Errors
/// When the database or the registry fails for one of the clients: the others have their turn, and the next run counts the same.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let began = Instant::now();
    let count = async |database: Database| work(context, &database, began).await;
    let mut report = Report::default();
    for counted in in_each(&context.database, count).await? {
        report.clients += counted.clients;
        report.facts += counted.facts;
        report.forgotten += counted.forgotten;
        report.left += counted.left;
    }
    let Report {
        clients,
        facts,
        forgotten,
        left,
    } = report;
    tracing::info!(clients, facts, forgotten, left, "counted");
    Ok(report)
}

/// Works on the clients of one database, one after the other: what fails for one keeps no other from its turn.
async fn work(context: &Context, database: &Database, began: Instant) -> Result<Report> {
    let clients = usage::clients_to_count(database).await.context("list clients")?;
    let (mut report, mut failed) = (Report::default(), 0);
    for client in &clients {
        if began.elapsed() > COUNTING {
            report.left += 1;
            continue;
        }
        match count(context, database, *client, began + COUNTING).await {
            Ok(facts) => {
                report.clients += 1;
                report.facts += facts;
            }
            Err(error) => {
                failed += 1;
                told(*client, &error, "a client is not counted");
            }
        }
    }
    for client in &clients {
        match forget(database, *client, began).await {
            Ok(forgotten) => report.forgotten += forgotten,
            Err(error) => {
                failed += 1;
                told(*client, &error, "what is old of a client is not let go of");
            }
        }
    }
    if failed > 0 {
        bail!("{failed} clients failed; the others had their turn");
    }
    Ok(report)
}

fn told(client: ToCount, error: &anyhow::Error, what: &str) {
    let (client, cause) = (client.client_id, format!("{error:#}"));
    tracing::error!(%client, cause, "{what}");
}

/// Counts a client, and keeps what was counted in the registry; its facts.
async fn count(context: &Context, database: &Database, client: ToCount, until: Instant) -> Result<u64> {
    let id = client.client_id;
    let now = clock::now();
    usage::count(database, client, now, until).await.context("count")?;
    let stored = usage::of_client(database, id, now).await.context("sum up")?;
    let counted = |count: i64| u64::try_from(count).unwrap_or(0);
    let (facts, letters) = (counted(stored.facts), counted(stored.letters));
    let registry = &context.registry;
    registry.keep_counts(id, facts, letters).await.context("keep")?;
    // One that was removed meanwhile leaves nothing behind.
    if definitions::fingerprint(&context.database, id)
        .await
        .context("look for the client")?
        .is_none()
    {
        registry.forget_limits(id).await.context("forget")?;
    }
    Ok(facts)
}

/// Lets go of what is old of a client, in steps, while there is time.
async fn forget(database: &Database, client: ToCount, began: Instant) -> Result<u64> {
    let mut forgotten = 0;
    while began.elapsed() < FORGETTING {
        let some = usage::forget(database, client.client_id, clock::now()).await?;
        forgotten += u64::try_from(some).unwrap_or(0);
        if some < MAX_FORGOTTEN {
            break;
        }
    }
    Ok(forgotten)
}
