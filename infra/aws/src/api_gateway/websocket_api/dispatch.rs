//! Which function gets a message of a client, and what the client hears of it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::connections::Connection;
use super::{Gateway, IntegrationError, events};
use crate::api_gateway::request::short_id;
use crate::template::WebSocketRoute;

/// Handles a connection's messages one after the other. AWS may work on several at a time; then order would be the
/// function's problem, and a problem that shows once a month is not worth having on a developer's machine.
pub(super) async fn run(gateway: Arc<Gateway>, connection: Arc<Connection>, mut messages: mpsc::Receiver<Utf8Bytes>) {
    while let Some(text) = messages.recv().await {
        if let Some(answer) = gateway.answer(&connection, &text).await {
            connection.send(answer).await;
        }
    }
}

impl Gateway {
    /// What is sent back to the client, if anything.
    async fn answer(&self, connection: &Connection, text: &str) -> Option<Bytes> {
        let Some((index, route)) = self.select(text) else {
            return Some(problem("Forbidden", connection, &short_id()));
        };
        if !self.throttles.admit(index) {
            return Some(problem("Too Many Requests", connection, &short_id()));
        }
        let event = events::message(self.address(), connection, &route.key, text);
        match self.invoke(route, &event.body).await {
            Ok(_) if !route.responds => None,
            Ok(answer) => match read_answer(&answer) {
                Ok(body) => body,
                Err(error) => {
                    tracing::warn!(function = route.function, %error, "an answer is not one of a proxy integration");
                    Some(problem("Internal server error", connection, &event.request_id))
                }
            },
            Err(IntegrationError::TimedOut) => {
                Some(problem("Endpoint request timed out", connection, &event.request_id))
            }
            Err(IntegrationError::Failed) => Some(problem("Internal server error", connection, &event.request_id)),
        }
    }

    /// The route that the message's selector names, else `$default`. `$connect` and the like cannot be asked for.
    fn select(&self, text: &str) -> Option<(usize, &WebSocketRoute)> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let key = message.get(&self.selector).and_then(|key| match key {
            Value::String(key) => Some(key.clone()),
            Value::Number(_) | Value::Bool(_) => Some(key.to_string()),
            _ => None,
        });
        let named = key.filter(|key| !key.starts_with('$')).and_then(|key| self.route(&key));
        named.or_else(|| self.route("$default"))
    }
}

/// The frame by which API Gateway reports a problem.
fn problem(message: &str, connection: &Connection, request_id: &str) -> Bytes {
    let body = json!({ "message": message, "connectionId": connection.id, "requestId": request_id });
    Bytes::from(body.to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(rename = "statusCode")]
    _status_code: u16,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// The body to send, if the answer has one; the status says nothing to a WebSocket.
fn read_answer(answer: &[u8]) -> Result<Option<Bytes>, serde_json::Error> {
    let Answer {
        body,
        is_base64_encoded,
        ..
    } = serde_json::from_slice(answer)?;
    let Some(body) = body.filter(|body| !body.is_empty()) else {
        return Ok(None);
    };
    if is_base64_encoded == Some(true) {
        let decoded = STANDARD.decode(body).map_err(serde::de::Error::custom)?;
        return Ok(Some(Bytes::from(decoded)));
    }
    Ok(Some(Bytes::from(body)))
}
