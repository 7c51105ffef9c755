//! What is read of the facts themselves, one by one: all that a reading asks is decided where they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{Entity, Level, Period};
use formula::{Basis, Reading};
use jiff::Timestamp;

use super::{Part, Purpose, Question, Request, Source, Spread, all_are_dimensions};
use crate::calendar::{Bins, Calendar, Range};

/// The one read of a reading that is pushed down: for each of the answer's buckets and groups one row.
pub(super) fn of_reading(
    request: &Request<'_>,
    calendar: &Calendar,
    entity: &Arc<Entity>,
    reading: &Reading<'_>,
) -> Result<Part, String> {
    let by: BTreeSet<&str> = request.by.iter().map(String::as_str).collect();
    let filtered = request.filter.keys().map(String::as_str);
    all_are_dimensions(entity, &by.iter().copied().chain(filtered).collect())?;
    let question = Question {
        entity: Arc::clone(entity),
        source: Source::Raw,
        level: level(request.period),
        bins: bins(calendar.bounds(request.period, request.range), reading.basis),
        range: request.range,
        dimensions: by.into_iter().map(str::to_owned).collect(),
        attributes: Vec::new(),
        filter: request.filter.clone(),
        pushed: reading.measures.iter().map(|(_, measure)| (*measure).clone()).collect(),
    };
    let purpose = Purpose {
        measures: reading.measures.iter().map(|(place, _)| *place).collect(),
        spread: Spread::Own,
    };
    Ok(Part { question, purpose })
}

/// The buckets between bounds. States are asked for at instants, of which each bucket has its own.
fn bins(bounds: Vec<Timestamp>, basis: Basis) -> Bins {
    if basis == Basis::Facts {
        return Bins::Between(bounds);
    }
    let buckets = bounds.iter().zip(bounds.iter().skip(1));
    Bins::Windows(
        buckets
            .map(|(from, to)| (*from, Range { from: *from, to: *to }))
            .collect(),
    )
}

/// The level of the answer's buckets, where rollups have one: facts have none.
fn level(period: Period) -> Level {
    match period {
        Period::Minute => Level::Minute,
        Period::Hour => Level::Hour,
        _ => Level::Day,
    }
}
