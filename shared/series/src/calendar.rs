//! Where buckets begin and end.
//!
//! Minutes and hours are those of UTC. A day is the client's own: it begins at midnight of the client's time zone and can
//! have 23 or 25 hours.

use catalog::Level;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Microseconds, the resolution of PostgreSQL's `timestamptz`.
pub const MINUTE_US: i64 = 60_000_000;
/// An hour in microseconds.
pub const HOUR_US: i64 = 60 * MINUTE_US;
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

/// Length of a UTC-aligned bucket in microseconds.
#[must_use]
pub const fn length_us(level: Level) -> i64 {
    match level {
        Level::Minute => MINUTE_US,
        Level::Hour => HOUR_US,
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

/// The buckets of one client.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// The calendar of a client in the given time zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
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

    /// The day that the instant is in.
    #[must_use]
    pub fn date(&self, time: Timestamp) -> Date {
        self.local(time).date()
    }

    /// Start of the bucket that holds the instant.
    #[must_use]
    pub fn start(&self, period: Level, time: Timestamp) -> Timestamp {
        match period {
            Level::Minute | Level::Hour => floor(period, time),
            Level::Day => self
                .local(time)
                .start_of_day()
                .map_or(Timestamp::MIN, |zoned| zoned.timestamp()),
        }
    }

    /// Start of the bucket after the one that starts at `start`.
    #[must_use]
    pub fn next(&self, period: Level, start: Timestamp) -> Timestamp {
        match period {
            Level::Minute | Level::Hour => {
                Timestamp::from_microsecond(start.as_microsecond() + length_us(period)).unwrap_or(Timestamp::MAX)
            }
            Level::Day => self
                .local(start)
                .tomorrow()
                .and_then(|day| day.start_of_day())
                .map_or(Timestamp::MAX, |day| day.timestamp()),
        }
    }

    /// Start of the bucket `count` buckets before the one that starts at `start`.
    #[must_use]
    pub fn back(&self, period: Level, start: Timestamp, count: u16) -> Timestamp {
        match period {
            Level::Minute | Level::Hour => {
                Timestamp::from_microsecond(start.as_microsecond() - length_us(period) * i64::from(count))
                    .unwrap_or(Timestamp::MIN)
            }
            Level::Day => {
                let days = jiff::Span::new().days(i64::from(count));
                self.local(start)
                    .checked_sub(days)
                    .and_then(|day| day.start_of_day())
                    .map_or(Timestamp::MIN, |day| day.timestamp())
            }
        }
    }

    /// The range widened to whole buckets of the period.
    #[must_use]
    pub fn align(&self, period: Level, range: Range) -> Range {
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
    pub fn count(&self, period: Level, range: Range, limit: usize) -> usize {
        let mut start = range.from;
        let mut count = 0;
        while start < range.to && count <= limit {
            start = self.next(period, start);
            count += 1;
        }
        count
    }

    /// The coarsest level of rollups whose UTC-aligned buckets tile this client's buckets of the period in the range.
    ///
    /// A client's day is tiled from hours where its midnights are full hours of UTC, from minutes elsewhere.
    #[must_use]
    pub fn tile(&self, period: Level, range: Range) -> Level {
        if period != Level::Day {
            return period;
        }
        // Offsets change at most a few times a year; both ends and every day between are looked at, at most
        // [`crate::plan::MAX_POINTS`] of them.
        let mut level = Level::Day;
        let mut start = range.from;
        let mut steps = 0;
        while start <= range.to && steps <= crate::plan::MAX_POINTS {
            level = level.min(alignment(start));
            start = self.next(Level::Day, start);
            steps += 1;
        }
        level
    }

    fn local(&self, time: Timestamp) -> Zoned {
        time.to_zoned(self.zone.clone())
    }
}

/// The coarsest level whose buckets begin at the instant.
fn alignment(time: Timestamp) -> Level {
    let time_us = time.as_microsecond();
    [Level::Day, Level::Hour]
        .into_iter()
        .find(|level| floor_us(*level, time_us) == time_us)
        .unwrap_or(Level::Minute)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_the_clients_own() {
        let cases = [
            // zone, instant, start of its day, start of the next
            (
                "UTC",
                "2026-03-29T12:00:00Z",
                "2026-03-29T00:00:00Z",
                "2026-03-30T00:00:00Z",
            ),
            (
                "Europe/Berlin",
                "2026-03-29T12:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "Asia/Kolkata",
                "2026-03-29T12:00:00Z",
                "2026-03-28T18:30:00Z",
                "2026-03-29T18:30:00Z",
            ),
            (
                "America/New_York",
                "2026-11-01T12:00:00Z",
                "2026-11-01T04:00:00Z",
                "2026-11-02T05:00:00Z",
            ),
        ];
        for (zone, instant, start, next) in cases {
            let calendar = Calendar::of(zone).unwrap();
            assert_eq!(calendar.start(Level::Day, at(instant)), at(start), "{zone}");
            assert_eq!(calendar.next(Level::Day, at(start)), at(next), "{zone}");
            assert_eq!(calendar.back(Level::Day, at(next), 1), at(start), "{zone}");
        }
    }

    #[test]
    fn days_are_tiled_by_what_fits() {
        let range = Range {
            from: at("2026-01-10T00:00:00Z"),
            to: at("2026-01-12T00:00:00Z"),
        };
        for (zone, level) in [
            ("UTC", Level::Day),
            ("Europe/Berlin", Level::Hour),
            ("Asia/Kolkata", Level::Minute),
        ] {
            let calendar = Calendar::of(zone).unwrap();
            assert_eq!(
                calendar.tile(Level::Day, calendar.align(Level::Day, range)),
                level,
                "{zone}"
            );
        }
    }

    #[test]
    fn an_aligned_range_stays() {
        let calendar = Calendar::utc();
        let range = Range {
            from: at("2026-01-10T00:00:01Z"),
            to: at("2026-01-10T00:02:00Z"),
        };
        let aligned = calendar.align(Level::Minute, range);
        assert_eq!(
            aligned,
            Range {
                from: at("2026-01-10T00:00:00Z"),
                to: at("2026-01-10T00:02:00Z")
            }
        );
        assert_eq!(calendar.align(Level::Minute, aligned), aligned);
        assert_eq!(calendar.count(Level::Minute, aligned, 100), 2);
    }

    #[test]
    fn before_1970_buckets_still_begin_before_their_instants() {
        assert_eq!(
            floor(Level::Hour, at("1969-12-31T23:30:00Z")),
            at("1969-12-31T23:00:00Z")
        );
    }
}
