//! Who does the work of a proposal, and when.

use anyhow::Context as _;
use api::proposals::{Planned, ScheduleRequest, WhatIfQuestion};
use axum::Json;
use axum::extract::State;
use identity::Permission;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use proposal::PriceBook;
use proposal::schedule::{self, Project, Task};

use crate::{Context, WHAT, invalid};

pub(crate) async fn plan(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    Body(request): Body<ScheduleRequest>,
) -> Result<Json<Planned>, Problem> {
    let caller = authorized.with(Permission::ReadProposals)?;
    let found = context.proposal(caller.client, &id).await?;
    let definitions = context.definitions(caller.client).await?;
    let book = PriceBook::of(&found.price_book).context("read price book")?;
    let required = proposal::required_objects(&definitions.catalog, &found.answers.kpi_selection.kpis);
    let quote = proposal::quote(book, &found.answers, &found.terms, &required);
    let tasks = schedule::tasks(&quote, &required);
    if tasks.is_empty() {
        return Err(Problem::conflict(format!("{WHAT} {id:?} has no work to plan yet"))
            .hint("answer the steps of integration, KPIs or the environment"));
    }
    // Planning takes up to half a second of processor: off the async threads.
    let planned = tokio::task::spawn_blocking(move || planned(request, tasks)).await;
    planned.context("plan")?.map(Json)
}

fn planned(request: ScheduleRequest, tasks: Vec<Task>) -> Result<Planned, Problem> {
    let ScheduleRequest {
        start,
        people,
        holidays,
        what_if,
    } = request;
    let people = people.unwrap_or_else(|| schedule::placeholders(&tasks));
    let project = Project {
        start,
        tasks,
        people,
        holidays,
    };
    let refused = |problems| invalid("the schedule", problems);
    let plan = schedule::schedule(&project).map_err(refused)?;
    let what_if = what_if.map(|question| match question {
        WhatIfQuestion::AddPerson(person) => schedule::with_person(&project, person),
        WhatIfQuestion::StartOn(day) => schedule::with_start(&project, day),
        WhatIfQuestion::BeginTask { task, on } => schedule::with_task_start(&project, &task, on),
    });
    Ok(Planned {
        what_if: what_if.transpose().map_err(refused)?,
        gantt: schedule::gantt(&project, &plan),
        schedule: plan,
        tasks: project.tasks,
        people: project.people,
    })
}
