//! What a change would bring: one more person, another start.

use catalog::Problem;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::plan::{Assignment, Moment, Schedule};
use super::project::{Person, Project};
use super::report::{Planned, planned};

/// A plan before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WhatIf {
    /// Without the change; absent when there is no plan without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Schedule>,
    /// Why there is none.
    pub problems_before: Vec<Problem>,
    /// With the change.
    pub after: Schedule,
    /// Calendar days from the end with the change to the end without it: positive when it is earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_gained: Option<i32>,
    /// Tasks that have another person, begin or end.
    pub moved: Vec<Moved>,
}

/// A task that a change moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Moved {
    /// The key of the task.
    pub task: String,
    /// Who does it without the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_before: Option<String>,
    /// Who does it with the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_after: Option<String>,
    /// When it begins without the change.
    pub start_before: Moment,
    /// When it begins with the change.
    pub start_after: Moment,
    /// When it has ended without the change.
    pub end_before: Moment,
    /// When it has ended with the change.
    pub end_after: Moment,
}

/// What one more person would bring. The end is never later: the plan without this person remains a candidate.
///
/// # Errors
/// What is wrong with the project when the person is there.
pub fn with_person(project: &Project, person: Person) -> Result<WhatIf, Vec<Problem>> {
    let mut changed = project.clone();
    changed.people.push(person);
    compare(project, &changed)
}

/// What another start of the project would bring. When it is earlier, the end is never later.
///
/// # Errors
/// What is wrong with the project when it starts then.
pub fn with_start(project: &Project, start: Date) -> Result<WhatIf, Vec<Problem>> {
    compare(
        project,
        &Project {
            start,
            ..project.clone()
        },
    )
}

/// What another first day of one task would bring.
///
/// # Errors
/// That there is no such task, or what is wrong with the project.
pub fn with_task_start(project: &Project, task: &str, not_before: Date) -> Result<WhatIf, Vec<Problem>> {
    let mut changed = project.clone();
    let Some(task) = changed.tasks.iter_mut().find(|other| other.key == task) else {
        let problem = Problem::new("/task", format!("there is no task {task}"));
        return Err(vec![problem.with_hint("name the key of a task of this project")]);
    };
    task.not_before = Some(not_before);
    compare(project, &changed)
}

/// Both have the same tasks in the same order, and the people of the first are the first of the second.
fn compare(project: &Project, changed: &Project) -> Result<WhatIf, Vec<Problem>> {
    let mut before = planned(project, None);
    let known = before.as_ref().ok().map(|planned| planned.slots.as_slice());
    let after = planned(changed, known)?;
    if let Ok(before) = &mut before
        && fits(&after, before)
    {
        before.slots.clone_from(&after.slots);
    }
    let after = after.report();
    let (before, problems_before) = match before.as_ref().map(Planned::report) {
        Ok(report) => (Some(report), Vec::new()),
        Err(problems) => (None, problems.clone()),
    };
    let days_gained = before
        .as_ref()
        .map(|before| (before.end.day - after.end.day).get_days());
    let pairs = before
        .iter()
        .flat_map(|before| before.assignments.iter().zip(&after.assignments));
    let moved = pairs.filter_map(|(before, after)| moved(before, after)).collect();
    Ok(WhatIf {
        before,
        problems_before,
        after,
        days_gained,
        moved,
    })
}

/// Whether a plan after a change is one before it, too: then the change is not what it owes its end to.
fn fits(after: &Planned<'_>, before: &Planned<'_>) -> bool {
    let people = before.project.people.len();
    let same = after.project.start == before.project.start && after.project.tasks == before.project.tasks;
    same && after
        .slots
        .iter()
        .all(|slot| slot.person.is_none_or(|person| person < people))
}

fn moved(before: &Assignment, after: &Assignment) -> Option<Moved> {
    let place = |assignment: &Assignment| (assignment.person.clone(), assignment.start, assignment.end);
    let (person_before, start_before, end_before) = place(before);
    let (person_after, start_after, end_after) = place(after);
    (place(before) != place(after)).then(|| Moved {
        task: before.task.clone(),
        person_before,
        person_after,
        start_before,
        start_after,
        end_before,
        end_after,
    })
}

#[cfg(test)]
mod tests;
