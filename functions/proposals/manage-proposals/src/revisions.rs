//! Revisions: those that were issued, and the beginning of the next.

use anyhow::Context as _;
use api_proposals::{Revision, RevisionRequest, RevisionSummary, Revisions};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::list::{List, Page};
use proposal::differences;
use proposal::lifecycle::Action;
use records::proposals::{self as stored, IssuedRevision, MAX_REVISIONS, ProposalChange, StoredProposal};
use serde_json::{Value, json};

use crate::response::issued;
use crate::{Context, WHAT, another_revision, is_to_be_done, issued_state};

pub(crate) async fn begin(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    Body(RevisionRequest { after }): Body<RevisionRequest>,
) -> Result<Response, Problem> {
    context
        .change_proposal(&caller, &id, |attempt| async {
            let StoredProposal {
                revision, ref issued, ..
            } = attempt.proposal;
            // It has begun already when this is the draft that follows.
            if issued.is_none() && after.checked_add(1) == Some(revision) {
                return Ok(attempt.unchanged());
            }
            if after != revision || issued.is_none() {
                return Err(another_revision(after, revision));
            }
            is_to_be_done(after, attempt.state(), Action::Revise)?;
            if revision >= MAX_REVISIONS {
                let full = format!("{WHAT} {id:?} has {revision} revisions: the limit is {MAX_REVISIONS}");
                return Err(Problem::conflict(full).hint("begin a new proposal"));
            }
            attempt.write(ProposalChange::Revise).await
        })
        .await
}

pub(crate) async fn list(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    list: List,
) -> Result<Json<Revisions>, Problem> {
    let (found, definitions) = context.read(&caller, &id).await?;
    let all = stored::revisions(&context.database, caller.client, found.id)
        .await
        .context("read revisions")?;
    let summary = |(one, totals): (IssuedRevision, Value)| RevisionSummary {
        revision: one.revision,
        state: issued_state(&one, &definitions),
        totals,
        issued: issued(one),
    };
    let after: Option<i32> = list.after()?;
    let keyed = all.into_iter().map(|one| (one.0.revision, summary(one)));
    let following = keyed.filter(|(revision, _)| after.is_none_or(|after| *revision > after));
    let is_wanted = |one: &RevisionSummary| list.text("state").is_none_or(|state| one.state.name() == state);
    let found = following.filter(|(_, one)| is_wanted(one));
    let Page { items: revisions, next } = list.page(found, None)?;
    Ok(Json(Revisions { revisions, next }))
}

pub(crate) async fn read(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path((id, revision)): Path<(String, i32)>,
) -> Result<Json<Revision>, Problem> {
    let (found, definitions) = context.read(&caller, &id).await?;
    let mut two = stored::revision(&context.database, caller.client, found.id, revision)
        .await
        .context("read revision")?;
    let one = two.pop().filter(|one| one.issued.revision == revision);
    let one = one.ok_or_else(|| {
        Problem::not_found("issued revision", &revision.to_string()).hint("GET /v1/proposals/{id}/revisions lists them")
    })?;
    let compared = |one: &stored::RevisionContents| {
        let totals = one.quote.get("totals").cloned().unwrap_or_default();
        json!({ "answers": one.answers, "terms": one.terms, "totals": totals })
    };
    Ok(Json(Revision {
        revision,
        state: issued_state(&one.issued, &definitions),
        changes: two
            .pop()
            .map(|before| differences(&compared(&before), &compared(&one)))
            .unwrap_or_default(),
        issued: issued(one.issued),
        answers: one.answers,
        terms: one.terms,
        quote: one.quote,
        plan: one.plan,
    }))
}
