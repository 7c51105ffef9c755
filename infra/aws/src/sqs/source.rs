//! An event source mapping: what Lambda runs between a queue and a function.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::message::{Attribute, Message};
use super::queue::{Queue, Received, Want};
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
        let mut batches = JoinSet::new();
        let work = async {
            while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
                let batch = source.gather().await;
                let (source, invoker) = (Arc::clone(&source), invoker.clone());
                batches.spawn(async move {
                    source.deliver(&invoker, &batch).await;
                    drop(slot);
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
    async fn gather(&self) -> Vec<Received> {
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
            batch = self.queue.receive(want, LONG_POLL).await;
        }
        let deadline = Instant::now() + self.window;
        loop {
            want.messages = limit.saturating_sub(batch.len());
            want.bytes_taken = batch.iter().map(|received| received.message.event_bytes()).sum();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || want.messages == 0 {
                return batch;
            }
            let more = self.queue.receive(want, left).await;
            if more.is_empty() {
                return batch;
            }
            batch.extend(more);
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
                for received in batch
                    .iter()
                    .filter(|received| !failed.contains(&received.message.id.to_string()))
                {
                    if let Err(error) = self.queue.delete(&received.receipt) {
                        tracing::error!(queue = self.queue.name, message = %received.message.id, %error, "a message stays");
                    }
                }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::tasks::Tasks;

    type Answer = fn(&Value) -> Result<Value, String>;

    const VISIBILITY: Duration = Duration::from_secs(30);

    fn source(batch_size: usize, window_s: u64, report: bool) -> EventSource {
        EventSource {
            queue: Arc::new(Queue::new(
                "events".to_owned(),
                VISIBILITY,
                Duration::from_secs(345_600),
            )),
            function: "work".to_owned(),
            batch_size,
            window: Duration::from_secs(window_s),
            max_concurrency: 2,
            report_item_failures: report,
        }
    }

    fn send(source: &EventSource, count: usize) {
        for number in 0..count {
            source
                .queue
                .send(Message::new(number.to_string(), BTreeMap::new()), Duration::ZERO);
        }
    }

    /// Runs the source against a function that answers with `answer`; gives the bodies of each batch it saw.
    async fn run(source: EventSource, seconds: u64, answer: Answer) -> Vec<Vec<String>> {
        let batches = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&batches);
        let invoker = Invoker::new(move |_, payload| {
            let event: Value = serde_json::from_slice(&payload).unwrap();
            let bodies = event["Records"]
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record["body"].as_str().unwrap().to_owned());
            seen.lock().unwrap().push(bodies.collect());
            let answer = answer(&event).map(|answer| Bytes::from(answer.to_string()));
            async move { answer }
        });
        let mut tasks = Tasks::default();
        tasks.spawn_attentive(source.run(invoker, tasks.stopped()));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        tasks.shutdown().await;
        Arc::into_inner(batches).unwrap().into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn batches_keep_their_size_and_what_succeeds_is_deleted() {
        for (batch_size, window, sizes) in [
            (1, 0, vec![1; 12]),
            (100, 0, vec![10, 2]),
            (100, 1, vec![12]),
            (5, 1, vec![5, 5, 2]),
        ] {
            let source = source(batch_size, window, false);
            let queue = Arc::clone(&source.queue);
            send(&source, 12);
            let batches = run(source, 120, |_| Ok(Value::Null)).await;
            assert_eq!(
                batches.iter().map(Vec::len).collect::<Vec<_>>(),
                sizes,
                "size {batch_size}, window {window}"
            );
            assert_eq!(queue.counts().in_flight + queue.counts().visible, 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_failed_comes_back_after_the_visibility_timeout() {
        let source = source(10, 0, true);
        send(&source, 3);
        let batches = run(source, 45, |event| {
            let records = event["Records"].as_array().unwrap();
            let failed = records
                .iter()
                .filter(|record| record["body"] == "1" && record["attributes"]["ApproximateReceiveCount"] == "1");
            Ok(
                json!({"batchItemFailures": failed.map(|record| json!({"itemIdentifier": record["messageId"]})).collect::<Vec<_>>()}),
            )
        });
        assert_eq!(batches.await, vec![vec!["0", "1", "2"], vec!["1"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_id_a_crash_and_nonsense_fail_the_whole_batch() {
        let answers: [Answer; 4] = [
            |_| Ok(json!({"batchItemFailures": [{"itemIdentifier": "unknown"}]})),
            |_| Ok(json!({"batchItemFailures": [{"id": ""}]})),
            |_| Ok(json!({"batchItemFailures": "all"})),
            |_| Err("the function crashed".to_owned()),
        ];
        for answer in answers {
            let source = source(10, 0, true);
            send(&source, 2);
            assert_eq!(run(source, 45, answer).await, vec![vec!["0", "1"]; 2]);
        }
    }

    #[test]
    fn a_record_has_what_lambda_gives() {
        let binary = Attribute {
            data_type: "Binary".to_owned(),
            string_value: None,
            binary_value: Some("AQI=".to_owned()),
        };
        let mut message = Message::new("{\"a\":1}".to_owned(), BTreeMap::from([("b".to_owned(), binary)]));
        message.receives = 1;
        message.first_received_ms = Some(1);
        let record = record(
            "events",
            &Received {
                message,
                receipt: "r".to_owned(),
            },
        );
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:events");
        assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
        assert_eq!(record["messageAttributes"]["b"]["binaryValue"], "AQI=");
        assert_eq!(record["md5OfBody"].as_str().unwrap().len(), 32);
    }
}
