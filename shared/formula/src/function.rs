//! The functions over values: what each is called, and how many arguments it takes. Aggregates, which read facts, are in `measure`.
//!
//! A new function of numbers is a variant of [`Numeric`] with its row here and what it computes there. Any other has its types in
//! `resolve/functions` (over a row) and `check/functions` (over measures), and what it computes in [`Scalar`](crate::Scalar) and
//! [`Finish`](crate::Finish).

use std::fmt;

use crate::fold::FoldFunction;
use crate::numeric::Numeric;
use crate::text::TextTest;
use crate::window::WindowFunction;

/// A function over values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// `COALESCE(x, y, …)`: the first that has a value.
    Coalesce,
    /// `IF(condition, then, else)`: `then` where the condition is true, otherwise `else`, or no value without one.
    ///
    /// Also `CASE WHEN condition THEN value … ELSE value END`, whose conditions and values follow each other like the arguments of a longer `IF`.
    If,
    /// `AT_START(x)`: `x` of the states that objects have as the period begins.
    AtStart,
    /// `AT_END(x)`: `x` of the states that they have as it ends.
    AtEnd,
    /// `SECONDS(x)`: how many seconds a duration has.
    Seconds,
    /// `MINUTES(x)`: how many times 60 seconds.
    Minutes,
    /// `HOURS(x)`: how many times 3,600 seconds.
    Hours,
    /// `DAYS(x)`: how many times 24 hours, whatever a calendar's days have.
    Days,
    /// `x BETWEEN low AND high`: whether the first is neither below the second nor above the third. It is written as an operator, not as a call.
    Between,
    /// How one text lies in another.
    Text(TextTest),
    /// A function of numbers.
    Numeric(Numeric),
    /// A function over other stretches of time.
    Window(WindowFunction),
    /// A function over the values of shorter periods, or over those for each value of a dimension.
    Fold(FoldFunction),
}

/// The most arguments of a call, and the most `WHEN` of a `CASE`: as many ways out as a person can follow.
pub const MAX_ARGUMENTS: usize = 16;

/// A function's name, how many arguments it takes at least and at most, and how it is written.
struct Row {
    name: &'static str,
    least: usize,
    most: usize,
    usage: &'static str,
}

impl Function {
    /// All that are written as calls, in the order of the manual.
    pub const ALL: [Function; 39] = [
        Function::Coalesce,
        Function::If,
        Function::AtStart,
        Function::AtEnd,
        Function::Seconds,
        Function::Minutes,
        Function::Hours,
        Function::Days,
        Function::Numeric(Numeric::Abs),
        Function::Numeric(Numeric::Round),
        Function::Numeric(Numeric::Greatest),
        Function::Numeric(Numeric::Least),
        Function::Numeric(Numeric::Ln),
        Function::Numeric(Numeric::Exp),
        Function::Numeric(Numeric::Power),
        Function::Text(TextTest::StartsWith),
        Function::Text(TextTest::EndsWith),
        Function::Text(TextTest::Contains),
        Function::Window(WindowFunction::Previous),
        Function::Window(WindowFunction::SamePeriodLastYear),
        Function::Window(WindowFunction::ToDate),
        Function::Window(WindowFunction::Rolling),
        Function::Window(WindowFunction::Cumulative),
        Function::Fold(FoldFunction::Avg),
        Function::Fold(FoldFunction::Sum),
        Function::Fold(FoldFunction::Min),
        Function::Fold(FoldFunction::Max),
        Function::Fold(FoldFunction::First),
        Function::Fold(FoldFunction::Last),
        Function::Fold(FoldFunction::Count),
        Function::Fold(FoldFunction::Median),
        Function::Fold(FoldFunction::Percentile),
        Function::Fold(FoldFunction::Stddev),
        Function::Fold(FoldFunction::StddevPop),
        Function::Fold(FoldFunction::Variance),
        Function::Fold(FoldFunction::VariancePop),
        Function::Fold(FoldFunction::Correlation),
        Function::Fold(FoldFunction::Slope),
        Function::Fold(FoldFunction::Drawdown),
    ];

