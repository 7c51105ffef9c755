//! What is read of sketches, for readings of a KPI that is asked in the mode `approximate`; and what is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{Entity, Level, Mode, SketchKind};
use formula::{Basis, Measure, Predicate, Reading, is_path};

use super::{
    Counted, MAX_READS, Part, Purpose, Question, Request, Source, choose, is_dimension, needed,
    of_reading as of_rollups, tiles,
};
use crate::calendar::{Calendar, Hours, Tile};
use crate::sketch;

/// The most windows, of all buckets and sketches of a reading, for each of which sketches are merged: registers of each take 16 KB, so these take 32 MB in each group.
pub const MAX_SKETCHED_WINDOWS: usize = 2_048;

/// How a measure of the mode `approximate` was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The measure, as it is printed.
    pub measure: String,
    /// The sketch that it is answered from, or why it is answered exactly, with what to declare.
    pub from: Result<SketchKind, String>,
}

/// How each measure of a request is answered that the mode `approximate` is for; none where the mode is another one.
///
/// # Errors
/// As [`plan`](super::plan).
pub fn told<'a>(
    request: &Request<'_>,
    calendar: &Calendar,
    entity: impl Fn(&str) -> Option<&'a Arc<Entity>>,
) -> Result<Vec<Told>, String> {
    let mut all = Vec::new();
    if request.kpi.definition.mode != Mode::Approximate {
        return Ok(all);
    }
    let readings = request.kpi.formula.readings();
    let most = MAX_READS / readings.len().max(1);
    for reading in &readings {
        let Some(entity) = entity(reading.entity) else { continue };
        let found = sketches(request, calendar, entity, reading, most)?;
        let measures = reading.measures.iter().map(|(_, measure)| *measure);
        all.extend(measures.filter_map(|measure| {
            let (_, kind) = sketch::of_measure(measure)?;
            Some(Told {
                measure: measure.to_string(),
                from: found.as_ref().map(|_| kind).map_err(Clone::clone),
            })
        }));
    }
    Ok(all)
}

/// The reads of a reading that can be answered from sketches: of rollups for whatever else is asked, and to count facts, and of each sketch beside. `None` where it
/// is to be exact, or can't be answered otherwise.
pub(super) fn of_reading(
    request: &Request<'_>,
    calendar: &Calendar,
    entity: &Arc<Entity>,
    reading: &Reading<'_>,
    most: usize,
) -> Result<Option<Vec<Part>>, String> {
    if request.kpi.definition.mode != Mode::Approximate {
        return Ok(None);
    }
    let Ok(found) = sketches(request, calendar, entity, reading, most)? else {
        return Ok(None);
    };
    let most = most / (1 + found.sketches.len());
    let (tiles, windows) = tiles(request, calendar, reading, most)?;
    let mut parts = of_rollups(request, entity, reading, &by_hours_and_days(tiles), windows.as_ref())?;
    let rollups = parts.clone();
    for (name, kind) in found.sketches {
        let measures = reading.measures.iter();
        let mine = measures.filter(|(_, measure)| sketch::of_measure(measure) == Some((name, kind)));
        let mine: Vec<usize> = mine.map(|(place, _)| *place).collect();
        parts.extend(rollups.iter().map(|part| Part {
            question: Question {
                source: Source::Rollup(found.grouping),
                attributes: BTreeMap::new(),
                sketch: Some((name.to_owned(), kind)),
                ..part.question.clone()
            },
            purpose: Purpose {
                measures: mine.clone(),
                spread: part.purpose.spread.clone(),
            },
        }));
    }
    Ok(Some(parts))
}

/// The same with all hours of a range by the hour, unless it is by day: sketches have no level between.
fn by_hours_and_days(tiles: Vec<Tile>) -> Vec<Tile> {
    let mut wide: Vec<Tile> = Vec::with_capacity(tiles.len());
    for tile in tiles {
        if wide.last().is_none_or(|before| before.range != tile.range) {
            let level = match tile.level {
                Level::Day => Level::Day,
                _ => Level::Hour,
            };
            let hours = Hours::ALL;
            wide.push(Tile { level, hours, ..tile });
        }
    }
    wide
}

