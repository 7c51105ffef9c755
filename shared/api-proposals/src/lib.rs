//! The REST API of service proposals: bodies, and the routes that take and answer them. Questionnaire, answers and quote are types
//! of `proposal`; tasks, people and plans are types of `schedule`.

pub mod routes;

use jiff::Timestamp;
use jiff::civil::Date;
use proposal::lifecycle::State;
use proposal::{Answers, Difference, Missing, Terms};
use schedule::{Gantt, Person, Schedule, Span, Task, Team, WhatIf};
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
    /// Version of the price book that it was begun with and is priced from.
    pub price_book: String,
    /// Counts the changes.
    pub version: i32,
    /// Counts the revisions.
    pub revision: i32,
    /// Where the latest revision stands today.
    pub state: State,
    /// The answers so far.
    pub answers: Answers,
    /// Discounts, currency and tax.
    pub terms: Terms,
    /// Who is asked to do the work, and from when; absent while nothing is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// What is still to be answered.
    pub missing: Vec<Missing>,
    /// Who issued the latest revision, and what became of it; absent while it is a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<Issued>,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// By whom; absent when it has not been changed since it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<Actor>,
    /// Who gave its discounts, currency and tax; absent when nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_by: Option<Actor>,
}

/// A revision that was issued.
#[derive(Serialize, ToSchema)]
pub struct Issued {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// The last day, of the client's calendar, on which it can be accepted.
    #[schema(value_type = String, format = Date)]
    pub valid_until: Date,
    /// When it was accepted, declined or superseded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Actor>,
    /// Why it was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Who did something.
#[derive(Serialize, ToSchema)]
pub struct Actor {
    /// The user.
    #[schema(value_type = String, format = "uuid")]
    pub user: Uuid,
    /// Its e-mail address; absent when the user is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// `POST /v1/proposals/{id}/issue`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// The draft's revision. If it is issued already, neither it nor the next one is issued.
    pub revision: i32,
}

/// `POST /v1/proposals/{id}/revisions`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevisionRequest {
    /// The revision that the next one follows.
    pub after: i32,
}

/// `POST /v1/proposals/{id}/accept`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The revision that was read, so that no other one is accepted unseen.
    pub revision: i32,
}

/// `POST /v1/proposals/{id}/decline`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The revision that was read.
    pub revision: i32,
    /// Why.
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// `POST /v1/proposals/{id}/schedule`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRequest {
    /// The first day of work.
    #[schema(value_type = String, format = Date)]
    pub start: Date,
    /// Who can do it; one placeholder for each role that is needed when absent.
    pub people: Option<Vec<Person>>,
    /// Days on which nobody works.
    #[serde(default)]
    pub holidays: Vec<Span>,
    /// A change to compare with the plan.
    pub what_if: Option<WhatIfQuestion>,
}

/// A change of a schedule: `{"add_person": {…}}`, `{"start_on": "2026-12-14"}` or `{"begin_task": {"task": "…", "on": "2026-12-14"}}`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WhatIfQuestion {
    /// One more person.
    AddPerson(Person),
    /// Another first day of work.
    #[schema(value_type = String, format = Date)]
    StartOn(Date),
    /// A task that begins no earlier than a day.
    BeginTask(TaskBegin),
}

/// A task that begins no earlier than a day.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskBegin {
    /// The key of the task.
    pub task: String,
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub on: Date,
}

/// Who does the work of a proposal, and when.
#[derive(Serialize, ToSchema)]
pub struct Planned {
    /// The first day of work.
    #[schema(value_type = String, format = Date)]
    pub start: Date,
    /// The tasks that follow from the quote, with the most hours of a range.
    pub tasks: Vec<Task>,
    /// The people that were planned with.
    pub people: Vec<Person>,
    /// The plan.
    pub schedule: Schedule,
    /// The same as bars of a chart.
    pub gantt: Gantt,
    /// What the change would bring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_if: Option<WhatIf>,
}

/// A revision in a list.
#[derive(Serialize, ToSchema)]
pub struct RevisionSummary {
    /// Its number.
    pub revision: i32,
    /// Where it stands today.
    pub state: State,
    /// When, by whom, and what became of it.
    pub issued: Issued,
    /// Its quote's totals.
    #[schema(value_type = Object)]
    pub totals: serde_json::Value,
}

/// Revisions that were issued, oldest first.
#[derive(Serialize, ToSchema)]
pub struct Revisions {
    /// A page of them.
    pub revisions: Vec<RevisionSummary>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// A revision as it was issued, and what changed since the one before.
#[derive(Serialize, ToSchema)]
pub struct Revision {
    /// Its number.
    pub revision: i32,
    /// Where it stands today.
    pub state: State,
    /// When, by whom, and what became of it.
    pub issued: Issued,
    /// Its answers.
    #[schema(value_type = Answers)]
    pub answers: serde_json::Value,
    /// Its terms.
    #[schema(value_type = Terms)]
    pub terms: serde_json::Value,
    /// Its quote.
    #[schema(value_type = Object)]
    pub quote: serde_json::Value,
    /// Who does the work, and when, as it was planned then; absent when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Planned>)]
    pub plan: Option<serde_json::Value>,
    /// Answers, terms and totals that differ from the revision that was issued before; none of the first.
    pub changes: Vec<Difference>,
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
    /// Counts the revisions.
    pub revision: i32,
    /// Where the latest revision stands today.
    pub state: State,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// Proposals, newest first.
#[derive(Serialize, ToSchema)]
pub struct Proposals {
    /// A page of them.
    pub proposals: Vec<ProposalSummary>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// The documents of an issued revision.
#[derive(Serialize, ToSchema)]
pub struct Documents {
    /// The revision.
    pub revision: i32,
    /// Whether they are ready.
    pub state: DocumentState,
    /// Why the last attempt failed. Five attempts are made within half an hour; a POST to the same path asks for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The PDF and the Word file.
    pub files: Vec<DocumentFile>,
    /// Pictures of the pages, in their order.
    pub pages: Vec<DocumentFile>,
    /// When the links expire; ask again for new ones.
    #[schema(value_type = String, format = DateTime)]
    pub links_expire_at: Timestamp,
}

/// `POST /v1/proposals/{id}/documents`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentsRequest {
    /// An issued revision.
    pub revision: i32,
}

/// Whether documents are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentState {
    /// They are being made, which takes seconds.
    Pending,
    /// They can be downloaded.
    Ready,
    /// They could not be made: `failure` says why.
    Failed,
}

/// A file to download.
#[derive(Serialize, ToSchema)]
pub struct DocumentFile {
    /// The name that it is saved under.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// A link with which anyone can download it for a while.
    #[schema(format = "uri")]
    pub url: String,
}

/// How the documents of an organisation look. Its version is its `ETag`; `"0"` before there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Branding {
    /// The colour of headings, such as `#1f3a5f`.
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub primary_colour: String,
    /// The second colour of charts.
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub accent_colour: String,
    /// The logo: a PNG file of at most 512 KB and 2,000 x 2,000 pixels, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64", max_length = 699052)]
    pub logo: Option<String>,
    /// Terms and conditions: the last chapter of each document, one paragraph per line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 50000)]
    pub conditions: String,
}
