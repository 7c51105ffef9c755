//! What a template says, as plain types.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::permissions::Permission;
use crate::eventbridge::Pattern;

/// Base addresses of the local endpoints, without a trailing slash (`http://127.0.0.1:3000`).
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The HTTP API.
    pub http: String,
    /// The WebSocket API and its `@connections`; also with the scheme `http`.
    pub websocket: String,
    /// The queues.
    pub sqs: String,
}

/// What the template says, ready to be run.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Every Lambda function.
    pub functions: Vec<Function>,
    /// Routes of the HTTP API.
    pub routes: Vec<HttpRoute>,
    /// The HTTP API's default authorizer.
    pub http_authorizer: Option<Authorizer>,
    /// Cross-origin rules of the HTTP API.
    pub cors: Option<Cors>,
    /// Throttling of each route of the HTTP API that has none of its own.
    pub http_throttle: Option<Throttle>,
    /// Throttling of single routes of the HTTP API, by their keys such as `POST /items`.
    pub http_route_throttles: BTreeMap<String, Throttle>,
    /// Routes of the WebSocket API.
    pub websocket_routes: Vec<WebSocketRoute>,
    /// The WebSocket API's authorizer, used by the routes that ask for one.
    pub websocket_authorizer: Option<Authorizer>,
    /// Stage name of the WebSocket API: the first path segment of its address.
    pub websocket_stage: String,
    /// The field of a message's body that selects its route (`action` of `$request.body.action`).
    pub websocket_selector: String,
    /// Throttling of each route of the WebSocket API.
    pub websocket_throttle: Option<Throttle>,
    /// Queues, dead-letter queues included.
    pub queues: Vec<Queue>,
    /// Which queue feeds which function.
    pub queue_sources: Vec<QueueSource>,
    /// `DynamoDB` tables.
    pub tables: Vec<Table>,
    /// S3 buckets.
    pub buckets: Vec<Bucket>,
    /// Which queue hears of which objects.
    pub bucket_notifications: Vec<BucketNotification>,
    /// Functions invoked by the clock.
    pub schedules: Vec<Schedule>,
    /// Names of the event buses; `default` is there without being named.
    pub event_buses: Vec<String>,
    /// Which events go where.
    pub event_rules: Vec<EventRule>,
    /// The pages in front of a bucket.
    pub distribution: Option<Distribution>,
}

/// One Lambda function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its key under `Resources`.
    pub logical_id: String,
    /// Name of the function and of its binary: the last component of `CodeUri`.
    pub name: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Reported to the function; not enforced.
    pub memory_mb: u32,
    /// Variables, secrets and local addresses filled in.
    pub environment: BTreeMap<String, String>,
    /// At most this many invocations at a time; more are throttled.
    pub reserved_concurrency: Option<u32>,
    /// What it may do with tables.
    pub permissions: Vec<Permission>,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRoute {
    /// An upper-case method or `ANY`.
    pub method: String,
    /// The path with `{parameters}`, or `$default`.
    pub path: String,
    /// Name of the function that answers.
    pub function: String,
    /// Whether the authorizer is asked first.
    pub authorized: bool,
}

impl HttpRoute {
    /// What API Gateway calls it, such as `POST /items`; `$default` has no method.
    #[must_use]
    pub fn key(&self) -> String {
        if self.path == "$default" {
            return self.path.clone();
        }
        format!("{} {}", self.method, self.path)
    }
}

/// A route of the WebSocket API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketRoute {
    /// `$connect`, `$disconnect`, `$default` or a value of the selector.
    pub key: String,
    /// Name of the function that answers.
    pub function: String,
    /// Whether the authorizer is asked first; only `$connect` can.
    pub authorized: bool,
    /// Whether the function's response body is sent back to the client.
    pub responds: bool,
}

/// A Lambda authorizer.
#[derive(Debug, Clone)]
pub struct Authorizer {
    /// Name of the function that decides.
    pub function: String,
    /// Where the credentials are; all must be present, together they are the cache's key.
    pub identity: Vec<IdentitySource>,
    /// How long a decision is remembered; zero for never.
    pub ttl: Duration,
}

/// Where an authorizer finds credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// A header, in lower case.
    Header(String),
    /// A parameter of the query string.
    Query(String),
}

/// A token bucket's settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    /// Requests per second.
    pub rate: f64,
    /// Size of the bucket.
    pub burst: f64,
}

