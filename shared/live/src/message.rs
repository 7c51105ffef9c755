//! What a client sends, read into types with errors that name the field.

use std::collections::BTreeMap;

use catalog::{Period, Zone};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{FilterValue, Mode, Refusal, RefusalKind};

/// A message, told apart by `action`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum ClientMessage {
    /// Watch topics.
    Subscribe(Subscribe),
    /// Give up channels.
    Unsubscribe(Unsubscribe),
    /// Ask for a `pong`, which also keeps an idle connection open.
    Ping(Ping),
}

/// `subscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Chosen by the client, repeated in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What to watch, 1 to [`MAX_TOPICS_PER_MESSAGE`](crate::MAX_TOPICS_PER_MESSAGE).
    pub topics: Vec<TopicRequest>,
    /// What the client has of all these topics from an earlier connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
}

/// One topic to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicRequest {
    /// Code of the KPI.
    pub kpi: String,
    /// Length of a bucket.
    pub period: Period,
    /// The IANA time zone by whose clocks and calendar buckets begin; the client's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub time_zone: Option<Zone>,
    /// For each dimension, or path to one, the value or values that count; without it all facts count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, FilterValue>,
    /// When rows are sent; `live` unless said.
    #[serde(default)]
    pub mode: Mode,
    /// Buckets of the snapshot, the newest ones; 1 unless said.
    #[serde(default = "one")]
    #[schema(default = 1, minimum = 1, maximum = 1440)]
    pub buckets: u32,
}

fn one() -> u32 {
    1
}

/// How far a client came on an earlier connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The epoch of the last applied frame.
    pub epoch: u64,
    /// Its `seq`.
    pub seq: u64,
}

/// `unsubscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// Chosen by the client, repeated in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Channels to give up.
    pub channels: Vec<u32>,
}

/// `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// Chosen by the client, repeated in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl ClientMessage {
    /// Reads one message. The refusal repeats the message's id when it has a readable one.
    ///
    /// # Errors
    /// What is wrong and where, ready to be sent as an `error` frame.
    pub fn parse(text: &str) -> Result<ClientMessage, Refusal> {
        let malformed = |detail: String| {
            Refusal::new(RefusalKind::MalformedMessage, detail).hint(r#"send {"action":"ping"}, for example"#)
        };
        let value: Value =
            serde_json::from_str(text).map_err(|error| malformed(format!("the message is not JSON: {error}")))?;
        let Value::Object(mut fields) = value else {
            return Err(malformed(format!(
                "the message is {}, not an object",
                kind_name(&value)
            )));
        };
        let id = fields.get("id").and_then(Value::as_str).map(str::to_owned);
        let action = fields.remove("action");
        let message = match action.as_ref().and_then(Value::as_str) {
            Some("subscribe") => read(fields).map(ClientMessage::Subscribe),
            Some("unsubscribe") => read(fields).map(ClientMessage::Unsubscribe),
            Some("ping") => read(fields).map(ClientMessage::Ping),
            _ => Err(unknown_action(action.as_ref())),
        };
        message.and_then(checked).map_err(|refusal| refusal.answering(id))
    }

    /// The id that the client chose.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            ClientMessage::Subscribe(message) => message.id.as_deref(),
            ClientMessage::Unsubscribe(message) => message.id.as_deref(),
            ClientMessage::Ping(message) => message.id.as_deref(),
        }
    }
}

fn read<T: DeserializeOwned>(fields: serde_json::Map<String, Value>) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let pointer = pointer(error.path());
        let place = if pointer.is_empty() {
            "the message".to_owned()
        } else {
            pointer.clone()
        };
        Refusal::new(RefusalKind::InvalidField, format!("{place}: {}", error.inner())).at(pointer)
    })
}

