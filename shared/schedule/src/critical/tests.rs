use crate::Schedule;
use crate::test_projects::{developer, project, task};

/// Key, total slack in hours, free slack in hours, whether critical.
fn slack(plan: &Schedule) -> Vec<(&str, u32, u32, bool)> {
    plan.assignments
        .iter()
        .map(|each| {
            (
                each.task.as_str(),
                each.total_slack_minutes / 60,
                each.free_slack_minutes / 60,
                each.critical,
            )
        })
        .collect()
}

/// a (8) -> b (16) -> end; a -> c (4) -> d (4) -> end; two people.
#[test]
fn slack_is_what_a_task_can_be_put_off() {
    let tasks = vec![
        task("a", 8, &[]),
        task("b", 16, &["a"]),
        task("c", 4, &["a"]),
        task("d", 4, &["c"]),
        task("end", 0, &["b", "d"]),
    ];
    let plan = crate::plan(&project(tasks, vec![developer("ana"), developer("ben")])).unwrap();
    let expected = [
        ("a", 0, 0, true),
        ("b", 0, 0, true),
        ("c", 8, 0, false),
        ("d", 8, 8, false),
        ("end", 0, 0, true),
    ];
    assert_eq!(slack(&plan), expected);
    assert_eq!(plan.critical_path, ["a", "b", "end"]);
}

/// Tasks of one person follow each other without a dependency, and neither can be put off.
#[test]
fn one_persons_order_is_critical_too() {
    let tasks = vec![task("a", 8, &[]), task("b", 8, &[])];
    let plan = crate::plan(&project(tasks, vec![developer("ana")])).unwrap();
    assert_eq!(slack(&plan), [("a", 0, 0, true), ("b", 0, 0, true)]);
    assert_eq!(plan.critical_path.len(), 2);
}

/// The weekend between two tasks is no slack; a half day of a person who works half days is four hours of it.
#[test]
fn slack_is_counted_in_minutes_that_the_person_works() {
    let mut ben = developer("ben");
    ben.weekday_minutes = [240, 240, 240, 240, 240, 0, 0];
    ben.roles = vec![crate::Role::AccessSpecialist];
    let mut access = task("access", 4, &[]);
    access.skill = Some(crate::Skill::Access);
    let tasks = vec![task("a", 40, &[]), access, task("b", 8, &["a", "access"])];
    let plan = crate::plan(&project(tasks, vec![developer("ana"), ben])).unwrap();
    assert_eq!(
        slack(&plan),
        [("a", 0, 0, true), ("access", 16, 16, false), ("b", 0, 0, true)]
    );
    assert_eq!(plan.critical_path, ["a", "b"]);
    assert_eq!(
        (plan.end.day.to_string().as_str(), plan.end.minute),
        ("2026-01-12", 480)
    );
}
