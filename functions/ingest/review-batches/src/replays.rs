//! `POST /v1/dead-letters/replay`.

use anyhow::Context as _;
use api::ingest::{ReplayMany, Replayed};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures::stream::{self, TryStreamExt as _};
use platform::Problem;
use platform::extract::{self, Authorized};
use records::dead_letters::{self, MAX_PAGE, Wanted};

use crate::{Context, check_entity, message, replay_of};

/// Messages that are sent at the same time: a page of 200 takes some ten round trips.
const SENT_AT_ONCE: usize = 20;

/// Sends a page of letters through ingestion again, and marks them when all are queued. Where it is cut off before, the same letters are queued again
/// by the next call, and take effect once. A letter that can't be sent is left as it is.
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
    let mut messages = Vec::new();
    let mut replayed = Vec::new();
    for letter in &found {
        if let Some(message) = message(letter, caller.client)? {
            messages.push(message);
            replayed.push((letter.id, replay_of(letter.id)));
        }
    }
    context.quota.take(caller.client, messages.len()).await?;
    stream::iter(messages.into_iter().map(Ok))
        .try_for_each_concurrent(SENT_AT_ONCE, |message| {
            context.queue.send_in_group(caller.client, message)
        })
        .await?;
    dead_letters::mark_all_replayed(&context.database, caller.client, &replayed)
        .await
        .context("mark dead letters")?;
    let more = i64::try_from(found.len()).is_ok_and(|count| count >= MAX_PAGE);
    let answer = Replayed {
        events: replayed.len(),
        skipped: found.len() - replayed.len(),
        next_before: found.last().filter(|_| more).map(|letter| letter.id),
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}
