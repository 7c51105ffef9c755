//! Why tasks begin later, or take longer, than necessary.
//!
//! Measured against a standard calendar: full days from Monday to Friday, no holidays. A task begins late when standard minutes
//! pass between the end of what it depends on and its begin; it takes long when more standard minutes pass until its end than it has
//! work. Nights and weekends are nobody's delay.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::calendar::{DAY, date, standard_minutes};
use super::critical::Slack;
use super::project::{FULL_DAY_MINUTES, Person, Project};
use super::report::Planned;

/// The most causes of one delay that are listed: those that cost the most.
const MAX_CAUSES: usize = 5;

/// A task that begins later, or takes longer, than necessary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delay {
    /// The key of the task.
    pub task: String,
    /// Whether it begins late or takes long.
    pub kind: DelayKind,
    /// Minutes of standard days that it costs.
    pub minutes: u32,
    /// Why, the costliest first.
    pub causes: Vec<Cause>,
    /// The same in words.
    pub text: String,
}

/// What is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DelayKind {
    /// It begins later than its dependencies allow.
    LateStart,
    /// It takes longer than its work.
    LongDuration,
}

/// A cause of a delay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cause {
    /// What it is.
    pub kind: CauseKind,
    /// The key of the other task, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The first day on which it matters.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// The last one.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
    /// Minutes of standard days that it costs.
    pub minutes: u32,
}

/// What causes a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// The task names a day before which it does not begin.
    NotBefore,
    /// Its person is busy with another task.
    Busy,
    /// Its person is free before another task, but not long enough.
    ShortGap,
    /// Nobody works.
    Holiday,
    /// Its person is away.
    Absence,
    /// Its person works less than a full day.
    PartTime,
    /// Its person has promised the time elsewhere.
    Commitment,
}

/// The delays of a plan, in the order of its tasks.
pub(super) fn of(plan: &Planned<'_>, slack: &Slack) -> Vec<Delay> {
    let mut delays = Vec::new();
    for (task, slot) in plan.slots.iter().enumerate() {
        let Some(person) = slot.person else {
            continue;
        };
        let node = &plan.network.nodes[task];
        let ready = node.before.iter().map(|before| plan.slots[*before].end).max();
        let ready = ready.unwrap_or_default();
        let mut causes = Causes {
            plan,
            person,
            found: Vec::new(),
        };
        causes.wait(ready, slot.start.min(node.release), slot.start);
        let late = plan.standard.worked_before(slot.start) - plan.standard.worked_before(ready);
        delays.extend(causes.delay(task, DelayKind::LateStart, late, slack));
        let mut causes = Causes {
            plan,
            person,
            found: Vec::new(),
        };
        causes.off(slot.start, slot.end);
        let took = plan.standard.worked_before(slot.end) - plan.standard.worked_before(slot.start);
        delays.extend(causes.delay(task, DelayKind::LongDuration, took.saturating_sub(node.work), slack));
    }
    delays
}

/// Causes as they are found, for a task of a person.
struct Causes<'a> {
    plan: &'a Planned<'a>,
    person: usize,
    found: Vec<Cause>,
}

