//! What a publisher starts from: its predecessor's state, or the registry.

use anyhow::Result;
use live::{ConnectionInfo, Publisher};
use platform::clock;
use registry::{Changes, Lease};

use crate::Context;

/// What the direct predecessor handed over, if it did.
pub(crate) async fn inherited(context: &Context, lease: &Lease) -> Result<Option<(Publisher, u64)>> {
    let Some((fence, saved)) = context.registry.load_handover(lease.shard, clock::now()).await? else {
        return Ok(None);
    };
    if fence + 1 != lease.fence {
        return Ok(None);
    }
    match Publisher::restore(&saved) {
        Ok(inherited) => Ok(Some(inherited)),
        Err(error) => {
            tracing::warn!(cause = %error, "what was handed over can't be read: starting a new epoch");
            Ok(None)
        }
    }
}

/// A new epoch, numbered by the lease's fence, which only grows.
///
/// Where the change sequence still reaches back to its beginning it is followed from there, so that a subscribe that woke
/// this publisher is answered as one; otherwise the roster says who is there, and everybody gets a `resync`.
pub(crate) async fn fresh(context: &Context, lease: &Lease) -> Result<(Publisher, u64)> {
    let now = clock::now();
    let mut publisher = Publisher::new(lease.fence);
    if let Changes::Since(changes) = context.registry.changes(lease.shard, 0, now).await?
        && let Some((through, _)) = changes.last()
    {
        let through = *through;
        for (_, change) in changes {
            publisher.apply(change);
        }
        return Ok((publisher, through));
    }
    let roster = context.registry.roster(lease.shard, now).await?;
    publisher.load(connections(roster.connections));
    publisher.load_controls(context.registry.all_controls(lease.shard).await?);
    Ok((publisher, roster.sequence))
}

/// The registry's list as the publisher takes it.
pub(crate) fn connections(
    roster: Vec<(registry::Connection, Vec<live::Subscription>)>,
) -> Vec<(ConnectionInfo, Vec<live::Subscription>)> {
    roster
        .into_iter()
        .map(|(connection, subscriptions)| {
            (
                ConnectionInfo {
                    id: connection.id,
                    client: connection.client,
                    connected_at: connection.connected_at,
                },
                subscriptions,
            )
        })
        .collect()
}
