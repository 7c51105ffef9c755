//! Bringing data in: events, what became of them, and those that were refused.

mod queued;
mod undone;

use std::collections::BTreeMap;

use identity::Permission;
use jiff::Timestamp;
use route::{Access, Answer, Body, Form, Method, Parameter, Route};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

pub use queued::{EventSource, QueuedEvents};
pub use undone::{Change, DeletedFacts, Deletion, Undone};

/// All routes of this area.
pub static ROUTES: [&Route; 11] = [
    &ACCEPT_EVENTS,
    &LIST_BATCHES,
    &READ_BATCH,
    &LIST_FILES,
    &UNDO_BATCH,
    &UNDO_FILE,
    &DELETE_FACTS,
    &LIST_DEAD_LETTERS,
    &REPLAY_DEAD_LETTER,
    &REPLAY_DEAD_LETTERS,
    &READ_USAGE,
];

/// Queues events.
pub static ACCEPT_EVENTS: Route = Route {
    function: "accept-events",
    method: Method::Post,
    path: "/v1/events/{entity}",
    access: Access::Needs(Permission::WriteEvents),
    operation: "acceptEvents",
    summary: "Queues events: a JSON list of objects, or one object a line as application/x-ndjson; packed by gzip where Content-Encoding says so. 429 with Retry-After when the events of this minute are used up.",
    parameters: &[
        Parameter::path("entity", "Code of the entity."),
        Parameter::header("Content-Encoding", "How the body is packed.").of(Form::OneOf(&["gzip", "identity"])),
        Parameter {
            description: "The same key and body have their effect once, however often they are sent. With another body the events become dead letters that say so.",
            ..Parameter::IDEMPOTENCY_KEY
        },
    ],
    request: Some(Body::of::<Events>().or_lines()),
    answer: Answer::accepted::<Accepted>(),
};

