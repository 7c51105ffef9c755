use jiff::civil::date;

use crate::test_projects::{developer, january, project, task};
use crate::{Commitment, gantt};

/// Two hours are promised on Wednesday, Friday is a holiday: 34 hours end on the Monday after.
#[test]
fn work_is_listed_by_day() {
    let mut ana = developer("ana");
    let wednesday = date(2026, 1, 7);
    ana.commitments = vec![Commitment {
        from: wednesday,
        to: wednesday,
        minutes_per_day: 120,
    }];
    let mut project = project(vec![task("a", 34, &[])], vec![ana]);
    project.holidays = vec![january(9, 9)];
    let plan = crate::plan(&project).unwrap();
    let stints: Vec<(i8, i8, u32)> = plan.assignments[0]
        .work
        .iter()
        .map(|stint| (stint.from.day(), stint.to.day(), stint.minutes_per_day))
        .collect();
    assert_eq!(stints, [(5, 6, 480), (7, 7, 360), (8, 8, 480), (12, 12, 240)]);
    assert_eq!((plan.end.day, plan.end.minute), (date(2026, 1, 12), 240));
    assert_eq!(plan.standard_minutes, 5 * 480 + 240);
}

/// 12 of 16 hours on the first and the last day; the day of the other person is not counted for this one.
#[test]
fn utilisation_is_of_whole_days_between_a_persons_first_and_last() {
    let tasks = vec![task("a", 8, &[]), task("b", 4, &["a"])];
    let plan = crate::plan(&project(tasks, vec![developer("ana"), developer("ben")])).unwrap();
    let team = &plan.utilisation;
    assert_eq!((team.assigned_minutes, team.available_minutes), (720, 960));
    assert_eq!(team.percent.to_string(), "75");
    assert_eq!(team.people.len(), 1);
}

#[test]
fn a_chart_has_a_bar_for_each_task_by_its_begin() {
    let tasks = vec![task("end", 0, &["b"]), task("b", 60, &["a"]), task("a", 8, &[])];
    let mut project = project(tasks, vec![developer("ana")]);
    project.people[0].name = Some("Ana".to_owned());
    let chart = gantt(&project, &crate::plan(&project).unwrap());
    let bars: Vec<(&str, i8, i8, Option<&str>, bool)> = chart
        .bars
        .iter()
        .map(|bar| {
            (
                bar.task.as_str(),
                bar.from.day(),
                bar.to.day(),
                bar.person.as_deref(),
                bar.critical,
            )
        })
        .collect();
    let ana = Some("Ana");
    assert_eq!(
        bars,
        [
            ("a", 5, 5, ana, true),
            ("b", 6, 15, ana, true),
            ("end", 15, 15, None, true)
        ]
    );
    assert_eq!((chart.phases[0].first_week, chart.phases[0].last_week), (1, 2));
    assert_eq!(chart.phases[0].people, ["Ana"]);
}

/// Nothing to be done has an end, too, and so has the search for it.
#[test]
fn milestones_alone_are_reached_at_the_start() {
    let mut project = project(vec![task("a", 0, &[]), task("b", 0, &["a"])], Vec::new());
    project.tasks[0].not_before = Some(date(2026, 1, 8));
    let plan = crate::plan(&project).unwrap();
    assert_eq!((plan.end.day, plan.end.minute), (date(2026, 1, 8), 0));
    assert_eq!(plan.critical_path, ["a", "b"]);
}
