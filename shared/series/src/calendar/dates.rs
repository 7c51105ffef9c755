//! Which dates weeks, months, quarters and years begin with.

use catalog::Period;
use jiff::ToSpan as _;
use jiff::civil::Date;

/// The first date of the period that a date is in; `None` before the first year that there is.
pub(super) fn first(period: Period, date: Date) -> Option<Date> {
    let month = date.month() - 1;
    let (whole, back) = match period {
        Period::Minute | Period::Hour | Period::Day => (date, 0.days()),
        Period::Week => (date, date.weekday().to_monday_zero_offset().days()),
        Period::Month => (date.first_of_month(), 0.months()),
        Period::Quarter => (date.first_of_month(), (month % 3).months()),
        Period::Year => (date.first_of_month(), month.months()),
    };
    whole.checked_sub(back).ok()
}

/// The first date of the period after the one that a date is in; `None` after the last year that there is.
pub(super) fn next(period: Period, date: Date) -> Option<Date> {
    let length = match period {
        // The first year begins within a week.
        Period::Week => {
            return date
                .checked_add((7 - date.weekday().to_monday_zero_offset()).days())
                .ok();
        }
        Period::Minute | Period::Hour | Period::Day => 1.day(),
        Period::Month => 1.month(),
        Period::Quarter => 3.months(),
        Period::Year => 1.year(),
    };
    first(period, date)?.checked_add(length).ok()
}
