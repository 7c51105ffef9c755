//! What an answer has to be, from what a database computes: for oracles.

use formula::Number;
use rust_decimal::{Decimal, RoundingStrategy};

/// Digits after the point from which on a quotient is taken for one that does not end: oracles divide to 30, and multiply by a hundred then.
const ENDLESS: usize = 20;

/// A number that a database computed to at least 30 places, without zeros at its end, as it is answered: with all its digits when it ends, else rounded
/// to 15, half to even.
///
/// # Panics
/// When it is not a number.
#[must_use]
pub fn answered(text: &str) -> Number {
    let unreadable = || panic!("{text} is no number");
    let places = text.split_once('.').map_or(0, |(_, places)| places.len());
    if places < ENDLESS {
        return text.parse().unwrap_or_else(|_| unreadable());
    }
    let long: Decimal = text.parse().unwrap_or_else(|_| panic!("{text} is no number"));
    let rounded = long.round_sf_with_strategy(15, RoundingStrategy::MidpointNearestEven);
    rounded.map_or_else(unreadable, Number::from)
}
