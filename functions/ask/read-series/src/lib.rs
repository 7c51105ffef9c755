//! `read-series`: a KPI's current value, its series over a range and period, grouped and filtered by dimensions, and many such questions at once.

mod goals;
mod query;
mod question;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use answer::{AskError, Definitions};
use anyhow::{Context as _, Result};
use api::ask::{Calculated, Calculation, KpiValue, MAX_QUESTIONS, OneOfMany, RefusedQuestion, Series};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use catalog::{Period, UnknownPeriod};
use database::{Database, Timeouts};
use platform::extract::{self, Authorized, Path, Query};
use platform::http::Routes;
use platform::{Problem, clock};
use records::definitions::ClientCatalog;
use series::plan::MAX_GROUPED_POINTS;
use uuid::Uuid;

use crate::question::{Answer, Question};

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

    /// Answers questions in one statement. One that can't be answered as it is asked spoils no other.
    async fn ask<'q>(
        &self,
        client: Uuid,
        definitions: &ClientCatalog,
        questions: &'q [Question<'_>],
    ) -> Result<Vec<Result<Answer<'q>, Problem>>, Problem> {
        let (mut asking, mut goals) = (Vec::new(), Vec::new());
        for question in questions {
            goals.push(match question.asking(&definitions.catalog) {
                Ok((requests, goals)) => {
                    asking.push(requests);
                    Ok(goals)
                }
                Err(problem) => Err(problem),
            });
        }
        let answers = answer::ask_many(&self.database, client, definitions, &asking).await;
        let mut answers = answers.map_err(problem)?.into_iter();
        let answered = questions.iter().zip(goals).map(|(question, goals)| {
            let goals = goals?;
            let together = answers.next().context("a question has no answer")?;
            Ok(question.answered(together.map_err(Problem::invalid)?, goals))
        });
        Ok(answered.collect())
    }

    async fn ask_one<'q>(
        &self,
        client: Uuid,
        definitions: &ClientCatalog,
        question: &'q Question<'_>,
    ) -> Result<Answer<'q>, Problem> {
        let answers = self.ask(client, definitions, std::slice::from_ref(question)).await?;
        answers.into_iter().next().context("a question has no answer")?
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
        .serve(&api::ask::CALCULATE, calculate)
}

async fn value(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<KpiValue>, Problem> {
    let asked = query::value(&pairs)?;
    let definitions = context.definitions(caller.client).await?;
    let question = Question::new(&definitions, &code, asked, clock::now())?;
    let answer = context.ask_one(caller.client, &definitions, &question).await?;
    Ok(Json(question.value(answer)))
}

async fn series(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Series>, Problem> {
    let asked = query::series(&pairs)?;
    let definitions = context.definitions(caller.client).await?;
    let question = Question::new(&definitions, &code, asked, clock::now())?;
    let answer = context.ask_one(caller.client, &definitions, &question).await?;
    question.series(answer, MAX_GROUPED_POINTS).map(Json)
}

async fn calculate(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    extract::Json(Calculation { questions, numbers }): extract::Json<Calculation>,
) -> Result<Json<Calculated>, Problem> {
    if questions.is_empty() || questions.len() > MAX_QUESTIONS {
        let asked = questions.len();
        return Err(Problem::invalid(format!(
            "`questions` has {asked}, and takes from 1 to {MAX_QUESTIONS}"
        )));
    }
    let now = clock::now();
    let definitions = context.definitions(caller.client).await?;
    let (mut ready, mut refused) = (Vec::new(), Vec::new());
    for question in questions {
        let code = question.kpi.clone();
        let asked = query::one_of_many(question, numbers);
        match asked.and_then(|asked| Question::new(&definitions, &code, asked, now)) {
            Ok(question) => {
                ready.push(question);
                refused.push(None);
            }
            Err(problem) => refused.push(Some(problem)),
        }
    }
    let answers = context.ask(caller.client, &definitions, &ready).await?;
    let mut left = MAX_GROUPED_POINTS;
    let mut answered = ready.iter().zip(answers);
    let answers = refused.into_iter().map(|refused| {
        let shown = match refused {
            Some(problem) => Err(problem),
            None => match answered.next() {
                Some((question, answer)) => answer.and_then(|answer| shown(question, answer, &mut left)),
                None => Err(anyhow::anyhow!("a question has no answer").into()),
            },
        };
        shown.or_else(|problem| Ok(OneOfMany::Problem(RefusedQuestion(serde_json::to_value(problem)?))))
    });
    let answers: Result<Vec<OneOfMany>, serde_json::Error> = answers.collect();
    let answers = answers.context("write an answer")?;
    Ok(Json(Calculated { answers }))
}

/// One of many answers, which takes of the points that are left for it and those after it.
fn shown(question: &Question<'_>, answer: Answer<'_>, left: &mut usize) -> Result<OneOfMany, Problem> {
    if !question.is_of_a_range() {
        return Ok(OneOfMany::Value(Box::new(question.value(answer))));
    }
    let series = question.series(answer, *left)?;
    *left = left.saturating_sub(series.points.len());
    Ok(OneOfMany::Series(Box::new(series)))
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
