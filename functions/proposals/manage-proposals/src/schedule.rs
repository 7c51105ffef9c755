//! Who does the work of a proposal, and when.

use anyhow::Context as _;
use api_proposals::{Planned, ScheduleRequest, TaskBegin, WhatIfQuestion};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::expected_version;
use proposal::{Quote, RequiredObjects, statement_of_work};
use records::definitions::ClientCatalog;
use records::proposals::{ProposalChange, StoredProposal};
use schedule::{Task, Team};
use serde_json::Value;

use crate::{Context, WHAT, invalid, price};

/// Plans without storing anything.
pub(crate) async fn plan(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    Body(request): Body<ScheduleRequest>,
) -> Result<Json<Planned>, Problem> {
    let (found, definitions) = context.read(&caller, &id).await?;
    let ScheduleRequest {
        start,
        people,
        holidays,
        what_if,
    } = request;
    let team = Team {
        start,
        people,
        holidays,
    };
    plan_work(team, draft_tasks(&found, &definitions)?, what_if)
        .await
        .map(Json)
}

/// Keeps the team with the draft: it is planned with again when the draft is issued.
pub(crate) async fn replace(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(team): Body<Team>,
) -> Result<Response, Problem> {
    let expected = expected_version(&headers)?;
    context
        .change_proposal(&caller, &id, |attempt| async {
            let same = attempt.proposal.team.as_ref() == Some(&team);
            if !attempt.is_to_be_edited(expected, same)? {
                return Ok(attempt.unchanged());
            }
            // A team that can't do the work is not kept.
            let tasks = draft_tasks(&attempt.proposal, &attempt.definitions)?;
            plan_work(team.clone(), tasks, None).await?;
            attempt.write(ProposalChange::Team(&team)).await
        })
        .await
}

/// The plan of a draft that is to be issued, by the team that was kept with it.
pub(crate) async fn kept_plan(
    found: &StoredProposal,
    quote: &Quote,
    required: &RequiredObjects,
) -> Result<Option<Value>, Problem> {
    let Some(team) = found.team.clone() else {
        return Ok(None);
    };
    let planned = plan_work(team, statement_of_work::tasks(quote, required), None).await;
    let planned = planned.map_err(|problem| {
        if problem.status != StatusCode::UNPROCESSABLE_ENTITY.as_u16() {
            return problem;
        }
        let hint = format!(
            "PUT /v1/proposals/{}/schedule with a team that can do the work",
            found.id
        );
        Problem::conflict("the work can't be planned with the team that was kept before the answers changed")
            .hint(hint)
            .issues(problem.issues)
    })?;
    Ok(Some(serde_json::to_value(planned).context("write a plan")?))
}

/// The work that a draft's quote asks for.
fn draft_tasks(draft: &StoredProposal, definitions: &ClientCatalog) -> Result<Vec<Task>, Problem> {
    let (quote, required) = price(draft, definitions)?;
    let tasks = statement_of_work::tasks(&quote, &required);
    if tasks.is_empty() {
        return Err(
            Problem::conflict(format!("{WHAT} \"{}\" has no work to plan yet", draft.id))
                .hint("answer the steps of integration, KPIs or the environment"),
        );
    }
    Ok(tasks)
}

/// Planning takes up to half a second of processor: off the async threads.
async fn plan_work(team: Team, tasks: Vec<Task>, what_if: Option<WhatIfQuestion>) -> Result<Planned, Problem> {
    let planned = tokio::task::spawn_blocking(move || compute(team, tasks, what_if)).await;
    planned.context("plan")?
}

fn compute(team: Team, tasks: Vec<Task>, what_if: Option<WhatIfQuestion>) -> Result<Planned, Problem> {
    let project = team.project(tasks);
    let refused = |problems| invalid("the schedule", problems);
    let plan = schedule::plan(&project).map_err(refused)?;
    let what_if = what_if.map(|question| match question {
        WhatIfQuestion::AddPerson(person) => schedule::with_person(&project, person),
        WhatIfQuestion::StartOn(day) => schedule::with_start(&project, day),
        WhatIfQuestion::BeginTask(TaskBegin { task, on }) => schedule::with_task_start(&project, &task, on),
    });
    Ok(Planned {
        start: project.start,
        what_if: what_if.transpose().map_err(refused)?,
        gantt: schedule::gantt(&project, &plan),
        schedule: plan,
        tasks: project.tasks,
        people: project.people,
    })
}
