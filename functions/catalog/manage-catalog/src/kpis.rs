//! The routes of KPIs: create, replace, read, delete.

use anyhow::Context as _;
use api::catalog::{Hint, Kpi, Written};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use catalog::{Catalog, KpiDefinition};
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{changed_meanwhile, etag, expected_version};
use records::definitions;

use crate::refusals::{invalid, version};
use crate::{Context, same_code};

const WHAT: &str = "KPI";

pub(crate) async fn create(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(Written(definition)): Body<Written<KpiDefinition>>,
) -> Result<Response, Problem> {
    let code = definition.code.clone();
    let written = definitions::create_kpi(&context.database, caller.client, &definition)
        .await
        .context("create KPI")?;
    let version = version(written, WHAT, &code)?;
    let location = [(header::LOCATION, format!("/v1/kpis/{code}"))];
    let known = context.definitions(caller.client).await?;
    let body = Kpi {
        definition,
        version,
        hints: known
            .catalog
            .kpi(&code)
            .map_or_else(Vec::new, |kpi| hints(kpi, &known.catalog)),
    };
    Ok((StatusCode::CREATED, etag(version), location, Json(body)).into_response())
}

fn hints(kpi: &catalog::Kpi, catalog: &Catalog) -> Vec<Hint> {
    let hints = kpi.hints(catalog).into_iter();
    hints
        .map(|hint| Hint {
            pointer: hint.pointer,
            detail: hint.message,
            hint: hint.hint,
            span: hint.span.map(|span| [span.start, span.end]),
        })
        .collect()
}

pub(crate) async fn read(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let known = context.definitions(caller.client).await?;
    let kpi = known
        .catalog
        .kpi(&code)
        .ok_or_else(|| Problem::not_found(WHAT, &code))?;
    let version = known.kpi_versions.get(&code).copied().unwrap_or_default();
    Ok((
        etag(version),
        Json(Kpi {
            definition: kpi.definition.clone(),
            version,
            hints: Vec::new(),
        }),
    )
        .into_response())
}

pub(crate) async fn replace(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    headers: HeaderMap,
    Body(Written(definition)): Body<Written<KpiDefinition>>,
) -> Result<Response, Problem> {
    let expected = expected_version(&headers)?;
    same_code(&code, &definition.code)?;
    let known = context.definitions(caller.client).await?;
    let old = known.kpi_versions.get(&code).copied();
    let old = old.ok_or_else(|| Problem::not_found(WHAT, &code))?;
    if expected.is_some_and(|expected| expected != old) {
        return Err(changed_meanwhile(WHAT, &code, old));
    }
    let kpi = definition
        .validate(&known.catalog)
        .map_err(|problems| invalid(WHAT, &code, problems))?;
    let written = definitions::replace_kpi(&context.database, caller.client, &kpi, expected)
        .await
        .context("replace KPI")?;
    let version = version(written, WHAT, &code)?;
    let hints = hints(&kpi, &known.catalog);
    Ok((
        etag(version),
        Json(Kpi {
            definition: kpi.definition,
            version,
            hints,
        }),
    )
        .into_response())
}

pub(crate) async fn delete(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let expected = expected_version(&headers)?;
    // A code with a character that the database has no text of is nobody's.
    let known = context.definitions(caller.client).await?;
    known
        .catalog
        .kpi(&code)
        .ok_or_else(|| Problem::not_found(WHAT, &code))?;
    let written = definitions::delete_kpi(&context.database, caller.client, &code, expected)
        .await
        .context("delete KPI")?;
    version(written, WHAT, &code)?;
    Ok(StatusCode::NO_CONTENT)
}
