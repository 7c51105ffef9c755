//! What clients declare: the first day of a week, and fiscal years.

use jiff::civil::{Date, date};

use super::*;

fn calendar(zone: &str, rules: serde_json::Value) -> Calendar {
    Calendar::of(zone).unwrap().with(serde_json::from_value(rules).unwrap())
}

/// The dates with which the buckets of a period begin, from the one that a date is in.
fn starts(calendar: &Calendar, period: Period, from: Date, count: usize) -> Vec<Date> {
    let noon = from
        .at(12, 0, 0, 0)
        .to_zoned(calendar.zone().clone())
        .unwrap()
        .timestamp();
    let first = calendar.start(period, noon);
    let starts = std::iter::successors(Some(first), |start| Some(calendar.next(period, *start)));
    starts.take(count).map(|start| calendar.date(start)).collect()
}

#[test]
fn weeks_begin_with_the_day_that_is_declared() {
    for (day, first) in [
        ("monday", date(2026, 11, 23)),
        ("thursday", date(2026, 11, 26)),
        ("saturday", date(2026, 11, 28)),
        ("sunday", date(2026, 11, 22)),
    ] {
        let calendar = calendar("Europe/Berlin", serde_json::json!({ "week_starts": day }));
        let next = first.checked_add(jiff::ToSpan::days(7)).unwrap();
        assert_eq!(
            starts(&calendar, Period::Week, date(2026, 11, 28), 2),
            [first, next],
            "{day}"
        );
    }
}

#[test]
fn a_fiscal_year_of_months_begins_with_any() {
    let british = calendar(
        "Europe/London",
        serde_json::json!({ "fiscal_year": { "of": "months", "first_month": 4 } }),
    );
    let [year, quarter, month] = [Period::FiscalYear, Period::FiscalQuarter, Period::FiscalMonth];
    assert_eq!(
        starts(&british, year, date(2026, 3, 31), 2),
        [date(2025, 4, 1), date(2026, 4, 1)]
    );
    assert_eq!(starts(&british, year, date(2026, 4, 1), 1), [date(2026, 4, 1)]);
    assert_eq!(
        starts(&british, quarter, date(2026, 3, 31), 2),
        [date(2026, 1, 1), date(2026, 4, 1)]
    );
    assert_eq!(
        starts(&british, month, date(2026, 2, 28), 2),
        [date(2026, 2, 1), date(2026, 3, 1)]
    );
    let november = calendar(
        "UTC",
        serde_json::json!({ "fiscal_year": { "of": "months", "first_month": 11 } }),
    );
    assert_eq!(
        starts(&november, quarter, date(2026, 1, 15), 2),
        [date(2025, 11, 1), date(2026, 2, 1)]
    );
    // Years of the calendar stay.
    assert_eq!(
        starts(&november, Period::Year, date(2026, 11, 15), 1),
        [date(2026, 1, 1)]
    );
}

/// The National Retail Federation's 4-5-4 calendar, as it is published: years end on the Saturday nearest to 31 January, and 2012, 2017 and 2023 have 53 weeks.
#[test]
fn the_retail_calendar_comes_out() {
    let rules = serde_json::json!({ "fiscal_year":
        { "of": "weeks", "pattern": "4-5-4", "last_day": "saturday", "last_month": 1, "ends": "nearest" } });
    let retail = calendar("America/New_York", rules);
    let years = [
        date(2011, 1, 30),
        date(2012, 1, 29),
        date(2013, 2, 3),
        date(2014, 2, 2),
        date(2015, 2, 1),
        date(2016, 1, 31),
        date(2017, 1, 29),
        date(2018, 2, 4),
        date(2019, 2, 3),
        date(2020, 2, 2),
        date(2021, 1, 31),
        date(2022, 1, 30),
        date(2023, 1, 29),
        date(2024, 2, 4),
        date(2025, 2, 2),
        date(2026, 2, 1),
    ];
    assert_eq!(
        starts(&retail, Period::FiscalYear, date(2011, 7, 1), years.len()),
        years
    );
    let months = [
        date(2024, 2, 4),
        date(2024, 3, 3),
        date(2024, 4, 7),
        date(2024, 5, 5),
        date(2024, 6, 2),
    ];
    assert_eq!(starts(&retail, Period::FiscalMonth, date(2024, 3, 2), 5), months);
    // January of 2023 has the 53rd week.
    let end = [
        date(2023, 10, 29),
        date(2023, 11, 26),
        date(2023, 12, 31),
        date(2024, 2, 4),
    ];
    assert_eq!(starts(&retail, Period::FiscalMonth, date(2023, 11, 1), 4), end);
    assert_eq!(
        starts(&retail, Period::FiscalQuarter, date(2024, 2, 3), 2),
        [date(2023, 10, 29), date(2024, 2, 4)]
    );
}

/// Years that end on the last Saturday of September, as a maker of telephones has them: 2017 and 2023 have 53 weeks.
#[test]
fn a_year_ends_on_the_last_day_of_its_name_in_a_month() {
    let rules = serde_json::json!({ "fiscal_year":
        { "of": "weeks", "pattern": "4-4-5", "last_day": "saturday", "last_month": 9, "ends": "last" } });
    let years = [
        date(2016, 9, 25),
        date(2017, 10, 1),
        date(2018, 9, 30),
        date(2019, 9, 29),
        date(2020, 9, 27),
        date(2021, 9, 26),
        date(2022, 9, 25),
        date(2023, 10, 1),
        date(2024, 9, 29),
    ];
    let calendar = calendar("America/Los_Angeles", rules);
    assert_eq!(
        starts(&calendar, Period::FiscalYear, date(2017, 9, 30), years.len()),
        years
    );
    let months = [
        date(2023, 10, 1),
        date(2023, 10, 29),
        date(2023, 11, 26),
        date(2023, 12, 31),
    ];
    assert_eq!(starts(&calendar, Period::FiscalMonth, date(2023, 10, 28), 4), months);
}

