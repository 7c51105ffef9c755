//! What the windows of a formula are for a question: for each bucket of the answer the stretch of time whose facts count.
//!
//! A window has rules for what calendars don't have alike, and each answer names them ([`described`]):
//!
//! - an earlier bucket is one of the question's period: the one with the same place in the month, quarter or year before. A date that a month lacks has no
//!   counterpart, and what is taken over none has no value. Weeks are compared with the week 52 weeks, or 13, before.
//! - a bucket that is still open is compared with the whole earlier one, or, where the formula says so, with so much of it as has passed.
//! - a longer stretch ends where its bucket ends.

mod described;
mod members;

use std::collections::{BTreeSet, VecDeque};

use catalog::{Kpi, Period};
use formula::{Step, Window};
use jiff::Timestamp;

use self::described::named;
pub use self::described::{Described, described};
pub use self::members::{MAX_FOLDED, MAX_MEMBERS, too_many_values};
pub(crate) use self::members::{Members, check_folds, members};
use crate::calendar::{Calendar, Range};
use crate::field::EARLIEST_S;
use crate::plan::{MAX_POINTS, Request};

/// For each bucket of a question, in their order, the stretch of time that its window is; `None` where there is no such time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows(Vec<(Timestamp, Option<Range>)>);

impl Windows {
    /// The buckets that have one, with it.
    pub fn ranges(&self) -> impl Iterator<Item = (Timestamp, Range)> {
        self.0.iter().filter_map(|(start, range)| Some((*start, (*range)?)))
    }

    /// The buckets that have none: what is taken over nothing has no value, and a count is not 0.
    pub fn lacking(&self) -> impl Iterator<Item = Timestamp> {
        self.0
            .iter()
            .filter(|(_, range)| range.is_none())
            .map(|(start, _)| *start)
    }

    /// Where they begin and end, those that have any time.
    #[must_use]
    pub fn bounds(&self) -> BTreeSet<Timestamp> {
        let ranges = self.ranges().filter(|(_, range)| range.from < range.to);
        ranges.flat_map(|(_, range)| [range.from, range.to]).collect()
    }
}

/// The windows of a request's buckets, or of the shorter periods to which a window leads.
///
/// # Errors
/// Why the period of the request has none: a sentence for whoever asks.
pub fn windows(request: &Request<'_>, calendar: &Calendar, window: &Window) -> Result<Windows, String> {
    check_window(request.period, window)?;
    let Some((_, period, inner)) = window.each() else {
        let starts = starts(calendar, request.period, request.range);
        return Ok(of_starts(calendar, request.period, &starts, request.now, window));
    };
    let Members { starts, all, .. } = members(request, calendar, window)?;
    // What is counted back from one of them is counted over those between that are in no stretch, too.
    let mut windows = of_starts(calendar, period, &all, request.now, &inner);
    windows.0.retain(|(start, _)| starts.binary_search(start).is_ok());
    Ok(windows)
}

/// The starts of all buckets of a range.
fn starts(calendar: &Calendar, period: Period, range: Range) -> Vec<Timestamp> {
    let starts = std::iter::successors(Some(range.from), |start| {
        Some(calendar.next(period, *start)).filter(|next| next > start)
    });
    starts
        .take_while(|start| *start < range.to)
        .take(MAX_POINTS + 1)
        .collect()
}

/// The window of each of some buckets, one after the other.
fn of_starts(calendar: &Calendar, period: Period, starts: &[Timestamp], now: Timestamp, window: &Window) -> Windows {
    let end = starts.last().map(|last| calendar.next(period, *last));
    let mut grid = Grid {
        calendar,
        period,
        starts: end.into_iter().chain(starts.iter().rev().copied()).collect(),
        far: VecDeque::new(),
    };
    let of = starts.iter().map(|start| {
        // What is asked of a bucket that has not begun is asked as at its first moment.
        (*start, grid.window(window, *start, now.max(*start)))
    });
    Windows(of.collect())
}