fn checked(message: ClientMessage) -> Result<ClientMessage, Refusal> {
    let length = message.id().map_or(0, str::len);
    if length > crate::MAX_REQUEST_ID_BYTES {
        let detail = format!(
            "the id has {length} bytes, at most {} are repeated",
            crate::MAX_REQUEST_ID_BYTES
        );
        return Err(Refusal::new(RefusalKind::LimitExceeded, detail).at("/id"));
    }
    match &message {
        ClientMessage::Unsubscribe(Unsubscribe { channels, .. }) if channels.is_empty() => {
            Err(Refusal::new(RefusalKind::InvalidField, "channels is empty").at("/channels"))
        }
        ClientMessage::Unsubscribe(Unsubscribe { channels, .. })
            if channels.len() > crate::MAX_TOPICS_PER_CONNECTION =>
        {
            let detail = format!(
                "{} channels in one message, at most {}",
                channels.len(),
                crate::MAX_TOPICS_PER_CONNECTION
            );
            Err(Refusal::new(RefusalKind::LimitExceeded, detail).at("/channels"))
        }
        _ => Ok(message),
    }
}

fn unknown_action(action: Option<&Value>) -> Refusal {
    let detail = match action {
        None => "action is missing".to_owned(),
        Some(Value::String(action)) => format!("action {:?} is unknown", shortened(action)),
        Some(other) => format!("action is {}, not a text", kind_name(other)),
    };
    Refusal::new(RefusalKind::UnknownAction, detail)
        .at("/action")
        .hint("the actions are subscribe, unsubscribe and ping")
}

/// An input as an error repeats it: long text is cut.
pub(crate) fn shortened(input: &str) -> String {
    const SHOWN: usize = 64;
    if input.chars().count() <= SHOWN {
        input.to_owned()
    } else {
        input.chars().take(SHOWN).chain(['…']).collect()
    }
}

fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// `topics[3].buckets` as the JSON pointer `/topics/3/buckets`.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            // The value of an enum: its field is the segment before.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// A name as one segment of a JSON pointer.
pub(crate) fn escaped(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_read() {
        let text = r#"{"action":"subscribe","id":"1","topics":[{"kpi":"FLIGHTS","period":"minute","time_zone":"Asia/Tokyo","filter":{"origin":"ORD","on_time":true,"carrier":["A",7]},"mode":"closed","buckets":30},{"kpi":"DELAY","period":"day"}],"resume":{"epoch":7,"seq":120}}"#;
        let filter = BTreeMap::from([
            ("carrier".to_owned(), FilterValue::Many(vec!["A".into(), "7".into()])),
            ("on_time".to_owned(), FilterValue::One("true".into())),
            ("origin".to_owned(), FilterValue::One("ORD".into())),
        ]);
        let expected = Subscribe {
            id: Some("1".into()),
            topics: vec![
                TopicRequest {
                    kpi: "FLIGHTS".into(),
                    period: Period::Minute,
                    time_zone: Some("Asia/Tokyo".parse().unwrap()),
                    filter,
                    mode: Mode::Closed,
                    buckets: 30,
                },
                TopicRequest {
                    kpi: "DELAY".into(),
                    period: Period::Day,
                    time_zone: None,
                    filter: BTreeMap::new(),
                    mode: Mode::Live,
                    buckets: 1,
                },
            ],
            resume: Some(Resume { epoch: 7, seq: 120 }),
        };
        assert_eq!(
            ClientMessage::parse(text).unwrap(),
            ClientMessage::Subscribe(expected.clone())
        );
        let again = serde_json::to_string(&ClientMessage::Subscribe(expected)).unwrap();
        assert_eq!(
            ClientMessage::parse(&again).unwrap(),
            ClientMessage::parse(text).unwrap()
        );
        let unsubscribe = ClientMessage::Unsubscribe(Unsubscribe {
            id: Some("2".into()),
            channels: vec![3],
        });
        assert_eq!(
            ClientMessage::parse(r#"{"action":"unsubscribe","id":"2","channels":[3]}"#).unwrap(),
            unsubscribe
        );
        assert_eq!(
            ClientMessage::parse(r#"{"action":"ping"}"#).unwrap(),
            ClientMessage::Ping(Ping { id: None })
        );
    }

    #[test]
    fn refusals_name_the_field() {
        use RefusalKind::*;
        let long = format!(r#"{{"action":"ping","id":"{}"}}"#, "x".repeat(65));
        let cases: [(&str, RefusalKind, Option<&str>, &str); 20] = [
            ("", MalformedMessage, None, "not JSON"),
            ("[1]", MalformedMessage, None, "an array"),
            ("{\"action\":", MalformedMessage, None, "not JSON"),
            ("{}", UnknownAction, Some("/action"), "missing"),
            (r#"{"action":7}"#, UnknownAction, Some("/action"), "a number"),
            (
                r#"{"action":"subscrbe"}"#,
                UnknownAction,
                Some("/action"),
                "\"subscrbe\"",
            ),
            (
                r#"{"action":"ping","extra":1}"#,
                InvalidField,
                Some("/extra"),
                "unknown field `extra`",
            ),
            (
                r#"{"action":"ping","id":1}"#,
                InvalidField,
                Some("/id"),
                "expected a string",
            ),
            (&long, LimitExceeded, Some("/id"), "65 bytes"),
            (
                r#"{"action":"subscribe"}"#,
                InvalidField,
                Some(""),
                "missing field `topics`",
            ),
            (
                r#"{"action":"subscribe","topics":[{"kpi":"A"}]}"#,
                InvalidField,
                Some("/topics/0"),
                "missing field `period`",
            ),
            (
                r#"{"action":"subscribe","topics":[{"kpi":"A","period":"second"}]}"#,
                InvalidField,
                Some("/topics/0/period"),
                "unknown variant `second`",
            ),
            (
                r#"{"action":"subscribe","topics":[{"kpi":"A","period":"day","time_zone":"Tokyo"}]}"#,
                InvalidField,
                Some("/topics/0/time_zone"),
                "\"Tokyo\" is no IANA time zone: did you mean Asia/Tokyo?",
            ),
            (
                r#"{"action":"subscribe","topics":[{"kpi":"A","period":"day","mode":"dead"}]}"#,
                InvalidField,
                Some("/topics/0/mode"),
                "`live` or `closed`",
            ),
            (
                r#"{"action":"subscribe","topics":[{"kpi":"A","period":"day","buckets":-1}]}"#,
                InvalidField,
                Some("/topics/0/buckets"),
                "`-1`",
            ),
            (
                r#"{"action":"subscribe","topics":[{"kpi":"A","period":"day","filter":{"a/b":{}}}]}"#,
                InvalidField,
                Some("/topics/0/filter/a~1b"),
                "expected a text",
            ),
            (
                r#"{"action":"subscribe","topics":[{"kpi":"A","period":"day","filter":{"a":["x",1.5]}}]}"#,
                InvalidField,
                Some("/topics/0/filter/a/1"),
                "`1.5`",
            ),
            (
                r#"{"action":"subscribe","topics":[],"resume":{"epoch":1}}"#,
                InvalidField,
                Some("/resume"),
                "missing field `seq`",
            ),
            (
                r#"{"action":"unsubscribe","channels":["3"]}"#,
                InvalidField,
                Some("/channels/0"),
                "expected u32",
            ),
            (
                r#"{"action":"unsubscribe","channels":[]}"#,
                InvalidField,
                Some("/channels"),
                "empty",
            ),
        ];
        for (text, kind, pointer, part) in cases {
            let refusal = ClientMessage::parse(text).unwrap_err();
            assert_eq!(
                (refusal.kind, refusal.pointer.as_deref()),
                (kind, pointer),
                "{text}: {refusal}"
            );
            assert!(refusal.detail.contains(part), "{text}: {refusal}");
        }
    }

    #[test]
    fn refusals_repeat_the_id() {
        let refusal = ClientMessage::parse(r#"{"action":"subscribe","id":"9","topics":7}"#).unwrap_err();
        assert_eq!(refusal.id.as_deref(), Some("9"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}", tail in r#"[\{\}\[\]":,a-z0-9]{0,60}"#) {
            let _ = ClientMessage::parse(&text);
            let _ = ClientMessage::parse(&format!(r#"{{"action":"subscribe",{tail}}}"#));
        }
    }
}
