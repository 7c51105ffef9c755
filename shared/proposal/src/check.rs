//! Checks a step's answers against the questionnaire, and says which answers are still missing.

use std::collections::BTreeSet;

use catalog::{Catalog, Problem, checked_line, line_hint};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::answers::Answers;
use crate::questionnaire::{AnswerKind, Choice, ForEach, Question, Questionnaire, Step, StepKey};
use crate::required::{RequiredObjects, required_objects};
use crate::{MAX_DECIMALS, MAX_PROBLEMS};

/// A question that is still to be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// The step.
    pub step: StepKey,
    /// The JSON pointer into the step's answers, `/Customer/method`; empty when none of the step is answered.
    pub pointer: String,
    /// What is asked.
    pub text: String,
}

impl Answers {
    /// Replaces the answers of a step. Questions may be left out: they are [`missing`] then, or have their default.
    ///
    /// # Errors
    /// Everything that is wrong with the answers, at most [`MAX_PROBLEMS`]. Then nothing is replaced.
    pub fn replace(
        &mut self,
        questionnaire: &Questionnaire,
        step: StepKey,
        answers: &Value,
        catalog: &Catalog,
    ) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let Some(asked) = questionnaire.step(step) else {
            return Err(vec![Problem::new(
                "",
                format!("the questionnaire has no step {}", step.name()),
            )]);
        };
        let required = required_objects(catalog, &self.kpi_selection.kpis);
        let checked = match asked.for_each {
            Some(each) => check_each(asked, &codes(each, &required), answers, &mut problems),
            None => check_answers(&asked.questions, answers, "", &mut problems),
        };
        if step == StepKey::KpiSelection {
            check_known(&checked, catalog, &mut problems);
        }
        if problems.is_empty() {
            self.put(step, checked).map_err(|problem| vec![problem])
        } else {
            problems.truncate(MAX_PROBLEMS);
            Err(problems)
        }
    }

    fn put(&mut self, step: StepKey, checked: Map<String, Value>) -> Result<(), Problem> {
        let value = Value::Object(checked);
        match step {
            StepKey::KpiSelection => self.kpi_selection = typed(value)?,
            StepKey::Licensing => self.licensing = typed(value)?,
            StepKey::DataIntegration => self.data_integration = typed(value)?,
            StepKey::KpiImplementation => self.kpi_implementation = typed(value)?,
            StepKey::Environment => self.environment = typed(value)?,
            StepKey::Retention => self.retention = typed(value)?,
            StepKey::Infrastructure => self.infrastructure = typed(value)?,
            StepKey::ManagedServices => self.managed_services = typed(value)?,
        }
        Ok(())
    }
}

fn typed<T: DeserializeOwned>(checked: Value) -> Result<T, Problem> {
    serde_json::from_value(checked).map_err(|error| Problem::new("", format!("the answers can't be read: {error}")))
}

/// The name of a project, trimmed.
///
/// # Errors
/// When it is no line of 1 to [`catalog::MAX_LABEL`] characters.
pub fn checked_name(name: &str) -> Result<String, Problem> {
    checked_line(name, catalog::MAX_LABEL).map_err(|problem| problem.below("/name"))
}

/// The questions that are still to be answered before a quote is complete.
#[must_use]
pub fn missing(questionnaire: &Questionnaire, answers: &Answers, required: &RequiredObjects) -> Vec<Missing> {
    let steps = questionnaire.steps.iter();
    steps
        .flat_map(|step| missing_of_step(step, answers, required))
        .collect()
}

fn missing_of_step(step: &Step, answers: &Answers, required: &RequiredObjects) -> Vec<Missing> {
    let entry = |pointer: String, text: &str| Missing {
        step: step.key,
        pointer,
        text: text.to_owned(),
    };
    let codes = step.for_each.map(|each| codes(each, required));
    let answered = answers.of(step.key).ok().flatten();
    let Some(answered) = answered else {
        // Nothing can be missing of a step that is repeated for nothing.
        let nothing = codes.is_some_and(|codes| codes.is_empty());
        return if nothing {
            Vec::new()
        } else {
            vec![entry(String::new(), step.title)]
        };
    };
    let unanswered = |value: &Value, parent: &str| -> Vec<Missing> {
        let open = step.questions.iter().filter(|question| is_missing(question, value));
        open.map(|question| entry(format!("{parent}/{}", question.key), question.text))
            .collect()
    };
    match codes {
        None => unanswered(&answered, ""),
        Some(codes) => codes
            .into_iter()
            .flat_map(|code| match answered.get(code) {
                Some(value) => unanswered(value, &format!("/{}", escaped(code))),
                None => vec![entry(format!("/{}", escaped(code)), step.title)],
            })
            .collect(),
    }
}

