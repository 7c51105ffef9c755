//! `PutEvents`: what an entry must be, and the event that it becomes.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Buses;
use super::protocol::Refusal;
use crate::account::{ACCOUNT, DEFAULT_BUS, REGION, bus_name};

/// Entries of one request.
const ENTRIES: usize = 10;
/// All entries of a request together: 1 MiB since January 2026, 256 KiB before ("More room to build: serverless services now
/// support payloads up to 1 MB", AWS Compute Blog; API reference of `PutEvents`).
const REQUEST_BYTES: usize = 1_048_576;
/// What a time counts for in an entry's size ("Calculating PutEvents event entry size", EventBridge User Guide).
const TIME_BYTES: usize = 14;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutEvents {
    entries: Vec<Entry>,
}

/// What is missing is found out per entry.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    source: String,
    #[serde(default)]
    detail_type: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    resources: Vec<String>,
    /// Seconds of the Unix epoch.
    time: Option<f64>,
    event_bus_name: Option<String>,
}

/// Why an entry is not taken; the others of its request are.
#[derive(Debug, PartialEq, Eq)]
struct EntryError {
    code: &'static str,
    message: String,
}

/// Publishes the entries that are good, in their order, and tells of each what became of it.
pub(super) async fn put(buses: &Buses, request: PutEvents) -> Result<Value, Refusal> {
    let count = request.entries.len();
    if !(1..=ENTRIES).contains(&count) {
        return Err(Refusal::invalid(format!(
            "1 validation error detected: 'entries' has {count} members, it may have 1 to {ENTRIES}"
        )));
    }
    let bytes: usize = request.entries.iter().map(Entry::bytes).sum();
    if bytes > REQUEST_BYTES {
        return Err(Refusal::invalid(format!(
            "Total size of the entries in the request is over the limit: {bytes} bytes, it may be {REQUEST_BYTES}"
        )));
    }
    let times = request.entries.iter().map(Entry::time);
    let times = times.collect::<Result<Vec<_>, _>>()?;
    let mut failed = 0;
    let mut results = Vec::with_capacity(count);
    for (entry, time) in request.entries.into_iter().zip(times) {
        results.push(match publish(buses, entry, time).await {
            Ok(id) => json!({"EventId": id}),
            Err(EntryError { code, message }) => {
                failed += 1;
                json!({"ErrorCode": code, "ErrorMessage": message})
            }
        });
    }
    Ok(json!({"FailedEntryCount": failed, "Entries": results}))
}

async fn publish(buses: &Buses, entry: Entry, time: Timestamp) -> Result<Uuid, EntryError> {
    let detail = entry.detail()?;
    let id = Uuid::new_v4();
    let bus = entry.event_bus_name.clone();
    let event = envelope(id, time, entry, detail);
    let published = buses.publish(bus_name(bus.as_deref().unwrap_or(DEFAULT_BUS)), &event);
    published.await.map_err(|error| {
        tracing::error!(%error, "an event is not taken");
        EntryError {
            code: "InternalFailure",
            message: error.to_string(),
        }
    })?;
    Ok(id)
}

impl Entry {
    fn bytes(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        let texts = texts.into_iter().chain(&self.resources).map(String::len);
        texts.sum::<usize>() + self.time.map_or(0, |_| TIME_BYTES)
    }

    /// When it happened: now, if the entry does not say.
    fn time(&self) -> Result<Timestamp, Refusal> {
        let Some(seconds) = self.time else {
            return Ok(crate::clock::now());
        };
        let since_epoch = SignedDuration::try_from_secs_f64(seconds);
        since_epoch
            .and_then(Timestamp::from_duration)
            .map_err(|error| Refusal::malformed(format!("the Time {seconds} is no time: {error}")))
    }

    /// What the event carries, if the entry is good.
    fn detail(&self) -> Result<Map<String, Value>, EntryError> {
        let required = [
            ("Source", &self.source),
            ("DetailType", &self.detail_type),
            ("Detail", &self.detail),
        ];
        if let Some((name, _)) = required.iter().find(|(_, value)| value.is_empty()) {
            return Err(EntryError {
                code: "InvalidArgument",
                message: format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
            });
        }
        if self.source.starts_with("aws.") {
            return Err(EntryError {
                code: "NotAuthorizedForSourceException",
                message: "Not authorized for the source.".to_owned(),
            });
        }
        serde_json::from_str(&self.detail).map_err(|_| EntryError {
            code: "MalformedDetail",
            message: "Detail is malformed.".to_owned(),
        })
    }
}

/// The event as rules and targets see it.
fn envelope(id: Uuid, time: Timestamp, entry: Entry, detail: Map<String, Value>) -> Value {
    json!({
        "version": "0",
        "id": id,
        "detail-type": entry.detail_type,
        "source": entry.source,
        "account": ACCOUNT,
        "time": format!("{time:.0}"),
        "region": REGION,
        "resources": entry.resources,
        "detail": detail,
    })
}
