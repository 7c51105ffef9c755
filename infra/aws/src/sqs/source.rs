//! An event source mapping: what Lambda runs between a queue and a function.
//!
//! A batch has messages of one group, and a group has all but one of the batches that may be in flight, at most. So a group that
//! floods the queue never has every invocation, however long each takes, and no other group's message waits for a batch that it
//! shares with the flood. On AWS a batch may mix groups, and fairness is a matter of the queue alone and best effort; a function
//! must be ready for either. Messages without a group go together, as if there were no groups.

mod places;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::places::Places;
use super::message::{Attribute, Message};
use super::queue::{Choice, Queue, Received, Want};
use crate::account::{REGION, queue_arn};
use crate::lambda::{Invoker, PAYLOAD_BYTES};
use crate::tasks::Stopped;

/// Without a batching window, Lambda takes no more messages than one receive can carry.
const BATCH_WITHOUT_WINDOW: usize = 10;
/// Batches that Lambda works on at first when the mapping sets no maximum.
pub const DEFAULT_CONCURRENCY: usize = 5;
const LONG_POLL: Duration = Duration::from_secs(20);

/// A queue, a function, and how messages become batches.
#[derive(Debug, Clone)]
pub struct EventSource {
    /// Where messages come from.
    pub queue: Arc<Queue>,
    /// Who gets them.
    pub function: String,
    /// At most so many messages a batch.
    pub batch_size: usize,
    /// How long a batch may be gathered.
    pub window: Duration,
    /// At most so many batches in flight.
    pub max_concurrency: usize,
    /// `ReportBatchItemFailures`: the function says which messages failed.
    pub report_item_failures: bool,
}

impl EventSource {
    /// Polls and invokes until it is to stop.
    pub async fn run(self, invoker: Invoker, stopped: Stopped) {
        if self.window.is_zero() && self.batch_size > BATCH_WITHOUT_WINDOW {
            tracing::warn!(
                queue = self.queue.name,
                function = self.function,
                batch_size = self.batch_size,
                "a batch size over 10 needs a batching window of at least 1 s; CloudFormation refuses it, here batches have 10"
            );
        }
        let source = Arc::new(self);
        let slots = Arc::new(Semaphore::new(source.max_concurrency.max(1)));
        let places = Places::of(&source.queue, source.max_concurrency);
        let mut batches = JoinSet::new();
        let work = async {
            while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
                let batch = source.gather(&places).await;
                let place = places.take(batch.first().and_then(|first| first.message.group.clone()));
                let (source, invoker) = (Arc::clone(&source), invoker.clone());
                batches.spawn(async move {
                    source.deliver(&invoker, &batch).await;
                    // In this order: who looks for a message because a place is free finds a slot, too.
                    drop((slot, place));
                });
                while batches.try_join_next().is_some() {}
            }
        };
        tokio::select! {
            () = work => {}
            () = stopped.wait() => {}
        }
        batches.shutdown().await;
    }

    /// Waits for a first message and gathers what else fits into the batch.
    async fn gather(&self, places: &Places) -> Vec<Received> {
        let limit = if self.window.is_zero() {
            self.batch_size.min(BATCH_WITHOUT_WINDOW)
        } else {
            self.batch_size
        }
        .max(1);
        let mut want = Want {
            event_bytes: PAYLOAD_BYTES,
            ..Want::messages(limit, self.queue.visibility)
        };
        let mut batch = Vec::new();
        while batch.is_empty() {
            let has_place = |group: &str| places.has_one(group);
            batch = self.queue.receive_of(want, Choice::OneOf(&has_place), LONG_POLL).await;
        }
        let group = batch.first().and_then(|first| first.message.group.clone());
        let deadline = Instant::now() + self.window;
        loop {
            want.messages = limit.saturating_sub(batch.len());
            want.bytes_taken = batch.iter().map(|received| received.message.event_bytes()).sum();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || want.messages == 0 {
                return batch;
            }
            let more = self.queue.receive_of(want, Choice::Group(group.clone()), left).await;
            if more.is_empty() {
                return batch;
            }
            batch.extend(more);
        }
    }

    async fn delete(&self, received: &Received) {
        if let Err(error) = self.queue.delete(&received.receipt).await {
            tracing::error!(queue = self.queue.name, message = %received.message.id, %error, "a message stays");
        }
    }

    /// Invokes the function and deletes what succeeded. The rest comes back when its visibility timeout has passed.
    async fn deliver(&self, invoker: &Invoker, batch: &[Received]) {
        let event = Bytes::from(event(&self.queue.name, batch).to_string());
        let failed = match invoker.invoke(&self.function, event).await {
            Ok(response) if self.report_item_failures => failures(&response, batch),
            Ok(_) => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        };
        match failed {
            Ok(failed) => {
                let succeeded = batch
                    .iter()
                    .filter(|received| !failed.contains(&received.message.id.to_string()));
                // At once, so that they share a commit.
                join_all(succeeded.map(|received| self.delete(received))).await;
                if !failed.is_empty() {
                    tracing::warn!(
                        queue = self.queue.name,
                        function = self.function,
                        failed = failed.len(),
                        of = batch.len(),
                        "messages failed and will be tried again"
                    );
                }
            }
            Err(error) => tracing::warn!(
                queue = self.queue.name,
                function = self.function,
                messages = batch.len(),
                error,
                "a batch failed and will be tried again"
            ),
        }
    }
}

/// The ids that a response names as failed; an error when the whole batch counts as failed.
fn failures(response: &[u8], batch: &[Received]) -> Result<BTreeSet<String>, String> {
    if response.iter().all(u8::is_ascii_whitespace) {
        return Ok(BTreeSet::new());
    }
    let response: Value =
        serde_json::from_slice(response).map_err(|error| format!("the response is not JSON: {error}"))?;
    let items = match response.get("batchItemFailures") {
        None | Some(Value::Null) => return Ok(BTreeSet::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(format!("batchItemFailures is {other}, not a list")),
    };
    let known: BTreeSet<String> = batch.iter().map(|received| received.message.id.to_string()).collect();
    items
        .iter()
        .map(|item| match item.get("itemIdentifier").and_then(Value::as_str) {
            Some(id) if known.contains(id) => Ok(id.to_owned()),
            _ => Err(format!("the batch item failure {item} names no message of the batch")),
        })
        .collect()
}

/// The event as Lambda writes it.
fn event(queue: &str, batch: &[Received]) -> Value {
    let records: Vec<Value> = batch.iter().map(|received| record(queue, received)).collect();
    json!({"Records": records})
}

fn record(queue: &str, Received { message, receipt }: &Received) -> Value {
    let mut record = json!({
        "messageId": message.id,
        "receiptHandle": receipt,
        "body": &*message.body,
        "attributes": super::system_attributes(message),
        "messageAttributes": message_attributes(message),
        "md5OfBody": message.body_digest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn(queue),
        "awsRegion": REGION,
    });
    if let Some(digest) = message.attributes_digest() {
        record["md5OfMessageAttributes"] = digest.into();
    }
    record
}

fn message_attributes(message: &Message) -> Value {
    let attribute = |Attribute {
                         data_type,
                         string_value,
                         binary_value,
                     }: &Attribute| {
        let mut value = json!({"dataType": data_type, "stringListValues": [], "binaryListValues": []});
        if let Some(text) = string_value {
            value["stringValue"] = text.as_str().into();
        }
        if let Some(binary) = binary_value {
            value["binaryValue"] = binary.as_str().into();
        }
        value
    };
    message
        .attributes
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}
