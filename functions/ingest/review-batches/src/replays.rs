//! Letters are sent through ingestion again: one, or a page of them by `POST /v1/dead-letters/replay`.

use std::collections::BTreeSet;

use anyhow::Context as _;
use api::ingest::{ReplayMany, Replayed};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures::stream::{self, TryStreamExt as _};
use platform::Problem;
use platform::extract::{self, Authorized};
use records::dead_letters::{self, MAX_PAGE, Wanted};
use uuid::Uuid;

use crate::{Context, check_entity, message};

/// Messages that are sent at the same time: a page of 200 takes some ten round trips.
const SENT_AT_ONCE: usize = 20;

/// Sends letters through ingestion again, each with the batch of its replay and as its message says, and returns how many. They are marked before, so that whoever undoes their batch meanwhile
/// closes the replay too, and those that were undone are not sent; and again when all are queued: where it is cut off before, the same letters are queued again by
/// the next call, and take effect once.
pub(crate) async fn send(
    context: &Context,
    client: Uuid,
    letters: Vec<((Uuid, Uuid), String)>,
) -> Result<usize, Problem> {
    let replays: Vec<(Uuid, Uuid)> = letters.iter().map(|(replay, _)| *replay).collect();
    let begun = dead_letters::begin_replays(&context.database, client, &replays).await;
    let begun = begun.context("mark dead letters as being replayed")?;
    let may_go: BTreeSet<Uuid> = begun.iter().copied().collect();
    let messages = letters.into_iter().filter(|((id, _), _)| may_go.contains(id));
    stream::iter(messages.map(Ok))
        .try_for_each_concurrent(SENT_AT_ONCE, |(_, message)| {
            context.queue.send_in_group(client, message)
        })
        .await?;
    let ended = dead_letters::end_replays(&context.database, client, &begun).await;
    ended.context("mark dead letters as replayed")?;
    Ok(begun.len())
}

/// Sends a page of letters through ingestion again. A letter that can't be sent is left as it is.
pub(crate) async fn replay(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    extract::Json(wanted): extract::Json<ReplayMany>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    check_entity(wanted.entity.as_deref())?;
    let letters = Wanted {
        entity: wanted.entity.as_deref(),
        batch: wanted.batch,
        before: wanted.before,
        is_new: true,
    };
    let found = dead_letters::list(&context.database, caller.client, letters, MAX_PAGE).await;
    let found = found.context("list dead letters")?;
    let mut letters = Vec::new();
    for letter in &found {
        if let Some(message) = message(letter, caller.client)? {
            letters.push(((letter.id, letter.replay()), message));
        }
    }
    context.quota.take(caller.client, letters.len()).await?;
    let skipped = found.len() - letters.len();
    let events = send(&context, caller.client, letters).await?;
    let more = i64::try_from(found.len()).is_ok_and(|count| count >= MAX_PAGE);
    let answer = Replayed {
        events,
        skipped,
        next_before: found.last().filter(|_| more).map(|letter| letter.id),
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}
