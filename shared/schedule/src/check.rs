//! Whether a project can be planned at all: limits, names, dependencies, and someone for every task.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use catalog::{Problem, checked_line, is_hidden};
use jiff::civil::Date;

use super::network::Network;
use super::project::{Person, Project, Span, Task};
use super::{
    MAX_DAY_MINUTES, MAX_DEPENDENCIES, MAX_HORIZON_DAYS, MAX_KEY, MAX_PEOPLE, MAX_PROBLEMS, MAX_SPANS, MAX_TASKS,
    MAX_WORK_MINUTES,
};

/// The project as a network, or all that is wrong with it.
pub(super) fn network(project: &Project) -> Result<Network, Vec<Problem>> {
    let mut problems = sizes(project);
    if problems.is_empty() {
        start(project.start, &mut problems);
        spans("/holidays", &project.holidays, &mut problems);
        names(
            "tasks",
            "key",
            project.tasks.iter().map(|task| &task.key),
            &mut problems,
        );
        names(
            "people",
            "id",
            project.people.iter().map(|each| &each.id),
            &mut problems,
        );
        for (index, each) in project.people.iter().enumerate() {
            if let Some(Err(problem)) = each.name.as_deref().map(|name| checked_line(name, catalog::MAX_LABEL)) {
                problems.push(problem.below(&format!("/people/{index}/name")));
            }
            person(&format!("/people/{index}"), each, &mut problems);
        }
        for (index, each) in project.tasks.iter().enumerate() {
            task(&format!("/tasks/{index}"), each, &project.people, &mut problems);
        }
    }
    let before = dependencies(project, &mut problems);
    problems.truncate(MAX_PROBLEMS);
    if !problems.is_empty() {
        return Err(problems);
    }
    match topological(&before) {
        Ok(order) => Ok(Network::new(project, before, order)),
        Err(circle) => Err(vec![circular(project, &circle)]),
    }
}

fn sizes(project: &Project) -> Vec<Problem> {
    let dependencies = project.tasks.iter().map(|task| task.depends_on.len()).sum();
    let lists = [
        ("/tasks", project.tasks.len(), "tasks", MAX_TASKS),
        ("/tasks", dependencies, "dependencies", MAX_DEPENDENCIES),
        ("/people", project.people.len(), "people", MAX_PEOPLE),
        ("/holidays", project.holidays.len(), "entries", MAX_SPANS),
    ];
    let mut problems = Vec::new();
    for (pointer, length, what, most) in lists {
        if length > most {
            problems
                .push(Problem::new(pointer, format!("there are {length} {what}")).with_hint(format!("at most {most}")));
        }
    }
    if project.tasks.is_empty() {
        problems.push(Problem::new("/tasks", "there is nothing to be done").with_hint("at least one task"));
    }
    problems
}

fn start(start: Date, problems: &mut Vec<Problem>) {
    if !(2_000..=9_000).contains(&start.year()) {
        problems.push(
            Problem::new("/start", "projects can't be planned in this year").with_hint("a day from 2000 to 9000"),
        );
    }
}

fn names<'a>(list: &str, field: &str, all: impl Iterator<Item = &'a String>, problems: &mut Vec<Problem>) {
    let mut known = BTreeSet::new();
    for (index, name) in all.enumerate() {
        let pointer = format!("/{list}/{index}/{field}");
        let length = name.chars().count();
        if length == 0 || length > MAX_KEY {
            let problem = Problem::new(pointer, format!("this has {length} characters"));
            problems.push(problem.with_hint(format!("1 to {MAX_KEY} characters")));
        } else if name.contains(is_hidden) {
            problems.push(Problem::new(pointer, "this has an invisible character"));
        } else if !known.insert(name) {
            let problem = Problem::new(pointer, format!("{name} is there twice"));
            problems.push(problem.with_hint(format!("use each {field} once")));
        }
    }
}

fn spans(pointer: &str, spans: &[Span], problems: &mut Vec<Problem>) {
    for (index, span) in spans.iter().enumerate() {
        in_order(&format!("{pointer}/{index}"), span.from, span.to, problems);
    }
}

fn in_order(pointer: &str, from: Date, to: Date, problems: &mut Vec<Problem>) {
    if to < from {
        let problem = Problem::new(pointer, format!("{to} comes before {from}"));
        problems.push(problem.with_hint("from the first day to the last, both included"));
    }
}

fn person(pointer: &str, person: &Person, problems: &mut Vec<Problem>) {
    let too_long = |minutes: u32| minutes > MAX_DAY_MINUTES;
    let hint = format!("at most {MAX_DAY_MINUTES} minutes a day");
    for (index, minutes) in person.weekday_minutes.iter().enumerate() {
        if too_long(*minutes) {
            let pointer = format!("{pointer}/weekday_minutes/{index}");
            problems.push(Problem::new(pointer, format!("{minutes} minutes a day are too many")).with_hint(&hint));
        }
    }
    for (list, length) in [
        ("absences", person.absences.len()),
        ("commitments", person.commitments.len()),
    ] {
        if length > MAX_SPANS {
            let problem = Problem::new(format!("{pointer}/{list}"), format!("there are {length} entries"));
            problems.push(problem.with_hint(format!("at most {MAX_SPANS}")));
            return;
        }
    }
    spans(&format!("{pointer}/absences"), &person.absences, problems);
    for (index, commitment) in person.commitments.iter().enumerate() {
        let pointer = format!("{pointer}/commitments/{index}");
        in_order(&pointer, commitment.from, commitment.to, problems);
        if too_long(commitment.minutes_per_day) {
            let minutes = commitment.minutes_per_day;
            let problem = Problem::new(pointer, format!("{minutes} minutes a day are too many"));
            problems.push(problem.with_hint(&hint));
        }
    }
}

