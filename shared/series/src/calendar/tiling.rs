//! What a client's buckets are put together from: rollups are kept in buckets of UTC.

use catalog::{Level, Period};
use jiff::Timestamp;

use super::{Calendar, DAY_US, HOUR_US, MINUTE_US, Range, floor, floor_us, later, length_us};
use crate::field::EARLIEST_S;
use crate::plan::MAX_POINTS;

/// A part of a range, and how it is tiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The coarsest level of rollups none of whose buckets lies in two of the client's.
    pub level: Level,
    /// The widest bins into which these may be summed up before they are answered: one to a bucket where clocks are not changed within the range.
    pub bins: Bins,
    /// The part of the range.
    pub range: Range,
}

/// Stretches of time, one after the other, none of which lies in two of the client's buckets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bins {
    /// All of one length.
    Even {
        /// Their length in microseconds.
        length_us: i64,
        /// Where one of them begins, in microseconds since 1970: less than their length.
        origin_us: i64,
    },
    /// Each from one of these instants to the next, as many as the range has. Two ranges with the same bins are one range.
    Between(Vec<Timestamp>),
    /// The start of each of the answer's buckets, and the facts that count for it, which may count for others too. Only the facts themselves can be read so.
    Windows(Vec<(Timestamp, Range)>),
}

/// How many buckets of a rollup are read in the time that one more read takes to plan and begin: about a millisecond. The days of a range are read apart from its
/// edges where that saves more.
const BUCKETS_OF_A_READ: i64 = 2_000;

impl Bins {
    /// The buckets of a level.
    #[must_use]
    pub const fn of(level: Level) -> Self {
        Self::Even {
            length_us: length_us(level),
            origin_us: 0,
        }
    }

    /// How many there are in a range.
    #[must_use]
    pub fn count(&self, range: Range) -> u64 {
        let count = match self {
            Self::Even { length_us, .. } => u64::try_from(range_us(range) / length_us).unwrap_or(0),
            Self::Between(instants) => u64::try_from(instants.len()).unwrap_or(u64::MAX).saturating_sub(1),
            Self::Windows(windows) => u64::try_from(windows.len()).unwrap_or(u64::MAX),
        };
        count.max(1)
    }
}

/// What the buckets of an aligned range are put together from.
pub(super) fn tiles(calendar: &Calendar, period: Period, range: Range, most: usize) -> Vec<Tile> {
    // Every bucket begins so many microseconds, or a multiple of them, after the first.
    let step_us = match period {
        Period::Minute => MINUTE_US,
        Period::Hour => step_of_hours(calendar, range),
        Period::Day => step_of_days(calendar, range),
        _ => return of_days(calendar, period, range, most),
    };
    let from_us = range.from.as_microsecond();
    let fits = |level: &Level| step_us % length_us(*level) == 0 && floor_us(*level, from_us) == from_us;
    let level = [Level::Day, Level::Hour].into_iter().find(fits);
    let level = level.unwrap_or(Level::Minute);
    // Before there were zones of full minutes a step may be shorter than a minute; no fact is so old.
    let bins = if step_us > length_us(level) {
        Bins::Even {
            length_us: step_us,
            origin_us: from_us.rem_euclid(step_us),
        }
    } else {
        Bins::of(level)
    };
    vec![Tile { level, bins, range }]
}

/// Buckets of whole days, of any length. Where they don't begin with days of UTC, only the days in which they do need a finer level: these are read apart where
/// that is less to read. Of more parts than there may be the last one has all that is left, by the finer level.
fn of_days(calendar: &Calendar, period: Period, range: Range, most: usize) -> Vec<Tile> {
    let bounds = bounds(calendar, period, range);
    of_bounds(level_of(&bounds), bounds, most)
}

/// The coarsest level none of whose buckets has an instant inside.
fn level_of(bounds: &[Timestamp]) -> Level {
    // No fact is so old that it matters where an earlier bucket began.
    let counted = || bounds.iter().filter(|bound| bound.as_second() > EARLIEST_S);
    let fits = |level: &Level| counted().all(|bound| floor(*level, *bound) == *bound);
    let level = [Level::Day, Level::Hour].into_iter().find(fits);
    level.unwrap_or(Level::Minute)
}

/// Stretches that begin and end at some instants, of any length.
pub(super) fn between(bounds: &[Timestamp], most: usize) -> Vec<Tile> {
    let level = level_of(bounds);
    // What leads up to the second instant may be most of all: from the first fact there is to the first bucket.
    let lead = bounds
        .get(..2)
        .filter(|lead| most > 4 && bounds.len() > 2 && saves(level, lead));
    let (mut tiles, rest) = match lead.zip(bounds.get(1..)) {
        Some((lead, rest)) => (edged(level, lead), rest),
        None => (Vec::new(), bounds),
    };
    match even(level, rest) {
        Some(even) => tiles.push(even),
        None => {
            let left = most.saturating_sub(tiles.len());
            tiles.extend(of_bounds(level, rest.to_vec(), left));
        }
    }
    tiles
}