fn is_missing(question: &Question, answers: &Value) -> bool {
    let empty = answers
        .get(question.key)
        .is_none_or(|answer| answer.as_array().is_some_and(Vec::is_empty));
    question.required && empty && applies(question, |key| answers.get(key))
}

fn applies<'a>(question: &Question, answer: impl Fn(&str) -> Option<&'a Value>) -> bool {
    let condition = question.condition.as_ref();
    condition.is_none_or(|condition| condition.is_met_by(answer(condition.question)))
}

/// What a step is repeated for.
fn codes(each: ForEach, required: &RequiredObjects) -> BTreeSet<&str> {
    match each {
        ForEach::RequiredObject => required.objects.iter().map(|object| object.code.as_str()).collect(),
        ForEach::Kpi => required.kpis.iter().map(|kpi| kpi.code.as_str()).collect(),
    }
}

fn check_each(step: &Step, codes: &BTreeSet<&str>, answers: &Value, problems: &mut Vec<Problem>) -> Map<String, Value> {
    let mut checked = Map::new();
    let Some(given) = answers.as_object() else {
        problems.push(Problem::new("", "this is not an object").with_hint("such as {\"CODE\": {answers}}"));
        return checked;
    };
    for (code, answers) in given {
        let pointer = format!("/{}", escaped(code));
        if codes.contains(code.as_str()) {
            let answers = check_answers(&step.questions, answers, &pointer, problems);
            checked.insert(code.clone(), Value::Object(answers));
        } else {
            let message = format!("the chosen KPIs do not need {code:?}");
            problems.push(Problem::new(pointer, message).with_hint("leave it out, or choose a KPI that needs it"));
        }
    }
    checked
}

fn check_answers(
    questions: &[Question],
    answers: &Value,
    parent: &str,
    problems: &mut Vec<Problem>,
) -> Map<String, Value> {
    let mut checked = Map::new();
    let Some(given) = answers.as_object() else {
        problems.push(Problem::new(parent, "this is not an object").with_hint("such as {\"QUESTION\": answer}"));
        return checked;
    };
    for name in given
        .keys()
        .filter(|name| questions.iter().all(|question| question.key != name.as_str()))
    {
        let known: Vec<&str> = questions.iter().map(|question| question.key).collect();
        let problem = Problem::new(format!("{parent}/{}", escaped(name)), "this step has no such question");
        problems.push(problem.with_hint(format!("the questions are {}", known.join(", "))));
    }
    for question in questions {
        let pointer = format!("{parent}/{}", question.key);
        let answer = given.get(question.key).filter(|answer| !answer.is_null());
        let value = match (answer, applies(question, |key| checked.get(key))) {
            (Some(answer), true) => check_answer(&question.answer, answer, &pointer, problems),
            (None, true) => question.default.clone(),
            (Some(_), false) => {
                problems.push(contradiction(question, pointer));
                None
            }
            (None, false) => None,
        };
        checked.extend(value.map(|value| (question.key.to_owned(), value)));
    }
    checked
}

fn contradiction(question: &Question, pointer: String) -> Problem {
    let condition = question.condition.as_ref();
    let (other, wanted) = condition.map_or(("", String::new()), |condition| {
        let wanted: Vec<String> = condition.is_one_of.iter().map(Value::to_string).collect();
        (condition.question, wanted.join(" or "))
    });
    Problem::new(pointer, format!("this is asked only when {other} is {wanted}"))
        .with_hint(format!("leave it out, or change the answer to {other}"))
}