/// Whether facts behind a bucket's end may count in it: a week that begins in a month may end in the next one.
#[must_use]
pub fn reach_beyond(kpi: &Kpi, period: Period) -> bool {
    let is_within = |each: Period| {
        let is_of_dates = each.rank() < Period::Week.rank() || each == period;
        is_of_dates || (each != Period::Week && each.is_fiscal() == period.is_fiscal())
    };
    let periods = kpi
        .formula
        .folds
        .iter()
        .filter_map(|fold| fold.scope.periods.as_ref()?.each());
    periods.into_iter().any(|(_, each, _)| !is_within(each))
}

/// Whether the windows of a KPI have a meaning for buckets of a period.
///
/// # Errors
/// Why one has none: a sentence for whoever asks.
pub fn check(kpi: &Kpi, period: Period) -> Result<(), String> {
    let measured = kpi.formula.measures.iter().map(|measure| &measure.window);
    let folded = kpi.formula.folds.iter().filter_map(|fold| fold.scope.periods.as_ref());
    let mut windows = measured.chain(folded);
    windows.try_for_each(|window| check_window(period, window))
}

fn check_window(period: Period, window: &Window) -> Result<(), String> {
    let mut seen_from = period;
    for step in window.steps() {
        check_step(seen_from, step)?;
        if let Step::Each(each) = step {
            seen_from = *each;
        }
    }
    Ok(())
}

fn check_step(period: Period, step: &Step) -> Result<(), String> {
    if let Step::Each(each) = step
        && each.rank() > period.rank()
    {
        return Err(format!(
            "the formula takes values by {}, and the question is by {}, which is shorter: ask by {0} or a longer period",
            named(*each),
            named(period)
        ));
    }
    let (Step::Back {
        period: Some(named), ..
    }
    | Step::Rolling {
        period: Some(named), ..
    }
    | Step::ToDate(named)) = step
    else {
        return Ok(());
    };
    let asked = period.name();
    if named.rank() < period.rank() {
        let named = named.name();
        return Err(format!(
            "{step} is of a {named}, and the question is by {asked}, which is longer: ask by {named} or a shorter period"
        ));
    }
    if matches!(step, Step::Back { .. }) && period == Period::Week && named.rank() == Period::Month.rank() {
        return Err(format!(
            "{step} has no meaning by week, because a month is no number of weeks: PREVIOUS(…, 4, WEEK) goes back four, or ask by another period"
        ));
    }
    Ok(())
}

/// How an earlier bucket is found.
#[derive(Clone, Copy)]
enum Move {
    /// So many buckets before.
    Buckets(usize),
    /// By date and clocks, so many periods before.
    Dates(Period, u16),
}

impl Move {
    fn of(period: Period, named: Option<Period>, count: u16) -> Self {
        let Some(named) = named else {
            return Self::Buckets(count.into());
        };
        let many = match (period, named.rank()) {
            (Period::Minute, 1) => 60,
            (_, rank) if rank == period.rank() => 1,
            (Period::Minute | Period::Hour | Period::Day, _) => return Self::Dates(named, count),
            (Period::Week, 5) => 13,
            (Period::Week, _) => 52,
            (Period::Month | Period::FiscalMonth, 5) => 3,
            (Period::Month | Period::FiscalMonth, _) => 12,
            (_, _) => 4,
        };
        Self::Buckets(usize::from(count) * many)
    }
}

/// The starts of buckets, the newest first, as far back as they were needed.
struct Grid<'a> {
    calendar: &'a Calendar,
    period: Period,
    starts: Vec<Timestamp>,
    /// The same of those that moves by dates led to.
    far: VecDeque<Timestamp>,
}

