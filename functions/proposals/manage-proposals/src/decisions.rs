//! Issue, accept, decline. Each has its effect once, however often it is sent.

use anyhow::Context as _;
use api::domain_events::Happening;
use api::proposals::{Acceptance, Issue as IssueRequest, Refusal};
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use identity::{Caller, Permission};
use platform::extract::{Authorized, CorrelationId, Json as Body, Path};
use platform::problem::Issue;
use platform::versions::{changed_meanwhile, expected_mark, expected_version};
use platform::{Problem, clock};
use proposal::lifecycle::{Action, State, valid_until};
use proposal::{Quote, RequiredObjects, Section, StepKey};
use records::definitions::ClientCatalog;
use records::proposals::{self as stored, Change, Offer, Stored};
use uuid::Uuid;

use crate::schedule::kept_plan;
use crate::shown::{mark, shown};
use crate::{Context, MAX_TRIES, WHAT, allowed, another_revision, event, quoted, standing, state, too_busy};

/// Most characters of the reason of a refusal.
const MAX_REASON: usize = 1_000;

pub(crate) async fn issue(
    Extracted(context): Extracted<Context>,
    authorized: Authorized,
    CorrelationId(correlation): CorrelationId,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(IssueRequest { revision }): Body<IssueRequest>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::DecideProposals)?;
    let expected = expected_version(&headers)?;
    for _ in 0..MAX_TRIES {
        let (found, definitions) = context.read(&caller, &id).await?;
        if revision != found.revision {
            return Err(another_revision(revision, found.revision));
        }
        if !allowed(revision, state(&found, &definitions), Action::Issue)? {
            return shown(found, &definitions);
        }
        if expected.is_some_and(|expected| expected != found.version) {
            return Err(changed_meanwhile(WHAT, &id, found.version));
        }
        let (quote, required) = complete_quote(&found, &definitions)?;
        if expected_mark(&headers).is_some_and(|read| mark(found.id, &quote).is_ok_and(|mark| mark != read)) {
            return Err(another_price(&id));
        }
        let plan = kept_plan(&found, &quote, &required).await?;
        let today = definitions.calendar.date(clock::now());
        let valid_until = valid_until(today);
        let offer = Offer {
            quote: &quote,
            required: &required,
            today,
            valid_until,
            plan: plan.as_ref(),
        };
        let what = Happening::ProposalIssued {
            proposal: found.id,
            revision,
            valid_until,
        };
        let told = event(&caller, &correlation, what);
        let changed = context.change_and_tell(&caller, &found, Change::Issue(&offer), &told);
        if let Some(changed) = changed.await? {
            return shown(changed, &definitions);
        }
    }
    Err(too_busy(&id))
}

/// 412: nobody has changed the draft, and it costs something else than it did when it was read.
fn another_price(id: &str) -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "price-changed",
        "The price has changed",
        format!("{WHAT} {id:?} is priced by the catalogue, which was changed since you have read it"),
    )
    .hint("read the quote and the proposal again, and send the proposal's new ETag")
}

/// The quote, when nothing is missing: an offer is never half of one.
fn complete_quote(found: &Stored, definitions: &ClientCatalog) -> Result<(Quote, RequiredObjects), Problem> {
    let (quote, required) = quoted(found, definitions)?;
    let licensed = quote.lines.iter().any(|line| line.section == Section::Licensing);
    if quote.complete && licensed {
        return Ok((quote, required));
    }
    let free = (!licensed).then(|| Issue {
        pointer: format!("/answers/{}/additional_value_chains", StepKey::Licensing.name()),
        detail: "no KPI of the cart belongs to a value chain, so nothing would be licensed".to_owned(),
        hint: Some("give a KPI its value chain in the catalogue, or add one under licensing".to_owned()),
        span: None,
    });
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
    let issues: Vec<Issue> = missing.chain(gone).chain(free).collect();
    Err(Problem::conflict("the proposal can't be issued before these are settled").issues(issues))
}

pub(crate) async fn accept(
    Extracted(context): Extracted<Context>,
    authorized: Authorized,
    CorrelationId(correlation): CorrelationId,
    Path(id): Path<String>,
    Body(Acceptance { revision }): Body<Acceptance>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::DecideProposals)?;
    let decision = Decision {
        revision,
        action: Action::Accept,
        change: Change::Accept { revision },
        told: |proposal, revision| Happening::ProposalAccepted { proposal, revision },
    };
    decide(&context, (&caller, &correlation), &id, decision).await
}

pub(crate) async fn decline(
    Extracted(context): Extracted<Context>,
    authorized: Authorized,
    CorrelationId(correlation): CorrelationId,
    Path(id): Path<String>,
    Body(Refusal { revision, reason }): Body<Refusal>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::DecideProposals)?;
    let reason = reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let length = reason.map_or(0, |reason| reason.chars().count());
    let strange = |character: char| character.is_control() && character != '\n';
    if length > MAX_REASON || reason.is_some_and(|reason| reason.contains(strange)) {
        return Err(Problem::invalid(format!(
            "/reason has {length} characters: up to {MAX_REASON} are possible, and no control characters but line feeds"
        )));
    }
    let decision = Decision {
        revision,
        action: Action::Decline,
        change: Change::Decline { revision, reason },
        told: |proposal, revision| Happening::ProposalDeclined { proposal, revision },
    };
    decide(&context, (&caller, &correlation), &id, decision).await
}

/// What becomes of an issued revision.
struct Decision<'a> {
    revision: i32,
    /// What must be allowed.
    action: Action,
    /// What is stored.
    change: Change<'a>,
    /// What the others are told.
    told: fn(Uuid, i32) -> Happening,
}

async fn decide(
    context: &Context,
    (caller, correlation): (&Caller, &str),
    id: &str,
    decision: Decision<'_>,
) -> Result<Response, Problem> {
    let Decision {
        revision,
        action,
        change,
        told,
    } = decision;
    for _ in 0..MAX_TRIES {
        let (found, definitions) = context.read(caller, id).await?;
        // A draft that was begun after an offer does not withdraw it.
        let known = stored::revisions(&context.database, caller.client, found.id).await;
        let known = known.context("read revisions")?;
        let state = match known.iter().find(|(issued, _)| issued.revision == revision) {
            Some((issued, _)) => standing(issued, &definitions),
            None if revision == found.revision => State::Draft,
            None => return Err(another_revision(revision, found.revision)),
        };
        if !allowed(revision, state, action)? {
            // Read again: it may have been decided after the proposal was read and before its revisions were.
            return shown(context.proposal(caller.client, id).await?, &definitions);
        }
        let told = event(caller, correlation, told(found.id, revision));
        let changed = context.change_and_tell(caller, &found, change, &told);
        if let Some(changed) = changed.await? {
            return shown(changed, &definitions);
        }
    }
    Err(too_busy(id))
}
