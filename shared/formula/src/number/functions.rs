//! What functions compute of numbers, to [`MAX_DIGITS`]. Roots, logarithms and exponentials are the library's, which rounds them rightly.

use dashu_float::round::Rounded;
use dashu_float::round::mode::{HalfAway, HalfEven};
use dashu_float::{Context, FBig, FpError, Repr};
use dashu_int::IBig;
use rust_decimal::Decimal;

use super::{MAX_DIGITS, Number};

/// Digits beyond those of a result that a power of a fraction is computed with: a logarithm's digits before the point, and what each of the steps rounds.
const GUARD_DIGITS: usize = 30;

/// e to the power of this is beyond [`MAX_POWER`](super::MAX_POWER): a bit more than 300 times the logarithm of ten.
const MAX_EXPONENT: i64 = 700;

/// Beyond this exponent no power has an end within [`MAX_DIGITS`], but for those of 1 and 10 and their like: the 253rd of 2, and of 0.2, has 77.
const MAX_EXACT_EXPONENT: usize = 252;

impl Number {
    /// The number without its sign.
    pub(crate) fn absolute(&self) -> Self {
        if *self < Self::from(0) {
            return self.negated();
        }
        self.clone()
    }

    /// To so many places after the point, or before it where they are negative; halves go away from zero.
    pub(crate) fn rounded(&self, places: i64) -> Option<Self> {
        let exponent = -isize::try_from(places).ok()?;
        let float = FBig::<HalfAway, 10>::from_repr(self.repr.clone(), Context::new(0));
        Self::within(float.quantize(exponent).value().into_repr(), self.exact)
    }

    /// The natural logarithm; none of what is not above zero.
    pub(crate) fn logarithm(&self) -> Option<Self> {
        if *self <= Self::from(0) {
            return None;
        }
        // Only of one it has an end.
        let has_end = *self == Self::from(1);
        let logarithm = self.computed(|context| context.ln(&self.repr, None))?;
        Some(logarithm.exact_only_if(has_end))
    }

    /// e to the power of this number.
    pub(crate) fn exponential(&self) -> Option<Self> {
        if self.is_as_good_as_nothing() {
            return Some(Self::about_one());
        }
        if !self.is_exponent() {
            return None;
        }
        // Only of zero it has an end.
        let has_end = *self == Self::from(0);
        let power = self.computed(|context| context.exp(&self.repr, None))?;
        Some(power.exact_only_if(has_end))
    }

    /// This number to the power of another; none for zero to a negative power, and for a fraction of a negative number. Zero to the power of zero
    /// is 1, as in SQL.
    pub(crate) fn to_the(&self, exponent: &Self) -> Option<Self> {
        let zero = Self::from(0);
        if *exponent == zero || *self == Self::from(1) {
            return Some(Self {
                exact: self.exact && exponent.exact,
                ..Self::from(1)
            });
        }
        if *self == zero {
            return (*exponent > zero).then(|| self.clone());
        }
        let power = if let Some(whole) = exponent.to_whole() {
            let power = self.computed(|context| context.powi(&self.repr, whole.clone()));
            power.map(|power| {
                let has_end = power.is_exactly(self, &whole);
                power.exact_only_if(has_end)
            })
        } else if *self < zero {
            None
        } else if exponent.repr == Self::half().repr {
            self.computed(|context| context.sqrt(&self.repr))
        } else {
            self.fractional(exponent)
        };
        power.map(|power| power.exact_only_if(exponent.exact))
    }

    /// Whether this is a base to a whole power, and not only the nearest number of so many digits: where zeros follow them, the library takes one for the other.
    fn is_exactly(&self, base: &Self, exponent: &IBig) -> bool {
        let zero = IBig::from(0);
        let times = usize::try_from(if *exponent < zero { -exponent } else { exponent.clone() });
        let (base, power) = (base.repr.significand(), self.repr.significand());
        if base.is_one() || *base == IBig::from(-1) {
            return true;
        }
        match times {
            // None of them ends with a zero.
            Ok(times) if times <= MAX_EXACT_EXPONENT && *exponent > zero => base.pow(times) == *power,
            Ok(times) if times <= MAX_EXACT_EXPONENT => {
                Repr::<10>::new(base.pow(times) * power, 0).significand().is_one()
            }
            _ => false,
        }
    }

    fn exact_only_if(self, has_end: bool) -> Self {
        Self {
            exact: self.exact && has_end,
            ..self
        }
    }

    /// A number above zero to the power of a fraction, by way of the logarithm. The library's own power of a fraction goes on until it knows how to round, and never
    /// does where the result lies exactly in the middle between two numbers of so many digits; a logarithm and an exponential never lie there.
    fn fractional(&self, exponent: &Self) -> Option<Self> {
        let wide = Context::<HalfEven>::new(MAX_DIGITS + GUARD_DIGITS);
        let logarithm = wide.ln(&self.repr, None).ok()?.value().into_repr();
        let product = Self {
            repr: wide.mul(&logarithm, &exponent.repr).ok()?.value().into_repr(),
            exact: false,
        };
        if product.is_as_good_as_nothing() {
            return Some(Self::about_one());
        }
        if !product.is_exponent() {
            return None;
        }
        let power = wide.exp(&product.repr, None).ok()?.value();
        let power = power.with_precision(MAX_DIGITS).value();
        Self::within(power.into_repr(), false)
    }

    /// Whether e to the power of it differs from one only beyond all digits.
    fn is_as_good_as_nothing(&self) -> bool {
        let digits = isize::try_from(MAX_DIGITS + GUARD_DIGITS).unwrap_or(isize::MAX);
        *self != Self::from(0) && self.power() < -digits
    }

    fn about_one() -> Self {
        Self {
            exact: false,
            ..Self::from(1)
        }
    }

    /// Whether e to the power of it may be within the limits.
    fn is_exponent(&self) -> bool {
        self.absolute() < Self::from(MAX_EXPONENT)
    }

    /// A whole number within 64 bits.
    pub(crate) fn to_integer(&self) -> Option<i64> {
        i64::try_from(self.to_whole()?).ok()
    }

    fn to_whole(&self) -> Option<IBig> {
        let (significand, exponent) = self.repr.clone().into_parts();
        let zeros = usize::try_from(exponent).ok()?;
        Some(significand * IBig::from(10).pow(zeros))
    }

    pub(super) fn half() -> Self {
        Self::from(Decimal::new(5, 1))
    }

    /// What the library computes of this number, within the limits.
    fn computed(
        &self,
        compute: impl FnOnce(Context<HalfEven>) -> Result<Rounded<FBig<HalfEven, 10>>, FpError>,
    ) -> Option<Self> {
        let (value, exact) = compute(Context::new(MAX_DIGITS)).ok()?.value_with_exact();
        Self::within(value.into_repr(), exact && self.exact)
    }
}
