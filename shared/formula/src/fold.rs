//! Functions over what an expression comes to in each of several shorter periods: the mean of its days, the deviation of a month's daily returns, the deepest fall of a year. Or for each value
//! of a dimension: how many symbols rose, what all positions are worth.

use crate::finish::{Finish, Values};
use crate::number::Number;
use crate::scope::Scope;
use crate::tree::Arithmetic;
use rust_decimal::Decimal;

/// The most of them in one formula: each is computed for every period of every bucket of an answer, or for every value of a dimension in it.
pub const MAX_FOLDS: usize = 8;

/// What is computed of several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FoldFunction {
    /// Their sum.
    Sum,
    /// Their mean, in which each counts alike.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// That of the first period that has one.
    First,
    /// That of the last.
    Last,
    /// How many there are.
    Count,
    /// The one in the middle, or the mean of the two.
    Median,
    /// The least that so many percent of them do not exceed.
    Percentile,
    /// The deviation of a sample.
    Stddev,
    /// The deviation of all there are.
    StddevPop,
    /// Its square.
    Variance,
    /// The same of all there are.
    VariancePop,
    /// The correlation with the values of another expression.
    Correlation,
    /// How much they grow for each one that the values of another expression grow.
    Slope,
    /// The deepest fall from an earlier peak, as a share of the peak.
    Drawdown,
}

/// Of what the values are that a fold takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// Of each of several periods.
    Periods,
    /// Of each value of a dimension, what has no value of it among them.
    Values(String),
}

/// A function over the values of an expression, or of two, in each period of a stretch of time or for each value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The function.
    pub function: FoldFunction,
    /// Of what each value is.
    pub over: Over,
    /// Where its expressions are taken.
    pub scope: Scope,
    /// What is computed there, of measures and folds of this scope. A fold among them stands before this one in the formula.
    pub operands: Vec<Finish>,
    /// How many percent, of a percentile.
    pub percent: Option<Decimal>,
}

impl FoldFunction {
    /// How many expressions it takes, before the period.
    #[must_use]
    pub const fn operands(self) -> usize {
        match self {
            Self::Correlation | Self::Slope => 2,
            _ => 1,
        }
    }

    /// Whether it is of values that follow each other in time.
    pub(crate) const fn is_of_time(self) -> bool {
        matches!(self, Self::First | Self::Last | Self::Drawdown)
    }
}

impl Fold {
    /// Where its value is.
    #[must_use]
    pub fn outside(&self) -> Scope {
        self.scope.outside(&self.over)
    }

    /// The values of its expressions in one place of its scope.
    #[must_use]
    pub fn values(&self, values: Values<'_>) -> Vec<Option<Number>> {
        let operands = self.operands.iter();
        operands.map(|operand| operand.evaluate(values)).collect()
    }

    /// What it comes to, of the values of its expressions in each period, in the order of time, or for each value of a dimension. Where one of them has none is none that counts.
    #[must_use]
    pub fn value<'a>(&self, periods: impl Iterator<Item = &'a [Option<Number>]>) -> Option<Number> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for period in periods {
            match period {
                [Some(value)] => first.push(value),
                [Some(value), Some(other)] => {
                    first.push(value);
                    second.push(other);
                }
                _ => {}
            }
        }
        self.of(&first, &second)
    }

    fn of(&self, values: &[&Number], others: &[&Number]) -> Option<Number> {
        let count = whole(values.len());
        match self.function {
            FoldFunction::Count => Some(count),
            FoldFunction::Sum => sum(values),
            FoldFunction::Avg => sum(values)?.calculate(Arithmetic::Divide, &count),
            FoldFunction::Min => values.iter().min().map(|value| Number::clone(value)),
            FoldFunction::Max => values.iter().max().map(|value| Number::clone(value)),
            FoldFunction::First => values.first().map(|value| Number::clone(value)),
            FoldFunction::Last => values.last().map(|value| Number::clone(value)),
            FoldFunction::Median => median(values),
            FoldFunction::Percentile => percentile(values, self.percent?),
            FoldFunction::Stddev => variance(values, 1)?.root(),
            FoldFunction::StddevPop => variance(values, 0)?.root(),
            FoldFunction::Variance => variance(values, 1),
            FoldFunction::VariancePop => variance(values, 0),
            FoldFunction::Correlation => {
                let (shared, [one, other]) = deviations(values, others)?;
                let both = one.calculate(Arithmetic::Multiply, &other)?.root()?;
                shared.calculate(Arithmetic::Divide, &both)
            }
            FoldFunction::Slope => {
                let (shared, [_, other]) = deviations(values, others)?;
                shared.calculate(Arithmetic::Divide, &other)
            }
            FoldFunction::Drawdown => drawdown(values),
        }
    }
}

