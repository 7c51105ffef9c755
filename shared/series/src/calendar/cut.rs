//! Which hours of the day instants cut, and so by which levels each hour is read: where all days begin at half past an hour, only that hour is needed by quarters of one.

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
        let all_fit = |level: Level| counted().all(|bound| floor(level, *bound) == *bound);
        if let Some(level) = [Level::Day, Level::Hour].into_iter().find(|level| all_fit(*level)) {
            return Self {
                parts: vec![(level, Hours::ALL)],
            };
        }
        let cut = |level: Level| {
            let inside = counted().filter(|bound| floor(level, **bound) != **bound);
            inside.fold(Hours::NONE, |hours, bound| hours.and(Hours::of(*bound)))
        };
        let (hours, quarters) = (cut(Level::Hour), cut(Level::QuarterHour));
        let parts = [
            (Level::Hour, Hours::ALL.without(hours)),
            (Level::QuarterHour, hours.without(quarters)),
            (Level::Minute, quarters),
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
        let of_part = |(level, hours): &(Level, Hours)| match level {
            Level::Day => 1,
            level => i64::from(hours.count()) * (HOUR_US / length_us(*level)),
        };
        self.parts.iter().map(of_part).sum()
    }

    /// The tiles of a range in some bins: for each level one, if there may be so many and that saves more than so many reads take.
    pub(super) fn tiles(&self, bins: &Bins, range: Range, most: usize) -> Vec<Tile> {
        let tile = |level, hours| Tile {
            level,
            bins: bins.clone(),
            range,
            hours,
        };
        let finest = self.finest();
        let saved_of_a_day = DAY_US / length_us(finest) - self.buckets_of_a_day();
        let saved = (range_us(range) / DAY_US).saturating_mul(saved_of_a_day);
        let more_reads = i64::try_from(self.parts.len()).unwrap_or(i64::MAX) - 1;
        if self.parts.len() > most || saved <= more_reads.saturating_mul(BUCKETS_OF_A_READ) {
            return vec![tile(finest, Hours::ALL)];
        }
        self.parts.iter().map(|(level, hours)| tile(*level, *hours)).collect()
    }
}
