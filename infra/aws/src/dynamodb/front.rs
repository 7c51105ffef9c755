//! What stands before the engine's own endpoint, which tells every page of a browser that it may call it, whatever the page asks to send, and knows no
//! permissions.
//!
//! The engine wants a TCP listener of its own. It gets one at an address of 127.0.0.0/8 that nobody is told: to find it among 16 million addresses with
//! as good as any port takes a page longer than any cloud runs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{HeaderMap, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::permissions::Permissions;

/// A request has at most 16 MB, as DynamoDB has it; an answer about 1 MB.
const BODY_BYTES: usize = 16 * 1024 * 1024;

/// Hands requests on to the engine.
#[derive(Clone)]
struct Front {
    engine: SocketAddr,
    client: Client<HttpConnector, Body>,
    permissions: Arc<Permissions>,
}

/// What the name of an operation follows in `x-amz-target`.
const TARGET: &str = "DynamoDB_20120810.";

/// A listener that only this process knows of.
///
/// # Errors
/// When it can't be bound.
pub(super) fn hidden_listener() -> io::Result<TcpListener> {
    let [a, b, c, ..] = Uuid::new_v4().into_bytes();
    // Neither 127.0.0.1, where everybody looks first, nor the address of a whole net.
    let address = Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254));
    let listener = std::net::TcpListener::bind((address, 0))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Hands what is permitted on to the engine at this address.
pub(super) fn router(engine: SocketAddr, permissions: Permissions) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let permissions = Arc::new(permissions);
    Router::new().fallback(forward).with_state(Front {
        engine,
        client,
        permissions,
    })
}

async fn forward(State(front): State<Front>, request: Request) -> Response {
    match front.forward(request).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the embedded DynamoDB does not answer");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

impl Front {
    /// Bodies are whole, so that each is written at once and no acknowledgement is waited for in the middle of one.
    async fn forward(&self, request: Request) -> anyhow::Result<Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, BODY_BYTES).await else {
            return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
        };
        if let Err(message) = self.check(&parts.headers, &body) {
            return Ok(refusal(&message));
        }
        let path = parts.uri.path_and_query().cloned();
        parts.uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.engine.to_string())
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()?;
        let answer = self
            .client
            .request(Request::from_parts(parts, Body::from(body)))
            .await?;
        let (parts, body) = answer.into_parts();
        let body = to_bytes(Body::new(body), BODY_BYTES).await?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    /// Whether the caller may do this; a body that can't be read is refused by the engine.
    fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(session) = header("x-amz-security-token") else {
            return Ok(());
        };
        let operation = header("x-amz-target").and_then(|target| target.strip_prefix(TARGET));
        let body = serde_json::from_slice(body).unwrap_or_default();
        self.permissions.check(session, operation.unwrap_or_default(), &body)
    }
}

/// As AWS refuses what no policy allows.
fn refusal(message: &str) -> Response {
    tracing::error!(message, "a function may not do this");
    let kind = "com.amazon.coral.service#AccessDeniedException";
    let body = json!({ "__type": kind, "Message": message }).to_string();
    (
        StatusCode::BAD_REQUEST,
        [(header::CONTENT_TYPE, "application/x-amz-json-1.0")],
        body,
    )
        .into_response()
}
