//! `manage-proposals`: the questionnaire, proposals with their answers, and what these cost.

mod analysis;
mod answers;
mod proposals;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::{get, post, put};
use catalog::Catalog;
use database::Database;
use database::proposals::Stored;
use platform::Problem;
use platform::problem::Issue;
use uuid::Uuid;

const WHAT: &str = "proposal";

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            database: platform::database::from_environment()?,
        })
    }

    async fn catalog(&self, client: Uuid) -> Result<Catalog, Problem> {
        let loaded = platform::database::client_catalog(&self.database, client).await?;
        Ok(loaded.catalog)
    }

    async fn proposal(&self, client: Uuid, id: &str) -> Result<Stored, Problem> {
        let missing = || Problem::not_found(WHAT, id);
        let id: Uuid = id.parse().map_err(|_| missing())?;
        let found = database::proposals::find(&self.database, client, id)
            .await
            .context("read proposal")?;
        found.ok_or_else(missing)
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    Router::new()
        .route("/v1/questionnaire", get(analysis::questionnaire))
        .route("/v1/analysis/required-objects", post(analysis::required_objects))
        .route("/v1/proposals", get(proposals::list).post(proposals::create))
        .route("/v1/proposals/{id}", get(proposals::read))
        .route("/v1/proposals/{id}/answers/{step}", put(answers::replace))
        .route("/v1/proposals/{id}/quote", get(answers::quote))
        .with_state(context)
}

/// Everything that is wrong with answers, each with its place and hint.
fn invalid(what: &str, problems: Vec<catalog::Problem>) -> Problem {
    let first = problems
        .first()
        .map(|problem| format!(": {} {}", problem.pointer, problem.message))
        .unwrap_or_default();
    let issue = |problem: catalog::Problem| Issue {
        pointer: problem.pointer,
        detail: problem.message,
        hint: problem.hint,
        span: None,
    };
    Problem::invalid(format!("{what} is not valid{first}")).issues(problems.into_iter().map(issue).collect())
}
