//! The periods of questions, which formulas name too.

use crate::suggest::closest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// Length of the buckets of an answer. All begin by the clocks and the calendar of the client's time zone, or of the one that the question names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BucketPeriod)]
pub enum Period {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day, which can have 23 or 25 hours.
    Day,
    /// Seven days, from the day on that the client's weeks begin with: Monday, as ISO 8601 has it, unless another was declared.
    Week,
    /// A month of the calendar.
    Month,
    /// Three months, from January, April, July or October on.
    Quarter,
    /// A year of the calendar.
    Year,
    /// A month of the client's fiscal year.
    FiscalMonth,
    /// A quarter of the client's fiscal year.
    FiscalQuarter,
    /// The client's fiscal year.
    FiscalYear,
}

impl Period {
    /// Every period.
    pub const ALL: [Period; 10] = [
        Period::Minute,
        Period::Hour,
        Period::Day,
        Period::Week,
        Period::Month,
        Period::Quarter,
        Period::Year,
        Period::FiscalMonth,
        Period::FiscalQuarter,
        Period::FiscalYear,
    ];

    /// Their names.
    pub const NAMES: [&str; 10] = [
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "quarter",
        "year",
        "fiscal_month",
        "fiscal_quarter",
        "fiscal_year",
    ];

    /// The name in JSON, query strings and ids of topics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Period::Minute => "minute",
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
            Period::FiscalMonth => "fiscal_month",
            Period::FiscalQuarter => "fiscal_quarter",
            Period::FiscalYear => "fiscal_year",
        }
    }

    /// How it compares in length with others: a month of the calendar and one of the fiscal year are alike.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Period::Minute => 0,
            Period::Hour => 1,
            Period::Day => 2,
            Period::Week => 3,
            Period::Month | Period::FiscalMonth => 4,
            Period::Quarter | Period::FiscalQuarter => 5,
            Period::Year | Period::FiscalYear => 6,
        }
    }

    /// Whether it is one of the client's fiscal year.
    #[must_use]
    pub const fn is_fiscal(self) -> bool {
        matches!(self, Period::FiscalMonth | Period::FiscalQuarter | Period::FiscalYear)
    }

    /// The period of a name in upper or lower case, as formulas write it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|period| period.name().eq_ignore_ascii_case(name))
    }
}

/// A text that names no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the period {0:?} is not one of {names}", names = Period::NAMES.join(", "))]
pub struct UnknownPeriod(pub String);

impl UnknownPeriod {
    /// The names that there are, as a sentence.
    pub(crate) fn names() -> String {
        format!("the periods are {}", Period::NAMES.join(", "))
    }

    /// The period that may have been meant, as a question.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let meant = closest(&self.0, Period::NAMES)?;
        Some(format!("did you mean {meant}?"))
    }
}

impl FromStr for Period {
    type Err = UnknownPeriod;

    fn from_str(name: &str) -> Result<Self, UnknownPeriod> {
        let found = Self::ALL.into_iter().find(|period| period.name() == name);
        found.ok_or_else(|| UnknownPeriod(name.to_owned()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_told() {
        for (period, name) in Period::ALL.into_iter().zip(Period::NAMES) {
            assert_eq!((period.name(), name.parse()), (name, Ok(period)));
            assert_eq!(serde_json::to_value(period).unwrap(), name);
        }
        for (name, hint) in [
            ("weeks", Some("did you mean week?")),
            ("fiscal-year", Some("did you mean fiscal_year?")),
            ("fortnight", None),
            ("", None),
        ] {
            let unknown = name.parse::<Period>().unwrap_err();
            assert_eq!(unknown.hint().as_deref(), hint, "{unknown}");
        }
    }
}
