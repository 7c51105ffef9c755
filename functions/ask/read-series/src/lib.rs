//! `read-series`: a KPI's current value, and its series over a range and period, grouped and filtered by dimensions.

mod goals;
mod query;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use answer::{Answer, AskError, Definitions, Together};
use anyhow::{Context as _, Result};
use api::ask::{KpiValue, MeasureMode, PlanStep, Series, SeriesPoint, WindowRule};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use catalog::{Kpi, Mode, Period, SketchKind, UnknownPeriod};
use database::{Database, Timeouts};
use platform::extract::{Authorized, Path, Query};
use platform::http::Routes;
use platform::{Problem, clock};
use records::definitions::ClientCatalog;
use series::plan::sketched::Told;
use series::plan::{MAX_GROUPED_POINTS, MAX_POINTS};
use series::sketch::{RELATIVE_ERROR, STANDARD_ERROR};
use series::windows::Described;
use series::{Calendar, Range, Request, filters, gaps};
use uuid::Uuid;

use crate::goals::Goals;

/// Less than the 29 s that the template and API Gateway allow, so that an error can still be answered.
const TIMEOUTS: Timeouts = Timeouts {
    statement: Duration::from_secs(25),
    lock: Duration::from_secs(5),
};

/// Seconds after which one asks again who met too many questions: most are answered within that time.
const RETRY_AFTER: u16 = 1;

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
            database: platform::database::from_environment()?.with_timeouts(TIMEOUTS),
            definitions: Definitions::default(),
        })
    }
}

impl Context {
    async fn definitions(&self, client: Uuid) -> Result<Arc<ClientCatalog>, Problem> {
        let current = self.definitions.current(&self.database, client).await;
        current.context("read definitions")?.ok_or_else(Problem::client_is_gone)
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new()
        .serve(&api::ask::READ_VALUE, value)
        .serve(&api::ask::READ_SERIES, series)
}

async fn value(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<KpiValue>, Problem> {
    let asked = query::value(&pairs)?;
    let now = clock::now();
    let definitions = context.definitions(caller.client).await?;
    let kpi = in_mode(kpi(&definitions, &code)?, asked.mode);
    let calendar = definitions.calendar.asked(asked.zone.as_ref());
    let from = calendar.start(asked.period, asked.at.unwrap_or(now));
    let range = Range {
        from,
        to: calendar.next(asked.period, from),
    };
    let request = Request {
        kpi: &kpi,
        period: asked.period,
        range,
        filter: &asked.filter,
        by: &[],
        // What is asked of a bucket that has not begun is answered as at its first moment.
        now: now.max(from),
    };
    let mut goals = Goals::beside(&request, asked.status)?;
    let Answer {
        points,
        plan,
        windows,
        told,
    } = ask(
        &context.database,
        caller.client,
        (&definitions, &calendar),
        &request,
        goals.as_mut(),
    )
    .await?;
    let key = (from, Vec::new());
    let point = points.get(&key).cloned();
    let point = point.unwrap_or_else(|| series::answer::empty(&request));
    let goal = goals.map(|goals| goals.held(&key, point.value.as_ref(), asked.numbers));
    Ok(Json(KpiValue {
        kpi: code,
        name: kpi.definition.name.clone(),
        unit: kpi.definition.unit.clone(),
        period: asked.period,
        time_zone: zone_name(&calendar),
        from,
        to: range.to,
        value: asked.numbers.figure(point.value),
        facts: point.facts,
        goal,
        open: range.to > now,
        mode: mode_of(&told),
        measures: told.into_iter().map(measure).collect(),
        plan: plan.into_iter().map(step).collect(),
        windows: windows.into_iter().map(window).collect(),
    }))
}

async fn series(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Series>, Problem> {
    let asked = query::series(&pairs)?;
    let now = clock::now();
    let definitions = context.definitions(caller.client).await?;
    let kpi = in_mode(kpi(&definitions, &code)?, asked.mode);
    let calendar = definitions.calendar.asked(asked.zone.as_ref());
    let range = calendar.align(
        asked.period,
        Range {
            from: asked.from,
            to: asked.to,
        },
    );
    if calendar.count(asked.period, range, MAX_POINTS) > MAX_POINTS {
        return Err(
            Problem::invalid(format!("the range has more than {MAX_POINTS} {}s", asked.period.name()))
                .hint("ask a shorter range or a longer period"),
        );
    }
    let request = Request {
        kpi: &kpi,
        period: asked.period,
        range,
        filter: &asked.filter,
        by: &asked.by,
        now,
    };
    let mut goals = Goals::beside(&request, asked.status)?;
    let Answer {
        mut points,
        plan,
        windows,
        told,
    } = ask(
        &context.database,
        caller.client,
        (&definitions, &calendar),
        &request,
        goals.as_mut(),
    )
    .await?;
    if asked.fill_gaps {
        let filled = gaps::fill(&request, &calendar, now, &mut points, MAX_GROUPED_POINTS);
        filled.map_err(too_many_points)?;
    }
    if points.len() > MAX_GROUPED_POINTS {
        return Err(too_many_points(points.len()));
    }
    let points = points
        .into_iter()
        .map(|(key, point)| SeriesPoint {
            bucket: key.0,
            goal: goals
                .as_ref()
                .map(|goals| goals.held(&key, point.value.as_ref(), asked.numbers)),
            group: asked.by.iter().cloned().zip(key.1).collect(),
            value: asked.numbers.figure(point.value),
            facts: point.facts,
        })
        .collect();
    Ok(Json(Series {
        kpi: code,
        name: kpi.definition.name.clone(),
        unit: kpi.definition.unit.clone(),
        period: asked.period,
        time_zone: zone_name(&calendar),
        from: range.from,
        to: range.to,
        empty: asked.numbers.figure(series::answer::empty(&request).value),
        points,
        mode: mode_of(&told),
        measures: told.into_iter().map(measure).collect(),
        plan: plan.into_iter().map(step).collect(),
        windows: windows.into_iter().map(window).collect(),
    }))
}

fn zone_name(calendar: &Calendar) -> String {
    calendar.zone().iana_name().unwrap_or_default().to_owned()
}

fn too_many_points(points: usize) -> Problem {
    Problem::invalid(format!(
        "the series has {points} points or more over all groups, and {MAX_GROUPED_POINTS} are allowed"
    ))
    .hint("ask a shorter range, a longer period or fewer dimensions, or filter")
}

fn kpi<'a>(definitions: &'a ClientCatalog, code: &str) -> Result<&'a Kpi, Problem> {
    let found = definitions.catalog.kpi(code);
    found.map(AsRef::as_ref).ok_or_else(|| {
        let closest = formula::closest(code, definitions.catalog.kpis().map(|kpi| kpi.code()));
        let problem = Problem::not_found("KPI", code);
        if let Some(renamed) = definitions.catalog.former_kpi(code) {
            return problem.hint(format!("it was renamed to {}", renamed.code()));
        }
        match closest {
            Some(name) => problem.hint(format!("did you mean {name}?")),
            None => problem.hint("GET /v1/kpis lists them"),
        }
    })
}

/// Answers a request, and what its values are held against. What can't be answered as it is asked is the caller's to change; anything else is not.
async fn ask<'a>(
    database: &Database,
    client: Uuid,
    (definitions, calendar): (&ClientCatalog, &Calendar),
    request: &Request<'a>,
    goals: Option<&mut Goals<'a>>,
) -> Result<Answer, Problem> {
    let beside = goals.iter().flat_map(|goals| goals.requests());
    let requests: Vec<Request<'a>> = std::iter::once(request).chain(beside).cloned().collect();
    for request in &requests {
        filters::check(request.kpi, request.filter, &definitions.catalog)
            .map_err(|wrong| Problem::invalid(wrong.detail).hint(wrong.hint))?;
    }
    let together = answer::ask_together(database, client, definitions, calendar, &requests).await;
    let Together {
        points,
        plan,
        windows,
        told,
    } = together.map_err(problem)?;
    let mut points = points.into_iter();
    let own = points.next().unwrap_or_default();
    if let Some(goals) = goals {
        goals.answered(calendar, points.collect());
    }
    Ok(Answer {
        points: own,
        plan,
        windows,
        told,
    })
}