#[test]
fn what_is_no_calendar_is_told() {
    for (rules, told) in [
        (serde_json::json!({ "week_starts": "mon" }), "unknown variant `mon`"),
        (
            serde_json::json!({ "weeks_start": "monday" }),
            "unknown field `weeks_start`",
        ),
        (
            serde_json::json!({ "fiscal_year": { "of": "months", "first_month": 13 } }),
            "13 is no month",
        ),
        (
            serde_json::json!({ "fiscal_year": { "of": "weeks", "pattern": "5-5-3", "last_day": "friday", "last_month": 1, "ends": "last" } }),
            "unknown variant `5-5-3`",
        ),
    ] {
        let error = serde_json::from_value::<Rules>(rules).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    let nothing: Rules = serde_json::from_value(serde_json::json!({})).unwrap();
    assert_eq!(nothing, Rules::default());
}

fn any_rules() -> impl Strategy<Value = (Rules, Pattern, Day, i8, Ends)> {
    let days = [
        Day::Monday,
        Day::Tuesday,
        Day::Wednesday,
        Day::Thursday,
        Day::Friday,
        Day::Saturday,
        Day::Sunday,
    ];
    let patterns = [Pattern::FourFourFive, Pattern::FourFiveFour, Pattern::FiveFourFour];
    let (days, patterns) = (
        proptest::sample::select(days.to_vec()),
        proptest::sample::select(patterns.to_vec()),
    );
    let ends = prop_oneof![Just(Ends::Last), Just(Ends::Nearest)];
    (days, patterns, 1..=12_i8, ends).prop_map(|(last_day, pattern, month, ends)| {
        let fiscal_year = FiscalYear::Weeks {
            pattern,
            last_day,
            last_month: month.try_into().unwrap(),
            ends,
        };
        let rules = Rules {
            week_starts: last_day,
            fiscal_year,
        };
        (rules, pattern, last_day, month, ends)
    })
}

proptest! {
    /// Counted by hand: weeks of each month, and how far from the end of its month the year ends.
    #[test]
    fn years_of_weeks_have_52_or_53((rules, pattern, day, month, ends) in any_rules(), year in 1990..2040_i16) {
        let calendar = Calendar::utc().with(rules);
        let [first, next] = starts(&calendar, Period::FiscalYear, date(year, 6, 15), 2)[..] else { unreachable!() };
        let weeks = next.duration_since(first).as_hours() / (24 * 7);
        prop_assert!((52..=53).contains(&weeks), "{weeks} weeks");
        let last = next.yesterday().unwrap();
        prop_assert_eq!(day.days_since(last), 0);
        let end = Date::new(last.year(), month, 1).unwrap().last_of_month();
        let ahead = |end: Date| last.duration_since(end).as_hours() / 24;
        // A year whose last day is in the first days of the next month, which may be of the next year.
        let before = Date::new(last.year() - 1, month, 1).unwrap().last_of_month();
        let nearest = [ahead(end), ahead(before)].into_iter().min_by_key(|days| days.abs()).unwrap();
        match ends {
            Ends::Last => prop_assert!((-6..=0).contains(&nearest), "{nearest} days"),
            Ends::Nearest => prop_assert!((-3..=3).contains(&nearest), "{nearest} days"),
        }
        let noon = first.at(12, 0, 0, 0);
        let months = starts(&calendar, Period::FiscalMonth, noon.date(), 13);
        let lengths: Vec<i64> = months.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_hours() / (24 * 7)).collect();
        let mut expected: Vec<i64> = pattern.weeks().map(i64::from).repeat(4);
        *expected.last_mut().unwrap() += weeks - 52;
        prop_assert_eq!(lengths, expected);
        prop_assert_eq!(months.last(), Some(&next));
        let quarters = starts(&calendar, Period::FiscalQuarter, first, 5);
        prop_assert_eq!(quarters, [months[0], months[3], months[6], months[9], next]);
    }

    /// Whatever is declared, in every zone: no instant is in two buckets, none is left out, and what a range is tiled by fits.
    #[test]
    fn declared_buckets_part_any_time((rules, ..) in any_rules(), (zone, from, hours) in any_time()) {
        let calendar = Calendar::new(zone).with(rules);
        let to = from + SignedDuration::from_hours(10 * hours);
        for period in [Period::Week, Period::FiscalMonth, Period::FiscalQuarter, Period::FiscalYear] {
            let range = calendar.align(period, Range { from, to });
            let mut start = range.from;
            while start < range.to {
                let next = calendar.next(period, start);
                prop_assert!(next > start);
                prop_assert_eq!(calendar.start(Period::Day, start), start);
                for inside in [start, later(next, -1)] {
                    prop_assert_eq!(calendar.start(period, inside), start);
                }
                start = next;
            }
            prop_assert_eq!(start, range.to);
            for tile in calendar.tile(period, range, 64) {
                check_tile(&calendar, period, &tile)?;
            }
        }
    }
}
