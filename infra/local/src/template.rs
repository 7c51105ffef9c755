//! `template.yaml` as the local cloud needs it: parsed once, with every intrinsic resolved, into plain types.
//!
//! This is not a CloudFormation engine. It knows the resource types, intrinsics and attributes that change what runs
//! locally, ignores by name what does not (alarms, permissions), and refuses everything else, so that a template
//! cannot quietly mean one thing here and another on AWS.

mod apis;
mod functions;
mod resolver;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use self::resolver::Resolver;
pub use self::resolver::{ACCOUNT, REGION, ResolveError, function_arn};

/// Resource types that have no counterpart on a developer's machine.
const IGNORED_TYPES: [&str; 8] = [
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::Role",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
];

/// Resource types that the local cloud runs.
const KNOWN_TYPES: [&str; 11] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::RouteResponse",
    "AWS::ApiGatewayV2::Stage",
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::Serverless::Function",
    "AWS::Serverless::HttpApi",
];

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
    /// Throttling of each route of the HTTP API.
    pub http_throttle: Option<Throttle>,
    /// Routes of the WebSocket API.
    pub live_routes: Vec<LiveRoute>,
    /// The WebSocket API's authorizer, used by the routes that ask for one.
    pub live_authorizer: Option<Authorizer>,
    /// Stage name of the WebSocket API: the first path segment of its address.
    pub live_stage: String,
    /// The field of a message's body that selects its route (`action` of `$request.body.action`).
    pub live_selector: String,
    /// Throttling of each route of the WebSocket API.
    pub live_throttle: Option<Throttle>,
    /// Queues, dead-letter queues included.
    pub queues: Vec<Queue>,
    /// Which queue feeds which function.
    pub queue_sources: Vec<QueueSource>,
    /// `DynamoDB` tables.
    pub tables: Vec<Table>,
    /// S3 buckets.
    pub buckets: Vec<Bucket>,
    /// Which function hears of which objects.
    pub bucket_notifications: Vec<BucketNotification>,
    /// Functions invoked by the clock.
    pub schedules: Vec<Schedule>,
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

/// A route of the WebSocket API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRoute {
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

/// A function that hears of objects in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketNotification {
    /// Name of the bucket.
    pub bucket: String,
    /// Event patterns such as `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// Only keys that begin so.
    pub prefix: Option<String>,
    /// Only keys that end so.
    pub suffix: Option<String>,
    /// Name of the function.
    pub function: String,
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

/// Why a template cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Not YAML, or not a mapping.
    #[error("the template cannot be read: {0}")]
    Syntax(#[from] yaml_serde::Error),
    /// An intrinsic that cannot be resolved.
    #[error("{place}: {source}")]
    Unresolved {
        /// The resource, or section, that uses it.
        place: String,
        /// What is wrong with it.
        source: ResolveError,
    },
    /// A resource type that is neither run nor ignored.
    #[error("resource {resource} has the type {kind}, which the local cloud neither runs nor ignores")]
    UnknownType {
        /// Its logical id.
        resource: String,
        /// Its type.
        kind: String,
    },
    /// A property that is missing, of the wrong type or of an unknown value.
    #[error("{place}: {message}")]
    Invalid {
        /// The resource, or section.
        place: String,
        /// What is wrong with it.
        message: String,
    },
    /// A secret that is not there.
    #[error("function {function}: variable {variable} needs the key {key} of the secret {secret}, which is not there")]
    MissingSecret {
        /// Name of the function.
        function: String,
        /// The variable.
        variable: String,
        /// Name of the secret.
        secret: String,
        /// Key within the secret.
        key: String,
    },
}

impl TemplateError {
    fn invalid(place: &str, message: impl ToString) -> Self {
        Self::Invalid { place: place.to_owned(), message: message.to_string() }
    }
}

/// Looks up `key` of the secret `name`.
pub type SecretLookup<'a> = &'a dyn Fn(&str, &str) -> Option<String>;

impl Template {
    /// Reads a template. `parameters` override the defaults; `addresses` stand in for AWS's host names.
    ///
    /// # Errors
    /// Names the resource and what is wrong with it: see [`TemplateError`].
    pub fn parse(
        text: &str,
        addresses: &Addresses,
        parameters: &BTreeMap<String, String>,
        secrets: SecretLookup<'_>,
    ) -> Result<Self, TemplateError> {
        let document = yaml_serde::from_str(text)?;
        let reader = Reader { resolver: Resolver::new(&document, addresses, parameters)? };
        reader.check_types()?;
        let mut template = Self::default();
        functions::read(&reader, secrets, &mut template)?;
        apis::read_http(&reader, &mut template)?;
        apis::read_live(&reader, &mut template)?;
        state::read(&reader, &mut template)?;
        template.check_references()?;
        Ok(template)
    }

    /// The function of this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Everything that names a function or a queue names one that exists.
    fn check_references(&self) -> Result<(), TemplateError> {
        let functions: BTreeSet<&str> = self.functions.iter().map(|function| function.name.as_str()).collect();
        let used = (self.live_routes.iter().map(|route| &route.function))
            .chain(self.http_authorizer.iter().map(|authorizer| &authorizer.function))
            .chain(self.live_authorizer.iter().map(|authorizer| &authorizer.function));
        for name in used {
            if !functions.contains(name.as_str()) {
                return Err(TemplateError::invalid("the APIs", format!("there is no function {name}")));
            }
        }
        Ok(())
    }
}

/// The resolved resources, as the readers of each kind see them.
struct Reader<'a> {
    resolver: Resolver<'a>,
}

impl Reader<'_> {
    fn check_types(&self) -> Result<(), TemplateError> {
        for (resource, kind) in self.resolver.resources() {
            if !KNOWN_TYPES.contains(&kind) && !IGNORED_TYPES.contains(&kind) {
                return Err(TemplateError::UnknownType { resource: resource.to_owned(), kind: kind.to_owned() });
            }
        }
        Ok(())
    }

    /// Every resource of one type whose condition holds, with the properties that `P` reads.
    fn resources<P: Properties>(&self, kind: &str) -> Result<Vec<(String, P)>, TemplateError> {
        let mut found = Vec::new();
        for (id, resource_kind) in self.resolver.resources() {
            if resource_kind == kind && self.resolver.exists(id).map_err(|source| unresolved(id, source))? {
                found.push((id.to_owned(), self.properties(id)?));
            }
        }
        Ok(found)
    }

    fn properties<P: Properties>(&self, id: &str) -> Result<P, TemplateError> {
        let mut properties = Map::new();
        for name in P::NAMES {
            if let Some(value) = self.resolver.property(id, name).map_err(|source| unresolved(id, source))? {
                properties.insert((*name).to_owned(), value);
            }
        }
        decode(id, Value::Object(properties))
    }
}

/// The properties of a resource type that matter here; the others are not even resolved.
trait Properties: DeserializeOwned {
    const NAMES: &'static [&'static str];
}

fn unresolved(place: &str, source: ResolveError) -> TemplateError {
    TemplateError::Unresolved { place: place.to_owned(), source }
}

fn decode<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, TemplateError> {
    serde_json::from_value(value).map_err(|error| TemplateError::invalid(place, error))
}

/// The function's name in an ARN, or in an integration's address that contains one.
fn function_of_arn<'a>(place: &str, arn: &'a str) -> Result<&'a str, TemplateError> {
    arn.split_once(":function:")
        .map(|(_, rest)| rest.split_once('/').map_or(rest, |(name, _)| name))
        .ok_or_else(|| TemplateError::invalid(place, format!("{arn} does not name a function")))
}
