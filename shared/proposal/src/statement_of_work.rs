//! The tasks of a statement of work: what a quote prices once, as work with an order.
//!
//! The specification's timeline is environment, data integration, KPIs that overlap with it, testing and acceptance that overlap
//! with KPIs, go-live. So here: access and the environment first; each object's integration after both; each KPI after the
//! objects that its formula reads; each object's test after its integration and the KPIs that read it; acceptance after all
//! tests; go-live after acceptance. Work with a range of hours is planned with the most. What is not priced yet is not planned.
//!
//! # Assumptions
//!
//! The specification gives no hours for access, testing and acceptance. Here: the access specialist takes
//! [`ACCESS_MINUTES`], as the document has this role in week 1 only; an object's test takes [`TESTING_PERCENT`] of the hours of what it
//! tests, in whole quarters of an hour; acceptance takes [`ACCEPTANCE_MINUTES`], the week before go-live.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use schedule::{FULL_DAY_MINUTES, Phase, Skill, Task};

use crate::quote::{Line, Quote, Section};
use crate::required::RequiredObjects;

/// The access specialist's work: a week.
pub const ACCESS_MINUTES: u32 = 5 * FULL_DAY_MINUTES;

/// A test's share of the hours of what it tests: a fifth.
pub const TESTING_PERCENT: u32 = 20;

/// Help with the client's acceptance: a week.
pub const ACCEPTANCE_MINUTES: u32 = 5 * FULL_DAY_MINUTES;

/// What the work of a test is a multiple of.
const QUARTER_MINUTES: u32 = 15;

const ACCESS: &str = "access";
const ENVIRONMENT: &str = "environment";
const ACCEPTANCE: &str = "acceptance";

/// The tasks of a quote; none when nothing is to be implemented. `required` is what the quote was made with.
#[must_use]
pub fn tasks(quote: &Quote, required: &RequiredObjects) -> Vec<Task> {
    let mut tasks: Vec<Task> = quote.lines.iter().filter_map(work).collect();
    if tasks.is_empty() {
        return tasks;
    }
    tasks.insert(0, access());
    tasks.sort_by_key(|task| task.phase);
    let keys: BTreeSet<String> = tasks.iter().map(|task| task.key.clone()).collect();
    let known = |wanted: Vec<String>| wanted.into_iter().filter(|key| keys.contains(key)).collect();
    for task in &mut tasks {
        task.depends_on = match task.phase {
            Phase::DataIntegration => known(first()),
            Phase::KpiImplementation => known(sources(task, required)),
            _ => Vec::new(),
        };
        if task.phase == Phase::KpiImplementation && task.depends_on.is_empty() {
            task.depends_on = known(first());
        }
    }
    let tests = tests(&tasks, required);
    tasks.extend(tests);
    tasks.extend(ending(&tasks));
    tasks
}

/// What the environment and everything after it wait for.
fn first() -> Vec<String> {
    vec![ACCESS.to_owned(), ENVIRONMENT.to_owned()]
}

fn access() -> Task {
    Task {
        key: ACCESS.to_owned(),
        title: "Access to the client's environment".to_owned(),
        phase: Phase::Environment,
        subject: None,
        skill: Some(Skill::Access),
        work_minutes: ACCESS_MINUTES,
        depends_on: Vec::new(),
        not_before: None,
    }
}