fn whole(count: usize) -> Number {
    Number::from(i64::try_from(count).unwrap_or(i64::MAX))
}

fn sum(values: &[&Number]) -> Option<Number> {
    let (first, others) = values.split_first()?;
    let add = |sum: Number, value: &&Number| sum.calculate(Arithmetic::Add, value);
    others.iter().try_fold(Number::clone(first), add)
}

fn median(values: &[&Number]) -> Option<Number> {
    let mut sorted = values.to_vec();
    sorted.sort();
    let (lower, upper) = (
        sorted.get(sorted.len().checked_sub(1)? / 2)?,
        sorted.get(sorted.len() / 2)?,
    );
    if lower == upper {
        return Some(Number::clone(lower));
    }
    lower
        .calculate(Arithmetic::Add, upper)?
        .calculate(Arithmetic::Divide, &Number::from(2))
}

/// By the nearest rank, as of facts.
fn percentile(values: &[&Number], percent: Decimal) -> Option<Number> {
    let mut sorted = values.to_vec();
    sorted.sort();
    let count = Decimal::from(sorted.len());
    let rank = (percent * count / Decimal::ONE_HUNDRED).ceil();
    let rank = usize::try_from(rank.mantissa() / 10_i128.pow(rank.scale())).ok()?;
    sorted.get(rank.checked_sub(1)?).map(|value| Number::clone(value))
}

/// How far values lie from the first of them: equal ones not at all, however many digits they were rounded to.
fn shifted(values: &[&Number]) -> Option<Vec<Number>> {
    let first = values.first()?;
    values
        .iter()
        .map(|value| value.calculate(Arithmetic::Subtract, first))
        .collect()
}

/// n Σxy - Σx Σy.
fn deviation(one: &[Number], other: &[Number]) -> Option<Number> {
    let products: Option<Vec<Number>> = one
        .iter()
        .zip(other)
        .map(|(x, y)| x.calculate(Arithmetic::Multiply, y))
        .collect();
    let total = |numbers: &[Number]| sum(&numbers.iter().collect::<Vec<_>>());
    let all = whole(one.len()).calculate(Arithmetic::Multiply, &total(&products?)?)?;
    let means = total(one)?.calculate(Arithmetic::Multiply, &total(other)?)?;
    all.calculate(Arithmetic::Subtract, &means)
}

/// The variance of all but so many: (n Σx² - (Σx)²) / (n (n - less)).
fn variance(values: &[&Number], less: usize) -> Option<Number> {
    let count = values.len();
    let shifted = shifted(values)?;
    let divisor = whole(count).calculate(Arithmetic::Multiply, &whole(count.checked_sub(less)?))?;
    deviation(&shifted, &shifted)?.calculate(Arithmetic::Divide, &divisor)
}

/// The deviation that two have in common, and that of each.
fn deviations(values: &[&Number], others: &[&Number]) -> Option<(Number, [Number; 2])> {
    let (values, others) = (shifted(values)?, shifted(others)?);
    let own = [deviation(&values, &values)?, deviation(&others, &others)?];
    Some((deviation(&values, &others)?, own))
}

