//! KPIs: what people write about them, and the checked form.

use crate::MAX_DECIMALS;
use crate::book::{Catalog, Checking};
use crate::goal::{self, Expression, Goal, Limit, limit_schema};
use crate::names::{KPI_CODE, check_description, check_former, check_label, check_required_label};
use crate::problem::{Problem, none_or};
use crate::references::Defining;
use formula::{Entities, Formula, Parsed, references};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A key performance indicator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiDefinition {
    /// The name in topics and addresses, `ON_TIME_RATE`.
    #[schema(pattern = "^[A-Z][A-Z0-9_]{0,63}$", examples("ON_TIME_RATE"))]
    pub code: String,
    /// Codes that it had: who asks for one of them is told the code that it has now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub formerly: Vec<String>,
    /// The name for people, `On-time rate`.
    #[schema(max_length = 120)]
    pub name: String,
    /// What it says, for people.
    #[serde(default)]
    pub description: String,
    /// How it is computed.
    #[schema(max_length = 4096, examples("COUNT(Flight WHERE on_time) / COUNT(Flight)"))]
    pub formula: String,
    /// The unit of its values, `%`; empty for plain numbers.
    #[serde(default)]
    pub unit: String,
    /// Which way is good.
    #[serde(default)]
    pub direction: Direction,
    /// What is aimed for; where there is no `warning`, a value beyond it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = limit_schema)]
    pub target: Option<Limit<Expression>>,
    /// A value beyond it needs attention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = limit_schema)]
    pub warning: Option<Limit<Expression>>,
    /// A value beyond it needs attention at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = limit_schema)]
    pub critical: Option<Limit<Expression>>,
    /// The module of the product it belongs to.
    #[serde(default)]
    pub module: String,
    /// The part of the value chain it belongs to.
    #[serde(default)]
    pub value_chain: String,
    /// Whether percentiles and numbers of different values are exact, or answered within a bound from sketches that the entity declares.
    #[serde(default, skip_serializing_if = "Mode::is_exact")]
    pub mode: Mode,
    /// How many decimals it is shown with.
    #[serde(default = "default_decimals")]
    #[schema(maximum = 10)]
    pub decimals: u8,
}

/// Two decimals, as money has.
fn default_decimals() -> u8 {
    2
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better: revenue.
    HigherIsBetter,
    /// Less is better: delay.
    LowerIsBetter,
    /// What lies in a band: a temperature. Its target and thresholds are bands.
    Between,
    /// Neither: the number of flights.
    #[default]
    Neutral,
}

impl Direction {
    /// As definitions write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HigherIsBetter => "higher_is_better",
            Self::LowerIsBetter => "lower_is_better",
            Self::Between => "between",
            Self::Neutral => "neutral",
        }
    }
}

/// How a value is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Of the facts, to the last digit.
    #[default]
    Exact,
    /// Percentiles and numbers of different values from sketches, within their bounds, where the entity keeps such; else exactly.
    Approximate,
}

impl Mode {
    /// As definitions and questions write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximate => "approximate",
        }
    }

    /// Whether it need not be declared.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        matches!(self, Self::Exact)
    }
}

/// A KPI whose definition is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kpi {
    /// The definition.
    pub definition: KpiDefinition,
    /// Its formula, checked against the entities of the catalogue, with the expressions of the KPIs that it refers to.
    pub formula: Formula,
    /// The codes of the KPIs that its formula names, each once, in the order of the text.
    pub refers_to: Vec<String>,
    /// Its targets and thresholds. Each is asked as a KPI is.
    pub goal: Option<Goal<Arc<Kpi>>>,
}

impl KpiDefinition {
    /// A definition with a code and a name, no formula yet, and the defaults for the rest.
    #[must_use]
    pub fn named(code: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            formerly: Vec::new(),
            name: name.into(),
            description: String::new(),
            formula: String::new(),
            unit: String::new(),
            direction: Direction::default(),
            target: None,
            warning: None,
            critical: None,
            module: String::new(),
            value_chain: String::new(),
            mode: Mode::default(),
            decimals: default_decimals(),
        }
    }

    /// Checks the definition against a catalogue, in which there may be a KPI of its code that it is to replace.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn validate(self, catalog: &Catalog) -> Result<Kpi, Vec<Problem>> {
        self.validate_checked(catalog, formula::check)
    }

    /// The same with a formula that is checked in some way.
    pub(crate) fn validate_checked(self, catalog: &Catalog, check: Checking) -> Result<Kpi, Vec<Problem>> {
        let parsed = formula::parse(&self.formula);
        let code = self.code.clone();
        let kpi = self.validate_among(&parsed, &Defining::anew(catalog, &code), check)?;
        let goal = goal::compile(&kpi, catalog)?;
        Ok(Kpi { goal, ..kpi })
    }

    /// The same without targets and thresholds, where only names differ from what was checked before, so that it can't lead round in a circle.
    pub(crate) fn validate_known(self, catalog: &Catalog) -> Result<Kpi, Vec<Problem>> {
        let parsed = formula::parse(&self.formula);
        self.validate_among(&parsed, catalog, formula::check_known)
    }

    /// The same of a parsed formula, without targets and thresholds, that may name what there is.
    pub(crate) fn validate_among(
        self,
        parsed: &Parsed,
        names: &dyn Entities,
        check: Checking,
    ) -> Result<Kpi, Vec<Problem>> {
        let mut problems = Vec::new();
        KPI_CODE.check("/code", &self.code, &mut problems);
        check_former("/formerly", &self.formerly, &KPI_CODE, &mut problems);
        check_required_label("/name", &self.name, &mut problems);
        check_description("/description", &self.description, &mut problems);
        for (pointer, label) in [
            ("/unit", &self.unit),
            ("/module", &self.module),
            ("/value_chain", &self.value_chain),
        ] {
            check_label(pointer, label, &mut problems);
        }
        if self.decimals > MAX_DECIMALS {
            problems.push(Problem::new(
                "/decimals",
                format!("{} decimals, and {MAX_DECIMALS} are allowed", self.decimals),
            ));
        }
        match check(parsed, names) {
            Ok(formula) => none_or(problems, || Kpi {
                definition: self,
                formula,
                refers_to: references(parsed).into_iter().map(str::to_owned).collect(),
                goal: None,
            }),
            Err(diagnostics) => {
                problems.extend(
                    diagnostics
                        .into_iter()
                        .map(|diagnostic| Problem::in_formula("/formula", diagnostic)),
                );
                Err(problems)
            }
        }
    }
}

impl Kpi {
    /// Whether a path of it, or of its targets and thresholds, goes along the relationship of an attribute.
    #[must_use]
    pub fn goes_along(&self, entity: &str, attribute: &str) -> bool {
        let mut steps = self.formulas().flat_map(Formula::steps);
        steps.any(|step| step.entity == entity && step.attribute == attribute)
    }

    /// The name in topics and addresses.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.definition.code
    }

    /// The same in a mode, with what its values are held against.
    #[must_use]
    pub fn in_mode(&self, mode: Mode) -> Self {
        let mut kpi = self.clone();
        kpi.definition.mode = mode;
        kpi.goal = self
            .goal
            .as_ref()
            .map(|goal| goal.map(|bound| Arc::new(bound.in_mode(mode))));
        kpi
    }
}
