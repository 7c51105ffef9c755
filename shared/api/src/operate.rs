//! Running the product: its health, and its description.

use std::collections::BTreeMap;

use route::{Access, Answer, Method, Route};
use serde::Serialize;
use utoipa::ToSchema;

/// All routes of this area.
pub static ROUTES: [&Route; 3] = [&READ_HEALTH, &OPEN_API, &ASYNC_API];

/// What works and what does not.
pub static READ_HEALTH: Route = Route {
    function: "report-health",
    method: Method::Get,
    path: "/v1/health",
    access: Access::Open,
    operation: "readHealth",
    summary: "What works and what does not; 503 when something does not.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<Health>(),
};

/// The OpenAPI document.
pub static OPEN_API: Route = Route {
    function: "describe-api",
    method: Method::Get,
    path: "/openapi.json",
    access: Access::Open,
    operation: "openApi",
    summary: "This document.",
    parameters: &[],
    request: None,
    answer: Answer::UNTYPED,
};

/// The live protocol as AsyncAPI 3.
pub static ASYNC_API: Route = Route {
    function: "describe-api",
    method: Method::Get,
    path: "/asyncapi.json",
    access: Access::Open,
    operation: "asyncApi",
    summary: "The live protocol as AsyncAPI 3.",
    parameters: &[],
    request: None,
    answer: Answer::UNTYPED,
};

/// `GET /v1/health`.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `failing` when a check fails.
    pub status: String,
    /// What was looked at.
    pub checks: BTreeMap<String, HealthCheck>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub struct HealthCheck {
    /// Whether it works.
    pub ok: bool,
    /// What was seen; never an address or a secret.
    pub detail: String,
}
