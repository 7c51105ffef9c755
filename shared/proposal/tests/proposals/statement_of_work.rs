//! Tasks of a statement of work, those of the specification's example included.

use std::collections::BTreeMap;

use jiff::civil::date;
use proposal::rates::role_rates;
use proposal::statement_of_work::tasks;
use proposal::{PriceBook, Terms, quote};
use rust_decimal::Decimal;
use schedule::{Phase, Project, Role, Task, placeholders};
use serde_json::{Value, json};

use crate::common::{Kpi, answered, catalog, required};

/// The tasks of a cart with some answers.
fn planned(kpis: &[(&str, &[&str])], steps: Value) -> Vec<Task> {
    let kpi = |(code, objects): &(&str, &[&str])| Kpi {
        code: (*code).to_owned(),
        objects: objects.iter().map(|object| (*object).to_owned()).collect(),
        value_chain: "SCOR".to_owned(),
    };
    let kpis: Vec<Kpi> = kpis.iter().map(kpi).collect();
    let catalog = catalog(&kpis);
    let steps: BTreeMap<String, Value> = serde_json::from_value(steps).unwrap();
    let answers = answered(&catalog, &kpis, &steps).unwrap();
    let required = required(&catalog, &answers);
    tasks(
        &quote(PriceBook::newest().unwrap(), &answers, &Terms::default(), &required),
        &required,
    )
}

/// Key, hours times hundred, what it waits for.
fn rows(tasks: &[Task]) -> Vec<(&str, u32, Vec<&str>)> {
    let row = |task: &Task| task.work_minutes * 100 / 60;
    let rows = tasks.iter().map(|task| {
        (
            task.key.as_str(),
            row(task),
            task.depends_on.iter().map(String::as_str).collect(),
        )
    });
    rows.collect()
}

#[test]
fn every_line_of_work_is_a_task_in_the_specifications_order() {
    let steps = json!({
        "data_integration": { "Customer": { "method": "streaming_architected" }, "Order": { "method": "batch_conformed" } },
        "kpi_implementation": { "POF": { "complexity": "out_of_the_box" }, "OTD": { "complexity": "dynamic_rbac" } },
        "environment": { "platform": "aws" },
        "managed_services": { "retainer": true, "additional_hours": "up_to50" },
    });
    let tasks = planned(&[("POF", &["Customer", "Order"]), ("OTD", &["Order"])], steps);
    let first = vec!["access", "environment"];
    let expected = [
        ("access", 40_00, vec![]),
        ("environment", 80_00, vec![]),
        ("integration/Customer", 20_00, first.clone()),
        ("integration/Order", 15_00, first),
        ("kpi/POF", 50, vec!["integration/Customer", "integration/Order"]),
        ("kpi/OTD", 30_00, vec!["integration/Order"]),
        ("test/Customer", 4_25, vec!["integration/Customer", "kpi/POF"]),
        ("test/Order", 9_25, vec!["integration/Order", "kpi/POF", "kpi/OTD"]),
        ("acceptance", 40_00, vec!["test/Customer", "test/Order"]),
        ("go_live", 0, vec!["acceptance"]),
    ];
    let mut rows = rows(&tasks);
    rows.sort_by_key(|(key, ..)| expected.iter().position(|(other, ..)| other == key));
    for (_, _, before) in &mut rows {
        before.sort_by_key(|key| expected.iter().position(|(other, ..)| other == key));
    }
    assert_eq!(rows, expected);
    let phases: Vec<Phase> = tasks.iter().map(|task| task.phase).collect();
    assert!(phases.is_sorted());
}

/// Each way of integration and each complexity asks for a skill of the role that the specification gives it to.
#[test]
fn work_goes_to_the_role_that_the_specification_names() {
    let [developer, architect] = [Role::IntegrationDeveloper, Role::IntegrationArchitect];
    for (method, role) in [
        ("batch_conformed", developer),
        ("batch_single_source", developer),
        ("batch_multi_source", developer),
        ("batch_entity_resolution", developer),
        ("streaming_architected", developer),
        ("streaming_non_architected", architect),
    ] {
        let tasks = planned(
            &[("K", &["Order"])],
            json!({ "data_integration": { "Order": { "method": method } } }),
        );
        require_role(&tasks, "integration/Order", role);
    }
    for (complexity, role) in [
        ("out_of_the_box", developer),
        ("custom_basic", developer),
        ("rbac", developer),
        ("dynamic_rbac", architect),
    ] {
        let tasks = planned(
            &[("K", &["Order"])],
            json!({ "kpi_implementation": { "K": { "complexity": complexity } } }),
        );
        require_role(&tasks, "kpi/K", role);
        require_role(&tasks, "access", Role::AccessSpecialist);
    }
    let tasks = planned(
        &[("K", &["Order"])],
        json!({ "environment": { "platform": "gcp", "cloud_architect_hours": 60 } }),
    );
    require_role(&tasks, "environment", Role::CloudArchitect);
}

