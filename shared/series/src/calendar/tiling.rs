//! What a client's buckets are put together from: rollups are kept in buckets of UTC.

use catalog::{Level, Period};
use jiff::Timestamp;

use super::cut::Cut;
use super::{Calendar, DAY_US, HOUR_US, Hours, MINUTE_US, Range, floor, floor_us, later, length_us};
use crate::plan::MAX_POINTS;

/// A part of a range, and how it is tiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The coarsest level of rollups none of whose buckets, of these hours, lies in two of the client's.
    pub level: Level,
    /// The widest bins into which these may be summed up before they are answered: one to a bucket where clocks are not changed within the range.
    pub bins: Bins,
    /// The part of the range.
    pub range: Range,
    /// The hours of each day that it is of: tiles of the others have the same range.
    pub hours: Hours,
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
pub(super) const BUCKETS_OF_A_READ: i64 = 2_000;

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
        _ => {
            let bounds = bounds(calendar, period, range);
            let cut = Cut::of(&bounds);
            return if period == Period::Day {
                evenly(&cut, bounds, most)
            } else {
                of_bounds(&cut, bounds, most)
            };
        }
    };
    let from_us = range.from.as_microsecond();
    let fits = |level: &Level| step_us % length_us(*level) == 0 && floor_us(*level, from_us) == from_us;
    let level = Level::ALL.into_iter().rev().find(fits).unwrap_or(Level::Minute);
    // Before there were zones of full minutes a step may be shorter than a minute; no fact is so old.
    let bins = if step_us > length_us(level) {
        Bins::Even {
            length_us: step_us,
            origin_us: from_us.rem_euclid(step_us),
        }
    } else {
        Bins::of(level)
    };
    let hours = Hours::ALL;
    vec![Tile {
        level,
        bins,
        range,
        hours,
    }]
}

/// Stretches that begin and end at some instants, of any length.
pub(super) fn between(bounds: &[Timestamp], most: usize) -> Vec<Tile> {
    let cut = Cut::of(bounds);
    // What leads up to the second instant may be most of all: from the first fact there is to the first bucket.
    let lead = bounds
        .get(..2)
        .filter(|lead| most > 4 && bounds.len() > 2 && saves(&cut, lead));
    let (mut tiles, rest) = match lead.zip(bounds.get(1..)) {
        Some((lead, rest)) => (edged(cut.finest(), lead), rest),
        None => (Vec::new(), bounds),
    };
    let left = most.saturating_sub(tiles.len());
    tiles.extend(evenly(&cut, rest.to_vec(), left));
    tiles
}

/// Stretches in bins of one length where that may be, which other questions may share.
fn evenly(cut: &Cut, bounds: Vec<Timestamp>, most: usize) -> Vec<Tile> {
    match even(cut.finest(), &bounds) {
        Some((bins, range)) => cut.tiles(&bins, range, most),
        None => of_bounds(cut, bounds, most),
    }
}

/// Bins of one length, unless they are many more than the stretches between the instants.
fn even(level: Level, bounds: &[Timestamp]) -> Option<(Bins, Range)> {
    let (from, to) = (*bounds.first()?, *bounds.last()?);
    let steps = bounds.windows(2).filter_map(|pair| match pair {
        [from, to] => Some(to.as_microsecond() - from.as_microsecond()),
        _ => None,
    });
    let length_us = steps.fold(0, common);
    let range = Range { from, to };
    let most = i64::try_from(bounds.len()).unwrap_or(i64::MAX).max(BUCKETS_OF_A_READ);
    let fits = length_us > 0 && length_us <= DAY_US && length_us % super::length_us(level) == 0;
    let bins = || Bins::Even {
        length_us,
        origin_us: from.as_microsecond().rem_euclid(length_us),
    };
    (fits && range_us(range) / length_us <= most).then(|| (bins(), range))
}

/// Buckets between instants, by levels none of whose buckets has one inside, and by day where that is less to read. Where they don't begin with days of UTC, only
/// the days in which they do need finer levels: these are read apart. Of more parts than there may be the last one has all that is left, by the finer levels.
fn of_bounds(cut: &Cut, bounds: Vec<Timestamp>, most: usize) -> Vec<Tile> {
    // So many bounds make two parts less one, and there is one for the rest.
    let apart = if 2 * bounds.len() - 1 <= most {
        bounds.len()
    } else {
        most / 2
    };
    let apart = bounds.get(..apart).filter(|apart| saves(cut, apart));
    let Some(apart) = apart else {
        return cut.tiles(&Bins::Between(bounds.clone()), whole(&bounds), most);
    };
    let mut tiles = edged(cut.finest(), apart);
    if let Some(rest) = bounds.get(apart.len() - 1..).filter(|rest| rest.len() > 1) {
        let left = most.saturating_sub(tiles.len());
        tiles.extend(cut.tiles(&Bins::Between(rest.to_vec()), whole(rest), left));
    }
    tiles
}

/// Whether reading the days between bounds apart saves more than so many reads take.
fn saves(cut: &Cut, bounds: &[Timestamp]) -> bool {
    let days = range_us(whole(bounds)) / DAY_US;
    let reads = i64::try_from(2 * bounds.len()).unwrap_or(i64::MAX);
    days.saturating_mul(cut.buckets_of_a_day() - 1) > reads.saturating_mul(BUCKETS_OF_A_READ)
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
    Tile {
        level,
        range: whole(&bounds),
        bins: Bins::Between(bounds),
        hours: Hours::ALL,
    }
}

/// From the first of some instants to the last.
fn whole(bounds: &[Timestamp]) -> Range {
    let ends = bounds.first().zip(bounds.last());
    let (from, to) = ends.map_or((Timestamp::MIN, Timestamp::MIN), |(from, to)| (*from, *to));
    Range { from, to }
}

pub(super) fn range_us(range: Range) -> i64 {
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

/// The greatest common divisor.
const fn common(mut one: i64, mut other: i64) -> i64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one.abs()
}