/// The deepest fall from a peak. Of peaks that are not above zero there is no share.
fn drawdown(values: &[&Number]) -> Option<Number> {
    let zero = Number::from(0);
    let (mut peak, mut deepest): (Option<&Number>, Option<Number>) = (None, None);
    for value in values {
        let highest = peak.map_or(*value, |peak| peak.max(value));
        peak = Some(highest);
        if *highest > zero {
            let fall = highest
                .calculate(Arithmetic::Subtract, value)?
                .calculate(Arithmetic::Divide, highest)?;
            deepest = Some(deepest.map_or(fall.clone(), |deepest| deepest.max(fall)));
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn folded(function: FoldFunction, values: &[&str], others: &[&str], percent: Option<i64>) -> Option<String> {
        let number = |text: &&str| (!text.is_empty()).then(|| text.parse().unwrap());
        let fold = Fold {
            function,
            over: Over::Periods,
            scope: Scope::default(),
            operands: Vec::new(),
            percent: percent.map(Decimal::from),
        };
        let one: Vec<Vec<Option<Number>>> = match function.operands() {
            1 => values.iter().map(|value| vec![number(value)]).collect(),
            _ => values
                .iter()
                .zip(others)
                .map(|(one, other)| vec![number(one), number(other)])
                .collect(),
        };
        let value = fold.value(one.iter().map(Vec::as_slice));
        value.map(|value| value.answered().to_string())
    }

    #[test]
    fn values_of_periods_come_to_one() {
        use FoldFunction::*;
        let cases: &[(FoldFunction, &[&str], Option<&str>)] = &[
            (Sum, &["1", "", "0.5"], Some("1.5")),
            (Sum, &["", ""], None),
            (Avg, &["1", "2", "", "6"], Some("3")),
            (Avg, &["1", "1", "2"], Some("1.33333333333333")),
            (Avg, &[], None),
            (Min, &["3", "-1", "2"], Some("-1")),
            (Max, &["3", "-1", "2"], Some("3")),
            (First, &["", "3", "2"], Some("3")),
            (Last, &["3", "2", ""], Some("2")),
            (Count, &["3", "", "2"], Some("2")),
            (Count, &[], Some("0")),
            (Median, &["3", "1", "2"], Some("2")),
            (Median, &["3", "1", "2", "10"], Some("2.5")),
            (Median, &[""], None),
            (Variance, &["1", "2", "3", "4"], Some("1.66666666666667")),
            (VariancePop, &["1", "2", "3", "4"], Some("1.25")),
            (
                Stddev,
                &["2", "4", "4", "4", "5", "5", "7", "9"],
                Some("2.1380899352994"),
            ),
            (StddevPop, &["2", "4", "4", "4", "5", "5", "7", "9"], Some("2")),
            (Stddev, &["7"], None),
            (StddevPop, &["7"], Some("0")),
            (Drawdown, &["100", "120", "90", "130", "104", ""], Some("0.25")),
            (Drawdown, &["1", "2", "3"], Some("0")),
            (Drawdown, &["-3", "-2", "-9"], None),
            (Drawdown, &["-3", "4", "-4"], Some("2")),
            (Drawdown, &[], None),
        ];
        for (function, values, expected) in cases {
            assert_eq!(
                folded(*function, values, &[], None).as_deref(),
                *expected,
                "{function:?} {values:?}"
            );
        }
    }

    #[test]
    fn equal_values_do_not_deviate_however_they_were_rounded() {
        let third = Number::from(1).calculate(Arithmetic::Divide, &Number::from(3)).unwrap();
        let values = [&third; 7];
        assert_eq!(variance(&values, 1), Some(Number::from(0)));
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values = ["15", "20", "35", "40", "50"];
        for (percent, expected) in [(5, "15"), (30, "20"), (40, "20"), (50, "35"), (99, "50")] {
            let found = folded(FoldFunction::Percentile, &values, &[], Some(percent));
            assert_eq!(found.as_deref(), Some(expected), "{percent}");
        }
        assert_eq!(folded(FoldFunction::Percentile, &[], &[], Some(50)), None);
    }

    #[test]
    fn two_expressions_are_taken_where_both_have_values() {
        let (x, y) = (["1", "2", "", "3", "4"], ["2", "4", "9", "5", "9"]);
        // By Python's statistics module: correlation([1, 2, 3, 4], [2, 4, 5, 9]), linear_regression of the same.
        for (function, expected) in [
            (FoldFunction::Correlation, "0.964763821237732"),
            (FoldFunction::Slope, "0.423076923076923"),
        ] {
            assert_eq!(
                folded(function, &x, &y, None).as_deref(),
                Some(expected),
                "{function:?}"
            );
        }
        assert_eq!(
            folded(FoldFunction::Correlation, &["1", "1"], &["2", "3"], None),
            None,
            "nothing deviates"
        );
        assert_eq!(folded(FoldFunction::Slope, &["1"], &["2"], None), None);
    }
}
