//! The numbers that formulas finish to: exact decimals of up to [`MAX_DIGITS`] digits, which say whether anything was rounded, and how they are
//! written so that no reader sees another number.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use dashu_float::round::mode::HalfEven;
use dashu_float::{Context, FBig, Repr};
use dashu_int::IBig;
use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::tree::Arithmetic;

mod functions;

/// Digits to which each step of a formula is computed, half to even where there are more: those of a sum of as many facts as can be counted (10^19), of
/// 28 digits before the point and 28 after it.
pub const MAX_DIGITS: usize = 76;

/// Digits that an answer keeps of a number that had to be rounded, such as a third. A float of 64 bits holds any 15 digits.
pub const ROUNDED_DIGITS: usize = 15;

/// Powers of ten, up and down, within which a number is; beyond it there is none. Floats of 64 bits reach to 308.
pub const MAX_POWER: isize = 300;

/// Powers of ten, up and down, within which all digits are written; beyond it they come with an exponent: `2.3e-14`.
const PLAIN: std::ops::Range<isize> = -6..76;

/// Digits of a decimal as attributes have it.
const DECIMAL_DIGITS: usize = 28;

/// Digits of it after the point.
const DECIMAL_PLACES: isize = 28;

/// An exact decimal number, or what one was rounded to.
#[derive(Clone)]
pub struct Number {
    repr: Repr<10>,
    /// Whether nothing was rounded on the way to it.
    exact: bool,
}

impl Number {
    /// The whole number that two's complement bytes write, the lowest first, divided by a power of ten.
    #[must_use]
    pub fn of_units(units: &[u8], places: u32) -> Self {
        let exponent = isize::try_from(places).unwrap_or(isize::MAX);
        Self {
            repr: Repr::new(IBig::from_le_bytes(units), -exponent),
            exact: true,
        }
    }

    /// The number that digits of base 10,000 write, the highest first, of which the first is worth so many powers of 10,000.
    #[must_use]
    pub fn of_ten_thousands(digits: &[u16], weight: i16, is_negative: bool) -> Self {
        let base = IBig::from(10_000);
        let whole = digits
            .iter()
            .fold(IBig::ZERO, |whole, digit| whole * &base + IBig::from(*digit));
        let behind = isize::try_from(digits.len()).unwrap_or(isize::MAX) - 1 - isize::from(weight);
        Self {
            repr: Repr::new(if is_negative { -whole } else { whole }, -4 * behind),
            exact: true,
        }
    }

    /// The square root, to [`MAX_DIGITS`] digits; none of what is below zero.
    #[must_use]
    pub fn root(&self) -> Option<Self> {
        if *self < Self::from(0) {
            return None;
        }
        self.to_the(&Self::half())
    }

    /// A number within the limits; none beyond them.
    fn within(repr: Repr<10>, exact: bool) -> Option<Self> {
        if !repr.is_finite() {
            return None;
        }
        if repr.significand().is_zero() {
            // Zero has one sign.
            let repr = Repr::zero();
            return Some(Self { repr, exact });
        }
        let number = Self { repr, exact };
        (number.power().abs() <= MAX_POWER).then_some(number)
    }

    /// The result of an operation, to [`MAX_DIGITS`] digits; none when the divisor is zero or the result is beyond [`MAX_POWER`].
    #[must_use]
    pub fn calculate(&self, operator: Arithmetic, right: &Self) -> Option<Self> {
        let context = Context::<HalfEven>::new(MAX_DIGITS);
        // Of a difference that is rounded the library leaves a digit more, so it is rounded here.
        let all_digits = Context::<HalfEven>::new(0);
        let (a, b) = (&self.repr, &right.repr);
        let result = match operator {
            Arithmetic::Add => {
                let sum = all_digits.add(a, b);
                sum.map(|sum| sum.value().with_precision(MAX_DIGITS))
            }
            Arithmetic::Subtract => {
                let difference = all_digits.sub(a, b);
                difference.map(|difference| difference.value().with_precision(MAX_DIGITS))
            }
            Arithmetic::Multiply => context.mul(a, b),
            Arithmetic::Divide if b.significand().is_zero() => return None,
            Arithmetic::Divide => context.div(a, b),
        };
        let (value, exact) = result.ok()?.value_with_exact();
        Self::within(value.into_repr(), exact && self.exact && right.exact)
    }

