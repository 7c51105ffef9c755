//! Serves an axum router as a Lambda function behind the HTTP API.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use lambda_http::Error;

use crate::Problem;

/// Largest body that a function reads: Lambda's own limit for a synchronous event (6 MB) less the envelope around it.
pub const MAX_BODY_BYTES: usize = 5 * 1024 * 1024;

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
}
