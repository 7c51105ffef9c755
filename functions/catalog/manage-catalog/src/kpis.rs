//! The routes of KPIs: create, replace, read.

use anyhow::Context as _;
use api::catalog::{Kpi, Written};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use catalog::KpiDefinition;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{check_version, etag, expected_version};
use records::definitions;

use crate::hints::shown;
use crate::refusals::{invalid, no_kpi, version};
use crate::{Context, author, same_code};

const WHAT: &str = "KPI";

pub(crate) async fn create(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(Written(definition)): Body<Written<KpiDefinition>>,
) -> Result<Response, Problem> {
    let code = definition.code.clone();
    let written = definitions::create_kpi(&context.database, author(&caller), &definition)
        .await
        .context("create KPI")?;
    let version = version(written, WHAT, &code)?;
    let location = [(header::LOCATION, format!("/v1/kpis/{code}"))];
    let known = context.definitions(caller.client).await?;
    let defined = known.catalog.kpi(&code);
    let body = Kpi {
        definition,
        version,
        refers_to: defined.map_or_else(Vec::new, |kpi| kpi.refers_to.clone()),
        hints: defined.map_or_else(Vec::new, |kpi| shown(kpi.hints(&known.catalog))),
    };
    Ok((StatusCode::CREATED, etag(version), location, Json(body)).into_response())
}

pub(crate) async fn read(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let known = context.definitions(caller.client).await?;
    let kpi = known.catalog.kpi(&code).ok_or_else(|| no_kpi(&known.catalog, &code))?;
    let version = known.kpi_versions.get(&code).copied().unwrap_or_default();
    Ok((
        etag(version),
        Json(Kpi {
            definition: kpi.definition.clone(),
            version,
            refers_to: kpi.refers_to.clone(),
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
    let old = old.ok_or_else(|| no_kpi(&known.catalog, &code))?;
    check_version((WHAT, &code), old, expected)?;
    let kpi = definition
        .validate(&known.catalog)
        .map_err(|problems| invalid(WHAT, &code, problems))?;
    let written = definitions::replace_kpi(&context.database, author(&caller), &kpi, expected)
        .await
        .context("replace KPI")?;
    let version = version(written, WHAT, &code)?;
    let hints = shown(kpi.hints(&known.catalog));
    Ok((
        etag(version),
        Json(Kpi {
            definition: kpi.definition,
            version,
            refers_to: kpi.refers_to,
            hints,
        }),
    )
        .into_response())
}
