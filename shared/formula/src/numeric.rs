//! Functions of numbers: each takes numbers and gives a number, or no value. They mean the same over measures and over a row.

use std::fmt;

use crate::number::Number;

/// A function of numbers. Without a value of an operand it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Numeric {
    /// `ABS(x)`: the number without its sign.
    Abs,
    /// `ROUND(x)` or `ROUND(x, places)`: to so many places after the point, or before it where they are negative; halves go away from zero.
    Round,
    /// `GREATEST(x, y, …)`: the largest.
    Greatest,
    /// `LEAST(x, y, …)`: the smallest.
    Least,
    /// `LN(x)`: the natural logarithm; none of what is not above zero.
    Ln,
    /// `EXP(x)`: e to the power of x.
    Exp,
    /// `POWER(x, y)`: x to the power of y; `POWER(0, 0)` is 1.
    Power,
}

/// The most places, after the point or before it, that `ROUND` rounds to: those of a decimal.
pub const MAX_PLACES: i64 = 28;

impl Numeric {
    /// Whether it gives one of its operands or a whole number of whole ones, so that of integers it is an integer; the others are decimals.
    pub(crate) fn keeps_type(self) -> bool {
        matches!(self, Numeric::Abs | Numeric::Round | Numeric::Greatest | Numeric::Least)
    }

    /// Whether it gives one of its operands, or that without its sign, and so takes durations and gives one of them.
    pub(crate) fn takes_durations(self) -> bool {
        matches!(self, Numeric::Abs | Numeric::Greatest | Numeric::Least)
    }

    /// Whether it takes so much longer than arithmetic that a formula has [few](crate::MAX_POWERS).
    pub(crate) fn is_power(self) -> bool {
        matches!(self, Numeric::Ln | Numeric::Exp | Numeric::Power)
    }

    /// The result; none where the function has none, or where it is beyond [`MAX_POWER`](crate::MAX_POWER).
    pub(crate) fn apply(self, operands: &[Number]) -> Option<Number> {
        match (self, operands) {
            (Numeric::Abs, [number]) => Some(number.absolute()),
            (Numeric::Round, [number]) => number.rounded(0),
            (Numeric::Round, [number, places]) => number.rounded(places.to_integer()?),
            (Numeric::Greatest, operands) => operands.iter().max().cloned(),
            (Numeric::Least, operands) => operands.iter().min().cloned(),
            (Numeric::Ln, [number]) => number.logarithm(),
            (Numeric::Exp, [number]) => number.exponential(),
            (Numeric::Power, [base, exponent]) => base.to_the(exponent),
            // The parser lets no other number of arguments through.
            (Numeric::Abs | Numeric::Round | Numeric::Ln | Numeric::Exp | Numeric::Power, _) => None,
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::function::Function::Numeric(*self).name())
    }
}
