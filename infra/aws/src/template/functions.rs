//! Reads a template's functions and what triggers them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::permissions;
use super::resolver::value_text;
use super::{
    Function, HttpRoute, Properties, QueueSource, Reader, Schedule, SecretLookup, Template, TemplateError, decode,
    unresolved,
};
use crate::account::REGION;

/// What Lambda takes when neither the function nor `Globals` says.
const DEFAULT_TIMEOUT_S: u64 = 3;
const DEFAULT_MEMORY_MB: u32 = 128;
/// What Lambda takes for a queue's batch.
const DEFAULT_BATCH_SIZE: usize = 10;
const SECRET_OPEN: &str = "{{resolve:";

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FunctionProperties {
    code_uri: String,
    timeout: Option<u64>,
    memory_size: Option<u32>,
    reserved_concurrent_executions: Option<u32>,
    environment: Environment,
    policies: Vec<Value>,
    events: BTreeMap<String, Event>,
}

impl Properties for FunctionProperties {
    const NAMES: &'static [&'static str] = &[
        "CodeUri",
        "Timeout",
        "MemorySize",
        "ReservedConcurrentExecutions",
        "Environment",
        "Policies",
        "Events",
    ];
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Environment {
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpEvent {
    method: String,
    path: String,
    auth: Option<HttpEventAuth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpEventAuth {
    authorizer: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueEvent {
    queue: String,
    batch_size: Option<usize>,
    #[serde(default)]
    maximum_batching_window_in_seconds: u64,
    #[serde(default)]
    function_response_types: Vec<String>,
    scaling_config: Option<ScalingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalingConfig {
    maximum_concurrency: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduleEvent {
    #[serde(alias = "Schedule")]
    schedule_expression: String,
    input: Option<String>,
}

/// Reads the functions, their routes, queue sources and schedules.
pub(super) fn read(
    reader: &Reader<'_>,
    secrets: SecretLookup<'_>,
    template: &mut Template,
) -> Result<(), TemplateError> {
    let globals = read_globals(reader)?;
    for (id, properties) in reader.resources::<FunctionProperties>("AWS::Serverless::Function")? {
        let name = reader
            .resolver
            .physical_name(&id, 0)
            .map_err(|source| unresolved(&id, source))?;
        if properties.code_uri.is_empty() {
            return Err(TemplateError::invalid(&id, "a function needs a CodeUri"));
        }
        for (event_id, event) in &properties.events {
            read_event(reader, &format!("{id}.{event_id}"), &name, event, template)?;
        }
        let timeout_s = properties.timeout.or(globals.timeout).unwrap_or(DEFAULT_TIMEOUT_S);
        template.functions.push(Function {
            timeout: Duration::from_secs(timeout_s),
            memory_mb: properties
                .memory_size
                .or(globals.memory_size)
                .unwrap_or(DEFAULT_MEMORY_MB),
            environment: environment(reader, &name, &globals, &properties, secrets)?,
            reserved_concurrency: properties.reserved_concurrent_executions,
            permissions: permissions::read(&id, &properties.policies)?,
            logical_id: id,
            name,
        });
    }
    Ok(())
}

fn read_globals(reader: &Reader<'_>) -> Result<FunctionProperties, TemplateError> {
    let mut properties = serde_json::Map::new();
    for name in ["Timeout", "MemorySize", "Environment"] {
        if let Some(value) = reader
            .resolver
            .global(name)
            .map_err(|source| unresolved("Globals", source))?
        {
            properties.insert(name.to_owned(), value);
        }
    }
    decode("Globals", Value::Object(properties))
}

fn environment(
    reader: &Reader<'_>,
    function: &str,
    globals: &FunctionProperties,
    own: &FunctionProperties,
    secrets: SecretLookup<'_>,
) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut variables = BTreeMap::new();
    for (variable, value) in globals.environment.variables.iter().chain(&own.environment.variables) {
        let text = localise(reader, &value_text(value));
        variables.insert(variable.clone(), fill_secrets(function, variable, &text, secrets)?);
    }
    Ok(variables)
}

/// Puts local addresses in the place of API Gateway's host names.
pub(super) fn localise(reader: &Reader<'_>, text: &str) -> String {
    let mut text = text.to_owned();
    for (id, kind) in reader.resolver.resources() {
        let local = match kind {
            "AWS::ApiGatewayV2::Api" => &reader.resolver.addresses().websocket,
            "AWS::Serverless::HttpApi" => &reader.resolver.addresses().http,
            _ => continue,
        };
        let host = format!("://{id}.execute-api.{REGION}.amazonaws.com");
        text = text.replace(&format!("https{host}"), local);
        text = text.replace(&format!("wss{host}"), &local.replacen("http", "ws", 1));
    }
    text
}

/// Replaces each `{{resolve:secretsmanager:NAME:SecretString:KEY}}`.
fn fill_secrets(
    function: &str,
    variable: &str,
    text: &str,
    secrets: SecretLookup<'_>,
) -> Result<String, TemplateError> {
    let place = || format!("function {function}: variable {variable}");
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(SECRET_OPEN) {
        let (before, from) = rest.split_at(start);
        let Some(end) = from.find("}}") else {
            return Err(TemplateError::invalid(&place(), "a dynamic reference is not closed"));
        };
        let parts: Vec<&str> = from[SECRET_OPEN.len()..end].split(':').collect();
        let ["secretsmanager", name, "SecretString", key] = parts.as_slice() else {
            return Err(TemplateError::invalid(
                &place(),
                "only secretsmanager:NAME:SecretString:KEY is known here",
            ));
        };
        let secret = secrets(name, key).ok_or_else(|| TemplateError::MissingSecret {
            function: function.to_owned(),
            variable: variable.to_owned(),
            secret: (*name).to_owned(),
            key: (*key).to_owned(),
        })?;
        result.push_str(before);
        result.push_str(&secret);
        rest = &from[end + 2..];
    }
    result.push_str(rest);
    Ok(result)
}

fn read_event(
    reader: &Reader<'_>,
    place: &str,
    function: &str,
    event: &Event,
    template: &mut Template,
) -> Result<(), TemplateError> {
    let properties = event.properties.clone();
    let function = function.to_owned();
    match event.kind.as_str() {
        "HttpApi" => {
            let HttpEvent { method, path, auth } = decode(place, properties)?;
            let method = if method == "*" {
                "ANY".to_owned()
            } else {
                method.to_uppercase()
            };
            let authorized = auth.and_then(|auth| auth.authorizer).is_none_or(|name| name != "NONE");
            template.routes.push(HttpRoute {
                method,
                path,
                function,
                authorized,
            });
        }
        "SQS" => {
            let event: QueueEvent = decode(place, properties)?;
            template.queue_sources.push(QueueSource {
                queue: queue_of_arn(reader, place, &event.queue)?,
                function,
                batch_size: event.batch_size.unwrap_or(DEFAULT_BATCH_SIZE),
                window_s: event.maximum_batching_window_in_seconds,
                max_concurrency: event.scaling_config.and_then(|config| config.maximum_concurrency),
                report_item_failures: event
                    .function_response_types
                    .iter()
                    .any(|kind| kind == "ReportBatchItemFailures"),
            });
        }
        "Schedule" | "ScheduleV2" => {
            let ScheduleEvent {
                schedule_expression: expression,
                input,
            } = decode(place, properties)?;
            template.schedules.push(Schedule {
                function,
                expression,
                input,
            });
        }
        other => {
            return Err(TemplateError::invalid(
                place,
                format!("events of type {other} are not known here"),
            ));
        }
    }
    Ok(())
}

/// The logical id of the queue that has this ARN.
pub(super) fn queue_of_arn(reader: &Reader<'_>, place: &str, arn: &str) -> Result<String, TemplateError> {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    for (id, kind) in reader.resolver.resources() {
        let physical = reader
            .resolver
            .physical_name(id, 0)
            .map_err(|source| unresolved(id, source))?;
        if kind == "AWS::SQS::Queue" && physical == name {
            return Ok(id.to_owned());
        }
    }
    Err(TemplateError::invalid(place, format!("there is no queue {arn}")))
}
