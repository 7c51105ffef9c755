//! Signing in: a password or a refresh token for tokens.

use route::{Access, Answer, Body, Method, Route};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All routes of this area.
pub static ROUTES: [&Route; 2] = [&SIGN_IN, &REFRESH_TOKEN];

/// Password in, tokens out.
pub static SIGN_IN: Route = Route {
    function: "sign-in",
    method: Method::Post,
    path: "/v1/sign-in",
    access: Access::Open,
    operation: "signIn",
    summary: "Password in, tokens out.",
    parameters: &[],
    request: Some(Body::of::<SignIn>()),
    answer: Answer::ok::<Tokens>(),
};

/// Refresh token in, new tokens out.
pub static REFRESH_TOKEN: Route = Route {
    function: "sign-in",
    method: Method::Post,
    path: "/v1/refresh-token",
    access: Access::Open,
    operation: "refreshToken",
    summary: "Refresh token in, new tokens out. It can be used once: a second time ends its session, whoever uses it.",
    parameters: &[],
    request: Some(Body::of::<RefreshToken>()),
    answer: Answer::ok::<Tokens>(),
};

/// `POST /v1/sign-in`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// `POST /v1/refresh-token`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// The refresh token that the last sign-in or refresh gave; it can be used once.
    pub refresh_token: String,
}

/// Tokens of a session.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// For `Authorization: Bearer` and for the WebSocket's `?token=`.
    pub access_token: String,
    /// For `POST /v1/refresh-token`, once: a second time ends the session.
    pub refresh_token: String,
    /// How the access token is sent.
    pub token_type: TokenType,
    /// Seconds until the access token expires.
    pub expires_in: i64,
}

/// How an access token is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum TokenType {
    /// `Authorization: Bearer TOKEN`.
    Bearer,
}
