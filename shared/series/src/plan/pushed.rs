//! What is read of the facts themselves, one by one: all that a reading asks is decided where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{Entity, Level, Period};
use formula::{Basis, Predicate, Reading};
use jiff::Timestamp;

use super::lookups::owner;
use super::{Part, Purpose, Question, Request, Source, Spread, Ways, all_are_dimensions};
use crate::calendar::{Bins, Calendar, Hours, Range};
use crate::windows::windows;

/// The one read of a reading that is pushed down: for each of the answer's buckets and groups one row.
pub(super) fn of_reading(
    request: &Request<'_>,
    calendar: &Calendar,
    entity: &Arc<Entity>,
    reading: &Reading<'_>,
    ways: &Ways<'_, '_>,
) -> Result<Part, String> {
    let by: BTreeSet<&str> = request.by.iter().chain(reading.per).map(String::as_str).collect();
    let asked: BTreeSet<&str> = by
        .iter()
        .copied()
        .chain(request.filter.keys().map(String::as_str))
        .collect();
    let measured = reading.measures.iter().flat_map(|(_, measure)| measure.names());
    let lookups = ways.lookups(entity, asked.iter().copied().chain(measured))?;
    all_are_dimensions(entity, &lookups, &asked)?;
    let (bins, range, spread) = windows_of(request, calendar, reading)?;
    let question = Question {
        entity: Arc::clone(entity),
        source: Source::Raw,
        level: level(request.period),
        bins,
        range,
        hours: Hours::ALL,
        dimensions: by.into_iter().map(str::to_owned).collect(),
        attributes: BTreeMap::new(),
        filter: request.filter.clone(),
        pushed: reading.measures.iter().map(|(_, measure)| (*measure).clone()).collect(),
        lookups,
        sketch: None,
    };
    let purpose = Purpose {
        measures: reading.measures.iter().map(|(place, _)| *place).collect(),
        spread,
    };
    Ok(Part { question, purpose })
}

/// Whether a reading can be split or filtered by what is known of other objects: then it is of the facts themselves, whatever rollups have.
pub(super) fn takes_paths(entity: &Arc<Entity>, reading: &Reading<'_>, ways: &Ways<'_, '_>) -> Result<(), String> {
    if reading.basis != Basis::Facts {
        return Err(format!(
            "the KPI is of states of {}, for which no other object is looked up: ask by a dimension of {}",
            entity.code(),
            entity.code()
        ));
    }
    let filters = reading
        .measures
        .iter()
        .filter_map(|(_, measure)| measure.filter.as_ref());
    let lookups = ways.lookups(entity, filters.flat_map(Predicate::attributes))?;
    let kind = |name: &str| {
        let (entity, name) = owner(entity, &lookups, name)?;
        let mut attributes = entity.attributes().iter();
        attributes
            .find(|attribute| attribute.name == name)
            .map(|attribute| attribute.kind)
    };
    match reading.computed(&kind) {
        None => Ok(()),
        Some(part) => Err(format!(
            "the KPI has {part} in a condition, which is not decided for each fact: define a derived attribute of {} for it, or ask by a dimension of {}",
            entity.code(),
            entity.code()
        )),
    }
}

/// The windows of a reading, with the range that all of them lie in. States are asked for at instants, so that each bucket has its own even where no other is.
fn windows_of(
    request: &Request<'_>,
    calendar: &Calendar,
    reading: &Reading<'_>,
) -> Result<(Bins, Range, Spread), String> {
    let is_of_facts = reading.basis == Basis::Facts;
    if reading.window.is_own() {
        let bounds = calendar.bounds(request.period, request.range);
        if is_of_facts {
            return Ok((Bins::Between(bounds), request.range, Spread::Own));
        }
        let buckets = bounds.iter().zip(bounds.iter().skip(1));
        let buckets = buckets.map(|(from, to)| (*from, Range { from: *from, to: *to }));
        return Ok((Bins::Windows(buckets.collect()), request.range, Spread::Own));
    }
    let windows = windows(request, calendar, reading.window)?;
    let has_time = |range: &Range| !is_of_facts || range.from < range.to;
    let ranges: Vec<(Timestamp, Range)> = windows.ranges().filter(|(_, range)| has_time(range)).collect();
    let hull = ranges.iter().map(|(_, range)| *range).reduce(|one, other| Range {
        from: one.from.min(other.from),
        to: one.to.max(other.to),
    });
    let nothing = Range {
        from: request.range.from,
        to: request.range.from,
    };
    let range = hull.unwrap_or(nothing);
    let spread = Spread::Windows {
        windows: Arc::new(windows),
        range,
    };
    // What lies one behind the other is read in one pass; what overlaps is looked for period by period.
    let bounds = is_of_facts.then(|| in_a_row(&ranges)).flatten();
    Ok((bounds.map_or(Bins::Windows(ranges), Bins::Between), range, spread))
}

/// The bounds of windows each of which begins with its bucket and ends where the next one begins.
fn in_a_row(windows: &[(Timestamp, Range)]) -> Option<Vec<Timestamp>> {
    let (_, last) = windows.last()?;
    let mut pairs = windows.iter().zip(windows.iter().skip(1));
    let is_own = windows.iter().all(|(bucket, range)| *bucket == range.from);
    let is_in_a_row = pairs.all(|((_, one), (_, next))| one.to == next.from);
    (is_own && is_in_a_row).then(|| windows.iter().map(|(bucket, _)| *bucket).chain([last.to]).collect())
}

/// The level of the answer's buckets, where rollups have one: facts have none.
fn level(period: Period) -> Level {
    match period {
        Period::Minute => Level::Minute,
        Period::Hour => Level::Hour,
        _ => Level::Day,
    }
}
