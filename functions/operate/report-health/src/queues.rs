//! `GET /v1/queues`.

use anyhow::{Context as _, Result};
use api::operate::{self, QueueDepth};
use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use platform::Problem;
use platform::queue::{Depth, Queue};
use records::unplaced_files;

use crate::Context;

/// The queues that events and files go through, by the names that operators know.
#[derive(Clone)]
pub(crate) struct Queues(Vec<(&'static str, Queue)>);

impl Queues {
    pub(crate) async fn from_environment() -> Result<Self> {
        Ok(Self(vec![
            ("events", Queue::from_environment("EVENTS_QUEUE_URL").await?),
            (
                "events_last_tries",
                Queue::from_environment("EVENTS_DEAD_LETTER_QUEUE_URL").await?,
            ),
            (
                "dropped_files",
                Queue::from_environment("DROPPED_FILES_QUEUE_URL").await?,
            ),
            ("files", Queue::from_environment("FILES_QUEUE_URL").await?),
            (
                "files_last_tries",
                Queue::from_environment("FILES_DEAD_LETTER_QUEUE_URL").await?,
            ),
        ]))
    }
}

pub(crate) async fn list(State(context): State<Context>) -> Result<Json<operate::Queues>, Problem> {
    let depths = context.queues.0.iter().map(|(name, queue)| async move {
        let Depth { waiting, in_flight } = queue
            .depth()
            .await
            .with_context(|| format!("look at the queue {name}"))?;
        anyhow::Ok(((*name).to_owned(), QueueDepth { waiting, in_flight }))
    });
    let queues = try_join_all(depths).await?.into_iter().collect();
    let unplaced = unplaced_files::list(&context.database).await;
    let unplaced = unplaced.context("list unplaced files")?.into_iter();
    let described = |file: unplaced_files::UnplacedFile| operate::UnplacedFile {
        key: file.key,
        reason: file.reason,
        seen_at: file.seen_at,
    };
    Ok(Json(operate::Queues {
        queues,
        unplaced_files: unplaced.map(described).collect(),
    }))
}
