//! What to read for a question: the smallest rollup that covers it, or else the facts themselves.

mod lookups;
mod pushed;
pub mod sketched;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{AttributeDefinition, Entity, Kpi, Level, Period, Relationship, SketchKind};
use formula::{Basis, Measure, Measured, Reading, is_path};
use jiff::Timestamp;

use crate::calendar::{Bins, Calendar, Hours, Range, Tile};
use crate::state::{State, States};
use crate::windows::{Windows, check_folds, windows};

pub use self::lookups::{Known, Lookup};
use self::lookups::{Ways, attribute};

/// The most buckets of one answer: a week of minutes (10,080), 27 years of days, or 193 years of weeks.
pub const MAX_POINTS: usize = 10_080;

/// The most reads of one request, but one for each entity at least: a quarter of what a statement has branches for (`facts::read::MAX_BRANCHES`), so that four requests
/// fit into one. 60 stretches that begin within days of UTC have 121 where what is between is read by day.
pub const MAX_READS: usize = 128;

/// The most points of one answer over all its buckets and groups. Lambda answers with at most 6 MB, in which every quote of the body is
/// escaped: a point with a group of four short dimensions takes 180 bytes, so 30,000 take 5.4 MB. Where names and values are longer,
/// the edge, which counts bytes, refuses the answer.
pub const MAX_GROUPED_POINTS: usize = 30_000;

/// The most dimensions that a filter or a split may name. A rollup by more than four is about as large as the facts.
pub const MAX_FILTERS: usize = 4;

/// The most values of one dimension in a filter.
pub const MAX_FILTER_VALUES: usize = 50;

/// A filter: for each dimension the values that count. An empty filter counts everything.
pub type Filter = BTreeMap<String, BTreeSet<String>>;

/// What is asked of one KPI.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The KPI.
    pub kpi: &'a Kpi,
    /// Length of the answer's buckets.
    pub period: Period,
    /// Aligned range.
    pub range: Range,
    /// Facts that count.
    pub filter: &'a Filter,
    /// Dimensions to split the answer by.
    pub by: &'a [String],
    /// When it is asked: a formula may compare what has passed of an open bucket, and a bucket that has not begun has points only of facts of its own.
    pub now: Timestamp,
}

/// Where an answer is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The rollup of a grouping, by its position in the entity.
    Rollup(usize),
    /// The facts themselves: no rollup covers the question.
    Raw,
}

/// One read of one entity for a request.
#[derive(Clone, Debug)]
pub struct Question {
    /// The entity.
    pub entity: Arc<Entity>,
    /// Where from.
    pub source: Source,
    /// Length of the buckets that are read, which tile those of the request's period.
    pub level: Level,
    /// Into what these are summed up as they are read.
    pub bins: Bins,
    /// Range to read.
    pub range: Range,
    /// Of which hours of each day: those of the others are read by another question.
    pub hours: Hours,
    /// Dimensions by which the answer's rows are grouped, sorted.
    pub dimensions: Vec<String>,
    /// What states are needed of, and which beside the count: of numbers, and where the facts are read also of the time between two times, and texts, booleans and
    /// times, of which only the count is a state.
    pub attributes: BTreeMap<Measured, States>,
    /// Values to which the database can restrict the read; the answer filters again. Of what is pushed exactly those that count.
    pub filter: Filter,
    /// Measures that the database takes by itself, as it decides which facts count for each: where only the facts have what one of them needs. The rows
    /// are of facts that at least one of them counts, grouped by `dimensions`, and have what [`numbers`](crate::pushed::numbers) each of them needs;
    /// nothing is left to filter. Empty where groups of facts are read. All have the same basis.
    pub pushed: Vec<Measure>,
    /// What is looked up for each fact of what is pushed, each after those that its path goes through.
    pub lookups: Vec<Lookup>,
    /// The sketch that is read, where one is: by its attribute and kind. Its rows have nothing else, and facts are not counted by them.
    pub sketch: Option<(String, SketchKind)>,
}

impl Question {
    /// Whether the database takes the measures by itself.
    #[must_use]
    pub fn is_pushed(&self) -> bool {
        !self.pushed.is_empty()
    }

    /// The attribute of a name: of the entity, or of an object that is looked up.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&AttributeDefinition> {
        attribute(&self.entity, &self.lookups, name)
    }

    /// Of what is read: facts, or the states that they tell.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.pushed.first().map(|measure| measure.basis).unwrap_or_default()
    }
}

/// One read for a request, and what it is for.
#[derive(Clone, Debug)]
pub struct Part {
    /// What is read.
    pub question: Question,
    /// What for.
    pub purpose: Purpose,
}

