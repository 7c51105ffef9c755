//! `manage-catalog`: creates, replaces, reads and lists entities and KPIs, and makes the tables that entities need.

mod entities;
mod kpis;
mod refusals;

use std::sync::Arc;

use answer::Definitions;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use database::Database;
use platform::Problem;
use records::definitions::ClientCatalog;
use uuid::Uuid;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    definitions: Definitions,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            database: platform::database::from_environment()?,
            definitions: Definitions::default(),
        })
    }

    async fn definitions(&self, client: Uuid) -> Result<Arc<ClientCatalog>, Problem> {
        let current = self.definitions.current(&self.database, client).await;
        current.context("read definitions")?.ok_or_else(Problem::client_is_gone)
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    Router::new()
        .route("/v1/entities", get(entities::list).post(entities::create))
        .route("/v1/entities/{code}", get(entities::read).put(entities::replace))
        .route("/v1/kpis", get(kpis::list).post(kpis::create))
        .route("/v1/kpis/{code}", get(kpis::read).put(kpis::replace))
        .with_state(context)
}

/// The code in the path and the one in the body must be the same.
fn same_code(path: &str, body: &str) -> Result<(), Problem> {
    if path == body {
        return Ok(());
    }
    Err(
        Problem::invalid(format!("the path names {path:?} and the body {body:?}"))
            .hint("a code can't be changed: create a new definition"),
    )
}
