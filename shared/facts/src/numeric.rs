//! PostgreSQL's `numeric`, in the binary form in which it travels: exact numbers of any size that a sum of facts can have.
//!
//! Four decimal digits are one digit of base 10,000. A value is a head of how many of them there are, the weight of the first, the sign and how many
//! decimals are shown, and then the digits.

use std::error::Error as StdError;

use bytes::{BufMut as _, BytesMut};
use ethnum::{I256, U256};
use formula::Number;
use rust_decimal::Decimal;
use series::Sum;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

const NEGATIVE: u16 = 0x4000;

/// Bytes of the head.
const HEAD: usize = 8;

/// Decimal digits of one digit.
const WIDTH: u32 = 4;

/// Digits before the point of a [`Sum`], which is below 5.8 x 10^48, and behind it.
const WHOLE: usize = 13;
const BEHIND: usize = (Sum::PLACES / WIDTH) as usize;

const E16: u128 = 10_u128.pow(16);

/// What a fact's number has too many digits to be.
const LARGE: i128 = 10_i128.pow(28);

type Refused = Box<dyn StdError + Sync + Send>;

/// A sum on its way into a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SumCell(pub(crate) Sum);

impl ToSql for SumCell {
    fn to_sql(&self, _kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refused> {
        let units = self.0.units();
        let digits = digits(units.unsigned_abs());
        let is_digit = |digit: &u16| *digit != 0;
        let (Some(first), Some(last)) = (digits.iter().position(is_digit), digits.iter().rposition(is_digit)) else {
            out.put_bytes(0, HEAD);
            return Ok(IsNull::No);
        };
        let end = last + 1;
        // The first digit's weight: 0 for the one right before the point.
        let weight = i16::try_from(WHOLE)? - 1 - i16::try_from(first)?;
        let sign = if units.is_negative() { NEGATIVE } else { 0 };
        out.put_u16(u16::try_from(end - first)?);
        out.put_i16(weight);
        out.put_u16(sign);
        out.put_i16(places(&digits, end)?);
        for digit in &digits[first..end] {
            out.put_u16(*digit);
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }

    to_sql_checked!();
}

/// Decimals after the point, of which the last is no zero.
fn places(digits: &[u16; WHOLE + BEHIND], end: usize) -> Result<i16, Refused> {
    let Some(behind) = end.checked_sub(WHOLE + 1).map(|last| last + 1) else {
        return Ok(0);
    };
    let zeros = match digits[end - 1] {
        last if last % 1000 == 0 => 3,
        last if last % 100 == 0 => 2,
        last if last % 10 == 0 => 1,
        _ => 0,
    };
    Ok(i16::try_from(behind)? * 4 - zeros)
}

/// Units of 10^-28 as digits.
fn digits(units: U256) -> [u16; WHOLE + BEHIND] {
    let mut digits = [0; WHOLE + BEHIND];
    let (whole, behind) = divided(units, 10_u128.pow(Sum::PLACES));
    let (high, low) = divided(whole, E16 * E16);
    let parts = [
        (high.as_u128(), 0..WHOLE - 8),
        (low / E16, WHOLE - 8..WHOLE - 4),
        (low % E16, WHOLE - 4..WHOLE),
        (behind / E16, WHOLE..WHOLE + 3),
        (behind % E16, WHOLE + 3..WHOLE + BEHIND),
    ];
    for (part, range) in parts {
        // At most 17 decimal digits each.
        let mut part = u64::try_from(part).unwrap_or(u64::MAX);
        for digit in digits[range].iter_mut().rev() {
            *digit = u16::try_from(part % 10_000).unwrap_or(0);
            part /= 10_000;
        }
    }
    digits
}

/// Quotient and remainder. Nearly all numbers fit 128 bits, whose division is quick.
fn divided(number: U256, divisor: u128) -> (U256, u128) {
    if let Ok(number) = u128::try_from(number) {
        return (U256::new(number / divisor), number % divisor);
    }
    let quotient = number / U256::new(divisor);
    let rest = number.wrapping_sub(quotient.wrapping_mul(U256::new(divisor)));
    (quotient, rest.as_u128())
}

/// A number out of a column: `mantissa` / 10^`places`, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numeric {
    negative: bool,
    mantissa: U256,
    places: u32,
}

impl Numeric {
    /// As a fact's number; none when it has more digits than one.
    pub(crate) fn decimal(self) -> Option<Decimal> {
        let mut mantissa = i128::try_from(self.mantissa).ok()?;
        let mut places = self.places;
        // Zeros that the column shows at the end are no digits.
        while places > 0 && mantissa >= LARGE && mantissa % 10 == 0 {
            (mantissa, places) = (mantissa / 10, places - 1);
        }
        let signed = if self.negative { -mantissa } else { mantissa };
        Decimal::try_from_i128_with_scale(signed, places).ok()
    }

