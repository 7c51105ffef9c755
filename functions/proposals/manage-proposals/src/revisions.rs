//! Revisions: those that were issued, and the beginning of the next.

use anyhow::Context as _;
use api::proposals::{Next, Revision, RevisionSummary, Revisions};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use identity::Permission;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use proposal::changes;
use proposal::lifecycle::Action;
use records::proposals::{self as stored, Change, Issued, MAX_REVISIONS};
use serde_json::{Value, json};

use crate::shown::{issued, shown};
use crate::{Context, MAX_TRIES, WHAT, allowed, another_revision, standing, state, too_busy};

pub(crate) async fn begin(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    Body(Next { after }): Body<Next>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::WriteProposals)?;
    for _ in 0..MAX_TRIES {
        let (found, definitions) = context.read(&caller, &id).await?;
        // It has begun already, when this is the draft that follows.
        if found.issued.is_none() && after.checked_add(1) == Some(found.revision) {
            return shown(found, &definitions);
        }
        if after != found.revision || found.issued.is_none() {
            return Err(another_revision(after, found.revision));
        }
        allowed(after, state(&found, &definitions), Action::Revise)?;
        if found.revision >= MAX_REVISIONS {
            let full = format!("{WHAT} {id:?} has {MAX_REVISIONS} revisions, which are the most");
            return Err(Problem::conflict(full).hint("begin a new proposal"));
        }
        if let Some(changed) = context.change(&caller, &found, Change::Revise).await? {
            return shown(changed, &definitions);
        }
    }
    Err(too_busy(&id))
}

pub(crate) async fn list(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
) -> Result<Json<Revisions>, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
    let (found, definitions) = context.read(&caller, &id).await?;
    let all = stored::revisions(&context.database, caller.client, found.id)
        .await
        .context("read revisions")?;
    let summary = |(one, totals): (Issued, Value)| RevisionSummary {
        revision: one.revision,
        state: standing(&one, &definitions),
        totals,
        issued: issued(one),
    };
    Ok(Json(Revisions {
        revisions: all.into_iter().map(summary).collect(),
    }))
}

pub(crate) async fn read(
    State(context): State<Context>,
    authorized: Authorized,
    Path((id, revision)): Path<(String, i32)>,
) -> Result<Json<Revision>, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
    let (found, definitions) = context.read(&caller, &id).await?;
    let mut two = stored::revision(&context.database, caller.client, found.id, revision)
        .await
        .context("read revision")?;
    let one = two.pop().filter(|one| one.issued.revision == revision);
    let one = one.ok_or_else(|| {
        Problem::not_found("issued revision", &revision.to_string()).hint("GET /v1/proposals/{id}/revisions lists them")
    })?;
    let compared = |one: &stored::Revision| {
        let totals = one.quote.get("totals").cloned().unwrap_or_default();
        json!({ "answers": one.answers, "terms": one.terms, "totals": totals })
    };
    Ok(Json(Revision {
        revision,
        state: standing(&one.issued, &definitions),
        changes: two
            .pop()
            .map(|before| changes(&compared(&before), &compared(&one)))
            .unwrap_or_default(),
        issued: issued(one.issued),
        answers: one.answers,
        terms: one.terms,
        quote: one.quote,
        plan: one.plan,
    }))
}
