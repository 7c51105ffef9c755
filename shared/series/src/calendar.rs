//! Where buckets begin and end.
//!
//! Every bucket is the client's own. A day begins at midnight of the client's time zone and can have 23 or 25 hours; an hour begins when the minutes of its
//! clocks are zero, and where the clocks are changed: then there are two hours of one name, or a part of one, and never two hours in one bucket. Minutes
//! are those of UTC, which all zones have had since 1972. Weeks, months, quarters and years are whole days of that zone, from the first instant of their
//! first date on.
//!
//! Rollups are kept in buckets of UTC. What of them a client's buckets are put together from are their [`Tile`]s.

mod cut;
mod dates;
mod hours;
mod moves;
mod rules;
mod tiling;

use catalog::{Level, Period, Zone};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

pub use hours::Hours;
pub use rules::{Day, Ends, FiscalYear, Month, Pattern, Rules};
pub use tiling::{Bins, Tile};

/// Microseconds, the resolution of PostgreSQL's `timestamptz`.
pub const MINUTE_US: i64 = 60_000_000;
/// A quarter of an hour in microseconds.
pub const QUARTER_HOUR_US: i64 = 15 * MINUTE_US;
/// An hour in microseconds.
pub const HOUR_US: i64 = 60 * MINUTE_US;
/// A quarter of a day in microseconds.
pub const QUARTER_DAY_US: i64 = 6 * HOUR_US;
/// A UTC day in microseconds.
pub const DAY_US: i64 = 24 * HOUR_US;

/// A half-open range of time: `from <= t < to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant after.
    pub to: Timestamp,
}

impl Range {
    /// Whether an instant is inside.
    #[must_use]
    pub fn holds(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }
}

/// Length of a UTC-aligned bucket in microseconds.
#[must_use]
pub const fn length_us(level: Level) -> i64 {
    match level {
        Level::Minute => MINUTE_US,
        Level::QuarterHour => QUARTER_HOUR_US,
        Level::Hour => HOUR_US,
        Level::QuarterDay => QUARTER_DAY_US,
        Level::Day => DAY_US,
    }
}

/// Start of the UTC-aligned bucket that holds the instant, both in microseconds since 1970.
#[must_use]
pub const fn floor_us(level: Level, time_us: i64) -> i64 {
    time_us - time_us.rem_euclid(length_us(level))
}

/// Start of the UTC-aligned bucket that holds the instant.
#[must_use]
pub fn floor(level: Level, time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(floor_us(level, time.as_microsecond())).unwrap_or(Timestamp::MIN)
}

/// The buckets of one client, or of a question that names another zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    rules: Rules,
}

