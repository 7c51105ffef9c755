//! `describe-api`: the OpenAPI and AsyncAPI documents.

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use platform::Problem;

/// The routes of this function.
pub fn router() -> Router {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/asyncapi.json", get(async || Json(api::asyncapi::document())))
}

async fn openapi() -> Result<Response, Problem> {
    let document = serde_json::to_value(api::openapi::document()).map_err(anyhow::Error::from)?;
    Ok(Json(document).into_response())
}
