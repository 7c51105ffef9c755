//! Bodies of the REST API.

use std::collections::BTreeMap;

use catalog::{EntityDefinition, KpiDefinition, Level};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `POST /v1/sign-in`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// `POST /v1/refresh-token`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token that the last sign-in or refresh gave; it can be used once.
    pub refresh_token: String,
}

/// Tokens of a session.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// For `Authorization: Bearer` and for the WebSocket's `?token=`.
    pub access_token: String,
    /// For `POST /v1/refresh-token`, once.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: i64,
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
    /// Events that became facts.
    pub accepted: i32,
    /// Events that became dead letters; accepted + rejected is what was sent.
    pub rejected: i32,
    /// When it had its effect.
    #[schema(value_type = String, format = DateTime)]
    pub finished_at: Timestamp,
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

/// An entity with what is known of it.
#[derive(Serialize, ToSchema)]
pub struct Entity {
    /// Its definition.
    #[serde(flatten)]
    pub definition: EntityDefinition,
    /// Version, which is also the `ETag`.
    pub version: i32,
}

/// A KPI with what is known of it.
#[derive(Serialize, ToSchema)]
pub struct Kpi {
    /// Its definition.
    #[serde(flatten)]
    pub definition: KpiDefinition,
    /// Version, which is also the `ETag`.
    pub version: i32,
}

/// `GET /v1/entities`.
#[derive(Serialize, ToSchema)]
pub struct Entities {
    /// By code.
    pub entities: Vec<Entity>,
}

/// `GET /v1/kpis`.
#[derive(Serialize, ToSchema)]
pub struct Kpis {
    /// By code.
    pub kpis: Vec<Kpi>,
}

/// A KPI's value over the bucket that holds an instant.
#[derive(Serialize, ToSchema)]
pub struct KpiValue {
    /// KPI.
    pub kpi: String,
    /// Its name.
    pub name: String,
    /// Unit of the value.
    pub unit: String,
    /// Length of the bucket.
    pub period: Level,
    /// Start of the bucket.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// End of the bucket, outside it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// The value; null where the formula has none, as in a division by zero.
    pub value: Option<f64>,
    /// Facts that it is made of.
    pub facts: i64,
    /// Whether the bucket's end is still to come.
    pub open: bool,
}

/// A KPI's values over a range.
#[derive(Serialize, ToSchema)]
pub struct Series {
    /// KPI.
    pub kpi: String,
    /// Its name.
    pub name: String,
    /// Unit of the values.
    pub unit: String,
    /// Length of the buckets.
    pub period: Level,
    /// Start of the first bucket.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// End of the last bucket.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Points by bucket, then by group; a bucket without facts has none.
    pub points: Vec<SeriesPoint>,
    /// Where the answer was read from.
    pub plan: Vec<PlanStep>,
}

/// A value over one bucket, of one group.
#[derive(Serialize, ToSchema)]
pub struct SeriesPoint {
    /// Start of the bucket.
    #[schema(value_type = String, format = DateTime)]
    pub bucket: Timestamp,
    /// The group's value of each dimension in `by`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group: BTreeMap<String, String>,
    /// The value; null where the formula has none.
    pub value: Option<f64>,
    /// Facts that it is made of.
    pub facts: i64,
}

/// One read of a plan.
#[derive(Serialize, ToSchema)]
pub struct PlanStep {
    /// Entity.
    pub entity: String,
    /// The rollup's relation, or the facts' where no rollup covers the question.
    pub relation: String,
    /// Whether the facts themselves were read.
    pub raw: bool,
    /// Length of the buckets that were read.
    pub level: Level,
}

/// A topic and who watches it.
#[derive(Serialize, ToSchema)]
pub struct Stream {
    /// Identity of the topic.
    pub topic: String,
    /// KPI.
    pub kpi: String,
    /// Length of its buckets.
    pub period: Level,
    /// Facts that count.
    pub filter: BTreeMap<String, Vec<String>>,
    /// Connections that are subscribed.
    pub subscribers: usize,
    /// `pinned` (computed without subscribers), `paused` (not computed), or null.
    pub control: Option<String>,
}

/// `GET /v1/streams`.
#[derive(Serialize, ToSchema)]
pub struct Streams {
    /// Topics that are watched, pinned or paused.
    pub streams: Vec<Stream>,
}

/// `POST /v1/streams/start`, `/stop` and `/clear`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamRequest {
    /// KPI.
    pub kpi: String,
    /// Length of the buckets.
    pub period: Level,
    /// For each dimension the values that count.
    #[serde(default)]
    pub filter: BTreeMap<String, Vec<String>>,
}

/// `GET /v1/health`.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `failing` when a check fails.
    pub status: String,
    /// What was looked at.
    pub checks: BTreeMap<String, HealthCheck>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub struct HealthCheck {
    /// Whether it works.
    pub ok: bool,
    /// What was seen; never an address or a secret.
    pub detail: String,
}
