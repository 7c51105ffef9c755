//! `DELETE /v1/batches/{id}` and `DELETE /v1/files/{id}`.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use api::ingest::{BatchState, Change, Undone};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use database::Error;
use facts::{Placed, changes};
use platform::extract::{Authorized, Path};
use platform::{Problem, clock};
use records::batches;
use records::definitions;
use records::undo::{self, Target};
use uuid::Uuid;

use crate::{Context, id};

/// How long a request goes on with what it has begun: a batch of 10,000 facts is one step of less than a second, and is undone when the answer comes.
const WITHIN: Duration = Duration::from_secs(3);

/// How many codes a request looks for an entity under that is renamed again and again meanwhile.
const MAX_CODES: usize = 3;

pub(crate) async fn batch(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(text): Path<String>,
) -> Result<(StatusCode, Json<Undone>), Problem> {
    let id = id("batch", &text)?;
    let entity = undo::entity_of_batch(&context.database, caller.client, id).await;
    let Some(entity) = entity.context("read batch")? else {
        return Err(no_batch(&context, caller.client, id, &text).await?);
    };
    undone(&context, caller.client, entity, Target::Batch(id), &text).await
}

/// Why what is no batch can't be undone.
async fn no_batch(context: &Context, client: Uuid, id: Uuid, text: &str) -> Result<Problem, Problem> {
    let listed = batches::find(&context.database, client, id).await;
    Ok(match listed.context("read deletion")? {
        Some(_) => Problem::conflict("it can't be undone: it is a deletion, which was confirmed")
            .hint("send the events again, or put their rows on the bucket in a file of another name"),
        None => Problem::not_found("batch that has had an effect", text).hint(
            "what was accepted may still be queued: ask GET /v1/batches/{id} until it is there, and undo it then",
        ),
    })
}

pub(crate) async fn file(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(text): Path<String>,
) -> Result<(StatusCode, Json<Undone>), Problem> {
    let id = id("file", &text)?;
    let entity = undo::entity_of_file(&context.database, caller.client, id).await;
    let entity = entity.context("read file")?;
    let entity = entity.ok_or_else(|| Problem::not_found("file", &text))?;
    undone(&context, caller.client, entity, Target::File(id), &text).await
}

async fn undone(
    context: &Context,
    client: Uuid,
    entity: String,
    target: Target,
    text: &str,
) -> Result<(StatusCode, Json<Undone>), Problem> {
    let Some(placed) = placed_of(context, client, entity, target).await? else {
        // Without its entity nothing of it is a fact.
        return answer(context, client, None).await;
    };
    let begun = undo::begin(&context.database, client, &placed, target, clock::now()).await;
    let change = match begun.context("undo")? {
        undo::Undone::Begun(change) => Some(change),
        undo::Undone::Before(change) => change,
        undo::Undone::Unknown => return Err(Problem::not_found("batch or file", text)),
        undo::Undone::Refused(reason) => return Err(Problem::conflict(format!("it can't be undone: {reason}"))),
    };
    if let Some(change) = change {
        go_on(context, client, &placed, change).await;
    }
    answer(context, client, change).await
}

/// An entity by its current definition.
pub(crate) async fn placed(context: &Context, client: Uuid, entity: &str) -> Result<Option<Placed>, Problem> {
    let known = context.definitions.current(&context.database, client).await;
    let known = known.context("read definitions")?;
    Ok(known.and_then(|known| known.placed.get(entity).cloned()))
}

/// Where the entity is of what is to be undone, by the code under which that was found. What has not followed it to a new code yet is its own, whether or not its
/// definition still says the old one.
async fn placed_of(context: &Context, client: Uuid, code: String, target: Target) -> Result<Option<Placed>, Problem> {
    let mut code = now(context, client, code).await?;
    for _ in 0..MAX_CODES {
        if let Some(placed) = placed_by(context, client, &code).await? {
            return Ok(Some(placed));
        }
        // It may have followed, or have been given another code, between the two.
        let found = match target {
            Target::Batch(id) => undo::entity_of_batch(&context.database, client, id).await,
            Target::File(id) => undo::entity_of_file(&context.database, client, id).await,
        };
        let Some(found) = found.context("read entity")? else {
            return Ok(None);
        };
        let found = now(context, client, found).await?;
        if found == code {
            return Ok(None);
        }
        code = found;
    }
    Err(Problem::conflict("it can't be undone: its entity gets other codes just now").hint("ask again"))
}

/// The code that the entity has now under whose code, this one, something was found.
async fn now(context: &Context, client: Uuid, code: String) -> Result<String, Problem> {
    let now = definitions::followed(&context.database, client, &code).await;
    Ok(now.context("read codes")?.unwrap_or(code))
}

/// An entity that has a code, or had it: what was brought under a former code is its own.
async fn placed_by(context: &Context, client: Uuid, entity: &str) -> Result<Option<Placed>, Problem> {
    let known = context.definitions.current(&context.database, client).await;
    let known = known.context("read definitions")?;
    Ok(known.and_then(|known| known.placed_by(entity).cloned()))
}

/// Goes on with a change while the request waits. It has begun: what is left, or fails, `fill-groupings` goes on with.
pub(crate) async fn go_on(context: &Context, client: Uuid, placed: &Placed, change: Uuid) {
    let until = Instant::now() + WITHIN;
    let gone: Result<bool, Error> = changes::go_on(&context.database, client, placed, change, until).await;
    if let Err(error) = gone {
        tracing::error!(%client, %change, cause = %error, "a change does not go on yet");
    }
}

async fn answer(context: &Context, client: Uuid, change: Option<Uuid>) -> Result<(StatusCode, Json<Undone>), Problem> {
    let change = match change {
        Some(change) => described(context, client, change).await?,
        None => None,
    };
    let goes_on = change.as_ref().is_some_and(|change| change.finished_at.is_none());
    let state = if goes_on {
        BatchState::Undoing
    } else {
        BatchState::Undone
    };
    Ok((StatusCode::ACCEPTED, Json(Undone { state, change })))
}

/// A change; `None` when it was so long ago that it is not kept any more.
pub(crate) async fn described(context: &Context, client: Uuid, id: Uuid) -> Result<Option<Change>, Problem> {
    let change = changes::find(&context.database, client, id).await;
    let change = change.context("read change")?;
    Ok(change.map(|change| Change {
        id: change.id,
        removed: change.removed,
        restored: change.restored,
        began_at: change.began_at,
        finished_at: change.finished_at,
        reason: change.reason,
    }))
}