fn require_role(tasks: &[Task], key: &str, role: Role) {
    let task = tasks.iter().find(|task| task.key == key).unwrap();
    let who: Vec<Role> = Role::ALL
        .into_iter()
        .filter(|each| each.skills().contains(&task.skill.unwrap()))
        .collect();
    assert_eq!(who, [role], "{key}");
}

#[test]
fn nothing_to_implement_is_nothing_to_plan() {
    assert_eq!(
        planned(
            &[("K", &["Order"])],
            json!({ "environment": { "platform": "existing" } })
        ),
        []
    );
    assert_eq!(placeholders(&[]), []);
}

/// Objects that are not answered yet are not waited for, and KPIs without objects wait for the environment.
#[test]
fn what_is_not_answered_is_not_waited_for() {
    let steps = json!({
        "kpi_implementation": { "K": { "complexity": "rbac" } }, "environment": { "platform": "existing" },
    });
    let tasks = planned(&[("K", &["Order"])], steps);
    assert_eq!(rows(&tasks)[1], ("kpi/K", 1_00, vec!["access"]));
    assert_eq!(placeholders(&tasks).len(), 2);
}

#[test]
fn rates_are_those_of_the_specification() {
    let rates: Vec<Option<Decimal>> = role_rates(PriceBook::newest().unwrap())
        .into_iter()
        .map(|role| role.rate_per_hour)
        .collect();
    assert_eq!(rates, [Some(70.into()), Some(175.into()), None, Some(175.into())]);
}

/// A project of the size of the specification's timeline (environment in weeks 1 and 2, integration 2 to 6, KPIs 4 to 8, testing 7 to
/// 9, go-live in week 10) with its team: one developer, one architect for the work by the hour, one access specialist
/// and one cloud architect with 60 hours. Seven objects are the developer's, 165 hours; one stream and two KPIs with
/// dynamic access are the architect's, 120 hours at most; 36 other KPIs take half an hour or one.
fn example() -> Project {
    let objects = [
        "Customer", "Order", "Product", "Invoice", "Shipment", "Ticket", "Contract", "Lead",
    ];
    let methods = [
        "streaming_architected",
        "batch_single_source",
        "batch_conformed",
        "batch_multi_source",
        "batch_entity_resolution",
        "batch_single_source",
        "batch_multi_source",
        "streaming_non_architected",
    ];
    let codes: Vec<String> = (0..38).map(|index| format!("K{index}")).collect();
    let pairs: Vec<[&str; 2]> = (0..38)
        .map(|index| [objects[index % 8], objects[(index * 3 + 1) % 8]])
        .collect();
    let kpis: Vec<(&str, &[&str])> = codes
        .iter()
        .zip(&pairs)
        .map(|(code, pair)| (code.as_str(), pair.as_slice()))
        .collect();
    let complexity = |index: usize| match index {
        0 | 1 => "dynamic_rbac",
        2..20 => "out_of_the_box",
        _ => "rbac",
    };
    let integration: BTreeMap<&str, Value> = objects
        .iter()
        .zip(methods)
        .map(|(object, method)| (*object, json!({ "method": method })))
        .collect();
    let complexities: BTreeMap<&String, Value> = codes
        .iter()
        .enumerate()
        .map(|(index, code)| (code, json!({ "complexity": complexity(index) })))
        .collect();
    let steps = json!({
        "data_integration": integration, "kpi_implementation": complexities,
        "environment": { "platform": "aws", "cloud_architect_hours": 60 },
    });
    let tasks = planned(&kpis, steps);
    Project {
        start: date(2026, 1, 5),
        people: placeholders(&tasks),
        tasks,
        holidays: Vec::new(),
    }
}

/// `schedule` plans this very project in its own tests.
#[test]
fn the_example_is_the_project_that_schedule_plans() {
    let planned = include_str!("../../../schedule/tests/golden/example.json");
    assert_eq!(serde_json::from_str::<Project>(planned).unwrap(), example());
}
