//! The AsyncAPI 3 document of the live protocol, made from the Rust types of `live`.

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    live::ClientMessage::schemas(&mut schemas);
    live::Frame::schemas(&mut schemas);
    schemas.push(("ClientMessage".to_owned(), live::ClientMessage::schema()));
    schemas.push(("Frame".to_owned(), live::Frame::schema()));
    schemas.sort_by(|a, b| a.0.cmp(&b.0));
    schemas.dedup_by(|a, b| a.0 == b.0);
    let schemas: Map<String, Value> = schemas
        .into_iter()
        .filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?)))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Analytics Engine, live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "KPI values as they change. A connection subscribes to topics; `subscribed` brings a snapshot and a channel \
                number for each, `update` only rows that changed, `beat` how far the data reaches. Every frame of these, and `resync`, carries its \
                place in the stream as (epoch, seq) and the seq of the one before it as prev: a client that sees a gap subscribes again with `resume`. \
                `pong`, `unsubscribed` and `error` answer a message directly, beside the stream: they have no place in it. A topic whose rows are not \
                kept up says so with `silent`."
        },
        "channels": {
            "live": {
                "address": "/live",
                "messages": {
                    "clientMessage": { "$ref": "#/components/messages/clientMessage" },
                    "frame": { "$ref": "#/components/messages/frame" }
                },
                "bindings": { "ws": { "query": {
                    "type": "object",
                    "description": "`?token=TOKEN&kpi=CODE&period=minute` subscribes to one topic at once. Filters go into a `subscribe` message. \
                        Any other parameter is refused.",
                    "required": ["token"],
                    "additionalProperties": false,
                    "properties": {
                        "token": { "type": "string", "description": "Access token." },
                        "kpi": { "type": "string", "description": "Subscribes to this KPI at once; `period` must be there too." },
                        "period": { "type": "string", "enum": catalog::Period::ALL, "description": "Length of a bucket; required with `kpi`." },
                        "time_zone": { "type": "string", "description": "IANA time zone by whose clocks and calendar buckets begin; the client's own when absent." },
                        "mode": { "type": "string", "enum": ["live", "closed"], "default": "live", "description": "When rows are sent." },
                        "buckets": { "type": "integer", "minimum": 1, "maximum": live::MAX_BUCKETS, "default": 1, "description": "Buckets of the snapshot, the newest ones." }
                    },
                    "dependencies": { "kpi": ["period"], "period": ["kpi"], "time_zone": ["kpi"], "mode": ["kpi"], "buckets": ["kpi"] }
                } } }
            }
        },
        "operations": {
            "send": { "action": "receive", "channel": { "$ref": "#/channels/live" }, "messages": [{ "$ref": "#/channels/live/messages/clientMessage" }] },
            "receive": { "action": "send", "channel": { "$ref": "#/channels/live" }, "messages": [{ "$ref": "#/channels/live/messages/frame" }] }
        },
        "components": {
            "messages": {
                "clientMessage": { "contentType": "application/json", "payload": { "$ref": "#/components/schemas/ClientMessage" } },
                "frame": { "contentType": "application/json", "payload": { "$ref": "#/components/schemas/Frame" } }
            },
            "schemas": schemas
        }
    })
}