impl Causes<'_> {
    /// What happens between the end of dependencies and the begin: first the day that the task names, then the person.
    fn wait(&mut self, ready: u32, release: u32, start: u32) {
        each_day(self.plan.project, ready, release, |day, from, to| {
            self.add(CauseKind::NotBefore, None, day, to - from);
        });
        self.off(ready.max(release), start);
        self.busy(ready.max(release), start);
    }

    /// Standard minutes in which the person does not work for the project.
    fn off(&mut self, from: u32, to: u32) {
        let project = self.plan.project;
        let person = &project.people[self.person];
        each_day(project, from, to, |day, from, to| {
            for (kind, off_from, off_to) in limits(project, person, day) {
                self.add(kind, None, day, to.min(off_to).saturating_sub(from.max(off_from)));
            }
        });
    }

    /// Standard minutes in which the person works on other tasks, or is free for too short a time.
    fn busy(&mut self, from: u32, to: u32) {
        let plan = self.plan;
        let calendar = &plan.network.calendars[self.person];
        let mut others: Vec<(u32, u32, usize)> = (plan.slots.iter().enumerate())
            .filter(|(_, slot)| slot.person == Some(self.person) && slot.end > from && slot.start <= to)
            .map(|(task, slot)| (slot.from, slot.from + plan.network.nodes[task].work, task))
            .collect();
        others.sort_unstable();
        let key = |task: usize| Some(plan.project.tasks[task].key.as_str());
        each_day(plan.project, from, to, |day, from, to| {
            let base = super::calendar::day(plan.project.start, day) * DAY;
            let (first, last) = (calendar.worked_before(base + from), calendar.worked_before(base + to));
            let mut at = first;
            for (busy_from, busy_to, task) in &others {
                let (gap_to, done) = ((*busy_from).clamp(at, last), (*busy_to).clamp(at, last));
                self.add(CauseKind::ShortGap, key(*task), day, gap_to - at);
                self.add(CauseKind::Busy, key(*task), day, done - gap_to);
                at = done;
            }
        });
    }

    fn add(&mut self, kind: CauseKind, task: Option<&str>, day: Date, minutes: u32) {
        if minutes == 0 {
            return;
        }
        let same = |cause: &&mut Cause| cause.kind == kind && cause.task.as_deref() == task;
        match self.found.iter_mut().find(same) {
            Some(cause) => {
                cause.from = cause.from.min(day);
                cause.to = cause.to.max(day);
                cause.minutes += minutes;
            }
            None => self.found.push(Cause {
                kind,
                task: task.map(str::to_owned),
                from: day,
                to: day,
                minutes,
            }),
        }
    }

    fn delay(mut self, task: usize, kind: DelayKind, minutes: u32, slack: &Slack) -> Option<Delay> {
        if minutes == 0 {
            return None;
        }
        self.found.sort_by_key(|cause| std::cmp::Reverse(cause.minutes));
        self.found.truncate(MAX_CAUSES);
        let text = self.text(task, kind, minutes, slack);
        Some(Delay {
            task: self.plan.project.tasks[task].key.clone(),
            kind,
            minutes,
            causes: self.found,
            text,
        })
    }

    fn text(&self, task: usize, kind: DelayKind, minutes: u32, slack: &Slack) -> String {
        let project = self.plan.project;
        let who = project.people[self.person].display_name();
        let causes: Vec<String> = self.found.iter().map(|cause| in_words(cause, who)).collect();
        let what = match kind {
            DelayKind::LateStart => "begins",
            DelayKind::LongDuration => "takes",
        };
        let than = match kind {
            DelayKind::LateStart => "later than its dependencies allow",
            DelayKind::LongDuration => "longer than its work",
        };
        let alone = match self.plan.network.nodes[task].people.len() {
            1 => "; nobody else has the skill",
            _ => "",
        };
        let end = match slack.total[task] {
            0 => "; the end of the project depends on it",
            _ => "",
        };
        let title = &project.tasks[task].title;
        format!(
            "{title} {what} {} {than}: {}{alone}{end}",
            hours(minutes),
            causes.join("; ")
        )
    }
}

/// For each standard day between two times: the day, and from which to which of its minutes.
fn each_day(project: &Project, from: u32, to: u32, mut each: impl FnMut(Date, u32, u32)) {
    if to <= from {
        return;
    }
    for number in from / DAY..=to / DAY {
        let day = date(project.start, number);
        let most = standard_minutes(day);
        let clamp = |time: u32| time.saturating_sub(number * DAY).min(most);
        if clamp(from) < clamp(to) {
            each(day, clamp(from), clamp(to));
        }
    }
}

/// Why a person does not work all of a standard day: causes, each from one minute to another.
fn limits(project: &Project, person: &Person, day: Date) -> Vec<(CauseKind, u32, u32)> {
    if project.holidays.iter().any(|span| span.has(day)) {
        return vec![(CauseKind::Holiday, 0, FULL_DAY_MINUTES)];
    }
    if person.absences.iter().any(|span| span.has(day)) {
        return vec![(CauseKind::Absence, 0, FULL_DAY_MINUTES)];
    }
    let weekday = person.weekday(day).min(FULL_DAY_MINUTES);
    let left = person.weekday(day).saturating_sub(person.promised(day)).min(weekday);
    vec![
        (CauseKind::Commitment, left, weekday),
        (CauseKind::PartTime, weekday, FULL_DAY_MINUTES),
    ]
}

fn in_words(cause: &Cause, who: &str) -> String {
    let days = if cause.from == cause.to {
        format!("on {}", cause.from)
    } else {
        format!("from {} to {}", cause.from, cause.to)
    };
    let hours = hours(cause.minutes);
    let task = cause.task.as_deref().unwrap_or_default();
    match cause.kind {
        CauseKind::NotBefore => format!("it must not begin before a later day ({hours} {days})"),
        CauseKind::Busy => format!("{who} is busy with {task} ({hours} {days})"),
        CauseKind::ShortGap => format!("{who}'s free time before {task} is too short ({hours} {days})"),
        CauseKind::Holiday => format!("holidays ({hours} {days})"),
        CauseKind::Absence => format!("{who} is away ({hours} {days})"),
        CauseKind::PartTime => format!("{who} works part time ({hours} {days})"),
        CauseKind::Commitment => format!("{who} is committed elsewhere ({hours} {days})"),
    }
}

/// Minutes as hours, to the minute.
fn hours(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests;
