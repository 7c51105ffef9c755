//! Bringing data in: events, what became of them, and those that were refused.

mod queued;

use identity::Permission;
use jiff::Timestamp;
use route::{Access, Answer, Method, Parameter, Route};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use queued::{EventSource, QueuedEvents};

/// All routes of this area.
pub static ROUTES: [&Route; 5] = [
    &ACCEPT_EVENTS,
    &LIST_BATCHES,
    &READ_BATCH,
    &LIST_DEAD_LETTERS,
    &REPLAY_DEAD_LETTER,
];

/// Queues events.
pub static ACCEPT_EVENTS: Route = Route {
    function: "accept-events",
    method: Method::Post,
    path: "/v1/events/{entity}",
    access: Access::Needs(Permission::WriteEvents),
    operation: "acceptEvents",
    summary: "Queues events: a JSON list of objects, or one object a line as application/x-ndjson.",
    parameters: &[
        Parameter::path("entity", "Code of the entity."),
        Parameter::header(
            "Idempotency-Key",
            "The same key and body have their effect once, however often they are sent. With another body the events become dead letters that say so.",
        ),
    ],
    request: None,
    answer: Answer::accepted::<Accepted>(),
};

/// Batches, the latest first.
pub static LIST_BATCHES: Route = Route {
    function: "review-batches",
    method: Method::Get,
    path: "/v1/batches",
    access: Access::Needs(Permission::ReadDeadLetters),
    operation: "listBatches",
    summary: "What became of accepted events and files, the latest first. What is still queued is not here yet.",
    parameters: &[
        Parameter::query("entity", "Only of this entity."),
        Parameter::query("before", "`next_before` of the page before."),
        Parameter::query("limit", "Most batches, up to 200."),
    ],
    request: None,
    answer: Answer::ok::<Batches>(),
};

/// What became of accepted events.
pub static READ_BATCH: Route = Route {
    function: "review-batches",
    method: Method::Get,
    path: "/v1/batches/{id}",
    access: Access::Needs(Permission::ReadDeadLetters),
    operation: "readBatch",
    summary: "What became of accepted events; 404 while they are queued.",
    parameters: &[Parameter::path("id", "The batch.")],
    request: None,
    answer: Answer::ok::<Batch>(),
};

/// Events that were refused, newest first.
pub static LIST_DEAD_LETTERS: Route = Route {
    function: "review-batches",
    method: Method::Get,
    path: "/v1/dead-letters",
    access: Access::Needs(Permission::ReadDeadLetters),
    operation: "listDeadLetters",
    summary: "Events that were refused, newest first.",
    parameters: &[
        Parameter::query("entity", "Only of this entity."),
        Parameter::query("batch", "Only of this batch."),
        Parameter::query("before", "`next_before` of the page before."),
        Parameter::query("limit", "Most letters, up to 200; a page of long ones ends earlier."),
    ],
    request: None,
    answer: Answer::ok::<DeadLetters>(),
};

/// Sends a refused event through ingestion again.
pub static REPLAY_DEAD_LETTER: Route = Route {
    function: "review-batches",
    method: Method::Post,
    path: "/v1/dead-letters/{id}/replay",
    access: Access::Needs(Permission::ReplayDeadLetters),
    operation: "replayDeadLetter",
    summary: "Sends a refused event through ingestion again; it takes effect once. 409 when the replay was refused again: its own dead letter is replayed then.",
    parameters: &[Parameter::path("id", "The dead letter.")],
    request: None,
    answer: Answer::accepted::<Accepted>(),
};

/// Answer to accepted events.
#[derive(Serialize, ToSchema)]
pub struct Accepted {
    /// Identity of the batch: `GET /v1/batches/{id}` says what became of it.
    #[schema(value_type = String, format = "uuid")]
    pub batch_id: Uuid,
    /// Number of events that were queued.
    pub events: usize,
}

/// What became of a batch.
#[derive(Serialize, ToSchema)]
pub struct Batch {
    /// The batch.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Entity.
    pub entity: String,
    /// Where it came from: `events`, `replay`, or the file's key.
    pub source: String,
    /// Whether all of it has had its effect.
    pub state: BatchState,
    /// Events that became facts.
    pub accepted: i32,
    /// Events that became dead letters; once it is finished, accepted + rejected is what was sent.
    pub rejected: i32,
    /// When it had its effect; while it is written, the part of it that was last.
    #[schema(value_type = String, format = DateTime)]
    pub finished_at: Timestamp,
}

/// How far a batch has come.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchState {
    /// Part of it has had its effect; the rest follows.
    Writing,
    /// All of it has had its effect.
    Finished,
}

/// A page of batches, the latest first.
#[derive(Serialize, ToSchema)]
pub struct Batches {
    /// The batches.
    pub batches: Vec<Batch>,
    /// For `?before=`, when there may be more.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub next_before: Option<Uuid>,
}

/// An event that was refused.
#[derive(Serialize, ToSchema)]
pub struct DeadLetter {
    /// Identity.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Entity that it was sent to.
    pub entity: String,
    /// Batch that it came with.
    #[schema(value_type = String, format = "uuid")]
    pub batch_id: Uuid,
    /// Position among the events that were sent, or row of the file, from 0.
    pub position: i32,
    /// Field that was wrong; empty where it is the whole event.
    pub field: String,
    /// Why it was refused.
    pub reason: String,
    /// The event as it was sent.
    pub original: String,
    /// When it was refused.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// When it was sent through again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub replayed_at: Option<Timestamp>,
    /// The batch of the replay.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub replay_batch_id: Option<Uuid>,
}

/// A page of dead letters, newest first.
#[derive(Serialize, ToSchema)]
pub struct DeadLetters {
    /// The letters.
    pub dead_letters: Vec<DeadLetter>,
    /// For `?before=`, when there may be more.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub next_before: Option<Uuid>,
}
