//! A proposal's answers, and what they cost.

use anyhow::Context as _;
use api::proposals::StepAnswers;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use database::proposals::{self as stored, Changed};
use identity::Permission;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{changed_meanwhile, expected_version};
use proposal::{PriceBook, Questionnaire, Quote, StepKey};

use crate::proposals::shown;
use crate::{Context, WHAT, invalid};

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
    let mut found = context.proposal(caller.client, &id).await?;
    if expected.is_some_and(|expected| expected != found.version) {
        return Err(changed_meanwhile(WHAT, &id, found.version));
    }
    let catalog = context.catalog(caller.client).await?;
    let book = PriceBook::of(&found.price_book).context("read price book")?;
    found
        .answers
        .replace(&Questionnaire::new(book), step, &answers, &catalog)
        .map_err(|problems| invalid(&format!("the answer to {}", step.name()), problems))?;
    let written = stored::replace_answers(
        &context.database,
        caller.client,
        found.id,
        &found.answers,
        found.version,
    )
    .await
    .context("replace answers")?;
    match written {
        Changed::To(version, updated_at) => {
            (found.version, found.updated_at) = (version, updated_at);
            shown(found, &catalog)
        }
        Changed::Stale(version) => Err(changed_meanwhile(WHAT, &id, version)),
        Changed::Missing => Err(Problem::not_found(WHAT, &id)),
    }
}

pub(crate) async fn quote(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
) -> Result<Json<Quote>, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
    let found = context.proposal(caller.client, &id).await?;
    let catalog = context.catalog(caller.client).await?;
    let book = PriceBook::of(&found.price_book).context("read price book")?;
    let required = proposal::required_objects(&catalog, &found.answers.kpi_selection.kpis);
    Ok(Json(proposal::quote(book, &found.answers, &required)))
}
