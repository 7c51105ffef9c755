//! `describe-api`: the OpenAPI and AsyncAPI documents.

use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use platform::Problem;
use platform::http::Routes;
use route::Route;

/// The routes of this function.
pub fn router() -> Router {
    routes().router(())
}

fn routes() -> Routes<()> {
    Routes::new()
        .serve(&api::operate::OPEN_API, openapi)
        .serve(&api::operate::ASYNC_API, async || Json(api::asyncapi::document()))
}

async fn openapi() -> Result<Response, Problem> {
    let document = serde_json::to_value(api::openapi::document(&described())).map_err(anyhow::Error::from)?;
    Ok(Json(document).into_response())
}

/// Every route of the HTTP API, whichever function serves it.
#[must_use]
pub fn described() -> Vec<&'static Route> {
    let mut routes = api::routes();
    routes.extend(api_proposals::routes::ROUTES);
    routes
}

#[cfg(test)]
mod tests;
