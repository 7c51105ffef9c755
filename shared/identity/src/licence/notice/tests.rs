//! Which notice is due on which day.

use jiff::civil::date;

use super::*;

fn year() -> Terms {
    Terms {
        ends_on: date(2026, 12, 31),
        ..Terms::evaluation(date(2026, 1, 1))
    }
}

#[test]
fn each_notice_is_due_once_and_only_the_latest() {
    let cases: [(Date, &[i32], Option<i32>); 17] = [
        (date(2026, 10, 1), &[], None),
        (date(2026, 10, 2), &[], Some(90)),
        (date(2026, 10, 2), &[90], None),
        (date(2026, 11, 30), &[90], None),
        (date(2026, 11, 30), &[], Some(90)),
        (date(2026, 12, 1), &[90], Some(30)),
        (date(2026, 12, 1), &[], Some(30)),
        (date(2026, 12, 1), &[30, 90], None),
        (date(2026, 12, 23), &[30, 90], None),
        (date(2026, 12, 24), &[30, 90], Some(7)),
        // Days were missed: one notice, and not the ones before it.
        (date(2026, 12, 28), &[], Some(7)),
        (date(2026, 12, 28), &[7], None),
        (date(2026, 12, 31), &[90], Some(7)),
        (date(2026, 12, 31), &[90, 30, 7], None),
        // It is over.
        (date(2027, 1, 1), &[], None),
        (date(2027, 1, 1), &[90], None),
        (date(2030, 1, 1), &[], None),
    ];
    for (today, sent, expected) in cases {
        assert_eq!(due_notice(&year(), today, sent), expected, "{today} {sent:?}");
    }
}

#[test]
fn a_short_licence_has_no_notice_of_before_its_first_day() {
    let evaluation = Terms::evaluation(date(2026, 1, 1));
    assert_eq!(days_left(&evaluation, date(2026, 1, 1)), 29);
    for (today, expected) in [
        (date(2026, 1, 1), None),
        (date(2026, 1, 22), None),
        (date(2026, 1, 23), Some(7)),
        (date(2026, 1, 30), Some(7)),
        (date(2026, 1, 31), None),
    ] {
        assert_eq!(due_notice(&evaluation, today, &[]), expected, "{today}");
    }
}

#[test]
fn every_day_of_a_licence_run_daily_brings_three() {
    let (mut sent, mut days) = (Vec::new(), Vec::new());
    for today in year().starts_on.series(jiff::Span::new().days(1)).take(500) {
        if let Some(notice) = due_notice(&year(), today, &sent) {
            sent.push(notice);
            days.push(days_left(&year(), today));
        }
    }
    assert_eq!((sent, days), (vec![90, 30, 7], vec![90, 30, 7]));
}
