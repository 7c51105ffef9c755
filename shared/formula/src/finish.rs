//! The finishing expression: exact arithmetic over the values of measures.

use crate::choice::Choice;
use crate::number::Number;
use crate::numeric::Numeric;
use crate::tree::Arithmetic;
use rust_decimal::Decimal;

/// What a finishing expression is over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// The values of the formula's measures, in their order.
    pub measures: &'a [Option<Number>],
    /// Those of its folds.
    pub folds: &'a [Option<Number>],
}

impl<'a> Values<'a> {
    /// Of measures alone.
    #[must_use]
    pub const fn of(measures: &'a [Option<Number>]) -> Self {
        Self { measures, folds: &[] }
    }
}

/// Arithmetic over measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// A number of the formula's text.
    Number(Decimal),
    /// The value of the measure with this index.
    Measure(usize),
    /// The value of the fold with this index.
    Fold(usize),
    /// The operand with its sign changed.
    Negate(Box<Finish>),
    /// `left operator right`.
    Calculate(Arithmetic, Box<Finish>, Box<Finish>),
    /// The first that has a value.
    Coalesce(Vec<Finish>),
    /// One of several, by conditions.
    If(Box<Choice>),
    /// A function of numbers, with as many as it takes.
    Numeric(Numeric, Vec<Finish>),
}

impl Finish {
    /// The value, or none if an operand has none, a divisor is zero, or a result is beyond [`MAX_POWER`](crate::MAX_POWER). `COALESCE` and `IF`
    /// go on where an operand has none.
    #[must_use]
    pub fn evaluate(&self, values: Values<'_>) -> Option<Number> {
        match self {
            Finish::Number(number) => Some(Number::from(*number)),
            Finish::Measure(index) => values.measures.get(*index).cloned().flatten(),
            Finish::Fold(index) => values.folds.get(*index).cloned().flatten(),
            Finish::Negate(operand) => operand.evaluate(values).map(|value| value.negated()),
            Finish::Calculate(operator, left, right) => {
                left.evaluate(values)?.calculate(*operator, &right.evaluate(values)?)
            }
            Finish::Coalesce(operands) => operands.iter().find_map(|operand| operand.evaluate(values)),
            Finish::If(choice) => choice.evaluate(values),
            Finish::Numeric(function, operands) => {
                let operands: Option<Vec<Number>> = operands.iter().map(|operand| operand.evaluate(values)).collect();
                function.apply(&operands?)
            }
        }
    }
}

impl Finish {
    /// Whether it divides and never multiplies by a hundred: what it gives is no percentage then.
    #[must_use]
    pub fn is_bare_ratio(&self) -> bool {
        self.has(&|part| matches!(part, Finish::Calculate(Arithmetic::Divide, ..)))
            && !self.has(&|part| matches!(part, Finish::Number(number) if *number == Decimal::ONE_HUNDRED))
    }

    /// Whether a part of the result is of a kind; what decides which result it is, is no part of it.
    fn has(&self, kind: &dyn Fn(&Finish) -> bool) -> bool {
        let inside = || match self {
            Finish::Number(_) | Finish::Measure(_) | Finish::Fold(_) => false,
            Finish::Negate(operand) => operand.has(kind),
            Finish::Calculate(_, left, right) => left.has(kind) || right.has(kind),
            Finish::Coalesce(operands) => operands.iter().any(|operand| operand.has(kind)),
            Finish::If(choice) => choice.values().any(|value| value.has(kind)),
            Finish::Numeric(_, operands) => operands.iter().any(|operand| operand.has(kind)),
        };
        kind(self) || inside()
    }
}

/// Arithmetic of a row: exact where the result has at most 28 digits and 28 places, else rounded to them, half to even. None when the divisor is zero or
/// there are more digits before the point.
pub(crate) fn calculate(operator: Arithmetic, left: Decimal, right: Decimal) -> Option<Decimal> {
    exactly(operator, left, right).filter(has_digits_to_spare).or_else(|| {
        let result = Number::from(left).calculate(operator, &Number::from(right))?;
        result.to_decimal()
    })
}

/// Whether it has at most 28 digits for certain: the library's numbers go up to 2^96, which has 29.
fn has_digits_to_spare(result: &Decimal) -> bool {
    result.mantissa().unsigned_abs() < 10_u128.pow(28)
}

