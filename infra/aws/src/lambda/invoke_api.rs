//! Lambda's own `Invoke` operation, as the AWS CLI and scripts call it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::{InvocationError, Invoker, PAYLOAD_BYTES, Pool};

#[derive(Clone)]
struct Lambda {
    pool: Pool,
    invoker: Invoker,
}

/// `POST /2015-03-31/functions/{name}/invocations`, synchronous or, by `X-Amz-Invocation-Type: Event`, not.
pub(crate) fn router(pool: Pool, invoker: Invoker) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        // Lambda itself refuses what is too large; this only has to let that happen.
        .layer(DefaultBodyLimit::max(2 * PAYLOAD_BYTES))
        .with_state(Lambda { pool, invoker })
}

async fn invoke(State(lambda): State<Lambda>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let payload = if body.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        body
    };
    let kind = headers
        .get("x-amz-invocation-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("RequestResponse");
    if !lambda.pool.names().any(|known| known == name) {
        return refuse(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            &format!("there is no function {name}"),
        );
    }
    match kind {
        "DryRun" => StatusCode::NO_CONTENT.into_response(),
        "Event" => {
            tokio::spawn(async move { lambda.invoker.deliver(&name, payload, "an invocation").await });
            StatusCode::ACCEPTED.into_response()
        }
        _ => match lambda.pool.invoke(&name, payload).await {
            Ok(answer) => ([(header::CONTENT_TYPE, "application/json")], answer).into_response(),
            Err(InvocationError::Throttled) => refuse(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                &InvocationError::Throttled.to_string(),
            ),
            Err(error @ InvocationError::TooLarge { .. }) => refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestTooLargeException",
                &error.to_string(),
            ),
            Err(error) => failed(&error),
        },
    }
}

/// A function's error is a successful call of Lambda whose header says so.
fn failed(error: &InvocationError) -> Response {
    let body = match error {
        InvocationError::Function { error_type, message } => json!({"errorType": error_type, "errorMessage": message}),
        error @ InvocationError::OutOfMemory { .. } => {
            let killed = format!("Error: Runtime exited with error: signal: killed ({error})");
            json!({"errorType": "Runtime.OutOfMemory", "errorMessage": killed})
        }
        InvocationError::Crashed { status } => {
            let exited = format!("Error: Runtime exited with error: {status}");
            json!({"errorType": "Runtime.ExitError", "errorMessage": exited})
        }
        other => json!({"errorType": "Runtime.Error", "errorMessage": other.to_string()}),
    };
    answer(StatusCode::OK, "x-amz-function-error", "Unhandled", &body)
}

fn refuse(status: StatusCode, kind: &'static str, message: &str) -> Response {
    answer(
        status,
        "x-amzn-errortype",
        kind,
        &json!({"Type": "User", "Message": message}),
    )
}

fn answer(status: StatusCode, name: &'static str, value: &'static str, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE.as_str(), "application/json"), (name, value)],
        body.to_string(),
    )
        .into_response()
}