fn task(pointer: &str, task: &Task, people: &[Person], problems: &mut Vec<Problem>) {
    if task.work_minutes > MAX_WORK_MINUTES {
        let problem = Problem::new(format!("{pointer}/work_minutes"), "this is too much work for one task");
        problems.push(problem.with_hint(format!("at most {MAX_WORK_MINUTES}; divide it into several tasks")));
    }
    if task.work_minutes == 0 {
        return;
    }
    let pointer = format!("{pointer}/skill");
    match task.skill {
        None => problems.push(
            Problem::new(pointer, "this work names no skill").with_hint("name the skill, or set work_minutes to 0"),
        ),
        Some(skill) if people.iter().all(|person| !person.can(skill)) => {
            let problem = Problem::new(pointer, format!("nobody can do {}", task.key));
            problems.push(problem.with_hint("add a person, or a placeholder, with this skill or a role that has it"));
        }
        Some(_) => {}
    }
}

/// For each task, the indices of those that it depends on, each once.
fn dependencies(project: &Project, problems: &mut Vec<Problem>) -> Vec<Vec<usize>> {
    if !problems.is_empty() {
        return Vec::new();
    }
    let keys = project.tasks.iter().enumerate();
    let index_of: BTreeMap<&str, usize> = keys.map(|(index, task)| (task.key.as_str(), index)).collect();
    let mut all = Vec::new();
    for (index, task) in project.tasks.iter().enumerate() {
        let mut before = BTreeSet::new();
        for (number, key) in task.depends_on.iter().enumerate() {
            let pointer = format!("/tasks/{index}/depends_on/{number}");
            match index_of.get(key.as_str()) {
                None => problems.push(
                    Problem::new(pointer, format!("there is no task {key}"))
                        .with_hint("name the key of a task of this project, or leave it out"),
                ),
                Some(other) if *other == index => {
                    problems.push(Problem::new(pointer, format!("{key} depends on itself")).with_hint("leave it out"))
                }
                Some(other) => {
                    before.insert(*other);
                }
            }
        }
        all.push(before.into_iter().collect());
    }
    all
}

/// An order in which no task comes before one that it depends on, as near to the given order as can be; or a circle.
fn topological(before: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
    for (task, others) in before.iter().enumerate() {
        for other in others {
            after[*other].push(task);
        }
    }
    let mut waits: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut free: VecDeque<usize> = (0..before.len()).filter(|task| waits[*task] == 0).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(task) = free.pop_front() {
        order.push(task);
        for next in &after[task] {
            waits[*next] -= 1;
            if waits[*next] == 0 {
                free.push_back(*next);
            }
        }
    }
    if order.len() == before.len() {
        Ok(order)
    } else {
        Err(circle(before, &waits))
    }
}

/// Tasks that wait for each other. What still waits always waits for something that still waits: going back ends in a circle.
fn circle(before: &[Vec<usize>], waits: &[usize]) -> Vec<usize> {
    let waiting = |tasks: &[usize]| tasks.iter().copied().find(|task| waits[*task] > 0);
    let mut path: Vec<usize> = Vec::new();
    let mut next = (0..before.len()).find(|task| waits[*task] > 0);
    while let Some(task) = next {
        if let Some(at) = path.iter().position(|known| *known == task) {
            path.drain(..at);
            break;
        }
        path.push(task);
        next = waiting(&before[task]);
    }
    path.reverse();
    path
}

fn circular(project: &Project, circle: &[usize]) -> Problem {
    /// The most tasks of a circle that a message names.
    const SHOWN: usize = 10;
    let key = |task: &usize| project.tasks[*task].key.as_str();
    let mut keys: Vec<&str> = circle.iter().take(SHOWN).map(key).collect();
    keys.push(if circle.len() > SHOWN {
        "..."
    } else {
        circle.first().map_or("", key)
    });
    let first = circle.first().copied().unwrap_or_default();
    let message = format!("these tasks depend on each other: {}", keys.join(", then "));
    Problem::new(format!("/tasks/{first}/depends_on"), message)
        .with_hint(format!("remove one of these {} dependencies", circle.len()))
}

/// What to say when a task finds no place before the horizon.
pub(super) fn too_long(project: &Project, task: usize) -> Problem {
    let Task { key, .. } = &project.tasks[task];
    let message = format!("{key} does not end within {MAX_HORIZON_DAYS} days of the start");
    Problem::new(format!("/tasks/{task}"), message)
        .with_hint("add people with its skill, give them more hours, or divide the project")
}

#[cfg(test)]
mod tests;
