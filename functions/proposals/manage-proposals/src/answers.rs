//! A draft's answers, and what a proposal costs.

use anyhow::Context as _;
use api_proposals::StepAnswers;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path, Query};
use platform::versions::expected_version;
use proposal::{PriceBook, Questionnaire, StepKey};
use records::proposals::{self as stored, ProposalChange};
use serde::Deserialize;

use crate::{Context, invalid, price};

pub(crate) async fn replace(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path((id, step)): Path<(String, String)>,
    headers: HeaderMap,
    Body(StepAnswers(answers)): Body<StepAnswers>,
) -> Result<Response, Problem> {
    let step = StepKey::named(&step).ok_or_else(|| {
        let steps = StepKey::ALL.map(StepKey::name).join(", ");
        Problem::not_found("step", &step).hint(format!("the steps are {steps}"))
    })?;
    let expected = expected_version(&headers)?;
    context
        .change_proposal(&caller, &id, |attempt| async {
            let proposal = &attempt.proposal;
            let book = PriceBook::of(&proposal.price_book).context("read price book")?;
            let mut answered = proposal.answers.clone();
            let replaced = answered.replace(&Questionnaire::new(book), step, &answers, &attempt.definitions.catalog);
            let same = replaced.is_ok() && answered == proposal.answers;
            if !attempt.is_to_be_edited(expected, same)? {
                return Ok(attempt.unchanged());
            }
            replaced.map_err(|problems| invalid(&format!("the answer to {}", step.name()), problems))?;
            attempt.write(ProposalChange::Answers(&answered)).await
        })
        .await
}

/// A query string without parameters: one that is there by mistake is refused, not ignored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

pub(crate) async fn quote(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, Problem> {
    let found = context.proposal(caller.client, &id).await?;
    if found.issued.is_some() {
        let issued = stored::issued_quote(&context.database, caller.client, found.id, found.revision)
            .await
            .context("read issued quote")?;
        return Ok(Json(issued.context("an issued revision has a quote")?).into_response());
    }
    let definitions = context.definitions(caller.client).await?;
    let (quote, _) = price(&found, &definitions)?;
    Ok(Json(quote).into_response())
}
