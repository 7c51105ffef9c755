//! `review-batches`: what became of accepted events and files, and taking them out again; dead letters and their replay; what is used of quotas.

mod deletions;
mod files;
mod replays;
mod undo;
mod usage;

use answer::Definitions;
use anyhow::{Context as _, Result};
use api::ingest::{self, Accepted, Batch, BatchState, Batches, DeadLetter, DeadLetters, EventSource, QueuedEvents};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use database::{Database, Timeouts};
use jiff::Timestamp;
use platform::extract::{Authorized, Path};
use platform::http::Routes;
use platform::list::{List, Page};
use platform::queue::Queue;
use platform::quota::Quota;
use platform::{Problem, clock, environment};
use records::batches::{self, BatchReport};
use records::dead_letters::{self, Filter};
use registry::Registry;
use serde_json::value::RawValue;
use uuid::Uuid;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    registry: Registry,
    queue: Queue,
    quota: Quota,
    definitions: Definitions,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST);
        let registry = Registry::connect_to(
            &platform::aws_configuration().await,
            environment::required("REGISTRY_TABLE")?,
        );
        Ok(Self {
            database,
            quota: Quota::new(registry.clone()),
            registry,
            definitions: Definitions::default(),
            queue: Queue::from_environment("EVENTS_QUEUE_URL").await?,
        })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new()
        .serve(&ingest::LIST_BATCHES, list_batches)
        .serve(&ingest::READ_BATCH, batch)
        .serve(&ingest::LIST_FILES, files::list)
        .serve(&ingest::UNDO_BATCH, undo::batch)
        .serve(&ingest::UNDO_FILE, undo::file)
        .serve(&ingest::DELETE_FACTS, deletions::delete)
        .serve(&ingest::LIST_DEAD_LETTERS, list_dead_letters)
        .serve(&ingest::REPLAY_DEAD_LETTER, replay)
        .serve(&ingest::REPLAY_DEAD_LETTERS, replays::replay)
        .serve(&ingest::READ_USAGE, usage::read)
}

fn id(kind: &str, text: &str) -> Result<Uuid, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found(kind, text).hint("an id is a UUID"))
}

async fn batch(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(text): Path<String>,
) -> Result<Json<Batch>, Problem> {
    let id = id("batch", &text)?;
    let report = batches::find(&context.database, caller.client, id)
        .await
        .context("read batch")?;
    let report = report
        .ok_or_else(|| Problem::not_found("batch that has had an effect", &text).hint(waits(id, clock::now())))?;
    Ok(Json(described_batch(report)?))
}

/// Seconds within which what is accepted has had its effect, also where a function was cut off meanwhile.
const USUAL_SECONDS: i64 = 600;

/// What may have become of a batch of which there is nothing. Its id tells when it was accepted, unless it is made of the sender's key.
fn waits(id: Uuid, now: Timestamp) -> String {
    let accepted_at = id
        .get_timestamp()
        .filter(|_| id.get_version_num() == 7)
        .map(|time| time.to_unix().0);
    let accepted_at = accepted_at.and_then(|second| i64::try_from(second).ok());
    match accepted_at.map(|second| now.as_second() - second) {
        Some(seconds) if seconds > USUAL_SECONDS => format!(
            "no batch of this id was accepted, or it has waited for {} minutes: ask your provider, who sees what waits in GET /v1/queues; what can't be written becomes dead letters in the end",
            seconds / 60
        ),
        _ => "what was accepted may still be queued: ask again in a second, or in some minutes where a function was cut off; what can't be written becomes dead letters in the end".to_owned(),
    }
}

fn described_batch(report: BatchReport) -> Result<Batch> {
    let deletion = if report.is_deletion {
        Some(deletions::asked(&report)?)
    } else {
        None
    };
    Ok(Batch {
        id: report.id,
        entity: report.entity,
        source: report.source,
        state: match (report.undone_by, report.next_position) {
            (Some(_), _) if report.is_being_undone => BatchState::Undoing,
            (Some(_), _) => BatchState::Undone,
            (None, Some(_)) => BatchState::Writing,
            (None, None) => BatchState::Finished,
        },
        accepted: report.accepted,
        removed: report.removed,
        rejected: report.rejected,
        begun_at: report.begun_at,
        finished_at: report.finished_at,
        deletion,
    })
}

fn check_entity(entity: Option<&str>) -> Result<(), Problem> {
    if entity.is_some_and(|entity| entity.contains('\0')) {
        return Err(Problem::invalid("`entity` contains the character U+0000"));
    }
    Ok(())
}

