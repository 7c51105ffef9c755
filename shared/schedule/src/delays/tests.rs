use super::*;
use crate::Commitment;
use crate::test_projects::{MONDAY, developer, january, project, task};

/// A task, what is late, minutes, and the kinds of the causes with their minutes.
type Row = (String, DelayKind, u32, Vec<(CauseKind, u32)>);

fn delays(project: &Project) -> Vec<Row> {
    let causes = |delay: &Delay| delay.causes.iter().map(|cause| (cause.kind, cause.minutes)).collect();
    let delays = crate::plan(project).unwrap().delays;
    delays
        .into_iter()
        .map(|delay| (delay.task.clone(), delay.kind, delay.minutes, causes(&delay)))
        .collect()
}

#[test]
fn nothing_is_late_when_all_goes_at_once_even_over_a_weekend() {
    let tasks = vec![task("a", 44, &[]), task("b", 40, &["a"])];
    assert_eq!(delays(&project(tasks, vec![developer("ana")])), []);
}

#[test]
fn a_task_waits_for_the_other_work_of_its_person() {
    let tasks = vec![task("a", 12, &[]), task("b", 8, &[]), task("c", 8, &["b"])];
    let project = project(tasks, vec![developer("ana")]);
    let plan = crate::plan(&project).unwrap();
    let late = plan.delays.iter().find(|delay| delay.task == "a").unwrap();
    assert_eq!(late.kind, DelayKind::LateStart);
    let busy: u32 = late.causes.iter().map(|cause| cause.minutes).sum();
    assert_eq!((late.minutes, busy), (16 * 60, 16 * 60));
    assert!(
        late.causes
            .iter()
            .all(|cause| cause.kind == CauseKind::Busy && cause.task.is_some())
    );
    assert!(
        late.text
            .contains("begins 16 h later than its dependencies allow: ana is busy with "),
        "{}",
        late.text
    );
    assert!(
        late.text
            .ends_with("nobody else has the skill; the end of the project depends on it"),
        "{}",
        late.text
    );
}

#[test]
fn days_off_make_a_task_later_or_longer() {
    let long = DelayKind::LongDuration;
    for (change, kind, hours, cause) in [
        (
            (|it| it.holidays = vec![january(6, 6)]) as fn(&mut Project),
            long,
            8,
            CauseKind::Holiday,
        ),
        (
            |it| it.people[0].absences = vec![january(6, 7)],
            long,
            16,
            CauseKind::Absence,
        ),
        (
            |it| it.people[0].absences = vec![january(1, 5)],
            DelayKind::LateStart,
            8,
            CauseKind::Absence,
        ),
        (
            |it| it.people[0].weekday_minutes = [240; 7],
            long,
            12,
            CauseKind::PartTime,
        ),
        (
            |it| it.people[0].commitments = vec![promise(120)],
            long,
            4,
            CauseKind::Commitment,
        ),
        (
            |it| it.tasks[0].not_before = january(7, 7).from.into(),
            DelayKind::LateStart,
            16,
            CauseKind::NotBefore,
        ),
    ] {
        let mut changed = project(vec![task("a", 16, &[])], vec![developer("ana")]);
        change(&mut changed);
        assert_eq!(
            delays(&changed),
            [("a".to_owned(), kind, hours * 60, vec![(cause, hours * 60)])]
        );
    }
}

/// Two hours of each day from the first on are promised: 16 hours end after four on the third day.
fn promise(minutes_per_day: u32) -> Commitment {
    Commitment {
        from: MONDAY,
        to: january(31, 31).to,
        minutes_per_day,
    }
}

/// Half days of a person whose other half is promised: each has its own cause.
#[test]
fn part_time_and_promises_are_told_apart() {
    let mut ana = developer("ana");
    ana.weekday_minutes = [360; 7];
    ana.commitments = vec![promise(60)];
    let causes = vec![(CauseKind::PartTime, 120), (CauseKind::Commitment, 60)];
    let expected = ("a".to_owned(), DelayKind::LongDuration, 180, causes);
    assert_eq!(delays(&project(vec![task("a", 10, &[])], vec![ana])), [expected]);
}
