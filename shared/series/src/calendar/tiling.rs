//! What a client's buckets are put together from: rollups are kept in buckets of UTC.

use catalog::Level;
use jiff::Timestamp;

use super::{Calendar, HOUR_US, MINUTE_US, Range, floor_us, length_us};
use crate::plan::MAX_POINTS;

/// How the buckets of a range are tiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// The coarsest level of rollups none of whose buckets lies in two of the client's.
    pub level: Level,
    /// The widest bins into which these may be summed up before they are answered: one to a bucket where clocks are not changed within the range.
    pub bins: Bins,
}

/// Stretches of time of one length, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bins {
    /// Their length in microseconds.
    pub length_us: i64,
    /// Where one of them begins, in microseconds since 1970: less than their length.
    pub origin_us: i64,
}

impl Bins {
    /// The buckets of a level.
    #[must_use]
    pub const fn of(level: Level) -> Self {
        Self {
            length_us: length_us(level),
            origin_us: 0,
        }
    }
}

impl Tiling {
    pub(super) fn of(calendar: &Calendar, period: Level, range: Range) -> Self {
        let from_us = range.from.as_microsecond();
        // Every bucket begins so many microseconds, or a multiple of them, after the first.
        let step_us = match period {
            Level::Minute => MINUTE_US,
            Level::Hour => step_of_hours(calendar, range),
            Level::Day => step_of_days(calendar, range),
        };
        let fits = |level: &Level| step_us % length_us(*level) == 0 && floor_us(*level, from_us) == from_us;
        let level = [Level::Day, Level::Hour].into_iter().find(fits);
        let level = level.unwrap_or(Level::Minute);
        // Before there were zones of full minutes a step may be shorter than a minute; no fact is so old.
        let bins = if step_us > length_us(level) {
            Bins {
                length_us: step_us,
                origin_us: from_us.rem_euclid(step_us),
            }
        } else {
            Bins::of(level)
        };
        Self { level, bins }
    }
}

/// Hours are apart by hours, but for where clocks are changed by a part of one.
fn step_of_hours(calendar: &Calendar, range: Range) -> i64 {
    let after = |time: Timestamp| time.as_microsecond() - range.from.as_microsecond();
    let (mut step_us, mut at) = (HOUR_US, range.from);
    // Twice a year: an answer of so many hours has fewer of them.
    for _ in 0..MAX_POINTS {
        let Some(change) = calendar.next_change(at).filter(|change| *change < range.to) else {
            break;
        };
        let next = calendar.next(Level::Hour, change);
        step_us = common(common(step_us, after(change)), after(next));
        at = change;
    }
    step_us
}

/// Days have 24 hours where clocks are not changed.
fn step_of_days(calendar: &Calendar, range: Range) -> i64 {
    let (mut step_us, mut start) = (0, range.from);
    for _ in 0..=MAX_POINTS {
        let next = calendar.next(Level::Day, start);
        step_us = common(step_us, next.as_microsecond() - start.as_microsecond());
        if next >= range.to || next <= start {
            break;
        }
        start = next;
    }
    step_us.max(1)
}

/// The greatest common divisor.
const fn common(mut one: i64, mut other: i64) -> i64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one.abs()
}
