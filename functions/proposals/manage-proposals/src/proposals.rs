//! Proposals: begin, list, read.

use anyhow::Context as _;
use api_proposals::{NewProposal, ProposalSummary, Proposals};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform::extract::{Authorized, Json as Body, Path, Query};
use platform::{Problem, idempotency};
use proposal::{Answers, PriceBook, Questionnaire, StepKey, checked_name};
use records::proposals::{self as stored, Creation, MAX_PAGE, NewDraft, StoredProposal};
use serde::Deserialize;
use uuid::Uuid;

use crate::response::proposal_response;
use crate::{Context, current_state, invalid};

pub(crate) async fn create(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    headers: HeaderMap,
    Body(new): Body<NewProposal>,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers, caller.client, "proposals")?;
    let book = PriceBook::newest().context("read price book")?;
    let definitions = context.definitions(caller.client).await?;
    let mut answers = Answers::default();
    let cart = serde_json::json!({ "kpis": new.kpis });
    let chosen = answers.replace(
        &Questionnaire::new(book),
        StepKey::KpiSelection,
        &cart,
        &definitions.catalog,
    );
    let (name, problems) = match checked_name(&new.name) {
        Ok(name) => (name, Vec::new()),
        Err(problem) => (String::new(), vec![problem]),
    };
    let problems: Vec<_> = problems.into_iter().chain(chosen.err().unwrap_or_default()).collect();
    if !problems.is_empty() {
        return Err(invalid("the proposal", problems));
    }
    let request = serde_json::to_vec(&(&name, &answers)).context("write request")?;
    let new = NewDraft {
        id: key.unwrap_or_else(Uuid::now_v7),
        request: key.map(|key| Uuid::new_v5(&key, &request)),
        name: &name,
        price_book: &book.version,
        answers: &answers,
        user: caller.user,
    };
    let begun = stored::create(&context.database, caller.client, &new)
        .await
        .context("create proposal")?;
    let Creation::As(created) = begun else {
        return Err(Problem::conflict("the Idempotency-Key was used for another proposal").hint("send a new key"));
    };
    let location = [(header::LOCATION, format!("/v1/proposals/{}", created.id))];
    let body = proposal_response(*created, &definitions)?;
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
    Authorized(caller): Authorized,
    Query(page): Query<Page>,
) -> Result<Json<Proposals>, Problem> {
    let limit = page.limit.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::invalid(format!("limit is {limit}")).hint(format!("1 to {MAX_PAGE}")));
    }
    if let Some(before) = page.before {
        // An unknown proposal is an error, and not the end of the list.
        context.proposal(caller.client, &before.to_string()).await?;
    }
    let found = stored::list(&context.database, caller.client, page.before, limit)
        .await
        .context("list proposals")?;
    let full = i64::try_from(found.len()).is_ok_and(|count| count == limit);
    let next_before = found.last().map(|last| last.id).filter(|_| full);
    let definitions = context.definitions(caller.client).await?;
    let summary = |stored: StoredProposal| ProposalSummary {
        state: current_state(&stored, &definitions),
        revision: stored.revision,
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
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = context.proposal(caller.client, &id).await?;
    let definitions = context.definitions(caller.client).await?;
    proposal_response(found, &definitions)
}
