//! What API Gateway sends to functions: `CONNECT`, `MESSAGE`, `DISCONNECT` and the authorizer's request.

use std::collections::BTreeMap;

use http::request::Parts;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::connections::{Client, Connection};
use crate::account::{ACCOUNT, REGION};
use crate::api_gateway::request::{query_pairs, request_time, short_id};
use crate::clock;

/// The id of the API, wherever AWS would show one.
const API_ID: &str = "local";

/// The address of the API, as events show it.
#[derive(Clone, Copy)]
pub(super) struct Address<'a> {
    pub(super) host: &'a str,
    pub(super) stage: &'a str,
}

impl Address<'_> {
    /// What an authorizer's policy has to allow.
    pub(super) fn connect_arn(self) -> String {
        format!(
            "arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/{}/$connect",
            self.stage
        )
    }
}

/// An event about a client, and the id that error frames name.
pub(super) struct Event {
    pub(super) body: Value,
    pub(super) request_id: String,
}

pub(super) fn connect(address: Address<'_>, client: &Client, parts: &Parts) -> Event {
    let context = Context {
        address,
        id: &client.id,
        connected_at: client.connected_at,
        source_ip: &client.source_ip,
        user_agent: client.user_agent.as_deref(),
        authorizer: client.authorizer.as_ref(),
    };
    let (context, request_id) = context.build("$connect", "CONNECT");
    let mut body = handshake(parts, &client.source_ip, address);
    body.insert("requestContext".to_owned(), context);
    body.insert("isBase64Encoded".to_owned(), false.into());
    Event {
        body: body.into(),
        request_id,
    }
}

pub(super) fn authorize(address: Address<'_>, client: &Client, parts: &Parts) -> Value {
    let mut event = connect(address, client, parts).body;
    event["type"] = "REQUEST".into();
    event["methodArn"] = address.connect_arn().into();
    event["stageVariables"] = json!({});
    if let Some(event) = event.as_object_mut() {
        event.remove("isBase64Encoded");
    }
    event
}

pub(super) fn message(address: Address<'_>, connection: &Connection, route_key: &str, text: &str) -> Event {
    let (mut context, request_id) = Context::of(address, connection).build(route_key, "MESSAGE");
    context["messageId"] = short_id().into();
    Event {
        body: json!({ "requestContext": context, "body": text, "isBase64Encoded": false }),
        request_id,
    }
}

pub(super) fn disconnect(address: Address<'_>, connection: &Connection, code: u16, reason: &str) -> Value {
    let (mut context, _) = Context::of(address, connection).build("$disconnect", "DISCONNECT");
    context["disconnectStatusCode"] = code.into();
    context["disconnectReason"] = reason.into();
    let headers = json!({ "Host": address.host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": "" });
    let many: Map<String, Value> = headers
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect();
    json!({ "headers": headers, "multiValueHeaders": many, "requestContext": context, "isBase64Encoded": false })
}

struct Context<'a> {
    address: Address<'a>,
    id: &'a str,
    connected_at: Timestamp,
    source_ip: &'a str,
    user_agent: Option<&'a str>,
    authorizer: Option<&'a Map<String, Value>>,
}

impl<'a> Context<'a> {
    fn of(address: Address<'a>, connection: &'a Connection) -> Self {
        Self {
            address,
            id: &connection.id,
            connected_at: connection.connected_at,
            source_ip: &connection.source_ip,
            user_agent: connection.user_agent.as_deref(),
            authorizer: connection.authorizer.as_ref(),
        }
    }

    /// The request context and its request id.
    fn build(&self, route_key: &str, event_type: &str) -> (Value, String) {
        let request_id = short_id();
        let now = clock::now();
        let mut context = json!({
            "routeKey": route_key,
            "eventType": event_type,
            "extendedRequestId": request_id,
            "requestTime": request_time(now),
            "messageDirection": "IN",
            "stage": self.address.stage,
            "connectedAt": self.connected_at.as_millisecond(),
            "requestTimeEpoch": now.as_millisecond(),
            "identity": { "sourceIp": self.source_ip },
            "requestId": request_id,
            "domainName": self.address.host,
            "connectionId": self.id,
            "apiId": API_ID,
        });
        if let Some(user_agent) = self.user_agent {
            context["identity"]["userAgent"] = user_agent.into();
        }
        if let Some(authorizer) = self.authorizer {
            context["authorizer"] = json!(authorizer);
        }
        (context, request_id)
    }
}

/// Headers and query of the handshake, each in both forms; what is empty is left out, as on AWS.
fn handshake(parts: &Parts, source_ip: &str, address: Address<'_>) -> Map<String, Value> {
    let mut headers = many(header_pairs(&parts.headers));
    let port = address.host.rsplit(':').next().unwrap_or_default();
    for (name, value) in [
        ("X-Forwarded-For", source_ip),
        ("X-Forwarded-Port", port),
        ("X-Forwarded-Proto", "http"),
    ] {
        headers.insert(name.to_owned(), vec![value.to_owned()]);
    }
    let mut event = Map::new();
    event.insert("headers".to_owned(), json!(last(&headers)));
    event.insert("multiValueHeaders".to_owned(), json!(headers));
    let query = many(query_pairs(&parts.uri));
    if !query.is_empty() {
        event.insert("queryStringParameters".to_owned(), json!(last(&query)));
        event.insert("multiValueQueryStringParameters".to_owned(), json!(query));
    }
    event
}

fn many(pairs: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        values.entry(name).or_default().push(value);
    }
    values
}

/// Of a repeated name, the single-value form has the last.
fn last(values: &BTreeMap<String, Vec<String>>) -> BTreeMap<&str, &str> {
    values
        .iter()
        .filter_map(|(name, values)| Some((name.as_str(), values.last()?.as_str())))
        .collect()
}

fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let is_forwarded = |name: &header::HeaderName| *name != header::CONNECTION && *name != header::UPGRADE;
    let forwarded = headers.iter().filter(|(name, _)| is_forwarded(name));
    forwarded
        .map(|(name, value)| {
            (
                canonical(name.as_str()),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

/// `sec-websocket-protocol` as browsers write it; our server has only the lower-case form.
fn canonical(name: &str) -> String {
    let word = |word: &str| {
        if word == "websocket" {
            return "WebSocket".to_owned();
        }
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_uppercase())
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_written_as_browsers_do() {
        let cases = [
            ("host", "Host"),
            ("sec-websocket-protocol", "Sec-WebSocket-Protocol"),
            ("x--y", "X--Y"),
        ];
        for (name, expected) in cases {
            assert_eq!(canonical(name), expected);
        }
    }
}