    /// The function of a name in upper or lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.name().eq_ignore_ascii_case(name))
    }

    /// As it is written in formulas.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// How it is written, for hints.
    pub(crate) fn usage(self) -> &'static str {
        self.row().usage
    }

    /// Whether it takes so many arguments.
    pub(crate) fn takes(self, arguments: usize) -> bool {
        let row = self.row();
        (row.least..=row.most).contains(&arguments)
    }

    /// How many arguments it takes, in words.
    pub(crate) fn arity(self) -> String {
        let row = self.row();
        match row.most - row.least {
            0 => row.least.to_string(),
            1 => format!("{} or {}", row.least, row.most),
            _ => format!("{} to {}", row.least, row.most),
        }
    }

    /// The seconds of the unit in which it tells a duration, if it is one of those that do.
    #[must_use]
    pub fn unit_s(self) -> Option<u32> {
        match self {
            Function::Coalesce
            | Function::If
            | Function::AtStart
            | Function::AtEnd
            | Function::Between
            | Function::Text(_)
            | Function::Numeric(_)
            | Function::Window(_)
            | Function::Fold(_) => None,
            Function::Seconds => Some(1),
            Function::Minutes => Some(60),
            Function::Hours => Some(3_600),
            Function::Days => Some(86_400),
        }
    }

    /// Whether it is of other periods than the one that is asked for, or of several.
    pub(crate) fn is_of_periods(self) -> bool {
        matches!(self, Function::Window(_) | Function::Fold(_))
    }

    /// Whether it is a condition.
    pub(crate) fn is_condition(self) -> bool {
        matches!(self, Function::Between | Function::Text(_))
    }

    fn row(self) -> Row {
        let row = |name, least, most, usage| Row {
            name,
            least,
            most,
            usage,
        };
        match self {
            Function::Coalesce => row("COALESCE", 2, MAX_ARGUMENTS, "COALESCE(x, y)"),
            Function::If => row("IF", 2, 3, "IF(condition, then, else)"),
            Function::AtStart => row("AT_START", 1, 1, "AT_START(x)"),
            Function::AtEnd => row("AT_END", 1, 1, "AT_END(x)"),
            Function::Seconds => row("SECONDS", 1, 1, "SECONDS(duration)"),
            Function::Minutes => row("MINUTES", 1, 1, "MINUTES(duration)"),
            Function::Hours => row("HOURS", 1, 1, "HOURS(duration)"),
            Function::Days => row("DAYS", 1, 1, "DAYS(duration)"),
            Function::Between => row("BETWEEN", 3, 3, "x BETWEEN low AND high"),
            Function::Text(TextTest::StartsWith) => row("STARTS_WITH", 2, 2, "STARTS_WITH(text, 'x')"),
            Function::Text(TextTest::EndsWith) => row("ENDS_WITH", 2, 2, "ENDS_WITH(text, 'x')"),
            Function::Text(TextTest::Contains) => row("CONTAINS", 2, 2, "CONTAINS(text, 'x')"),
            Function::Numeric(Numeric::Abs) => row("ABS", 1, 1, "ABS(x)"),
            Function::Numeric(Numeric::Round) => row("ROUND", 1, 2, "ROUND(x, places)"),
            Function::Numeric(Numeric::Greatest) => row("GREATEST", 2, MAX_ARGUMENTS, "GREATEST(x, y)"),
            Function::Numeric(Numeric::Least) => row("LEAST", 2, MAX_ARGUMENTS, "LEAST(x, y)"),
            Function::Numeric(Numeric::Ln) => row("LN", 1, 1, "LN(x)"),
            Function::Numeric(Numeric::Exp) => row("EXP", 1, 1, "EXP(x)"),
            Function::Numeric(Numeric::Power) => row("POWER", 2, 2, "POWER(x, y)"),
            Function::Window(WindowFunction::Previous) => row("PREVIOUS", 1, 4, "PREVIOUS(x, 1, YEAR)"),
            Function::Window(WindowFunction::SamePeriodLastYear) => {
                row("SAME_PERIOD_LAST_YEAR", 1, 2, "SAME_PERIOD_LAST_YEAR(x)")
            }
            Function::Window(WindowFunction::ToDate) => row("TO_DATE", 2, 2, "TO_DATE(x, YEAR)"),
            Function::Window(WindowFunction::Rolling) => row("ROLLING", 2, 3, "ROLLING(x, 7, DAY)"),
            Function::Window(WindowFunction::Cumulative) => row("CUMULATIVE", 1, 1, "CUMULATIVE(x)"),
            Function::Fold(function) => folded(function),
        }
    }
}

fn folded(function: FoldFunction) -> Row {
    let row = |name, arguments, usage| Row {
        name,
        least: arguments,
        most: arguments,
        usage,
    };
    match function {
        FoldFunction::Avg => row("AVG_PER", 2, "AVG_PER(x, DAY)"),
        FoldFunction::Sum => row("SUM_PER", 2, "SUM_PER(x, DAY)"),
        FoldFunction::Min => row("MIN_PER", 2, "MIN_PER(x, DAY)"),
        FoldFunction::Max => row("MAX_PER", 2, "MAX_PER(x, DAY)"),
        FoldFunction::First => row("FIRST_PER", 2, "FIRST_PER(x, DAY)"),
        FoldFunction::Last => row("LAST_PER", 2, "LAST_PER(x, DAY)"),
        FoldFunction::Count => row("COUNT_PER", 2, "COUNT_PER(x, DAY)"),
        FoldFunction::Median => row("MEDIAN_PER", 2, "MEDIAN_PER(x, DAY)"),
        FoldFunction::Percentile => row("PERCENTILE_PER", 3, "PERCENTILE_PER(x, DAY, 95)"),
        FoldFunction::Stddev => row("STDDEV_PER", 2, "STDDEV_PER(x, DAY)"),
        FoldFunction::StddevPop => row("STDDEV_POP_PER", 2, "STDDEV_POP_PER(x, DAY)"),
        FoldFunction::Variance => row("VARIANCE_PER", 2, "VARIANCE_PER(x, DAY)"),
        FoldFunction::VariancePop => row("VARIANCE_POP_PER", 2, "VARIANCE_POP_PER(x, DAY)"),
        FoldFunction::Correlation => row("CORRELATION_PER", 3, "CORRELATION_PER(x, y, DAY)"),
        FoldFunction::Slope => row("SLOPE_PER", 3, "SLOPE_PER(x, y, DAY)"),
        FoldFunction::Drawdown => row("DRAWDOWN_PER", 2, "DRAWDOWN_PER(x, DAY)"),
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_its_own_row() {
        for function in Function::ALL {
            let row = function.row();
            assert_eq!(Function::named(&row.name.to_lowercase()), Some(function));
            assert!(row.least <= row.most && row.usage.starts_with(row.name), "{function}");
        }
        assert!(Function::If.takes(2) && Function::If.takes(3) && !Function::If.takes(4));
    }
}
