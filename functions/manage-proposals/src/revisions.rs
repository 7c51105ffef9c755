//! Revisions: those that were issued, and the beginning of the next.

use anyhow::Context as _;
use api::proposals::{Revision, Revisions};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use database::proposals::{self as stored, Change, MAX_REVISIONS};
use identity::Permission;
use platform::extract::{Authorized, Path};
use platform::{Problem, clock};
use proposal::changes;
use proposal::lifecycle::Action;
use serde_json::{Value, json};

use crate::shown::{issued, shown};
use crate::{Context, WHAT, allowed, state};

pub(crate) async fn begin(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::WriteProposals)?;
    let found = context.proposal(caller.client, &id).await?;
    let definitions = context.definitions(caller.client).await?;
    if !allowed(&found, state(&found, &definitions), Action::Revise)? {
        return shown(found, &definitions);
    }
    if found.revision >= MAX_REVISIONS {
        return Err(Problem::conflict(format!(
            "{WHAT} {id:?} has {MAX_REVISIONS} revisions, which are the most"
        ))
        .hint("begin a new proposal"));
    }
    let changed = context.change(&caller, &found, Change::Revise).await?;
    shown(changed, &definitions)
}

pub(crate) async fn list(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
) -> Result<Json<Revisions>, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
    let found = context.proposal(caller.client, &id).await?;
    let definitions = context.definitions(caller.client).await?;
    let today = definitions.calendar.date(clock::now());
    let all = stored::revisions(&context.database, caller.client, found.id)
        .await
        .context("read revisions")?;
    let mut before: Option<Value> = None;
    let revision = |one: stored::Revision| {
        let totals = one.quote.get("totals").cloned().unwrap_or_default();
        let now = json!({ "answers": one.answers, "terms": one.terms, "totals": totals });
        let since = before.replace(now.clone());
        Revision {
            revision: one.issued.revision,
            state: one.issued.outcome.state(one.issued.valid_until, today),
            totals,
            changes: since.map(|before| changes(&before, &now)).unwrap_or_default(),
            issued: issued(one.issued),
        }
    };
    Ok(Json(Revisions {
        revisions: all.into_iter().map(revision).collect(),
    }))
}
