//! The Lambda Runtime API, version 2018-06-01. Each runtime has a path of its own (`/w/ID`), which it takes from
//! `AWS_LAMBDA_RUNTIME_API` as if it were part of the host. Nobody else can guess it: it is the only thing by which a runtime says who it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::worker::{Answer, Worker, lock};
use super::{InvocationError, PAYLOAD_BYTES};

/// Error documents are small; a longer one is cut off as unreadable.
const ERROR_BYTES: usize = 256 * 1024;

/// The runtimes that may ask for events, by id.
#[derive(Clone, Default)]
pub(super) struct Runtimes(Arc<Mutex<BTreeMap<String, Arc<Worker>>>>);

impl Runtimes {
    pub(super) fn add(&self, worker: Arc<Worker>) {
        lock(&self.0).insert(worker.id.clone(), worker);
    }

    pub(super) fn remove(&self, id: &str) {
        lock(&self.0).remove(id);
    }

    pub(super) fn all(&self) -> Vec<Arc<Worker>> {
        lock(&self.0).values().cloned().collect()
    }

    fn get(&self, id: &str) -> Option<Arc<Worker>> {
        lock(&self.0).get(id).cloned()
    }
}

pub(super) fn router(runtimes: Runtimes) -> Router {
    let prefix = "/w/{worker}/2018-06-01/runtime";
    Router::new()
        .route(&format!("{prefix}/invocation/next"), get(next))
        .route(&format!("{prefix}/invocation/{{request}}/response"), post(response))
        .route(&format!("{prefix}/invocation/{{request}}/error"), post(error))
        .route(&format!("{prefix}/init/error"), post(init_error))
        .with_state(runtimes)
}

async fn next(State(runtimes): State<Runtimes>, Path(id): Path<String>) -> Response {
    let Some(worker) = runtimes.get(&id) else {
        return unknown_runtime(&id);
    };
    let Some(event) = worker.next().await else {
        return unknown_runtime(&id);
    };
    let headers = [
        ("lambda-runtime-aws-request-id", event.request_id),
        ("lambda-runtime-deadline-ms", event.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", worker.function_arn.clone()),
        ("lambda-runtime-trace-id", trace_id()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event.payload).into_response()
}

async fn response(
    State(runtimes): State<Runtimes>,
    Path((id, request)): Path<(String, String)>,
    body: Body,
) -> Response {
    let Some(worker) = runtimes.get(&id) else {
        return unknown_runtime(&id);
    };
    match axum::body::to_bytes(body, PAYLOAD_BYTES).await {
        Ok(payload) => acknowledge(worker.answer(&request, Ok(payload)), &request),
        Err(_) => {
            let answer = failed(
                "Function.ResponseSizeTooLarge",
                &format!("more than {PAYLOAD_BYTES} bytes"),
            );
            worker.answer(&request, answer);
            problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "the response is too large",
            )
        }
    }
}

async fn error(State(runtimes): State<Runtimes>, Path((id, request)): Path<(String, String)>, body: Body) -> Response {
    let Some(worker) = runtimes.get(&id) else {
        return unknown_runtime(&id);
    };
    let body = axum::body::to_bytes(body, ERROR_BYTES).await.unwrap_or_default();
    acknowledge(worker.answer(&request, Err(function_error(&body))), &request)
}

async fn init_error(State(runtimes): State<Runtimes>, Path(id): Path<String>, body: Body) -> Response {
    let Some(worker) = runtimes.get(&id) else {
        return unknown_runtime(&id);
    };
    let body = axum::body::to_bytes(body, ERROR_BYTES).await.unwrap_or_default();
    worker.fail_init(function_error(&body));
    acknowledge(true, "init")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Diagnostic {
    error_type: String,
    error_message: String,
}

impl Default for Diagnostic {
    fn default() -> Self {
        Self {
            error_type: "Unhandled".to_owned(),
            error_message: "the function sent no error document".to_owned(),
        }
    }
}

fn function_error(body: &Bytes) -> InvocationError {
    let Diagnostic {
        error_type,
        error_message,
    } = serde_json::from_slice(body).unwrap_or_default();
    InvocationError::Function {
        error_type,
        message: error_message,
    }
}

fn failed(error_type: &str, message: &str) -> Answer {
    Err(InvocationError::Function {
        error_type: error_type.to_owned(),
        message: message.to_owned(),
    })
}

fn acknowledge(was_expected: bool, request: &str) -> Response {
    if was_expected {
        (StatusCode::ACCEPTED, axum::Json(json!({ "status": "OK" }))).into_response()
    } else {
        problem(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            &format!("nobody waits for the answer to {request}"),
        )
    }
}

fn unknown_runtime(id: &str) -> Response {
    problem(
        StatusCode::FORBIDDEN,
        "InvalidRuntime",
        &format!("there is no runtime {id}"),
    )
}

fn problem(status: StatusCode, error_type: &str, message: &str) -> Response {
    (
        status,
        axum::Json(json!({ "errorType": error_type, "errorMessage": message })),
    )
        .into_response()
}

/// An X-Ray header that says "not sampled".
fn trace_id() -> String {
    let seconds = crate::clock::now().as_second();
    let random = Uuid::new_v4().simple().to_string();
    format!(
        "Root=1-{seconds:08x}-{};Parent={};Sampled=0",
        &random[..24],
        &random[..16]
    )
}
