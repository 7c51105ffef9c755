//! Proposals: begin, list, read.

use anyhow::Context as _;
use api_proposals::{NewProposal, ProposalSummary, Proposals};
use axum::Json;
use axum::extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use platform::extract::{Authorized, Json as Body, Path};
use platform::list::{List, Page};
use platform::{Problem, clock, idempotency};
use proposal::lifecycle::State;
use proposal::{Answers, PriceBook, Questionnaire, StepKey, checked_name};
use records::proposals::{self as stored, Creation, ListedProposal, NewDraft, Wanted};
use uuid::Uuid;

use crate::response::proposal_response;
use crate::{Context, invalid};

pub(crate) async fn create(
    extract::State(context): extract::State<Context>,
    Authorized(caller): Authorized,
    headers: HeaderMap,
    Body(new): Body<NewProposal>,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers, caller.client, "proposals")?;
    let book = PriceBook::newest().context("read price book")?;
    let definitions = context.definitions(caller.client).await?;
    let mut answers = Answers::default();
    let cart = serde_json::json!({ "kpis": new.kpis });
    let chosen = answers.replace(
        &Questionnaire::new(book),
        StepKey::KpiSelection,
        &cart,
        &definitions.catalog,
    );
    let (name, problems) = match checked_name(&new.name) {
        Ok(name) => (name, Vec::new()),
        Err(problem) => (String::new(), vec![problem]),
    };
    let problems: Vec<_> = problems.into_iter().chain(chosen.err().unwrap_or_default()).collect();
    if !problems.is_empty() {
        return Err(invalid("the proposal", problems));
    }
    let request = serde_json::to_vec(&(&name, &answers)).context("write request")?;
    let new = NewDraft {
        id: key.unwrap_or_else(Uuid::now_v7),
        request: key.map(|key| Uuid::new_v5(&key, &request)),
        name: &name,
        price_book: &book.version,
        answers: &answers,
        user: caller.user,
    };
    let begun = stored::create(&context.database, caller.client, &new)
        .await
        .context("create proposal")?;
    let Creation::As(created) = begun else {
        return Err(Problem::conflict("the Idempotency-Key was used for another proposal").hint("send a new key"));
    };
    let location = [(header::LOCATION, format!("/v1/proposals/{}", created.id))];
    let body = proposal_response(*created, &definitions)?;
    Ok((StatusCode::CREATED, location, body).into_response())
}

pub(crate) async fn list(
    extract::State(context): extract::State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Proposals>, Problem> {
    let definitions = context.definitions(caller.client).await?;
    let today = definitions.calendar.date(clock::now());
    let wanted = Wanted {
        state: list.text("state"),
        today,
        search: list.text("search"),
        after: list.after()?,
    };
    let found = stored::list(&context.database, caller.client, &wanted, list.most()).await;
    let found = found.context("list proposals")?;
    let rows = found.rows.into_iter();
    let keyed = rows.map(|listed| ((listed.created_at, listed.id), summary(listed, today)));
    let Page { items: proposals, next } = list.page(keyed, found.reached)?;
    Ok(Json(Proposals { proposals, next }))
}

fn summary(listed: ListedProposal, today: Date) -> ProposalSummary {
    ProposalSummary {
        state: listed
            .issued
            .map_or(State::Draft, |(outcome, valid_until)| outcome.state(valid_until, today)),
        revision: listed.revision,
        id: listed.id,
        name: listed.name,
        kpis: usize::try_from(listed.kpis).unwrap_or_default(),
        version: listed.version,
        updated_at: listed.updated_at,
    }
}

pub(crate) async fn read(
    extract::State(context): extract::State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = context.proposal(caller.client, &id).await?;
    let definitions = context.definitions(caller.client).await?;
    proposal_response(found, &definitions)
}
