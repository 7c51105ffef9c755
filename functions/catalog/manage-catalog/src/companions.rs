//! The routes of what stands beside entities and KPIs, of every kind alike: create, read, replace, delete.

use anyhow::Context as _;
use api::catalog::Written;
use api::catalog::companions::Defined;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use catalog::Companion;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{check_version, etag, expected_version};
use records::definitions::{self, ClientCatalog};

use crate::refusals::version;
use crate::{Context, same_code};

pub(crate) async fn create<C: Companion>(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(Written(definition)): Body<Written<C>>,
) -> Result<Response, Problem> {
    let code = definition.code().to_owned();
    let written = definitions::create_companion(&context.database, caller.client, &definition).await;
    let version = version(written.with_context(|| format!("create {}", C::WHAT))?, C::WHAT, &code)?;
    let location = [(header::LOCATION, format!("/v1/{}/{code}", C::COLLECTION))];
    let body = Json(Defined { definition, version });
    Ok((StatusCode::CREATED, etag(version), location, body).into_response())
}

pub(crate) async fn read<C: Companion>(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let known = context.definitions(caller.client).await?;
    let version = current_version::<C>(&known, &code)?;
    let found = known.catalog.companion::<C>(&code);
    let definition = C::clone(found.ok_or_else(|| Problem::not_found(C::WHAT, &code))?);
    Ok((etag(version), Json(Defined { definition, version })).into_response())
}

pub(crate) async fn replace<C: Companion>(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    headers: HeaderMap,
    Body(Written(definition)): Body<Written<C>>,
) -> Result<Response, Problem> {
    let expected = expected_version(&headers)?;
    same_code(&code, definition.code())?;
    let known = context.definitions(caller.client).await?;
    expect::<C>(&known, &code, expected)?;
    let written = definitions::replace_companion(&context.database, caller.client, &definition, expected).await;
    let version = version(written.with_context(|| format!("replace {}", C::WHAT))?, C::WHAT, &code)?;
    Ok((etag(version), Json(Defined { definition, version })).into_response())
}

pub(crate) async fn delete<C: Companion>(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let expected = expected_version(&headers)?;
    // A code with a character that the database has no text of is nobody's.
    let known = context.definitions(caller.client).await?;
    expect::<C>(&known, &code, expected)?;
    let written = definitions::delete_companion::<C>(&context.database, caller.client, &code, expected).await;
    version(written.with_context(|| format!("delete {}", C::WHAT))?, C::WHAT, &code)?;
    tracing::info!(client = %caller.client, user = %caller.user, what = C::WHAT, code, "a definition is deleted");
    Ok(StatusCode::NO_CONTENT)
}

fn current_version<C: Companion>(known: &ClientCatalog, code: &str) -> Result<i32, Problem> {
    let version = known.companion_version::<C>(code);
    version.ok_or_else(|| Problem::not_found(C::WHAT, code))
}

/// Who replaces another version than he knows is told that before what is wrong with his definition.
fn expect<C: Companion>(known: &ClientCatalog, code: &str, expected: Option<i32>) -> Result<(), Problem> {
    check_version((C::WHAT, code), current_version::<C>(known, code)?, expected)
}
