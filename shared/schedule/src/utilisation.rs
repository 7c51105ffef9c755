//! How much of their time people work for the project.
//!
//! A person's utilisation is the minutes of tasks over the minutes that the person has for the project, from the first to the last
//! day with a task, both whole. Before and after these days a person is free for other projects; time promised elsewhere, days off
//! and holidays are not minutes for the project. The team's is the sum over the sum, of those who have tasks.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use utoipa::ToSchema;

use super::calendar::DAY;
use super::report::Planned;

/// How much of their time people work for the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Utilisation {
    /// Minutes of tasks.
    pub assigned_minutes: u32,
    /// Minutes that those with tasks have, each from the first to the last day with a task.
    pub available_minutes: u32,
    /// The former as a percentage of the latter, with one decimal; rounded down, so that 100 means no idle minute.
    #[schema(value_type = String)]
    pub percent: Decimal,
    /// Of each person with a task, in the order of the project.
    pub people: Vec<PersonUtilisation>,
}

/// How much of the time a person works for the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PersonUtilisation {
    /// The id of the person.
    pub person: String,
    /// Minutes of tasks.
    pub assigned_minutes: u32,
    /// Minutes that this person has, from the first to the last day with a task.
    pub available_minutes: u32,
    /// The former as a percentage of the latter, with one decimal, rounded down.
    #[schema(value_type = String)]
    pub percent: Decimal,
}

/// How much of their time the people of a plan work.
pub(super) fn of(plan: &Planned<'_>) -> Utilisation {
    let people = (0..plan.project.people.len()).filter_map(|person| of_person(plan, person));
    let people: Vec<PersonUtilisation> = people.collect();
    let assigned_minutes = people.iter().map(|each| each.assigned_minutes).sum();
    let available_minutes = people.iter().map(|each| each.available_minutes).sum();
    Utilisation {
        assigned_minutes,
        available_minutes,
        percent: percent(assigned_minutes, available_minutes),
        people,
    }
}

fn of_person(plan: &Planned<'_>, person: usize) -> Option<PersonUtilisation> {
    let own = || {
        let slots = plan.slots.iter().zip(&plan.network.nodes);
        slots.filter(|(slot, _)| slot.person == Some(person))
    };
    let first = own().map(|(slot, _)| slot.start / DAY).min()?;
    let last = own().map(|(slot, _)| slot.end / DAY).max()?;
    let calendar = &plan.network.calendars[person];
    let available_minutes = calendar.worked_before((last + 1) * DAY) - calendar.worked_before(first * DAY);
    let assigned_minutes = own().map(|(_, node)| node.work).sum();
    Some(PersonUtilisation {
        person: plan.project.people[person].id.clone(),
        assigned_minutes,
        available_minutes,
        percent: percent(assigned_minutes, available_minutes),
    })
}

fn percent(part: u32, whole: u32) -> Decimal {
    let ratio = Decimal::from(part) * Decimal::ONE_HUNDRED;
    let percent = ratio.checked_div(Decimal::from(whole)).unwrap_or_default();
    percent.round_dp_with_strategy(1, RoundingStrategy::ToZero)
}
