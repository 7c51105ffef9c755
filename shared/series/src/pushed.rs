//! Measures that the database takes by itself, of facts that it chooses: which numbers it brings of each, and how they become the measure's value.

use formula::{Aggregate, Arithmetic, Measure, Number};

/// What the database brings of a measure, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    /// How many facts count.
    Facts,
    /// How many of them have a value.
    Count,
    /// The sum of the values.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// That of the earliest fact; of several the least.
    First,
    /// That of the latest fact; of several the greatest.
    Last,
    /// How many objects meet the condition at the end, and did not at the start.
    Entered,
    /// How many met it at the start, and don't at the end.
    Left,
    /// How many meet it at both.
    Stayed,
}

/// The numbers that a measure needs.
#[must_use]
pub fn numbers(measure: &Measure) -> &'static [Brings] {
    match measure.aggregate {
        Aggregate::Count if measure.attribute.is_none() => &[Brings::Facts],
        Aggregate::Count => &[Brings::Count],
        Aggregate::Sum => &[Brings::Sum],
        Aggregate::Avg => &[Brings::Count, Brings::Sum],
        Aggregate::Min => &[Brings::Min],
        Aggregate::Max => &[Brings::Max],
        Aggregate::First => &[Brings::First],
        Aggregate::Last => &[Brings::Last],
        Aggregate::Entered => &[Brings::Entered],
        Aggregate::Left => &[Brings::Left],
        Aggregate::Stayed => &[Brings::Stayed],
    }
}

/// The value of a measure from its numbers.
pub(crate) fn value(measure: &Measure, numbers: &[Option<Number>]) -> Option<Number> {
    match (measure.aggregate, numbers) {
        (Aggregate::Avg, [count, sum]) => sum.as_ref()?.calculate(Arithmetic::Divide, count.as_ref()?),
        (_, numbers) => numbers.first()?.clone(),
    }
}
