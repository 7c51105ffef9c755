//! `manage-proposals`: the questionnaire, proposals with their answers and terms, what these cost, what becomes of them, and
//! their documents.

mod analysis;
mod answers;
mod branding;
mod decisions;
mod documents;
mod proposals;
mod revisions;
mod schedule;
mod shown;
mod terms;

use std::sync::Arc;

use ::answer::Definitions;
use anyhow::{Context as _, Result};
use api::domain_events::{DomainEvent, Happening};
use axum::Router;
use axum::routing::{get, post, put};
use database::{Database, Timeouts};
use identity::Caller;
use platform::bucket::Bucket;
use platform::bus::Bus;
use platform::problem::Issue;
use platform::{Problem, clock};
use proposal::lifecycle::{Action, Allowed, State};
use proposal::{PriceBook, Quote, RequiredObjects};
use records::definitions::ClientCatalog;
use records::proposals::{By, Change, Changed, Issued, Stored};
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

    async fn proposal(&self, client: Uuid, id: &str) -> Result<Stored, Problem> {
        let missing = || Problem::not_found(WHAT, id);
        let id: Uuid = id.parse().map_err(|_| missing())?;
        let found = records::proposals::find(&self.database, client, id)
            .await
            .context("read proposal")?;
        found.ok_or_else(missing)
    }

    /// The proposal and the client's definitions.
    async fn read(&self, caller: &Caller, id: &str) -> Result<(Stored, Arc<ClientCatalog>), Problem> {
        let found = self.proposal(caller.client, id).await?;
        Ok((found, self.definitions(caller.client).await?))
    }

    /// Carries a change out on what was read, and reads it again; `None` when somebody else was faster: look again, at most
    /// [`MAX_TRIES`] times.
    async fn change(&self, caller: &Caller, found: &Stored, change: Change<'_>) -> Result<Option<Stored>, Problem> {
        let Caller { client, user, .. } = *caller;
        let event = None;
        self.changed(By { client, user, event }, found, change).await
    }

    /// As [`Self::change`], and tells of it.
    async fn change_and_tell(
        &self,
        caller: &Caller,
        found: &Stored,
        change: Change<'_>,
        event: &DomainEvent,
    ) -> Result<Option<Stored>, Problem> {
        let Caller { client, user, .. } = *caller;
        let event = outbox::pending(event)?;
        let event = Some(&event);
        let changed = self.changed(By { client, user, event }, found, change).await?;
        if changed.is_some() {
            outbox::send_now(&self.database, &self.bus, client).await;
        }
        Ok(changed)
    }

    async fn changed(&self, by: By<'_>, found: &Stored, change: Change<'_>) -> Result<Option<Stored>, Problem> {
        let changed = records::proposals::change(&self.database, by, (found.id, found.version), change)
            .await
            .context("change proposal")?;
        let id = found.id.to_string();
        match changed {
            Changed::Done => self.proposal(by.client, &id).await.map(Some),
            Changed::Stale(_) => Ok(None),
            Changed::Missing => Err(Problem::not_found(WHAT, &id)),
        }
    }
}

/// What happened to a proposal of the caller's client, by the request with this id.
fn event(caller: &Caller, correlation_id: &str, what: Happening) -> DomainEvent {
    DomainEvent {
        id: Uuid::now_v7(),
        client: caller.client,
        correlation_id: correlation_id.to_owned(),
        occurred_at: clock::now(),
        what,
    }
}

/// What a draft costs by the catalogue of now, and what its KPIs need.
fn quoted(found: &Stored, definitions: &ClientCatalog) -> Result<(Quote, RequiredObjects), Problem> {
    let book = PriceBook::of(&found.price_book).context("read price book")?;
    let required = proposal::required_objects(&definitions.catalog, &found.answers.kpi_selection.kpis);
    let quote = proposal::quote(book, &found.answers, &found.terms, &required);
    Ok((quote, required))
}

/// How often a change looks again after somebody else was faster.
const MAX_TRIES: usize = 5;

/// Too many others change the same proposal.
fn too_busy(id: &str) -> Problem {
    Problem::conflict(format!("{WHAT} {id:?} is changed by too many others just now")).hint("try again in a moment")
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
        .route("/v1/proposals/{id}/revisions/{revision}", get(revisions::read))
        .route(
            "/v1/proposals/{id}/schedule",
            post(schedule::plan).put(schedule::replace),
        )
        .route(
            "/v1/proposals/{id}/documents",
            get(documents::read).post(documents::request),
        )
        .route("/v1/branding", get(branding::read).put(branding::replace))
        .with_state(context)
}

/// Where the latest revision stands today, by the client's calendar.
fn state(found: &Stored, definitions: &ClientCatalog) -> State {
    found
        .issued
        .as_ref()
        .map_or(State::Draft, |issued| standing(issued, definitions))
}

/// Where an issued revision stands today.
fn standing(issued: &Issued, definitions: &ClientCatalog) -> State {
    let today = definitions.calendar.date(clock::now());
    issued.outcome.state(issued.valid_until, today)
}

/// Whether an action on a revision is possible now; `false` when it was done before.
fn allowed(revision: i32, state: State, action: Action) -> Result<bool, Problem> {
    match state.allows(action) {
        Allowed::Yes => Ok(true),
        Allowed::Already => Ok(false),
        Allowed::No { reason, hint } => {
            Err(Problem::conflict(format!("revision {revision} does not allow this: {reason}")).hint(hint))
        }
    }
}

/// A revision that is named, and is not the one that it can be done to.
fn another_revision(named: i32, latest: i32) -> Problem {
    Problem::conflict(format!("revision {named} was named, and the latest is {latest}"))
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
    Problem::invalid(format!("{what} can't be taken{first}")).issues(problems.into_iter().map(issue).collect())
}
