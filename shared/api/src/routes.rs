//! The routes of the HTTP API, as OpenAPI describes them. A test holds them against `template.yaml`.

use catalog::{EntityDefinition, KpiDefinition};
use utoipa::PartialSchema;
use utoipa::openapi::path::{HttpMethod, ParameterIn};
use utoipa::openapi::{RefOr, Schema};

use crate::rest;

/// A body by its name among the components.
#[derive(Clone, Copy)]
pub struct Body {
    /// Name.
    pub name: &'static str,
    /// Its schema.
    pub schema: fn() -> RefOr<Schema>,
}

macro_rules! body {
    ($kind:ty, $name:literal) => {
        Some(Body {
            name: $name,
            schema: <$kind as PartialSchema>::schema,
        })
    };
}

mod licences;
mod service_proposals;

/// A parameter.
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// Path, query or header.
    pub place: ParameterIn,
    /// Whether the route can't do without it.
    pub required: bool,
    /// Meaning and form.
    pub description: &'static str,
}

/// A route.
pub struct Route {
    /// Method.
    pub method: HttpMethod,
    /// Path with `{parameters}`.
    pub path: &'static str,
    /// Name of the operation.
    pub operation: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Whether it works without a token.
    pub open: bool,
    /// Parameters.
    pub parameters: Vec<Parameter>,
    /// Request body.
    pub request: Option<Body>,
    /// Status of success.
    pub status: &'static str,
    /// Body of success.
    pub response: Option<Body>,
}

const fn path(name: &'static str, description: &'static str) -> Parameter {
    Parameter {
        name,
        place: ParameterIn::Path,
        required: true,
        description,
    }
}

const fn query(name: &'static str, required: bool, description: &'static str) -> Parameter {
    Parameter {
        name,
        place: ParameterIn::Query,
        required,
        description,
    }
}

const fn header(name: &'static str, required: bool, description: &'static str) -> Parameter {
    Parameter {
        name,
        place: ParameterIn::Header,
        required,
        description,
    }
}

fn route(method: HttpMethod, path: &'static str, operation: &'static str, summary: &'static str) -> Route {
    Route {
        method,
        path,
        operation,
        summary,
        open: false,
        parameters: Vec::new(),
        request: None,
        status: "200",
        response: None,
    }
}

fn filter() -> Parameter {
    query(
        "filter[DIMENSION]",
        false,
        r"Values of a dimension that count, separated by commas: `filter[origin]=ORD,LAX`. A value's own comma is written `\,`.",
    )
}

fn if_match() -> Parameter {
    header("If-Match", true, "The `ETag` of the version that is replaced.")
}

fn idempotency_key() -> Parameter {
    header(
        "Idempotency-Key",
        false,
        "A repeated request with the same key has its effect once.",
    )
}

/// All routes.
#[must_use]
pub fn routes() -> Vec<Route> {
    let mut routes = tokens();
    routes.extend(catalog());
    routes.extend(facts());
    routes.extend(values());
    routes.extend(streams());
    routes.extend(service_proposals::routes());
    routes.extend(licences::routes());
    routes.extend(about());
    routes
}

fn tokens() -> Vec<Route> {
    vec![
        Route {
            open: true,
            request: body!(rest::SignIn, "SignIn"),
            response: body!(rest::Tokens, "Tokens"),
            ..route(HttpMethod::Post, "/v1/sign-in", "signIn", "Password in, tokens out.")
        },
        Route {
            open: true,
            request: body!(rest::Refresh, "Refresh"),
            response: body!(rest::Tokens, "Tokens"),
            ..route(
                HttpMethod::Post,
                "/v1/refresh-token",
                "refreshToken",
                "Refresh token in, new tokens out. It can be used once.",
            )
        },
    ]
}

fn catalog() -> Vec<Route> {
    let code = || path("code", "Code of the definition.");
    vec![
        Route {
            request: body!(EntityDefinition, "EntityDefinition"),
            response: body!(rest::Entity, "Entity"),
            status: "201",
            ..route(
                HttpMethod::Post,
                "/v1/entities",
                "createEntity",
                "Defines an entity and creates its tables.",
            )
        },
        Route {
            response: body!(rest::Entities, "Entities"),
            ..route(HttpMethod::Get, "/v1/entities", "listEntities", "All entities.")
        },
        Route {
            parameters: vec![code()],
            response: body!(rest::Entity, "Entity"),
            ..route(
                HttpMethod::Get,
                "/v1/entities/{code}",
                "readEntity",
                "One entity with its ETag.",
            )
        },
        Route {
            parameters: vec![code(), if_match()],
            request: body!(EntityDefinition, "EntityDefinition"),
            response: body!(rest::Entity, "Entity"),
            ..route(
                HttpMethod::Put,
                "/v1/entities/{code}",
                "replaceEntity",
                "Replaces an entity's definition, by additions only: attributes and groupings.",
            )
        },
        Route {
            request: body!(KpiDefinition, "KpiDefinition"),
            response: body!(rest::Kpi, "Kpi"),
            status: "201",
            ..route(HttpMethod::Post, "/v1/kpis", "createKpi", "Defines a KPI.")
        },
        Route {
            response: body!(rest::Kpis, "Kpis"),
            ..route(HttpMethod::Get, "/v1/kpis", "listKpis", "All KPIs.")
        },
        Route {
            parameters: vec![code()],
            response: body!(rest::Kpi, "Kpi"),
            ..route(HttpMethod::Get, "/v1/kpis/{code}", "readKpi", "One KPI with its ETag.")
        },
        Route {
            parameters: vec![code(), if_match()],
            request: body!(KpiDefinition, "KpiDefinition"),
            response: body!(rest::Kpi, "Kpi"),
            ..route(
                HttpMethod::Put,
                "/v1/kpis/{code}",
                "replaceKpi",
                "Replaces a KPI's definition.",
            )
        },
    ]
}

