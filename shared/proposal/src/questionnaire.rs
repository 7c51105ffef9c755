//! The questionnaire as data: eight steps of questions with their options, defaults, limits and conditions.
//!
//! A form renders it, and [`crate::check`] checks answers against it, so the two cannot differ. Prices beside options
//! come from the price book.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::price_book::PriceBook;

mod steps;

/// The whole questionnaire.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Questionnaire {
    /// The version of the prices beside the options.
    pub price_book: String,
    /// The currency of the prices.
    pub currency: String,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

/// The name of a step in addresses and JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKey {
    /// The cart.
    KpiSelection,
    /// Value chains and the licence's term.
    Licensing,
    /// Each object's source.
    DataIntegration,
    /// Each KPI's complexity.
    KpiImplementation,
    /// Where the engine runs.
    Environment,
    /// How long data are kept.
    Retention,
    /// Load.
    Infrastructure,
    /// Support.
    ManagedServices,
}

impl StepKey {
    /// The steps in their order.
    pub const ALL: [Self; 8] = [
        Self::KpiSelection,
        Self::Licensing,
        Self::DataIntegration,
        Self::KpiImplementation,
        Self::Environment,
        Self::Retention,
        Self::Infrastructure,
        Self::ManagedServices,
    ];

    /// The name in addresses and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KpiSelection => "kpi_selection",
            Self::Licensing => "licensing",
            Self::DataIntegration => "data_integration",
            Self::KpiImplementation => "kpi_implementation",
            Self::Environment => "environment",
            Self::Retention => "retention",
            Self::Infrastructure => "infrastructure",
            Self::ManagedServices => "managed_services",
        }
    }

    /// The step of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

/// One step: the body of `PUT …/answers/{step}` is an object of its questions' keys.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Step {
    /// The name.
    pub key: StepKey,
    /// The name for people.
    pub title: &'static str,
    /// What the step is repeated for; then the body is an object of codes, each with its answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    /// The questions, in their order. A condition refers only to earlier questions.
    pub questions: Vec<Question>,
}

/// What a step is repeated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForEach {
    /// Each object that the KPIs need.
    RequiredObject,
    /// Each KPI of the cart.
    Kpi,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Question {
    /// The name of its answer.
    pub key: &'static str,
    /// What is asked, for people.
    pub text: &'static str,
    /// What an answer looks like.
    pub answer: AnswerKind,
    /// Whether a quote is incomplete without it.
    pub required: bool,
    /// The answer that is assumed when the step is answered without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// When it is asked; always when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// A question is asked when another one of the same step has one of these answers, or a list with one of them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Condition {
    /// The other question.
    pub question: &'static str,
    /// The answers.
    pub is_one_of: Vec<Value>,
}

/// What an answer looks like.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnswerKind {
    /// One option's key.
    Choice {
        /// The options.
        options: Vec<Choice>,
    },
    /// A list of options' keys.
    Choices {
        /// The options.
        options: Vec<Choice>,
        /// The least number of them.
        least: usize,
    },
    /// Yes or no.
    Boolean,
    /// A whole number.
    Integer {
        /// The unit.
        unit: &'static str,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// A number, or its exact digits as text; with at most six decimals.
    Decimal {
        /// The unit.
        unit: &'static str,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// A line of text.
    Text {
        /// The most characters.
        max_length: usize,
    },
    /// A list of lines of text, none twice.
    Texts {
        /// The least number of them.
        least: usize,
        /// The most of them.
        most: usize,
        /// The most characters of each.
        max_length: usize,
    },
}

/// One option.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Choice {
    /// The answer.
    pub key: &'static str,
    /// The name for people.
    pub text: &'static str,
    /// What it costs, where the price book has a price for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<ChoicePrice>,
}

/// What an option costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChoicePrice {
    /// The price, as text of a decimal.
    pub amount: String,
    /// What it is the price of: `value chain and year`, `object`, `KPI`, `hour`.
    pub per: &'static str,
}

impl Questionnaire {
    /// The questionnaire with the prices of a book.
    #[must_use]
    pub fn new(book: &PriceBook) -> Self {
        Self {
            price_book: book.version.clone(),
            currency: book.currency.clone(),
            steps: steps::all(book),
        }
    }

    /// A step of it.
    #[must_use]
    pub fn step(&self, key: StepKey) -> Option<&Step> {
        self.steps.iter().find(|step| step.key == key)
    }
}

impl Condition {
    /// Whether an answer meets it.
    #[must_use]
    pub fn is_met_by(&self, answer: Option<&Value>) -> bool {
        match answer {
            Some(Value::Array(list)) => list.iter().any(|item| self.is_one_of.contains(item)),
            Some(answer) => self.is_one_of.contains(answer),
            None => false,
        }
    }
}
