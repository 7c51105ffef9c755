//! `authorize-request`: an access token in, the caller out; for every HTTP route and for `$connect`.
//!
//! API Gateway asks in two forms and wants two answers. An HTTP API takes `isAuthorized` with a context. Where it is false it answers a bare 403 that can't be shaped,
//! so a token that is not accepted is let through, with the reason in place of a caller, and the functions behind the routes refuse it: all of them, because a request
//! has a caller or it has none (`platform::http::Routes`). Which route a caller may use is for them too: they know what each permits.
//! A WebSocket API takes an IAM policy, and answers 401 when the function fails with the text `Unauthorized`.
//!
//! API Gateway remembers an answer by the `Authorization` header, a refusal as well as a caller. A refused token stays refused, so that is right; one that expires is
//! accepted for up to the time that the template has (`ReauthorizeEvery`) after its end.
//!
//! A token is good as long as its session is open in the role that the token names. API Gateway keeps an answer for a minute, so an ended session,
//! another role or a removed user has its effect within that minute. `manage-connections` asks once more: a WebSocket would outlive the minute.
//!
//! Neither tokens nor events, which hold them, are ever logged.

mod policy;
mod sessions;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use identity::{Caller, Refused, TokenError, TokenUse, VerifyingKey};
use jiff::Timestamp;
use registry::Registry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use policy::Policy;

/// What the function is built from at cold start.
pub struct Context {
    verifying_key: VerifyingKey,
    /// Where sessions are; what tests of tokens alone go without.
    registry: Option<Registry>,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing, or `TOKEN_VERIFYING_KEY` is not a key.
    pub async fn from_environment() -> Result<Self> {
        let pem = platform::environment::required("TOKEN_VERIFYING_KEY")?;
        let table = platform::environment::required("REGISTRY_TABLE")?;
        Ok(Self {
            verifying_key: VerifyingKey::from_pem(&pem).context("read TOKEN_VERIFYING_KEY")?,
            registry: Some(Registry::connect_to(&platform::aws_configuration().await, table)),
        })
    }
}

/// What API Gateway asks; of its many fields only those that matter here.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// A WebSocket API, for `$connect`.
    WebSocket(WebSocketEvent),
    /// An HTTP API, payload format 2.0.
    Http(HttpEvent),
}

/// A `REQUEST` authorizer's event of a WebSocket API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebSocketEvent {
    method_arn: String,
    query_string_parameters: Option<BTreeMap<String, String>>,
}

/// A `REQUEST` authorizer's event of an HTTP API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvent {
    #[serde(rename = "routeArn")]
    _route_arn: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// The answer in the form that the event asks for.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To an HTTP API.
    #[serde(rename_all = "camelCase")]
    Http {
        /// Whether the request goes on, which it always does.
        is_authorized: bool,
        /// Who is calling, or why that is nobody.
        context: BTreeMap<&'static str, String>,
    },
    /// To a WebSocket API.
    WebSocket(Policy),
}

/// The text that API Gateway turns into 401.
const UNAUTHORIZED: &str = "Unauthorized";

/// Answers one event, and logs as an error whatever is not a refusal: the alarm counts these lines, because to Lambda a refusal is
/// an error like any other.
///
/// # Errors
/// As [`authorize`], or when API Gateway's event is not understood.
pub async fn handle(
    context: &Context,
    event: serde_json::Value,
    now: Timestamp,
) -> Result<Answer, lambda_runtime::Error> {
    let answered = match serde_json::from_value(event) {
        Ok(event) => authorize(context, &event, now).await,
        Err(error) => Err(format!("the event is not that of an authorizer: {error}").into()),
    };
    if let Err(cause) = &answered
        && cause.to_string() != UNAUTHORIZED
    {
        tracing::error!(%cause, "could not authorize");
    }
    answered
}

/// Answers one event.
///
/// # Errors
/// `Unauthorized` when a WebSocket's token is not accepted, another text when API Gateway's event is not understood.
pub async fn authorize(context: &Context, event: &Event, now: Timestamp) -> Result<Answer, lambda_runtime::Error> {
    match event {
        Event::Http(event) => Ok(Answer::Http {
            is_authorized: true,
            context: match caller(context, event.token(), now).await {
                Ok((caller, session)) => sessions::context(&caller, session),
                Err(refused) => refused.context(),
            },
        }),
        Event::WebSocket(event) => {
            let asked = caller(context, event.token(), now).await;
            let (caller, session) = asked.map_err(|_| UNAUTHORIZED)?;
            Ok(Answer::WebSocket(Policy::allow(&caller, session, &event.method_arn)?))
        }
    }
}

/// Whose token it is and of which session, or why it is nobody's, which is in the log as well: the sender of a bad token is told no more than whether it has
/// expired.
async fn caller(context: &Context, token: Option<&str>, now: Timestamp) -> Result<(Caller, Uuid), Refused> {
    let verified = token
        .ok_or(TokenError::Malformed)
        .and_then(|token| context.verifying_key.verify(token, TokenUse::Access, now));
    match verified {
        Ok(claims) if sessions::is_open(context, &claims, now).await => Ok((Caller::from(&claims), claims.session)),
        Ok(_) => {
            tracing::info!("refused a token of a session that has ended, or is in another role");
            Err(Refused::NotAccepted)
        }
        Err(reason) => {
            tracing::info!(%reason, "refused a token");
            Err(Refused::from(&reason))
        }
    }
}

impl HttpEvent {
    /// The token of `Authorization: Bearer ...`. API Gateway gives header names in lower case; schemes have no case.
    fn token(&self) -> Option<&str> {
        let (scheme, token) = self.headers.get("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }
}

impl WebSocketEvent {
    /// The token of `?token=...`: a browser can't set headers on a WebSocket.
    fn token(&self) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get("token").map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
