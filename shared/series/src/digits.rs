//! From the digits that a sender wrote to an exact number, within what a fact can hold.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::field::shown;

/// Most significant digits of a fact's number: what a decimal of 96 bits holds whatever the digits are.
pub const MAX_DIGITS: u32 = 28;

/// Most digits after the point, and most before it: with 28 of each, and 10^19 facts, a sum has 76 digits.
pub const MAX_PLACES: u32 = 28;

/// Most significant digits that programs write of a float of 64 bits, the shortest that read back as it.
pub const FLOAT_DIGITS: u32 = 17;

/// 10^28, which has a digit too many.
const TOO_LARGE: u128 = 10_u128.pow(MAX_DIGITS);

/// What digits write: `significand` x 10^`power`.
#[derive(Clone, Copy, Debug, Default)]
struct Scanned {
    significand: u128,
    /// How many significant digits it has.
    count: u32,
    power: i64,
    negative: bool,
    /// Whether an exponent was written, as programs do for small and large floats.
    has_exponent: bool,
}

/// The exact number that digits write, such as `-12`, `0.50`, `1e3`. Zeros that add nothing don't count as digits.
///
/// What programs write of a float with an exponent is rounded to [`MAX_PLACES`] places, half to even: `1e-40` is 0. Everything else is kept exactly or
/// refused.
///
/// # Errors
/// Why it is no number that a fact can hold, to be read behind a field's name.
pub(crate) fn decimal(digits: &str) -> Result<Decimal, String> {
    let scanned = scan(digits)?;
    let limits = |what: &str| format!("{} has {what}", shown(digits));
    if scanned.count > MAX_DIGITS {
        return Err(limits(&format!(
            "more than {MAX_DIGITS} significant digits: round it to them"
        )));
    }
    if scanned.significand == 0 {
        return Ok(Decimal::ZERO);
    }
    if scanned.power + i64::from(scanned.count) > i64::from(MAX_DIGITS) {
        return Err(limits(&format!("more than {MAX_DIGITS} digits before the point")));
    }
    let places = -scanned.power;
    let may_round = scanned.has_exponent && scanned.count <= FLOAT_DIGITS;
    if places > i64::from(MAX_PLACES) && !may_round {
        return Err(limits(&format!(
            "more than {MAX_PLACES} digits after the point: round it to them"
        )));
    }
    // It has at most 28 digits before the point, so the multiplication fits.
    let zeros = u32::try_from(scanned.power).unwrap_or(0);
    let lost = u32::try_from(places - i64::from(MAX_PLACES)).unwrap_or(0);
    let units = scanned.significand.saturating_mul(10_u128.saturating_pow(zeros));
    let units = without_last(units, lost);
    let scale = u32::try_from(places).unwrap_or(0).min(MAX_PLACES);
    let units = i128::try_from(units).map_err(|_| limits("too many digits"))?;
    let decimal = Decimal::try_from_i128_with_scale(units, scale).map_err(|_| limits("too many digits"))?;
    Ok(if scanned.negative { -decimal } else { decimal }.normalize())
}

/// A number without so many of its last digits, rounded half to even.
fn without_last(units: u128, lost: u32) -> u128 {
    let Some(unit) = 10_u128.checked_pow(lost) else {
        return 0;
    };
    let (kept, rest) = (units / unit, units % unit);
    let is_up = rest > unit / 2 || (rest == unit / 2 && unit > 1 && kept % 2 == 1);
    kept + u128::from(is_up)
}

fn scan(digits: &str) -> Result<Scanned, String> {
    let no_number = || format!("{:?} is not a number", shown(digits));
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.parse::<i32>().map_err(|_| no_number())?)),
        None => (digits, None),
    };
    let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let mut scanned = Scanned {
        negative: mantissa.starts_with('-'),
        has_exponent: exponent.is_some(),
        ..Scanned::default()
    };
    // Zeros that count only if another digit follows, digits after the point, and whether there is one and any digit.
    let (mut zeros, mut places, mut has_point, mut has_digit) = (0_u32, 0_i64, false, false);
    for byte in unsigned.bytes() {
        match byte {
            b'.' if !has_point => {
                has_point = true;
                continue;
            }
            b'0' if scanned.count == 0 => {}
            b'0' => zeros = zeros.saturating_add(1),
            b'1'..=b'9' => {
                scanned.count = scanned.count.saturating_add(zeros).saturating_add(1);
                if scanned.count <= MAX_DIGITS {
                    let shifted = scanned.significand * 10_u128.pow(zeros + 1);
                    scanned.significand = shifted + u128::from(byte - b'0');
                }
                zeros = 0;
            }
            _ => return Err(no_number()),
        }
        has_digit = true;
        places += i64::from(has_point);
    }
    if !has_digit {
        return Err(no_number());
    }
    scanned.power = i64::from(zeros) - places + i64::from(exponent.unwrap_or(0));
    Ok(scanned)
}

