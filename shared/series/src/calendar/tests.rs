#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Every zone that there is.
fn zones() -> Vec<TimeZone> {
    let names = jiff::tz::db().available();
    names.filter_map(|name| TimeZone::get(name.as_str()).ok()).collect()
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
        // One day is left out, and at one minute past midnight it is 23:01 again.
        (
            "Pacific/Apia",
            "2011-12-30T09:59:59Z",
            "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z",
        ),
        (
            "America/St_Johns",
            "2010-11-07T03:00:00Z",
            "2010-11-07T02:30:00Z",
            "2010-11-08T03:30:00Z",
        ),
    ];
    for (zone, instant, start, next) in cases {
        let calendar = Calendar::of(zone).unwrap();
        assert_eq!(calendar.start(Level::Day, at(instant)), at(start), "{zone}");
        assert_eq!(calendar.next(Level::Day, at(start)), at(next), "{zone}");
    }
}

#[test]
fn an_hour_is_the_clients_own() {
    let cases = [
        // zone, where to begin, what clocks show at the starts of the hours from there on
        (
            "Asia/Kolkata",
            "2026-03-28T18:40:00Z",
            "00:00+05:30 01:00+05:30 02:00+05:30",
        ),
        ("Asia/Kathmandu", "2026-03-28T18:20:00Z", "00:00+05:45 01:00+05:45"),
        (
            "Pacific/Chatham",
            "2026-04-04T12:20:00Z",
            "02:00+13:45 03:00+13:45 02:45+12:45 03:00+12:45",
        ),
        // An autumn night has two hours of one name, and a spring night lacks one.
        (
            "Europe/Berlin",
            "2026-10-24T23:10:00Z",
            "01:00+02 02:00+02 02:00+01 03:00+01",
        ),
        ("Europe/Berlin", "2026-03-29T00:10:00Z", "01:00+01 03:00+02 04:00+02"),
        // Clocks are changed by half an hour: a part of an hour by itself.
        (
            "Australia/Lord_Howe",
            "2026-04-04T14:10:00Z",
            "01:00+11 01:30+10:30 02:00+10:30 03:00+10:30",
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T14:40:00Z",
            "01:00+10:30 02:30+11 03:00+11",
        ),
    ];
    for (zone, from, shown) in cases {
        let calendar = Calendar::of(zone).unwrap();
        let mut start = calendar.start(Level::Hour, at(from));
        for expected in shown.split(' ') {
            let local = start
                .to_zoned(calendar.zone().clone())
                .strftime("%H:%M%:::z")
                .to_string();
            assert_eq!(local, expected, "{zone} from {from}");
            start = calendar.next(Level::Hour, start);
        }
    }
}

/// Checks the buckets of a period from an instant to another: none shares an instant with another, none is left out, and each is what its name says.
fn check_buckets(calendar: &Calendar, period: Level, from: Timestamp, to: Timestamp) {
    let mut start = calendar.start(period, from);
    let name = calendar.zone().iana_name();
    assert!(start <= from, "{name:?} {period}: {start} is after {from}");
    while start < to {
        let next = calendar.next(period, start);
        let last = later(next, -1);
        assert!(start < next, "{name:?} {period}: {start}, then {next}");
        let middle = later(start, (next.as_microsecond() - start.as_microsecond()) / 2);
        for inside in [start, middle, last] {
            assert_eq!(calendar.start(period, inside), start, "{name:?} {period}: {inside}");
        }
        let [first, end] = [start, last].map(|time| calendar.local(time));
        match period {
            Level::Minute => assert_eq!((first.second(), end.minute()), (0, first.minute()), "{name:?} {start}"),
            Level::Hour => {
                let is_whole = first.minute() == 0 || calendar.is_change(start);
                assert!(is_whole, "{name:?}: an hour begins at {first}");
                assert_eq!(first.offset(), end.offset(), "{name:?} {start}");
                assert_eq!(
                    (first.date(), first.hour()),
                    (end.date(), end.hour()),
                    "{name:?} {start}"
                );
            }
            Level::Day => {
                let is_first = calendar.local(later(start, -1)).date() < first.date();
                assert!(is_first, "{name:?}: a day begins at {first}");
                assert_eq!(end.date(), first.date(), "{name:?} {start}");
            }
        }
        start = next;
    }
}

