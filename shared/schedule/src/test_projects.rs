//! Projects that the tests of this module share.

use jiff::civil::{Date, date};

use super::{Person, Phase, Project, Role, Skill, Span, Task};

/// A Monday.
pub(super) const MONDAY: Date = date(2026, 1, 5);

/// Some hours of a developer's work after other tasks.
pub(super) fn task(key: &str, hours: u32, depends_on: &[&str]) -> Task {
    Task {
        key: key.to_owned(),
        title: format!("Task {key}"),
        phase: Phase::DataIntegration,
        subject: None,
        skill: (hours > 0).then_some(Skill::BatchIntegration),
        work_minutes: hours * 60,
        depends_on: depends_on.iter().map(|key| (*key).to_owned()).collect(),
        not_before: None,
    }
}

/// A full-time developer.
pub(super) fn developer(id: &str) -> Person {
    Person::full_time(id, Role::IntegrationDeveloper)
}

/// A project that starts on a Monday.
pub(super) fn project(tasks: Vec<Task>, people: Vec<Person>) -> Project {
    Project {
        start: MONDAY,
        tasks,
        people,
        holidays: Vec::new(),
    }
}

/// A day of January 2026, and the days up to another one.
pub(super) fn january(from: i8, to: i8) -> Span {
    Span {
        from: date(2026, 1, from),
        to: date(2026, 1, to),
    }
}
