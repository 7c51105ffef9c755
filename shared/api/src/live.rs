//! Streams: which topics are computed, and what wakes their publishers.

use std::collections::BTreeMap;

use catalog::{Period, Zone};
use identity::Permission;
use route::{Access, Answer, Body, Form, Method, Parameter, Route};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All routes of this area.
pub static ROUTES: [&Route; 4] = [&LIST_STREAMS, &START_STREAM, &STOP_STREAM, &CLEAR_STREAM];

/// Topics with the number of their subscribers.
pub static LIST_STREAMS: Route = Route {
    function: "manage-streams",
    method: Method::Get,
    path: "/v1/streams",
    access: Access::Needs(Permission::ReadStreams),
    operation: "listStreams",
    summary: "Topics with the number of their subscribers, in the order of their ids.",
    parameters: &[
        Parameter::filter("kpi", "Only of this KPI."),
        Parameter::query("period", "Only in buckets of this length.").of(Form::OneOf(&catalog::Period::NAMES)),
        Parameter::query("control", "Only those that are pinned, or paused.").of(Form::OneOf(&["pinned", "paused"])),
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Streams>(),
};

/// Computes a topic even without subscribers.
pub static START_STREAM: Route = Route {
    function: "manage-streams",
    method: Method::Post,
    path: "/v1/streams/start",
    access: Access::Needs(Permission::ControlStreams),
    operation: "startStream",
    summary: "Computes a topic even without subscribers; lets a stopped one go on.",
    parameters: &[],
    request: Some(Body::of::<StreamRequest>()),
    answer: Answer::ok::<Stream>(),
};

/// Pauses a topic, of which its subscribers are told.
pub static STOP_STREAM: Route = Route {
    function: "manage-streams",
    method: Method::Post,
    path: "/v1/streams/stop",
    access: Access::Needs(Permission::ControlStreams),
    operation: "stopStream",
    summary: "Pauses a topic, of which its subscribers are told; lets go of a started one.",
    parameters: &[],
    request: Some(Body::of::<StreamRequest>()),
    answer: Answer::ok::<Stream>(),
};

/// Computes a topic while it has subscribers.
pub static CLEAR_STREAM: Route = Route {
    function: "manage-streams",
    method: Method::Post,
    path: "/v1/streams/clear",
    access: Access::Needs(Permission::ControlStreams),
    operation: "clearStream",
    summary: "Computes a topic while it has subscribers: neither started nor stopped.",
    parameters: &[],
    request: Some(Body::of::<StreamRequest>()),
    answer: Answer::ok::<Stream>(),
};

/// A topic and who watches it.
#[derive(Serialize, ToSchema)]
pub struct Stream {
    /// Identity of the topic.
    pub topic: String,
    /// KPI.
    pub kpi: String,
    /// Length of its buckets.
    pub period: Period,
    /// The IANA time zone by whose clocks and calendar they begin; absent where it is the client's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub time_zone: Option<Zone>,
    /// Facts that count.
    pub filter: BTreeMap<String, Vec<String>>,
    /// Connections that are subscribed.
    pub subscribers: usize,
    /// What holds of it whoever watches.
    pub control: Option<StreamControl>,
}

/// What holds of a topic whoever watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamControl {
    /// It is computed without subscribers.
    Pinned,
    /// It is not computed.
    Paused,
}

/// `GET /v1/streams`.
#[derive(Serialize, ToSchema)]
pub struct Streams {
    /// Topics that are watched, pinned or paused.
    pub streams: Vec<Stream>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// `POST /v1/streams/start`, `/stop` and `/clear`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamRequest {
    /// KPI.
    pub kpi: String,
    /// Length of the buckets.
    pub period: Period,
    /// The IANA time zone by whose clocks and calendar they begin; the client's when absent.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// For each dimension the values that count.
    #[serde(default)]
    pub filter: BTreeMap<String, Vec<String>>,
}

/// What wakes a shard's publisher when none is at work: on the wake-up queue, and as the input of its schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedWake {
    /// The shard.
    pub shard: u32,
}