    /// The number with its sign changed.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self {
            repr: Repr::new(-self.repr.significand(), self.repr.exponent()),
            exact: self.exact,
        }
    }

    /// As it is answered: all digits of a number that is exact. One that had to be rounded on the way is rounded to [`ROUNDED_DIGITS`] digits, half to
    /// even, but never before the point.
    #[must_use]
    pub fn answered(&self) -> Self {
        if self.exact {
            return self.clone();
        }
        let whole_digits = usize::try_from(self.power() + 1).unwrap_or(0);
        let repr = if whole_digits < ROUNDED_DIGITS {
            self.float().with_precision(ROUNDED_DIGITS).value()
        } else {
            self.float().quantize(0).value()
        };
        Self {
            repr: repr.into_repr(),
            exact: false,
        }
    }

    /// Whether nothing was rounded on the way to it.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// As attributes have numbers: to 28 digits and 28 places, half to even; none when there are more before the point.
    #[must_use]
    pub fn to_decimal(&self) -> Option<Decimal> {
        // Rounded once: of a number with digits before the point, 28 digits are fewer than 28 places.
        let rounded = if self.power() >= 0 {
            self.float().with_precision(DECIMAL_DIGITS).value()
        } else {
            self.float().quantize(-DECIMAL_PLACES).value()
        };
        let (significand, exponent) = rounded.into_repr().into_parts();
        let zeros = u32::try_from(exponent).unwrap_or(0);
        let units = i128::try_from(significand).ok()?;
        let units = units.checked_mul(10_i128.checked_pow(zeros)?)?;
        let scale = u32::try_from(-exponent).unwrap_or(0);
        (units.unsigned_abs() < 10_u128.pow(28)).then(|| Decimal::try_from_i128_with_scale(units, scale).ok())?
    }

    /// The float of 64 bits that any reader takes for this number and no other: the shortest decimal that reads back as it has these digits. None where
    /// a float would be another number.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        let digits = self.digits();
        let float: f64 = format!("{digits}e{}", self.repr.exponent()).parse().ok()?;
        if digits.trim_start_matches('-').len() <= ROUNDED_DIGITS {
            return Some(float);
        }
        (Self::of_float(float).as_ref() == Some(self)).then_some(float)
    }

    /// The nearest float of 64 bits, for what only has to be about right, such as a chart.
    #[must_use]
    pub fn to_float(&self) -> f64 {
        let text = format!("{}e{}", self.digits(), self.repr.exponent());
        text.parse().unwrap_or(f64::NAN)
    }

    /// The shortest decimal that reads back as a float; none of what is not finite.
    #[must_use]
    pub fn of_float(float: f64) -> Option<Self> {
        float.is_finite().then(|| format!("{float:e}").parse().ok())?
    }

    /// As JSON: a number where every reader gets this number from it, else a text.
    #[must_use]
    pub fn json(&self) -> String {
        match self.as_float() {
            Some(_) => self.to_string(),
            None => format!("\"{self}\""),
        }
    }

    fn float(&self) -> FBig<HalfEven, 10> {
        FBig::from_repr(self.repr.clone(), Context::new(0))
    }

    fn digits(&self) -> String {
        self.repr.significand().to_string()
    }

    /// The power of ten of the first digit; 0 of zero.
    fn power(&self) -> isize {
        let digits = isize::try_from(self.repr.digits()).unwrap_or(isize::MAX);
        if digits == 0 {
            return 0;
        }
        self.repr.exponent().saturating_add(digits - 1)
    }
}

impl From<Decimal> for Number {
    fn from(decimal: Decimal) -> Self {
        let exponent = isize::try_from(decimal.scale()).unwrap_or(0);
        Self {
            repr: Repr::new(IBig::from(decimal.mantissa()), -exponent),
            exact: true,
        }
    }
}

impl From<i64> for Number {
    fn from(integer: i64) -> Self {
        Self {
            repr: Repr::new(IBig::from(integer), 0),
            exact: true,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.repr == other.repr
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.repr.cmp(&other.repr)
    }
}

/// All digits of it, as JSON and SQL write numbers.
impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.digits();
        let (sign, digits) = all.strip_prefix('-').map_or(("", all.as_str()), |digits| ("-", digits));
        let (power, exponent) = (self.power(), self.repr.exponent());
        out.write_str(sign)?;
        if !PLAIN.contains(&power) {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            return write!(out, "{first}{point}{rest}e{power}");
        }
        if exponent >= 0 {
            let zeros = usize::try_from(exponent).unwrap_or(0);
            return write!(out, "{digits}{:0<zeros$}", "");
        }
        match usize::try_from(power) {
            Ok(whole) => write!(out, "{}.{}", &digits[..=whole], &digits[whole + 1..]),
            Err(_) => {
                let zeros = power.unsigned_abs() - 1;
                write!(out, "0.{:0<zeros$}{digits}", "")
            }
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A text that is no number within the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoNumber;

impl fmt::Display for NoNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "it is not a number of at most {MAX_DIGITS} digits")
    }
}

impl std::error::Error for NoNumber {}

impl FromStr for Number {
    type Err = NoNumber;

    fn from_str(text: &str) -> Result<Self, NoNumber> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<isize>().map_err(|_| NoNumber)?),
            None => (text, 0),
        };
        let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let unsigned = whole.strip_prefix('-').unwrap_or(whole);
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if unsigned.is_empty() || !all_digits(unsigned) || !all_digits(places) {
            return Err(NoNumber);
        }
        let significand = IBig::from_str(&format!("{whole}{places}")).map_err(|_| NoNumber)?;
        let exponent = exponent.saturating_sub(isize::try_from(places.len()).map_err(|_| NoNumber)?);
        let repr = Repr::new(significand, exponent);
        if repr.digits() > MAX_DIGITS {
            return Err(NoNumber);
        }
        Self::within(repr, true).ok_or(NoNumber)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(float) = self.as_float() else {
            return serializer.collect_str(self);
        };
        match self.to_string().parse::<i64>() {
            Ok(integer) => serializer.serialize_i64(integer),
            Err(_) => serializer.serialize_f64(float),
        }
    }
}

/// As well as the format's reader reads floats: `serde_json` is sometimes a bit off beyond 15 digits.
impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, or one as text")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
        Ok(Decimal::from(value).into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
        Number::of_float(value).ok_or_else(|| E::invalid_value(de::Unexpected::Float(value), &self))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Number, E> {
        value
            .parse()
            .map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
    }
}

#[cfg(test)]
mod tests;
