//! Units that attributes declare, such as EUR, kg or EUR/kg, and money, which is the unit of its currency.
//!
//! What declares no unit goes with everything, as a number of the formula's text does: only what is declared takes part. The check is apart from the one of types
//! (`check`), because a formula that was accepted before units were looked at is computed on.

mod combine;
mod currency;
mod walk;

use std::collections::BTreeMap;
use std::fmt;

pub use currency::is_currency;
pub use walk::unit_mistakes_of_row;
pub(crate) use walk::{hint, told, unit_of};

/// What values are numbers of: a product of units, some of them below the line. Of a ratio of equal units nothing is left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// Each with its power, which is never 0.
    powers: BTreeMap<String, i32>,
}

/// What is known of the unit of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Nothing, as of an attribute without one. It may be of any unit.
    Unknown,
    /// A number of the text, or of facts. It takes the unit of what it is added to, and changes no unit.
    Plain,
    /// It has this one.
    Of(Unit),
}

impl Unit {
    /// The unit of a declaration: words with `*` between them, and after each `/` one that is below the line. `%` and `1` are ratios, which have none. `None` where
    /// nothing is declared.
    #[must_use]
    pub fn declared(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return None;
        }
        let mut unit = Self::default();
        for (index, part) in text.split('/').enumerate() {
            for word in part.split(['*', '·']).map(str::trim) {
                match word {
                    // What is no product of words is one word.
                    "" => return Some(Self::word(text.trim())),
                    "%" | "1" => {}
                    word => unit.add(word, if index == 0 { 1 } else { -1 }),
                }
            }
        }
        Some(unit)
    }

    fn word(word: &str) -> Self {
        Self {
            powers: BTreeMap::from([(word.to_owned(), 1)]),
        }
    }

    fn add(&mut self, word: &str, power: i32) {
        let sum = self.powers.entry(word.to_owned()).or_insert(0);
        *sum = sum.saturating_add(power);
        self.powers.retain(|_, power| *power != 0);
    }

    /// The currency that it is alone, if it is one.
    #[must_use]
    pub fn currency(&self) -> Option<&str> {
        match self.powers.iter().collect::<Vec<_>>().as_slice() {
            [(word, 1)] if is_currency(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is a ratio, of which no unit is left.
    #[must_use]
    pub fn is_ratio(&self) -> bool {
        self.powers.is_empty()
    }

    fn times(mut self, other: &Self, sign: i32) -> Self {
        for (word, power) in &other.powers {
            self.add(word, power.saturating_mul(sign));
        }
        self
    }

    fn to_the(&self, power: i32) -> Self {
        let powers = self
            .powers
            .iter()
            .map(|(word, own)| (word.clone(), own.saturating_mul(power)));
        Self {
            powers: powers.filter(|(_, power)| *power != 0).collect(),
        }
    }
}

/// As it could be declared: `EUR/kg`, `1/h`. A ratio is `1`.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeated = |sign: i32| {
            let words = self.powers.iter().filter(move |(_, power)| power.signum() == sign);
            words.flat_map(|(word, power)| {
                std::iter::repeat_n(word.as_str(), power.unsigned_abs().try_into().unwrap_or(1))
            })
        };
        let above: Vec<&str> = repeated(1).collect();
        f.write_str(if above.is_empty() { "1" } else { "" })?;
        f.write_str(&above.join("*"))?;
        repeated(-1).try_for_each(|word| write!(f, "/{word}"))
    }
}

#[cfg(test)]
mod tests;
