//! What the server sends. The [crate's documentation](crate) says how a client reads it.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Period, Zone};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Mode, Refusal, RefusalKind, Row};

/// For each entity, the time up to which its facts have arrived.
pub type Watermark = BTreeMap<String, Timestamp>;

/// A frame, told apart by `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Frame {
    /// The answer to `subscribe`, with the snapshot or with what changed since.
    Subscribed(Subscribed),
    /// Rows that changed.
    Update(Update),
    /// A fresh snapshot of everything; what was received before is void.
    Resync(Resync),
    /// Nothing changed, and this is how far the data reaches.
    Beat(Beat),
    /// A message was refused; the connection lives.
    Error(ErrorFrame),
    /// The answer to `ping`.
    Pong(Pong),
    /// The answer to `unsubscribe`.
    Unsubscribed(Unsubscribed),
}

/// Where in the stream a frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// One unbroken life of the publisher's state; grows with every new one.
    pub epoch: u64,
    /// Tick of the publisher. After this frame (after the last part) the client has everything up to it.
    pub seq: u64,
    /// `seq` of what was sent to this connection before; null when the publisher assumes that it has nothing.
    #[schema(required)]
    pub prev: Option<u64>,
    /// Number of this frame among those of the tick, from 1; absent when it is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// How many frames the tick has for this connection; absent when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
}

/// `subscribed`: from here on nothing is missed that is not told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Subscribed {
    /// Where in the stream.
    #[serde(flatten)]
    pub position: Position,
    /// The id of the message that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether the rows are only those changed since what the client had, to be applied on top of it.
    pub resumed: bool,
    /// The topics with their channels (of this part).
    pub topics: Vec<TopicEcho>,
    /// The rows (of this part).
    pub rows: Vec<Row>,
}

/// `update`: only what changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Update {
    /// Where in the stream.
    #[serde(flatten)]
    pub position: Position,
    /// The publisher's clock, when a beat was due: the update stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub time: Option<Timestamp>,
    /// The time up to which the facts of each entity have arrived; present when `time` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub watermark: Option<Watermark>,
    /// Channels that fall silent or are kept up again from here on; absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<SilentChannel>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A channel that falls silent, or whose rows are kept up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SilentChannel {
    /// The channel.
    pub channel: u32,
    /// Why its rows are not kept up from here on; null when they are again.
    #[schema(required)]
    pub why: Option<Silence>,
}

/// Why a topic's rows are not kept up, although it is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Silence {
    /// An administrator paused it.
    Paused,
    /// It can't be read now: it needs too many rows or too long, or its KPI does not fit its filter any more. It is tried again by itself.
    Unreadable,
}

/// `resync`: forget everything and take this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resync {
    /// Where in the stream; `prev` is null.
    #[serde(flatten)]
    pub position: Position,
    /// Why.
    pub reason: Reason,
    /// All topics of the connection with their channels (of this part).
    pub topics: Vec<TopicEcho>,
    /// The rows (of this part).
    pub rows: Vec<Row>,
}

/// Why a `resync` was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The publisher started without knowing what its predecessor had sent.
    Restarted,
    /// Rows left the window before they could be delivered or read.
    Lagging,
    /// The list of subscriptions had to be read anew.
    Reloaded,
}

/// `beat`: a quiet stream differs from a stalled one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Beat {
    /// Where in the stream.
    #[serde(flatten)]
    pub position: Position,
    /// The publisher's clock.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The time up to which the facts of each entity have arrived.
    #[schema(value_type = BTreeMap<String, String>)]
    pub watermark: Watermark,
}

/// `error`: a refused message, after RFC 9457 with `problem` where that has `type`, which here tells frames apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorFrame {
    /// The id of the refused message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The kind of refusal, for programs.
    pub problem: RefusalKind,
    /// The kind of refusal, for people.
    pub title: String,
    /// What exactly is wrong, naming the input.
    pub detail: String,
    /// What would be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the message, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// `pong`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pong {
    /// The id of the ping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The server's clock.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
}

/// `unsubscribed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unsubscribed {
    /// The id of the unsubscribe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The channels that end; rows of them that are still on their way are to be ignored.
    pub channels: Vec<u32>,
}

