//! Windows of random questions in zones that are odd, against looking at each fact by itself.

use std::collections::BTreeSet;

use catalog::Period;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use proptest::prelude::*;
use series::Calendar;

use super::{Fact, at, values};

/// What a window is by looking at each fact.
#[derive(Clone, Copy, Debug)]
enum Naive {
    Previous(i64),
    Dates(Period, i16),
    ToDate(Period),
    Rolling(i64),
    RollingDays(i64),
    Cumulative,
}

impl Naive {
    fn formula(self) -> String {
        match self {
            Naive::Previous(count) => format!("PREVIOUS(COUNT(M), {count})"),
            Naive::Dates(period, count) => format!("PREVIOUS(COUNT(M), {count}, {period})"),
            Naive::ToDate(period) => format!("TO_DATE(COUNT(M), {period})"),
            Naive::Rolling(count) => format!("ROLLING(COUNT(M), {count})"),
            Naive::RollingDays(count) => format!("ROLLING(COUNT(M), {count}, DAY)"),
            Naive::Cumulative => "CUMULATIVE(COUNT(M))".to_owned(),
        }
    }

    /// Whether a fact counts for the bucket that begins at `start`; the dates and clocks of each are local.
    fn holds(self, calendar: &Calendar, period: Period, start: Timestamp, time: Timestamp) -> bool {
        let end = calendar.next(period, start);
        let own = calendar.start(period, time);
        let later = |count: i64| (0..count).fold(own, |bucket, _| calendar.next(period, bucket));
        let local = |time: Timestamp| time.to_zoned(calendar.zone().clone());
        match self {
            Naive::Previous(count) => later(count) == start,
            Naive::Rolling(count) => own <= start && later(count) > start,
            Naive::RollingDays(count) => {
                let days = local(start).date() - local(time).date();
                own <= start && (0..count).contains(&i64::from(days.get_days()))
            }
            Naive::Cumulative => time < end,
            Naive::ToDate(longer) => {
                let last = Timestamp::from_microsecond(end.as_microsecond() - 1).unwrap();
                time < end && calendar.start(longer, time) == calendar.start(longer, last)
            }
            Naive::Dates(by, count) => {
                let (there, here) = (local(own), local(start));
                let months = |date: Date| date.year() * 12 + i16::from(date.month());
                let between = months(here.date()) - months(there.date());
                let is_date = match by {
                    Period::Week => here.date().checked_sub(count.weeks()).unwrap() == there.date(),
                    Period::Month => between == count && here.day() == there.day(),
                    _ => between == 12 * count && here.day() == there.day(),
                };
                let is_time = || here.time() == there.time() && first_of_name(calendar, own, here.time(), start);
                is_date && (period == Period::Day || is_time())
            }
        }
    }

    /// Whether there is a date and time like that of the bucket at all.
    fn exists(self, calendar: &Calendar, period: Period, start: Timestamp) -> bool {
        let days = match self {
            Naive::Dates(Period::Week, count) => i64::from(count) * 7,
            Naive::Dates(Period::Month, count) => i64::from(count) * 30,
            Naive::Dates(_, count) => i64::from(count) * 365,
            _ => return true,
        };
        // Every half hour of the days around where it would be.
        let around = start - SignedDuration::from_hours(24 * days);
        (-5 * 48..5 * 48).any(|half| {
            let time = around + SignedDuration::from_mins(30 * half);
            self.holds(calendar, period, start, time)
        })
    }
}

/// Whether an hour is the first of its date with its name, or the second where the one that is asked is one.
fn first_of_name(calendar: &Calendar, hour: Timestamp, name: Time, asked: Timestamp) -> bool {
    let named = |day: Timestamp| -> Vec<Timestamp> {
        let local = |time: Timestamp| time.to_zoned(calendar.zone().clone());
        let date = local(day).date();
        let around = (-3..=3).map(|hours| calendar.start(Period::Hour, day + SignedDuration::from_hours(hours)));
        let starts: BTreeSet<Timestamp> = around.collect();
        let is_named = |start: &Timestamp| (local(*start).date(), local(*start).time()) == (date, name);
        starts.into_iter().filter(is_named).collect()
    };
    let (here, there) = (named(asked), named(hour));
    let is_second = here.len() > 1 && here.last() == Some(&asked);
    let one = if is_second { there.last() } else { there.first() };
    one == Some(&hour)
}

fn cases() -> impl Strategy<Value = (&'static str, Timestamp, Period, Naive, i64, Vec<i64>)> {
    let zones = proptest::sample::select(vec![
        ("Australia/Lord_Howe", "2026-04-05T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-04T00:00:00Z"),
        ("Asia/Kathmandu", "2024-03-01T00:00:00Z"),
        ("Pacific/Apia", "2012-01-02T00:00:00Z"),
        ("Europe/Berlin", "2026-03-29T00:00:00Z"),
        ("Europe/Berlin", "2026-10-25T00:00:00Z"),
        ("UTC", "2025-12-30T00:00:00Z"),
    ]);
    let longer = proptest::sample::select(vec![Period::Year, Period::Quarter, Period::Month, Period::FiscalYear]);
    let by = proptest::sample::select(vec![Period::Week, Period::Month, Period::Year]);
    let naive = prop_oneof![
        (1_i64..40).prop_map(Naive::Previous),
        (1_i64..40).prop_map(Naive::Rolling),
        (1_i64..40).prop_map(Naive::RollingDays),
        Just(Naive::Cumulative),
        longer.prop_map(Naive::ToDate),
        (by, 1_i16..3).prop_map(|(by, count)| Naive::Dates(by, count)),
    ];
    let period = proptest::sample::select(vec![Period::Hour, Period::Day, Period::Week, Period::Month]);
    let minutes = prop_oneof![-60 * 24 * 20..60 * 24 * 20_i64, -60 * 24 * 800..60_i64];
    let facts = proptest::collection::vec(minutes, 0..60);
    let drawn = (zones, period, naive, 1_i64..50, facts);
    drawn.prop_filter_map(
        "a window of the period",
        |((zone, around), period, naive, buckets, facts)| {
            let fits = match naive {
                // Days are counted back by the calendar, and Samoa's lacks one.
                Naive::RollingDays(_) => period == Period::Day && zone != "Pacific/Apia",
                Naive::Dates(..) => matches!(period, Period::Hour | Period::Day),
                Naive::ToDate(longer) => longer.rank() >= period.rank(),
                _ => true,
            };
            fits.then(|| (zone, at(around), period, naive, buckets, facts))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_window_holds_the_facts_that_its_words_say((zone, around, period, naive, buckets, facts) in cases()) {
        let calendar = Calendar::of(zone).unwrap();
        let fact = |minutes: &i64| (around + SignedDuration::from_mins(*minutes), 1, "x");
        let facts: Vec<Fact> = facts.iter().map(fact).collect();
        let from = calendar.start(period, around - SignedDuration::from_hours(20));
        let to = (0..buckets).fold(from, |start, _| calendar.next(period, start));
        let formula = naive.formula();
        let found = values(&formula, &calendar, period, (&from.to_string(), &to.to_string()), &facts);
        // Facts of buckets to come count in them too.
        for (start, value) in found {
            let holds = |time: Timestamp| naive.holds(&calendar, period, start, time);
            let counted = facts.iter().filter(|(time, ..)| holds(*time)).count();
            let has_value = counted > 0 || naive.exists(&calendar, period, start);
            let expected = has_value.then(|| counted.to_string());
            let told = value.map(|value| value.to_string());
            prop_assert_eq!(told, expected, "{} by {} in {}: {}", formula, period, zone, start);
        }
    }
}
