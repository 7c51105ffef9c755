use jiff::civil::date;

use super::*;
use crate::test_projects::{MONDAY, developer, january, project, task};
use crate::{Role, Skill};

fn two_tasks() -> Project {
    project(vec![task("a", 16, &[]), task("b", 16, &[])], vec![developer("ana")])
}

#[test]
fn one_more_person_takes_half_of_the_work() {
    let answer = with_person(&two_tasks(), developer("ben")).unwrap();
    assert_eq!(answer.days_gained, Some(2));
    assert_eq!(answer.moved.len(), 1);
    assert_eq!(answer.moved[0].person_before.as_deref(), Some("ana"));
    assert_eq!(answer.after.end.day, date(2026, 1, 6));
}

#[test]
fn someone_who_can_do_nothing_changes_nothing() {
    let answer = with_person(&two_tasks(), Person::full_time("ben", Role::AccessSpecialist)).unwrap();
    assert_eq!((answer.days_gained, answer.moved.as_slice()), (Some(0), [].as_slice()));
    assert_eq!(answer.before, Some(answer.after));
}

/// A project that nobody could do becomes one that somebody can.
#[test]
fn the_missing_person_is_found() {
    let mut project = two_tasks();
    project.tasks[1].skill = Some(Skill::Access);
    let answer = with_person(&project, Person::full_time("ben", Role::AccessSpecialist)).unwrap();
    assert_eq!((answer.before, answer.days_gained), (None, None));
    assert_eq!(answer.problems_before[0].pointer, "/tasks/1/skill");
    assert!(with_person(&project, developer("ben")).is_err());
}

#[test]
fn another_start_moves_the_end_around_holidays() {
    let mut project = two_tasks();
    project.holidays = vec![january(12, 16)];
    for (start, gained) in [
        (MONDAY, 0),
        (date(2026, 1, 6), -1),
        (date(2026, 1, 7), -11),
        (date(2025, 12, 29), 7),
    ] {
        assert_eq!(
            with_start(&project, start).unwrap().days_gained,
            Some(gained),
            "{start}"
        );
    }
}

#[test]
fn a_task_that_waits_is_done_last() {
    let answer = with_task_start(&two_tasks(), "a", date(2026, 1, 8)).unwrap();
    assert_eq!(answer.days_gained, Some(-1));
    assert_eq!(
        with_task_start(&two_tasks(), "c", MONDAY).unwrap_err()[0].pointer,
        "/task"
    );
}