/// What a reading is answered from.
struct Found<'a> {
    /// The place of the grouping whose groups have the sketches.
    grouping: usize,
    sketches: BTreeSet<(&'a str, SketchKind)>,
}

/// The sketches that a reading can be answered from, or why it can't.
fn sketches<'a>(
    request: &Request<'_>,
    calendar: &Calendar,
    entity: &Arc<Entity>,
    reading: &Reading<'a>,
    most: usize,
) -> Result<Result<Found<'a>, String>, String> {
    let mut sketches = BTreeSet::new();
    for (_, measure) in &reading.measures {
        match of_measure(entity, measure) {
            Ok(sketch) => sketches.extend(sketch),
            Err(why) => return Ok(Err(why)),
        }
    }
    let mut dimensions: BTreeSet<&str> = reading.filtered_by();
    dimensions.extend(request.filter.keys().map(String::as_str));
    dimensions.extend(request.by.iter().chain(reading.per).map(String::as_str));
    if let Some(path) = dimensions.iter().find(|name| is_path(name)) {
        return Ok(Err(format!(
            "{path} is looked up for each fact, and sketches are kept by dimensions"
        )));
    }
    let counted = Counted::of(entity, needed(reading));
    dimensions.extend(counted.dimensions);
    let Source::Rollup(grouping) = choose(entity, &dimensions, Level::Hour) else {
        let names: Vec<&str> = dimensions.into_iter().collect();
        return Ok(Err(format!(
            "{} has no grouping by {} that is kept by hour: declare one",
            entity.code(),
            names.join(", ")
        )));
    };
    let (tiles, windows) = tiles(request, calendar, reading, most / (1 + sketches.len()))?;
    if tiles.iter().any(|tile: &Tile| tile.level < Level::Hour) {
        return Ok(Err(
            "sketches are kept by hour of UTC, and what is asked for begins between two: ask for hours or days of a zone whose hours begin with those of UTC"
                .to_owned(),
        ));
    }
    let windows = windows.map_or(0, |windows| windows.ranges().count());
    if windows * sketches.len() > MAX_SKETCHED_WINDOWS {
        return Ok(Err(format!(
            "sketches of more than {MAX_SKETCHED_WINDOWS} windows would be merged: ask a shorter range"
        )));
    }
    Ok(Ok(Found { grouping, sketches }))
}

/// The sketch that a measure needs, if it needs one; why it can't be answered from one nor from rollups.
fn of_measure<'a>(entity: &Entity, measure: &'a Measure) -> Result<Option<(&'a str, SketchKind)>, String> {
    let mut others = measure.filter.iter().flat_map(Predicate::attributes);
    if let Some(name) = others.find(|name| !is_dimension(entity, name)) {
        return Err(format!("{name} is no dimension, and sketches are kept by dimensions"));
    }
    if measure.basis != Basis::Facts {
        return Err("states have no sketches".to_owned());
    }
    if !measure.aggregate.is_pushed() {
        // A product or a path is of the facts alone, whatever aggregates it.
        return match measure.is_pushed(&|name| is_dimension(entity, name)) {
            true => Err(format!("{measure} is read of the same facts")),
            false => Ok(None),
        };
    }
    match sketch::of_measure(measure) {
        Some((name, kind)) if entity.is_sketched(name, kind) => Ok(Some((name, kind))),
        Some((name, _)) if is_path(name) => Err(format!(
            "{name} is looked up for each fact, and sketches are kept of an entity's own attributes"
        )),
        Some((name, kind)) => Err(format!(
            "no sketch of {}.{name} is kept, or not all facts are in it yet: declare \"sketches\": [\"{}\"] for {name}",
            entity.code(),
            kind.name()
        )),
        None => Err(format!("{measure} has no sketch, and is read of the same facts")),
    }
}

#[cfg(test)]
mod tests;
