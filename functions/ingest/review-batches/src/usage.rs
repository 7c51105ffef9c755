//! `GET /v1/usage`.

use anyhow::Context as _;
use api::ingest::{Usage, Used};
use axum::Json;
use axum::extract::State;
use catalog::{MAX_ENTITIES, MAX_KPIS};
use platform::extract::Authorized;
use platform::{Problem, clock};
use records::usage;
use registry::Counted;
use registry::quotas::MAX_TOPIC_CHANGES_PER_MINUTE;

use crate::Context;

pub(crate) async fn read(
    State(context): State<Context>,
    Authorized(caller): Authorized,
) -> Result<Json<Usage>, Problem> {
    let (registry, client) = (&context.registry, caller.client);
    let now = clock::now();
    let (stored, limits, taken, live, changes) = tokio::join!(
        usage::of_client(&context.database, client, now),
        registry.limits(client),
        registry.events_taken(client, now),
        registry.usage(client, now),
        registry.topic_changes_taken(client, now)
    );
    let live = live.context("count connections")?;
    let stored = stored.context("count what is stored")?;
    let limits = limits.context("read a client's limits")?;
    let counted = |count: i64| u64::try_from(count).unwrap_or(0);
    let most = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX);
    let of_registry = |counted: Counted| Used {
        used: u64::try_from(counted.used).unwrap_or(u64::MAX),
        limit: most(counted.limit),
    };
    Ok(Json(Usage {
        events_per_minute: Used {
            used: taken.context("count events")?,
            limit: limits.events_per_minute,
        },
        facts: Used {
            used: counted(stored.facts),
            limit: limits.facts,
        },
        dead_letters: Used {
            used: counted(stored.letters),
            limit: limits.letters,
        },
        entities: Used {
            used: counted(stored.entities),
            limit: most(MAX_ENTITIES),
        },
        kpis: Used {
            used: counted(stored.kpis),
            limit: most(MAX_KPIS),
        },
        connections: of_registry(live.connections),
        topics: of_registry(live.topics),
        topic_changes_per_minute: Used {
            used: changes.context("count changes of topics")?,
            limit: MAX_TOPIC_CHANGES_PER_MINUTE,
        },
    }))
}