fn problem(error: AskError) -> Problem {
    match error {
        AskError::Refused(detail) => Problem::invalid(detail),
        AskError::TooManyAtOnce(most) => too_many_questions(most),
        AskError::Database(error) => anyhow::Error::from(error).context("read facts").into(),
    }
}

/// 429: other questions of the client are being answered. Each takes its time, so who asks is told at once and not kept waiting in a place that others need.
fn too_many_questions(most: usize) -> Problem {
    let detail = format!("{most} questions of your organisation are being answered, and no more at once");
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-questions",
        "Too many questions at once",
        detail,
    )
    .hint("ask again in a moment, or ask one after the other; what takes long is answered sooner over a shorter range, a longer period, or from a grouping that has its dimensions")
    .retry_after(RETRY_AFTER)
}

fn step(step: answer::Step) -> PlanStep {
    PlanStep {
        entity: step.entity,
        relation: step.relation.replace('"', ""),
        grouping: step.grouping,
        raw: step.raw,
        level: step.level,
    }
}

/// The KPI in the mode that is asked for, or in its own.
fn in_mode(kpi: &Kpi, mode: Option<Mode>) -> Cow<'_, Kpi> {
    match mode {
        Some(mode) if mode != kpi.definition.mode => Cow::Owned(kpi.in_mode(mode)),
        _ => Cow::Borrowed(kpi),
    }
}

fn mode_of(told: &[Told]) -> Mode {
    if told.iter().any(|told| told.from.is_ok()) {
        Mode::Approximate
    } else {
        Mode::Exact
    }
}

fn measure(told: Told) -> MeasureMode {
    let kind = told.from.as_ref().ok().copied();
    MeasureMode {
        measure: told.measure,
        mode: kind.map_or(Mode::Exact, |_| Mode::Approximate),
        relative_error: kind
            .filter(|kind| *kind == SketchKind::Percentiles)
            .map(|_| RELATIVE_ERROR),
        standard_error: kind
            .filter(|kind| *kind == SketchKind::Distinct)
            .map(|_| STANDARD_ERROR),
        reason: told.from.err(),
    }
}

fn window(described: Described) -> WindowRule {
    WindowRule {
        function: described.function,
        rule: described.rule,
        from: described.range.map(|range| range.from),
        to: described.range.map(|range| range.to),
    }
}

/// A period by its name.
pub(crate) fn period(name: &str) -> Result<Period, Problem> {
    name.parse().map_err(|unknown: UnknownPeriod| {
        let problem = Problem::malformed(unknown.to_string());
        match unknown.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_much_at_once_is_told_when_to_come_back() {
        let told = problem(AskError::TooManyAtOnce(3));
        assert_eq!((told.status, told.retry_after), (429, Some(1)));
        assert!(
            told.kind.ends_with(":too-many-questions") && told.detail.starts_with("3 "),
            "{told:?}"
        );
    }

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(routes().differences(env!("CARGO_PKG_NAME"), &api::ask::ROUTES), [""; 0]);
    }
}
