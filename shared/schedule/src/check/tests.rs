use super::*;
use crate::test_projects::{developer, january, project, task};
use crate::{Commitment, Phase, Role, Skill};

fn good() -> Project {
    project(vec![task("a", 8, &[]), task("b", 8, &["a"])], vec![developer("ana")])
}

/// What is wrong after a change of a good project: pointers and messages.
fn wrong(change: impl FnOnce(&mut Project)) -> Vec<(String, String)> {
    let mut project = good();
    change(&mut project);
    let problems = crate::plan(&project).unwrap_err();
    assert!(problems.iter().all(|problem| problem.hint.is_some()), "{problems:?}");
    problems
        .into_iter()
        .map(|problem| (problem.pointer, problem.message))
        .collect()
}

#[test]
fn a_good_project_has_no_problems() {
    assert!(crate::plan(&good()).is_ok());
}

#[test]
fn every_mistake_is_told_with_its_place() {
    type Change = fn(&mut Project);
    let cases: [(Change, &str, &str); 17] = [
        (|it| it.tasks.clear(), "/tasks", "there is nothing to be done"),
        (
            |it| it.tasks = vec![task("a", 1, &[]); MAX_TASKS + 1],
            "/tasks",
            "there are 2001 tasks",
        ),
        (
            |it| it.people = vec![developer("ana"); MAX_PEOPLE + 1],
            "/people",
            "there are 101 people",
        ),
        (
            |it| it.holidays = vec![january(1, 1); MAX_SPANS + 1],
            "/holidays",
            "there are 161 entries",
        ),
        (
            |it| it.holidays = vec![january(9, 8)],
            "/holidays/0",
            "2026-01-08 comes before 2026-01-09",
        ),
        (
            |it| it.start = Date::MAX,
            "/start",
            "projects can't be planned in this year",
        ),
        (
            |it| it.tasks[1].key = "a".to_owned(),
            "/tasks/1/key",
            "a is there twice",
        ),
        (
            |it| it.tasks[0].key = String::new(),
            "/tasks/0/key",
            "this has 0 characters",
        ),
        (
            |it| it.people.push(developer("ana")),
            "/people/1/id",
            "ana is there twice",
        ),
        (
            |it| it.people[0].weekday_minutes[6] = 961,
            "/people/0/weekday_minutes/6",
            "961 minutes a day are too many",
        ),
        (
            |it| it.people[0].absences = vec![january(1, 1); 161],
            "/people/0/absences",
            "there are 161 entries",
        ),
        (
            |it| {
                let Span { from, to } = january(1, 2);
                it.people[0].commitments = vec![Commitment {
                    from,
                    to,
                    minutes_per_day: 1_000,
                }];
            },
            "/people/0/commitments/0",
            "1000 minutes a day are too many",
        ),
        (
            |it| it.tasks[0].work_minutes = 120_001,
            "/tasks/0/work_minutes",
            "this is too much work for one task",
        ),
        (
            |it| it.tasks[0].skill = None,
            "/tasks/0/skill",
            "this work names no skill",
        ),
        (
            |it| it.tasks[1].skill = Some(Skill::Access),
            "/tasks/1/skill",
            "nobody can do b",
        ),
        (
            |it| it.tasks[1].depends_on = vec!["c".to_owned()],
            "/tasks/1/depends_on/0",
            "there is no task c",
        ),
        (
            |it| it.tasks[1].depends_on.push("b".to_owned()),
            "/tasks/1/depends_on/1",
            "b depends on itself",
        ),
    ];
    for (change, pointer, message) in cases {
        assert_eq!(wrong(change), [(pointer.to_owned(), message.to_owned())]);
    }
}

#[test]
fn a_circle_is_told_by_its_tasks() {
    let tasks = vec![
        task("before", 1, &[]),
        task("a", 1, &["before", "c"]),
        task("b", 1, &["a"]),
        task("c", 1, &["b"]),
        task("after", 1, &["c"]),
    ];
    let problems = wrong(|project| project.tasks = tasks);
    let [(pointer, message)] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert_eq!(message, "these tasks depend on each other: b, then c, then a, then b");
    assert_eq!(pointer, "/tasks/2/depends_on");
}

#[test]
fn what_does_not_end_before_the_horizon_is_told_with_the_task() {
    let problems = wrong(|project| project.people[0].weekday_minutes = [0, 0, 0, 0, 0, 0, 5]);
    let expected = (
        "/tasks/1".to_owned(),
        "b does not end within 1096 days of the start".to_owned(),
    );
    assert_eq!(problems, [expected]);
    assert_eq!(
        wrong(|project| project.people[0].weekday_minutes = [0; 7])[0].0,
        "/tasks/0"
    );
}

/// A dependency that is named twice is one, and a milestone needs nobody.
#[test]
fn repeated_dependencies_and_milestones_are_fine() {
    let mut project = good();
    project.tasks.push(task("end", 0, &["a", "b", "b"]));
    project.tasks[2].phase = Phase::GoLive;
    project.people.push(Person::full_time("ben", Role::AccessSpecialist));
    let plan = crate::plan(&project).unwrap();
    assert_eq!(plan.assignments[2].end, plan.assignments[1].end);
    assert_eq!(plan.assignments[2].person, None);
}
