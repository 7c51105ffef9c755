use jiff::civil::date as civil;

use super::*;
use crate::{Commitment, Role, Span};

/// 300 minutes, a day off, 60 minutes.
fn calendar() -> Calendar {
    Calendar::of_days([300, 0, 60].into_iter())
}

#[test]
fn minutes_worked_before_a_time() {
    for (time, worked) in [
        (0, 0),
        (1, 1),
        (300, 300),
        (301, 300),
        (2_880, 300),
        (2_881, 301),
        (2_940, 360),
        (9_999, 360),
    ] {
        assert_eq!(calendar().worked_before(time), worked, "{time}");
    }
}

#[test]
fn work_starts_when_the_next_minute_is_worked_and_ends_with_the_last() {
    for (worked, start, end) in [
        (0, Some(0), 0),
        (299, Some(299), 299),
        (300, Some(2_880), 300),
        (301, Some(2_881), 2_881),
        (360, None, 2_940),
        (361, None, 2_940),
    ] {
        assert_eq!(
            (calendar().starting(worked), calendar().ending(worked)),
            (start, end),
            "{worked}"
        );
    }
}

#[test]
fn a_mirrored_calendar_ends_where_the_other_begins() {
    let mirrored = calendar().mirrored(2_900);
    assert_eq!(mirrored, Calendar::new([(0, 20), (2_600, 300)].into_iter()));
    assert_eq!(
        mirrored.mirrored(2_900),
        Calendar::new([(0, 300), (2_880, 20)].into_iter())
    );
}

#[test]
fn a_person_works_less_on_days_that_are_promised_and_not_on_days_off() {
    let monday = civil(2026, 1, 5);
    let day = |offset| Span {
        from: date(monday, offset),
        to: date(monday, offset),
    };
    let mut person = Person::full_time("ana", Role::IntegrationDeveloper);
    person.weekday_minutes[4] = 240;
    person.absences = vec![day(1)];
    person.commitments = vec![
        Commitment {
            from: date(monday, 3),
            to: date(monday, 7),
            minutes_per_day: 180,
        },
        Commitment {
            from: date(monday, 4),
            to: date(monday, 4),
            minutes_per_day: 600,
        },
    ];
    let project = Project {
        start: monday,
        tasks: Vec::new(),
        people: Vec::new(),
        holidays: vec![day(2)],
    };
    let minutes: Vec<u32> = (0..8)
        .map(|offset| available(&project, &person, date(monday, offset)))
        .collect();
    assert_eq!(minutes, [480, 0, 0, 300, 0, 0, 0, 300]);
}
