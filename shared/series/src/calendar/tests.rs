#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod days;
mod fiscal;

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
        assert_eq!(calendar.start(Period::Day, at(instant)), at(start), "{zone}");
        assert_eq!(calendar.next(Period::Day, at(start)), at(next), "{zone}");
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
        let mut start = calendar.start(Period::Hour, at(from));
        for expected in shown.split(' ') {
            let local = start
                .to_zoned(calendar.zone().clone())
                .strftime("%H:%M%:::z")
                .to_string();
            assert_eq!(local, expected, "{zone} from {from}");
            start = calendar.next(Period::Hour, start);
        }
    }
}

/// Checks the buckets of a period from an instant to another: none shares an instant with another, none is left out, and each is what its name says.
fn check_buckets(calendar: &Calendar, period: Period, from: Timestamp, to: Timestamp) {
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
            Period::Minute => assert_eq!((first.second(), end.minute()), (0, first.minute()), "{name:?} {start}"),
            Period::Hour => {
                let is_whole = first.minute() == 0 || calendar.is_change(start);
                assert!(is_whole, "{name:?}: an hour begins at {first}");
                assert_eq!(first.offset(), end.offset(), "{name:?} {start}");
                assert_eq!(
                    (first.date(), first.hour()),
                    (end.date(), end.hour()),
                    "{name:?} {start}"
                );
            }
            Period::Day => {
                let is_first = calendar.local(later(start, -1)).date() < first.date();
                assert!(is_first, "{name:?}: a day begins at {first}");
                assert_eq!(end.date(), first.date(), "{name:?} {start}");
            }
            _ => days::check(calendar, period, start, next),
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
                Period::Minute,
                later(change, -MINUTE_US),
                later(change, MINUTE_US),
            );
            check_buckets(&calendar, Period::Hour, around(-2), around(2));
            check_buckets(&calendar, Period::Day, around(-25), around(25));
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
        check_buckets(&calendar, Period::Hour, from, to);
        check_buckets(&calendar, Period::Day, from, to);
        check_buckets(&calendar, Period::Minute, from, later(from, 5 * MINUTE_US));
    }

    /// No bucket of a rollup, and no bin, lies in two of the client's, and every instant of the range is in one bin.
    #[test]
    fn what_a_range_is_tiled_by_fits((zone, from, hours) in any_time(), most in 1..40_usize) {
        let calendar = Calendar::new(zone);
        for period in Period::ALL {
            let hours = match period {
                Period::Minute => 2,
                Period::Hour | Period::Day => hours,
                _ => 20 * hours,
            };
            let range = calendar.align(period, Range { from, to: from + SignedDuration::from_hours(hours) });
            let tiles = calendar.tile(period, range, most);
            prop_assert!(tiles.len() <= most.max(1));
            let mut begun = range.from;
            for parts in tiles.chunk_by(|one, other| one.range == other.range) {
                let Range { from, to } = parts[0].range;
                prop_assert_eq!(from, begun);
                let mut left = Hours::ALL;
                for tile in parts {
                    prop_assert_eq!(left.and(tile.hours), left, "hours of two tiles");
                    left = left.without(tile.hours);
                    check_tile(&calendar, period, tile)?;
                }
                prop_assert_eq!(left, Hours::NONE);
                begun = to;
            }
            prop_assert_eq!(begun, range.to);
        }
    }
}

/// Checks that each bin of a tile is of one bucket, and that none of the buckets of its level that are of its hours has an end of a bin inside which is one of a bucket.
fn check_tile(calendar: &Calendar, period: Period, tile: &Tile) -> Result<(), TestCaseError> {
    let Range { from, to } = tile.range;
    let bounds = match &tile.bins {
        Bins::Between(instants) => instants.clone(),
        Bins::Windows(_) => return Err(TestCaseError::fail("a range is never tiled by windows")),
        Bins::Even { length_us, origin_us } => {
            prop_assert!(
                origin_us < length_us
                    && *length_us <= 25 * HOUR_US
                    && length_us % super::length_us(tile.level).min(QUARTER_HOUR_US) == 0
            );
            prop_assert_eq!((from.as_microsecond() - origin_us).rem_euclid(*length_us), 0);
            let starts = std::iter::successors(Some(from), |start| Some(calendar.next(period, *start)));
            let starts: Vec<Timestamp> = starts.take_while(|start| *start < to).chain([to]).collect();
            for start in &starts {
                prop_assert_eq!((start.as_microsecond() - origin_us).rem_euclid(*length_us), 0);
            }
            starts
        }
    };
    prop_assert_eq!((bounds.first(), bounds.last()), (Some(&from), Some(&to)));
    for pair in bounds.windows(2) {
        prop_assert!(pair[0] < pair[1]);
        prop_assert_eq!(
            calendar.start(period, pair[0]),
            calendar.start(period, later(pair[1], -1))
        );
    }
    for bound in bounds {
        prop_assert!(floor(tile.level, bound) == bound || !tile.hours.hold(bound), "{bound}");
    }
    Ok(())
}

