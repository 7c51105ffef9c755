//! Weeks, months, quarters and years.

use super::*;

/// What the calendar calls the period that a day is in, told by the formatter and not by counting.
fn called(calendar: &Calendar, period: Period, time: Timestamp) -> String {
    let form = match period {
        Period::Week => "%G-W%V",
        Period::Month => "%Y-%m",
        Period::Quarter => "%Y-Q%q",
        _ => "%Y",
    };
    calendar.local(time).strftime(form).to_string()
}

/// Checks a bucket of days: it has all days of one name, and none of another, and begins and ends with days.
pub(super) fn check(calendar: &Calendar, period: Period, start: Timestamp, next: Timestamp) {
    let (zone, called) = (calendar.zone().iana_name(), |time| called(calendar, period, time));
    let mut day = start;
    while day < next {
        assert_eq!(
            calendar.start(Period::Day, day),
            day,
            "{zone:?} {period}: no day begins at {day}"
        );
        assert_eq!(
            called(day),
            called(start),
            "{zone:?}: {day} is not in the {period} of {start}"
        );
        day = calendar.next(Period::Day, day);
    }
    assert_eq!(day, next, "{zone:?}: the {period} of {start} ends within a day");
    assert_ne!(
        called(next),
        called(start),
        "{zone:?}: the {period} of {start} has more days"
    );
}

#[test]
fn weeks_months_quarters_and_years_are_those_of_the_calendar() {
    let cases = [
        // zone, period, instant, what clocks show at the start of its bucket and at the end
        (
            "UTC",
            Period::Week,
            "2026-01-01T12:00:00Z",
            "2025-12-29T00:00+00 2026-01-05T00:00+00",
        ),
        (
            "UTC",
            Period::Week,
            "2024-12-30T00:00:00Z",
            "2024-12-30T00:00+00 2025-01-06T00:00+00",
        ),
        (
            "UTC",
            Period::Week,
            "2021-01-03T23:59:59Z",
            "2020-12-28T00:00+00 2021-01-04T00:00+00",
        ),
        (
            "UTC",
            Period::Month,
            "2024-02-29T12:00:00Z",
            "2024-02-01T00:00+00 2024-03-01T00:00+00",
        ),
        (
            "UTC",
            Period::Quarter,
            "2026-12-31T23:59:59Z",
            "2026-10-01T00:00+00 2027-01-01T00:00+00",
        ),
        (
            "UTC",
            Period::Year,
            "2000-12-31T23:59:59Z",
            "2000-01-01T00:00+00 2001-01-01T00:00+00",
        ),
        // The same instant is in another month, quarter and year of another zone.
        (
            "Asia/Kolkata",
            Period::Month,
            "2026-03-31T18:30:00Z",
            "2026-04-01T00:00+05:30 2026-05-01T00:00+05:30",
        ),
        (
            "Asia/Kathmandu",
            Period::Year,
            "2026-12-31T18:14:59Z",
            "2026-01-01T00:00+05:45 2027-01-01T00:00+05:45",
        ),
        (
            "America/New_York",
            Period::Quarter,
            "2026-04-01T03:59:59Z",
            "2026-01-01T00:00-05 2026-04-01T00:00-04",
        ),
        // A week of 167 hours, and one of 169.
        (
            "Europe/Berlin",
            Period::Week,
            "2026-03-29T12:00:00Z",
            "2026-03-23T00:00+01 2026-03-30T00:00+02",
        ),
        (
            "Europe/Berlin",
            Period::Week,
            "2026-10-25T12:00:00Z",
            "2026-10-19T00:00+02 2026-10-26T00:00+01",
        ),
        // Midnight of the first is left out, and one day of a week is.
        (
            "Asia/Amman",
            Period::Month,
            "2016-04-15T12:00:00Z",
            "2016-04-01T01:00+03 2016-05-01T00:00+03",
        ),
        (
            "Pacific/Apia",
            Period::Week,
            "2011-12-29T12:00:00Z",
            "2011-12-26T00:00-10 2012-01-02T00:00+14",
        ),
        // Clocks are put back past midnight, to the month before: what has begun goes on.
        (
            "America/St_Johns",
            Period::Month,
            "2009-11-01T03:00:00Z",
            "2009-11-01T00:00-02:30 2009-12-01T00:00-03:30",
        ),
    ];
    for (zone, period, instant, shown) in cases {
        let calendar = Calendar::of(zone).unwrap();
        let start = calendar.start(period, at(instant));
        let local = |time: Timestamp| calendar.local(time).strftime("%Y-%m-%dT%H:%M%:::z").to_string();
        let told = format!("{} {}", local(start), local(calendar.next(period, start)));
        assert_eq!(told, shown, "{zone} {period} {instant}");
    }
}

