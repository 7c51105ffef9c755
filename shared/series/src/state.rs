//! What a bucket knows of its facts: mergeable states.
//!
//! Merging is associative and commutative with the empty state as identity (property-tested), so partials of any batches
//! in any order give the same state.

use std::collections::BTreeSet;

use formula::Aggregate;
use rust_decimal::Decimal;

use crate::sum::Sum;

/// What can be known of an attribute beside how many facts have it, which always is. A question asks for what its measures need alone: reading and merging the
/// others costs as much again for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The sum.
    Sum,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The value of the earliest fact.
    First,
    /// The value of the latest fact.
    Last,
}

impl State {
    /// What an aggregate needs; nothing but the count where it is none of these.
    #[must_use]
    pub const fn of(aggregate: Aggregate) -> Option<Self> {
        match aggregate {
            Aggregate::Sum | Aggregate::Avg => Some(Self::Sum),
            Aggregate::Min => Some(Self::Min),
            Aggregate::Max => Some(Self::Max),
            Aggregate::First => Some(Self::First),
            Aggregate::Last => Some(Self::Last),
            _ => None,
        }
    }
}

/// Those that are needed.
pub type States = BTreeSet<State>;

/// State of one numeric attribute over some facts; facts where it is missing don't count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributeState {
    /// Number of facts that have the attribute.
    pub count: i64,
    /// Their exact sum.
    pub sum: Sum,
    /// Smallest value.
    pub min: Option<Decimal>,
    /// Largest value.
    pub max: Option<Decimal>,
    /// Value of the earliest fact with its time in microseconds; of several at that time, the smallest value.
    pub first: Option<(i64, Decimal)>,
    /// Value of the latest fact with its time in microseconds; of several at that time, the largest value.
    pub last: Option<(i64, Decimal)>,
}

impl AttributeState {
    /// Adds one fact's value.
    pub fn add(&mut self, time_us: i64, value: Decimal) {
        self.count += 1;
        self.sum.add(value);
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        let pair = (time_us, value);
        self.first = Some(self.first.map_or(pair, |first| first.min(pair)));
        self.last = Some(self.last.map_or(pair, |last| last.max(pair)));
    }

    /// Adds what another state knows.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(other.sum);
        self.min = pick(self.min, other.min, |a, b| b < a);
        self.max = pick(self.max, other.max, |a, b| b > a);
        self.first = pick(self.first, other.first, |a, b| b < a);
        self.last = pick(self.last, other.last, |a, b| b > a);
    }
}

/// The better of two, where either may be missing.
fn pick<T: Copy>(current: Option<T>, other: Option<T>, better: impl Fn(T, T) -> bool) -> Option<T> {
    match (current, other) {
        (Some(a), Some(b)) => Some(if better(a, b) { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// State of a group of facts: how many, and the state of each attribute that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// Number of facts.
    pub facts: i64,
    /// States in the order of the attributes that were asked for.
    pub attributes: Vec<AttributeState>,
}

impl GroupState {
    /// No facts, over a number of attributes.
    #[must_use]
    pub fn empty(attributes: usize) -> Self {
        Self {
            facts: 0,
            attributes: vec![AttributeState::default(); attributes],
        }
    }

    /// Adds one fact with its values of the attributes.
    pub fn add(&mut self, time_us: i64, values: &[Option<Decimal>]) {
        self.facts += 1;
        for (state, value) in self.attributes.iter_mut().zip(values) {
            if let Some(value) = value {
                state.add(time_us, *value);
            }
        }
    }

    /// Adds what another state of the same attributes knows.
    pub fn merge(&mut self, other: &Self) {
        self.facts += other.facts;
        for (mine, theirs) in self.attributes.iter_mut().zip(&other.attributes) {
            mine.merge(theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn states() -> impl Strategy<Value = AttributeState> {
        proptest::collection::vec((0i64..5, -1_000_000i64..1_000_000, 0u32..4), 0..6).prop_map(|facts| {
            let mut state = AttributeState::default();
            for (time_us, mantissa, scale) in facts {
                state.add(time_us, Decimal::new(mantissa, scale));
            }
            state
        })
    }

    fn merged(a: &AttributeState, b: &AttributeState) -> AttributeState {
        let mut state = *a;
        state.merge(b);
        state
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_has_an_identity(a in states(), b in states(), c in states()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &AttributeState::default()), a);
        }
    }

    proptest! {
        #[test]
        fn adding_a_fact_is_merging_its_state(state in states(), time_us in 0i64..5, mantissa in -1_000i64..1_000) {
            let value = Decimal::new(mantissa, 1);
            let mut alone = AttributeState::default();
            alone.add(time_us, value);
            let mut added = state;
            added.add(time_us, value);
            prop_assert_eq!(added, merged(&state, &alone));
            prop_assert_eq!((alone.count, alone.min, alone.last), (1, Some(value), Some((time_us, value))));
        }
    }

    #[test]
    fn ties_of_time_are_broken_by_value() {
        let mut state = AttributeState::default();
        for value in [5, 3, 9] {
            state.add(7, Decimal::from(value));
        }
        assert_eq!(state.first, Some((7, Decimal::from(3))));
        assert_eq!(state.last, Some((7, Decimal::from(9))));
    }
}
