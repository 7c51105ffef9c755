//! What windows are for a request, by which rules, in words.

use std::collections::BTreeSet;

use catalog::Period;
use formula::{Open, Step, Window};

use super::{Move, windows};
use crate::calendar::{Calendar, Range};
use crate::plan::Request;

/// What a window of a formula is for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The functions, with a point in place of what they are of.
    pub function: String,
    /// By which rules, as a sentence.
    pub rule: String,
    /// The time that it is over, of all buckets of the request together; `None` where there is none.
    pub range: Option<Range>,
}

/// Each window of the request's formula, with its rules.
///
/// # Errors
/// As [`windows`].
pub fn described(request: &Request<'_>, calendar: &Calendar) -> Result<Vec<Described>, String> {
    let measures = request.kpi.formula.measures.iter();
    let different: BTreeSet<&Window> = measures.map(|measure| &measure.window).collect();
    let others = different.into_iter().filter(|window| !window.is_own());
    others
        .map(|window| {
            let bounds = windows(request, calendar, window)?.bounds();
            let ends = bounds.first().zip(bounds.last());
            Ok(Described {
                function: window.to_string(),
                rule: rules(request.period, window).join("; "),
                range: ends.map(|(from, to)| Range { from: *from, to: *to }),
            })
        })
        .collect()
}

/// The rules of a window, step by step.
fn rules(period: Period, window: &Window) -> Vec<String> {
    let steps = window.steps().iter().scan(period, |seen_from, step| {
        let rule = rule(*seen_from, step);
        if let Step::Each(each) = step {
            *seen_from = *each;
        }
        Some(rule)
    });
    steps.collect()
}

/// The rules of a step.
fn rule(period: Period, step: &Step) -> String {
    match step {
        Step::Back {
            count,
            period: named,
            open,
        } => {
            let open = match open {
                Open::Whole => "an open one is compared with the whole of it",
                Open::LikeForLike => {
                    "of an open one as much counts of it as has passed, by date and clock, to the end of the minute"
                }
            };
            format!("{}, and {open}", moved(period, *named, *count))
        }
        Step::ToDate(longer) => format!(
            "from the start of the {} that the {} ends in to its end",
            named(*longer),
            named(period)
        ),
        Step::Rolling { count, period: None } => {
            format!("the last {}, this one included", many(usize::from(*count), period))
        }
        Step::Rolling {
            count,
            period: Some(of),
        } => format!("{} up to its end, by the calendar", many(usize::from(*count), *of)),
        Step::Cumulative => "from the first fact there is to its end".to_owned(),
        Step::Each(each) => format!("each {} that begins in it and has begun, by itself", named(*each)),
    }
}

/// Which bucket an earlier one is.
fn moved(period: Period, by: Option<Period>, count: u16) -> String {
    match Move::of(period, by, count) {
        Move::Buckets(count) => format!("the {} {} before", named(period), many(count, period)),
        Move::Dates(by, count) => {
            let before = many(usize::from(count), by);
            let same = match (period, by) {
                (Period::Day, _) => "the date",
                (_, _) => "the same time of the date",
            };
            let lacks = match (period, by) {
                (Period::Day, Period::Day | Period::Week) => "a date that the zone left out is none",
                (Period::Day, _) => "a date that is missing there, as 29 February or the 31st, has no counterpart",
                (_, Period::Day | Period::Week) => {
                    "a time that clocks leave out there has no counterpart, and one that they show twice has the first"
                }
                (_, _) => {
                    "a date or a time that is missing there has no counterpart, and a time that clocks show twice has the first"
                }
            };
            format!("{same} {before} before, where {lacks}")
        }
    }
}

fn many(count: usize, period: Period) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {}{plural}", named(period))
}

pub(super) fn named(period: Period) -> String {
    period.name().replace('_', " ")
}
