//! Which groupings would help.

use catalog::Level;
use identity::Permission;
use jiff::Timestamp;
use route::{Access, Answer, Body, Method, Route};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Says which groupings would help.
pub static ADVISE_GROUPINGS: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/groupings/advice",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "adviseGroupings",
    summary: "Which groupings would have answered what was asked of the facts, and what they would cost, by the last facts that there are. Nothing is created.",
    parameters: &[],
    request: Some(Body::of::<GroupingsAsked>()),
    answer: Answer::ok::<GroupingsAdvice>(),
};

/// The body of `POST /v1/groupings/advice`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupingsAsked {
    /// The code of the entity; all entities where it is left out.
    #[serde(default)]
    #[schema(examples("Flight"))]
    pub entity: Option<String>,
}

/// What would help.
#[derive(Serialize, ToSchema)]
pub struct GroupingsAdvice {
    /// Groupings, those that help first, and of these the ones that most questions lack.
    pub advice: Vec<GroupingAdvice>,
}

/// A grouping that questions lack.
#[derive(Serialize, ToSchema)]
pub struct GroupingAdvice {
    /// The code of the entity.
    pub entity: String,
    /// The names of its dimensions.
    pub dimensions: Vec<String>,
    /// The finest rollup that the questions need.
    pub finest: Level,
    /// How many questions were answered from the facts that it would have answered.
    pub questions: i64,
    /// When the last of them was asked.
    #[schema(value_type = String, format = DateTime)]
    pub last_asked_at: Timestamp,
    /// Whether it would help.
    pub helps: bool,
    /// Why it would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it would make of the last facts.
    pub sample: GroupingSample,
}

/// What a grouping would make of the last facts of its entity.
#[derive(Serialize, ToSchema)]
pub struct GroupingSample {
    /// How many facts were looked at: a question over their time reads as many without the grouping.
    pub facts: i64,
    /// How many rows it would have of them at its finest level: a question reads these, or the fewer ones of a coarser level.
    pub rows: i64,
    /// About how many bytes these rows would take. Those of hours and days come to it.
    pub bytes: i64,
    /// The most groups of a day.
    pub groups: i64,
    /// When the first of the facts happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime)]
    pub from: Option<Timestamp>,
    /// When the last of them happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime)]
    pub to: Option<Timestamp>,
}
