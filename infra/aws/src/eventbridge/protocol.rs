//! EventBridge over AWS JSON 1.1, as the SDKs speak it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{Buses, entries};
use crate::aws_json::{self, BODY_BYTES, JSON_1_1};

/// An error of a whole request: the type that SDKs match on, and a sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    kind: &'static str,
    message: String,
}

impl Refusal {
    /// The request breaks a limit.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            kind: "ValidationException",
            message: message.into(),
        }
    }

    /// The request is not of the operation's form.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self {
            kind: "SerializationException",
            message: message.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"__type": self.kind, "message": self.message});
        aws_json::answer(StatusCode::BAD_REQUEST, JSON_1_1, &body)
    }
}

/// The endpoint; every path is the same, since a request names its bus in the body.
pub(super) fn router(buses: Buses) -> Router {
    Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(buses)
}

async fn handle(State(buses): State<Buses>, headers: HeaderMap, body: Bytes) -> Response {
    match dispatch(&buses, aws_json::operation(&headers, "AWSEvents"), &body).await {
        Ok(answer) => aws_json::answer(StatusCode::OK, JSON_1_1, &answer),
        Err(refusal) => refusal.into_response(),
    }
}

async fn dispatch(buses: &Buses, operation: &str, body: &[u8]) -> Result<Value, Refusal> {
    match operation {
        "PutEvents" => {
            let request = serde_json::from_slice(body).map_err(|error| Refusal::malformed(error.to_string()))?;
            entries::put(buses, request).await
        }
        _ => Err(Refusal {
            kind: "UnknownOperationException",
            message: format!("the stand-in does not know the event bus operation {operation:?}"),
        }),
    }
}