async fn list_batches(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Batches>, Problem> {
    let wanted = batches::Wanted {
        entity: list.text("entity"),
        state: list.text("state"),
        source: list.text("source"),
        from: list.parsed("from")?,
        to: list.parsed("to")?,
        after: list.after()?,
    };
    let found = batches::list(&context.database, caller.client, &wanted, list.most())
        .await
        .context("list batches")?;
    let rows = found.rows.into_iter();
    let keyed = rows.map(|batch| Ok(((batch.begun_at, batch.id), described_batch(batch)?)));
    let keyed = keyed.collect::<Result<Vec<_>>>()?;
    let Page { items: batches, next } = list.page(keyed, found.reached)?;
    Ok(Json(Batches { batches, next }))
}

async fn list_dead_letters(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<DeadLetters>, Problem> {
    let filter = Filter {
        entity: list.text("entity"),
        batch: list.parsed("batch")?,
        field: list.text("field"),
        reason: list.text("reason"),
        is_replayed: list.parsed("replayed")?,
        from: list.parsed("from")?,
        to: list.parsed("to")?,
        after: list.after()?,
    };
    let found = dead_letters::page(&context.database, caller.client, &filter, list.most())
        .await
        .context("list dead letters")?;
    let keyed = found.rows.into_iter().map(|letter| (letter.id, described(letter)));
    let Page {
        items: dead_letters,
        next,
    } = list.page(keyed, found.reached)?;
    Ok(Json(DeadLetters { dead_letters, next }))
}

fn described(letter: dead_letters::DeadLetter) -> DeadLetter {
    DeadLetter {
        id: letter.id,
        entity: letter.entity,
        batch_id: letter.batch_id,
        position: letter.position,
        field: letter.field,
        reason: letter.reason,
        original: letter.original,
        time_zone: letter.time_zone,
        received_at: letter.received_at,
        replayed_at: letter.replayed_at,
        replay_batch_id: letter.replay_batch,
    }
}

/// Sends the original through ingestion again. The batch's identity is made from the letter's, so however often this is
/// called, and wherever it is cut off, the event takes effect once. For the same reason a replay that was refused is not
/// repeated: it left a dead letter of its own, and that one is replayed.
async fn replay(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(text): Path<String>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let id = id("dead letter", &text)?;
    let letter = dead_letters::find(&context.database, caller.client, id)
        .await
        .context("read dead letter")?;
    let letter = letter.ok_or_else(|| Problem::not_found("dead letter", &text))?;
    let batch_id = letter.replay();
    let refused_again = dead_letters::of_batch(&context.database, caller.client, batch_id)
        .await
        .context("look for the replay's dead letter")?;
    if let Some(newer) = refused_again {
        return Err(Problem::conflict(format!(
            "the event was replayed already and refused again: that replay is dead letter {newer}"
        ))
        .hint(format!(
            "mend what its reason says, then POST /v1/dead-letters/{newer}/replay"
        )));
    }
    let message = message(&letter, caller.client)?.ok_or_else(|| {
        Problem::invalid("the original is not a JSON event: it is a row of CSV, a broken line or a file's key")
            .hint("send the corrected event or drop the corrected file instead")
    })?;
    context.quota.take(caller.client, 1).await?;
    if replays::send(&context, caller.client, vec![((id, batch_id), message)]).await? == 0 {
        return Err(Problem::not_found("dead letter", &text)
            .hint("the batch that it came with has just been undone, and its letters with it"));
    }
    Ok((StatusCode::ACCEPTED, Json(Accepted { batch_id, events: 1 })))
}

/// The queue's message for the replay of a letter; `None` where what was refused is no JSON.
fn message(letter: &dead_letters::DeadLetter, client: Uuid) -> Result<Option<String>> {
    let Ok(event) = RawValue::from_string(letter.original.clone()) else {
        return Ok(None);
    };
    let queued = QueuedEvents {
        batch_id: letter.replay(),
        client,
        entity: letter.entity.clone(),
        source: EventSource::Replay,
        key: None,
        events: vec![event],
        broken: Vec::new(),
        time_zone: letter.time_zone.clone(),
    };
    queued.message().context("write message").map(Some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_batch_that_has_waited_for_long_is_not_told_to_be_on_its_way() {
        let accepted = uuid::Timestamp::from_unix(uuid::NoContext, 1_774_692_000, 0);
        let (dated, keyed) = (Uuid::new_v7(accepted), Uuid::new_v5(&Uuid::nil(), b"key"));
        for (id, seconds, expected) in [
            (dated, 1, "may still be queued"),
            (dated, USUAL_SECONDS, "may still be queued"),
            (dated, 3_600, "waited for 60 minutes"),
            (keyed, 3_600, "may still be queued"),
        ] {
            let now = Timestamp::from_second(1_774_692_000 + seconds).unwrap();
            assert!(waits(id, now).contains(expected), "{id} after {seconds} s");
        }
    }

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(
            routes().differences(env!("CARGO_PKG_NAME"), &api::ingest::ROUTES),
            [""; 0]
        );
    }
}