/// Bins of one length, which other questions may share, unless they are many more than the stretches between the instants.
fn even(level: Level, bounds: &[Timestamp]) -> Option<Tile> {
    let (from, to) = (*bounds.first()?, *bounds.last()?);
    let steps = bounds.windows(2).filter_map(|pair| match pair {
        [from, to] => Some(to.as_microsecond() - from.as_microsecond()),
        _ => None,
    });
    let length_us = steps.fold(0, common);
    let range = Range { from, to };
    let most = i64::try_from(bounds.len()).unwrap_or(i64::MAX).max(BUCKETS_OF_A_READ);
    let fits = length_us > 0 && length_us <= DAY_US && length_us % super::length_us(level) == 0;
    (fits && range_us(range) / length_us <= most).then(|| Tile {
        level,
        bins: Bins::Even {
            length_us,
            origin_us: from.as_microsecond().rem_euclid(length_us),
        },
        range,
    })
}

/// Buckets between instants, by a level none of whose buckets has one inside, and by day where that is less to read.
fn of_bounds(level: Level, bounds: Vec<Timestamp>, most: usize) -> Vec<Tile> {
    // So many bounds make two parts less one, and there is one for the rest.
    let apart = if 2 * bounds.len() - 1 <= most {
        bounds.len()
    } else {
        most / 2
    };
    let apart = bounds.get(..apart).filter(|apart| saves(level, apart));
    let Some(apart) = apart else {
        return vec![tile(level, bounds)];
    };
    let mut tiles = edged(level, apart);
    let rest = bounds.get(apart.len() - 1..).filter(|rest| rest.len() > 1);
    tiles.extend(rest.map(|rest| tile(level, rest.to_vec())));
    tiles
}

/// Whether reading the days between bounds apart saves more than so many reads take.
fn saves(level: Level, bounds: &[Timestamp]) -> bool {
    let (Some(from), Some(to)) = (bounds.first(), bounds.last()) else {
        return false;
    };
    let length_of_all_us = to.as_microsecond().saturating_sub(from.as_microsecond());
    let reads = i64::try_from(2 * bounds.len()).unwrap_or(i64::MAX);
    length_of_all_us / length_us(level) - length_of_all_us / DAY_US > reads.saturating_mul(BUCKETS_OF_A_READ)
}

/// The starts of all buckets of a range, and its end.
pub(super) fn bounds(calendar: &Calendar, period: Period, range: Range) -> Vec<Timestamp> {
    let starts = std::iter::successors(Some(range.from), |start| {
        Some(calendar.next(period, *start)).filter(|next| next > start && *next < range.to)
    });
    starts.chain([range.to]).collect()
}

/// The days of UTC that lie in one bucket by day, and the others, around each of the bounds, by a finer level.
fn edged(level: Level, bounds: &[Timestamp]) -> Vec<Tile> {
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else {
        return Vec::new();
    };
    let mut tiles: Vec<Tile> = Vec::new();
    let (mut begun, mut edge): (Timestamp, Vec<Timestamp>) = (*first, Vec::new());
    for bound in bounds {
        let day = floor(Level::Day, *bound);
        let after = if day == *bound { day } else { later(day, DAY_US) };
        let (day, after) = (day.max(*first), after.min(*last));
        if day < begun {
            // Another one of the same day, of which the edge is.
            edge.pop();
            edge.extend([*bound, after]);
        } else {
            if edge.len() > 1 {
                tiles.push(tile(level, std::mem::take(&mut edge)));
            }
            if begun < day {
                tiles.push(tile(Level::Day, vec![begun, day]));
            }
            edge = vec![day, *bound, after];
        }
        edge.dedup();
        begun = after;
    }
    if edge.len() > 1 {
        tiles.push(tile(level, edge));
    }
    tiles
}

fn tile(level: Level, bounds: Vec<Timestamp>) -> Tile {
    let ends = bounds.first().zip(bounds.last());
    let (from, to) = ends.map_or((Timestamp::MIN, Timestamp::MIN), |(from, to)| (*from, *to));
    Tile {
        level,
        range: Range { from, to },
        bins: Bins::Between(bounds),
    }
}

fn range_us(range: Range) -> i64 {
    range.to.as_microsecond().saturating_sub(range.from.as_microsecond())
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
        let next = calendar.next(Period::Hour, change);
        step_us = common(common(step_us, after(change)), after(next));
        at = change;
    }
    step_us
}

/// Days have 24 hours where clocks are not changed.
fn step_of_days(calendar: &Calendar, range: Range) -> i64 {
    let (mut step_us, mut start) = (0, range.from);
    for _ in 0..=MAX_POINTS {
        let next = calendar.next(Period::Day, start);
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
