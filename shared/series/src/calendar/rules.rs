//! What a client declares of its calendar beside its time zone: the day that weeks begin with, and its fiscal year.
//!
//! A fiscal year is made of months, from any month on, or of weeks. One of weeks has 52 or 53 and always ends on the same day of the week: on the last one of
//! a month, or on the one nearest to the end of that month (Internal Revenue Service, Publication 538, "52-53-week tax year"; 26 CFR 1.441-2). Its quarters have
//! 13 weeks, parted into months of 4 and 5 weeks by a pattern. The 53rd week, where there is one, belongs to the last month.

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

/// What a client declares. Without anything weeks begin on Mondays, and the fiscal year is that of the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The day that weeks begin with.
    #[serde(default)]
    pub week_starts: Day,
    /// The fiscal year.
    #[serde(default)]
    pub fiscal_year: FiscalYear,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    #[default]
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// A month, 1 to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i8", into = "i8")]
pub struct Month(i8);

/// What a fiscal year is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "lowercase", deny_unknown_fields)]
pub enum FiscalYear {
    /// Twelve months of the calendar.
    Months {
        /// The one that it begins with.
        first_month: Month,
    },
    /// 52 or 53 weeks.
    Weeks {
        /// How many weeks the months of a quarter have.
        pattern: Pattern,
        /// The day of the week that it ends on.
        last_day: Day,
        /// The month of the calendar with which it ends.
        last_month: Month,
        /// On which of these days.
        ends: Ends,
    },
}

/// How many weeks the months of a quarter have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// Four, four and five.
    #[serde(rename = "4-4-5")]
    FourFourFive,
    /// Four, five and four.
    #[serde(rename = "4-5-4")]
    FourFiveFour,
    /// Five, four and four.
    #[serde(rename = "5-4-4")]
    FiveFourFour,
}

/// On which day of its name a year of weeks ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// The last one in the month.
    Last,
    /// The one nearest to the last day of the month, which may be one of the first three days of the next.
    Nearest,
}

impl Day {
    /// How many days a date is after the last day of this name, 0 on one.
    pub(super) fn days_since(self, date: Date) -> i8 {
        let day = match self {
            Day::Monday => Weekday::Monday,
            Day::Tuesday => Weekday::Tuesday,
            Day::Wednesday => Weekday::Wednesday,
            Day::Thursday => Weekday::Thursday,
            Day::Friday => Weekday::Friday,
            Day::Saturday => Weekday::Saturday,
            Day::Sunday => Weekday::Sunday,
        };
        (date.weekday().to_monday_zero_offset() - day.to_monday_zero_offset()).rem_euclid(7)
    }
}

impl Month {
    /// January.
    pub const JANUARY: Month = Month(1);

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i8 {
        self.0
    }
}

impl TryFrom<i8> for Month {
    type Error = String;

    fn try_from(number: i8) -> Result<Self, String> {
        if (1..=12).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("{number} is no month: write 1 to 12"))
        }
    }
}

impl From<Month> for i8 {
    fn from(month: Month) -> i8 {
        month.0
    }
}

impl Default for FiscalYear {
    fn default() -> Self {
        FiscalYear::Months {
            first_month: Month::JANUARY,
        }
    }
}

impl Pattern {
    /// The weeks of each month of a quarter.
    pub(super) const fn weeks(self) -> [i32; 3] {
        match self {
            Pattern::FourFourFive => [4, 4, 5],
            Pattern::FourFiveFour => [4, 5, 4],
            Pattern::FiveFourFour => [5, 4, 4],
        }
    }
}
