//! Serves an axum router as a Lambda function behind the HTTP API.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse as _, Response};
use lambda_http::{Error, RequestExt as _};

use crate::{Problem, clock};

mod routes;

pub use routes::Routes;

/// Largest body that a function reads: Lambda's own limit for a synchronous event (6 MB) less the envelope around it.
pub const MAX_BODY_BYTES: usize = 5 * 1024 * 1024;

/// Largest body of an answer, counted by [`payload_bytes`]: Lambda's own limit for a synchronous answer (6 MB) less 64 KB for the
/// status and headers around it.
pub const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024 - 64 * 1024;

/// Runs the router until Lambda ends the process. What no route takes answers 404 as a problem.
///
/// # Errors
/// When the Lambda Runtime API can't be reached.
pub async fn serve(router: Router) -> Result<(), Error> {
    lambda_http::run(with_fallback(router)).await
}

/// The router with the answers that every function gives alike; tests call it directly.
pub fn with_fallback(router: Router) -> Router {
    router
        .fallback(|uri: http::Uri| async move { Problem::not_found("route", uri.path()) })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(in_time))
        .layer(map_response(fitting))
}

/// What Lambda needs to take an answer before the function's time is over.
const TO_ANSWER: Duration = Duration::from_millis(500);

/// The answer, or a problem that says so shortly before the function's time is over: after that the caller would see a bare 502. Several calls that each
/// take all the time they may can come to that.
async fn in_time(request: Request, next: Next) -> Response {
    // Only tests call without.
    let Some(deadline) = request.lambda_context_ref().map(|context| context.deadline) else {
        return next.run(request).await;
    };
    let now = u64::try_from(clock::now().as_millisecond()).unwrap_or_default();
    let left = Duration::from_millis(deadline.saturating_sub(now)).saturating_sub(TO_ANSWER);
    let answer = tokio::time::timeout(left, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::is_out_of_time().into_response())
}

/// Bytes of a body in Lambda's answer, where it is a JSON text: what JSON escapes counts as escaped.
#[must_use]
pub fn payload_bytes(body: &[u8]) -> usize {
    let escaped = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    body.iter().map(escaped).sum()
}

/// The answer, or in place of one that Lambda would not take, which the caller would see as a bare 502, a problem that says so.
async fn fitting(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // All bodies are in memory already: nothing here streams.
    let bytes = match axum::body::to_bytes(body, usize::MAX).await.context("read the answer") {
        Ok(bytes) => bytes,
        Err(cause) => return Problem::internal(&cause).into_response(),
    };
    let size = payload_bytes(&bytes);
    if size > MAX_ANSWER_BYTES {
        return Problem::invalid(format!("the answer has {size} bytes, more than {MAX_ANSWER_BYTES}"))
            .hint("ask for less at once")
            .into_response();
    }
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use axum::http::Request;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;
    use crate::extract::Path;

    async fn asked(path: &str) -> (u16, String) {
        let router = Router::new()
            .route(
                "/letters/{count}",
                get(async |Path(count): Path<usize>| "x".repeat(count)),
            )
            .route(
                "/quotes/{count}",
                get(async |Path(count): Path<usize>| "\"".repeat(count)),
            )
            .route("/echo/{text}", get(async |Path(text): Path<String>| text));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = with_fallback(router).oneshot(request).await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind)
    }

    #[tokio::test]
    async fn an_answer_that_lambda_would_not_take_is_a_problem() {
        for (path, status) in [
            (format!("/letters/{MAX_ANSWER_BYTES}"), 200),
            (format!("/letters/{}", MAX_ANSWER_BYTES + 1), 422),
            (format!("/quotes/{}", MAX_ANSWER_BYTES / 2), 200),
            (format!("/quotes/{}", MAX_ANSWER_BYTES / 2 + 1), 422),
        ] {
            assert_eq!(asked(&path).await.0, status, "{path}");
        }
    }

    #[tokio::test]
    async fn every_refusal_is_a_problem() {
        for (path, status) in [("/nowhere", 404), ("/echo/%FF", 400), ("/letters/many", 400)] {
            assert_eq!(
                asked(path).await,
                (status, "application/problem+json".to_owned()),
                "{path}"
            );
        }
        assert_eq!(asked("/echo/%C3%A4").await.0, 200);
    }

    #[test]
    fn a_body_counts_as_json_writes_it() {
        for text in [
            "",
            "plain",
            "{\"a\":\"\\\"b\\\"\"}",
            "\u{0}\u{1f}\n\t\r\u{8}\u{c}\u{7f}",
            "äß🦀",
        ] {
            let written = serde_json::to_string(text).unwrap().len() - 2;
            assert_eq!(payload_bytes(text.as_bytes()), written, "{text:?}");
        }
    }
}
