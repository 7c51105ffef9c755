//! `manage-proposals`: the questionnaire; proposals with their answers, terms and price; their issue, acceptance and revisions; and
//! their documents.

mod analysis;
mod answers;
mod branding;
mod decisions;
mod documents;
mod letters;
mod optimistic;
mod proposals;
mod response;
mod revisions;
mod schedule;
mod terms;

use std::sync::Arc;

use ::answer::Definitions;
use anyhow::{Context as _, Result};
use api::domain_events::{DomainEvent, EventPayload};
use api_proposals::routes;
use axum::Router;
use database::{Database, Timeouts};
use identity::Caller;
use platform::bucket::Bucket;
use platform::bus::Bus;
use platform::http::Routes;
use platform::problem::Issue;
use platform::{Problem, clock};
use proposal::lifecycle::{Action, Allowed, State};
use proposal::{PriceBook, Quote, RequiredObjects};
use records::definitions::ClientCatalog;
use records::proposals::{IssuedRevision, StoredProposal};
use uuid::Uuid;

const WHAT: &str = "proposal";

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    definitions: Definitions,
    bus: Bus,
    /// Where `render-proposals` puts documents.
    documents: Bucket,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        Ok(Self {
            database: platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST),
            definitions: Definitions::default(),
            bus: Bus::from_environment().await?,
            documents: Bucket::from_environment("DOCUMENTS_BUCKET").await?,
        })
    }

    async fn definitions(&self, client: Uuid) -> Result<Arc<ClientCatalog>, Problem> {
        let current = self.definitions.current(&self.database, client).await;
        current.context("read definitions")?.ok_or_else(Problem::client_is_gone)
    }

    async fn proposal(&self, client: Uuid, id: &str) -> Result<StoredProposal, Problem> {
        let missing = || Problem::not_found(WHAT, id);
        let id: Uuid = id.parse().map_err(|_| missing())?;
        let found = records::proposals::find(&self.database, client, id)
            .await
            .context("read proposal")?;
        found.ok_or_else(missing)
    }

    /// The proposal and the client's definitions.
    async fn read(&self, caller: &Caller, id: &str) -> Result<(StoredProposal, Arc<ClientCatalog>), Problem> {
        let found = self.proposal(caller.client, id).await?;
        Ok((found, self.definitions(caller.client).await?))
    }
}

/// An event about a proposal of the caller's client, caused by the request with this id.
fn event(caller: &Caller, correlation_id: &str, what: EventPayload) -> DomainEvent {
    DomainEvent {
        id: Uuid::now_v7(),
        client: caller.client,
        correlation_id: correlation_id.to_owned(),
        occurred_at: clock::now(),
        what,
    }
}

/// What a draft costs by today's catalogue, and what its KPIs need.
fn price(draft: &StoredProposal, definitions: &ClientCatalog) -> Result<(Quote, RequiredObjects), Problem> {
    let book = PriceBook::of(&draft.price_book).context("read price book")?;
    let required = proposal::required_objects(&definitions.catalog, &draft.answers.kpi_selection.kpis);
    let quote = proposal::quote(book, &draft.answers, &draft.terms, &required);
    Ok((quote, required))
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new()
        .serve(&routes::READ_QUESTIONNAIRE, analysis::questionnaire)
        .serve(&routes::REQUIRED_OBJECTS, analysis::required_objects)
        .serve(&routes::CREATE_PROPOSAL, proposals::create)
        .serve(&routes::LIST_PROPOSALS, proposals::list)
        .serve(&routes::READ_PROPOSAL, proposals::read)
        .serve(&routes::REPLACE_ANSWERS, answers::replace)
        .serve(&routes::READ_QUOTE, answers::quote)
        .serve(&routes::REPLACE_TERMS, terms::replace)
        .serve(&routes::ISSUE_PROPOSAL, decisions::issue)
        .serve(&routes::ACCEPT_PROPOSAL, decisions::accept)
        .serve(&routes::DECLINE_PROPOSAL, decisions::decline)
        .serve(&routes::REVISE_PROPOSAL, revisions::begin)
        .serve(&routes::LIST_REVISIONS, revisions::list)
        .serve(&routes::READ_REVISION, revisions::read)
        .serve(&routes::PLAN_PROPOSAL, schedule::plan)
        .serve(&routes::REPLACE_TEAM, schedule::replace)
        .serve(&routes::READ_DOCUMENTS, documents::read)
        .serve(&routes::REQUEST_DOCUMENTS, documents::request)
        .serve(&routes::READ_BRANDING, branding::read)
        .serve(&routes::REPLACE_BRANDING, branding::replace)
}

/// Where the latest revision stands today, by the client's calendar.
fn current_state(proposal: &StoredProposal, definitions: &ClientCatalog) -> State {
    proposal
        .issued
        .as_ref()
        .map_or(State::Draft, |issued| issued_state(issued, definitions))
}

/// Where an issued revision stands today.
fn issued_state(issued: &IssuedRevision, definitions: &ClientCatalog) -> State {
    let today = definitions.calendar.date(clock::now());
    issued.outcome.state(issued.valid_until, today)
}

/// Whether an action on a revision has still to be done; `false` when it was done before.
///
/// # Errors
/// 409 when the revision's state does not allow it.
fn is_to_be_done(revision: i32, state: State, action: Action) -> Result<bool, Problem> {
    match state.allows(action) {
        Allowed::Yes => Ok(true),
        Allowed::Already => Ok(false),
        Allowed::No { reason, hint } => {
            Err(Problem::conflict(format!("revision {revision} does not allow this: {reason}")).hint(hint))
        }
    }
}

/// The request names a revision that this can't be done to.
fn another_revision(named: i32, latest: i32) -> Problem {
    Problem::conflict(format!(
        "the request names revision {named}, but the latest is {latest}"
    ))
    .hint("read the proposal again and name the revision that you have read")
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
    Problem::invalid(format!("{what} can't be accepted{first}")).issues(problems.into_iter().map(issue).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(
            routes().differences(env!("CARGO_PKG_NAME"), &api_proposals::routes::ROUTES),
            [""; 0]
        );
    }
}
