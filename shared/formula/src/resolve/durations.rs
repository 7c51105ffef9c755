//! Times and durations in a row: the difference of two times is a duration, and a duration is no plain number.

use super::{Resolver, Scope, Typed, a};
use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::scalar::Scalar;
use crate::tree::{Arithmetic, Expr};
use crate::value::{AttributeType, Value};
use std::ops::Range;

impl<S: Scope> Resolver<S> {
    /// The type of what is calculated of numbers, durations and times.
    pub(super) fn kind_of(
        &mut self,
        operator: Arithmetic,
        span: &Range<usize>,
        (left, left_kind): (&Scalar<S::Reference>, AttributeType),
        (right, right_kind): (&Scalar<S::Reference>, AttributeType),
    ) -> Option<AttributeType> {
        use Arithmetic::{Add, Divide, Multiply, Subtract};
        use AttributeType::{Decimal, Duration, Integer, Time};
        match (operator, left_kind, right_kind) {
            (Add | Subtract | Multiply, Integer, Integer) => Some(Integer),
            (_, left, right) if left.is_plain_number() && right.is_plain_number() => Some(Decimal),
            (Subtract, Time, Time) | (Add | Subtract, Duration, Duration) => Some(Duration),
            (Add | Subtract, Duration, kind) if is_nothing_of(right, Duration) && kind.is_plain_number() => {
                Some(Duration)
            }
            (Add | Subtract, kind, Duration) if is_nothing_of(left, Duration) && kind.is_plain_number() => {
                Some(Duration)
            }
            (Multiply | Divide, Duration, kind) | (Multiply, kind, Duration) if kind.is_plain_number() => {
                Some(Duration)
            }
            (Divide, Duration, Duration) => Some(Decimal),
            _ => {
                let message = cannot(operator, a(left_kind), a(right_kind));
                let hint = if left_kind == Time || right_kind == Time {
                    Some(
                        "of times there is only the difference of two, as in closed - opened, which is a duration"
                            .to_owned(),
                    )
                } else {
                    unit_hint(left_kind, right_kind)
                };
                self.fail(Diagnostic::new(span.clone(), "type-mismatch", message).with_optional_hint(hint))
            }
        }
    }

    /// `HOURS(x)` and its kin: a duration as a number.
    pub(super) fn unit(&mut self, unit: Function, operand: &Expr) -> Typed<S::Reference> {
        let (scalar, kind) = self.value(operand)?;
        if kind == AttributeType::Duration {
            return Some((Scalar::Function(unit, vec![scalar]), AttributeType::Decimal));
        }
        let message = format!(
            "{unit} needs a duration, and {} is {}",
            quoted(&operand.to_string()),
            a(kind)
        );
        let hint = format!("the difference of two times is one, as in {unit}(closed - opened)");
        self.fail(Diagnostic::new(operand.span.clone(), "not-a-duration", message).with_hint(hint))
    }
}

/// What can't be calculated, in words.
pub(crate) fn cannot(operator: Arithmetic, left: &str, right: &str) -> String {
    match operator {
        Arithmetic::Add => format!("cannot add {right} to {left}"),
        Arithmetic::Subtract => format!("cannot subtract {right} from {left}"),
        Arithmetic::Multiply => format!("cannot multiply {left} by {right}"),
        Arithmetic::Divide => format!("cannot divide {left} by {right}"),
    }
}

/// Whether it is the 0 that fits durations without a unit: nothing is nothing in any of them.
pub(super) fn is_nothing_of<A>(scalar: &Scalar<A>, kind: AttributeType) -> bool {
    kind == AttributeType::Duration && is_nothing(scalar)
}

/// Whether it is the literal 0.
pub(super) fn is_nothing<A>(scalar: &Scalar<A>) -> bool {
    matches!(scalar, Scalar::Constant(value @ (Value::Integer(_) | Value::Decimal(_))) if value.as_decimal().is_some_and(|number| number.is_zero()))
}

/// How a duration is made a number, where one meets the other.
pub(super) fn unit_hint(left: AttributeType, right: AttributeType) -> Option<String> {
    let meets = |one: AttributeType, other: AttributeType| one == AttributeType::Duration && other.is_plain_number();
    (meets(left, right) || meets(right, left)).then(|| UNIT_HINT.to_owned())
}

/// How a duration is made a number.
pub(crate) const UNIT_HINT: &str = "a duration becomes a number in a unit, as in HOURS(closed - opened); there are SECONDS, MINUTES, HOURS and DAYS of 24 hours";
