//! Who works when: left out while nothing is planned.

use jiff::civil::Date;

use super::{Draft, Writer, heading, paragraph};
use crate::document::blocks::{Align, Block, Gantt, GanttRow, Table, Tick};
use crate::document::details::{GanttBar, MAX_GANTT_BARS};
use crate::document::text::clean;

const WEEK_DAYS: u32 = 7;

/// Weeks of the longest axis that has a tick for every week; a longer one has ticks for months.
const MAX_WEEK_TICKS: u32 = 16;

/// Days that the name of a month takes of an axis of many weeks: one nearer to the end would stand beyond it.
const LABEL_DAYS: u32 = 10;

/// The phase of tasks that name none.
const OTHER_PHASE: &str = "Other tasks";

/// Some tasks together: those of a phase, or of a person.
struct Span<'a> {
    name: String,
    from: Date,
    to: Date,
    bars: Vec<&'a GanttBar>,
}

impl Writer<'_> {
    pub(super) fn schedule(&self) -> Option<Draft> {
        let bars = self.details.gantt;
        let first = bars.iter().map(|bar| bar.from).min()?;
        let last = bars.iter().map(|bar| bar.to.max(bar.from)).max()?;
        let phases = spans(bars, |bar| {
            if bar.phase.trim().is_empty() {
                OTHER_PHASE
            } else {
                &bar.phase
            }
        });
        let people = spans(bars, |bar| &bar.who);
        let mut blocks = vec![paragraph(format!(
            "The work runs from {} to {}. Weeks are counted from its first day.",
            self.locale.date(first),
            self.locale.date(last)
        ))];
        if !people.is_empty() {
            blocks.push(heading("Integration team"));
            blocks.push(self.span_table(("Who", "Tasks"), &people, first, |span| span.bars.len().to_string()));
        }
        blocks.push(heading("Timeline"));
        blocks.push(self.span_table(("Phase", "Days"), &phases, first, |span| {
            let days = days_between(span.from, span.to) + 1;
            days.to_string()
        }));
        blocks.push(heading("Plan"));
        blocks.push(Block::Gantt(self.gantt(&phases, first, last)));
        if bars.len() > MAX_GANTT_BARS {
            let tasks = self.locale.count(bars.len(), "task", "tasks");
            blocks.push(paragraph(format!("The plan has {tasks}; its phases are shown.")));
        }
        Some(("Resource schedule", blocks))
    }

    fn span_table(
        &self,
        titles: (&str, &str),
        spans: &[Span<'_>],
        first: Date,
        size: impl Fn(&Span<'_>) -> String,
    ) -> Block {
        let columns = [
            (titles.0, Align::Left, 44),
            ("Weeks", Align::Left, 18),
            ("Dates", Align::Left, 26),
            (titles.1, Align::Right, 12),
        ];
        let mut table = Table::new(format!("{} with weeks and dates", titles.0), &columns);
        for span in spans {
            let week = |date| days_between(first, date) / WEEK_DAYS + 1;
            let (from, to) = (week(span.from), week(span.to));
            let weeks = if from == to {
                format!("Week {from}")
            } else {
                format!("Weeks {from}–{to}")
            };
            table.body(vec![
                span.name.clone().into(),
                weeks.into(),
                self.locale.days(span.from, span.to).into(),
                size(span).into(),
            ]);
        }
        Block::Table(table)
    }

    fn gantt(&self, phases: &[Span<'_>], first: Date, last: Date) -> Gantt {
        let days = (days_between(first, last) + 1).next_multiple_of(WEEK_DAYS);
        let row = |task: &str, who: &str, from: Date, to: Date, critical, phase| GanttRow {
            phase,
            task: clean(task),
            // A colour alone tells nothing to who doesn't see it.
            who: match (clean(who), critical) {
                (who, false) => who,
                (who, true) if who.is_empty() => "critical".to_owned(),
                (who, true) => format!("{who} · critical"),
            },
            dates: self.locale.days(from, to),
            start: days_between(first, from),
            days: days_between(from, to) + 1,
            critical,
        };
        let mut rows = Vec::new();
        for span in phases {
            rows.push(row(&span.name, "", span.from, span.to, false, true));
            if self.details.gantt.len() <= MAX_GANTT_BARS {
                let task =
                    |bar: &&GanttBar| row(&bar.task, &bar.who, bar.from, bar.to.max(bar.from), bar.critical, false);
                rows.extend(span.bars.iter().map(task));
            }
        }
        let (from, to) = (self.locale.date(first), self.locale.date(last));
        let tasks = self.locale.count(self.details.gantt.len(), "task", "tasks");
        Gantt {
            alt: format!("Gantt chart of {tasks} from {from} to {to}; the dates of each stand beside its name."),
            days,
            ticks: self.gantt_ticks(first, days),
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

/// Tasks with the same name of something, in the order of their first days. Tasks without such a name are left out.
fn spans<'a>(bars: &'a [GanttBar], name: impl Fn(&'a GanttBar) -> &'a str) -> Vec<Span<'a>> {
    let mut spans: Vec<Span<'a>> = Vec::new();
    for bar in bars {
        let name = clean(name(bar));
        let to = bar.to.max(bar.from);
        match spans.iter_mut().find(|span| span.name == name) {
            Some(span) => {
                span.from = span.from.min(bar.from);
                span.to = span.to.max(to);
                span.bars.push(bar);
            }
            None if name.is_empty() => {}
            None => spans.push(Span {
                name,
                from: bar.from,
                to,
                bars: vec![bar],
            }),
        }
    }
    spans.sort_by_key(|span| span.from);
    spans
}

/// Days from one date to a later one.
fn days_between(from: Date, to: Date) -> u32 {
    let days = from.until(to).map(|span| span.get_days()).unwrap_or_default();
    u32::try_from(days).unwrap_or_default()
}
