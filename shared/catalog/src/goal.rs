//! What a KPI's value is held against: a target, and thresholds beyond which it needs attention. Each is a number, a formula, or a band of two of them.

use std::fmt;
use std::sync::Arc;

use formula::{Entities, Number, Referred, check_bound, parse, references};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use crate::MAX_BROKEN_KPIS;
use crate::book::Catalog;
use crate::kpi::{Direction, Kpi, KpiDefinition};
use crate::names::quoted;
use crate::problem::{Problem, none_or};

/// One number, or a band of numbers with both its ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Limit<T> {
    /// On one side of it a value is good.
    One(T),
    /// Between them it is.
    Band {
        /// The lower end.
        from: T,
        /// The upper end.
        to: T,
    },
}

/// A formula, which may be a number. It is kept as a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Expression(pub String);

/// What is declared of a KPI, each as far as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Goal<T> {
    /// What is aimed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Limit<T>>,
    /// Beyond it a value needs attention; without it, beyond the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<Limit<T>>,
    /// Beyond it a value needs attention at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<Limit<T>>,
}

impl<T> Limit<T> {
    /// The same of other things.
    pub fn map<'t, U>(&'t self, mut change: impl FnMut(&'t T) -> U) -> Limit<U> {
        match self {
            Limit::One(one) => Limit::One(change(one)),
            Limit::Band { from, to } => Limit::Band {
                from: change(from),
                to: change(to),
            },
        }
    }

    fn parts_mut(&mut self) -> Vec<&mut T> {
        match self {
            Limit::One(one) => vec![one],
            Limit::Band { from, to } => vec![from, to],
        }
    }
}

impl<T> Goal<T> {
    /// The same of other things, in the order in which they are declared.
    pub fn map<'t, U>(&'t self, mut change: impl FnMut(&'t T) -> U) -> Goal<U> {
        let mut each = |limit: &'t Option<Limit<T>>| limit.as_ref().map(|limit| limit.map(&mut change));
        Goal {
            target: each(&self.target),
            warning: each(&self.warning),
            critical: each(&self.critical),
        }
    }

    /// All there is, in the order of [`Self::map`].
    #[must_use]
    pub fn all(&self) -> Vec<&T> {
        let mut all = Vec::new();
        self.map(|one| all.push(one));
        all
    }

    /// What is declared, with its field.
    pub(crate) fn limits(&self) -> impl Iterator<Item = (&'static str, &Limit<T>)> {
        let limits = [
            ("/target", &self.target),
            ("/warning", &self.warning),
            ("/critical", &self.critical),
        ];
        limits
            .into_iter()
            .filter_map(|(field, limit)| Some((field, limit.as_ref()?)))
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Limit::deserialize(deserializer)? {
            Limit::One(one) => Ok(one),
            Limit::Band { .. } => Err(serde::de::Error::custom("expected a number or a formula, found a band")),
        }
    }
}

impl<'de> Deserialize<'de> for Limit<Expression> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads what is written as a limit.
struct Written;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Band {
    from: Expression,
    to: Expression,
}

impl<'de> Visitor<'de> for Written {
    type Value = Limit<Expression>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a formula, or an object with `from` and `to`")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(one(&number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(one(&number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // Without an exponent, which no formula has.
        Ok(one(&number))
    }

    fn visit_str<E>(self, formula: &str) -> Result<Self::Value, E> {
        Ok(one(formula))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        let Band { from, to } = Band::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(Limit::Band { from, to })
    }
}

fn one(written: &(impl ToString + ?Sized)) -> Limit<Expression> {
    Limit::One(Expression(written.to_string()))
}

/// What a limit may be, as it is written.
pub(crate) fn limit_schema() -> RefOr<Schema> {
    let expression = || {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Number, Type::String]))
            .max_length(Some(formula::MAX_LENGTH))
            .description(Some("A number, or a formula as that of a KPI. It is kept as a text."))
    };
    let band = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("from", expression())
        .property("to", expression())
        .required("from")
        .required("to")
        .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)))
        .description(Some("Both ends of a band, where `direction` is `between`."));
    let either = OneOfBuilder::new()
        .item(expression())
        .item(band)
        .description(Some("What the value is held against; see the manual of formulas."));
    RefOr::T(Schema::OneOf(either.build()))
}

impl KpiDefinition {
    /// What is declared of targets and thresholds, if anything is.
    #[must_use]
    pub fn goal(&self) -> Option<Goal<Expression>> {
        let goal = Goal {
            target: self.target.clone(),
            warning: self.warning.clone(),
            critical: self.critical.clone(),
        };
        Some(goal).filter(|goal| goal.limits().next().is_some())
    }