/// What a read is for. It is no part of the question: requests with other purposes may share the read.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// The measures that are taken of its rows, by their place in the formula.
    pub measures: Vec<usize>,
    /// Into which of the answer's buckets its rows go.
    pub spread: Spread,
}

/// Into which of the answer's buckets the rows of a read go.
#[derive(Clone, Debug)]
pub enum Spread {
    /// Each into the one that it lies in.
    Own,
    /// Each into all whose windows hold it. Only rows of the range are meant: a read that answers other questions too may bring more, which other parts have.
    Windows {
        /// The windows.
        windows: Arc<Windows>,
        /// The part of the time that they are over.
        range: Range,
    },
}

/// What to read for a request: for each reading of the KPI's formula a part for each tile of the range, or of its windows. No two parts of one reading are of
/// the same facts.
///
/// # Errors
/// Names the dimension that an entity of the formula does not have, the window that has no meaning for the request's period, or the path that leads nowhere.
pub fn plan<'a>(
    request: &Request<'_>,
    calendar: &Calendar,
    entity: impl Fn(&str) -> Option<&'a Arc<Entity>>,
    relationship: impl Fn(&str, &str) -> Option<&'a Arc<Relationship>>,
) -> Result<Vec<Part>, String> {
    let ways = Ways {
        entity: &entity,
        relationship: &relationship,
    };
    check_folds(request, calendar)?;
    let readings = request.kpi.formula.readings();
    let most = MAX_READS / readings.len().max(1);
    let asks_paths = request.by.iter().chain(request.filter.keys()).any(|name| is_path(name));
    let mut parts = Vec::with_capacity(readings.len());
    for reading in &readings {
        let entity = entity(reading.entity).ok_or_else(|| format!("there is no entity {:?}", reading.entity))?;
        let asks_paths = asks_paths || reading.per.iter().any(|name| is_path(name));
        if asks_paths {
            pushed::takes_paths(entity, reading, &ways)?;
        }
        let is_pushed = asks_paths || reading.is_pushed(&|name| is_dimension(entity, name));
        if !is_pushed {
            let (tiles, windows) = tiles(request, calendar, reading, most)?;
            parts.extend(of_reading(request, entity, reading, &tiles, windows.as_ref())?);
        } else if !asks_paths && let Some(sketched) = sketched::of_reading(request, calendar, entity, reading, most)? {
            parts.extend(sketched);
        } else {
            parts.push(pushed::of_reading(request, calendar, entity, reading, &ways)?);
        }
    }
    Ok(parts)
}

/// What the time of a reading is put together from, and its windows if it is not of the buckets themselves.
fn tiles(
    request: &Request<'_>,
    calendar: &Calendar,
    reading: &Reading<'_>,
    most: usize,
) -> Result<(Vec<Tile>, Option<Arc<Windows>>), String> {
    if reading.window.is_own() {
        return Ok((calendar.tile(request.period, request.range, most), None));
    }
    let windows = windows(request, calendar, reading.window)?;
    let bounds: Vec<Timestamp> = windows.bounds().into_iter().collect();
    let tiles = if bounds.len() > 1 {
        calendar.tile_between(&bounds, most)
    } else {
        // No bucket has any time in its window. Something is read all the same, so that it is known what for.
        let from = request.range.from;
        let to = calendar.next(request.period, from);
        calendar.tile(request.period, Range { from, to }, 1)
    };
    Ok((tiles, Some(Arc::new(windows))))
}

/// The parts of one reading.
fn of_reading(
    request: &Request<'_>,
    entity: &Arc<Entity>,
    reading: &Reading<'_>,
    tiles: &[Tile],
    windows: Option<&Arc<Windows>>,
) -> Result<Vec<Part>, String> {
    let mut dimensions: BTreeSet<&str> = reading.filtered_by();
    dimensions.extend(request.filter.keys().map(String::as_str));
    dimensions.extend(request.by.iter().chain(reading.per).map(String::as_str));
    // What sketches answer is read of them beside.
    let counted = Counted::of(entity, needed(reading));
    dimensions.extend(counted.dimensions);
    all_are_dimensions(entity, &[], &dimensions)?;
    let of_tile = |tile: &Tile| Question {
        entity: Arc::clone(entity),
        source: if counted.others {
            Source::Raw
        } else {
            choose(entity, &dimensions, tile.level)
        },
        level: tile.level,
        bins: tile.bins.clone(),
        range: tile.range,
        hours: tile.hours,
        dimensions: dimensions.iter().map(|name| (*name).to_owned()).collect(),
        attributes: counted.states.clone(),
        filter: restricted(request.filter, &reading.restrictions()),
        pushed: Vec::new(),
        lookups: Vec::new(),
        sketch: None,
    };
    let parts = tiles.iter().map(|tile| Part {
        question: of_tile(tile),
        purpose: Purpose {
            measures: reading.measures.iter().map(|(place, _)| *place).collect(),
            spread: match windows {
                None => Spread::Own,
                Some(windows) => Spread::Windows {
                    windows: Arc::clone(windows),
                    range: tile.range,
                },
            },
        },
    });
    Ok(parts.collect())
}

