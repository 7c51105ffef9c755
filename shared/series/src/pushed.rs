//! Measures that the database takes by itself, of facts that it chooses: which numbers it brings of each, and how they become the measure's value.

use formula::{Aggregate, Arithmetic, Measure, Number};

/// What the database brings of a measure, of the facts that count for it. Of two numbers of a fact only those facts that have both count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    /// How many facts count.
    Facts,
    /// How many of them have a value.
    Count,
    /// How many different values they have.
    Distinct,
    /// The sum of the values.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// That of the earliest fact; of several the least.
    First,
    /// That of the latest fact; of several the greatest.
    Last,
    /// How many objects meet the condition at the end, and did not at the start.
    Entered,
    /// How many met it at the start, and don't at the end.
    Left,
    /// How many meet it at both.
    Stayed,
    /// The value in the middle of all in their order; of two there the lower one.
    LowerMiddle,
    /// The same, of two there the upper one.
    UpperMiddle,
    /// The least value that so many percent of the values do not exceed, as the measure says how many.
    Percentile,
    /// The most frequent value; of several the least.
    Mode,
    /// n Σx² - (Σx)²: n² times the variance. Exact, as the sums are.
    Deviation,
    /// Σxy: of both numbers of each fact.
    Products,
    /// Σy: of the second one.
    Weights,
    /// n Σxy - Σx Σy: n² times the covariance.
    SharedDeviation,
    /// n Σx² - (Σx)², of facts that have both.
    FirstDeviation,
    /// n Σy² - (Σy)², of facts that have both.
    SecondDeviation,
}

/// The numbers that a measure needs. Of one that is taken for each value of dimensions the last one is how many facts count, by which it is known of which values there are any.
#[must_use]
pub fn numbers(measure: &Measure) -> Vec<Brings> {
    let counted = (!measure.per.is_empty()).then_some(Brings::Facts);
    of_value(measure).iter().copied().chain(counted).collect()
}

/// Those that its value is made of.
fn of_value(measure: &Measure) -> &'static [Brings] {
    match measure.aggregate {
        Aggregate::Count if measure.attribute.is_none() => &[Brings::Facts],
        // Formulas have `ANY` and `ALL` as counts.
        Aggregate::Count | Aggregate::Any | Aggregate::All => &[Brings::Count],
        Aggregate::Distinct => &[Brings::Distinct],
        Aggregate::Sum => &[Brings::Sum],
        Aggregate::Avg => &[Brings::Count, Brings::Sum],
        Aggregate::Min => &[Brings::Min],
        Aggregate::Max => &[Brings::Max],
        Aggregate::First => &[Brings::First],
        Aggregate::Last => &[Brings::Last],
        Aggregate::Entered => &[Brings::Entered],
        Aggregate::Left => &[Brings::Left],
        Aggregate::Stayed => &[Brings::Stayed],
        Aggregate::Median => &[Brings::LowerMiddle, Brings::UpperMiddle],
        Aggregate::Percentile => &[Brings::Percentile],
        Aggregate::Mode => &[Brings::Mode],
        Aggregate::Variance | Aggregate::VariancePop | Aggregate::Stddev | Aggregate::StddevPop => {
            &[Brings::Count, Brings::Deviation]
        }
        Aggregate::WeightedAvg => &[Brings::Products, Brings::Weights],
        Aggregate::Correlation => &[Brings::SharedDeviation, Brings::FirstDeviation, Brings::SecondDeviation],
        Aggregate::Slope => &[Brings::SharedDeviation, Brings::SecondDeviation],
    }
}

/// The value of a measure from its numbers: one division of exact numbers, and one root, so that nothing is rounded before.
#[must_use]
pub fn value(measure: &Measure, numbers: &[Option<Number>]) -> Option<Number> {
    use Arithmetic::{Add, Divide, Multiply};
    let number = |place: usize| numbers.get(place)?.as_ref();
    let ratio = || number(0)?.calculate(Divide, number(1)?);
    match measure.aggregate {
        Aggregate::Avg => number(1)?.calculate(Divide, number(0)?),
        Aggregate::Median => number(0)?
            .calculate(Add, number(1)?)?
            .calculate(Divide, &Number::from(2)),
        Aggregate::Variance | Aggregate::VariancePop | Aggregate::Stddev | Aggregate::StddevPop => {
            let (count, deviation) = (number(0)?, number(1)?);
            let is_sample = matches!(measure.aggregate, Aggregate::Variance | Aggregate::Stddev);
            let freedom = count.calculate(Add, &Number::from(if is_sample { -1 } else { 0 }))?;
            let variance = deviation.calculate(Divide, &count.calculate(Multiply, &freedom)?)?;
            match measure.aggregate {
                Aggregate::Stddev | Aggregate::StddevPop => variance.root(),
                _ => Some(variance),
            }
        }
        Aggregate::WeightedAvg | Aggregate::Slope => ratio(),
        Aggregate::Correlation => correlation(number(0)?, number(1)?, number(2)?),
        _ => number(0).cloned(),
    }
}

