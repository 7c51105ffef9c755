//! From the states that were read to the KPI's values.

mod measure;

use std::collections::{BTreeMap, BTreeSet};

use catalog::Level;
use formula::{Basis, Measure, Number, Value};
use jiff::Timestamp;

use self::measure::{MeasureState, Reads};
use crate::calendar::{Calendar, Range};
use crate::plan::{MAX_GROUPED_POINTS, Purpose, Question, Request, Spread};
use crate::pushed;
use crate::sketch::Sketched;
use crate::spread::Merged;
use crate::state::GroupState;
use crate::windows::{Windows, windows};

/// A row that was read: one bucket and group of one entity.
#[derive(Clone, Debug)]
pub struct Row {
    /// Start of the bin in which the question has its buckets summed up.
    pub bucket: Timestamp,
    /// Values of the question's dimensions, in their order.
    pub dimensions: Vec<Value>,
    /// Facts, and states of the question's attributes in their order.
    pub state: GroupState,
    /// Of each measure that is pushed the numbers that it needs, in the question's order.
    pub numbers: Vec<Option<Number>>,
    /// Of a sketch that is read: it, or a value for it.
    pub sketched: Option<Sketched>,
}

/// Key of a point: bucket of the request's period, and the values of the dimensions that it splits by.
pub type SeriesKey = (Timestamp, Vec<String>);

/// A KPI's value over one bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The value, as [`Number::answered`] has it; `None` where the formula has none, as in a division by zero.
    pub value: Option<Number>,
    /// Number of facts that the value rests on: they passed the filter and at least one measure of the formula counts them. Where measures are over several windows
    /// it is, of each entity, that of the window with most, so that no fact is counted twice.
    pub facts: i64,
}

/// Rows that were read for a request: what for, the question that brought them (the request's own, or a wider one), and they.
pub type Brought<'a> = (&'a Purpose, &'a Question, &'a [Row]);

/// Finishes what was read for each part of a request: a point for every bucket of its range in which facts count, its own or those of a window. One that lacks a
/// window has a point too where its value is another than [`empty`]. Of a split answer with more than [`MAX_GROUPED_POINTS`], which nobody is answered, not all
/// are there, but more than those.
#[must_use]
pub fn answer(request: &Request<'_>, calendar: &Calendar, read: &[Brought<'_>]) -> BTreeMap<SeriesKey, Point> {
    gathered(request, calendar, read).finish(false)
}

/// The same, with what is known already of buckets that have not begun and have no facts: what other values are held against there.
#[must_use]
pub fn answer_ahead(request: &Request<'_>, calendar: &Calendar, read: &[Brought<'_>]) -> BTreeMap<SeriesKey, Point> {
    gathered(request, calendar, read).finish(true)
}

