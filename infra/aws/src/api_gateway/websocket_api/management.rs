//! `@connections`: what functions can do to a connection. Errors have the header and the body that the SDKs read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use http::StatusCode;
use serde_json::json;

use super::Gateway;
use super::connections::Connection;
use crate::api_gateway::body::read_at_most;

/// An error of the management API.
struct Problem {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let headers = [("x-amzn-errortype", self.kind)];
        (self.status, headers, axum::Json(json!({ "message": self.message }))).into_response()
    }
}

/// `PostToConnection`.
pub(super) async fn send(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>, body: Body) -> Response {
    let limit = gateway.limits.message_bytes;
    let Ok(message) = read_at_most(body, limit).await else {
        let message = format!("a message has at most {limit} bytes");
        let kind = "PayloadTooLargeException";
        return Problem {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            kind,
            message,
        }
        .into_response();
    };
    match find(&gateway, &id) {
        Ok(connection) => match connection.try_send(message) {
            Ok(()) => StatusCode::OK.into_response(),
            Err(_) => {
                let message = format!("the client of {id} does not read");
                let kind = "LimitExceededException";
                Problem {
                    status: StatusCode::TOO_MANY_REQUESTS,
                    kind,
                    message,
                }
                .into_response()
            }
        },
        Err(problem) => problem.into_response(),
    }
}

/// `GetConnection`.
pub(super) async fn read(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Response {
    let connection = match find(&gateway, &id) {
        Ok(connection) => connection,
        Err(problem) => return problem.into_response(),
    };
    let body = json!({
        "connectedAt": connection.connected_at.to_string(),
        "identity": {
            "sourceIp": connection.source_ip,
            "userAgent": connection.user_agent.as_deref().unwrap_or_default(),
        },
        "lastActiveAt": connection.last_active_at().to_string(),
    });
    axum::Json(body).into_response()
}

/// `DeleteConnection`.
pub(super) async fn close(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Response {
    match find(&gateway, &id) {
        Ok(connection) => {
            gateway.connections.remove(&id);
            connection.deleted.notify_one();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// An id that could not be one is a bad request; one that is not open (any more, or yet) is gone.
fn find(gateway: &Gateway, id: &str) -> Result<Arc<Connection>, Problem> {
    if URL_SAFE.decode(id).is_err() {
        let message = format!("Invalid connectionId: {id}");
        return Err(Problem {
            status: StatusCode::BAD_REQUEST,
            kind: "BadRequestException",
            message,
        });
    }
    gateway.connections.get(id).ok_or_else(|| Problem {
        status: StatusCode::GONE,
        kind: "GoneException",
        message: format!("the connection {id} is gone"),
    })
}
