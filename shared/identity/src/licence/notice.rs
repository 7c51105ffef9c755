//! When a client is told that its licence ends.

use jiff::civil::Date;

use super::Terms;

/// How many days before the last one a notice is due, once each.
pub const NOTICE_DAYS: [i32; 3] = [90, 30, 7];

/// The notice that is due on a day, given those that were sent: the latest whose day has come, unless it or a later one was sent. After
/// days without a run it is one notice and not all that were missed. One whose day is before the licence's first is never due:
/// a client that begins with thirty days is not told at once that only thirty are left. Nor is any due when the licence is over.
#[must_use]
pub fn due_notice(terms: &Terms, today: Date, sent: &[i32]) -> Option<i32> {
    let days_until = |date: Date| (terms.ends_on - date).get_days();
    let left = days_until(today);
    if left < 0 {
        return None;
    }
    let whole = days_until(terms.starts_on);
    let passed = NOTICE_DAYS.into_iter().filter(|days| left <= *days && *days <= whole);
    passed.min().filter(|due| sent.iter().all(|sent| sent > due))
}

/// Days that are left after a day; negative once the licence is over.
#[must_use]
pub fn days_left(terms: &Terms, today: Date) -> i32 {
    (terms.ends_on - today).get_days()
}

#[cfg(test)]
mod tests;
