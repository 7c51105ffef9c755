//! Proposals: begin, list, read.

use anyhow::Context as _;
use api::proposals::{NewProposal, Proposal, ProposalSummary, Proposals};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use catalog::Catalog;
use database::proposals::{self as stored, MAX_PAGE, Stored};
use identity::Permission;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path, Query};
use platform::versions::etag;
use proposal::{Answers, PriceBook, Questionnaire, StepKey, checked_name};
use serde::Deserialize;
use uuid::Uuid;

use crate::{Context, WHAT, invalid};

pub(crate) async fn create(
    State(context): State<Context>,
    authorized: Authorized,
    Body(new): Body<NewProposal>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::WriteProposals)?;
    let book = PriceBook::newest().context("read price book")?;
    let catalog = context.catalog(caller.client).await?;
    let mut answers = Answers::default();
    let cart = serde_json::json!({ "kpis": new.kpis });
    let chosen = answers.replace(&Questionnaire::new(book), StepKey::KpiSelection, &cart, &catalog);
    let (name, problems) = match checked_name(&new.name) {
        Ok(name) => (name, Vec::new()),
        Err(problem) => (String::new(), vec![problem]),
    };
    let problems: Vec<_> = problems.into_iter().chain(chosen.err().unwrap_or_default()).collect();
    if !problems.is_empty() {
        return Err(invalid("the proposal", problems));
    }
    let created = stored::create(&context.database, caller.client, &name, &book.version, &answers)
        .await
        .context("create proposal")?;
    let location = [(header::LOCATION, format!("/v1/proposals/{}", created.id))];
    let body = shown(created, &catalog)?;
    Ok((StatusCode::CREATED, location, body).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    before: Option<Uuid>,
    limit: Option<i64>,
}

pub(crate) async fn list(
    State(context): State<Context>,
    authorized: Authorized,
    Query(page): Query<Page>,
) -> Result<Json<Proposals>, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
    let limit = page.limit.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::invalid(format!("limit is {limit}")).hint(format!("1 to {MAX_PAGE}")));
    }
    let found = stored::list(&context.database, caller.client, page.before, limit)
        .await
        .context("list proposals")?;
    let full = i64::try_from(found.len()).is_ok_and(|count| count == limit);
    let next_before = found.last().map(|last| last.id).filter(|_| full);
    let summary = |stored: Stored| ProposalSummary {
        id: stored.id,
        name: stored.name,
        kpis: stored.answers.kpi_selection.kpis.len(),
        version: stored.version,
        updated_at: stored.updated_at,
    };
    Ok(Json(Proposals {
        proposals: found.into_iter().map(summary).collect(),
        next_before,
    }))
}

pub(crate) async fn read(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
    let found = context.proposal(caller.client, &id).await?;
    let catalog = context.catalog(caller.client).await?;
    shown(found, &catalog)
}

/// A proposal as an answer, with its `ETag` and what is missing by the catalogue of now.
pub(crate) fn shown(stored: Stored, catalog: &Catalog) -> Result<Response, Problem> {
    let book = PriceBook::of(&stored.price_book).with_context(|| format!("read price book of {WHAT} {}", stored.id))?;
    let required = proposal::required_objects(catalog, &stored.answers.kpi_selection.kpis);
    let body = Proposal {
        missing: proposal::missing(&Questionnaire::new(book), &stored.answers, &required),
        id: stored.id,
        name: stored.name,
        price_book: stored.price_book,
        version: stored.version,
        answers: stored.answers,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    };
    Ok((etag(stored.version), Json(body)).into_response())
}
