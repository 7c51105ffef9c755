//! Who publishes, who stands by, and how one is called.
//!
//! A shard that is watched has two invocations: one that publishes, and one that waits for its lease to end. When the first is killed the second
//! publishes as soon as the lease has ended; when its time is up, it gives the lease up and the second goes on at once. Whoever publishes looks from time to time whether
//! somebody stands by, and calls one through the wake-up queue if not. The message by which one was called is held for [`CALLED`] at a time: where both are
//! killed before another was called, it calls again. The schedule does so too, a minute later at most.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::QueuedWake;
use jiff::{SignedDuration, Timestamp};
use platform::clock;
use platform::queue::{Beat, Queue};
use registry::{Duty, Lease, Registry};
use tokio::time::Instant;
use uuid::Uuid;

use crate::Context;
use crate::keep::{Kept, Terms};

/// How long a publisher's lease lasts. It is what dashboards wait for when the publisher is killed, so it is short. Two renewals a second are 5.3 million writes a
/// month for a shard that is always watched, some 3.30 USD at 0.625 USD a million.
const LEASE: Duration = Duration::from_secs(2);

/// The publisher's lease.
pub const PUBLISHING: Terms = Terms {
    lasts: LEASE,
    renewed_every: Duration::from_millis(500),
    margin: Duration::from_millis(300),
};

/// The lease of who stands by: nobody waits for it.
pub const STANDING_BY: Terms = Terms {
    lasts: Duration::from_secs(6),
    renewed_every: Duration::from_secs(2),
    margin: Duration::from_millis(300),
};

/// How the message is held by which somebody was called. SQS counts whole seconds; two renewals of three may fail. A beat a second is 2.6 million requests a month, some
/// 1.05 USD at 0.40 USD a million, for each of the two.
pub const CALLED: Beat = Beat {
    hidden: Duration::from_secs(3),
    renewed: Duration::from_secs(1),
};

/// How often who stands by looks at the publisher's lease: 17.5 million reads a month, some 2.20 USD at 0.125 USD a million.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Who stands by gives up when so little of its time is left: it could not publish for long, and another is called.
const LEAST_LEFT: SignedDuration = SignedDuration::from_secs(45);

/// Takes the publisher's lease, at once or after standing by; tells when it was asked for. `None` when both duties are taken, or there is no time left.
pub(crate) async fn take_lease(context: &Context, shard: u32, deadline: Timestamp) -> Result<Option<(Lease, Instant)>> {
    let holder = Uuid::now_v7();
    if let Some(taken) = acquire(&context.registry, shard, holder).await? {
        return Ok(Some(taken));
    }
    let asking = Instant::now();
    let standby = context
        .registry
        .acquire(shard, Duty::StandBy, holder, clock::now(), STANDING_BY.ttl())
        .await?;
    let Some(standby) = standby else { return Ok(None) };
    tracing::info!(shard, "standing by");
    let kept = Kept::keep(&context.registry, standby, asking, STANDING_BY);
    let taken = wait(context, &kept, holder, deadline).await;
    let standby = kept.stop().await;
    if let Err(error) = context.registry.release(&standby).await {
        tracing::warn!(shard, cause = %error, "the lease of who stands by ends by itself");
    }
    Ok(taken)
}

async fn acquire(registry: &Registry, shard: u32, holder: Uuid) -> Result<Option<(Lease, Instant)>, registry::Error> {
    let asking = Instant::now();
    let acquired = registry
        .acquire(shard, Duty::Publish, holder, clock::now(), PUBLISHING.ttl())
        .await?;
    Ok(acquired.map(|lease| (lease, asking)))
}

/// Waits for the publisher's lease. What fails is tried again: who stands by is there for when things fail.
async fn wait(context: &Context, standby: &Kept, holder: Uuid, deadline: Timestamp) -> Option<(Lease, Instant)> {
    let (registry, shard) = (&context.registry, standby.lease.shard);
    while standby.is_held() && deadline.duration_since(clock::now()) > LEAST_LEFT {
        tokio::time::sleep(LOOK_EVERY).await;
        // A read costs a fifth of a write that is refused.
        let taken = match registry.lease(shard, Duty::Publish, clock::now()).await {
            Ok(Some(_)) => continue,
            Ok(None) => acquire(registry, shard, holder).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(Some(taken)) => return Some(taken),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(shard, cause = %error, "the publisher's lease can't be looked at; trying again")
            }
        }
    }
    None
}

/// Whether somebody stands by; calls one if not.
///
/// # Errors
/// When the registry or the queue does not answer.
pub(crate) async fn ensure(registry: &Registry, queue: &Queue, shard: u32) -> Result<bool> {
    if registry.lease(shard, Duty::StandBy, clock::now()).await?.is_some() {
        return Ok(true);
    }
    let wake = serde_json::to_string(&QueuedWake { shard })?;
    queue.send(wake).await.context("call who stands by")?;
    Ok(false)
}
