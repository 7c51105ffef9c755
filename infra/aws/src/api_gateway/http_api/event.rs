//! A request as functions and authorizers see it: payload format 2.0.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use http::request::Parts;
use serde_json::{Map, Value, json};

use super::routes::Match;
use crate::account::{ACCOUNT, REGION};
use crate::api_gateway::request::{joined_headers, joined_query, request_time, short_id};

/// The id of the API, wherever AWS would show one.
const API_ID: &str = "local";

/// A request before it is authorized.
pub(super) struct Incoming<'a> {
    parts: &'a Parts,
    host: &'a str,
    source_ip: String,
    route_key: String,
    path_parameters: &'a BTreeMap<String, String>,
    now: jiff::Timestamp,
    pub(super) request_id: String,
    /// Names in lower case, repeated ones joined by commas, without cookies.
    pub(super) headers: BTreeMap<String, String>,
    /// Decoded, repeated ones joined by commas.
    pub(super) query: BTreeMap<String, String>,
    cookies: Vec<String>,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(parts: &'a Parts, peer: SocketAddr, host: &'a str, found: &'a Match<'_>) -> Self {
        let mut headers = joined_headers(&parts.headers);
        let cookies = headers.remove("cookie");
        let cookies = cookies
            .iter()
            .flat_map(|text| text.split("; "))
            .map(str::to_owned)
            .collect();
        let source_ip = peer.ip().to_string();
        headers.insert("x-forwarded-for".to_owned(), source_ip.clone());
        headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
        headers.insert(
            "x-forwarded-port".to_owned(),
            host.rsplit(':').next().unwrap_or(host).to_owned(),
        );
        Self {
            parts,
            host,
            source_ip,
            route_key: found.key(),
            path_parameters: &found.parameters,
            now: crate::clock::now(),
            request_id: short_id(),
            headers,
            query: joined_query(&parts.uri),
            cookies,
        }
    }

    pub(super) fn route_arn(&self) -> String {
        let (method, path) = (&self.parts.method, self.parts.uri.path());
        format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/$default/{method}{path}")
    }

    pub(super) fn event(&self, authorizer: Option<Map<String, Value>>, body: &[u8]) -> Value {
        let mut event = self.common();
        event["version"] = "2.0".into();
        if let Some(context) = authorizer {
            event["requestContext"]["authorizer"] = json!({ "lambda": context });
        }
        let (text, is_base64_encoded) = self.body(body);
        if !text.is_empty() {
            event["body"] = text.into();
        }
        event["isBase64Encoded"] = is_base64_encoded.into();
        event
    }

    pub(super) fn authorizer_event(&self, identity: &[String], arn: &str) -> Value {
        let mut event = self.common();
        event["version"] = "2.0".into();
        event["type"] = "REQUEST".into();
        event["routeArn"] = arn.into();
        event["identitySource"] = identity.into();
        event
    }

    /// What both events have.
    fn common(&self) -> Value {
        let mut event = json!({
            "routeKey": self.route_key,
            "rawPath": self.parts.uri.path(),
            "rawQueryString": self.parts.uri.query().unwrap_or_default(),
            "headers": self.headers,
            "requestContext": self.context(),
        });
        if !self.cookies.is_empty() {
            event["cookies"] = json!(self.cookies);
        }
        if !self.query.is_empty() {
            event["queryStringParameters"] = json!(self.query);
        }
        if !self.path_parameters.is_empty() {
            event["pathParameters"] = json!(self.path_parameters);
        }
        event
    }

    fn context(&self) -> Value {
        json!({
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": self.host,
            "domainPrefix": API_ID,
            "http": {
                "method": self.parts.method.as_str(),
                "path": self.parts.uri.path(),
                "protocol": format!("{:?}", self.parts.version),
                "sourceIp": self.source_ip,
                "userAgent": self.headers.get("user-agent").map_or("", String::as_str),
            },
            "requestId": self.request_id,
            "routeKey": self.route_key,
            "stage": "$default",
            "time": request_time(self.now),
            "timeEpoch": self.now.as_millisecond(),
        })
    }

    /// The body as text if its type says so, else in base 64.
    fn body(&self, body: &[u8]) -> (String, bool) {
        let kind = self.headers.get(header::CONTENT_TYPE.as_str()).map(String::as_str);
        let is_encoded = self.headers.contains_key(header::CONTENT_ENCODING.as_str());
        match std::str::from_utf8(body) {
            Ok(text) if !is_encoded && kind.is_none_or(is_textual) => (text.to_owned(), false),
            _ => (STANDARD.encode(body), true),
        }
    }
}

fn is_textual(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || ["application/json", "application/xml", "application/javascript"].contains(&kind.as_str())
}
