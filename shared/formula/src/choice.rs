//! `IF`, `CASE` and conditions over the values of measures.
//!
//! Logic is three-valued as in [`Scalar`](crate::Scalar): a comparison with no value is unknown, and what is unknown is not true.

use crate::finish::{Finish, Values};
use crate::number::Number;
use crate::tree::Comparison;
use rust_decimal::Decimal;

/// One of several numbers, by conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What decides, and the number where it is true: the first that is true counts.
    pub arms: Vec<(Condition, Finish)>,
    /// The number where each is false or unknown; without one there is no value.
    pub otherwise: Option<Finish>,
}

/// A condition over measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `TRUE` or `FALSE`.
    Constant(bool),
    /// A comparison of two numbers.
    Compare(Comparison, Finish, Finish),
    /// Whether a number is one of a list, or none of it when negated.
    In {
        /// What is looked for.
        operand: Finish,
        /// Where it is looked for.
        items: Vec<Decimal>,
        /// Whether the answer is turned around.
        negated: bool,
    },
    /// Whether the first is neither below the second nor above the third.
    Between(Finish, Finish, Finish),
    /// The opposite.
    Not(Box<Condition>),
    /// Both.
    And(Box<Condition>, Box<Condition>),
    /// Either.
    Or(Box<Condition>, Box<Condition>),
}

impl Choice {
    pub(crate) fn evaluate(&self, values: Values<'_>) -> Option<Number> {
        let is_true = |(condition, _): &&(Condition, Finish)| condition.evaluate(values) == Some(true);
        let chosen = self.arms.iter().find(is_true).map(|(_, value)| value);
        chosen.or(self.otherwise.as_ref())?.evaluate(values)
    }

    /// The numbers of which one is chosen.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Finish> {
        self.arms.iter().map(|(_, value)| value).chain(&self.otherwise)
    }
}

impl Condition {
    /// True, false, or unknown because a number has no value.
    #[must_use]
    pub fn evaluate(&self, values: Values<'_>) -> Option<bool> {
        match self {
            Condition::Constant(truth) => Some(*truth),
            Condition::Compare(operator, left, right) => {
                let (left, right) = (left.evaluate(values)?, right.evaluate(values)?);
                Some(operator.holds(left.cmp(&right)))
            }
            Condition::In {
                operand,
                items,
                negated,
            } => {
                let number = operand.evaluate(values)?;
                Some(items.iter().any(|item| Number::from(*item) == number) != *negated)
            }
            Condition::Between(operand, low, high) => {
                let operand = operand.evaluate(values)?;
                let is_above = low.evaluate(values).map(|low| operand >= low);
                let is_below = high.evaluate(values).map(|high| operand <= high);
                decided(false, is_above, is_below)
            }
            Condition::Not(operand) => operand.evaluate(values).map(|truth| !truth),
            Condition::And(left, right) => decided(false, left.evaluate(values), right.evaluate(values)),
            Condition::Or(left, right) => decided(true, left.evaluate(values), right.evaluate(values)),
        }
    }
}

/// `AND` and `OR`: one side that is `decisive` decides; otherwise an unknown side leaves the answer unknown.
pub(crate) fn decided(decisive: bool, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(truth), _) | (_, Some(truth)) if truth == decisive => Some(decisive),
        (Some(_), Some(_)) => Some(!decisive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn logic_over_numbers_has_three_values() {
        let (yes, no, unknown) = (Some(true), Some(false), None);
        for (left, right, and, or) in [
            (yes, yes, yes, yes),
            (yes, no, no, yes),
            (no, yes, no, yes),
            (no, no, no, no),
            (unknown, yes, unknown, yes),
            (yes, unknown, unknown, yes),
            (unknown, no, no, unknown),
            (no, unknown, no, unknown),
            (unknown, unknown, unknown, unknown),
        ] {
            assert_eq!(decided(false, left, right), and, "{left:?} AND {right:?}");
            assert_eq!(decided(true, left, right), or, "{left:?} OR {right:?}");
        }
    }
}
