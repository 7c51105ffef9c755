//! What no rollup can answer, and the database is to decide of each fact: conditions over attributes that are no dimensions, and aggregates that don't add up.
//!
//! Rows of a rollup are told apart by dimensions, so a condition over these alone is decided here, for a whole group at once. Any other one is pushed down to
//! the facts, together with whatever else is read of the same facts, and decided in SQL. What SQL might compute otherwise than this crate, to one digit or in
//! one case, can't be in it: who wants it defines a derived attribute, which is computed once and here.

use crate::basis::Basis;
use crate::function::Function;
use crate::measure::{Measure, Measured, Reading};
use crate::path::is_path;
use crate::predicate::Predicate;
use crate::scalar::Scalar;
use crate::tree::Arithmetic;
use crate::value::{AttributeType, Value};

impl Measure {
    /// Whether only the facts themselves have what it needs of each of them.
    pub fn is_pushed(&self, is_dimension: &dyn Fn(&str) -> bool) -> bool {
        // What was told last of an object no rollup knows.
        if self.basis != Basis::Facts {
            return true;
        }
        let filter = self.filter.as_ref();
        self.aggregate.is_pushed()
            || self.measured().any(Measured::is_pushed)
            || self.per.iter().any(|name| is_path(name))
            || filter.is_some_and(|filter| filter.attributes().into_iter().any(|name| !is_dimension(name)))
    }
}

impl Reading<'_> {
    /// Whether only the facts themselves have what a measure of it needs; then all of it is read of them, so that each fact is counted once.
    pub fn is_pushed(&self, is_dimension: &dyn Fn(&str) -> bool) -> bool {
        self.measures.iter().any(|(_, measure)| measure.is_pushed(is_dimension))
    }
}

impl Reading<'_> {
    /// The first part of a condition that SQL might compute otherwise, if there is one: such a reading can't be of the facts one by one. `kind` tells the types of attributes.
    pub fn computed(&self, kind: &dyn Fn(&str) -> Option<AttributeType>) -> Option<String> {
        let mut filters = self.measures.iter().filter_map(|(_, measure)| measure.filter.as_ref());
        filters.find_map(|filter| filter.computed(kind))
    }
}

impl Predicate {
    /// The first part that SQL might compute otherwise, if there is one. `kind` tells the types of attributes.
    pub(crate) fn computed(&self, kind: &dyn Fn(&str) -> Option<AttributeType>) -> Option<String> {
        computed(self.condition(), kind, false)
    }
}

/// The same of a part; a duration in a unit is exact where it is compared, since the other side is multiplied instead.
fn computed(part: &Scalar<String>, kind: &dyn Fn(&str) -> Option<AttributeType>, is_compared: bool) -> Option<String> {
    let alone = |part: &Scalar<String>| computed(part, kind, false);
    let compared = |part: &Scalar<String>| computed(part, kind, true);
    match part {
        Scalar::Constant(_) | Scalar::Attribute(_) => None,
        Scalar::Not(operand) | Scalar::Widen(operand) | Scalar::Missing { operand, .. } => alone(operand),
        Scalar::In { operand, .. } => compared(operand),
        Scalar::And(left, right) | Scalar::Or(left, right) => alone(left).or_else(|| alone(right)),
        Scalar::Compare(_, left, right) => compared(left).or_else(|| compared(right)),
        Scalar::Function(Function::Between, arguments) => arguments.iter().find_map(compared),
        Scalar::Function(Function::Coalesce | Function::If | Function::Text(_), arguments) => {
            arguments.iter().find_map(alone)
        }
        Scalar::Function(unit, arguments) if is_compared && unit.unit_s().is_some() => arguments.iter().find_map(alone),
        Scalar::Calculate(Arithmetic::Subtract, to, from) if is_time(to, kind) && is_time(from, kind) => {
            alone(to).or_else(|| alone(from))
        }
        Scalar::Negate(_) | Scalar::Calculate(..) | Scalar::Function(..) => Some(part.to_string()),
    }
}

/// Whether it is a time.
fn is_time(part: &Scalar<String>, kind: &dyn Fn(&str) -> Option<AttributeType>) -> bool {
    match part {
        Scalar::Attribute(name) => kind(name) == Some(AttributeType::Time),
        Scalar::Constant(value) => matches!(value, Value::Time(_)),
        Scalar::Function(Function::Coalesce, arguments) => arguments.first().is_some_and(|first| is_time(first, kind)),
        Scalar::Function(Function::If, arguments) => arguments.get(1).is_some_and(|then| is_time(then, kind)),
        _ => false,
    }
}
