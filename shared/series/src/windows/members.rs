//! The shorter periods that buckets are made of.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops;

use formula::{Over, Window};
use jiff::Timestamp;

use super::{check_window, named, of_starts, starts};
use crate::calendar::{Calendar, Range, later};
use crate::plan::{MAX_GROUPED_POINTS, MAX_POINTS, Request};

/// The shorter periods of each bucket of a request: those that begin in the stretch of time to which a window leads, and have begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// The starts of all that are in a stretch, in their order.
    pub(crate) starts: Vec<Timestamp>,
    /// For each bucket the places of its own among these; `None` where there is no such time.
    pub(crate) of: BTreeMap<Timestamp, Option<ops::Range<usize>>>,
    /// The starts of all from the first of them to the last.
    pub(super) all: Vec<Timestamp>,
}

/// The most periods whose values one answer is made of, each counted as often as it is in a bucket: as many as there are rows of a statement.
pub const MAX_FOLDED: usize = 504_000;

/// The most values of dimensions of which something is taken in one bucket and group: as many as a split has points.
pub const MAX_MEMBERS: usize = MAX_GROUPED_POINTS;

/// Why an answer is refused whose values are made of too many.
#[must_use]
pub fn too_many_values() -> String {
    format!(
        "what functions of several values take is more than {MAX_FOLDED} values in all buckets and groups, or more than {MAX_MEMBERS} values of a dimension in one of them: ask a shorter range, filter, or take periods or a dimension of which there are fewer"
    )
}

/// The members of a window that leads to each of several periods.
///
/// # Errors
/// As [`windows`], and where there are more than [`MAX_POINTS`] periods, or in all buckets together more than [`MAX_FOLDED`].
pub(crate) fn members(request: &Request<'_>, calendar: &Calendar, window: &Window) -> Result<Members, String> {
    check_window(request.period, window)?;
    let Some((outer, period, _)) = window.each() else {
        return Ok(Members::default());
    };
    let buckets = starts(calendar, request.period, request.range);
    let stretches = of_starts(calendar, request.period, &buckets, request.now, &outer);
    let hull = stretches.ranges().map(|(_, range)| range).reduce(|one, other| Range {
        from: one.from.min(other.from),
        to: one.to.max(other.to),
    });
    // What is asked of a bucket that has not begun is asked as at its first moment.
    let begun = |bucket: Timestamp| later(request.now.max(bucket), 1);
    // The first one may have begun before it.
    let aligned = |hull: Range| Range {
        from: calendar.start(period, hull.from),
        to: hull.to.min(begun(buckets.last().copied().unwrap_or(request.now))),
    };
    let all = hull.map_or_else(Vec::new, |hull| starts(calendar, period, aligned(hull)));
    let too_many = |most: usize| {
        let named = named(period);
        format!(
            "the answer is made of more than {most} values by {named}: ask a shorter range, or take a longer period than {named}"
        )
    };
    if all.len() > MAX_POINTS {
        return Err(too_many(MAX_POINTS));
    }
    let places = |bucket: Timestamp, range: Range| {
        let place = |time: Timestamp| all.partition_point(|start| *start < time);
        place(range.from)..place(range.to.min(begun(bucket)))
    };
    let of: BTreeMap<Timestamp, Option<ops::Range<usize>>> = stretches
        .0
        .iter()
        .map(|(bucket, range)| (*bucket, range.map(|range| places(*bucket, range))))
        .collect();
    let members = Members::new(all, of);
    if members.count() > MAX_FOLDED {
        return Err(too_many(MAX_FOLDED));
    }
    Ok(members)
}

/// Whether the values that a request's folds are computed of are few enough, all together.
///
/// # Errors
/// As [`members`].
pub(crate) fn check_folds(request: &Request<'_>, calendar: &Calendar) -> Result<(), String> {
    let (mut known, mut count) = (BTreeMap::new(), 0);
    let folds = request.kpi.formula.folds.iter();
    for window in folds
        .filter(|fold| fold.over == Over::Periods)
        .filter_map(|fold| fold.scope.periods.as_ref())
    {
        if let Entry::Vacant(new) = known.entry(window) {
            new.insert(members(request, calendar, window)?.count());
        }
        count += known.get(window).copied().unwrap_or_default();
    }
    if count > MAX_FOLDED {
        return Err(format!(
            "the answer is made of {count} values of shorter periods, and {MAX_FOLDED} is the most: ask a shorter range, or fewer of them in one formula"
        ));
    }
    Ok(())
}

impl Members {
    /// How many values all buckets are made of.
    pub(crate) fn count(&self) -> usize {
        self.of.values().flatten().map(ExactSizeIterator::len).sum()
    }

    /// Leaves out what is in no stretch.
    fn new(all: Vec<Timestamp>, of: BTreeMap<Timestamp, Option<ops::Range<usize>>>) -> Self {
        let mut is_member = vec![false; all.len()];
        for place in of.values().flatten().flat_map(Clone::clone) {
            if let Some(is_member) = is_member.get_mut(place) {
                *is_member = true;
            }
        }
        // How many there are before each.
        let mut before = Vec::with_capacity(all.len() + 1);
        before.push(0);
        before.extend(is_member.iter().scan(0, |count, is_member| {
            *count += usize::from(*is_member);
            Some(*count)
        }));
        let moved = |place: usize| before.get(place).copied().unwrap_or_default();
        let moved = |places: ops::Range<usize>| moved(places.start)..moved(places.end);
        let members = all.iter().zip(&is_member).filter(|(_, is_member)| **is_member);
        Self {
            starts: members.map(|(start, _)| *start).collect(),
            of: of
                .into_iter()
                .map(|(bucket, places)| (bucket, places.map(moved)))
                .collect(),
            all,
        }
    }
}
