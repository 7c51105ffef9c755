//! `DELETE` of entities and KPIs: refused while something uses them.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use platform::Problem;
use platform::extract::{Authorized, Path, Query};
use platform::versions::{check_version, expected_version};
use records::definitions::{self, Written};
use serde::Deserialize;
use uuid::Uuid;

use crate::refusals::{in_use, no_entity, no_kpi, version};
use crate::{Context, MAX_TRIES, author, streams};

/// How long a request goes on with what came under a code that nothing has any more: the batches of most entities are a step or two.
pub(crate) const FOLLOW_WITHIN: Duration = Duration::from_secs(3);

/// What a deletion says of facts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    facts: Option<Facts>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Facts {
    Delete,
}

pub(crate) async fn entity(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    const WHAT: &str = "entity";
    let (client, expected) = (caller.client, expected_version(&headers)?);
    let mut tries = 1;
    let written = loop {
        let known = context.definitions(client).await?;
        let old = known.placed.get(&code).cloned();
        let old = old.ok_or_else(|| no_entity(&known.catalog, &code))?;
        check_version((WHAT, &code), old.version, expected)?;
        let deleted = definitions::delete_entity(
            &context.database,
            author(&caller),
            &old,
            expected,
            asked.facts.is_some(),
        );
        let written = deleted.await.context("delete entity")?;
        // What changed is where it is, or what is kept of its groupings, which is nothing to who deletes it.
        if written != Written::Stale(old.version) || tries == MAX_TRIES {
            break written;
        }
        tries += 1;
    };
    version(written, WHAT, &code)?;
    tracing::info!(%client, user = %caller.user, entity = code, with_facts = asked.facts.is_some(), "an entity is deleted");
    follow(&context, client, &code).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Has what came under a code follow while the request waits. The definition is changed by then: what is left, or fails, the upkeep goes on with.
pub(crate) async fn follow(context: &Context, client: Uuid, code: &str) {
    let until = Instant::now() + FOLLOW_WITHIN;
    if let Err(error) = definitions::follow(&context.database, client, code, until).await {
        tracing::error!(%client, code, cause = %error, "what came under a code does not follow yet");
    }
}

pub(crate) async fn kpi(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    const WHAT: &str = "KPI";
    let expected = expected_version(&headers)?;
    // A code with a character that the database has no text of is nobody's.
    let known = context.definitions(caller.client).await?;
    known.catalog.kpi(&code).ok_or_else(|| no_kpi(&known.catalog, &code))?;
    let current = known.kpi_versions.get(&code).copied().unwrap_or_default();
    check_version((WHAT, &code), current, expected)?;
    let pinned = streams::pinned(&context, caller.client, &code).await?;
    if !pinned.is_empty() {
        return Err(in_use(WHAT, &code, &pinned));
    }
    let written = definitions::delete_kpi(&context.database, author(&caller), &code, expected)
        .await
        .context("delete KPI")?;
    version(written, WHAT, &code)?;
    tracing::info!(client = %caller.client, user = %caller.user, kpi = code, "a KPI is deleted");
    Ok(StatusCode::NO_CONTENT)
}