/// What the measures of a reading aggregate that merge, with the states that they need.
fn needed<'a>(reading: &Reading<'a>) -> BTreeMap<&'a Measured, States> {
    let mut needed: BTreeMap<&Measured, States> = BTreeMap::new();
    let measures = reading.measures.iter().map(|(_, measure)| measure);
    for measure in measures.filter(|measure| !measure.aggregate.is_pushed()) {
        for measured in measure.measured() {
            needed.entry(measured).or_default().extend(State::of(measure.aggregate));
        }
    }
    needed
}

/// Where the states of aggregated attributes come from. Rollups keep states of numbers alone; a formula may also count the values of any other attribute,
/// and aggregate the time between two times.
struct Counted<'a> {
    /// What has states of its own in what is read.
    states: BTreeMap<Measured, States>,
    /// Texts and booleans that are dimensions: each group is of one value, so its facts are the count.
    dimensions: Vec<&'a str>,
    /// Whether there are others among the states, which only the facts know.
    others: bool,
}

impl<'a> Counted<'a> {
    fn of(entity: &Entity, needed: BTreeMap<&'a Measured, States>) -> Self {
        let find = |name: &str| {
            let attributes = entity.stored_attributes().iter();
            attributes.clone().find(|attribute| attribute.name == name)
        };
        let is_number = |name: &str| find(name).is_none_or(|attribute| attribute.kind.is_numeric());
        let (mut dimensions, mut states, mut others) = (Vec::new(), BTreeMap::new(), false);
        for (what, of_it) in needed {
            match what.attribute() {
                // Every fact has it.
                Some(name) if entity.is_own_time(name) => {}
                Some(name) if !is_number(name) && is_dimension(entity, name) => dimensions.push(name),
                name => {
                    others |= !name.is_some_and(is_number);
                    states.insert(what.clone(), of_it);
                }
            }
        }
        Self {
            states,
            dimensions,
            others,
        }
    }
}

/// What the request counts, and beside it what the formula counts by itself.
fn restricted(filter: &Filter, restrictions: &formula::Restrictions<'_>) -> Filter {
    let mut filter = filter.clone();
    for (name, values) in restrictions {
        filter
            .entry((*name).to_owned())
            .or_insert_with(|| values.iter().map(|value| (*value).to_owned()).collect());
    }
    filter
}

/// Names one that is none.
fn all_are_dimensions(entity: &Entity, lookups: &[Lookup], names: &BTreeSet<&str>) -> Result<(), String> {
    let is_dimension = |name: &str| attribute(entity, lookups, name).is_some_and(|attribute| attribute.dimension);
    let Some(unknown) = names.iter().find(|name| !is_dimension(name)) else {
        return Ok(());
    };
    let owner = unknown
        .rsplit_once('.')
        .and_then(|(path, _)| lookups.iter().find(|lookup| lookup.path == path));
    let owner = owner.map_or(entity, |lookup| &*lookup.entity);
    Err(format!(
        "{unknown:?} is not a dimension of {}, which has {}",
        owner.code(),
        dimensions_of(owner)
    ))
}

fn is_dimension(entity: &Entity, name: &str) -> bool {
    entity
        .stored_attributes()
        .iter()
        .any(|attribute| attribute.dimension && attribute.name == *name)
}

fn dimensions_of(entity: &Entity) -> String {
    let names: Vec<&str> = entity
        .stored_attributes()
        .iter()
        .filter(|attribute| attribute.dimension)
        .map(|attribute| attribute.name.as_str())
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// The grouping with the fewest dimensions that has all that are needed and is kept at the level.
fn choose(entity: &Entity, needed: &BTreeSet<&str>, level: Level) -> Source {
    let covers = |dimensions: &[String]| {
        needed
            .iter()
            .all(|name| dimensions.iter().any(|dimension| dimension == name))
    };
    entity
        .groupings()
        .iter()
        .enumerate()
        .filter(|(_, grouping)| grouping.finest <= level && covers(&grouping.dimensions))
        .min_by_key(|(_, grouping)| grouping.dimensions.len())
        .map_or(Source::Raw, |(index, _)| Source::Rollup(index))
}
