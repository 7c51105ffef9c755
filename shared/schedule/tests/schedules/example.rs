//! The plan of the specification's example, whose tasks and team `proposal` makes: `golden/example.json`.

use schedule::{Person, Phase, Project, Role, Skill, gantt, with_person};

use crate::feasible::require_feasible;

/// A project of the size of the specification's timeline: see the test of the same project in `proposal`.
fn example() -> Project {
    serde_json::from_str(include_str!("../golden/example.json")).unwrap()
}

#[test]
fn the_examples_team_works_more_than_ninety_percent_and_goes_live_in_time() {
    let project = example();
    let plan = schedule::plan(&project).unwrap();
    require_feasible(&project, &plan);
    assert!(plan.utilisation.percent > 90.into(), "{:?}", plan.utilisation);
    let weeks: Vec<(Phase, u32, u32)> = gantt(&project, &plan)
        .phases
        .iter()
        .map(|each| (each.phase, each.first_week, each.last_week))
        .collect();
    println!("{weeks:?} {:?} {:?}", plan.utilisation, plan.critical_path);
    assert_eq!((weeks[0].0, weeks[0].1, weeks[0].2), (Phase::Environment, 1, 2));
    assert_eq!((weeks[1].0, weeks[1].1), (Phase::DataIntegration, 2));
    assert!(weeks[4].2 <= 10, "go-live in week {}", weeks[4].2);
    assert_eq!(plan.critical_path.last().map(String::as_str), Some("go_live"));
}

/// What a second developer brings to the example.
#[test]
fn a_second_developer_brings_the_examples_end_forward() {
    let mut project = example();
    project.people.retain(|person| !person.can(Skill::Access));
    project.people.push(Person::full_time("Ana", Role::AccessSpecialist));
    let answer = with_person(&project, Person::full_time("Ben", Role::IntegrationDeveloper)).unwrap();
    require_feasible(&project, answer.before.as_ref().unwrap());
    assert!(answer.days_gained.unwrap() >= 14, "{:?}", answer.days_gained);
}