/// How many facts count for a measure that is taken for each value of dimensions; none is known of any other.
#[must_use]
pub fn counted(measure: &Measure, numbers: &[Option<Number>]) -> i64 {
    let last = numbers.last().filter(|_| !measure.per.is_empty());
    let facts = last.and_then(|facts| facts.as_ref()?.to_string().parse().ok());
    facts.unwrap_or_default()
}

/// Pearson's coefficient. What is rounded may be a digit beyond 1, where it never is.
fn correlation(shared: &Number, one: &Number, other: &Number) -> Option<Number> {
    let deviations = one.calculate(Arithmetic::Multiply, other)?.root()?;
    let coefficient = shared.calculate(Arithmetic::Divide, &deviations)?;
    Some(coefficient.clamp(Number::from(-1), Number::from(1)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use formula::Window;

    use super::*;

    /// n, n Σx² - (Σx)² and the like of textbooks, and what they come to.
    #[test]
    fn what_is_brought_becomes_the_value() {
        use Aggregate::{Avg, Correlation, Median, Slope, Stddev, StddevPop, Variance, VariancePop, WeightedAvg};
        for (aggregate, brought, expected) in [
            (Avg, &["4", "10"][..], Some("2.5")),
            (Avg, &["0", ""], None),
            (Median, &["1", "2"], Some("1.5")),
            (
                Median,
                &["9999999999999999999999999999", "9999999999999999999999999998"],
                Some("9999999999999999999999999998.5"),
            ),
            (Median, &["", ""], None),
            // 2, 4, 4, 4, 5, 5, 7, 9.
            (VariancePop, &["8", "256"], Some("4")),
            (StddevPop, &["8", "256"], Some("2")),
            (Variance, &["8", "256"], Some("4.57142857142857")),
            (Stddev, &["8", "256"], Some("2.13808993529940")),
            (Variance, &["1", "0"], None),
            (VariancePop, &["1", "0"], Some("0")),
            (StddevPop, &["0", ""], None),
            (
                Stddev,
                &["2", "0.0000000000000000000000000000000000000000000000000000000004"],
                Some("0.0000000000000000000000000000141421356237310"),
            ),
            (WeightedAvg, &["30", "12"], Some("2.5")),
            (WeightedAvg, &["30", "0"], None),
            (WeightedAvg, &["", ""], None),
            (Slope, &["20", "8"], Some("2.5")),
            (Slope, &["0", "0"], None),
            (Correlation, &["20", "50", "8"], Some("1")),
            (Correlation, &["-20", "50", "8"], Some("-1")),
            (Correlation, &["3", "6", "6"], Some("0.5")),
            (Correlation, &["1", "3", "1"], Some("0.577350269189626")),
            (Correlation, &["0", "0", "8"], None),
            (Correlation, &["", "", ""], None),
        ] {
            let measure = Measure {
                entity: "E".to_owned(),
                aggregate,
                attribute: None,
                second: None,
                filter: None,
                window: Window::default(),
                per: std::collections::BTreeSet::new(),
                basis: formula::Basis::Facts,
            };
            assert_eq!(numbers(&measure).len(), brought.len(), "{aggregate}");
            let numbers: Vec<Option<Number>> = brought.iter().map(|text| text.parse().ok()).collect();
            let for_each = Measure {
                per: std::collections::BTreeSet::from(["d".to_owned()]),
                ..measure.clone()
            };
            let more = super::numbers(&for_each);
            assert_eq!(
                (more.len(), more.last()),
                (brought.len() + 1, Some(&Brings::Facts)),
                "{aggregate}"
            );
            let told = value(&measure, &numbers).map(|value| value.answered());
            assert_eq!(
                told,
                expected.map(|text| text.parse().unwrap()),
                "{aggregate} {brought:?}"
            );
        }
    }
}
