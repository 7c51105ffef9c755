//! What goes over the queue of events.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What `accept-events` puts on the queue and `ingest-events` takes: the events of one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueuedEvents {
    /// Identity of the batch: the same batch has its effect once.
    pub batch_id: Uuid,
    /// The client, from the token of the request.
    pub client: Uuid,
    /// Code of the entity.
    pub entity: String,
    /// How they came.
    pub source: EventSource,
    /// Identity of the sender's `Idempotency-Key`, which is good for one batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Uuid>,
    /// The events as they were sent. A line that was no JSON is here as a JSON text.
    pub events: Vec<Box<RawValue>>,
    /// Positions of the lines that were no JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<usize>,
    /// The time zone that the file declared of which they were refused: in it their times without offset are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

impl QueuedEvents {
    /// The text of the queue's message. SQS takes the characters of XML only: U+FFFE and U+FFFF, which JSON takes as they
    /// are, are escaped. The others that it does not take are never raw in JSON.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn message(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string(self)?;
        for (character, escaped) in [('\u{fffe}', "\\ufffe"), ('\u{ffff}', "\\uffff")] {
            if text.contains(character) {
                text = text.replace(character, escaped);
            }
        }
        Ok(text)
    }
}

/// How events came to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventSource {
    /// Sent to `/v1/events`.
    Events,
    /// A dead letter that was replayed.
    Replay,
}

impl EventSource {
    /// Its name in a batch's report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Replay => "replay",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_message_has_only_characters_that_sqs_takes_and_says_the_same() {
        let events = [
            "{\"a\u{ffff}\":\"\u{fffe}\u{fffd} \\\\\u{ffff}\"}",
            "[\t\n\r \"\u{7f}\u{85}\u{10ffff}\"]",
        ];
        let queued = QueuedEvents {
            batch_id: Uuid::nil(),
            client: Uuid::nil(),
            entity: "Flight".to_owned(),
            source: EventSource::Events,
            key: None,
            events: events
                .iter()
                .map(|event| RawValue::from_string((*event).to_owned()).unwrap())
                .collect(),
            broken: Vec::new(),
            time_zone: None,
        };
        let message = queued.message().unwrap();
        let refused = message.chars().find(
            |character| !matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..),
        );
        assert_eq!(refused, None, "{message}");
        let back: QueuedEvents = serde_json::from_str(&message).unwrap();
        for (sent, taken) in events.iter().zip(back.events) {
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(sent), value(taken.get()));
        }
    }
}
