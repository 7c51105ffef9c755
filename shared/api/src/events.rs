//! Messages between functions.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What `accept-events` puts on the queue and `ingest-events` takes: the events of one request.
#[derive(Debug, Serialize, Deserialize)]
pub struct QueuedEvents {
    /// Identity of the batch: the same batch has its effect once.
    pub batch_id: Uuid,
    /// The client, from the token of the request.
    pub client: Uuid,
    /// Code of the entity.
    pub entity: String,
    /// How they came.
    pub source: EventSource,
    /// Identity of the sender's `Idempotency-Key`, which is good for one batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Uuid>,
    /// The events as they were sent. A line that was no JSON is here as a JSON text.
    pub events: Vec<Box<RawValue>>,
    /// Positions of the lines that were no JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<usize>,
}

/// How events came to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventSource {
    /// Sent to `/v1/events`.
    Events,
    /// A dead letter that was replayed.
    Replay,
}

impl EventSource {
    /// Its name in a batch's report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Replay => "replay",
        }
    }
}

/// What wakes a shard's publisher when none is at work: on the wake-up queue, and as the input of its schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedWake {
    /// The shard.
    pub shard: u32,
}