/// Cross-origin rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins, or `*`.
    pub origins: Vec<String>,
    /// Request headers that are allowed.
    pub headers: Vec<String>,
    /// Methods that are allowed.
    pub methods: Vec<String>,
    /// Response headers that a script may read.
    pub exposed: Vec<String>,
    /// How long a browser may remember a preflight, in seconds.
    pub max_age_s: Option<u64>,
    /// Whether cookies may be sent.
    pub credentials: bool,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its key under `Resources`.
    pub logical_id: String,
    /// The last segment of its URL.
    pub name: String,
    /// How long a received message stays hidden.
    pub visibility_timeout_s: u64,
    /// How long a message is kept.
    pub retention_s: u64,
    /// The largest message that is taken.
    pub message_bytes: usize,
    /// Logical id of the dead-letter queue and the number of receives after which a message goes there.
    pub redrive: Option<(String, u32)>,
}

/// A queue that invokes a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSource {
    /// Logical id of the queue.
    pub queue: String,
    /// Name of the function.
    pub function: String,
    /// At most this many messages per invocation.
    pub batch_size: usize,
    /// How long to wait for a full batch.
    pub window_s: u64,
    /// At most this many invocations at a time.
    pub max_concurrency: Option<u32>,
    /// Whether the function answers with `batchItemFailures`.
    pub report_item_failures: bool,
}

/// A `DynamoDB` table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its key under `Resources`.
    pub logical_id: String,
    /// The table's name.
    pub name: String,
    /// Key elements in order.
    pub key_schema: Vec<KeyElement>,
    /// Types of the attributes that keys use.
    pub attributes: Vec<AttributeDefinition>,
    /// Global secondary indexes.
    pub indexes: Vec<Index>,
    /// The attribute that holds an item's expiry, when it has one.
    pub ttl_attribute: Option<String>,
}

/// An element of a key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyElement {
    /// The attribute.
    pub attribute_name: String,
    /// `HASH` or `RANGE`.
    pub key_type: String,
}

/// The type of a key attribute.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    /// The attribute.
    pub attribute_name: String,
    /// `S`, `N` or `B`.
    pub attribute_type: String,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Index {
    /// The index's name.
    pub index_name: String,
    /// Key elements in order.
    pub key_schema: Vec<KeyElement>,
    /// What it copies, as `CreateTable` takes it.
    pub projection: Value,
}

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its key under `Resources`.
    pub logical_id: String,
    /// The bucket's name.
    pub name: String,
}

/// A CloudFront distribution in front of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// Its key under `Resources`.
    pub logical_id: String,
    /// Name of the bucket.
    pub bucket: String,
    /// The key of `/`.
    pub root_object: String,
    /// What is done with which paths, the default last.
    pub behaviours: Vec<Behaviour>,
    /// What is answered instead of the bucket's refusals, by their status.
    pub error_pages: BTreeMap<u16, ErrorPage>,
}

/// What a distribution does with some paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// How the paths begin.
    pub prefix: String,
    /// Headers that are added, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// An object that is answered with another status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// The status.
    pub status: u16,
    /// The object's path.
    pub path: String,
}

/// A queue that hears of objects in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketNotification {
    /// Name of the bucket.
    pub bucket: String,
    /// An event, or a pattern such as `s3:ObjectCreated:*`.
    pub event: String,
    /// Only keys that begin so.
    pub prefix: Option<String>,
    /// Only keys that end so.
    pub suffix: Option<String>,
    /// Logical id of the queue.
    pub queue: String,
}

/// A function invoked by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Name of the function.
    pub function: String,
    /// `rate(1 minute)` or `cron(...)`.
    pub expression: String,
    /// The event, as JSON text.
    pub input: Option<String>,
}

/// A rule of an event bus.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRule {
    /// The rule's name.
    pub name: String,
    /// Name of its bus.
    pub bus: String,
    /// The events that it wants.
    pub pattern: Pattern,
    /// Whether it does anything.
    pub enabled: bool,
    /// Where the events go.
    pub targets: Vec<EventTarget>,
}

/// Where a rule sends events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTarget {
    /// What the template calls it, once per rule.
    pub id: String,
    /// The ARN of the queue or log group.
    pub arn: String,
    /// What the ARN names.
    pub kind: TargetKind,
    /// Logical id of the queue for events that could not be delivered.
    pub dead_letters: Option<String>,
}

/// What a rule can send events to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// Logical id of a queue.
    Queue(String),
    /// A CloudWatch log group; all of them are one file here.
    LogGroup,
}