    /// Changes the formulas of targets and thresholds; whether any was.
    pub(crate) fn change_goal(&mut self, changed_formula: impl Fn(&str) -> Option<String>) -> bool {
        let limits = [&mut self.target, &mut self.warning, &mut self.critical];
        let expressions = limits.into_iter().flatten().flat_map(Limit::parts_mut);
        expressions.fold(false, |is_changed, expression| match changed_formula(&expression.0) {
            Some(new) => {
                expression.0 = new;
                true
            }
            None => is_changed,
        })
    }
}

/// The names that targets and thresholds of a KPI may use: also the KPI itself.
struct Beside<'a> {
    catalog: &'a Catalog,
    kpi: &'a Kpi,
}

impl Entities for Beside<'_> {
    fn attributes(&self, entity: &str) -> Option<&[formula::Attribute]> {
        self.catalog.attributes(entity)
    }

    fn is_state(&self, entity: &str) -> bool {
        self.catalog.is_state(entity)
    }

    fn names(&self) -> Vec<&str> {
        self.catalog.names()
    }

    fn unit(&self, entity: &str, attribute: &str) -> Option<formula::Unit> {
        self.catalog.unit(entity, attribute)
    }

    fn is_grouped(&self, entity: &str, dimensions: &[String]) -> bool {
        self.catalog.is_grouped(entity, dimensions)
    }

    fn leads(&self, entity: &str, attribute: &str) -> Option<formula::Leads<'_>> {
        self.catalog.leads(entity, attribute)
    }

    fn referring(&self, entity: &str) -> Vec<[&str; 2]> {
        self.catalog.referring(entity)
    }

    fn kpi(&self, code: &str) -> Option<Referred<'_>> {
        if code == self.kpi.code() {
            return Some(Referred::Formula(&self.kpi.formula));
        }
        Entities::kpi(self.catalog, code)
    }

    fn kpi_codes(&self) -> Vec<&str> {
        self.catalog.kpi_codes()
    }
}

/// Checks the targets and thresholds of a KPI whose formula is right.
///
/// # Errors
/// Everything that is wrong with them.
pub(crate) fn compile(kpi: &Kpi, catalog: &Catalog) -> Result<Option<Goal<Arc<Kpi>>>, Vec<Problem>> {
    let direction = kpi.definition.direction;
    let Some(declared) = kpi.definition.goal() else {
        return match direction {
            Direction::Between => Err(vec![no_band()]),
            _ => Ok(None),
        };
    };
    let mut problems = Vec::new();
    if direction == Direction::Neutral {
        let message = "there is a target or a threshold, and no way is good";
        let hint = "say `higher_is_better`, `lower_is_better`, or `between` with a band";
        problems.push(Problem::new("/direction", message).with_hint(hint));
    }
    let mut each = |field: &str, limit: &Option<Limit<Expression>>| {
        let limit = limit.as_ref()?;
        problems.extend(misshaped(field, direction, limit));
        compiled(field, limit, kpi, catalog, &mut problems)
    };
    let goal = Goal {
        target: each("/target", &declared.target),
        warning: each("/warning", &declared.warning),
        critical: each("/critical", &declared.critical),
    };
    let constants = goal.map(constant);
    problems.extend(constants.limits().filter_map(|(field, limit)| turned(field, limit)));
    problems.extend(milder(direction, &constants));
    none_or(problems, || Some(goal))
}

fn compiled(
    field: &str,
    limit: &Limit<Expression>,
    kpi: &Kpi,
    catalog: &Catalog,
    problems: &mut Vec<Problem>,
) -> Option<Limit<Arc<Kpi>>> {
    let mut at = |end: &str, expression: &Expression| {
        let bound = bound(kpi, catalog, expression);
        let told = |diagnostic| Problem::in_formula(&format!("{field}{end}"), diagnostic);
        bound.map_err(|found| problems.extend(found.into_iter().map(told))).ok()
    };
    match limit {
        Limit::One(one) => Some(Limit::One(at("", one)?)),
        Limit::Band { from, to } => {
            let (from, to) = (at("/from", from), at("/to", to));
            Some(Limit::Band { from: from?, to: to? })
        }
    }
}

/// A bound as something that is asked as a KPI is.
fn bound(kpi: &Kpi, catalog: &Catalog, expression: &Expression) -> Result<Arc<Kpi>, Vec<formula::Diagnostic>> {
    let Expression(text) = expression;
    let parsed = parse(text);
    let formula = check_bound(&parsed, &Beside { catalog, kpi }, &kpi.formula)?;
    let refers_to = references(&parsed).into_iter().map(str::to_owned).collect();
    let definition = KpiDefinition {
        formula: text.clone(),
        mode: kpi.definition.mode,
        ..KpiDefinition::named(kpi.code(), &kpi.definition.name)
    };
    Ok(Arc::new(Kpi {
        definition,
        formula,
        refers_to,
        goal: None,
    }))
}

