//! What each operation of SQS does, and the limits it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Queues;
use super::message::{Attribute, MESSAGE_BYTES, Message};
use super::protocol::Refusal;
use super::queue::{Queue, Received, Want};
use crate::account::queue_arn;

/// Entries of one batch request.
const BATCH_ENTRIES: usize = 10;
/// The longest delay: 15 minutes.
const DELAY_SECONDS: u64 = 900;
/// The longest visibility timeout: 12 hours.
const VISIBILITY_SECONDS: u64 = 43_200;
/// The longest long poll.
const WAIT_SECONDS: u64 = 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage {
    queue_url: String,
    message_body: String,
    delay_seconds: Option<u64>,
    message_group_id: Option<String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<Entry> {
    queue_url: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendEntry {
    id: String,
    message_body: String,
    delay_seconds: Option<u64>,
    message_group_id: Option<String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteEntry {
    id: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u64>,
    wait_time_seconds: Option<u64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VisibilityEntry {
    id: String,
    receipt_handle: String,
    #[serde(default)]
    visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    queue_name: String,
}

pub(super) async fn send_message(queues: &Queues, request: SendMessage) -> Result<Value, Refusal> {
    let queue = named(queues, &request.queue_url)?;
    let delay = seconds("DelaySeconds", request.delay_seconds, DELAY_SECONDS)?.unwrap_or_default();
    let message = Message::new(request.message_body, request.message_attributes).in_group(request.message_group_id);
    let message = queue.check(message)?;
    let answer = sent(&message);
    queue.send(message, delay).await?;
    Ok(Value::Object(answer))
}

pub(super) async fn send_message_batch(queues: &Queues, request: Batch<SendEntry>) -> Result<Value, Refusal> {
    let queue = named(queues, &request.queue_url)?;
    check_batch(request.entries.iter().map(|entry| entry.id.as_str()))?;
    let mut total = 0;
    let mut messages = Vec::new();
    for entry in request.entries {
        let delay = seconds("DelaySeconds", entry.delay_seconds, DELAY_SECONDS)?.unwrap_or_default();
        let message = Message::new(entry.message_body, entry.message_attributes).in_group(entry.message_group_id);
        total += message.bytes();
        messages.push((entry.id, message, delay));
    }
    if total > MESSAGE_BYTES {
        let sentence = format!("the batch has {total} bytes, a request may have {MESSAGE_BYTES}");
        return Err(Refusal::new(
            "BatchRequestTooLong",
            "AWS.SimpleQueueService.BatchRequestTooLong",
            sentence,
        ));
    }
    let (mut successful, mut failed, mut good) = (Vec::new(), Vec::new(), Vec::new());
    for (id, message, delay) in messages {
        match queue.check(message) {
            Ok(message) => {
                let mut entry = sent(&message);
                entry.insert("Id".to_owned(), id.into());
                successful.push(Value::Object(entry));
                good.push((message, delay));
            }
            Err(error) => failed.push(failure(&id, &error.into())),
        }
    }
    queue.send_all(good).await?;
    Ok(json!({"Successful": successful, "Failed": failed}))
}

pub(super) async fn receive_message(queues: &Queues, request: ReceiveMessage) -> Result<Value, Refusal> {
    let queue = named(queues, &request.queue_url)?;
    let messages = request.max_number_of_messages.unwrap_or(1);
    if !(1..=BATCH_ENTRIES).contains(&messages) {
        return Err(Refusal::invalid(format!(
            "MaxNumberOfMessages is {messages}, it may be 1 to {BATCH_ENTRIES}"
        )));
    }
    let visibility =
        seconds("VisibilityTimeout", request.visibility_timeout, VISIBILITY_SECONDS)?.unwrap_or(queue.visibility);
    let wait = seconds("WaitTimeSeconds", request.wait_time_seconds, WAIT_SECONDS)?.unwrap_or_default();
    let received = queue.receive(Want::messages(messages, visibility), wait).await;
    if received.is_empty() {
        return Ok(json!({}));
    }
    let names = [request.attribute_names, request.message_system_attribute_names].concat();
    let messages: Vec<Value> = received
        .iter()
        .map(|received| described(received, &names, &request.message_attribute_names))
        .collect();
    Ok(json!({"Messages": messages}))
}

pub(super) async fn delete_message(queues: &Queues, request: DeleteMessage) -> Result<Value, Refusal> {
    named(queues, &request.queue_url)?
        .delete(&request.receipt_handle)
        .await?;
    Ok(json!({}))
}

pub(super) async fn delete_message_batch(queues: &Queues, request: Batch<DeleteEntry>) -> Result<Value, Refusal> {
    let queue = named(queues, &request.queue_url)?;
    check_batch(request.entries.iter().map(|entry| entry.id.as_str()))?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for DeleteEntry { id, receipt_handle } in request.entries {
        match queue.delete(&receipt_handle).await {
            Ok(()) => successful.push(json!({"Id": id})),
            Err(error) => failed.push(failure(&id, &error.into())),
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

pub(super) fn change_message_visibility(queues: &Queues, request: ChangeVisibility) -> Result<Value, Refusal> {
    let queue = named(queues, &request.queue_url)?;
    let visibility = seconds(
        "VisibilityTimeout",
        Some(request.visibility_timeout),
        VISIBILITY_SECONDS,
    )?;
    queue.change_visibility(&request.receipt_handle, visibility.unwrap_or_default())?;
    Ok(json!({}))
}

pub(super) fn change_message_visibility_batch(
    queues: &Queues,
    request: Batch<VisibilityEntry>,
) -> Result<Value, Refusal> {
    let queue = named(queues, &request.queue_url)?;
    check_batch(request.entries.iter().map(|entry| entry.id.as_str()))?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in request.entries {
        let changed = seconds("VisibilityTimeout", Some(entry.visibility_timeout), VISIBILITY_SECONDS)
            .and_then(|visibility| Ok(queue.change_visibility(&entry.receipt_handle, visibility.unwrap_or_default())?));
        match changed {
            Ok(()) => successful.push(json!({"Id": entry.id})),
            Err(refusal) => failed.push(failure(&entry.id, &refusal)),
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

pub(super) fn get_queue_attributes(queues: &Queues, request: QueueAttributes) -> Result<Value, Refusal> {
    let queue = named(queues, &request.queue_url)?;
    let counts = queue.counts();
    let mut attributes = BTreeMap::from([
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("QueueArn", queue_arn(&queue.name)),
        ("VisibilityTimeout", queue.visibility.as_secs().to_string()),
        ("MessageRetentionPeriod", queue.retention.as_secs().to_string()),
        ("MaximumMessageSize", queue.message_bytes.to_string()),
    ]);
    if let Some(redrive) = queue.redrive() {
        let policy =
            json!({"deadLetterTargetArn": queue_arn(&redrive.queue.name), "maxReceiveCount": redrive.max_receives});
        attributes.insert("RedrivePolicy", policy.to_string());
    }
    attributes.retain(|name, _| {
        request
            .attribute_names
            .iter()
            .any(|wanted| wanted == "All" || wanted == name)
    });
    Ok(json!({"Attributes": attributes}))
}

pub(super) fn get_queue_url(queues: &Queues, request: QueueUrl) -> Result<Value, Refusal> {
    let queue = named(queues, &request.queue_name)?;
    Ok(json!({"QueueUrl": queues.url(&queue.name)}))
}

/// The queue that a URL, or just a name, ends with.
fn named(queues: &Queues, url: &str) -> Result<Arc<Queue>, Refusal> {
    let name = url.rsplit('/').next().unwrap_or(url);
    queues.by_name(name).ok_or_else(|| Refusal::no_such_queue(name))
}

fn seconds(name: &str, value: Option<u64>, most: u64) -> Result<Option<Duration>, Refusal> {
    match value {
        Some(value) if value > most => Err(Refusal::invalid(format!("{name} is {value}, it may be 0 to {most}"))),
        value => Ok(value.map(Duration::from_secs)),
    }
}

fn check_batch<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let ids: Vec<&str> = ids.collect();
    let refuse = |kind, code, message: String| Err(Refusal::new(kind, code, message));
    if ids.is_empty() {
        return refuse(
            "EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "the batch has no entries".to_owned(),
        );
    }
    if ids.len() > BATCH_ENTRIES {
        let sentence = format!("the batch has {} entries, it may have {BATCH_ENTRIES}", ids.len());
        return refuse(
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            sentence,
        );
    }
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    if distinct.len() < ids.len() {
        let sentence = "two entries of the batch have the same id".to_owned();
        return refuse(
            "BatchEntryIdsNotDistinct",
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            sentence,
        );
    }
    Ok(())
}

fn sent(message: &Message) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("MessageId".to_owned(), message.id.to_string().into());
    answer.insert("MD5OfMessageBody".to_owned(), message.body_digest().into());
    if let Some(digest) = message.attributes_digest() {
        answer.insert("MD5OfMessageAttributes".to_owned(), digest.into());
    }
    answer
}

fn failure(id: &str, refusal: &Refusal) -> Value {
    json!({"Id": id, "SenderFault": true, "Code": refusal.code(), "Message": refusal.message()})
}

fn described(received: &Received, system_names: &[String], attribute_names: &[String]) -> Value {
    let wanted = |names: &[String], name: &str| {
        names.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == "All" || wanted == name,
        })
    };
    let message = &received.message;
    let mut answer = json!({
        "MessageId": message.id,
        "ReceiptHandle": received.receipt,
        "MD5OfBody": message.body_digest(),
        "Body": &*message.body,
    });
    let mut system = super::system_attributes(message);
    system.retain(|name, _| wanted(system_names, name));
    if !system.is_empty() {
        answer["Attributes"] = json!(system);
    }
    let mut attributes = message.attributes.clone();
    attributes.retain(|name, _| wanted(attribute_names, name));
    if !attributes.is_empty() {
        answer["MD5OfMessageAttributes"] = json!(
            Message {
                attributes: attributes.clone(),
                ..message.clone()
            }
            .attributes_digest()
        );
        answer["MessageAttributes"] = json!(attributes);
    }
    answer
}
