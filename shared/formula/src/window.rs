//! The facts over which a measure is taken, seen from the bucket that is asked for. What its moves come to, by a calendar, is for others to say.

use std::fmt;

use crate::period::Period;

/// How far `PREVIOUS` goes back and how many periods `ROLLING` has at most: 83 years of months, two years and nine months of days. What is longer is named by a
/// longer period.
pub const MAX_STEP: u16 = 1_000;

/// The most functions of windows that stand inside each other: a stretch of time, and three moves to it.
pub const MAX_STEPS: usize = 4;

/// The most different windows of one formula, its bucket's own not counted: the seven years before and one more. Each is read apart, and so is one of which each value of a dimension is taken.
pub const MAX_WINDOWS: usize = 8;

/// Moves that lead from the bucket that is asked for to the stretch of time whose facts count, the outermost function first. None of them: the bucket itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    steps: Vec<Step>,
}

/// The word for a step to each of several.
pub(crate) const EACH: &str = "EACH";

/// One move. Those to other buckets stand before the one that makes a longer stretch of a bucket, of which there is one at most, before the step to each of its periods and
/// behind it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// To an earlier bucket.
    Back {
        /// How many periods before.
        count: u16,
        /// Which: the question's own where none is named.
        period: Option<Period>,
        /// How much of it counts for a bucket that is still open.
        open: Open,
    },
    /// To all from the beginning of a longer period on.
    ToDate(Period),
    /// To the last so many periods.
    Rolling {
        /// How many.
        count: u16,
        /// Which: the question's own where none is named.
        period: Option<Period>,
    },
    /// To all there is.
    Cumulative,
    /// To each of the periods that begin in a stretch of time and have begun: what follows is seen from each of them, as from a bucket. A stretch may stand before it.
    Each(Period),
}

/// How much of the earlier bucket an open one is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Open {
    /// All of it: the value is that of the earlier bucket itself, whenever it is asked for.
    #[default]
    Whole,
    /// So much as has passed of the open one.
    LikeForLike,
}

impl Open {
    /// The word of formulas.
    pub(crate) const LIKE_FOR_LIKE: &'static str = "LIKE_FOR_LIKE";
}

/// A function that moves the windows of the measures in its first argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WindowFunction {
    /// `PREVIOUS(x)`, `PREVIOUS(x, n)`, `PREVIOUS(x, n, YEAR)`: over an earlier bucket.
    Previous,
    /// `SAME_PERIOD_LAST_YEAR(x)`: as `PREVIOUS(x, 1, YEAR)`.
    SamePeriodLastYear,
    /// `TO_DATE(x, YEAR)`: from the beginning of the year on.
    ToDate,
    /// `ROLLING(x, n)`, `ROLLING(x, n, DAY)`: over the last n periods.
    Rolling,
    /// `CUMULATIVE(x)`: over all there is up to the bucket's end.
    Cumulative,
}

impl Step {
    /// Whether it leads to another bucket and does not make a stretch of one.
    #[must_use]
    pub const fn is_move(&self) -> bool {
        matches!(self, Step::Back { .. })
    }

    /// The name of the function.
    const fn name(&self) -> &'static str {
        match self {
            Step::Back { .. } => "PREVIOUS",
            Step::ToDate(_) => "TO_DATE",
            Step::Rolling { .. } => "ROLLING",
            Step::Cumulative => "CUMULATIVE",
            Step::Each(_) => EACH,
        }
    }

    /// Whether it compares an open bucket with a part of an earlier one.
    pub(crate) const fn is_cut(&self) -> bool {
        matches!(
            self,
            Step::Back {
                open: Open::LikeForLike,
                ..
            }
        )
    }

    /// What stands behind its first argument, with the parenthesis.
    fn close(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |f: &mut fmt::Formatter<'_>, count: &u16, period: &Option<Period>| match period {
            Some(period) => write!(f, ", {count}, {}", written(*period)),
            None => write!(f, ", {count}"),
        };
        match self {
            Step::Back {
                count: many,
                period,
                open,
            } => {
                count(f, many, period)?;
                if *open == Open::LikeForLike {
                    write!(f, ", {}", Open::LIKE_FOR_LIKE)?;
                }
            }
            Step::Rolling { count: many, period } => count(f, many, period)?,
            Step::ToDate(period) | Step::Each(period) => write!(f, ", {}", written(*period))?,
            Step::Cumulative => {}
        }
        f.write_str(")")
    }
}

/// The call with a point in place of its first argument.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…", self.name())?;
        self.close(f)
    }
}

/// A period as formulas write it.
fn written(period: Period) -> String {
    period.name().to_ascii_uppercase()
}

impl Window {
    /// The moves in their order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it is the bucket itself.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether what it holds depends on the moment of the question, and not on the bucket alone.
    #[must_use]
    pub fn moves_with_time(&self) -> bool {
        let is_of_now = |step: &Step| step.is_cut() || matches!(step, Step::Each(_));
        self.steps.iter().any(is_of_now)
    }

    /// Of one that leads to each of several periods: the window of the stretch of time in which they begin, the period, and the window that each has, seen from itself.
    #[must_use]
    pub fn each(&self) -> Option<(Self, Period, Self)> {
        let place = self.steps.iter().position(|step| matches!(step, Step::Each(_)))?;
        let (outer, rest) = self.steps.split_at_checked(place)?;
        let (Step::Each(period), inner) = rest.split_first()? else {
            return None;
        };
        let of = |steps: &[Step]| Self { steps: steps.to_vec() };
        Some((of(outer), *period, of(inner)))
    }

    /// The steps that lead to each of several periods, without what each has of its own; `None` where there are none.
    #[must_use]
    pub fn to_each(&self) -> Option<Self> {
        let (mut outer, period, _) = self.each()?;
        outer.push(Step::Each(period));
        Some(outer)
    }

    /// The steps seen from the bucket, or from each of the periods, that they begin with.
    pub(crate) fn innermost(&self) -> &[Step] {
        let behind = self.steps.iter().rposition(|step| matches!(step, Step::Each(_)));
        self.steps
            .get(behind.map_or(0, |place| place + 1)..)
            .unwrap_or_default()
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(crate) fn pop(&mut self) {
        self.steps.pop();
    }

    /// What stands before a measure that is printed.
    pub(crate) fn open(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write!(f, "{}(", step.name()))
    }

    /// What stands behind it.
    pub(crate) fn close(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().rev().try_for_each(|step| step.close(f))
    }
}

/// The calls with a point in place of the innermost argument.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.open(f)?;
        f.write_str("…")?;
        self.close(f)
    }
}
