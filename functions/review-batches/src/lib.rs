//! `review-batches`: what became of accepted events; dead letters and their replay.

use anyhow::{Context as _, Result};
use api::QueuedEvents;
use api::rest::{Accepted, Batch, DeadLetter, DeadLetters};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use database::{Database, letters};
use identity::Permission;
use platform::extract::{Authorized, Query};
use platform::queue::Queue;
use platform::{Problem, clock, environment};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    queue: Queue,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = Database::new(
            &environment::required("DATABASE_URL")?,
            &environment::required("DATABASE_ROLE")?,
        )?;
        Ok(Self {
            database,
            queue: Queue::from_environment("EVENTS_QUEUE_URL").await?,
        })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    Router::new()
        .route("/v1/batches/{id}", get(batch))
        .route("/v1/dead-letters", get(list))
        .route("/v1/dead-letters/{id}/replay", post(replay))
        .with_state(context)
}

fn id(kind: &str, text: &str) -> Result<Uuid, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found(kind, text).hint("an id is a UUID"))
}

async fn batch(
    State(context): State<Context>,
    authorized: Authorized,
    Path(text): Path<String>,
) -> Result<Json<Batch>, Problem> {
    let caller = authorized.with(Permission::ReadDeadLetters)?;
    let id = id("batch", &text)?;
    let report = letters::batch(&context.database, caller.client, id)
        .await
        .context("read batch")?;
    let report = report.ok_or_else(|| {
        Problem::not_found("finished batch", &text).hint("it may still be queued: ask again in a second")
    })?;
    Ok(Json(Batch {
        id,
        entity: report.entity,
        source: report.source,
        accepted: report.accepted,
        rejected: report.rejected,
        finished_at: report.finished_at,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    entity: Option<String>,
    before: Option<Uuid>,
    limit: Option<i64>,
}

async fn list(
    State(context): State<Context>,
    authorized: Authorized,
    Query(page): Query<Page>,
) -> Result<Json<DeadLetters>, Problem> {
    let caller = authorized.with(Permission::ReadDeadLetters)?;
    let limit = page.limit.unwrap_or(50);
    if !(1..=letters::MAX_PAGE).contains(&limit) {
        return Err(Problem::malformed(format!(
            "`limit` is {limit}: it goes from 1 to {}",
            letters::MAX_PAGE
        )));
    }
    if page.entity.as_deref().is_some_and(|entity| entity.contains('\0')) {
        return Err(Problem::malformed("`entity` contains the character U+0000"));
    }
    let found = letters::list(
        &context.database,
        caller.client,
        page.entity.as_deref(),
        page.before,
        limit,
    )
    .await
    .context("list dead letters")?;
    let full = i64::try_from(found.len()).is_ok_and(|count| count == limit);
    let next_before = found.last().filter(|_| full).map(|letter| letter.id);
    Ok(Json(DeadLetters {
        dead_letters: found.into_iter().map(described).collect(),
        next_before,
    }))
}

fn described(letter: letters::DeadLetter) -> DeadLetter {
    DeadLetter {
        id: letter.id,
        entity: letter.entity,
        batch_id: letter.batch,
        position: letter.position,
        field: letter.field,
        reason: letter.reason,
        original: letter.original,
        received_at: letter.received_at,
        replayed_at: letter.replayed_at,
        replay_batch_id: letter.replay_batch,
    }
}

/// Sends the original through ingestion again. The batch's identity is made from the letter's, so however often this is
/// called, and wherever it is cut off, the event takes effect once.
async fn replay(
    State(context): State<Context>,
    authorized: Authorized,
    Path(text): Path<String>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let caller = authorized.with(Permission::ReplayDeadLetters)?;
    let id = id("dead letter", &text)?;
    let batch_id = Uuid::new_v5(&id, b"replay");
    let letter = letters::find(&context.database, caller.client, id)
        .await
        .context("read dead letter")?;
    let letter = letter.ok_or_else(|| Problem::not_found("dead letter", &text))?;
    let event = RawValue::from_string(letter.original.clone()).map_err(|_| {
        Problem::invalid("the original is no JSON event: it is a broken line or a file's key")
            .hint("send the corrected event or drop the corrected file instead")
    })?;
    let queued = QueuedEvents {
        batch_id,
        client: caller.client,
        entity: letter.entity,
        received_at: clock::now(),
        events: vec![event],
        broken: Vec::new(),
    };
    context.queue.send(queued.message().context("write message")?).await?;
    letters::mark_replayed(&context.database, caller.client, id, batch_id)
        .await
        .context("mark dead letter")?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { batch_id, events: 1 })))
}
