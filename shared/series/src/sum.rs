//! Exact sums of facts.

use ethnum::I256;
use formula::Number;
use rust_decimal::Decimal;

/// An exact sum of facts' numbers, in whole units of 10^-28, the last place that a fact may have.
///
/// A fact has at most 28 digits before the point, so it is less than 10^56 units; 256 bits hold 5.7 x 10^76 of them. That is more facts than a count of
/// 64 bits tells, so a sum can't overflow.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum(I256);

/// 10^0 to 10^28.
const POWERS: [i128; 29] = {
    let mut powers = [1; 29];
    let mut power = 1;
    while power < powers.len() {
        powers[power] = powers[power - 1] * 10;
        power += 1;
    }
    powers
};

impl Sum {
    /// Places of the decimal in which units are counted.
    pub const PLACES: u32 = 28;

    /// A sum in units.
    #[must_use]
    pub const fn of_units(units: I256) -> Self {
        Self(units)
    }

    /// The sum in units.
    #[must_use]
    pub const fn units(self) -> I256 {
        self.0
    }

    /// Adds a fact's number.
    pub fn add(&mut self, value: Decimal) {
        self.merge(Self::from(value));
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl From<Decimal> for Sum {
    fn from(value: Decimal) -> Self {
        let places = Self::PLACES.saturating_sub(value.scale());
        let power = POWERS.get(places as usize).copied().unwrap_or(1);
        let mantissa = value.mantissa();
        Self(match mantissa.checked_mul(power) {
            Some(units) => I256::new(units),
            None => I256::new(mantissa).wrapping_mul(I256::new(power)),
        })
    }
}

impl From<Sum> for Number {
    fn from(sum: Sum) -> Self {
        Self::of_units(&sum.0.to_le_bytes(), Sum::PLACES)
    }
}

impl std::fmt::Debug for Sum {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&Number::from(*self), out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use formula::Arithmetic;
    use proptest::prelude::*;

    use super::*;

    /// Facts of any size that one may have: 28 digits with up to 28 places.
    fn facts() -> impl Strategy<Value = Vec<Decimal>> {
        let digits = prop_oneof![
            -1_000_000_i128..1_000_000,
            -9_999_999_999_999_999_999_999_999_999_i128..=9_999_999_999_999_999_999_999_999_999,
        ];
        let fact = (digits, 0_u32..=28).prop_map(|(digits, places)| Decimal::from_i128_with_scale(digits, places));
        proptest::collection::vec(fact, 0..20)
    }

    fn sum(facts: &[Decimal]) -> Sum {
        let mut sum = Sum::default();
        for fact in facts {
            sum.add(*fact);
        }
        sum
    }

    proptest! {
        #[test]
        fn a_sum_by_parts_is_the_sum_of_big_numbers(facts in facts(), cut in any::<prop::sample::Index>()) {
            let zero = Number::from(0);
            let expected = facts.iter().fold(zero, |sum, fact| sum.calculate(Arithmetic::Add, &Number::from(*fact)).unwrap());
            prop_assert!(expected.is_exact());
            prop_assert_eq!(&Number::from(sum(&facts)), &expected);
            let (left, right) = facts.split_at(cut.index(facts.len() + 1));
            let (mut by_parts, mut other_way) = (sum(left), sum(right));
            by_parts.merge(sum(right));
            other_way.merge(sum(left));
            prop_assert_eq!(by_parts, sum(&facts));
            prop_assert_eq!(other_way, by_parts);
        }
    }

    #[test]
    fn numbers_of_very_different_size_add_up() {
        let facts = ["9999999999999999999999999999", "0.0000000000000000000000000001", "-1"];
        let facts = facts.map(|fact| Decimal::from_str_exact(fact).unwrap());
        assert_eq!(
            Number::from(sum(&facts)).to_string(),
            "9999999999999999999999999998.0000000000000000000000000001"
        );
        assert_eq!(Number::from(sum(&[])).to_string(), "0");
    }
}