/// Its value, where it reads no facts.
fn constant(bound: &Arc<Kpi>) -> Option<Number> {
    let formula = &bound.formula;
    let is_constant = formula.measures.is_empty() && formula.folds.is_empty();
    formula.finish(formula::Values::default()).filter(|_| is_constant)
}

fn no_band() -> Problem {
    let message = "`between` is good, and no band is declared";
    Problem::new("/direction", message).with_hint("give `target` a band, as in { \"from\": 20, \"to\": 25 }")
}

/// A band where one number is needed, or the other way round.
fn misshaped(field: &str, direction: Direction, limit: &Limit<Expression>) -> Option<Problem> {
    let (message, hint) = match (direction, limit) {
        (Direction::Between, Limit::One(_)) => (
            "it is one number, and `between` needs both ends of a band",
            "write { \"from\": 20, \"to\": 25 }",
        ),
        (Direction::HigherIsBetter | Direction::LowerIsBetter, Limit::Band { .. }) => (
            "it is a band, and one way is better",
            "give one number, or the direction `between`",
        ),
        _ => return None,
    };
    Some(Problem::new(field, message).with_hint(hint))
}

/// A band whose ends are exchanged, as far as they are known before any facts are.
fn turned(field: &str, limit: &Limit<Option<Number>>) -> Option<Problem> {
    match limit {
        Limit::Band {
            from: Some(from),
            to: Some(to),
        } if from > to => {
            let message = format!("the band begins at {from} and ends at {to}");
            Some(Problem::new(field, message).with_hint("exchange `from` and `to`"))
        }
        _ => None,
    }
}

/// A critical threshold that is passed before that of a warning, so that nothing would be a warning alone.
fn milder(direction: Direction, goal: &Goal<Option<Number>>) -> Option<Problem> {
    let (warning, critical) = (goal.warning.as_ref().or(goal.target.as_ref())?, goal.critical.as_ref()?);
    let is_milder = match (direction, warning, critical) {
        (Direction::HigherIsBetter, Limit::One(Some(warning)), Limit::One(Some(critical))) => critical > warning,
        (Direction::LowerIsBetter, Limit::One(Some(warning)), Limit::One(Some(critical))) => critical < warning,
        (Direction::Between, Limit::Band { from, to }, Limit::Band { from: first, to: last }) => {
            let is_above = |one: &Option<Number>, other: &Option<Number>| {
                one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| one > other)
            };
            is_above(first, from) || is_above(to, last)
        }
        _ => false,
    };
    is_milder.then(|| {
        let message = "it is passed before the threshold of a warning, so that nothing would be a warning";
        Problem::new("/critical", message)
            .with_hint("give `critical` what is worse than `warning`, or than `target` where there is no `warning`")
    })
}

impl Kpi {
    /// The formula, and those of targets and thresholds.
    pub(crate) fn formulas(&self) -> impl Iterator<Item = &formula::Formula> {
        let bounds = self.goal.iter().flat_map(Goal::all).map(|bound| &bound.formula);
        std::iter::once(&self.formula).chain(bounds)
    }

    /// Whether it is computed from facts of an entity, or its targets and thresholds are.
    #[must_use]
    pub fn reads(&self, entity: &str) -> bool {
        self.formulas().any(|formula| formula.required().contains(entity))
    }

    /// Whether its formula names a KPI, or a target or a threshold does.
    pub(crate) fn names(&self, code: &str) -> bool {
        let bounds = self.goal.iter().flat_map(Goal::all).map(|bound| &bound.refers_to);
        let all = std::iter::once(&self.refers_to).chain(bounds);
        all.flatten().any(|named| named == code)
    }
}

impl Catalog {
    /// Checks the targets and thresholds of all KPIs against what the catalogue has become, and says which of them don't fit any more.
    pub(crate) fn set_goals(&mut self, told: impl Fn(&Kpi, Problem) -> Problem) -> Vec<Problem> {
        let with_goals = self.kpis().filter(|kpi| kpi.definition.goal().is_some());
        let with_goals: Vec<Arc<Kpi>> = with_goals.cloned().collect();
        let mut problems = Vec::new();
        for kpi in with_goals {
            if problems.len() >= MAX_BROKEN_KPIS {
                break;
            }
            match compile(&kpi, self) {
                Ok(goal) => drop(self.insert_kpi(Kpi {
                    goal,
                    ..Kpi::clone(&kpi)
                })),
                Err(found) => problems.extend(found.into_iter().map(|problem| told(&kpi, problem))),
            }
        }
        problems
    }
}

/// That a change would break what a KPI is held against.
pub(crate) fn would_not_fit(pointer: &str, kpi: &Kpi, problem: &Problem) -> Problem {
    let field = problem.pointer.trim_start_matches('/');
    let message = format!(
        "the `{field}` of the KPI {} would not fit: {}",
        quoted(kpi.code()),
        problem.message
    );
    Problem::new(pointer, message).with_hint("change that KPI first")
}

#[cfg(test)]
mod tests;
