//! Who works when: left out while nothing is planned.

use jiff::civil::Date;
use schedule::{Bar, WEEK_DAYS, week};

use super::{Draft, Writer, heading, paragraph};
use crate::blocks::{Align, Block, Gantt, GanttRow, Table, Tick};
use crate::details::{MAX_GANTT_BARS, Plan};
use crate::text::clean;
use crate::words;

/// Weeks of the longest axis that has a tick for every week; a longer one has ticks for months.
const MAX_WEEK_TICKS: u32 = 16;

/// Days that the name of a month takes of an axis of many weeks: one nearer to the end would stand beyond it.
const LABEL_DAYS: u32 = 10;

/// The tasks of a person together.
struct Share {
    name: String,
    from: Date,
    to: Date,
    tasks: usize,
}

impl Writer<'_> {
    /// The first and the last day of the plan.
    pub(super) fn work(&self) -> Option<(Date, Date)> {
        let bars = || self.details.plan.iter().flat_map(|plan| &plan.gantt.bars);
        Some((bars().map(|bar| bar.from).min()?, bars().map(|bar| bar.to).max()?))
    }

    pub(super) fn schedule(&self) -> Option<Draft> {
        let (plan, (first, last)) = (self.details.plan?, self.work()?);
        let mut blocks = vec![paragraph(format!(
            "The work runs from {} to {}. Week 1 begins on {}.",
            self.locale.date(first),
            self.locale.date(last),
            self.locale.date(plan.start)
        ))];
        let people = shares(&plan.gantt.bars);
        if !people.is_empty() {
            let rows = people.iter().map(|person| {
                let weeks = [person.from, person.to].map(|day| week(plan.start, day));
                let tasks = person.tasks.to_string();
                [
                    person.name.clone(),
                    weeks_of(weeks),
                    self.locale.days(person.from, person.to),
                    tasks,
                ]
            });
            blocks.push(heading("Integration team"));
            blocks.push(weeks_table(("Who", "Tasks"), rows));
        }
        let rows = plan.gantt.phases.iter().map(|span| {
            let days = days_between(span.from, span.to) + 1;
            [
                words::phase(span.phase).to_owned(),
                weeks_of([span.first_week, span.last_week]),
                self.locale.days(span.from, span.to),
                days.to_string(),
            ]
        });
        blocks.push(heading("Timeline"));
        blocks.push(weeks_table(("Phase", "Days"), rows));
        blocks.push(heading("Plan"));
        blocks.push(Block::Gantt(self.gantt(plan, first, last)));
        if plan.gantt.bars.len() > MAX_GANTT_BARS {
            let tasks = self.locale.count(plan.gantt.bars.len(), "task", "tasks");
            blocks.push(paragraph(format!("The plan has {tasks}; its phases are shown.")));
        }
        Some(("Resource schedule", blocks))
    }

    fn gantt(&self, plan: Plan<'_>, first: Date, last: Date) -> Gantt {
        let begin = plan.start.min(first);
        let days = (days_between(begin, last) + 1).next_multiple_of(WEEK_DAYS);
        let row = |task: &str, from: Date, to: Date| GanttRow {
            phase: false,
            task: clean(task),
            who: String::new(),
            dates: self.locale.days(from, to),
            start: days_between(begin, from),
            days: days_between(from, to) + 1,
            critical: false,
            milestone: false,
        };
        let one_by_one = plan.gantt.bars.len() <= MAX_GANTT_BARS;
        let mut rows = Vec::new();
        for span in &plan.gantt.phases {
            rows.push(GanttRow {
                phase: true,
                ..row(words::phase(span.phase), span.from, span.to)
            });
            let of_phase = plan
                .gantt
                .bars
                .iter()
                .filter(|bar| one_by_one && bar.phase == span.phase);
            rows.extend(of_phase.map(|bar| GanttRow {
                who: who(bar),
                critical: bar.critical,
                milestone: bar.person.is_none(),
                ..row(&bar.title, bar.from, bar.to)
            }));
        }
        let (from, to) = (self.locale.date(first), self.locale.date(last));
        let tasks = self.locale.count(plan.gantt.bars.len(), "task", "tasks");
        Gantt {
            alt: format!("Gantt chart of {tasks} from {from} to {to}; the dates of each stand beside its name."),
            days,
            ticks: self.gantt_ticks(begin, days),
            rows,
            legend: "Critical: a delay moves the end of the project".to_owned(),
        }
    }

    fn gantt_ticks(&self, first: Date, days: u32) -> Vec<Tick> {
        let weeks = days.div_ceil(WEEK_DAYS);
        if weeks <= MAX_WEEK_TICKS {
            let tick = |week| Tick {
                label: format!("W{}", week + 1),
                at: week * WEEK_DAYS,
            };
            return (0..weeks).map(tick).collect();
        }
        // A year at most has a tick for each month; a longer plan one for each quarter.
        let apart = if weeks <= 52 { 1 } else { 3 };
        let starts = (0..days).filter_map(|at| Some((at, first.checked_add(jiff::Span::new().days(at)).ok()?)));
        starts
            .filter(|(at, date)| date.day() == 1 && (date.month() - 1) % apart == 0 && at + LABEL_DAYS <= days)
            .map(|(at, date)| Tick {
                label: self.locale.month(date),
                at,
            })
            .collect()
    }
}

/// Who does a task. A colour alone tells nothing to who doesn't see it, so that it is critical is said here.
fn who(bar: &Bar) -> String {
    let who = clean(bar.person.as_deref().unwrap_or("Milestone"));
    match (who.is_empty(), bar.critical) {
        (_, false) => who,
        (true, true) => "critical".to_owned(),
        (false, true) => format!("{who} · critical"),
    }
}

/// `Week 1`, `Weeks 2–6`.
fn weeks_of([from, to]: [u32; 2]) -> String {
    if from == to {
        format!("Week {from}")
    } else {
        format!("Weeks {from}–{to}")
    }
}

/// A table of names with weeks, dates and a number.
fn weeks_table((name, size): (&str, &str), rows: impl Iterator<Item = [String; 4]>) -> Block {
    let columns = [
        (name, Align::Left, 44),
        ("Weeks", Align::Left, 18),
        ("Dates", Align::Left, 26),
        (size, Align::Right, 12),
    ];
    let mut table = Table::new(format!("{name} with weeks and dates"), &columns);
    for row in rows {
        table.body(row.map(Into::into).to_vec());
    }
    Block::Table(table)
}

/// The tasks of each person, in the order of their first days.
fn shares(bars: &[Bar]) -> Vec<Share> {
    let mut people: Vec<Share> = Vec::new();
    for bar in bars {
        let name = clean(bar.person.as_deref().unwrap_or_default());
        match people.iter_mut().find(|person| person.name == name) {
            Some(person) => {
                person.from = person.from.min(bar.from);
                person.to = person.to.max(bar.to);
                person.tasks += 1;
            }
            None if name.is_empty() => {}
            None => people.push(Share {
                name,
                from: bar.from,
                to: bar.to,
                tasks: 1,
            }),
        }
    }
    people.sort_by_key(|person| person.from);
    people
}

/// Days from one date to a later one.
fn days_between(from: Date, to: Date) -> u32 {
    let days = from.until(to).map(|span| span.get_days()).unwrap_or_default();
    u32::try_from(days).unwrap_or_default()
}
