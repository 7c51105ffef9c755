//! What the numbers of a KPI formula are numbers of: durations count seconds, and a number of something else is not added to them or compared with them.

use super::{Checker, Counted};
use crate::diagnostic::{Diagnostic, quoted};
use crate::finish::Finish;
use crate::function::Function;
use crate::resolve::{UNIT_HINT, cannot};
use crate::tree::{Arithmetic, Expr};
use rust_decimal::Decimal;
use std::ops::Range;

/// What a number is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Something that the language doesn't know.
    Plain,
    /// Seconds.
    Seconds,
    /// The 0 of a formula's text, which is nothing of anything.
    Nothing,
}

impl Unit {
    pub(super) fn of_literal(number: Decimal) -> Self {
        if number.is_zero() { Unit::Nothing } else { Unit::Plain }
    }

    /// What both are numbers of, if that is one thing.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Unit::Nothing, unit) | (unit, Unit::Nothing) => Some(unit),
            (one, other) => (one == other).then_some(one),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "a duration",
            Unit::Plain | Unit::Nothing => "a number",
        }
    }
}

impl Checker<'_> {
    /// What the result of an operator is a number of.
    pub(super) fn calculated(
        &mut self,
        operator: Arithmetic,
        span: &Range<usize>,
        left: Unit,
        right: Unit,
    ) -> Option<Unit> {
        let unit = match (operator, left, right) {
            (Arithmetic::Add | Arithmetic::Subtract, left, right) => left.common(right),
            (Arithmetic::Multiply | Arithmetic::Divide, Unit::Seconds, Unit::Plain | Unit::Nothing)
            | (Arithmetic::Multiply, Unit::Plain | Unit::Nothing, Unit::Seconds) => Some(Unit::Seconds),
            (Arithmetic::Multiply, Unit::Seconds, Unit::Seconds)
            | (Arithmetic::Divide, Unit::Plain | Unit::Nothing, Unit::Seconds) => None,
            // Of durations that are divided by each other, what they were numbers of is gone.
            _ => Some(Unit::Plain),
        };
        if unit.is_none() {
            let message = cannot(operator, left.name(), right.name());
            self.mismatch::<()>(span, message);
        }
        unit
    }

    /// What all of them are numbers of; they are operands of what is named.
    pub(super) fn all_of(&mut self, what: &str, operands: &[(&Expr, Unit)]) -> Option<Unit> {
        let mut common = Unit::Nothing;
        for (expr, unit) in operands {
            let Some(found) = common.common(*unit) else {
                let message = format!(
                    "{what} needs values of one type, and has {} and {}",
                    common.name(),
                    unit.name()
                );
                return self.mismatch(&expr.span, message);
            };
            common = found;
        }
        Some(common)
    }

    /// Numbers that are operands of what is named, and none of them of seconds.
    pub(super) fn all_plain(&mut self, what: &str, operands: &[(&Expr, Unit)]) -> Option<Unit> {
        let seconds = operands.iter().find(|(_, unit)| *unit == Unit::Seconds);
        match seconds {
            Some((expr, _)) => self.mismatch(&expr.span, format!("{what} takes numbers, and not a duration")),
            None => Some(Unit::Plain),
        }
    }

    /// `HOURS(x)` and its kin: seconds as a number of the unit.
    pub(super) fn in_unit(&mut self, function: Function, unit_s: u32, operand: &Expr) -> Counted {
        let (seconds, unit) = self.number(operand)?;
        if unit == Unit::Plain {
            let message = format!(
                "{function} needs a duration, and {} is a number",
                quoted(&operand.to_string())
            );
            let hint =
                format!("the difference of two times is one, as in {function}(AVG(Ticket.closed - Ticket.opened))");
            return self.fail(Diagnostic::new(operand.span.clone(), "not-a-duration", message).with_hint(hint));
        }
        if unit_s == 1 {
            return Some((seconds, Unit::Plain));
        }
        let unit_s = Box::new(Finish::Number(Decimal::from(unit_s)));
        Some((
            Finish::Calculate(Arithmetic::Divide, Box::new(seconds), unit_s),
            Unit::Plain,
        ))
    }

    fn mismatch<T>(&mut self, span: &Range<usize>, message: String) -> Option<T> {
        self.fail(Diagnostic::new(span.clone(), "type-mismatch", message).with_hint(UNIT_HINT))
    }
}

#[cfg(test)]
mod tests;