    /// As a sum of facts; none when it is no sum of facts.
    pub(crate) fn sum(self) -> Option<Sum> {
        let missing = Sum::PLACES.checked_sub(self.places)?;
        let units = self.mantissa.checked_mul(U256::new(10_u128.pow(missing)))?;
        let units = I256::try_from(units).ok()?;
        Some(Sum::of_units(if self.negative { -units } else { units }))
    }

    /// As a whole number; none when it is not one of 64 bits.
    pub(crate) fn integer(self) -> Option<i64> {
        let whole = (self.places == 0).then(|| i64::try_from(self.mantissa).ok())??;
        Some(if self.negative { -whole } else { whole })
    }
}

/// A number out of a column with however many digits it has: sums of products have more than sums of facts.
#[derive(Clone, Debug)]
pub(crate) struct Exact(pub(crate) Number);

impl<'a> FromSql<'a> for Exact {
    fn from_sql(_kind: &Type, raw: &'a [u8]) -> Result<Self, Refused> {
        let words = words(raw);
        let (weight, is_negative, _, digits) = parts(&words)?;
        Ok(Self(Number::of_ten_thousands(digits, weight, is_negative)))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }
}

fn words(raw: &[u8]) -> Vec<u16> {
    let pairs = raw.chunks_exact(2);
    pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// Weight of the first digit, sign, decimals that are shown, and the digits.
fn parts(words: &[u16]) -> Result<(i16, bool, u16, &[u16]), Refused> {
    let [count, weight, sign, scale, digits @ ..] = words else {
        return Err(format!("a numeric of {} bytes, fewer than its head of {HEAD}", words.len() * 2).into());
    };
    if usize::from(*count) != digits.len() || (*sign != 0 && *sign != NEGATIVE) {
        return Err("a numeric that is no finite number".into());
    }
    Ok((weight.cast_signed(), *sign == NEGATIVE, *scale, digits))
}

impl<'a> FromSql<'a> for Numeric {
    fn from_sql(_kind: &Type, raw: &'a [u8]) -> Result<Self, Refused> {
        let words = words(raw);
        let (weight, is_negative, scale, digits) = parts(&words)?;
        let weight = i64::from(weight);
        let scale = u32::from(scale);
        // Digits of 10,000 behind the point; when there are fewer than its weight says, zeros follow.
        let behind = i64::try_from(digits.len())? - 1 - weight;
        let zeros = u32::try_from(-behind).unwrap_or(0) * WIDTH;
        let behind = u32::try_from(behind).unwrap_or(0) * WIDTH;
        // Zeros that fill the last digit are no decimals.
        let filled = behind.saturating_sub(scale.min(behind));
        let mantissa = mantissa(digits, filled.min(WIDTH - 1)).and_then(|mantissa| {
            let zeros = U256::new(10).checked_pow(zeros)?;
            mantissa.checked_mul(zeros)
        });
        Ok(Self {
            negative: is_negative,
            mantissa: mantissa.ok_or("a numeric of more than 76 digits")?,
            places: if digits.is_empty() {
                0
            } else {
                behind - filled.min(WIDTH - 1)
            },
        })
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }
}

/// What digits write, without so many zeros at the end of the last; none beyond 256 bits.
fn mantissa(digits: &[u16], filled: u32) -> Option<U256> {
    let Some((last, before)) = digits.split_last() else {
        return Some(U256::ZERO);
    };
    let last = u128::from(*last) / 10_u128.pow(filled);
    let step = 10_u128.pow(WIDTH - filled);
    // 36 decimal digits fit 128 bits, as nearly all numbers do.
    if digits.len() <= 9 {
        let before = before.iter().fold(0, |sum, digit| sum * 10_000 + u128::from(*digit));
        return Some(U256::new(before * step + last));
    }
    let base = U256::new(10_000);
    let before = before.iter().try_fold(U256::ZERO, |sum, digit| {
        sum.checked_mul(base)?.checked_add(U256::from(*digit))
    })?;
    before.checked_mul(U256::new(step))?.checked_add(U256::new(last))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn written(cell: &dyn ToSql) -> BytesMut {
        let mut out = BytesMut::new();
        cell.to_sql_checked(&Type::NUMERIC, &mut out).unwrap();
        out
    }

    fn read(raw: &[u8]) -> Numeric {
        Numeric::from_sql(&Type::NUMERIC, raw).unwrap()
    }

    fn raw(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn numbers_are_written_as_the_server_writes_them() {
        // By `SELECT numeric_send(…)` of PostgreSQL 17.
        let cases: [(&str, &[u16]); 8] = [
            ("0", &[0, 0, 0, 0]),
            ("1", &[1, 0, 0, 0, 1]),
            ("-12345.678", &[3, 1, 0x4000, 3, 1, 2345, 6780]),
            ("0.0001", &[1, 0xffff, 0, 4, 1]),
            ("0.5", &[1, 0xffff, 0, 1, 5000]),
            ("10000", &[1, 1, 0, 0, 1]),
            ("100000000.25", &[4, 2, 0, 2, 1, 0, 0, 2500]),
            ("0.0000000000000000000000000001", &[1, 0xfff9, 0, 28, 1]),
        ];
        for (text, words) in cases {
            let decimal = Decimal::from_str_exact(text).unwrap();
            assert_eq!(written(&SumCell(Sum::from(decimal)))[..], raw(words), "{text}");
            assert_eq!(read(&raw(words)).decimal(), Some(decimal), "{text}");
            assert_eq!(read(&raw(words)).sum(), Some(Sum::from(decimal)), "{text}");
        }
        assert_eq!(read(&raw(&[1, 1, 0, 0, 1])).integer(), Some(10_000));
        assert_eq!(read(&raw(&[1, 0xffff, 0, 1, 5000])).integer(), None);
        // Shown with zeros at the end.
        assert_eq!(read(&raw(&[1, 0, 0, 20, 7])).decimal(), Some(Decimal::from(7)));
        let shown = raw(&[8, 0, 0, 28, 1, 2345, 6789, 123, 4567, 8901, 2345, 6780]);
        assert_eq!(
            read(&shown).decimal().map(|decimal| decimal.to_string()).as_deref(),
            Some("1.234567890123456789012345678")
        );
    }

    #[test]
    fn a_number_of_any_size_comes_as_it_is() {
        for (words, expected) in [
            (&[0, 0, 0, 0][..], "0"),
            (&[1, 0xffff, 0, 1, 5000], "0.5"),
            (&[3, 1, 0x4000, 3, 1, 2345, 6780], "-12345.678"),
            (&[1, 10, 0, 0, 7], "7e40"),
        ] {
            let Exact(number) = Exact::from_sql(&Type::NUMERIC, &raw(words)).unwrap();
            assert_eq!(number, expected.parse::<Number>().unwrap());
        }
        let many = raw(&[[40, 19, 0, 80].as_slice(), &[9_999; 40]].concat());
        let Exact(number) = Exact::from_sql(&Type::NUMERIC, &many).unwrap();
        assert_eq!(number.answered().to_string(), format!("9.{}e79", "9".repeat(159)));
    }

    #[test]
    fn what_is_no_finite_number_is_an_error() {
        for words in [&[0, 0, 0xC000, 0][..], &[1, 0, 0, 0], &[0, 0, 0]] {
            assert!(Numeric::from_sql(&Type::NUMERIC, &raw(words)).is_err(), "{words:?}");
            assert!(Exact::from_sql(&Type::NUMERIC, &raw(words)).is_err(), "{words:?}");
        }
        let many = [[20, 19, 0, 0].as_slice(), &[9_999; 20]].concat();
        assert!(Numeric::from_sql(&Type::NUMERIC, &raw(&many)).is_err());
    }

    /// Two halves of any sign and size.
    fn sums() -> impl Strategy<Value = Sum> {
        let half = (any::<i128>(), 0_u32..100).prop_map(|(bits, by)| bits >> by);
        (half, any::<i128>(), any::<bool>()).prop_map(|(high, low, is_small)| {
            let high = if is_small { low >> 127 } else { high };
            Sum::of_units(I256::from_words(high, low))
        })
    }

    proptest! {
        #[test]
        fn a_sum_comes_back_as_it_went(sum in sums()) {
            prop_assume!(sum.units() != I256::MIN);
            prop_assert_eq!(read(&written(&SumCell(sum))).sum(), Some(sum));
        }

        #[test]
        fn a_fact_comes_back_as_it_went(digits in -9_999_999_999_999_999_999_999_999_999_i128..=9_999_999_999_999_999_999_999_999_999, places in 0_u32..=28) {
            let decimal = Decimal::from_i128_with_scale(digits, places);
            let (one, other) = (written(&decimal), written(&SumCell(Sum::from(decimal))));
            prop_assert_eq!(read(&one).decimal(), Some(decimal));
            prop_assert_eq!(read(&other).decimal(), Some(decimal));
            prop_assert_eq!(read(&one).sum(), read(&other).sum());
            prop_assert_eq!(Number::from(read(&one).sum().unwrap()), Number::from(decimal));
        }
    }
}
