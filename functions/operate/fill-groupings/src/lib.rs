//! `fill-groupings`: fills groupings that were added to entities with facts, in steps that others don't feel.

use std::time::{Duration, Instant};

use answer::Definitions;
use anyhow::Result;
use database::{Database, Error};
use facts::Placed;
use facts::fill::{self, Filling};
use lambda_runtime::LambdaEvent;
use platform::database::in_each;
use serde::Serialize;

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
            database: platform::database::from_environment()?,
        })
    }
}

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Groupings that became whole.
    pub filled: usize,
}

/// Fills what there is to fill, for as long as a run goes on.
///
/// # Errors
/// When the database fails; the next run goes on where this one was.
pub async fn handle(
    context: &Context,
    _event: LambdaEvent<serde_json::Value>,
) -> Result<Report, lambda_runtime::Error> {
    let until = Instant::now() + RUN;
    let fill = async |database: Database| {
        let find = async |filling: &Filling| find(&database, filling).await;
        Ok(fill::run(&database, find, until).await?)
    };
    let filled = in_each(&context.database, fill).await?.into_iter().sum();
    if filled > 0 {
        tracing::info!(filled, "groupings are whole");
    }
    Ok(Report { filled })
}

/// Where the entity is whose grouping is filled, by its current definition.
async fn find(database: &Database, filling: &Filling) -> Result<Option<Placed>, Error> {
    let known = Definitions::default().current(database, filling.client_id).await?;
    let placed = known.and_then(|known| {
        known
            .placed
            .values()
            .find(|placed| placed.place.id == filling.entity_id)
            .cloned()
    });
    Ok(placed)
}