/// A topic as it was understood, with its channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicEcho {
    /// The number that stands for the topic in rows.
    pub channel: u32,
    /// Code of the KPI.
    pub kpi: String,
    /// Length of a bucket.
    pub period: Period,
    /// The time zone by whose clocks and calendar buckets begin; absent where it is the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub time_zone: Option<Zone>,
    /// For each dimension the values that count.
    pub filter: BTreeMap<String, BTreeSet<String>>,
    /// When rows are sent.
    pub mode: Mode,
    /// Buckets that a snapshot shows; fewer than asked when the connection's rows are used up.
    pub buckets: u16,
    /// Why its rows are not kept up; absent when they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<Silence>,
}

impl From<Refusal> for Frame {
    fn from(refusal: Refusal) -> Frame {
        Frame::Error(ErrorFrame {
            id: refusal.id,
            problem: refusal.kind,
            title: refusal.kind.title().to_owned(),
            detail: refusal.detail,
            hint: refusal.hint,
            pointer: refusal.pointer,
        })
    }
}

impl Frame {
    /// The text that goes over the wire.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// Where in the stream; answers that are given directly have no place in it.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        match self {
            Frame::Subscribed(frame) => Some(&frame.position),
            Frame::Update(frame) => Some(&frame.position),
            Frame::Resync(frame) => Some(&frame.position),
            Frame::Beat(frame) => Some(&frame.position),
            Frame::Error(_) | Frame::Pong(_) | Frame::Unsubscribed(_) => None,
        }
    }

    pub(crate) fn position_mut(&mut self) -> Option<&mut Position> {
        match self {
            Frame::Subscribed(frame) => Some(&mut frame.position),
            Frame::Update(frame) => Some(&mut frame.position),
            Frame::Resync(frame) => Some(&mut frame.position),
            Frame::Beat(frame) => Some(&mut frame.position),
            Frame::Error(_) | Frame::Pong(_) | Frame::Unsubscribed(_) => None,
        }
    }
}

/// Frames and their pieces hold strings, numbers and instants under text keys: serialising them cannot fail.
pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use utoipa::ToSchema;

    use super::*;

    #[test]
    fn frames_look_as_documented() {
        let position = Position {
            epoch: 7,
            seq: 121,
            prev: None,
            part: None,
            parts: None,
        };
        let row = Row {
            channel: 3,
            bucket: 60,
            value: formula::Number::of_float(1.5),
            facts: 2,
            closed: true,
        };
        let time: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let cases = [
            (
                Frame::Update(Update {
                    position,
                    time: None,
                    watermark: None,
                    silent: Vec::new(),
                    rows: vec![row],
                }),
                r#"{"type":"update","epoch":7,"seq":121,"prev":null,"rows":[[3,60,1.5,2,1]]}"#,
            ),
            (
                Frame::Update(Update {
                    position,
                    time: None,
                    watermark: None,
                    silent: vec![
                        SilentChannel {
                            channel: 3,
                            why: Some(Silence::Paused),
                        },
                        SilentChannel { channel: 4, why: None },
                    ],
                    rows: Vec::new(),
                }),
                r#"{"type":"update","epoch":7,"seq":121,"prev":null,"silent":[{"channel":3,"why":"paused"},{"channel":4,"why":null}],"rows":[]}"#,
            ),
            (
                Frame::Beat(Beat {
                    position,
                    time,
                    watermark: BTreeMap::from([("Flight".to_owned(), time)]),
                }),
                r#"{"type":"beat","epoch":7,"seq":121,"prev":null,"time":"2026-11-21T10:00:00Z","watermark":{"Flight":"2026-11-21T10:00:00Z"}}"#,
            ),
            (
                Refusal::new(RefusalKind::UnknownKpi, "no KPI \"X\"")
                    .at("/topics/0/kpi")
                    .answering(Some("1".into()))
                    .into(),
                r#"{"type":"error","id":"1","problem":"unknown-kpi","title":"The KPI is unknown","detail":"no KPI \"X\"","pointer":"/topics/0/kpi"}"#,
            ),
            (
                Frame::Pong(Pong { id: None, time }),
                r#"{"type":"pong","time":"2026-11-21T10:00:00Z"}"#,
            ),
            (
                Frame::Unsubscribed(Unsubscribed {
                    id: Some("2".into()),
                    channels: vec![3],
                }),
                r#"{"type":"unsubscribed","id":"2","channels":[3]}"#,
            ),
        ];
        for (frame, text) in cases {
            assert_eq!(frame.to_json(), text);
            assert_eq!(serde_json::from_str::<Frame>(text).unwrap(), frame);
        }
    }

    #[test]
    fn frames_have_schemas() {
        let mut schemas = Vec::new();
        Frame::schemas(&mut schemas);
        assert!(schemas.iter().any(|(name, _)| name == "Row"));
    }
}
