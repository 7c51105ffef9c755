//! Issue, accept, decline. Each has its effect once, however often it is sent.

use anyhow::Context as _;
use api::proposals::{Acceptance, Refusal};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use database::definitions::ClientCatalog;
use database::proposals::{Change, Offer, Stored};
use identity::{Caller, Permission};
use platform::extract::{Authorized, Json as Body, Path};
use platform::problem::Issue;
use platform::versions::{changed_meanwhile, expected_version};
use platform::{Problem, clock};
use proposal::lifecycle::{Action, valid_until};
use proposal::{PriceBook, Quote, RequiredObjects, StepKey};

use crate::shown::shown;
use crate::{Context, WHAT, allowed, state};

/// Most characters of the reason of a refusal.
const MAX_REASON: usize = 1_000;

pub(crate) async fn issue(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::DecideProposals)?;
    let expected = expected_version(&headers)?;
    let found = context.proposal(caller.client, &id).await?;
    let definitions = context.definitions(caller.client).await?;
    if !allowed(&found, state(&found, &definitions), Action::Issue)? {
        return shown(found, &definitions);
    }
    if expected.is_some_and(|expected| expected != found.version) {
        return Err(changed_meanwhile(WHAT, &id, found.version));
    }
    let (quote, required) = complete_quote(&found, &definitions)?;
    let offer = Offer {
        quote: &quote,
        required: &required,
        valid_until: valid_until(definitions.calendar.date(clock::now())),
    };
    let changed = context.change(&caller, &found, Change::Issue(&offer)).await?;
    shown(changed, &definitions)
}

/// The quote, when nothing is missing: an offer is never half of one.
fn complete_quote(found: &Stored, definitions: &ClientCatalog) -> Result<(Quote, RequiredObjects), Problem> {
    let book = PriceBook::of(&found.price_book).context("read price book")?;
    let required = proposal::required_objects(&definitions.catalog, &found.answers.kpi_selection.kpis);
    let quote = proposal::quote(book, &found.answers, &found.terms, &required);
    if quote.complete {
        return Ok((quote, required));
    }
    let missing = quote.missing.iter().map(|missing| Issue {
        pointer: format!("/answers/{}{}", missing.step.name(), missing.pointer),
        detail: format!("not answered: {}", missing.text),
        hint: Some(format!(
            "PUT /v1/proposals/{}/answers/{}",
            found.id,
            missing.step.name()
        )),
        span: None,
    });
    let gone = required.unknown_kpis.iter().map(|code| Issue {
        pointer: format!("/answers/{}/kpis", StepKey::KpiSelection.name()),
        detail: format!("the catalogue has no KPI {code:?} any more"),
        hint: Some("take it out of the cart, or define it again".to_owned()),
        span: None,
    });
    let issues: Vec<Issue> = missing.chain(gone).collect();
    Err(Problem::conflict(format!("{} things are missing before it can be issued", issues.len())).issues(issues))
}

pub(crate) async fn accept(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    Body(Acceptance { revision }): Body<Acceptance>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::DecideProposals)?;
    decide(&context, &caller, &id, revision, Action::Accept, Change::Accept).await
}

pub(crate) async fn decline(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    Body(Refusal { revision, reason }): Body<Refusal>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::DecideProposals)?;
    let reason = reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let length = reason.map_or(0, |reason| reason.chars().count());
    if length > MAX_REASON || reason.is_some_and(|reason| reason.contains('\0')) {
        return Err(Problem::invalid(format!(
            "/reason has {length} characters: up to {MAX_REASON}, and no U+0000, are possible"
        )));
    }
    decide(
        &context,
        &caller,
        &id,
        revision,
        Action::Decline,
        Change::Decline { reason },
    )
    .await
}

async fn decide(
    context: &Context,
    caller: &Caller,
    id: &str,
    revision: i32,
    action: Action,
    change: Change<'_>,
) -> Result<Response, Problem> {
    let found = context.proposal(caller.client, id).await?;
    let definitions = context.definitions(caller.client).await?;
    if revision != found.revision {
        return Err(Problem::conflict(format!(
            "revision {revision} is not the latest of {WHAT} {id:?}, which is {}",
            found.revision
        ))
        .hint("read it again and decide on the latest revision"));
    }
    if !allowed(&found, state(&found, &definitions), action)? {
        return shown(found, &definitions);
    }
    let changed = context.change(caller, &found, change).await?;
    shown(changed, &definitions)
}
