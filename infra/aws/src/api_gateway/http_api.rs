//! API Gateway's HTTP API: routes, authorizer, throttling, limits and errors of the real one, payload format 2.0.

mod cors;
mod event;
mod response;
mod routes;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use self::event::Incoming;
use self::routes::{Match, Routes};
use super::authorizer::{Authorizer, Decision, Form};
use super::body::{BodyError, read_at_most};
use super::throttle::Throttles;
use crate::gate::{Gate, guarded};
use crate::lambda::{InvocationError, Pool};
use crate::template::{Cors, Template};

/// The largest request body: 10 MB, as API Gateway has it.
pub const BODY_BYTES: usize = 10 * 1024 * 1024;
/// The longest an integration may take.
pub const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

struct Gateway {
    routes: Routes,
    authorizer: Option<Authorizer>,
    throttles: Throttles,
    cors: Option<Cors>,
    pool: Pool,
    host: String,
    integration_timeout: Duration,
}

/// Serves the template's HTTP API until the future is dropped.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, template: Arc<Template>, pool: Pool) -> std::io::Result<()> {
    serve_within(listener, &template, pool, INTEGRATION_TIMEOUT).await
}

async fn serve_within(
    listener: TcpListener,
    template: &Template,
    pool: Pool,
    integration_timeout: Duration,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let gateway = Arc::new(Gateway {
        authorizer: template
            .http_authorizer
            .clone()
            .map(|settings| Authorizer::new(settings, pool.clone())),
        throttles: Throttles::new(template.routes.iter().map(|route| {
            let own = template.http_route_throttles.get(&route.key()).copied();
            own.or(template.http_throttle)
        })),
        routes: Routes::new(&template.routes),
        cors: template.cors.clone(),
        pool,
        host: address.to_string(),
        integration_timeout,
    });
    let router = Router::new().fallback(handle).with_state(gateway);
    let router = guarded(router, address, Gate::Public);
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}

/// An answer of API Gateway itself.
struct Refusal(StatusCode, &'static str);

const NOT_FOUND: Refusal = Refusal(StatusCode::NOT_FOUND, "Not Found");
const UNAUTHORIZED: Refusal = Refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
const FORBIDDEN: Refusal = Refusal(StatusCode::FORBIDDEN, "Forbidden");
const TOO_LARGE: Refusal = Refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
const TOO_MANY: Refusal = Refusal(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
const INTERNAL: Refusal = Refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
const UNAVAILABLE: Refusal = Refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
const BAD_REQUEST: Refusal = Refusal(StatusCode::BAD_REQUEST, "Bad Request");

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, axum::Json(json!({ "message": self.1 }))).into_response()
    }
}

async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let origin = cors::origin(request.headers());
    let mut response = match &gateway.cors {
        Some(rules) if request.method() == Method::OPTIONS => cors::preflight(rules),
        _ => gateway
            .answer(peer, request)
            .await
            .unwrap_or_else(Refusal::into_response),
    };
    if let Some(rules) = &gateway.cors {
        cors::apply(rules, origin.as_deref(), response.headers_mut());
    }
    response
}

impl Gateway {
    async fn answer(&self, peer: SocketAddr, request: Request) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let Some(found) = self.routes.find(&parts.method, parts.uri.path()) else {
            return Err(NOT_FOUND);
        };
        if !self.throttles.admit(found.index) {
            return Err(TOO_MANY);
        }
        let body = read_at_most(body, BODY_BYTES).await.map_err(|error| match error {
            BodyError::TooLarge => TOO_LARGE,
            BodyError::Broken => BAD_REQUEST,
        })?;
        let incoming = Incoming::new(&parts, peer, &self.host, &found);
        let context = self.authorize(&incoming, &found).await?;
        let payload = incoming.event(context, &body).to_string();
        let invocation = self.pool.invoke(&found.route.function, Bytes::from(payload));
        match tokio::time::timeout(self.integration_timeout, invocation).await {
            Ok(Ok(answer)) => response::read(&answer, &incoming.request_id).ok_or(INTERNAL),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(UNAVAILABLE),
        }
    }

    /// The context for the function; empty when the route is open.
    async fn authorize(
        &self,
        incoming: &Incoming<'_>,
        found: &Match<'_>,
    ) -> Result<Option<Map<String, Value>>, Refusal> {
        let Some(authorizer) = self.authorizer.as_ref().filter(|_| found.route.authorized) else {
            return Ok(None);
        };
        let identity = authorizer.identity(&incoming.headers, &incoming.query);
        let identity = identity.ok_or(UNAUTHORIZED)?;
        let arn = incoming.route_arn();
        let event = incoming.authorizer_event(&identity, &arn);
        match authorizer.decide(Form::Simple, identity, &arn, &event).await {
            Ok(Decision::Allow(context)) => Ok(Some(context)),
            Ok(Decision::Deny) => Err(FORBIDDEN),
            Err(error) => {
                tracing::warn!(%error, "a request could not be authorized");
                Err(INTERNAL)
            }
        }
    }
}

fn refusal(error: &InvocationError) -> Refusal {
    match error {
        InvocationError::TooLarge { .. } => TOO_LARGE,
        InvocationError::Throttled | InvocationError::ShuttingDown => UNAVAILABLE,
        _ => INTERNAL,
    }
}