impl Grid<'_> {
    /// The window of the bucket that begins at `start`.
    fn window(&mut self, window: &Window, start: Timestamp, now: Timestamp) -> Option<Range> {
        let (calendar, period) = (self.calendar, self.period);
        let mut bucket = start;
        for step in window.steps() {
            if let Step::Back { count, period: by, .. } = step {
                bucket = match Move::of(period, *by, *count) {
                    Move::Buckets(count) => self.back(bucket, count),
                    Move::Dates(by, count) => calendar.counterpart(period, bucket, by, count)?,
                };
            }
        }
        let end = calendar.next(period, bucket);
        let cut = if window.moves_with_time() {
            cut(calendar, period, (start, now), (bucket, end))
        } else {
            end
        };
        let from = match window.steps().last() {
            Some(Step::ToDate(longer)) => {
                // That of the whole bucket, also where only a part of it counts: else a week that begins in one year and ends in the next would change its year meanwhile.
                let last = Timestamp::from_microsecond(end.as_microsecond() - 1).unwrap_or(end);
                calendar.start(*longer, last.max(bucket))
            }
            Some(Step::Rolling { count, period: None }) => self.back(bucket, usize::from(*count) - 1),
            Some(Step::Rolling {
                count,
                period: Some(of),
            }) => calendar.before(end, *of, *count),
            Some(Step::Cumulative) => earliest(),
            Some(Step::Back { .. } | Step::Each(_)) | None => bucket,
        };
        let from = from.max(earliest());
        Some(Range {
            from,
            to: cut.max(from),
        })
    }

    /// Start of the bucket so many before. No fact is so old that it matters which one it is before the first of them.
    fn back(&mut self, start: Timestamp, count: usize) -> Timestamp {
        let place = self.starts.partition_point(|known| *known > start);
        if self.starts.get(place) != Some(&start) {
            // A move by dates led before all that are known.
            return self.back_from(start, count);
        }
        while self.starts.len() <= place + count {
            let Some(oldest) = self.starts.last().copied().filter(|oldest| *oldest > earliest()) else {
                break;
            };
            self.starts.push(self.before(oldest));
        }
        let found = self.starts.get(place + count).or(self.starts.last());
        found.copied().unwrap_or(start)
    }

    /// The same from a bucket that a move by dates led to. These are one after the other as the question's are, so that nearly all of them were passed already.
    fn back_from(&mut self, start: Timestamp, count: usize) -> Timestamp {
        let period = self.period;
        if self
            .far
            .front()
            .is_some_and(|newest| self.calendar.next(period, *newest) == start)
        {
            self.far.push_front(start);
        }
        let place = self.far.partition_point(|known| *known > start);
        let place = if self.far.get(place) == Some(&start) {
            place
        } else {
            self.far = VecDeque::from([start]);
            0
        };
        while self.far.len() <= place + count {
            let Some(oldest) = self.far.back().copied().filter(|oldest| *oldest > earliest()) else {
                break;
            };
            self.far.push_back(self.before(oldest));
        }
        let found = self.far.get(place + count).or(self.far.back());
        found.copied().unwrap_or(start)
    }

    fn before(&self, start: Timestamp) -> Timestamp {
        let before = Timestamp::from_microsecond(start.as_microsecond() - 1).unwrap_or(start);
        self.calendar.start(self.period, before)
    }
}

/// Up to when an earlier bucket counts, where so much of it counts as has passed of the one that is asked: to the end of the minute that has begun, so that it is
/// one value within a minute, on every route.
fn cut(
    calendar: &Calendar,
    period: Period,
    (start, now): (Timestamp, Timestamp),
    (bucket, end): (Timestamp, Timestamp),
) -> Timestamp {
    if now < start {
        return bucket;
    }
    let passed = calendar.next(Period::Minute, calendar.start(Period::Minute, now));
    if passed >= calendar.next(period, start) {
        return end;
    }
    calendar.same_place(period, start, passed, bucket).clamp(bucket, end)
}

/// The first time that a fact may have.
fn earliest() -> Timestamp {
    Timestamp::from_second(EARLIEST_S).unwrap_or(Timestamp::UNIX_EPOCH)
}
