//! A plan as a chart shows it: bars, and the weeks of each phase.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calendar::day;
use super::plan::Schedule;
use super::project::{Phase, Project};

/// Days of a week.
pub const WEEK_DAYS: u32 = 7;

/// Bars, and what they add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gantt {
    /// One for each task, by their begin.
    pub bars: Vec<Bar>,
    /// One for each phase that has tasks, in their order.
    pub phases: Vec<PhaseSpan>,
}

/// A bar of a chart; a milestone when there is no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bar {
    /// The key of the task.
    pub task: String,
    /// What it is.
    pub title: String,
    /// The part of the project.
    pub phase: Phase,
    /// Who does it: a name, or the id of a placeholder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// The last day, included.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
    /// Whether the end of the project depends on it.
    pub critical: bool,
    /// Keys of the tasks that arrows come from.
    pub depends_on: Vec<String>,
}

/// The weeks of a phase, as a proposal document shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhaseSpan {
    /// The phase.
    pub phase: Phase,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// The last day, included.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
    /// The week of the first day; the week of seven days that begins with the project's start is 1.
    pub first_week: u32,
    /// The week of the last day.
    pub last_week: u32,
    /// Who works in it: names, or ids of placeholders.
    pub people: Vec<String>,
}

/// The chart of a project and its plan. Tasks that only one of the two has are left out.
#[must_use]
pub fn gantt(project: &Project, schedule: &Schedule) -> Gantt {
    let name = |id: &String| {
        let person = project.people.iter().find(|person| person.id == *id);
        person.map_or_else(|| id.clone(), |person| person.display_name().to_owned())
    };
    let pairs = project.tasks.iter().zip(&schedule.assignments);
    let pairs = pairs.filter(|(task, assignment)| task.key == assignment.task);
    let mut order: Vec<_> = pairs.collect();
    order.sort_by_key(|(_, assignment)| (assignment.start, assignment.end));
    let bars: Vec<Bar> = order
        .into_iter()
        .map(|(task, assignment)| Bar {
            task: task.key.clone(),
            title: task.title.clone(),
            phase: task.phase,
            person: assignment.person.as_ref().map(name),
            from: assignment.start.day,
            to: assignment.end.day,
            critical: assignment.critical,
            depends_on: task.depends_on.clone(),
        })
        .collect();
    Gantt::of(project.start, bars)
}

impl Gantt {
    /// Bars of a project that starts on a day, with the phases that they make up.
    #[must_use]
    pub fn of(start: Date, bars: Vec<Bar>) -> Self {
        let phases = [
            Phase::Environment,
            Phase::DataIntegration,
            Phase::KpiImplementation,
            Phase::Testing,
            Phase::GoLive,
        ];
        Self {
            phases: phases
                .into_iter()
                .filter_map(|phase| span(start, phase, &bars))
                .collect(),
            bars,
        }
    }
}

/// The week of a day: the seven days that begin with the project's start are week 1.
#[must_use]
pub fn week(start: Date, date: Date) -> u32 {
    day(start, date) / WEEK_DAYS + 1
}

fn span(start: Date, phase: Phase, bars: &[Bar]) -> Option<PhaseSpan> {
    let bars = || bars.iter().filter(|bar| bar.phase == phase);
    let (from, to) = (bars().map(|bar| bar.from).min()?, bars().map(|bar| bar.to).max()?);
    let mut people: Vec<String> = bars().filter_map(|bar| bar.person.clone()).collect();
    people.sort();
    people.dedup();
    Some(PhaseSpan {
        phase,
        from,
        to,
        first_week: week(start, from),
        last_week: week(start, to),
        people,
    })
}
