//! Which dates weeks, months, quarters and years begin with, those of fiscal years too.

use catalog::Period;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::rules::{Day, Ends, FiscalYear, Month, Pattern, Rules};

/// Weeks of a quarter, but for the last one of a year of 53.
const QUARTER_WEEKS: i32 = 13;

/// The first date of the period that a date is in; `None` before the first year that there is.
pub(super) fn first(rules: &Rules, period: Period, date: Date) -> Option<Date> {
    if period == Period::Week {
        return date.checked_sub(rules.week_starts.days_since(date).days()).ok();
    }
    if let Some((year, part)) = fiscal_weeks(rules, period) {
        return year.part(part, date).map(|(first, _)| first);
    }
    let month = date.month() - first_month(rules, period).number();
    let months = i8::try_from(months(period)).unwrap_or(1);
    date.first_of_month()
        .checked_sub(month.rem_euclid(months).months())
        .ok()
}

/// The first date of the period after the one that a date is in; `None` after the last year that there is.
pub(super) fn next(rules: &Rules, period: Period, date: Date) -> Option<Date> {
    if period == Period::Week {
        // The first year begins within a week.
        return date.checked_add((7 - rules.week_starts.days_since(date)).days()).ok();
    }
    if let Some((year, part)) = fiscal_weeks(rules, period) {
        return year.part(part, date).map(|(_, next)| next);
    }
    first(rules, period, date)?.checked_add(months(period).months()).ok()
}

/// How many months of the calendar a period has.
pub(super) const fn months(period: Period) -> i32 {
    match period {
        Period::Quarter | Period::FiscalQuarter => 3,
        Period::Year | Period::FiscalYear => 12,
        Period::Minute | Period::Hour | Period::Day | Period::Week | Period::Month | Period::FiscalMonth => 1,
    }
}

/// The month that years and quarters are counted from.
const fn first_month(rules: &Rules, period: Period) -> Month {
    match (period, rules.fiscal_year) {
        (Period::FiscalMonth | Period::FiscalQuarter | Period::FiscalYear, FiscalYear::Months { first_month }) => {
            first_month
        }
        _ => Month::JANUARY,
    }
}

/// A part of a fiscal year of weeks.
#[derive(Clone, Copy)]
enum Part {
    Month,
    Quarter,
    Year,
}

/// Fiscal years of weeks.
struct Weeks {
    pattern: Pattern,
    last_day: Day,
    last_month: Month,
    ends: Ends,
}

/// The fiscal years of weeks that a period is a part of, if it is.
fn fiscal_weeks(rules: &Rules, period: Period) -> Option<(Weeks, Part)> {
    let part = match period {
        Period::FiscalMonth => Part::Month,
        Period::FiscalQuarter => Part::Quarter,
        Period::FiscalYear => Part::Year,
        _ => return None,
    };
    match rules.fiscal_year {
        FiscalYear::Months { .. } => None,
        FiscalYear::Weeks {
            pattern,
            last_day,
            last_month,
            ends,
        } => Some((
            Weeks {
                pattern,
                last_day,
                last_month,
                ends,
            },
            part,
        )),
    }
}

impl Weeks {
    /// The last date of the fiscal year that ends with the last month of a year of the calendar.
    fn last(&self, year: i16) -> Option<Date> {
        let end = Date::new(year, self.last_month.number(), 1).ok()?.last_of_month();
        let back = self.last_day.days_since(end);
        let forth = if self.ends == Ends::Nearest && back > 3 { 7 } else { 0 };
        end.checked_add((forth - back).days()).ok()
    }

    /// The first date of the fiscal year that a date is in, and of the next one.
    fn year(&self, date: Date) -> Option<(Date, Date)> {
        let ends = (date.year() - 1..=date.year() + 1).map(|year| Some((self.last(year - 1)?, self.last(year)?)));
        let (before, last) = ends.flatten().find(|(_, last)| date <= *last)?;
        Some((before.tomorrow().ok()?, last.tomorrow().ok()?))
    }

    /// The first date of the part of a fiscal year that a date is in, and of the next part.
    fn part(&self, part: Part, date: Date) -> Option<(Date, Date)> {
        let (first, end) = self.year(date)?;
        let after = |weeks: i32| first.checked_add(weeks.weeks()).ok();
        let week = i32::try_from(date.duration_since(first).as_hours() / (7 * 24)).ok()?;
        let quarter = (week / QUARTER_WEEKS).min(3) * QUARTER_WEEKS;
        let next_quarter = if quarter == 3 * QUARTER_WEEKS {
            Some(end)
        } else {
            after(quarter + QUARTER_WEEKS)
        };
        let [one, two, _] = self.pattern.weeks();
        Some(match part {
            Part::Year => (first, end),
            Part::Quarter => (after(quarter)?, next_quarter?),
            Part::Month if week < quarter + one => (after(quarter)?, after(quarter + one)?),
            Part::Month if week < quarter + one + two => (after(quarter + one)?, after(quarter + one + two)?),
            Part::Month => (after(quarter + one + two)?, next_quarter?),
        })
    }
}
