//! `fill-groupings`: goes on with long work, in steps that others don't feel: fills groupings that were added to entities with facts, moves entities
//! between volumes, and takes out what is undone, replaced or deleted.

use std::time::{Duration, Instant};

use answer::Definitions;
use anyhow::Result;
use database::{Database, Error, Timeouts};
use facts::{Placed, work};
use lambda_runtime::LambdaEvent;
use platform::database::in_each;
use serde::Serialize;
use uuid::Uuid;

/// How long a run goes on: the next one begins a minute after it did.
pub const RUN: Duration = Duration::from_secs(50);

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
            database: platform::database::from_environment()?.with_timeouts(Timeouts::WORK),
        })
    }
}

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Groupings that became whole.
    pub filled: usize,
    /// Entities that are where they were to be moved.
    pub moved: usize,
    /// Undone batches, replaced files and deletions that are done.
    pub changed: usize,
}

/// Goes on with what there is to do, for as long as a run goes on.
///
/// # Errors
/// When the database fails; the next run goes on where this one was.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let until = Instant::now() + RUN;
    let work = async |database: Database| {
        let find = async |client, entity| find(&database, client, entity).await;
        Ok(work::run(&database, find, until).await?)
    };
    let done = in_each(&context.database, work).await?;
    let worked = work::Worked {
        filled: done.iter().map(|worked| worked.filled).sum(),
        moved: done.iter().map(|worked| worked.moved).sum(),
        changed: done.iter().map(|worked| worked.changed).sum(),
    };
    if worked != work::Worked::default() {
        let work::Worked { filled, moved, changed } = worked;
        tracing::info!(filled, moved, changed, "long work is done");
    }
    Ok(Report {
        filled: worked.filled,
        moved: worked.moved,
        changed: worked.changed,
    })
}

/// Where an entity is, by its current definition.
async fn find(database: &Database, client: Uuid, entity: i32) -> Result<Option<Placed>, Error> {
    let known = Definitions::default().current(database, client).await?;
    Ok(known.and_then(|known| known.placed.values().find(|placed| placed.place.id == entity).cloned()))
}