/// Around every change of every zone's clocks since the first time that a fact may have.
#[test]
fn buckets_of_every_zone_part_time_where_clocks_are_changed() {
    let (first, last) = (at("1990-01-01T00:00:00Z"), at("2040-01-01T00:00:00Z"));
    let mut changes = 0;
    for zone in zones() {
        let calendar = Calendar::new(zone.clone());
        for change in zone
            .following(first)
            .map(|change| change.timestamp())
            .take_while(|change| *change < last)
        {
            let around = |hours: i64| change + SignedDuration::from_hours(hours);
            check_buckets(
                &calendar,
                Level::Minute,
                later(change, -MINUTE_US),
                later(change, MINUTE_US),
            );
            check_buckets(&calendar, Level::Hour, around(-2), around(2));
            check_buckets(&calendar, Level::Day, around(-25), around(25));
            changes += 1;
        }
    }
    assert!(changes > 10_000, "{changes} changes");
}

/// Any time of any zone, with a length in hours.
fn any_time() -> impl Strategy<Value = (TimeZone, Timestamp, i64)> {
    let seconds = at("1990-01-02T00:00:00Z").as_second()..at("2045-01-01T00:00:00Z").as_second();
    (proptest::sample::select(zones()), seconds, 1..3_000_i64)
        .prop_map(|(zone, second, hours)| (zone, Timestamp::from_second(second).unwrap(), hours))
}

proptest! {
    #[test]
    fn buckets_part_any_time((zone, from, hours) in any_time()) {
        let calendar = Calendar::new(zone);
        let to = from + SignedDuration::from_hours(hours.min(60));
        check_buckets(&calendar, Level::Hour, from, to);
        check_buckets(&calendar, Level::Day, from, to);
        check_buckets(&calendar, Level::Minute, from, later(from, 5 * MINUTE_US));
    }

    /// No bucket of a rollup, and no bin, lies in two of the client's.
    #[test]
    fn what_a_range_is_tiled_by_fits((zone, from, hours) in any_time()) {
        let calendar = Calendar::new(zone);
        for period in [Level::Minute, Level::Hour, Level::Day] {
            let hours = if period == Level::Minute { 2 } else { hours };
            let range = calendar.align(period, Range { from, to: from + SignedDuration::from_hours(hours) });
            let Tiling { level, bins } = calendar.tile(period, range);
            prop_assert!(level <= period && bins.length_us % length_us(level) == 0);
            prop_assert!(bins.origin_us < bins.length_us && bins.length_us <= 25 * HOUR_US);
            let mut start = range.from;
            loop {
                let start_us = start.as_microsecond();
                prop_assert_eq!(floor_us(level, start_us), start_us);
                prop_assert_eq!((start_us - bins.origin_us).rem_euclid(bins.length_us), 0);
                if start >= range.to {
                    break;
                }
                start = calendar.next(period, start);
            }
        }
    }
}

#[test]
fn buckets_are_tiled_by_the_coarsest_that_fits() {
    let cases = [
        // zone, period, days of 2026, level, minutes of a bin, where one begins
        ("UTC", Level::Day, "01-10 01-12", Level::Day, 1_440, 0),
        ("Europe/Berlin", Level::Day, "01-10 01-12", Level::Hour, 1_440, 1_380),
        ("Europe/Berlin", Level::Day, "03-01 04-12", Level::Hour, 60, 0),
        ("Europe/Berlin", Level::Hour, "03-01 04-12", Level::Hour, 60, 0),
        ("Asia/Kolkata", Level::Day, "01-10 12-12", Level::Minute, 1_440, 1_110),
        ("Asia/Kolkata", Level::Hour, "01-10 12-12", Level::Minute, 60, 30),
        ("Asia/Kathmandu", Level::Hour, "01-10 12-12", Level::Minute, 60, 15),
        ("Asia/Kathmandu", Level::Minute, "01-10 01-11", Level::Minute, 1, 0),
        ("Pacific/Chatham", Level::Hour, "01-10 03-12", Level::Minute, 60, 15),
        ("Pacific/Chatham", Level::Hour, "01-10 12-12", Level::Minute, 15, 0),
        ("Australia/Lord_Howe", Level::Hour, "01-10 03-12", Level::Hour, 60, 0),
        ("Australia/Lord_Howe", Level::Hour, "01-10 12-12", Level::Minute, 30, 0),
    ];
    for (zone, period, days, level, minutes, origin) in cases {
        let calendar = Calendar::of(zone).unwrap();
        let (from, to) = days.split_once(' ').unwrap();
        let [from, to] = [from, to].map(|day| at(&format!("2026-{day}T00:00:00Z")));
        let tiling = calendar.tile(period, calendar.align(period, Range { from, to }));
        let bins = Bins {
            length_us: minutes * MINUTE_US,
            origin_us: origin * MINUTE_US,
        };
        assert_eq!(tiling, Tiling { level, bins }, "{zone} {period} {days}");
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
