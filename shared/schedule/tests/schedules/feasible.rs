//! Whether a plan keeps the rules of the model, checked day by day from the project alone.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schedule::{Assignment, Moment, Person, Project, Schedule, Span, Task};

/// Fails with the rule that a plan breaks.
pub(crate) fn require_feasible(project: &Project, plan: &Schedule) {
    assert_eq!(project.tasks.len(), plan.assignments.len());
    let mut ends = BTreeMap::new();
    let mut used: BTreeMap<(&str, Date), Vec<(u32, u32)>> = BTreeMap::new();
    for (task, assignment) in project.tasks.iter().zip(&plan.assignments) {
        assert_eq!(task.key, assignment.task);
        assert_eq!(task.work_minutes, assignment.work_minutes, "{}", task.key);
        assert!(
            assignment.start.day >= project.start,
            "{} begins before the project",
            task.key
        );
        assert!(
            task.not_before.is_none_or(|day| assignment.start.day >= day),
            "{} begins before its day",
            task.key
        );
        ends.insert(task.key.as_str(), assignment.end);
        match &assignment.person {
            None => require_milestone(task, assignment),
            Some(id) => {
                let person = project.people.iter().find(|person| person.id == *id).unwrap();
                for (day, from, to) in worked(project, person, task, assignment) {
                    used.entry((id, day)).or_default().push((from, to));
                }
            }
        }
    }
    for (task, assignment) in project.tasks.iter().zip(&plan.assignments) {
        for before in &task.depends_on {
            assert!(
                time(ends[before.as_str()]) <= time(assignment.start),
                "{} begins before {before} has ended",
                task.key
            );
        }
    }
    for ((person, day), mut ranges) in used {
        ranges.sort_unstable();
        assert!(
            ranges.is_sorted_by(|one, next| one.1 <= next.0),
            "{person} does two tasks at once on {day}: {ranges:?}"
        );
    }
    assert_eq!(Some(plan.end), plan.assignments.iter().map(|each| each.end).max());
}

fn time(moment: Moment) -> (Date, u32) {
    (moment.day, moment.minute)
}

fn require_milestone(task: &Task, assignment: &Assignment) {
    assert_eq!(task.work_minutes, 0, "no one does {}", task.key);
    assert_eq!(assignment.start, assignment.end);
    assert!(assignment.work.is_empty());
}

/// The minutes of each day in which a task is worked on: all that its person has, from its begin to its end.
fn worked(project: &Project, person: &Person, task: &Task, assignment: &Assignment) -> Vec<(Date, u32, u32)> {
    let key = &task.key;
    assert!(person.can(task.skill.unwrap()), "{} cannot do {key}", person.id);
    let mut days = Vec::new();
    let mut day = assignment.start.day;
    while day <= assignment.end.day {
        let capacity = capacity(project, person, day);
        let first = if day == assignment.start.day {
            assignment.start.minute
        } else {
            0
        };
        let last = if day == assignment.end.day {
            assignment.end.minute
        } else {
            capacity
        };
        assert!(
            first <= last && last <= capacity,
            "{key} takes {first} to {last} of {capacity} on {day}"
        );
        if first < last {
            days.push((day, first, last));
        }
        day = day.tomorrow().unwrap();
    }
    let minutes: u32 = days.iter().map(|(_, from, to)| to - from).sum();
    assert_eq!(minutes, task.work_minutes, "{key}");
    assert_eq!(
        days.first().map(|(day, ..)| *day),
        Some(assignment.start.day),
        "{key} begins on a day off"
    );
    let listed: Vec<(Date, u32)> = assignment
        .work
        .iter()
        .flat_map(|stint| {
            let days = stint
                .from
                .series(jiff::ToSpan::days(1))
                .take_while(|day| *day <= stint.to);
            days.map(|day| (day, stint.minutes_per_day))
        })
        .collect();
    let expected: Vec<(Date, u32)> = days.iter().map(|(day, from, to)| (*day, to - from)).collect();
    assert_eq!(listed, expected, "{key}");
    days
}

/// Minutes that a person has on a day.
fn capacity(project: &Project, person: &Person, day: Date) -> u32 {
    let off = |spans: &[Span]| spans.iter().any(|span| (span.from..=span.to).contains(&day));
    if off(&project.holidays) || off(&person.absences) {
        return 0;
    }
    let index = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap();
    let promised = person
        .commitments
        .iter()
        .filter(|each| (each.from..=each.to).contains(&day));
    person.weekday_minutes[index].saturating_sub(promised.map(|each| each.minutes_per_day).sum())
}
