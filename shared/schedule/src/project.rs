//! What is to be planned: a start, tasks, people and holidays.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::roles::{Role, Skill};

/// A full day of work, in minutes: eight hours.
pub const FULL_DAY_MINUTES: u32 = 480;

/// A project to be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// The first day on which work can be done.
    #[schema(value_type = String, format = Date)]
    pub start: Date,
    /// What is to be done.
    pub tasks: Vec<Task>,
    /// Who can do it.
    pub people: Vec<Person>,
    /// Days on which nobody works.
    #[serde(default)]
    pub holidays: Vec<Span>,
}

/// Who is asked to do the work, and from when: everything that a plan needs besides the tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// The first day of work.
    #[schema(value_type = String, format = Date)]
    pub start: Date,
    /// Who can do it; one placeholder for each role that is needed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<Person>>,
    /// Days on which nobody works.
    #[serde(default)]
    pub holidays: Vec<Span>,
}

impl Team {
    /// The project of this team and these tasks.
    #[must_use]
    pub fn project(self, tasks: Vec<Task>) -> Project {
        Project {
            start: self.start,
            people: self.people.unwrap_or_else(|| placeholders(&tasks)),
            tasks,
            holidays: self.holidays,
        }
    }
}

/// A team that nobody is named in yet: one person full time for each role that some task needs.
#[must_use]
pub fn placeholders(tasks: &[Task]) -> Vec<Person> {
    let needed = |role: &Role| {
        let skills = tasks
            .iter()
            .filter(|task| task.work_minutes > 0)
            .filter_map(|task| task.skill);
        skills.into_iter().any(|skill| role.skills().contains(&skill))
    };
    let roles = Role::ALL.into_iter().filter(needed);
    roles.map(|role| Person::full_time(role.title(), role)).collect()
}

/// Days from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Span {
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
}

impl Span {
    /// Whether a day is one of these.
    pub(super) fn has(self, day: Date) -> bool {
        (self.from..=self.to).contains(&day)
    }
}

/// Time that a person has promised to something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Commitment {
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// The last day, included.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
    /// Minutes on each of these days.
    pub minutes_per_day: u32,
}

/// Someone who does tasks, or a placeholder until someone is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// What the plan calls this person; unique in the project.
    pub id: String,
    /// The name; absent for a placeholder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Roles, each with its skills.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Skills beyond those of the roles.
    #[serde(default)]
    pub skills: Vec<Skill>,
    /// Minutes of work on Monday, Tuesday and so on to Sunday; eight hours from Monday to Friday when absent.
    #[serde(default = "full_week")]
    #[schema(min_items = 7, max_items = 7)]
    pub weekday_minutes: [u32; 7],
    /// Days on which this person does not work.
    #[serde(default)]
    pub absences: Vec<Span>,
    /// Time promised to other projects.
    #[serde(default)]
    pub commitments: Vec<Commitment>,
}

impl Person {
    /// Someone with a role who works full weeks: a placeholder until a name is set.
    #[must_use]
    pub fn full_time(id: impl Into<String>, role: Role) -> Self {
        Self {
            id: id.into(),
            name: None,
            roles: vec![role],
            skills: Vec::new(),
            weekday_minutes: full_week(),
            absences: Vec::new(),
            commitments: Vec::new(),
        }
    }

    /// The name, or the id of a placeholder.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Whether this person has a skill, by a role or beyond.
    #[must_use]
    pub fn can(&self, skill: Skill) -> bool {
        self.skills.contains(&skill) || self.roles.iter().any(|role| role.skills().contains(&skill))
    }

    /// Minutes of the day's weekday.
    pub(super) fn weekday(&self, day: Date) -> u32 {
        let index = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or_default();
        self.weekday_minutes[index]
    }

    /// Minutes promised elsewhere on a day.
    pub(super) fn promised(&self, day: Date) -> u32 {
        let of_day = |commitment: &&Commitment| (commitment.from..=commitment.to).contains(&day);
        let minutes = self.commitments.iter().filter(of_day).map(|each| each.minutes_per_day);
        minutes.sum()
    }
}

fn full_week() -> [u32; 7] {
    let day = FULL_DAY_MINUTES;
    [day, day, day, day, day, 0, 0]
}

/// A part of a project, in the order in which they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The environment, and access to it.
    Environment,
    /// The data of objects are integrated.
    DataIntegration,
    /// KPIs are implemented.
    KpiImplementation,
    /// Testing, and acceptance by the client.
    Testing,
    /// The milestone at the end.
    GoLive,
}

/// Something to be done by one person; a milestone when it has no work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// What dependencies and the plan call it; unique in the project.
    pub key: String,
    /// What it is, in words.
    pub title: String,
    /// The part of the project.
    pub phase: Phase,
    /// What it is for: the code of an object or a KPI, a platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The skill that it takes; absent for a milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<Skill>,
    /// Minutes of work; none for a milestone.
    pub work_minutes: u32,
    /// Keys of the tasks that must have ended before it begins.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// A day before which it does not begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub not_before: Option<Date>,
}
