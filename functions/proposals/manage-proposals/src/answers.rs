//! A draft's answers, and what a proposal costs.

use anyhow::Context as _;
use api::proposals::StepAnswers;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use identity::Permission;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path, Query};
use platform::versions::{changed_meanwhile, expected_version};
use proposal::lifecycle::Action;
use proposal::{PriceBook, Questionnaire, StepKey};
use records::proposals::{self as stored, Change};
use serde::Deserialize;

use crate::shown::shown;
use crate::{Context, MAX_TRIES, WHAT, allowed, invalid, quoted, state, too_busy};

pub(crate) async fn replace(
    State(context): State<Context>,
    authorized: Authorized,
    Path((id, step)): Path<(String, String)>,
    headers: HeaderMap,
    Body(StepAnswers(answers)): Body<StepAnswers>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::WriteProposals)?;
    let step = StepKey::named(&step).ok_or_else(|| {
        let steps = StepKey::ALL.map(StepKey::name).join(", ");
        Problem::not_found("step", &step).hint(format!("the steps are {steps}"))
    })?;
    let expected = expected_version(&headers)?;
    for _ in 0..MAX_TRIES {
        let (found, definitions) = context.read(&caller, &id).await?;
        let book = PriceBook::of(&found.price_book).context("read price book")?;
        let mut answered = found.answers.clone();
        let replaced = answered.replace(&Questionnaire::new(book), step, &answers, &definitions.catalog);
        // The same answer again: a repeated request finds its own effect, whatever version it names.
        if replaced.is_ok() && answered == found.answers && expected.is_none_or(|expected| expected <= found.version) {
            return shown(found, &definitions);
        }
        if expected.is_some_and(|expected| expected != found.version) {
            return Err(changed_meanwhile(WHAT, &id, found.version));
        }
        allowed(found.revision, state(&found, &definitions), Action::Edit)?;
        replaced.map_err(|problems| invalid(&format!("the answer to {}", step.name()), problems))?;
        if let Some(changed) = context.change(&caller, &found, Change::Answers(&answered)).await? {
            return shown(changed, &definitions);
        }
    }
    Err(too_busy(&id))
}

/// A query string without parameters: one that is misspelt would silently be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

pub(crate) async fn quote(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
    let found = context.proposal(caller.client, &id).await?;
    if found.issued.is_some() {
        let issued = stored::issued_quote(&context.database, caller.client, found.id, found.revision)
            .await
            .context("read issued quote")?;
        return Ok(Json(issued.context("an issued revision has a quote")?).into_response());
    }
    let definitions = context.definitions(caller.client).await?;
    let (quote, _) = quoted(&found, &definitions)?;
    Ok(Json(quote).into_response())
}
