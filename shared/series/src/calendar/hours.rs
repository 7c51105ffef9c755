//! Hours of the day, in UTC: which of them a read is of.

use jiff::Timestamp;

use super::{DAY_US, HOUR_US, QUARTER_DAY_US};

/// Some of the 24 hours that every day of UTC has. What lies in the others is not read: another read has it, of another level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours(u32);

impl Hours {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// The whole day.
    pub const ALL: Self = Self((1 << 24) - 1);

    /// The one that an instant is in.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        let hour = time.as_microsecond().rem_euclid(DAY_US) / HOUR_US;
        Self(1 << hour)
    }

    /// Those of the quarter of a day that an instant is in.
    #[must_use]
    pub fn of_quarter(time: Timestamp) -> Self {
        let quarter = time.as_microsecond().rem_euclid(DAY_US) / QUARTER_DAY_US;
        Self(0b11_1111 << (6 * quarter))
    }

    /// These and others.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These but for others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// How many they are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether the hour of an instant is one of them.
    #[must_use]
    pub fn hold(self, time: Timestamp) -> bool {
        self.0 & Self::of(time).0 != 0
    }

    /// Their numbers: 0 is the one after midnight.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        (0..24).filter(move |hour| self.0 & (1 << hour) != 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_instant_is_in_one_hour() {
        for (instant, hour) in [
            ("2026-03-28T00:00:00Z", 0),
            ("2026-03-28T18:30:00Z", 18),
            ("2026-03-28T23:59:59.999999Z", 23),
            ("1969-12-31T22:59:00Z", 22),
        ] {
            let time: Timestamp = instant.parse().unwrap();
            let hours = Hours::of(time);
            assert_eq!(hours.numbers().collect::<Vec<_>>(), [hour], "{instant}");
            let others = Hours::ALL.without(hours);
            assert!(hours.hold(time) && !others.hold(time), "{instant}");
            assert_eq!((others.count(), others.and(hours)), (23, Hours::ALL), "{instant}");
            let first = hour - hour % 6;
            let quarter: Vec<u32> = Hours::of_quarter(time).numbers().collect();
            assert_eq!(quarter, (first..first + 6).collect::<Vec<_>>(), "{instant}");
        }
    }
}
