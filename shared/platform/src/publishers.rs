//! Telling the publishers of what subscribers and administrators did.

use anyhow::{Context as _, Result};
use api::QueuedWake;
use database::Database;
use facts::notifications;
use registry::{Registry, shard_of};
use uuid::Uuid;

use crate::clock;
use crate::queue::Queue;

/// The publishers, of which one is at work for each shard that is watched.
#[derive(Clone)]
pub struct Publishers {
    database: Database,
    registry: Registry,
    queue: Queue,
}

impl Publishers {
    /// Over a function's own connections, with the wake-up queue of the environment.
    ///
    /// # Errors
    /// When `PUBLISHER_WAKE_QUEUE_URL` is not set.
    pub async fn from_environment(database: &Database, registry: &Registry) -> Result<Self> {
        Ok(Self {
            database: database.clone(),
            registry: registry.clone(),
            queue: Queue::from_environment("PUBLISHER_WAKE_QUEUE_URL").await?,
        })
    }

    /// Tells a client's publisher of a change, and wakes one if none is at work. What fails is logged and only delays the
    /// change: to the publisher's next tick, or to the next schedule.
    pub async fn tell(&self, client: Uuid) {
        let shard = shard_of(client);
        if let Err(cause) = self.try_tell(shard).await {
            tracing::warn!(
                shard,
                cause = format!("{cause:#}"),
                "the publisher could not be told of a change"
            );
        }
    }

    async fn try_tell(&self, shard: u32) -> Result<()> {
        let (told, asleep) = tokio::join!(
            notifications::subscriptions_changed(&self.database, shard),
            self.registry.needs_wake(shard, clock::now())
        );
        if asleep.context("read the publisher's lease")? {
            self.queue.send(serde_json::to_string(&QueuedWake { shard })?).await?;
        }
        told.context("notify the publisher")
    }
}
