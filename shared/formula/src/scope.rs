//! Where a part of a formula is taken: in the bucket that is asked for, in each of several shorter periods, for each value of some dimensions, or both. A function of
//! several values stands between two of these: its expressions are taken inside, and its own value outside.

use crate::choice::{Choice, Condition};
use crate::finish::Finish;
use crate::fold::{Fold, Over};
use crate::measure::Measure;
use crate::window::Window;
use std::collections::BTreeSet;

/// The most dimensions of whose values a part of a formula is taken, one inside of the other: with the four of a question they are as many groups as facts, or nearly.
pub const MAX_MEMBER_DIMENSIONS: usize = 2;

/// Where a part of a formula is taken. The bucket that is asked for, and all of its group, where both are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The window that leads to each of several periods: its last step is [`Step::Each`](crate::Step::Each).
    pub periods: Option<Window>,
    /// The dimensions of which it is taken for each value.
    pub per: BTreeSet<String>,
}

impl Scope {
    /// The scope in which the value of a function is, of what is taken in this one.
    pub(crate) fn outside(&self, over: &Over) -> Self {
        let mut outside = self.clone();
        match over {
            Over::Periods => outside.periods = None,
            Over::Values(dimension) => drop(outside.per.remove(dimension)),
        }
        outside
    }
}

impl Measure {
    /// Where it is taken.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope {
            periods: self.window.to_each(),
            per: self.per.clone(),
        }
    }
}

/// The measures and folds that an expression is over, by their places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// The measures.
    pub measures: BTreeSet<usize>,
    /// The folds.
    pub folds: BTreeSet<usize>,
}

impl Fold {
    /// The measures and folds that its expressions are over.
    #[must_use]
    pub fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        self.operands.iter().for_each(|operand| reads.add(operand));
        reads
    }
}

impl Reads {
    fn add(&mut self, finish: &Finish) {
        match finish {
            Finish::Number(_) => {}
            Finish::Measure(place) => drop(self.measures.insert(*place)),
            Finish::Fold(place) => drop(self.folds.insert(*place)),
            Finish::Negate(operand) => self.add(operand),
            Finish::Calculate(_, left, right) => {
                self.add(left);
                self.add(right);
            }
            Finish::Coalesce(operands) | Finish::Numeric(_, operands) => {
                operands.iter().for_each(|operand| self.add(operand));
            }
            Finish::If(choice) => self.add_choice(choice),
        }
    }

    fn add_choice(&mut self, choice: &Choice) {
        for (condition, value) in &choice.arms {
            self.add_condition(condition);
            self.add(value);
        }
        choice.otherwise.iter().for_each(|value| self.add(value));
    }

    fn add_condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Constant(_) => {}
            Condition::Compare(_, left, right) => {
                self.add(left);
                self.add(right);
            }
            Condition::In { operand, .. } => self.add(operand),
            Condition::Between(operand, low, high) => [operand, low, high].into_iter().for_each(|part| self.add(part)),
            Condition::Not(condition) => self.add_condition(condition),
            Condition::And(left, right) | Condition::Or(left, right) => {
                self.add_condition(left);
                self.add_condition(right);
            }
        }
    }
}
