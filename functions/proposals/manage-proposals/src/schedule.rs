//! Who does the work of a proposal, and when.

use anyhow::Context as _;
use api::proposals::{Planned, ScheduleRequest, WhatIfQuestion};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use identity::Permission;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{changed_meanwhile, expected_version};
use proposal::lifecycle::Action;
use proposal::schedule::{self, Task, Team};
use proposal::{Quote, RequiredObjects};
use records::definitions::ClientCatalog;
use records::proposals::{Change, Stored};
use serde_json::Value;

use crate::shown::shown;
use crate::{Context, MAX_TRIES, WHAT, allowed, invalid, quoted, state, too_busy};

/// Looks: nothing is stored.
pub(crate) async fn plan(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    Body(request): Body<ScheduleRequest>,
) -> Result<Json<Planned>, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
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
    planned(team, tasks(&found, &definitions)?, what_if).await.map(Json)
}

/// Keeps the team with the draft: it is planned with again when the draft is issued.
pub(crate) async fn replace(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(team): Body<Team>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::WriteProposals)?;
    let expected = expected_version(&headers)?;
    for _ in 0..MAX_TRIES {
        let (found, definitions) = context.read(&caller, &id).await?;
        let same = found.team.as_ref() == Some(&team);
        // The same team again: a repeated request finds its own effect, whatever version it names.
        if same && expected.is_none_or(|expected| expected <= found.version) {
            return shown(found, &definitions);
        }
        if expected.is_some_and(|expected| expected != found.version) {
            return Err(changed_meanwhile(WHAT, &id, found.version));
        }
        allowed(found.revision, state(&found, &definitions), Action::Edit)?;
        // What can't be planned with is not kept.
        planned(team.clone(), tasks(&found, &definitions)?, None).await?;
        if let Some(changed) = context.change(&caller, &found, Change::Team(&team)).await? {
            return shown(changed, &definitions);
        }
    }
    Err(too_busy(&id))
}

/// The plan of a draft that is to be issued, by the team that was kept with it.
pub(crate) async fn kept_plan(
    found: &Stored,
    quote: &Quote,
    required: &RequiredObjects,
) -> Result<Option<Value>, Problem> {
    let Some(team) = found.team.clone() else {
        return Ok(None);
    };
    let planned = planned(team, schedule::tasks(quote, required), None).await;
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

fn tasks(found: &Stored, definitions: &ClientCatalog) -> Result<Vec<Task>, Problem> {
    let (quote, required) = quoted(found, definitions)?;
    let tasks = schedule::tasks(&quote, &required);
    if tasks.is_empty() {
        return Err(
            Problem::conflict(format!("{WHAT} \"{}\" has no work to plan yet", found.id))
                .hint("answer the steps of integration, KPIs or the environment"),
        );
    }
    Ok(tasks)
}

/// Planning takes up to half a second of processor: off the async threads.
async fn planned(team: Team, tasks: Vec<Task>, what_if: Option<WhatIfQuestion>) -> Result<Planned, Problem> {
    let planned = tokio::task::spawn_blocking(move || compute(team, tasks, what_if)).await;
    planned.context("plan")?
}

fn compute(team: Team, tasks: Vec<Task>, what_if: Option<WhatIfQuestion>) -> Result<Planned, Problem> {
    let project = team.project(tasks);
    let refused = |problems| invalid("the schedule", problems);
    let plan = schedule::schedule(&project).map_err(refused)?;
    let what_if = what_if.map(|question| match question {
        WhatIfQuestion::AddPerson(person) => schedule::with_person(&project, person),
        WhatIfQuestion::StartOn(day) => schedule::with_start(&project, day),
        WhatIfQuestion::BeginTask { task, on } => schedule::with_task_start(&project, &task, on),
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
