//! Which hours of the day instants cut, and so by which levels each hour is read: where all days begin at half past an hour, only that hour is needed by quarters of
//! one, and only the quarter of the day around it by hours.

use catalog::Level;
use jiff::Timestamp;

use super::tiling::{BUCKETS_OF_A_READ, range_us};
use super::{Bins, DAY_US, HOUR_US, Hours, Range, Tile, floor, length_us};
use crate::field::EARLIEST_S;

/// The levels that stretches between instants are read by. It is of the hours of the day alone: where an hour is cut on some days, that of all days is read by the
/// finer level, which is as right, so that there are few reads however long the range is.
pub(super) struct Cut {
    /// Each hour in one of them, the coarsest level first. None of the level's buckets of these hours has an instant inside.
    parts: Vec<(Level, Hours)>,
}

impl Cut {
    pub(super) fn of(bounds: &[Timestamp]) -> Self {
        // No fact is so old that it matters where an earlier bucket began.
        let counted = || bounds.iter().filter(|bound| bound.as_second() > EARLIEST_S);
        let cut = |level: Level, hours: fn(Timestamp) -> Hours| {
            let inside = counted().filter(|bound| floor(level, **bound) != **bound);
            inside.fold(Hours::NONE, |cut, bound| cut.and(hours(*bound)))
        };
        if cut(Level::Day, Hours::of) == Hours::NONE {
            return Self {
                parts: vec![(Level::Day, Hours::ALL)],
            };
        }
        let of_days = cut(Level::QuarterDay, Hours::of_quarter);
        let of_hours = cut(Level::Hour, Hours::of);
        let of_quarters = cut(Level::QuarterHour, Hours::of);
        let parts = [
            (Level::QuarterDay, Hours::ALL.without(of_days)),
            (Level::Hour, of_days.without(of_hours)),
            (Level::QuarterHour, of_hours.without(of_quarters)),
            (Level::Minute, of_quarters),
        ];
        Self {
            parts: parts.into_iter().filter(|(_, hours)| hours.count() > 0).collect(),
        }
    }

    /// The level none of whose buckets has an instant inside, whatever the hour.
    pub(super) fn finest(&self) -> Level {
        self.parts.last().map_or(Level::Minute, |(level, _)| *level)
    }

    /// Buckets of a day, each hour by its level.
    pub(super) fn buckets_of_a_day(&self) -> i64 {
        buckets(&self.parts)
    }

    /// The tiles of a range in some bins: of each level one, or with the coarsest read by the next finer one where a read more would take longer than it saves, or
    /// there may not be so many.
    pub(super) fn tiles(&self, bins: &Bins, range: Range, most: usize) -> Vec<Tile> {
        let days = range_us(range) / DAY_US + 1;
        let cost = |parts: &Vec<(Level, Hours)>| {
            let reads = i64::try_from(parts.len()).unwrap_or(i64::MAX);
            let of_days = days.saturating_mul(buckets(parts));
            of_days.saturating_add(reads.saturating_mul(BUCKETS_OF_A_READ))
        };
        let without = (0..self.parts.len()).map(|coarse| self.without(coarse));
        let allowed = without.filter(|parts| parts.len() <= most.max(1));
        let parts = allowed.min_by_key(cost).unwrap_or_default();
        let tile = |(level, hours)| Tile {
            level,
            bins: bins.clone(),
            range,
            hours,
        };
        parts.into_iter().map(tile).collect()
    }

    /// The levels without so many of the coarsest, whose hours the next one has too.
    fn without(&self, coarse: usize) -> Vec<(Level, Hours)> {
        let (coarse, rest) = self.parts.split_at(coarse);
        let hours = coarse.iter().fold(Hours::NONE, |hours, (_, more)| hours.and(*more));
        let mut parts = rest.to_vec();
        if let Some((_, first)) = parts.first_mut() {
            *first = first.and(hours);
        }
        parts
    }
}

/// Buckets of a day, each hour by its level.
fn buckets(parts: &[(Level, Hours)]) -> i64 {
    let of_part = |(level, hours): &(Level, Hours)| i64::from(hours.count()) * HOUR_US / length_us(*level);
    parts.iter().map(of_part).sum()
}