/// The task of a line that is work.
fn work(line: &Line) -> Option<Task> {
    let (skill, phase) = match line.key.as_ref() {
        "environment.cloud_architect" => (Skill::Environment, Phase::Environment),
        "integration.streaming_non_architected" => (Skill::StreamingNonArchitected, Phase::DataIntegration),
        "integration.streaming_architected" => (Skill::StreamingArchitected, Phase::DataIntegration),
        "kpi.dynamic_rbac" => (Skill::KpiDynamicRbac, Phase::KpiImplementation),
        "kpi.rbac" => (Skill::KpiRbac, Phase::KpiImplementation),
        _ if line.section == Section::DataIntegration => (Skill::BatchIntegration, Phase::DataIntegration),
        _ if line.section == Section::KpiImplementation => (Skill::Kpi, Phase::KpiImplementation),
        _ => return None,
    };
    let subject = line.subject.clone().unwrap_or_default();
    let (key, title) = match phase {
        Phase::Environment => (ENVIRONMENT.to_owned(), format!("Environment: {subject}")),
        Phase::DataIntegration => (integration(&subject), format!("Integration of {subject}")),
        _ => (kpi(&subject), format!("KPI {subject}")),
    };
    Some(Task {
        key,
        title,
        phase,
        subject: line.subject.clone(),
        skill: Some(skill),
        work_minutes: minutes(line.hours?.max),
        depends_on: Vec::new(),
        not_before: None,
    })
}

fn integration(object: &str) -> String {
    format!("integration/{object}")
}

fn kpi(code: &str) -> String {
    format!("kpi/{code}")
}

/// Whole minutes of some hours, none lost.
fn minutes(hours: Decimal) -> u32 {
    (hours * Decimal::from(60)).ceil().to_u32().unwrap_or(u32::MAX)
}

/// The integration of the objects that a KPI reads.
fn sources(task: &Task, required: &RequiredObjects) -> Vec<String> {
    let reads = |kpis: &Vec<String>| task.subject.as_ref().is_some_and(|code| kpis.contains(code));
    let objects = required.objects.iter().filter(|object| reads(&object.kpis));
    objects.map(|object| integration(&object.code)).collect()
}

/// A test for each object that has something to be tested.
fn tests(tasks: &[Task], required: &RequiredObjects) -> Vec<Task> {
    let test = |object: &crate::RequiredObject| {
        let mut keys: BTreeSet<String> = object.kpis.iter().map(|code| kpi(code)).collect();
        keys.insert(integration(&object.code));
        let tested = || tasks.iter().filter(|task| keys.contains(&task.key));
        let work: u32 = tested().map(|task| task.work_minutes).fold(0, u32::saturating_add);
        (work > 0).then(|| Task {
            key: format!("test/{}", object.code),
            title: format!("Test of {} and its KPIs", object.code),
            phase: Phase::Testing,
            subject: Some(object.code.clone()),
            skill: Some(Skill::Testing),
            work_minutes: share(work),
            depends_on: tested().map(|task| task.key.clone()).collect(),
            not_before: None,
        })
    };
    required.objects.iter().filter_map(test).collect()
}

/// The minutes of a test of so many minutes of work.
fn share(work: u32) -> u32 {
    let exact = u64::from(work) * u64::from(TESTING_PERCENT);
    let quarters = exact.div_ceil(u64::from(QUARTER_MINUTES) * 100);
    u32::try_from(quarters * u64::from(QUARTER_MINUTES)).unwrap_or(u32::MAX)
}

/// Acceptance of all that no other task waits for, and go-live.
fn ending(tasks: &[Task]) -> [Task; 2] {
    let waited: BTreeSet<&String> = tasks.iter().flat_map(|task| &task.depends_on).collect();
    let last = tasks.iter().filter(|task| !waited.contains(&task.key));
    let acceptance = Task {
        key: ACCEPTANCE.to_owned(),
        title: "Acceptance by the client".to_owned(),
        phase: Phase::Testing,
        subject: None,
        skill: Some(Skill::Testing),
        work_minutes: ACCEPTANCE_MINUTES,
        depends_on: last.map(|task| task.key.clone()).collect(),
        not_before: None,
    };
    let go_live = Task {
        key: "go_live".to_owned(),
        title: "Go-live".to_owned(),
        phase: Phase::GoLive,
        subject: None,
        skill: None,
        work_minutes: 0,
        depends_on: vec![ACCEPTANCE.to_owned()],
        not_before: None,
    };
    [acceptance, go_live]
}