/// The tiles of some time in a few words: levels, with the hours that they are of where these are not all, and the minutes of a bin with where one begins.
fn tiled(zone: &str, period: Period, days: &str) -> String {
    let calendar = Calendar::of(zone).unwrap();
    let (from, to) = days.split_once(' ').unwrap();
    let [from, to] = [from, to].map(|day| at(&format!("{day}T00:00:00Z")));
    let range = calendar.align(period, Range { from, to });
    let told = |tile: &Tile| {
        let numbers = |hours: Hours| hours.numbers().map(|hour| format!(" {hour}")).collect::<String>();
        let hours = match tile.hours.count() {
            24 => String::new(),
            0..12 => format!(" at{}", numbers(tile.hours)),
            _ => format!(" but{}", numbers(Hours::ALL.without(tile.hours))),
        };
        let bins = match &tile.bins {
            Bins::Even { length_us, origin_us } => format!("{}+{}", length_us / MINUTE_US, origin_us / MINUTE_US),
            Bins::Between(_) => "between".to_owned(),
            Bins::Windows(_) => "windows".to_owned(),
        };
        format!("{}{hours} {bins}", tile.level)
    };
    let tiles = calendar.tile(period, range, 9);
    tiles.iter().map(told).collect::<Vec<_>>().join(", ")
}

#[test]
fn buckets_are_tiled_by_the_coarsest_that_fits() {
    let cases = [
        ("UTC", Period::Day, "2026-01-10 2026-01-12", "day 1440+0"),
        ("Europe/Berlin", Period::Day, "2026-01-10 2026-01-12", "hour 1440+1380"),
        ("Europe/Berlin", Period::Day, "2026-03-01 2026-04-12", "hour 60+0"),
        // Clocks are changed, and bins of an hour would be many more than days.
        (
            "Europe/Berlin",
            Period::Day,
            "2024-01-10 2026-12-12",
            "quarter_day but 18 19 20 21 22 23 between, hour at 18 19 20 21 22 23 between",
        ),
        ("Europe/Berlin", Period::Hour, "2026-03-01 2026-04-12", "hour 60+0"),
        // Of more days one hour is read by quarters, and of many the quarter of the day around it by hours.
        (
            "Asia/Kolkata",
            Period::Day,
            "2026-01-10 2026-01-31",
            "quarter_hour 1440+1110",
        ),
        (
            "Asia/Kolkata",
            Period::Day,
            "2026-01-10 2026-03-12",
            "hour but 18 1440+1110, quarter_hour at 18 1440+1110",
        ),
        (
            "Asia/Kathmandu",
            Period::Day,
            "2024-01-10 2026-12-12",
            "quarter_day but 18 19 20 21 22 23 1440+1095, hour at 19 20 21 22 23 1440+1095, quarter_hour at 18 1440+1095",
        ),
        // Clocks that are changed by an hour cut two, and by half an hour one.
        (
            "Australia/Adelaide",
            Period::Day,
            "2026-01-10 2026-12-12",
            "quarter_day but 12 13 14 15 16 17 between, hour at 12 15 16 17 between, quarter_hour at 13 14 between",
        ),
        (
            "Australia/Lord_Howe",
            Period::Day,
            "2026-01-10 2026-12-12",
            "quarter_day but 12 13 14 15 16 17 between, hour at 12 14 15 16 17 between, quarter_hour at 13 between",
        ),
        // Its days begin with a quarter of one.
        (
            "Asia/Dhaka",
            Period::Day,
            "2026-01-10 2026-01-31",
            "quarter_day 1440+1080",
        ),
        (
            "Asia/Kolkata",
            Period::Hour,
            "2026-01-10 2026-12-12",
            "quarter_hour 60+30",
        ),
        (
            "Asia/Kathmandu",
            Period::Hour,
            "2026-01-10 2026-12-12",
            "quarter_hour 60+15",
        ),
        ("Asia/Kathmandu", Period::Minute, "2026-01-10 2026-01-11", "minute 1+0"),
        (
            "Pacific/Chatham",
            Period::Hour,
            "2026-01-10 2026-03-12",
            "quarter_hour 60+15",
        ),
        (
            "Pacific/Chatham",
            Period::Hour,
            "2026-01-10 2026-12-12",
            "quarter_hour 15+0",
        ),
        (
            "Australia/Lord_Howe",
            Period::Hour,
            "2026-01-10 2026-03-12",
            "hour 60+0",
        ),
        (
            "Australia/Lord_Howe",
            Period::Hour,
            "2026-01-10 2026-12-12",
            "quarter_hour 30+0",
        ),
    ];
    for (zone, period, days, tiles) in cases {
        assert_eq!(tiled(zone, period, days), tiles, "{zone} {period} {days}");
    }
}