fn facts() -> Vec<Route> {
    vec![
        Route {
            parameters: vec![
                path("entity", "Code of the entity."),
                header(
                    "Idempotency-Key",
                    false,
                    "The same key and body have their effect once, however often they are sent. With another body the events become dead letters that say so.",
                ),
            ],
            response: body!(rest::Accepted, "Accepted"),
            status: "202",
            ..route(
                HttpMethod::Post,
                "/v1/events/{entity}",
                "acceptEvents",
                "Queues events: a JSON list of objects, or one object a line as application/x-ndjson.",
            )
        },
        Route {
            parameters: vec![path("id", "The batch.")],
            response: body!(rest::Batch, "Batch"),
            ..route(
                HttpMethod::Get,
                "/v1/batches/{id}",
                "readBatch",
                "What became of accepted events; 404 while they are queued.",
            )
        },
        Route {
            parameters: vec![
                query("entity", false, "Only of this entity."),
                query("before", false, "`next_before` of the page before."),
                query(
                    "limit",
                    false,
                    "Most letters, up to 200; a page of long ones ends earlier.",
                ),
            ],
            response: body!(rest::DeadLetters, "DeadLetters"),
            ..route(
                HttpMethod::Get,
                "/v1/dead-letters",
                "listDeadLetters",
                "Events that were refused, newest first.",
            )
        },
        Route {
            parameters: vec![path("id", "The dead letter.")],
            response: body!(rest::Accepted, "Accepted"),
            status: "202",
            ..route(
                HttpMethod::Post,
                "/v1/dead-letters/{id}/replay",
                "replayDeadLetter",
                "Sends a refused event through ingestion again; it takes effect once. 409 when the replay was refused again: its own dead letter is replayed then.",
            )
        },
    ]
}

fn values() -> Vec<Route> {
    let period = || query("period", true, "`minute`, `hour` or `day`; a day is the client's own.");
    vec![
        Route {
            parameters: vec![
                path("code", "Code of the KPI."),
                period(),
                query("at", false, "An instant inside the bucket; now when absent."),
                filter(),
            ],
            response: body!(rest::KpiValue, "KpiValue"),
            ..route(
                HttpMethod::Get,
                "/v1/kpis/{code}/value",
                "readValue",
                "A KPI's value over the current bucket.",
            )
        },
        Route {
            parameters: vec![
                path("code", "Code of the KPI."),
                period(),
                query("from", true, "RFC 3339; widened to whole buckets."),
                query("to", true, "RFC 3339, outside the range; widened to whole buckets."),
                query("by", false, "Dimensions to split by, separated by commas."),
                filter(),
            ],
            response: body!(rest::Series, "Series"),
            ..route(
                HttpMethod::Get,
                "/v1/kpis/{code}/series",
                "readSeries",
                "A KPI's values over a range.",
            )
        },
    ]
}

fn streams() -> Vec<Route> {
    vec![
        Route {
            response: body!(rest::Streams, "Streams"),
            ..route(
                HttpMethod::Get,
                "/v1/streams",
                "listStreams",
                "Topics with the number of their subscribers.",
            )
        },
        Route {
            request: body!(rest::StreamRequest, "StreamRequest"),
            response: body!(rest::Stream, "Stream"),
            ..route(
                HttpMethod::Post,
                "/v1/streams/start",
                "startStream",
                "Computes a topic even without subscribers; lets a stopped one go on.",
            )
        },
        Route {
            request: body!(rest::StreamRequest, "StreamRequest"),
            response: body!(rest::Stream, "Stream"),
            ..route(
                HttpMethod::Post,
                "/v1/streams/stop",
                "stopStream",
                "Pauses a topic, of which its subscribers are told; lets go of a started one.",
            )
        },
        Route {
            request: body!(rest::StreamRequest, "StreamRequest"),
            response: body!(rest::Stream, "Stream"),
            ..route(
                HttpMethod::Post,
                "/v1/streams/clear",
                "clearStream",
                "Computes a topic while it has subscribers: neither started nor stopped.",
            )
        },
    ]
}

fn about() -> Vec<Route> {
    vec![
        Route {
            open: true,
            response: body!(rest::Health, "Health"),
            ..route(
                HttpMethod::Get,
                "/v1/health",
                "readHealth",
                "What works and what does not; 503 when something does not.",
            )
        },
        Route {
            open: true,
            ..route(HttpMethod::Get, "/openapi.json", "openApi", "This document.")
        },
        Route {
            open: true,
            ..route(
                HttpMethod::Get,
                "/asyncapi.json",
                "asyncApi",
                "The live protocol as AsyncAPI 3.",
            )
        },
    ]
}
