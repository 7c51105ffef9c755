//! Running the product: its health, and its description.

use std::collections::BTreeMap;

use identity::Permission;
use jiff::Timestamp;
use route::{Access, Answer, Method, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// All routes of this area.
pub static ROUTES: [&Route; 5] = [&READ_HEALTH, &READ_HEALTH_CHECKS, &LIST_QUEUES, &OPEN_API, &ASYNC_API];

/// Whether all works.
pub static READ_HEALTH: Route = Route {
    function: "report-health",
    method: Method::Get,
    path: "/v1/health",
    access: Access::Open,
    operation: "readHealth",
    summary: "Whether all works; 503 when something does not. What, is told to operators alone.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<Health>().or(503),
};

/// What works and what does not.
pub static READ_HEALTH_CHECKS: Route = Route {
    function: "report-health",
    method: Method::Get,
    path: "/v1/health/checks",
    access: Access::Needs(Permission::ReadHealth),
    operation: "readHealthChecks",
    summary: "What works and what does not, for operators; 503 when something does not.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<HealthChecks>().or(503),
};

/// What waits in the queues.
pub static LIST_QUEUES: Route = Route {
    function: "report-health",
    method: Method::Get,
    path: "/v1/queues",
    access: Access::Needs(Permission::ReadQueues),
    operation: "listQueues",
    summary: "What waits in the queues of events and files, of all clients, and files under keys of no client, for operators.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<Queues>(),
};

/// The OpenAPI document.
pub static OPEN_API: Route = Route {
    function: "describe-api",
    method: Method::Get,
    path: "/openapi.json",
    access: Access::Open,
    operation: "openApi",
    summary: "This document.",
    parameters: &[],
    request: None,
    answer: Answer::UNTYPED,
};

/// The live protocol as AsyncAPI 3.
pub static ASYNC_API: Route = Route {
    function: "describe-api",
    method: Method::Get,
    path: "/asyncapi.json",
    access: Access::Open,
    operation: "asyncApi",
    summary: "The live protocol as AsyncAPI 3.",
    parameters: &[],
    request: None,
    answer: Answer::UNTYPED,
};

/// `GET /v1/health`.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// What the checks say together.
    pub status: HealthStatus,
}

/// `GET /v1/health/checks`.
#[derive(Serialize, ToSchema)]
pub struct HealthChecks {
    /// What the checks say together.
    pub status: HealthStatus,
    /// What was looked at.
    pub checks: BTreeMap<String, HealthCheck>,
}

/// What all checks say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// All is well.
    Ok,
    /// A check fails.
    Failing,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub struct HealthCheck {
    /// Whether it works.
    pub ok: bool,
    /// What was seen; never an address or a secret.
    pub detail: String,
}

/// `GET /v1/queues`.
#[derive(Serialize, ToSchema)]
pub struct Queues {
    /// The queues by name: `events`, `dropped_files`, `files`, and `events_last_tries` and `files_last_tries`, where what came too often is tried a last time.
    pub queues: BTreeMap<String, QueueDepth>,
    /// Files that were put on the bucket under keys of no client, the latest first, up to 100: they are left alone.
    pub unplaced_files: Vec<UnplacedFile>,
}

/// A file under a key of no client.
#[derive(Serialize, ToSchema)]
pub struct UnplacedFile {
    /// Its key.
    pub key: String,
    /// Why it is nobody's.
    pub reason: String,
    /// When it was put there last.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
}

/// How many messages a queue has, as the service counts: about.
#[derive(Serialize, ToSchema)]
pub struct QueueDepth {
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that are worked on, or come back after a pause.
    pub in_flight: u64,
}
