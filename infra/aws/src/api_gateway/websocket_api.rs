//! API Gateway's WebSocket API: connections, routes, limits and errors of the real one, and the `@connections` endpoint.
//!
//! Signatures have to be there and are not checked; everything else that a client or a function can see is meant to be as on
//! AWS.

mod connect;
mod connections;
mod dispatch;
mod events;
mod management;
mod session;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;

use self::connections::Connections;
use super::authorizer::Authorizer;
use super::throttle::Throttles;
use crate::gate::{Gate, guarded, pass};
use crate::lambda::Pool;
use crate::template::{Template, WebSocketRoute};

/// API Gateway's limits; a test overrides those that it cannot wait for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest message in either direction.
    pub message_bytes: usize,
    /// The largest frame. Inbound it is the client who splits its messages, outbound we do.
    pub frame_bytes: usize,
    /// A connection on which nothing was received or sent for so long is closed. Pings of the client count.
    pub idle: Duration,
    /// A connection is closed after so long in any case.
    pub life: Duration,
    /// The longest an integration may take.
    pub integration: Duration,
    /// Messages that wait for a client that does not read. AWS does not publish its number; 64 messages of 128 KB are
    /// 8 MB per connection at worst.
    pub outbound_messages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 128 * 1024,
            frame_bytes: 32 * 1024,
            idle: Duration::from_secs(10 * 60),
            life: Duration::from_secs(2 * 60 * 60),
            integration: Duration::from_secs(29),
            outbound_messages: 64,
        }
    }
}

struct Gateway {
    routes: Vec<WebSocketRoute>,
    selector: String,
    stage: String,
    host: String,
    authorizer: Option<Authorizer>,
    throttles: Throttles,
    connections: Connections,
    pool: Pool,
    limits: Limits,
}

/// Serves the template's WebSocket API at `/` and `/STAGE`, and its connections at `/STAGE/@connections/{id}`, until the
/// future is dropped.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, template: Arc<Template>, pool: Pool, limits: Limits) -> std::io::Result<()> {
    let stage = template.websocket_stage.clone();
    let address = listener.local_addr()?;
    let gateway = Arc::new(Gateway {
        authorizer: template
            .websocket_authorizer
            .clone()
            .map(|settings| Authorizer::new(settings, pool.clone())),
        throttles: Throttles::new(template.websocket_routes.iter().map(|_| template.websocket_throttle)),
        routes: template.websocket_routes.clone(),
        selector: template.websocket_selector.clone(),
        stage: stage.clone(),
        host: address.to_string(),
        connections: Connections::default(),
        pool,
        limits,
    });
    let management = post(management::send).get(management::read).delete(management::close);
    let management = management.layer(from_fn_with_state((address.ip(), Gate::Signed), pass));
    let mut router = Router::new()
        .route("/", get(connect::handle))
        .fallback(connect::refuse_path);
    if !stage.is_empty() {
        router = router
            .route(&format!("/{stage}"), get(connect::handle))
            .route(&format!("/{stage}/"), get(connect::handle))
            .route(&format!("/{stage}/@connections/{{id}}"), management);
    }
    let router = guarded(router.with_state(gateway), address, Gate::Public);
    // A small frame is not held back until the one before it is acknowledged.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection sends late");
        }
    });
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}

/// Why an integration has no result.
#[derive(Debug)]
enum IntegrationError {
    TimedOut,
    /// The pool has logged why.
    Failed,
}

impl Gateway {
    fn route(&self, key: &str) -> Option<(usize, &WebSocketRoute)> {
        self.routes.iter().enumerate().find(|(_, route)| route.key == key)
    }

    async fn invoke(&self, route: &WebSocketRoute, event: &Value) -> Result<Bytes, IntegrationError> {
        let invocation = self.pool.invoke(&route.function, Bytes::from(event.to_string()));
        match tokio::time::timeout(self.limits.integration, invocation).await {
            Ok(answer) => answer.map_err(|_| IntegrationError::Failed),
            Err(_) => Err(IntegrationError::TimedOut),
        }
    }
}
