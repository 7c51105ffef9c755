//! Issue, accept, decline. Each has its effect once, however often it is sent.

use anyhow::Context as _;
use api::domain_events::EventPayload;
use api_proposals::{Acceptance, IssueRequest, Refusal};
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use identity::Caller;
use platform::extract::{Authorized, CorrelationId, Json as Body, Path};
use platform::problem::Issue;
use platform::versions::{expected_fingerprint, expected_version};
use platform::{Problem, clock};
use proposal::lifecycle::{Action, State, valid_until};
use proposal::{Quote, RequiredObjects, Section, StepKey};
use records::definitions::ClientCatalog;
use records::proposals::{self as stored, Offer, ProposalChange, StoredProposal};
use uuid::Uuid;

use crate::response::price_fingerprint;
use crate::schedule::kept_plan;
use crate::{Context, WHAT, another_revision, event, is_to_be_done, issued_state, letters, price};

/// The most characters of the reason for declining.
const MAX_REASON: usize = 1_000;

pub(crate) async fn issue(
    Extracted(context): Extracted<Context>,
    Authorized(caller): Authorized,
    CorrelationId(correlation): CorrelationId,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(IssueRequest { revision }): Body<IssueRequest>,
) -> Result<Response, Problem> {
    let expected = expected_version(&headers)?;
    let price_read = expected_fingerprint(&headers);
    context
        .change_proposal(&caller, &id, |attempt| async {
            let proposal = &attempt.proposal;
            if revision != proposal.revision {
                return Err(another_revision(revision, proposal.revision));
            }
            if !is_to_be_done(revision, attempt.state(), Action::Issue)? {
                return Ok(attempt.unchanged());
            }
            attempt.check_version(expected)?;
            let (quote, required) = complete_quote(proposal, &attempt.definitions)?;
            if let Some(read) = price_read
                && price_fingerprint(proposal.id, &quote).is_ok_and(|price| price != read)
            {
                return Err(price_changed(&id));
            }
            let plan = kept_plan(proposal, &quote, &required).await?;
            let today = attempt.definitions.calendar.date(clock::now());
            let valid_until = valid_until(today);
            let offer = Offer {
                quote: &quote,
                required: &required,
                today,
                valid_until,
                plan: plan.as_ref(),
            };
            letters::check(&context.database, &caller, proposal, &offer).await?;
            let payload = EventPayload::ProposalIssued {
                proposal: proposal.id,
                revision,
                valid_until,
            };
            let event = event(&caller, &correlation, payload);
            attempt.write_and_publish(ProposalChange::Issue(&offer), &event).await
        })
        .await
}

/// 412: nobody has changed the draft, but it no longer costs what it did when it was read.
fn price_changed(id: &str) -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "price-changed",
        "The price has changed",
        format!("{WHAT} {id:?} is priced by the catalogue, which has changed since you read the proposal"),
    )
    .hint("read the quote and the proposal again, and send the proposal's new ETag")
}

/// The quote, when nothing is missing: an offer is never half of one.
fn complete_quote(draft: &StoredProposal, definitions: &ClientCatalog) -> Result<(Quote, RequiredObjects), Problem> {
    let (quote, required) = price(draft, definitions)?;
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
            draft.id,
            missing.step.name()
        )),
        span: None,
    });
    let gone = required.unknown_kpis.iter().map(|code| Issue {
        pointer: format!("/answers/{}/kpis", StepKey::KpiSelection.name()),
        detail: format!("the catalogue no longer has a KPI {code:?}"),
        hint: Some("take it out of the cart, or define it again".to_owned()),
        span: None,
    });
    let issues: Vec<Issue> = missing.chain(gone).chain(free).collect();
    Err(Problem::conflict("the proposal can't be issued until these are settled").issues(issues))
}

pub(crate) async fn accept(
    Extracted(context): Extracted<Context>,
    Authorized(caller): Authorized,
    CorrelationId(correlation): CorrelationId,
    Path(id): Path<String>,
    Body(Acceptance { revision }): Body<Acceptance>,
) -> Result<Response, Problem> {
    let decision = Decision {
        revision,
        action: Action::Accept,
        change: ProposalChange::Accept { revision },
        payload: |proposal, revision| EventPayload::ProposalAccepted { proposal, revision },
    };
    decide(&context, (&caller, &correlation), &id, decision).await
}

pub(crate) async fn decline(
    Extracted(context): Extracted<Context>,
    Authorized(caller): Authorized,
    CorrelationId(correlation): CorrelationId,
    Path(id): Path<String>,
    Body(Refusal { revision, reason }): Body<Refusal>,
) -> Result<Response, Problem> {
    let reason = reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let length = reason.map_or(0, |reason| reason.chars().count());
    let strange = |character: char| character.is_control() && character != '\n';
    if length > MAX_REASON || reason.is_some_and(|reason| reason.contains(strange)) {
        return Err(Problem::invalid(format!(
            "/reason has {length} characters: at most {MAX_REASON} are allowed, and no control characters other than line feeds"
        )));
    }
    let decision = Decision {
        revision,
        action: Action::Decline,
        change: ProposalChange::Decline { revision, reason },
        payload: |proposal, revision| EventPayload::ProposalDeclined { proposal, revision },
    };
    decide(&context, (&caller, &correlation), &id, decision).await
}

/// What becomes of an issued revision.
struct Decision<'a> {
    revision: i32,
    /// What must be allowed.
    action: Action,
    /// What is stored.
    change: ProposalChange<'a>,
    /// The event that tells of it.
    payload: fn(Uuid, i32) -> EventPayload,
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
        payload,
    } = decision;
    context
        .change_proposal(caller, id, |attempt| async {
            let proposal = &attempt.proposal;
            // A draft that was begun after an offer does not withdraw it.
            let issued = stored::revisions(&context.database, caller.client, proposal.id).await;
            let issued = issued.context("read revisions")?;
            let state = match issued.iter().find(|(issued, _)| issued.revision == revision) {
                Some((issued, _)) => issued_state(issued, &attempt.definitions),
                None if revision == proposal.revision => State::Draft,
                None => return Err(another_revision(revision, proposal.revision)),
            };
            if !is_to_be_done(revision, state, action)? {
                // It may have been decided after the proposal was read and before its revisions were.
                return attempt.read_again().await;
            }
            let event = event(caller, correlation, payload(proposal.id, revision));
            attempt.write_and_publish(change, &event).await
        })
        .await
}
