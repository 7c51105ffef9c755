//! Bodies of the REST API about service proposals; questionnaire, answers and quote are types of `proposal`.

use jiff::Timestamp;
use proposal::{Answers, Missing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `POST /v1/proposals`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProposal {
    /// Name of the project.
    #[schema(max_length = 120)]
    pub name: String,
    /// The cart: codes of KPIs.
    #[schema(min_items = 1, max_items = 500)]
    pub kpis: Vec<String>,
}

/// `POST /v1/analysis/required-objects`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiCodes {
    /// Codes of KPIs.
    #[schema(max_items = 500)]
    pub kpis: Vec<String>,
}

/// The answers of one step, by the keys of its questions; in a step that is repeated, by code and then by key.
#[derive(Deserialize, ToSchema)]
#[schema(value_type = Object)]
pub struct StepAnswers(pub serde_json::Value);

/// A proposal. Its version is also its `ETag`.
#[derive(Serialize, ToSchema)]
pub struct Proposal {
    /// Identity.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Name of the project.
    pub name: String,
    /// Version of the price book that it was begun with and is priced by.
    pub price_book: String,
    /// Counts the changes.
    pub version: i32,
    /// The answers so far.
    pub answers: Answers,
    /// What is still to be answered.
    pub missing: Vec<Missing>,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A proposal in a list.
#[derive(Serialize, ToSchema)]
pub struct ProposalSummary {
    /// Identity.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Name of the project.
    pub name: String,
    /// Number of KPIs in its cart.
    pub kpis: usize,
    /// Counts the changes.
    pub version: i32,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// Proposals, newest first.
#[derive(Serialize, ToSchema)]
pub struct Proposals {
    /// A page of them.
    pub proposals: Vec<ProposalSummary>,
    /// `before` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub next_before: Option<Uuid>,
}