/// The answer in its normal form, or a problem.
fn check_answer(kind: &AnswerKind, answer: &Value, pointer: &str, problems: &mut Vec<Problem>) -> Option<Value> {
    let result = match kind {
        AnswerKind::Choice { options } => chosen(options, answer),
        AnswerKind::Choices { options, least } => {
            let item = |item: &Value| chosen(options, item);
            return check_list(answer, *least, options.len(), pointer, problems, item);
        }
        AnswerKind::Boolean => match answer {
            Value::Bool(_) => Ok(answer.clone()),
            _ => Err(refused("this is neither true nor false", "true or false")),
        },
        AnswerKind::Integer { unit, min, max } => {
            integer(answer, *min, *max).ok_or_else(|| out_of_range(range(*min, *max, unit, "a whole number")))
        }
        AnswerKind::Decimal { unit, min, max } => {
            decimal(answer, *min, *max).ok_or_else(|| out_of_range(range(*min, *max, unit, "a number")))
        }
        AnswerKind::Text { max_length } => text(answer, *max_length),
        AnswerKind::Texts {
            least,
            most,
            max_length,
        } => {
            let item = |item: &Value| text(item, *max_length);
            return check_list(answer, *least, *most, pointer, problems, item);
        }
    };
    match result {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(problem.below(pointer));
            None
        }
    }
}

/// What is wrong with an answer; where it stands is added to it.
fn refused(message: &str, hint: impl Into<String>) -> Problem {
    Problem::new("", message).with_hint(hint)
}

fn out_of_range(hint: String) -> Problem {
    refused("this is not a possible number here", hint)
}

fn check_list(
    answer: &Value,
    least: usize,
    most: usize,
    pointer: &str,
    problems: &mut Vec<Problem>,
    check: impl Fn(&Value) -> Result<Value, Problem>,
) -> Option<Value> {
    let hint = format!("a list of {least} to {most}");
    let Some(list) = answer.as_array() else {
        problems.push(Problem::new(pointer, "this is not a list").with_hint(hint));
        return None;
    };
    if list.len() < least || list.len() > most {
        problems.push(Problem::new(pointer, format!("this list has {} entries", list.len())).with_hint(hint));
        return None;
    }
    let mut checked: Vec<Value> = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        match check(item) {
            Ok(item) if checked.contains(&item) => {
                problems.push(Problem::new(pointer, "this is in the list twice").with_hint("leave it out"));
            }
            Ok(item) => checked.push(item),
            Err(problem) => problems.push(problem.below(&pointer)),
        }
    }
    Some(Value::Array(checked))
}

fn chosen(options: &[Choice], answer: &Value) -> Result<Value, Problem> {
    if options.iter().any(|option| answer == option.key) {
        return Ok(answer.clone());
    }
    let keys: Vec<&str> = options.iter().map(|option| option.key).collect();
    Err(refused(
        "this is none of the options",
        format!("one of {}", keys.join(", ")),
    ))
}

fn text(answer: &Value, max_length: usize) -> Result<Value, Problem> {
    let Some(text) = answer.as_str() else {
        return Err(refused("this is not text", line_hint(max_length)));
    };
    checked_line(text, max_length).map(Value::from)
}

fn range(min: u32, max: u32, unit: &str, what: &str) -> String {
    format!("{what} from {min} to {max} ({unit})")
}

fn integer(answer: &Value, min: u32, max: u32) -> Option<Value> {
    let number = answer.as_u64().and_then(|number| u32::try_from(number).ok())?;
    (min..=max).contains(&number).then(|| number.into())
}

fn decimal(answer: &Value, min: u32, max: u32) -> Option<Value> {
    let text = match answer {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let number = text.parse::<Decimal>().ok()?.normalize();
    let fits = (Decimal::from(min)..=Decimal::from(max)).contains(&number) && number.scale() <= MAX_DECIMALS;
    fits.then(|| number.to_string().into())
}

fn check_known(cart: &Map<String, Value>, catalog: &Catalog, problems: &mut Vec<Problem>) {
    let kpis = cart.get("kpis").and_then(Value::as_array).into_iter().flatten();
    for (index, code) in kpis.enumerate() {
        if code.as_str().is_none_or(|code| catalog.kpi(code).is_none()) {
            let problem = Problem::new(format!("/kpis/{index}"), format!("the catalogue has no KPI {code}"));
            problems.push(problem.with_hint("GET /v1/kpis lists the KPIs"));
        }
    }
}

/// A name as a part of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