/// Zones whose clocks differed from UTC by anything but quarters of an hour at some time since an instant.
fn odd_zones(since: &str) -> Vec<String> {
    let (first, last) = (at(since), at("2040-01-01T00:00:00Z"));
    let is_odd = |zone: &TimeZone| {
        let changes = zone.following(first).map(|change| change.timestamp());
        let times = std::iter::once(first).chain(changes.take_while(|change| *change < last));
        let mut offsets = times.map(|time| zone.to_offset(time).seconds());
        offsets.any(|offset| offset % (15 * 60) != 0)
    };
    let odd = zones().into_iter().filter(is_odd);
    odd.filter_map(|zone| zone.iana_name().map(str::to_owned)).collect()
}

#[test]
fn zones_are_quarters_of_an_hour_apart_since_there_may_be_facts() {
    assert_eq!(odd_zones("1990-01-01T00:00:00Z"), Vec::<String>::new());
    // Days of the last that were not, before, are tiled from minutes.
    let before = odd_zones("1971-01-01T00:00:00Z");
    assert!(before.contains(&"Africa/Monrovia".to_owned()), "{before:?}");
}

#[test]
fn instants_that_cut_minutes_are_read_by_these_and_others_are_not() {
    let days = |day: i64| later(at("2026-01-01T00:00:00Z"), day * DAY_US);
    // Every day up to the same minute of the clock, as like for like has it.
    let bounds: Vec<Timestamp> = (0..90)
        .flat_map(|day| [days(day), later(days(day), 9 * HOUR_US + 37 * MINUTE_US)])
        .collect();
    let tiles = Calendar::utc().tile_between(&bounds, 9);
    let told: Vec<(Level, u32)> = tiles.iter().map(|tile| (tile.level, tile.hours.count())).collect();
    assert_eq!(told, [(Level::Hour, 23), (Level::Minute, 1)]);
    assert!(tiles[1].hours.hold(at("2026-01-01T09:00:00Z")));
    // Of three reads there may be fewer.
    let bounds: Vec<Timestamp> = bounds
        .into_iter()
        .flat_map(|bound| [bound, later(bound, 14 * HOUR_US + 15 * MINUTE_US)])
        .collect();
    let told = |most: usize| -> Vec<Level> {
        let tiles = Calendar::utc().tile_between(&bounds, most);
        tiles.iter().map(|tile| tile.level).collect()
    };
    assert_eq!(told(3), [Level::Hour, Level::QuarterHour, Level::Minute]);
    assert_eq!(told(2), [Level::QuarterHour, Level::Minute]);
    assert_eq!(told(1), [Level::Minute]);
}

#[test]
fn an_aligned_range_stays() {
    let calendar = Calendar::utc();
    let range = Range {
        from: at("2026-01-10T00:00:01Z"),
        to: at("2026-01-10T00:02:00Z"),
    };
    let aligned = calendar.align(Period::Minute, range);
    assert_eq!(
        aligned,
        Range {
            from: at("2026-01-10T00:00:00Z"),
            to: at("2026-01-10T00:02:00Z")
        }
    );
    assert_eq!(calendar.align(Period::Minute, aligned), aligned);
    assert_eq!(calendar.count(Period::Minute, aligned, 100), 2);
}

#[test]
fn before_1970_buckets_still_begin_before_their_instants() {
    assert_eq!(
        floor(Level::Hour, at("1969-12-31T23:30:00Z")),
        at("1969-12-31T23:00:00Z")
    );
}