/// Batches, the latest first.
pub static LIST_BATCHES: Route = Route {
    function: "review-batches",
    method: Method::Get,
    path: "/v1/batches",
    access: Access::Needs(Permission::ReadDeadLetters),
    operation: "listBatches",
    summary: "What became of accepted events and files, and the deletions of facts by a filter, the latest first. What is still queued is not here yet.",
    parameters: &[
        Parameter::filter("entity", "Only of this entity."),
        Parameter::query("state", "Only those that have come so far.")
            .of(Form::OneOf(&["writing", "finished", "undoing", "undone"])),
        Parameter::filter(
            "source",
            "Only those that came so: `events`, `replay`, or the key of a file.",
        ),
        Parameter::FROM,
        Parameter::TO,
        Parameter::CURSOR,
        Parameter::LIMIT,
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
    summary: "What became of accepted events; 404 while they are queued. A deletion is found by the identity of its change.",
    parameters: &[Parameter::path("id", "The batch.").of(Form::Uuid)],
    request: None,
    answer: Answer::ok::<Batch>(),
};

/// Dropped files, the latest first.
pub static LIST_FILES: Route = Route {
    function: "review-batches",
    method: Method::Get,
    path: "/v1/files",
    access: Access::Needs(Permission::ReadDeadLetters),
    operation: "listFiles",
    summary: "What became of dropped files, the latest first; one that is being loaded says how far it is. What waits to be loaded is not here yet.",
    parameters: &[
        Parameter::filter("entity", "Only of this entity."),
        Parameter::query("state", "Only those that have come so far.").of(Form::OneOf(&[
            "writing",
            "replacing",
            "finished",
            "refused",
            "replaced",
            "undoing",
            "undone",
        ])),
        Parameter::filter("key", "Only those that were put under this key of the bucket."),
        Parameter::FROM,
        Parameter::TO,
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Files>(),
};

/// Undoes a batch.
pub static UNDO_BATCH: Route = Route {
    function: "review-batches",
    method: Method::Delete,
    path: "/v1/batches/{id}",
    access: Access::Needs(Permission::DeleteFacts),
    operation: "undoBatch",
    summary: "Takes the facts of a batch out of every answer again, with those of its replayed dead letters; the batch of a file is all of the file. What its facts had replaced by key comes back, and the version before of a file. A batch of more than 10,000 facts is undone in steps: its state says how far it is. 409 where it can't be undone, with the reason; a deletion never can.",
    parameters: &[Parameter::path("id", "The batch.").of(Form::Uuid)],
    request: None,
    answer: Answer::accepted::<Undone>(),
};

/// Undoes a file.
pub static UNDO_FILE: Route = Route {
    function: "review-batches",
    method: Method::Delete,
    path: "/v1/files/{id}",
    access: Access::Needs(Permission::DeleteFacts),
    operation: "undoFile",
    summary: "Takes the facts of a file out of every answer again, and puts back the version whose place it took. Put on the bucket again it is loaded anew.",
    parameters: &[Parameter::path("id", "The file.").of(Form::Uuid)],
    request: None,
    answer: Answer::accepted::<Undone>(),
};

/// Deletes facts that a filter finds.
pub static DELETE_FACTS: Route = Route {
    function: "review-batches",
    method: Method::Delete,
    path: "/v1/entities/{code}/facts",
    access: Access::Needs(Permission::DeleteFacts),
    operation: "deleteFacts",
    summary: "Deletes the facts of a range of time with some values of dimensions. Without `confirm` nothing is deleted: the answer counts what would be, with the confirmation that a second request names. That deletes what was counted and nothing that came since; 409 where it is not the same any more.",
    parameters: &[
        Parameter::path("code", "Code of the entity."),
        Parameter::query("from", "From this instant on.")
            .of(Form::Time)
            .required(),
        Parameter::query("to", "Before this instant.").of(Form::Time).required(),
        Parameter::query(
            "filter",
            "Only facts with these values of a dimension, separated by commas: `filter[origin]=ORD,LAX`; empty for facts without one.",
        )
        .of(Form::ByKey),
        Parameter::query("confirm", "The `confirmation` of the answer that counted them."),
    ],
    request: None,
    answer: Answer::ok::<Deletion>(),
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
        Parameter::filter("entity", "Only of this entity."),
        Parameter::query("batch", "Only of this batch.").of(Form::Uuid),
        Parameter::filter("field", "Only those of which this field was wrong."),
        Parameter::filter("reason", "Only with this text in their reason, in upper or lower case."),
        Parameter::query(
            "replayed",
            "Only those that were sent through again, or only those that were not.",
        )
        .of(Form::OneOf(&["true", "false"])),
        Parameter::FROM,
        Parameter::TO,
        Parameter::CURSOR,
        Parameter::LIMIT,
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
    parameters: &[Parameter::path("id", "The dead letter.").of(Form::Uuid)],
    request: None,
    answer: Answer::accepted::<Accepted>(),
};

/// Sends many refused events through ingestion again.
pub static REPLAY_DEAD_LETTERS: Route = Route {
    function: "review-batches",
    method: Method::Post,
    path: "/v1/dead-letters/replay",
    access: Access::Needs(Permission::ReplayDeadLetters),
    operation: "replayDeadLetters",
    summary: "Sends refused events through ingestion again that were not sent again yet, the newest first, up to 200 at once: those of a batch, of an entity, or all. Each takes effect once.",
    parameters: &[],
    request: Some(Body::of::<ReplayMany>()),
    answer: Answer::accepted::<Replayed>(),
};

/// What the caller's client uses, and may use.
pub static READ_USAGE: Route = Route {
    function: "review-batches",
    method: Method::Get,
    path: "/v1/usage",
    access: Access::Needs(Permission::ReadUsage),
    operation: "readUsage",
    summary: "What your organisation uses of each quota, and how much of it there is.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<Usage>(),
};

/// Events of an entity. What they have is what its definition says: its time and attributes, by their names.
#[derive(ToSchema)]
#[schema(min_items = 1, max_items = 1_000)]
pub struct Events(pub Vec<Event>);

/// An event: values by the names of an entity's attributes, and its time.
#[derive(ToSchema)]
#[schema(example = json!({ "ordered_at": "2026-11-20T10:00:00Z", "amount": 120.5, "region": "north" }))]
pub struct Event(pub BTreeMap<String, Value>);

/// Which refused events are sent through again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayMany {
    /// Only those of this entity.
    pub entity: Option<String>,
    /// Only those of this batch.
    #[serde(default, deserialize_with = "identity::ids::of_json_if_any")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub batch: Option<Uuid>,
    /// `next_before` of the answer before.
    #[serde(default, deserialize_with = "identity::ids::of_json_if_any")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub before: Option<Uuid>,
}

/// Refused events that were sent through again.
#[derive(Serialize, ToSchema)]
pub struct Replayed {
    /// How many were queued.
    pub events: usize,
    /// How many can't be: broken lines, and files.
    pub skipped: usize,
    /// For `before`, when there may be more.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub next_before: Option<Uuid>,
}

/// How much of a quota is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Used {
    /// How much is used.
    pub used: u64,
    /// How much may be.
    pub limit: u64,
}