/// Every month, quarter and year of every zone, of all years that facts may be of for long.
#[test]
fn months_quarters_and_years_of_every_zone_follow_each_other() {
    let (first, last) = (at("1990-01-02T00:00:00Z"), at("2040-01-01T00:00:00Z"));
    let mut buckets = 0;
    for zone in zones() {
        let calendar = Calendar::new(zone);
        for period in [Period::Month, Period::Quarter, Period::Year] {
            let mut start = calendar.start(period, first);
            while start < last {
                let next = calendar.next(period, start);
                let (zone, called) = (calendar.zone().iana_name(), |time| called(&calendar, period, time));
                assert_eq!(called(later(next, -1)), called(start), "{zone:?} {period} {start}");
                assert_ne!(called(next), called(start), "{zone:?} {period} {start}");
                assert_eq!(calendar.start(period, later(next, -1)), start, "{zone:?} {period}");
                assert_eq!(calendar.start(period, next), next, "{zone:?} {period}");
                (start, buckets) = (next, buckets + 1);
            }
        }
    }
    assert!(buckets > 400_000, "{buckets} buckets");
}

proptest! {
    #[test]
    fn buckets_of_days_part_any_time((zone, from, hours) in any_time()) {
        let calendar = Calendar::new(zone);
        let to = from + SignedDuration::from_hours(hours);
        for period in [Period::Week, Period::Month, Period::Quarter, Period::Year] {
            check_buckets(&calendar, period, from, to);
        }
    }
}

#[test]
fn days_within_a_bucket_are_read_by_day_where_that_saves_much() {
    let cases = [
        // zone, period, days, the levels of the tiles
        ("UTC", Period::Year, "2026-01-10 2026-12-12", "day"),
        ("UTC", Period::Week, "2026-01-10 2026-12-12", "day"),
        ("Europe/Berlin", Period::Month, "2026-01-10 2026-01-11", "hour"),
        (
            "Europe/Berlin",
            Period::Month,
            "2026-01-10 2026-12-12",
            "quarter_day hour",
        ),
        (
            "Europe/Berlin",
            Period::Year,
            "2026-01-10 2026-01-11",
            "quarter_day hour",
        ),
        ("Asia/Kolkata", Period::Week, "2026-01-10 2026-01-11", "quarter_hour"),
        (
            "Asia/Kolkata",
            Period::Month,
            "2026-01-10 2026-01-11",
            "hour quarter_hour",
        ),
        (
            "Asia/Kolkata",
            Period::Month,
            "2026-01-10 2026-12-12",
            "quarter_day hour quarter_hour",
        ),
        (
            "Asia/Kolkata",
            Period::Year,
            "2026-01-10 2026-01-11",
            "quarter_day hour quarter_hour",
        ),
        // In winter their midnights are those of UTC.
        ("Europe/London", Period::Month, "2026-01-10 2026-02-12", "day"),
    ];
    for (zone, period, days, levels) in cases {
        let calendar = Calendar::of(zone).unwrap();
        let (from, to) = days.split_once(' ').unwrap();
        let [from, to] = [from, to].map(|day| at(&format!("{day}T00:00:00Z")));
        let tiles = calendar.tile(period, calendar.align(period, Range { from, to }), 9);
        let told: Vec<&str> = tiles.iter().map(|tile| tile.level.name()).collect();
        assert_eq!(told.join(" "), levels, "{zone} {period} {days}");
    }
}

#[test]
fn days_between_instants_that_are_far_apart_are_read_by_day() {
    let told = |bounds: &[Timestamp], most: usize| {
        let tiles = Calendar::utc().tile_between(bounds, most);
        let levels: Vec<&str> = tiles.iter().map(|tile| tile.level.name()).collect();
        levels.join(" ")
    };
    // Each year up to the same minute, as like for like has it.
    let years = |last: i64| -> Vec<Timestamp> {
        let bounds = (2001..=last)
            .flat_map(|year| ["01-01T00:00:00Z", "09-20T09:37:00Z"].map(|day| at(&format!("{year}-{day}"))));
        bounds.collect()
    };
    assert_eq!(told(&years(2002), 9), "day minute minute day day minute");
    // Of more parts than there may be the last have all that is left.
    assert_eq!(
        told(&years(2003), 9),
        "day minute minute day day minute quarter_day hour minute"
    );
    // What leads up to the first day, from the first fact there is.
    let mut days = vec![at("1990-01-01T00:00:00Z")];
    days.extend((0..40).map(|day| later(at("2026-01-01T18:30:00Z"), day * DAY_US)));
    assert_eq!(told(&days, 9), "day quarter_hour hour quarter_hour");
}
