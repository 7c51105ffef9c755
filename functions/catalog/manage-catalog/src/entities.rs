//! The routes of entities: create, replace, read.

use anyhow::Context as _;
use api::catalog::{Entity, Written};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use catalog::EntityDefinition;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{check_version, etag, expected_version};
use records::definitions;

use crate::hints::shown;
use crate::refusals::{invalid, no_entity, version};
use crate::{Context, MAX_TRIES, author, same_code};

const WHAT: &str = "entity";

pub(crate) async fn create(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(Written(definition)): Body<Written<EntityDefinition>>,
) -> Result<Response, Problem> {
    let code = definition.code.clone();
    let entity = definition
        .validate()
        .map_err(|problems| invalid(WHAT, &code, problems))?;
    let written = definitions::create_entity(&context.database, author(&caller), &entity)
        .await
        .context("create entity")?;
    let version = version(written, WHAT, &code)?;
    let location = [(header::LOCATION, format!("/v1/entities/{code}"))];
    let body = Entity {
        definition: entity.definition().clone(),
        version,
        hints: shown(entity.hints()),
    };
    Ok((StatusCode::CREATED, etag(version), location, Json(body)).into_response())
}

pub(crate) async fn read(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let definitions = context.definitions(caller.client).await?;
    let placed = definitions
        .placed
        .get(&code)
        .ok_or_else(|| no_entity(&definitions.catalog, &code))?;
    let body = Entity {
        definition: placed.entity.definition().clone(),
        version: placed.version,
        hints: Vec::new(),
    };
    Ok((etag(placed.version), Json(body)).into_response())
}

pub(crate) async fn replace(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    headers: HeaderMap,
    Body(Written(definition)): Body<Written<EntityDefinition>>,
) -> Result<Response, Problem> {
    let expected = expected_version(&headers)?;
    same_code(&code, &definition.code)?;
    let mut tries = 1;
    let (entity, written) = loop {
        let known = context.definitions(caller.client).await?;
        let old = known.placed.get(&code).cloned();
        let old = old.ok_or_else(|| no_entity(&known.catalog, &code))?;
        // Who replaces another version than he knows is told that first: what is wrong with his definition may be what others have changed.
        check_version((WHAT, &code), old.version, expected)?;
        let mut catalog = known.catalog.clone();
        let entity = catalog
            .replace_entity(definition.clone())
            .map_err(|problems| invalid(WHAT, &code, problems))?;
        let written = definitions::replace_entity(&context.database, author(&caller), &old, &entity, expected)
            .await
            .context("replace entity")?;
        // What changed is where it is, or what is kept of its groupings, which is nothing to who replaces it.
        if written != definitions::Written::Stale(old.version) || tries == MAX_TRIES {
            break (entity, written);
        }
        tries += 1;
    };
    let version = version(written, WHAT, &code)?;
    let body = Entity {
        definition: entity.definition().clone(),
        version,
        hints: shown(entity.hints()),
    };
    Ok((etag(version), Json(body)).into_response())
}
