//! Turns: a long file makes way. Who has four long files would have all places of the function otherwise, and everybody else's would wait for minutes, in
//! whatever order a queue gives them. After its turn the rest of a file is queued again, in the group of its client: what others have waiting comes first.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use platform::queue::Queue;
use serde_json::Value;

/// How long a file goes on when something else waits.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    length: Duration,
    began: Option<Instant>,
}

impl Turn {
    pub(crate) const fn new(length: Duration) -> Self {
        Self { length, began: None }
    }

    /// It begins with the first part that is written; to read again what was loaded before is none of it, or a turn might bring nothing.
    pub(crate) fn begin(&mut self) {
        self.began.get_or_insert_with(Instant::now);
    }

    /// Whether it is over, and another message waits. Where the queue does not say, the file goes on.
    pub(crate) async fn is_over(&self, queue: &Queue) -> bool {
        if self.began.is_none_or(|began| began.elapsed() < self.length) {
            return false;
        }
        match queue.depth().await {
            Ok(depth) => depth.waiting > 0,
            Err(error) => {
                let cause = format!("{error:#}");
                tracing::warn!(cause, "the queue does not say whether anything waits: the file goes on");
                false
            }
        }
    }
}

/// The message that tells of the rest: the objects from a position on. How far the first of them is loaded is kept with its batch.
pub(crate) fn rest(body: &str, position: usize) -> Result<String> {
    let mut notification: Value = serde_json::from_str(body).context("the message is no JSON")?;
    let records = notification["Records"]
        .as_array_mut()
        .context("the message tells of no objects")?;
    records.drain(..position.min(records.len()));
    Ok(notification.to_string())
}
