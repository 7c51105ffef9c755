//! `manage-proposals`: the questionnaire, proposals with their answers and terms, what these cost, and what becomes of them.

mod analysis;
mod answers;
mod decisions;
mod proposals;
mod revisions;
mod schedule;
mod shown;
mod terms;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::{get, post, put};
use database::definitions::ClientCatalog;
use database::proposals::{Change, Changed, Stored};
use database::{Database, Timeouts};
use identity::Caller;
use platform::problem::Issue;
use platform::versions::changed_meanwhile;
use platform::{Problem, clock};
use proposal::lifecycle::{Action, Allowed, State};
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
            database: platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST),
        })
    }

    async fn definitions(&self, client: Uuid) -> Result<ClientCatalog, Problem> {
        platform::database::client_catalog(&self.database, client).await
    }

    async fn proposal(&self, client: Uuid, id: &str) -> Result<Stored, Problem> {
        let missing = || Problem::not_found(WHAT, id);
        let id: Uuid = id.parse().map_err(|_| missing())?;
        let found = database::proposals::find(&self.database, client, id)
            .await
            .context("read proposal")?;
        found.ok_or_else(missing)
    }

    /// Carries a change out on what was read, and reads it again.
    async fn change(&self, caller: &Caller, found: &Stored, change: Change<'_>) -> Result<Stored, Problem> {
        let id = found.id;
        let changed =
            database::proposals::change(&self.database, caller.client, caller.user, (id, found.version), change)
                .await
                .context("change proposal")?;
        match changed {
            Changed::Done => self.proposal(caller.client, &id.to_string()).await,
            Changed::Stale(version) => Err(changed_meanwhile(WHAT, &id.to_string(), version)),
            Changed::Missing => Err(Problem::not_found(WHAT, &id.to_string())),
        }
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
        .route("/v1/proposals/{id}/terms", put(terms::replace))
        .route("/v1/proposals/{id}/quote", get(answers::quote))
        .route("/v1/proposals/{id}/issue", post(decisions::issue))
        .route("/v1/proposals/{id}/accept", post(decisions::accept))
        .route("/v1/proposals/{id}/decline", post(decisions::decline))
        .route(
            "/v1/proposals/{id}/revisions",
            get(revisions::list).post(revisions::begin),
        )
        .route("/v1/proposals/{id}/schedule", post(schedule::plan))
        .with_state(context)
}

/// Where the latest revision stands today, by the client's calendar.
fn state(found: &Stored, definitions: &ClientCatalog) -> State {
    let today = definitions.calendar.date(clock::now());
    let issued = found.issued.as_ref();
    issued.map_or(State::Draft, |issued| issued.outcome.state(issued.valid_until, today))
}

/// Whether an action is possible now; `false` when it was done before.
fn allowed(found: &Stored, state: State, action: Action) -> Result<bool, Problem> {
    match state.allows(action) {
        Allowed::Yes => Ok(true),
        Allowed::Already => Ok(false),
        Allowed::No { reason, hint } => Err(Problem::conflict(format!(
            "revision {} of {WHAT} {:?} can't be changed like this: {reason}",
            found.revision,
            found.id.to_string()
        ))
        .hint(hint)),
    }
}

/// Everything that is wrong with an input, each with its place and hint.
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
