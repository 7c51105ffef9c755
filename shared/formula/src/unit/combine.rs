//! What becomes of units in arithmetic.

use super::{Quantity, Unit};
use crate::tree::Arithmetic;

impl Quantity {
    /// What both are, if they may be added or compared.
    pub(super) fn common(self, other: Self) -> Result<Self, (Unit, Unit)> {
        match (self, other) {
            (Quantity::Of(one), Quantity::Of(other)) if one != other => Err((one, other)),
            // What is added to something of a unit can only be of that unit.
            (Quantity::Of(unit), _) | (_, Quantity::Of(unit)) => Ok(Quantity::Of(unit)),
            (Quantity::Plain, Quantity::Plain) => Ok(Quantity::Plain),
            _ => Ok(Quantity::Unknown),
        }
    }

    /// What a product or a quotient is; `None` of what is added, which must be of one unit.
    pub(super) fn combined(operator: Arithmetic, left: &Self, right: &Self) -> Option<Self> {
        let sign = match operator {
            Arithmetic::Multiply => 1,
            Arithmetic::Divide => -1,
            Arithmetic::Add | Arithmetic::Subtract => return None,
        };
        Some(match (left, right) {
            (Quantity::Of(left), Quantity::Of(right)) => followed(left.clone().times(right, sign)),
            (Quantity::Of(unit), Quantity::Plain) => Quantity::Of(unit.clone()),
            (Quantity::Plain, Quantity::Of(unit)) => followed(unit.to_the(sign)),
            (Quantity::Plain, Quantity::Plain) => Quantity::Plain,
            _ => Quantity::Unknown,
        })
    }

    /// What it is to a power that is a number of the text.
    pub(super) fn to_the(&self, power: Option<i32>) -> Self {
        match (self, power) {
            (Quantity::Of(unit), Some(power)) => followed(unit.to_the(power)),
            (Quantity::Of(unit), None) if !unit.is_ratio() => Quantity::Unknown,
            (quantity, _) => quantity.clone(),
        }
    }
}

/// The highest power of a unit that is followed: volumes have 3, and the fourth moments of statistics 4.
const HIGHEST_POWER: u32 = 9;

/// A unit as far as it is followed; beyond that nothing is known.
fn followed(unit: Unit) -> Quantity {
    match unit.powers.values().all(|power| power.unsigned_abs() <= HIGHEST_POWER) {
        true => Quantity::Of(unit),
        false => Quantity::Unknown,
    }
}
