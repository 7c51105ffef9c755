//! Who does the work of a project, and when: tasks, given to people, on calendar days.
//!
//! # The model
//!
//! - **Time** is whole minutes on calendar days. Everybody begins a day at its minute 0 and works without a break until
//!   the day's minutes are used up. What a person has promised elsewhere is worked at the end of the day.
//! - **Capacity.** A person's minutes on a day are those of the weekday, less the promised ones; none on holidays, on
//!   days of absence, and before the project starts.
//! - **A task** is done by one person, who has its skill. Once begun, it is worked on in every minute that this person
//!   works, until its minutes are used up: only nights and days off interrupt it. It ends in its last minute.
//! - **A person** works on one task at a time; two tasks may share a day.
//! - **Dependencies.** A task begins when all that it depends on has ended, at the earliest in the next minute, which
//!   may be on the same day; and not before the day that it names.
//! - **A milestone** is a task without work: nobody does it, and it is reached when all that it depends on has ended.
//! - **The aim** is that the last task ends as early as possible. Among plans found with the same end, the best is the one
//!   whose people have the fewest idle minutes between their first and their last task; then the one whose tasks end earliest.
//!
//! Nobody is ever planned beyond capacity, so there is no overload to level afterwards.
//!
//! # The plan
//!
//! The problem is NP-hard, so a plan is good and not proven the best: serial generation by several
//! priority rules, forward and backward, then a search of fixed length by a generator with a fixed seed. No clock and
//! no randomness: the same input gives the same plan. `tests/golden/schedules.py` compares the ends with an exact solver's.
//!
//! [`placeholders`] is a team that nobody is named in yet, [`plan`] plans, [`gantt`] draws the plan, and [`with_person`], [`with_start`]
//! and [`with_task_start`] say what a change would bring.
//!
//! Pure: no I/O, no clock; and no knowledge of what the tasks come from or what they cost.

mod calendar;
mod check;
mod critical;
mod decode;
mod delays;
mod gantt;
mod network;
mod plan;
mod project;
mod report;
mod roles;
mod rules;
mod search;
#[cfg(test)]
mod test_projects;
mod utilisation;
mod what_if;

pub use delays::{Cause, CauseKind, Delay, DelayKind};
pub use gantt::{Bar, Gantt, PhaseSpan, WEEK_DAYS, gantt, week};
pub use plan::{Assignment, Moment, Schedule, Stint};
pub use project::{Commitment, FULL_DAY_MINUTES, Person, Phase, Project, Span, Task, Team, placeholders};
pub use report::plan;
pub use roles::{Role, Skill};
pub use utilisation::{PersonUtilisation, Utilisation};
pub use what_if::{Moved, WhatIf, with_person, with_start, with_task_start};

/// The most tasks of a project: a cart of the most KPIs, each over objects of its own, and room for more.
pub const MAX_TASKS: usize = 2_000;

/// The most dependencies of all tasks together: each task on 25 others.
pub const MAX_DEPENDENCIES: usize = 50_000;

/// The most people of a project.
pub const MAX_PEOPLE: usize = 100;

/// The most holidays, and the most absences or commitments of one person: one a week over the horizon.
pub const MAX_SPANS: usize = 160;

/// The longest project, in days from its start: three years. What does not end by then needs more people.
pub const MAX_HORIZON_DAYS: u32 = 1_096;

/// The most minutes that a person works on a day: sixteen hours.
pub const MAX_DAY_MINUTES: u32 = 960;

/// The most minutes of one task: two thousand hours, a year of one person.
pub const MAX_WORK_MINUTES: u32 = 120_000;

/// The most problems that one project is told of.
pub const MAX_PROBLEMS: usize = 100;

/// The most characters of the key of a task and of the id of a person.
pub const MAX_KEY: usize = 200;
