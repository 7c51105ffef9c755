//! The aggregates: how values of many facts become one, and what each takes.
//!
//! A new one is a variant with its row here. What the database brings of it and how that becomes its value is in `series::pushed`, where rollups have no state
//! of it.

use std::fmt;

/// How values of many facts become one. `First` and `Last` are by the facts' time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aggregate {
    /// How many facts, or how many with a value.
    Count,
    /// `COUNT(DISTINCT x)`: how many different values.
    Distinct,
    /// The total.
    Sum,
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The earliest.
    First,
    /// The latest.
    Last,
    /// The middle value, or the mean of the two in the middle.
    Median,
    /// `PERCENTILE(x, p)`: the least value that at least p percent of the values do not exceed.
    Percentile,
    /// The most frequent value; of several the least.
    Mode,
    /// The variance of a sample.
    Variance,
    /// The variance of all there are.
    VariancePop,
    /// The standard deviation of a sample.
    Stddev,
    /// The standard deviation of all there are.
    StddevPop,
    /// `WEIGHTED_AVG(x, w)`: the sum of the products divided by the sum of the weights.
    WeightedAvg,
    /// `CORRELATION(x, y)`: Pearson's coefficient.
    Correlation,
    /// `SLOPE(y, x)`: by how much y grows where x grows by one, by least squares.
    Slope,
    /// `ANY(flag)`: 1 where at least one is true, else 0.
    Any,
    /// `ALL(flag)`: 1 where none is false, else 0.
    All,
    /// How many objects meet the condition as the period ends, and did not as it began.
    Entered,
    /// How many met it as the period began, and don't as it ends.
    Left,
    /// How many meet it at both ends.
    Stayed,
}

/// What an aggregate takes after the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// A number of percent.
    Percent,
    /// Other numbers of the same facts.
    Values,
}

impl Aggregate {
    /// Every aggregate that has a name of its own.
    pub const ALL: [Aggregate; 22] = [
        Aggregate::Count,
        Aggregate::Sum,
        Aggregate::Avg,
        Aggregate::Min,
        Aggregate::Max,
        Aggregate::First,
        Aggregate::Last,
        Aggregate::Median,
        Aggregate::Percentile,
        Aggregate::Mode,
        Aggregate::Variance,
        Aggregate::VariancePop,
        Aggregate::Stddev,
        Aggregate::StddevPop,
        Aggregate::WeightedAvg,
        Aggregate::Correlation,
        Aggregate::Slope,
        Aggregate::Any,
        Aggregate::All,
        Aggregate::Entered,
        Aggregate::Left,
        Aggregate::Stayed,
    ];

    /// As it is written in formulas.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Aggregate::Count | Aggregate::Distinct => "COUNT",
            Aggregate::Sum => "SUM",
            Aggregate::Avg => "AVG",
            Aggregate::Min => "MIN",
            Aggregate::Max => "MAX",
            Aggregate::First => "FIRST",
            Aggregate::Last => "LAST",
            Aggregate::Median => "MEDIAN",
            Aggregate::Percentile => "PERCENTILE",
            Aggregate::Mode => "MODE",
            Aggregate::Variance => "VARIANCE",
            Aggregate::VariancePop => "VARIANCE_POP",
            Aggregate::Stddev => "STDDEV",
            Aggregate::StddevPop => "STDDEV_POP",
            Aggregate::WeightedAvg => "WEIGHTED_AVG",
            Aggregate::Correlation => "CORRELATION",
            Aggregate::Slope => "SLOPE",
            Aggregate::Any => "ANY",
            Aggregate::All => "ALL",
            Aggregate::Entered => "ENTERED",
            Aggregate::Left => "LEFT",
            Aggregate::Stayed => "STAYED",
        }
    }

    /// What stands before what it aggregates.
    pub(crate) fn before(self) -> &'static str {
        match self {
            Aggregate::Distinct => "DISTINCT ",
            _ => "",
        }
    }

    /// The aggregate of a name in upper or lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|aggregate| aggregate.name().eq_ignore_ascii_case(name))
    }

    /// Whether it counts objects by what becomes of them from the start of a period to its end.
    #[must_use]
    pub fn counts_moves(self) -> bool {
        matches!(self, Aggregate::Entered | Aggregate::Left | Aggregate::Stayed)
    }

    /// Whether it counts whole facts or objects, so that it needs no attribute.
    #[must_use]
    pub fn does_without_attribute(self) -> bool {
        self == Aggregate::Count || self.counts_moves()
    }

    /// Whether it counts, whatever the type of the values.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Aggregate::Count | Aggregate::Distinct)
    }

    /// Whether it says how often truth values are true.
    pub(crate) fn is_of_flags(self) -> bool {
        matches!(self, Aggregate::Any | Aggregate::All)
    }

    /// Whether the unit of the values is not that of the result, which has none.
    pub(crate) fn drops_unit(self) -> bool {
        self.counts() || self == Aggregate::Correlation
    }

    /// Whether it is a square of what it measures.
    pub(crate) fn is_squared(self) -> bool {
        matches!(self, Aggregate::Variance | Aggregate::VariancePop)
    }

    /// What it takes after the values.
    pub(crate) fn takes(self) -> Takes {
        match self {
            Aggregate::Percentile => Takes::Percent,
            Aggregate::WeightedAvg | Aggregate::Correlation | Aggregate::Slope => Takes::Values,
            _ => Takes::Nothing,
        }
    }

    /// Whether only the facts themselves have it: what rollups keep of groups of facts does not add up to it.
    #[must_use]
    pub fn is_pushed(self) -> bool {
        match self {
            Aggregate::Count
            | Aggregate::Sum
            | Aggregate::Avg
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::First
            | Aggregate::Last => false,
            // Formulas have it as two counts.
            Aggregate::Any | Aggregate::All => false,
            _ => true,
        }
    }

    /// How it is written, for hints.
    pub(crate) fn usage(self, entity: &str) -> String {
        match self.takes() {
            Takes::Nothing if self.counts_moves() => format!("{self}({entity} WHERE …)"),
            Takes::Nothing => format!("{self}({}{entity}.x)", self.before()),
            Takes::Percent => format!("{self}({entity}.x, 90)"),
            Takes::Values => format!("{self}({entity}.x, {entity}.y)"),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Function;

    #[test]
    fn each_aggregate_has_its_own_name() {
        for aggregate in Aggregate::ALL {
            assert_eq!(Aggregate::named(&aggregate.name().to_lowercase()), Some(aggregate));
            assert_eq!(Function::named(aggregate.name()), None);
        }
    }
}
