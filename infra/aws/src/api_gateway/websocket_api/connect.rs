//! The WebSocket handshake: the authorizer and `$connect` decide whether there will be a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::connections::{Client, Connection};
use super::events::{self, Address};
use super::{Gateway, IntegrationError, session};
use crate::api_gateway::authorizer::{AuthorizerError, Decision, Form};
use crate::api_gateway::request::{joined_headers, joined_query, short_id};
use crate::clock;

/// Why there is no connection: a status and API Gateway's word for it.
struct Refusal {
    status: StatusCode,
    message: &'static str,
    connection_id: String,
    request_id: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self {
            status,
            message,
            connection_id,
            request_id,
        } = self;
        let body = json!({ "message": message, "connectionId": connection_id, "requestId": request_id });
        (status, axum::Json(body)).into_response()
    }
}

/// Any other path: API Gateway has no resource there and says so with 403.
pub(super) async fn refuse_path() -> Response {
    (StatusCode::FORBIDDEN, axum::Json(json!({ "message": "Forbidden" }))).into_response()
}

pub(super) async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let (Some(key), Some(upgrade)) = (websocket_key(&parts), parts.extensions.remove::<OnUpgrade>()) else {
        let body = axum::Json(json!({ "message": "Upgrade Required" }));
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], body).into_response();
    };
    // Once begun, `$connect` runs to its end even when the client hangs up meanwhile: what it wrote down is then taken
    // back by `$disconnect`.
    let opening = tokio::spawn(async move { gateway.open(&parts, peer, upgrade).await });
    match opening.await {
        Ok(Ok(protocol)) => accept(&key, protocol.as_ref()),
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The handshake's key, if the request is a WebSocket handshake of the version there is.
fn websocket_key(parts: &Parts) -> Option<String> {
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let is_upgrade = text(header::UPGRADE)?.eq_ignore_ascii_case("websocket");
    let is_current = text(header::SEC_WEBSOCKET_VERSION)? == "13";
    text(header::SEC_WEBSOCKET_KEY)
        .filter(|_| is_upgrade && is_current)
        .map(str::to_owned)
}

fn accept(key: &str, protocol: Option<&HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol.clone());
    }
    response
}

impl Gateway {
    pub(super) fn address(&self) -> Address<'_> {
        Address {
            host: &self.host,
            stage: &self.stage,
        }
    }

    /// Opens a connection, or says why not. The result is the subprotocol that `$connect` chose.
    async fn open(
        self: &Arc<Self>,
        parts: &Parts,
        peer: SocketAddr,
        upgrade: OnUpgrade,
    ) -> Result<Option<HeaderValue>, Refusal> {
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok());
        let mut client = Client {
            id: short_id(),
            connected_at: clock::now(),
            source_ip: peer.ip().to_string(),
            user_agent: user_agent.map(str::to_owned),
            authorizer: None,
        };
        let protocol = self.admit(&mut client, parts).await.map_err(|(status, message)| {
            tracing::debug!(status = status.as_u16(), "a connection was refused");
            Refusal {
                status,
                message,
                connection_id: client.id.clone(),
                request_id: short_id(),
            }
        })?;
        let (connection, outbound) = Connection::new(client, self.limits.outbound_messages);
        self.connections.add(Arc::clone(&connection));
        tokio::spawn(session::run(Arc::clone(self), connection, outbound, upgrade));
        Ok(protocol)
    }

    /// Asks the authorizer and `$connect`.
    async fn admit(
        &self,
        client: &mut Client,
        parts: &Parts,
    ) -> Result<Option<HeaderValue>, (StatusCode, &'static str)> {
        let Some((index, route)) = self.route("$connect") else {
            return Ok(None);
        };
        if !self.throttles.admit(index) {
            return Err((StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"));
        }
        if route.authorized {
            self.authorize(client, parts).await?;
        }
        let event = events::connect(self.address(), client, parts);
        match self.invoke(route, &event.body).await {
            Ok(answer) => read_answer(&answer),
            Err(IntegrationError::TimedOut) => Err((StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out")),
            Err(IntegrationError::Failed) => Err((StatusCode::BAD_GATEWAY, "Internal server error")),
        }
    }

    async fn authorize(&self, client: &mut Client, parts: &Parts) -> Result<(), (StatusCode, &'static str)> {
        let unauthorized = (StatusCode::UNAUTHORIZED, "Unauthorized");
        let Some(authorizer) = &self.authorizer else {
            return Ok(());
        };
        let (headers, query) = (joined_headers(&parts.headers), joined_query(&parts.uri));
        let identity = authorizer.identity(&headers, &query).ok_or(unauthorized)?;
        let event = events::authorize(self.address(), client, parts);
        match authorizer
            .decide(Form::Policy, identity, &self.address().connect_arn(), &event)
            .await
        {
            Ok(Decision::Allow(context)) => {
                client.authorizer = Some(context);
                Ok(())
            }
            Ok(Decision::Deny) => Err((StatusCode::FORBIDDEN, "Forbidden")),
            Err(AuthorizerError::Unauthorized) => Err(unauthorized),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be authorized");
                Err((StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: Option<serde_json::Map<String, Value>>,
}

/// Any 2xx lets the client in; another status is the client's answer; anything else is a bad integration.
fn read_answer(answer: &[u8]) -> Result<Option<HeaderValue>, (StatusCode, &'static str)> {
    let malformed = (StatusCode::BAD_GATEWAY, "Internal server error");
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| malformed)?;
    let status = StatusCode::from_u16(answer.status_code).map_err(|_| malformed)?;
    if !status.is_success() {
        let is_error = status.is_client_error() || status.is_server_error();
        return Err(if is_error {
            (status, status.canonical_reason().unwrap_or("Forbidden"))
        } else {
            malformed
        });
    }
    let headers = answer.headers.unwrap_or_default();
    let protocol = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"));
    Ok(protocol.and_then(|(_, value)| HeaderValue::from_str(value.as_str()?).ok()))
}