/// What a client uses.
#[derive(Serialize, ToSchema)]
pub struct Usage {
    /// Events of this minute, those among them that were replayed. Files are not counted.
    pub events_per_minute: Used,
    /// Facts that were accepted, as they were counted some minutes ago. One that another replaced by its key still counts.
    pub facts: Used,
    /// Dead letters of the last 35 days, which is how long they are kept, as they were counted some minutes ago.
    pub dead_letters: Used,
    /// Entities.
    pub entities: Used,
    /// KPIs.
    pub kpis: Used,
    /// Connections of dashboards.
    pub connections: Used,
    /// Topics of all connections.
    pub topics: Used,
    /// Topics that were subscribed to and unsubscribed from in this minute.
    pub topic_changes_per_minute: Used,
}

/// What became of a file.
#[derive(Serialize, ToSchema)]
pub struct File {
    /// The file: the same bytes under the same key are the same file, and each of its rows counts once. Put there again it is loaded anew where nothing of it
    /// became a fact or it does not count any more, goes on where the rest of it was refused, and does nothing otherwise. Other bytes under the key are its next
    /// version, which takes the place of the one before, unless the entity says that its files add up.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Its key on the bucket, which is the `source` of its batches.
    pub key: String,
    /// Entity.
    pub entity: String,
    /// How far it is.
    #[schema(value_type = FileState)]
    pub state: String,
    /// Why it was refused, or that it was put there again and counts once.
    pub reason: Option<String>,
    /// Rows that became facts.
    pub accepted: i64,
    /// Rows that became dead letters, and one more where the file or the rest of it was refused.
    pub rejected: i64,
    /// When it was first taken up.
    #[schema(value_type = String, format = DateTime)]
    pub begun_at: Timestamp,
    /// When it came so far.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// It is being loaded.
    Writing,
    /// It takes the place of the version before.
    Replacing,
    /// All of it has had its effect.
    Finished,
    /// It was refused, or the rest of it where rows were accepted.
    Refused,
    /// A later version has its place.
    Replaced,
    /// Its facts are being taken out.
    Undoing,
    /// Its facts are there no more.
    Undone,
}

/// A page of files, the latest first.
#[derive(Serialize, ToSchema)]
pub struct Files {
    /// The files.
    pub files: Vec<File>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// Answer to accepted events.
#[derive(Serialize, ToSchema)]
pub struct Accepted {
    /// Identity of the batch: `GET /v1/batches/{id}` says what became of it.
    #[schema(value_type = String, format = "uuid")]
    pub batch_id: Uuid,
    /// Number of events that were queued.
    pub events: usize,
}

/// What became of a batch, or of a deletion of facts by a filter.
#[derive(Serialize, ToSchema)]
pub struct Batch {
    /// The batch; of a deletion its change.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Entity.
    pub entity: String,
    /// Where it came from: `events`, `replay`, or the file's key; `deletion` where facts were deleted by a filter.
    pub source: String,
    /// Whether all of it has had its effect.
    pub state: BatchState,
    /// Events that became facts.
    pub accepted: i32,
    /// Facts of it that are not there any more: it was undone, its file was replaced, or they were deleted. Those that others replaced by key are not counted. Of a deletion all that it
    /// took out.
    pub removed: i64,
    /// Events that became dead letters; once it is finished, accepted + rejected is what was sent.
    pub rejected: i32,
    /// When its first part had its effect, by which the list is in order.
    #[schema(value_type = String, format = DateTime)]
    pub begun_at: Timestamp,
    /// When it had its effect; while it is written, the part of it that was last.
    #[schema(value_type = String, format = DateTime)]
    pub finished_at: Timestamp,
    /// What was deleted and by whom, where facts were deleted by a filter.
    pub deletion: Option<DeletedFacts>,
}

/// How far a batch has come.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchState {
    /// Part of it has had its effect; the rest follows.
    Writing,
    /// All of it has had its effect.
    Finished,
    /// Its facts are being taken out.
    Undoing,
    /// Its facts were taken out.
    Undone,
}

/// A page of batches, the latest first.
#[derive(Serialize, ToSchema)]
pub struct Batches {
    /// The batches.
    pub batches: Vec<Batch>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
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
    /// The time zone that its file declared: when it is replayed its times without offset are read in it.
    pub time_zone: Option<String>,
    /// When it was refused.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// When it was sent through again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub replayed_at: Option<Timestamp>,
    /// The batch of the replay. Without `replayed_at` it is being sent, or could not be: replay the letter again then, it takes effect once.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub replay_batch_id: Option<Uuid>,
}

/// A page of dead letters, newest first.
#[derive(Serialize, ToSchema)]
pub struct DeadLetters {
    /// The letters.
    pub dead_letters: Vec<DeadLetter>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}