/// A float as the shortest decimal that reads back as it, rounded to [`MAX_PLACES`] places.
///
/// # Errors
/// When it is not finite, or has more than 28 digits before the point.
pub(crate) fn float(float: f64) -> Result<Decimal, String> {
    if !float.is_finite() {
        return Err(format!("{float} is not a number"));
    }
    decimal(&format!("{float:e}"))
}

/// A number within what a fact can hold.
///
/// # Errors
/// When it has too many digits.
pub(crate) fn within(value: Decimal) -> Result<Decimal, String> {
    let value = value.normalize();
    if value.mantissa().unsigned_abs() >= TOO_LARGE {
        return Err(format!(
            "{value} has more than {MAX_DIGITS} significant digits: round it to them"
        ));
    }
    Ok(value)
}

/// A number rounded to what a fact can hold, half to even; none with more digits before the point.
pub(crate) fn rounded(value: Decimal) -> Option<Decimal> {
    let value = value.round_sf_with_strategy(MAX_DIGITS, RoundingStrategy::MidpointNearestEven)?;
    within(value).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_kept_exactly_or_refused() {
        let zeros = format!("1.5{}", "0".repeat(38));
        let nines = "9".repeat(28);
        let cases = [
            ("-12", Ok("-12")),
            ("+0.50", Ok("0.5")),
            (".5", Ok("0.5")),
            ("5.", Ok("5")),
            ("1e3", Ok("1000")),
            ("1.25E+2", Ok("125")),
            ("-0", Ok("0")),
            ("0e999", Ok("0")),
            (&zeros, Ok("1.5")),
            ("0000000000000000000000000000000000000007", Ok("7")),
            ("0.1234567", Ok("0.1234567")),
            ("0.30000000000000004", Ok("0.30000000000000004")),
            (&nines, Ok(&nines)),
            (
                "-1234567890123456789012345678e-28",
                Ok("-0.1234567890123456789012345678"),
            ),
            ("1e27", Ok("1000000000000000000000000000")),
            ("1e28", Err("digits before the point")),
            ("12345678901234567890123456789", Err("significant digits")),
            ("1.2345678901234567890123456789", Err("significant digits")),
            ("0.00000000000000000000000000001", Err("digits after the point")),
            ("0.0000000000000000000000000001", Ok("0.0000000000000000000000000001")),
            // What a program writes of a float.
            ("1e-40", Ok("0")),
            ("5e-29", Ok("0")),
            ("1.5e-28", Ok("0.0000000000000000000000000002")),
            ("2.5e-28", Ok("0.0000000000000000000000000002")),
            ("1.2345678901234567e-17", Ok("0.0000000000000000123456789012")),
            ("1.234567890123456789e-17", Err("digits after the point")),
            ("", Err("is not a number")),
            ("-", Err("is not a number")),
            (".", Err("is not a number")),
            ("1.2.3", Err("is not a number")),
            ("1_000", Err("is not a number")),
            ("1,5", Err("is not a number")),
            ("0x10", Err("is not a number")),
            ("NaN", Err("is not a number")),
            ("1e", Err("is not a number")),
            ("1e99999999999", Err("is not a number")),
        ];
        for (digits, expected) in cases {
            match (decimal(digits), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected, "{digits}"),
                (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{digits}: {reason}"),
                (found, _) => panic!("{digits}: {found:?}"),
            }
        }
    }

    #[test]
    fn floats_are_their_shortest_digits() {
        let cases = [
            (0.1 + 0.2, "0.30000000000000004"),
            (-2.5, "-2.5"),
            (9_007_199_254_740_994.0, "9007199254740994"),
            (1e-300, "0"),
            (-0.0, "0"),
        ];
        for (value, expected) in cases {
            assert_eq!(float(value).unwrap().to_string(), expected);
        }
        for value in [f64::NAN, f64::INFINITY, 1e28, f64::MAX] {
            assert!(float(value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_derived_is_rounded_to_what_a_fact_holds() {
        let cases = [
            ("79228162514264337593543950335", None),
            ("7.9228162514264337593543950335", Some("7.922816251426433759354395034")),
            ("0.1250", Some("0.125")),
        ];
        for (value, expected) in cases {
            let value = Decimal::from_str_exact(value).unwrap();
            let expected = expected.map(str::to_owned);
            assert_eq!(rounded(value).map(|value| value.to_string()), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_number_reads_back(digits in -9_999_999_999_999_999_999_999_999_999_i128..=9_999_999_999_999_999_999_999_999_999, places in 0_u32..=28) {
            let value = Decimal::from_i128_with_scale(digits, places);
            prop_assert_eq!(decimal(&value.to_string()).unwrap(), value);
            prop_assert_eq!(within(value).unwrap(), value);
        }

        #[test]
        fn a_float_of_usual_size_reads_back(value in -1e15_f64..1e15) {
            prop_assume!(value == 0.0 || value.abs() > 1e-10);
            prop_assert_eq!(float(value).unwrap().to_string().parse::<f64>().unwrap().to_bits(), (value + 0.0).to_bits());
        }
    }
}
