//! From a bucket to an earlier one, and from an instant to an earlier one, by the clocks and dates of the calendar.

use jiff::civil::{Date, DateTime};
use jiff::tz::AmbiguousOffset;
use jiff::{Span, Timestamp, ToSpan as _};

use super::rules::FiscalYear;
use super::{Calendar, HOUR_US, MINUTE_US, Period, dates, later};

impl Calendar {
    /// Start of the day, hour or minute that has the same place so many periods of at least a day before; `None` where there is none: the month or the fiscal year
    /// lacks the date, the zone left it out, or the clocks of that date don't show the hour or show it cut.
    ///
    /// Of two hours of one name it is the first, unless the one that it is compared with is a second one itself.
    pub(crate) fn counterpart(&self, period: Period, start: Timestamp, by: Period, count: u16) -> Option<Timestamp> {
        let own = self.local(start).datetime();
        let date = self.date_before(own.date(), by, count)?;
        if period == Period::Day {
            let first = self.first_instant(date, Timestamp::MIN);
            return (self.date(first) == date).then_some(first);
        }
        let found = self.instant(date.to_datetime(own.time()), self.is_second(own, start))?;
        // An hour that is cut where clocks are changed begins otherwise, or ends early.
        let is_whole = period == Period::Minute || self.next(period, found) == later(found, HOUR_US);
        (is_whole && self.start(period, found) == found).then_some(found)
    }

    /// The date so many periods before, if there is one of the kind.
    fn date_before(&self, date: Date, by: Period, count: u16) -> Option<Date> {
        let count = i32::from(count);
        let months = match by {
            Period::Day => return date.checked_sub(count.days()).ok(),
            Period::Week => return date.checked_sub(count.weeks()).ok(),
            _ if self.has_weeks(by) => return self.place_before(date, by, count),
            _ => dates::months(by) * count,
        };
        let there = date.checked_sub(months.months()).ok()?;
        (there.day() == date.day()).then_some(there)
    }

    /// The date with the same place in the part of a fiscal year of weeks so many parts before.
    fn place_before(&self, date: Date, by: Period, count: i32) -> Option<Date> {
        let first = dates::first(&self.rules, by, date)?;
        let mut there = first;
        for _ in 0..count {
            there = dates::first(&self.rules, by, there.yesterday().ok()?)?;
            if there.year() < YEAR_OF_NOTHING {
                break;
            }
        }
        let found = there.checked_add(first.until(date).ok()?).ok()?;
        (found < dates::next(&self.rules, by, there)?).then_some(found)
    }

    /// Whether it is a part of a fiscal year of weeks.
    fn has_weeks(&self, period: Period) -> bool {
        period.is_fiscal() && matches!(self.rules.fiscal_year, FiscalYear::Weeks { .. })
    }

    /// The instant so many periods of the calendar before: of the same clocks, and on the last date of a month that has not as many.
    pub(crate) fn before(&self, end: Timestamp, by: Period, count: u16) -> Timestamp {
        let many = i32::from(count);
        let span: Span = match by {
            Period::Minute => return later(end, -i64::from(count) * MINUTE_US),
            Period::Hour => return later(end, -i64::from(count) * HOUR_US),
            Period::Day => many.days(),
            Period::Week => many.weeks(),
            _ => (dates::months(by) * many).months(),
        };
        let local = self.local(end).datetime().checked_sub(span);
        local.map_or(Timestamp::MIN, |local| self.compatible(local))
    }

    /// The instant in another bucket that has the same place as one has in its bucket: so many dates after the first, with the same clocks; of a bucket shorter
    /// than a day so long after its start.
    pub(crate) fn same_place(
        &self,
        period: Period,
        start: Timestamp,
        instant: Timestamp,
        other_start: Timestamp,
    ) -> Timestamp {
        if matches!(period, Period::Minute | Period::Hour) {
            return later(other_start, instant.as_microsecond() - start.as_microsecond());
        }
        let local = self.local(instant).datetime();
        let first = self.date(start);
        let there = first
            .until(local.date())
            .and_then(|days| self.date(other_start).checked_add(days));
        there.map_or(Timestamp::MAX, |date| self.compatible(date.to_datetime(local.time())))
    }

    /// The instant of a local time; where clocks leave it out the one so long after as it is after the change, where they show it twice the first.
    fn compatible(&self, local: DateTime) -> Timestamp {
        let zoned = local.to_zoned(self.zone.clone());
        zoned.map_or(Timestamp::MIN, |zoned| zoned.timestamp())
    }

    /// The instant of a local time, if clocks show it; where they show it twice the first or the second.
    fn instant(&self, local: DateTime, is_second: bool) -> Option<Timestamp> {
        let offset = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { .. } => return None,
            AmbiguousOffset::Fold { after, .. } if is_second => after,
            AmbiguousOffset::Fold { before, .. } => before,
        };
        offset.to_timestamp(local).ok()
    }

    /// Whether an instant is the second one at which clocks show a local time.
    fn is_second(&self, local: DateTime, instant: Timestamp) -> bool {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { after, .. } => after.to_timestamp(local).is_ok_and(|second| second == instant),
            _ => false,
        }
    }
}

/// No fact is so old that an earlier date would be another answer.
const YEAR_OF_NOTHING: i16 = 1989;
