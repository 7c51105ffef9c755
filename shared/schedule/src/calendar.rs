//! When someone works, as two scales that are translated into each other: minutes of the project, and minutes worked.
//!
//! A day of the project has 1,440 minutes, so minute `m` of day `d` is `1440 d + m`. On the scale of minutes worked nights and
//! days off do not exist, so a task of `w` minutes takes exactly `w` of them.

use jiff::ToSpan;
use jiff::civil::Date;

use super::project::{FULL_DAY_MINUTES, Person, Project};

/// Minutes of a day of the project.
pub(super) const DAY: u32 = 1_440;

/// Work without a break: the minutes of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    start: u32,
    length: u32,
    /// Minutes worked before it.
    before: u32,
}

/// When someone works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Calendar {
    stretches: Vec<Stretch>,
    total: u32,
}

impl Calendar {
    /// From starts and lengths in the order of time.
    fn new(work: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut total = 0;
        let stretch = |(start, length)| {
            let before = total;
            total += length;
            Stretch { start, length, before }
        };
        let stretches = work.filter(|(_, length)| *length > 0).map(stretch).collect();
        Self { stretches, total }
    }

    /// From the minutes of each day.
    pub(super) fn of_days(days: impl Iterator<Item = u32>) -> Self {
        Self::new((0..).step_by(DAY as usize).zip(days))
    }

    /// Someone's days in a project, up to a number of days.
    pub(super) fn of_person(project: &Project, person: &Person, days: u32) -> Self {
        Self::of_days((0..days).map(|day| available(project, person, date(project.start, day))))
    }

    /// What work is measured against: full days from Monday to Friday, no holidays.
    pub(super) fn standard(start: Date, days: u32) -> Self {
        let minutes = |day| standard_minutes(date(start, day));
        Self::of_days((0..days).map(minutes))
    }

    /// All minutes that are worked.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// How many minutes are worked before a time.
    pub(super) fn worked_before(&self, time: u32) -> u32 {
        match self.stretches.partition_point(|stretch| stretch.start < time) {
            0 => 0,
            after => {
                let last = self.stretches[after - 1];
                last.before + last.length.min(time - last.start)
            }
        }
    }

    /// When work goes on after `worked` minutes: the time at which the next one begins. `None` when there is no next one.
    pub(super) fn starting(&self, worked: u32) -> Option<u32> {
        if worked >= self.total {
            return None;
        }
        let after = self.stretches.partition_point(|stretch| stretch.before <= worked);
        let stretch = self.stretches[after - 1];
        Some(stretch.start + worked - stretch.before)
    }

    /// When the last of `worked` minutes has ended. Zero for none; the end of all for more than there are.
    pub(super) fn ending(&self, worked: u32) -> u32 {
        match self.stretches.partition_point(|stretch| stretch.before < worked) {
            0 => 0,
            after => {
                let stretch = self.stretches[after - 1];
                stretch.start + stretch.length.min(worked - stretch.before)
            }
        }
    }

    /// The same calendar seen backwards from an end: what is worked after it is left out.
    pub(super) fn mirrored(&self, end: u32) -> Self {
        let before = self.stretches.iter().rev().filter(|stretch| stretch.start < end);
        Self::new(before.map(|stretch| {
            let until = end.min(stretch.start + stretch.length);
            (end - until, until - stretch.start)
        }))
    }
}

/// Minutes that a person has for a project on a day.
pub(super) fn available(project: &Project, person: &Person, day: Date) -> u32 {
    let off = project
        .holidays
        .iter()
        .chain(&person.absences)
        .any(|span| span.has(day));
    if off {
        0
    } else {
        person.weekday(day).saturating_sub(person.promised(day))
    }
}

/// Minutes of the standard calendar on a day.
pub(super) fn standard_minutes(day: Date) -> u32 {
    if day.weekday().to_monday_zero_offset() < 5 {
        FULL_DAY_MINUTES
    } else {
        0
    }
}

/// The date of a day of a project; the last date that there is when it would be later.
pub(super) fn date(start: Date, day: u32) -> Date {
    start.saturating_add(i64::from(day).days())
}

/// The day of a project that a date is; days before its start are day 0.
pub(super) fn day(start: Date, date: Date) -> u32 {
    u32::try_from((date - start).get_days()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