impl Calendar {
    /// The calendar of a client in the given time zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        let rules = Rules::default();
        Self { zone, rules }
    }

    /// The same with what the client declares of weeks and fiscal years.
    #[must_use]
    pub fn with(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The calendar of UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self::new(TimeZone::UTC)
    }

    /// The calendar of an IANA time zone such as `Europe/Berlin`; `None` when there is no such zone.
    #[must_use]
    pub fn of(zone: &str) -> Option<Self> {
        TimeZone::get(zone).ok().map(Self::new)
    }

    /// The calendar of a question: that of the client, in the zone that the question names if it names one.
    #[must_use]
    pub fn asked(&self, zone: Option<&Zone>) -> Self {
        let zone = zone.map_or(&self.zone, Zone::time_zone);
        Self::new(zone.clone()).with(self.rules)
    }

    /// The time zone.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The day that the instant is in.
    #[must_use]
    pub fn date(&self, time: Timestamp) -> Date {
        self.local(time).date()
    }

    /// Start of the bucket that holds the instant.
    #[must_use]
    pub fn start(&self, period: Period, time: Timestamp) -> Timestamp {
        match period {
            Period::Minute => floor(Level::Minute, time),
            Period::Hour => self.start_of_hour(time),
            Period::Day => self.start_of_day(time),
            of_days => {
                let day = self.date(self.start_of_day(time));
                let first = dates::first(&self.rules, of_days, day);
                first.map_or(Timestamp::MIN, |first| self.first_instant(first, Timestamp::MIN))
            }
        }
    }

    /// Start of the bucket after the one that starts at `start`.
    #[must_use]
    pub fn next(&self, period: Period, start: Timestamp) -> Timestamp {
        match period {
            Period::Minute => later(start, MINUTE_US),
            Period::Hour => {
                let end = later(self.clock_hour(start), HOUR_US);
                if self.is_one_offset(start, later(end, -1)) {
                    return end;
                }
                self.next_change(start).map_or(end, |change| change.min(end))
            }
            Period::Day => self.next_midnight(start),
            of_days => {
                let next = dates::next(&self.rules, of_days, self.date(start));
                next.map_or(Timestamp::MAX, |first| self.first_instant(first, Timestamp::MAX))
            }
        }
    }

    /// The range widened to whole buckets of the period.
    #[must_use]
    pub fn align(&self, period: Period, range: Range) -> Range {
        let from = self.start(period, range.from);
        let last = self.start(period, range.to);
        let to = if last == range.to {
            last
        } else {
            self.next(period, last)
        };
        Range { from, to }
    }

    /// Number of buckets of the period in an aligned range, counted no further than `limit + 1`.
    #[must_use]
    pub fn count(&self, period: Period, range: Range, limit: usize) -> usize {
        let mut start = range.from;
        let mut count = 0;
        while start < range.to && count <= limit {
            start = self.next(period, start);
            count += 1;
        }
        count
    }

    /// What the buckets of an aligned range are put together from: parts of the range, one after the other, each perhaps in parts by hours of the day. There are at
    /// most `most`.
    #[must_use]
    pub fn tile(&self, period: Period, range: Range, most: usize) -> Vec<Tile> {
        tiling::tiles(self, period, range, most)
    }

    /// The starts of all buckets of an aligned range, and its end.
    #[must_use]
    pub fn bounds(&self, period: Period, range: Range) -> Vec<Timestamp> {
        tiling::bounds(self, period, range)
    }

    /// What stretches of time are put together from that begin and end at some instants, at least two, in at most so many parts.
    #[must_use]
    pub fn tile_between(&self, bounds: &[Timestamp], most: usize) -> Vec<Tile> {
        tiling::between(bounds, most)
    }

    fn start_of_hour(&self, time: Timestamp) -> Timestamp {
        let start = self.clock_hour(time);
        if self.is_one_offset(start, time) {
            return start;
        }
        self.last_change(time).map_or(start, |change| change.max(start))
    }

    fn start_of_day(&self, time: Timestamp) -> Timestamp {
        let start = midnight(&self.local(time));
        if self.is_one_offset(start, time) {
            return start;
        }
        // Clocks that are put back past midnight show the day before once more; the day that has begun goes on.
        let next = self.next_midnight(start);
        if next <= time { next } else { start }
    }

    fn local(&self, time: Timestamp) -> Zoned {
        time.to_zoned(self.zone.clone())
    }

    fn next_midnight(&self, start: Timestamp) -> Timestamp {
        let tomorrow = self.local(start).tomorrow();
        tomorrow.map_or(Timestamp::MAX, |day| midnight(&day))
    }

    /// The first instant of a date, or of the next one where a zone left the date out.
    fn first_instant(&self, date: Date, otherwise: Timestamp) -> Timestamp {
        let start = date.to_zoned(self.zone.clone());
        start.map_or(otherwise, |start| start.timestamp())
    }

    /// When the minutes of a clock were zero last that was never changed.
    fn clock_hour(&self, time: Timestamp) -> Timestamp {
        let offset_us = i64::from(self.zone.to_offset(time).seconds()) * 1_000_000;
        later(time, -(time.as_microsecond() + offset_us).rem_euclid(HOUR_US))
    }

    /// Whether clocks were not changed from an instant to another that is less than an hour away, or changed back.
    fn is_one_offset(&self, one: Timestamp, other: Timestamp) -> bool {
        self.zone.to_offset(one) == self.zone.to_offset(other)
    }

    /// When clocks were changed last, at the instant or before.
    fn last_change(&self, time: Timestamp) -> Option<Timestamp> {
        let changes = self.zone.preceding(later(time, 1)).map(|change| change.timestamp());
        changes.take(MAX_CHANGES).find(|change| self.is_change(*change))
    }

    /// When clocks are changed next, after the instant.
    fn next_change(&self, time: Timestamp) -> Option<Timestamp> {
        let changes = self.zone.following(time).map(|change| change.timestamp());
        changes.take(MAX_CHANGES).find(|change| self.is_change(*change))
    }

    /// Whether clocks show something else from an instant on; a zone's rules also tell when nothing but a name changes.
    fn is_change(&self, time: Timestamp) -> bool {
        !self.is_one_offset(later(time, -1), time)
    }
}

/// The most changes of a zone's rules that are looked at for one that changes clocks: those in which nothing but a name changes don't come in such numbers.
const MAX_CHANGES: usize = 16;

/// The first instant of a day.
fn midnight(day: &Zoned) -> Timestamp {
    day.start_of_day().map_or(Timestamp::MIN, |start| start.timestamp())
}

/// So many microseconds later, or earlier, and at most at an end of time.
pub(crate) fn later(time: Timestamp, us: i64) -> Timestamp {
    let end = if us < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(time.as_microsecond().saturating_add(us)).unwrap_or(end)
}

#[cfg(test)]
mod tests;
