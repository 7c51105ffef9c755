//! What a plan says.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::calendar::{DAY, date};
use super::delays::Delay;
use super::utilisation::Utilisation;

/// A plan: who does which task, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Schedule {
    /// When the first task begins.
    pub start: Moment,
    /// When the last task has ended.
    pub end: Moment,
    /// Minutes of a standard calendar (full days from Monday to Friday) from the project's start to the end.
    pub standard_minutes: u32,
    /// Tasks in the order of the project.
    pub assignments: Vec<Assignment>,
    /// Keys of tasks up to the last one: each begins with the first minute that its person works after the one before.
    pub critical_path: Vec<String>,
    /// How much of their time people work.
    pub utilisation: Utilisation,
    /// Why tasks begin later, or take longer, than necessary.
    pub delays: Vec<Delay>,
}

/// A minute of work on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Moment {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub day: Date,
    /// Minutes since the beginning of the day's work: 0 to begin with the day, 480 to end with a full one.
    pub minute: u32,
}

impl Moment {
    pub(super) fn new(start: Date, time: u32) -> Self {
        Self {
            day: date(start, time / DAY),
            minute: time % DAY,
        }
    }
}

/// A task in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Assignment {
    /// The key of the task.
    pub task: String,
    /// The id of the person; absent for a milestone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// When it begins.
    pub start: Moment,
    /// When it has ended; its day is the last day of work.
    pub end: Moment,
    /// Minutes of work, on the days of `work`.
    pub work_minutes: u32,
    /// Work by day.
    pub work: Vec<Stint>,
    /// By how many of its person's minutes it can be put off without the project ending later.
    pub total_slack_minutes: u32,
    /// By how many of its person's minutes it can be put off without any other task beginning later.
    pub free_slack_minutes: u32,
    /// Whether it has no total slack.
    pub critical: bool,
}

/// Days in a row with the same work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stint {
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// The last day, included.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
    /// Minutes on each of these days.
    pub minutes_per_day: u32,
}
