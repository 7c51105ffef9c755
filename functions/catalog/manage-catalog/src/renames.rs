//! The routes that give entities, attributes and KPIs other names.
//!
//! The definitions change in one transaction, and streams that are pinned or paused follow after it, in the registry. Who asks for the same once more finds it done, and
//! has what was cut off go on.

use anyhow::Context as _;
use api::catalog::{Entity, Kpi};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use catalog::{EntityRename, KpiRename};
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{check_version, etag, expected_version};
use records::definitions::{self, Author, ClientCatalog, Written};

use crate::deletions::follow;
use crate::refusals::{no_entity, no_kpi, version};
use crate::{Context, MAX_TRIES, author, streams};

pub(crate) async fn entity(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    headers: HeaderMap,
    Body(wanted): Body<EntityRename>,
) -> Result<Response, Problem> {
    let (client, expected) = (caller.client, expected_version(&headers)?);
    let known = context.definitions(client).await?;
    if !is_done(&known, &code, &wanted) {
        rename_entity(&context, author(&caller), (&code, &wanted), expected).await?;
        tracing::info!(%client, user = %caller.user, entity = code, ?wanted, "an entity is renamed");
    }
    let now = context.definitions(client).await?;
    let new = wanted.code.as_deref().unwrap_or(&code);
    let placed = now.placed.get(new).ok_or_else(|| no_entity(&now.catalog, new))?;
    streams::follow_attributes(&context, client, (new, &wanted.attributes), &now.catalog).await?;
    if wanted.code.is_some() {
        follow(&context, client, &code).await;
    }
    let body = Entity {
        definition: placed.entity.definition().clone(),
        version: placed.version,
        hints: Vec::new(),
    };
    Ok((etag(placed.version), Json(body)).into_response())
}

/// Whether the entity that had a code has the wanted names, by such a request before.
fn is_done(known: &ClientCatalog, code: &str, wanted: &EntityRename) -> bool {
    let named = known.catalog.entity(wanted.code.as_deref().unwrap_or(code));
    let is_something = wanted.code.is_some() || !wanted.attributes.is_empty();
    is_something && named.is_some_and(|entity| wanted.is_done(code, entity))
}

async fn rename_entity(
    context: &Context,
    author: Author,
    (code, wanted): (&str, &EntityRename),
    expected: Option<i32>,
) -> Result<(), Problem> {
    const WHAT: &str = "entity";
    let mut tries = 1;
    let written = loop {
        let known = context.definitions(author.client).await?;
        let old = known.placed.get(code).cloned();
        let old = old.ok_or_else(|| no_entity(&known.catalog, code))?;
        check_version((WHAT, code), old.version, expected)?;
        let renamed = definitions::rename_entity(&context.database, author, &old, wanted, expected);
        let written = renamed.await.context("rename entity")?;
        // What changed is where it is, or what is kept of its groupings, which is nothing to who renames it.
        if written != Written::Stale(old.version) || tries == MAX_TRIES {
            break written;
        }
        tries += 1;
    };
    version(written, WHAT, code).map(drop)
}

pub(crate) async fn kpi(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    headers: HeaderMap,
    Body(wanted): Body<KpiRename>,
) -> Result<Response, Problem> {
    const WHAT: &str = "KPI";
    let (client, expected) = (caller.client, expected_version(&headers)?);
    let known = context.definitions(client).await?;
    let is_done = known
        .catalog
        .former_kpi(&code)
        .is_some_and(|kpi| kpi.code() == wanted.code);
    if !is_done {
        known.catalog.kpi(&code).ok_or_else(|| no_kpi(&known.catalog, &code))?;
        let written = definitions::rename_kpi(&context.database, author(&caller), &code, &wanted, expected).await;
        version(written.context("rename KPI")?, WHAT, &code)?;
        tracing::info!(%client, user = %caller.user, kpi = code, new = wanted.code, "a KPI is renamed");
    }
    streams::follow_kpi(&context, client, &code, &wanted.code).await?;
    let now = context.definitions(client).await?;
    let new = wanted.code.as_str();
    let kpi = now.catalog.kpi(new).ok_or_else(|| no_kpi(&now.catalog, new))?;
    let version = now.kpi_versions.get(new).copied().unwrap_or_default();
    let body = Kpi {
        definition: kpi.definition.clone(),
        version,
        refers_to: kpi.refers_to.clone(),
        hints: Vec::new(),
    };
    Ok((etag(version), Json(body)).into_response())
}