fn gathered<'a>(request: &'a Request<'a>, calendar: &Calendar, read: &'a [Brought<'a>]) -> Gathered<'a> {
    let mut gathered = Gathered::new(request);
    for (purpose, question, rows) in read {
        gathered.take(calendar, purpose, question, rows);
    }
    gathered
}

/// The values of a request where nothing was read of a bucket and group.
#[derive(Clone, Debug)]
pub struct Absent {
    usual: Point,
    /// Those of the buckets in which something has no window.
    lacking: BTreeMap<Timestamp, Point>,
}

impl Absent {
    /// Of a request that was planned, so that its windows have a meaning.
    #[must_use]
    pub fn of(request: &Request<'_>, calendar: &Calendar) -> Self {
        let formula = &request.kpi.formula;
        let mut lacking: BTreeMap<Timestamp, BTreeSet<usize>> = BTreeMap::new();
        for reading in formula.readings().iter().filter(|reading| !reading.window.is_own()) {
            let windows = windows(request, calendar, reading.window);
            for start in windows.iter().flat_map(Windows::lacking) {
                lacking
                    .entry(start)
                    .or_default()
                    .extend(reading.measures.iter().map(|(place, _)| *place));
            }
        }
        let cell = Cell::new(formula.measures.len(), 0);
        let points = lacking.into_iter();
        Self {
            usual: empty(request),
            lacking: points
                .map(|(start, lacking)| (start, finish(request, &cell, &[], &lacking)))
                .collect(),
        }
    }

    /// The point of a bucket.
    #[must_use]
    pub fn point(&self, bucket: Timestamp) -> &Point {
        self.lacking.get(&bucket).unwrap_or(&self.usual)
    }
}

/// What was read so far.
struct Gathered<'a> {
    request: &'a Request<'a>,
    /// For each reading of the formula its entity, and whether it is of the bucket itself.
    readings: Vec<(&'a str, bool)>,
    /// For each measure its reading.
    reading_of: Vec<usize>,
    cells: BTreeMap<SeriesKey, Cell>,
    /// The measures that have no window, by bucket.
    lacking: BTreeMap<Timestamp, BTreeSet<usize>>,
}

/// A measure of a part, by its place in the formula, and what it takes of a row.
type Taken<'a> = (usize, &'a Measure, Reads<'a>);

impl<'a> Gathered<'a> {
    fn new(request: &'a Request<'a>) -> Self {
        let formula = &request.kpi.formula;
        let readings = formula.readings();
        let mut reading_of = vec![0; formula.measures.len()];
        for (number, reading) in readings.iter().enumerate() {
            for (place, _) in &reading.measures {
                if let Some(of) = reading_of.get_mut(*place) {
                    *of = number;
                }
            }
        }
        Self {
            request,
            readings: readings
                .iter()
                .map(|reading| (reading.entity, reading.window.is_own() && reading.basis == Basis::Facts))
                .collect(),
            reading_of,
            cells: BTreeMap::new(),
            lacking: BTreeMap::new(),
        }
    }

    /// Takes the rows of a part.
    fn take(&mut self, calendar: &Calendar, purpose: &'a Purpose, question: &Question, rows: &[Row]) {
        let measures = &self.request.kpi.formula.measures;
        let places = purpose.measures.iter();
        let mine: Vec<Taken<'_>> = places
            .enumerate()
            .filter_map(|(index, place)| Some((index, *place, measures.get(*place)?)))
            .map(|(index, place, measure)| (place, measure, Reads::of(question, index, measure)))
            .collect();
        if let Spread::Windows { windows, .. } = &purpose.spread {
            for start in windows.lacking() {
                self.lacking.entry(start).or_default().extend(&purpose.measures);
            }
        }
        if question.is_pushed() {
            for row in rows {
                self.pushed(&mine, question, row);
            }
            return;
        }
        let passing = rows
            .iter()
            .filter(|row| passes(self.request, &|name| dimension(question, row, name)));
        match &purpose.spread {
            Spread::Own => {
                for row in passing {
                    self.own(calendar, &mine, question, row);
                }
            }
            Spread::Windows { windows, range } => {
                let mut groups: BTreeMap<Vec<String>, Vec<&Row>> = BTreeMap::new();
                for row in passing.filter(|row| range.holds(row.bucket)) {
                    groups.entry(self.group(question, row)).or_default().push(row);
                }
                for (group, rows) in groups {
                    self.spread(&mine, question, windows, &group, &rows);
                }
            }
        }
    }

    /// The point's group that a row is of.
    fn group(&self, question: &Question, row: &Row) -> Vec<String> {
        let by = self.request.by.iter();
        by.map(|name| text(&dimension(question, row, name))).collect()
    }

    fn cell(&mut self, key: SeriesKey) -> &mut Cell {
        let (measures, readings) = (self.reading_of.len(), self.readings.len());
        self.cells.entry(key).or_insert_with(|| Cell::new(measures, readings))
    }

    fn reading(&self, mine: &[Taken<'_>]) -> usize {
        let first = mine.first().and_then(|(place, ..)| self.reading_of.get(*place));
        first.copied().unwrap_or_default()
    }

    /// A row of what the database takes by itself: it is of one of the answer's buckets, and nothing of it is left to decide or to merge.
    fn pushed(&mut self, mine: &[Taken<'_>], question: &Question, row: &Row) {
        let (reading, group) = (self.reading(mine), self.group(question, row));
        let cell = self.cell((row.bucket, group));
        cell.count(reading, row.state.facts);
        for (place, measure, reads) in mine {
            let (Some(state), Reads::Pushed(numbers)) = (cell.measures.get_mut(*place), reads) else {
                continue;
            };
            let numbers = row.numbers.get(numbers.clone()).unwrap_or_default();
            state.pushed = Some(pushed::value(measure, numbers));
        }
    }

    /// A row of the bucket that it lies in.
    fn own(&mut self, calendar: &Calendar, mine: &[Taken<'_>], question: &Question, row: &Row) {
        let lookup = |name: &str| dimension(question, row, name);
        let bucket = calendar.start(self.request.period, row.bucket);
        let counted: Vec<_> = mine.iter().filter(|(_, measure, _)| counts(measure, &lookup)).collect();
        // A read that answers other questions too may have brought more than this one asks.
        if counted.is_empty() || !self.request.range.holds(bucket) {
            return;
        }
        let reading = self.reading(mine);
        let group = self.group(question, row);
        let cell = self.cell((bucket, group));
        cell.count(reading, row.state.facts);
        for (place, _, reads) in counted {
            if let Some(state) = cell.measures.get_mut(*place) {
                state.add(row, reads, &lookup);
            }
        }
    }

    /// The rows of a group, each into all buckets whose windows hold it.
    fn spread(&mut self, mine: &[Taken<'_>], question: &Question, windows: &Windows, group: &[String], rows: &[&Row]) {
        let reading = self.reading(mine);
        let mut facts: BTreeMap<Timestamp, i64> = BTreeMap::new();
        for row in rows {
            let lookup = |name: &str| dimension(question, row, name);
            if mine.iter().any(|(_, measure, _)| counts(measure, &lookup)) {
                *facts.entry(row.bucket).or_default() += row.state.facts;
            }
        }
        let facts = Merged::new(facts, |sum, more| *sum += more);
        let touched: Vec<(Timestamp, Range)> = facts.touched(windows);
        let is_split = !self.request.by.is_empty();
        for (bucket, range) in &touched {
            if is_split && self.cells.len() > MAX_GROUPED_POINTS {
                return;
            }
            if let Some(facts) = facts.over(*range).filter(|facts| *facts > 0) {
                self.cell((*bucket, group.to_vec())).count(reading, facts);
            }
        }
        for (place, measure, reads) in mine {
            let mut states: BTreeMap<Timestamp, MeasureState> = BTreeMap::new();
            for row in rows {
                let lookup = |name: &str| dimension(question, row, name);
                if counts(measure, &lookup) {
                    states.entry(row.bucket).or_default().add(row, reads, &lookup);
                }
            }
            let states = Merged::new(states, MeasureState::merge);
            for (bucket, range) in &touched {
                let cell = self.cells.get_mut(&(*bucket, group.to_vec()));
                let state = cell.and_then(|cell| cell.measures.get_mut(*place));
                if let Some((state, more)) = state.zip(states.over(*range)) {
                    state.merge(&more);
                }
            }
        }
    }

    /// `ahead` has what is known of buckets that have not begun too.
    fn finish(self, ahead: bool) -> BTreeMap<SeriesKey, Point> {
        // Where not all cells were made the points must be too many as well, so that nobody takes them for all.
        let ahead = ahead || self.cells.len() > MAX_GROUPED_POINTS;
        let nothing = BTreeSet::new();
        let without = |bucket: &Timestamp| self.lacking.get(bucket).unwrap_or(&nothing);
        let mut points: BTreeMap<SeriesKey, Point> = BTreeMap::new();
        for (key, cell) in &self.cells {
            // What is compared with is known before a bucket begins, and its own facts are not.
            if ahead || key.0 <= self.request.now || cell.has_own(&self.readings) {
                points.insert(key.clone(), finish(self.request, cell, &self.readings, without(&key.0)));
            }
        }
        let groups: BTreeSet<Vec<String>> = match self.request.by {
            [] => BTreeSet::from([Vec::new()]),
            _ => points.keys().map(|(_, group)| group.clone()).collect(),
        };
        let cell = Cell::new(self.reading_of.len(), self.readings.len());
        let usual = empty(self.request);
        let told = |bucket: &Timestamp| ahead || *bucket <= self.request.now;
        for (bucket, lacking) in self.lacking.iter().filter(|(bucket, _)| told(bucket)) {
            let point = finish(self.request, &cell, &self.readings, lacking);
            if point == usual {
                continue;
            }
            for group in &groups {
                if !self.request.by.is_empty() && points.len() > MAX_GROUPED_POINTS {
                    return points;
                }
                points.entry((*bucket, group.clone())).or_insert_with(|| point.clone());
            }
        }
        points
    }
}

/// Whether a measure counts what has these dimensions.
fn counts(measure: &Measure, lookup: &dyn Fn(&str) -> Value) -> bool {
    measure.filter.as_ref().is_none_or(|filter| filter.matches(&lookup))
}

/// The value of a bucket without facts, of its own or in a window: a count is zero, anything else has no value.
#[must_use]
pub fn empty(request: &Request<'_>) -> Point {
    finish(
        request,
        &Cell::new(request.kpi.formula.measures.len(), 0),
        &[],
        &BTreeSet::new(),
    )
}

/// What one point gathers while rows are merged.
struct Cell {
    /// How many facts count in each reading.
    facts: Vec<i64>,
    measures: Vec<MeasureState>,
}

impl Cell {
    fn new(measures: usize, readings: usize) -> Self {
        Self {
            facts: vec![0; readings],
            measures: vec![MeasureState::default(); measures],
        }
    }

    fn count(&mut self, reading: usize, facts: i64) {
        if let Some(of) = self.facts.get_mut(reading) {
            *of += facts;
        }
    }

    /// Whether facts of the bucket itself count.
    fn has_own(&self, readings: &[(&str, bool)]) -> bool {
        let mut counted = self.facts.iter().zip(readings);
        counted.any(|(facts, (_, is_own))| *is_own && *facts > 0)
    }

    /// How many facts the value rests on. A fact may be in several windows: it is counted in the one that has most of its entity.
    fn facts(&self, readings: &[(&str, bool)]) -> i64 {
        let mut most: BTreeMap<&str, i64> = BTreeMap::new();
        for (facts, (entity, _)) in self.facts.iter().zip(readings) {
            let known = most.entry(entity).or_default();
            *known = (*known).max(*facts);
        }
        most.values().sum()
    }
}

/// The point of a cell, of whose measures some have no window.
fn finish(request: &Request<'_>, cell: &Cell, readings: &[(&str, bool)], lacking: &BTreeSet<usize>) -> Point {
    let formula = &request.kpi.formula;
    let states = formula.measures.iter().zip(&cell.measures).enumerate();
    let values: Vec<Option<Number>> = states
        .map(|(place, (measure, state))| state.value(measure).filter(|_| !lacking.contains(&place)))
        .collect();
    Point {
        value: formula.finish(&values).map(|value| value.answered()),
        facts: cell.facts(readings),
    }
}

fn dimension(question: &Question, row: &Row, name: &str) -> Value {
    question
        .dimensions
        .iter()
        .position(|dimension| dimension == name)
        .and_then(|position| row.dimensions.get(position))
        .cloned()
        .unwrap_or(Value::Null)
}

fn passes(request: &Request<'_>, lookup: &dyn Fn(&str) -> Value) -> bool {
    request
        .filter
        .iter()
        .all(|(name, values): (&String, &BTreeSet<String>)| values.contains(&text(&lookup(name))))
}

/// A dimension's value as filters and answers write it; a missing one is the empty text. A time, which is none, is in UTC: `2026-03-28T10:00:00.5Z`.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Decimal(decimal) => decimal.normalize().to_string(),
        Value::Text(text) => text.clone(),
        Value::Time(time_us) => Timestamp::from_microsecond(*time_us)
            .unwrap_or(Timestamp::MAX)
            .to_string(),
    }
}

/// The levels from finest to coarsest.
pub const LEVELS: [Level; 3] = [Level::Minute, Level::Hour, Level::Day];
