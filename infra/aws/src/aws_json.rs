//! What AWS's JSON protocols 1.0 and 1.1 have in common: a POST whose `x-amz-target` names the operation.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

/// A request of 1 MiB of which every byte is escaped in JSON as `\u0000`, and the envelope.
pub(crate) const BODY_BYTES: usize = 6 * 1_048_576 + 65_536;

/// The media type of version 1.0, which SQS speaks.
pub(crate) const JSON_1_0: &str = "application/x-amz-json-1.0";
/// The media type of version 1.1, which EventBridge speaks.
pub(crate) const JSON_1_1: &str = "application/x-amz-json-1.1";

/// The operation of `service` that a request names; empty when it names none.
pub(crate) fn operation<'a>(headers: &'a HeaderMap, service: &str) -> &'a str {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.unwrap_or_default();
    target
        .strip_prefix(service)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(target)
}

/// An answer of the version whose media type is `version`.
pub(crate) fn answer(status: StatusCode, version: &'static str, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, version)], body.to_string()).into_response()
}
