//! `publish-events`: sends domain events that were left in the outbox. Whoever writes an event sends it right after the commit.
//! An event is left when its writer was stopped in between, or when the bus was out of reach.

use anyhow::{Context as _, Result};
use database::{Database, Timeouts};
use jiff::SignedDuration;
use lambda_runtime::LambdaEvent;
use platform::bus::Bus;
use platform::clock;
use platform::database::in_each;
use records::outbox;
use serde::Serialize;

/// Younger events are left to those who wrote them.
const OVERDUE_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// The most portions of the outbox that one run sends: the next run is a minute away.
const MAX_PARTS: usize = 20;

/// What the function has from its environment.
pub struct Context {
    database: Database,
    bus: Bus,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        Ok(Self {
            database: platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST),
            bus: Bus::from_environment().await?,
        })
    }
}

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Events that the bus has now.
    pub sent: usize,
}

/// Sends what is overdue.
///
/// # Errors
/// When the database or the bus fails, or the bus refuses an event: what is left is tried again by the next run.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let send = async |database: Database| send(&database, &context.bus).await;
    let sent = in_each(&context.database, send).await?.into_iter().sum();
    if sent > 0 {
        tracing::info!(sent, "overdue events are sent");
    }
    Ok(Report { sent })
}

/// Sends what is overdue of the clients of one database.
async fn send(database: &Database, bus: &Bus) -> Result<usize> {
    let mut sent = 0;
    for _ in 0..MAX_PARTS {
        let events = outbox::overdue(database, OVERDUE_AFTER, clock::now())
            .await
            .context("read the outbox")?;
        if events.is_empty() {
            break;
        }
        sent += ::outbox::send(database, bus, events).await?;
    }
    Ok(sent)
}