/// The result when it is exact at first go, as it nearly always is: the library gives up places where digits don't fit, and that shows.
fn exactly(operator: Arithmetic, left: Decimal, right: Decimal) -> Option<Decimal> {
    match operator {
        Arithmetic::Add | Arithmetic::Subtract => {
            let result = match operator {
                Arithmetic::Add => left.checked_add(right)?,
                _ => left.checked_sub(right)?,
            };
            (result.scale() == left.scale().max(right.scale())).then_some(result)
        }
        Arithmetic::Multiply => {
            let result = left.checked_mul(right)?;
            (result.scale() == left.scale() + right.scale()).then_some(result)
        }
        Arithmetic::Divide => {
            let result = left.checked_div(right)?;
            (exactly(Arithmetic::Multiply, result, right)? == left).then_some(result)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fixtures::{arithmetic, entities};
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn arithmetic_of_rows_is_exact_or_rounded_to_28_digits() {
        use Arithmetic::{Add, Divide, Multiply, Subtract};
        let cases = [
            (Add, "0.1", "0.2", Some("0.3")),
            (
                Add,
                "9999999999999999999999999999",
                "0.1",
                Some("9999999999999999999999999999"),
            ),
            (
                Add,
                "999999999999999999999999999.5",
                "0.01",
                Some("999999999999999999999999999.5"),
            ),
            (
                Subtract,
                "1",
                "0.0000000000000000000000000001",
                Some("0.9999999999999999999999999999"),
            ),
            (
                Multiply,
                "1.00000000000001",
                "1.00000000000001",
                Some("1.00000000000002"),
            ),
            (
                Multiply,
                "1.0000000000001",
                "1.00000000000003",
                Some("1.000000000000130000000000003"),
            ),
            (
                Multiply,
                "0.00000000000001",
                "0.00000000000001",
                Some("0.0000000000000000000000000001"),
            ),
            (Multiply, "0.000000000000001", "0.00000000000001", Some("0")),
            (Divide, "1", "3", Some("0.3333333333333333333333333333")),
            (Divide, "2", "3", Some("0.6666666666666666666666666667")),
            (Divide, "20000000000", "3", Some("6666666666.666666666666666667")),
            (Divide, "1", "1e-20", Some("100000000000000000000")),
            (Divide, "1", "0", None),
            (
                Multiply,
                "10000000000000",
                "100000000000000",
                Some("1000000000000000000000000000"),
            ),
            // 29 digits, which the library has, and no attribute.
            (Multiply, "100000000000000", "100000000000000", None),
            (Add, "9999999999999999999999999999", "1", None),
            (Subtract, "-9999999999999999999999999999", "182", None),
            (
                Add,
                "7.000000000000000000000000001",
                "0.0000000000000000000000000005",
                Some("7.000000000000000000000000002"),
            ),
        ];
        for (operator, left, right, expected) in cases {
            let right = Decimal::from_scientific(right).unwrap_or_else(|_| decimal(right));
            let result = calculate(operator, decimal(left), right).map(|result| result.normalize());
            assert_eq!(result, expected.map(decimal), "{left} {operator} {right}");
        }
    }

    #[test]
    fn formulas_finish_to_values() {
        let cases: &[(&str, &str, &[&str], Option<&str>)] = &[
            ("a count", "COUNT(Flight)", &["3"], Some("3")),
            (
                "a rate",
                "COUNT(Flight WHERE on_time) / COUNT(Flight)",
                &["3", "4"],
                Some("0.75"),
            ),
            (
                "a percentage",
                "100 * COUNT(Flight WHERE on_time) / COUNT(Flight)",
                &["1", "8"],
                Some("12.5"),
            ),
            ("precedence", "1 + 2 * SUM(Flight.delay)", &["5"], Some("11")),
            ("parentheses", "(1 + 2) * SUM(Flight.delay)", &["5"], Some("15")),
            ("left to right", "COUNT(Flight) - 2 - 3", &["10"], Some("5")),
            ("minus", "-SUM(Flight.delay) - -1", &["5"], Some("-4")),
            ("exact", "SUM(Flight.distance) + 0.1", &["0.2"], Some("0.3")),
            (
                "the same measure once",
                "COUNT(Flight) * COUNT(Flight)",
                &["7"],
                Some("49"),
            ),
            (
                "division by zero",
                "COUNT(Flight WHERE on_time) / COUNT(Flight)",
                &["0", "0"],
                None,
            ),
            ("division by a literal zero", "COUNT(Flight) / 0", &["3"], None),
            (
                "zero divided",
                "COUNT(Flight WHERE on_time) / COUNT(Flight)",
                &["0", "4"],
                Some("0"),
            ),
            (
                "a missing operand",
                "AVG(Flight.delay) + COUNT(Flight)",
                &["", "3"],
                None,
            ),
            ("a missing operand times zero", "0 * AVG(Flight.delay)", &[""], None),
            ("too few values", "COUNT(Flight) + SUM(Flight.delay)", &["3"], None),
            (
                "net of what is not there",
                "COALESCE(SUM(Flight.delay), 0) - COALESCE(SUM(Flight.distance), 0)",
                &["", "7"],
                Some("-7"),
            ),
            (
                "nothing to coalesce to",
                "COALESCE(SUM(Flight.delay), AVG(Flight.delay))",
                &["", ""],
                None,
            ),
            (
                "the first that has a value",
                "COALESCE(SUM(Flight.delay), AVG(Flight.distance), 0)",
                &["", "2"],
                Some("2"),
            ),
            (
                "a division by zero is no value",
                "COALESCE(COUNT(Flight) / 0, -1)",
                &["3"],
                Some("-1"),
            ),
            (
                "then",
                "IF(COUNT(Flight) >= 3 AND NOT COUNT(Flight) IN (4, 5), SUM(Flight.delay), 0)",
                &["3", "8"],
                Some("8"),
            ),
            (
                "else",
                "IF(COUNT(Flight) >= 3 AND COUNT(Flight) NOT IN (4, 5), SUM(Flight.delay), 0)",
                &["4", "8"],
                Some("0"),
            ),
            (
                "unknown is not true",
                "IF(SUM(Flight.delay) < 3, 1, 2)",
                &[""],
                Some("2"),
            ),
            (
                "nor is its opposite",
                "IF(NOT SUM(Flight.delay) < 3, 1, 2)",
                &[""],
                Some("2"),
            ),
            (
                "true or unknown",
                "IF(SUM(Flight.delay) < 3 OR TRUE, 1, 2)",
                &[""],
                Some("1"),
            ),
            (
                "without else",
                "IF(COUNT(Flight) > 9, SUM(Flight.delay))",
                &["9", "8"],
                None,
            ),
            (
                "a product beyond 28 digits",
                "SUM(Flight.delay) * SUM(Flight.delay)",
                &["79228162514264337593543950335"],
                Some("6277101735386680763835789423049210091073826769276946612225"),
            ),
            (
                "a difference beyond 28 digits",
                "-SUM(Flight.delay) - 0.0000000000000000000000000001",
                &["79228162514264337593543950335"],
                Some("-79228162514264337593543950335.0000000000000000000000000001"),
            ),
            (
                "a product beyond all numbers",
                "SUM(Flight.delay) * SUM(Flight.delay) * SUM(Flight.delay) * SUM(Flight.delay) * SUM(Flight.delay)",
                &["1e75"],
                None,
            ),
        ];
        for (name, source, values, expected) in cases {
            let formula = crate::compile(source, &entities()).unwrap();
            let values: Vec<Option<Number>> = values
                .iter()
                .map(|text| (!text.is_empty()).then(|| number(text)))
                .collect();
            assert_eq!(formula.finish(Values::of(&values)), expected.map(number), "{name}");
        }
    }

    const MEASURES: usize = 4;

    fn finishes() -> impl Strategy<Value = Finish> {
        let leaf = prop_oneof![
            (-1000_i64..1000, 0_u32..4).prop_map(|(digits, scale)| Finish::Number(Decimal::new(digits, scale))),
            (0..MEASURES).prop_map(Finish::Measure),
        ];
        leaf.prop_recursive(5, 40, 2, |inner| {
            prop_oneof![
                inner.clone().prop_map(|operand| Finish::Negate(Box::new(operand))),
                (arithmetic(), inner.clone(), inner).prop_map(|(operator, l, r)| Finish::Calculate(
                    operator,
                    Box::new(l),
                    Box::new(r)
                )),
            ]
        })
    }

    fn values() -> impl Strategy<Value = Vec<Option<Number>>> {
        let small = (-1000_i64..1000).prop_map(Decimal::from);
        let any_size = (any::<i64>(), 0_u32..10).prop_map(|(digits, scale)| Decimal::new(digits, scale));
        let extreme = prop_oneof![Just(Decimal::MAX), Just(Decimal::MIN), Just(Decimal::new(1, 28))];
        proptest::collection::vec(
            proptest::option::weighted(0.9, prop_oneof![small, any_size, extreme].prop_map(Number::from)),
            MEASURES,
        )
    }

    /// The same expression with the operands of sums and products exchanged.
    fn mirrored(finish: &Finish) -> Finish {
        let boxed = |finish: &Finish| Box::new(mirrored(finish));
        match finish {
            Finish::Number(_)
            | Finish::Measure(_)
            | Finish::Fold(_)
            | Finish::Coalesce(_)
            | Finish::If(_)
            | Finish::Numeric(..) => finish.clone(),
            Finish::Negate(operand) => Finish::Negate(boxed(operand)),
            Finish::Calculate(operator @ (Arithmetic::Add | Arithmetic::Multiply), l, r) => {
                Finish::Calculate(*operator, boxed(r), boxed(l))
            }
            Finish::Calculate(operator, l, r) => Finish::Calculate(*operator, boxed(l), boxed(r)),
        }
    }

    /// The same expression with its measures numbered backwards.
    fn renumbered(finish: &Finish) -> Finish {
        match finish {
            Finish::Number(_) | Finish::Fold(_) | Finish::Coalesce(_) | Finish::If(_) | Finish::Numeric(..) => {
                finish.clone()
            }
            Finish::Measure(index) => Finish::Measure(MEASURES - 1 - index),
            Finish::Negate(operand) => Finish::Negate(Box::new(renumbered(operand))),
            Finish::Calculate(operator, l, r) => {
                Finish::Calculate(*operator, Box::new(renumbered(l)), Box::new(renumbered(r)))
            }
        }
    }

    proptest! {
        #[test]
        fn sums_and_products_commute(finish in finishes(), values in values()) {
            prop_assert_eq!(finish.evaluate(Values::of(&values)), mirrored(&finish).evaluate(Values::of(&values)));
        }

        #[test]
        fn the_order_of_measures_does_not_matter(finish in finishes(), values in values()) {
            let backwards: Vec<Option<Number>> = values.iter().rev().cloned().collect();
            prop_assert_eq!(finish.evaluate(Values::of(&values)), renumbered(&finish).evaluate(Values::of(&backwards)));
        }

        #[test]
        fn whole_numbers_add_up_in_any_order(numbers in proptest::collection::vec(any::<i64>(), 1..8), by in any::<prop::sample::Index>()) {
            let sum = |numbers: &[i64]| {
                let first = Finish::Number(Decimal::ZERO);
                let add = |sum, number: &i64| {
                    Finish::Calculate(Arithmetic::Add, Box::new(sum), Box::new(Finish::Number(Decimal::from(*number))))
                };
                numbers.iter().fold(first, add).evaluate(Values::default())
            };
            let mut rotated = numbers.clone();
            rotated.rotate_left(by.index(numbers.len()));
            prop_assert_eq!(sum(&numbers), sum(&rotated));
        }

        #[test]
        fn a_value_needs_all_its_measures(finish in finishes()) {
            fn reads(finish: &Finish) -> bool {
                match finish {
                    Finish::Number(_) | Finish::Fold(_) | Finish::Coalesce(_) | Finish::If(_) | Finish::Numeric(..) => false,
                    Finish::Measure(_) => true,
                    Finish::Negate(operand) => reads(operand),
                    Finish::Calculate(_, l, r) => reads(l) || reads(r),
                }
            }
            let nothing = vec![None; MEASURES];
            prop_assert!(!reads(&finish) || finish.evaluate(Values::of(&nothing)).is_none());
        }
    }
}
