//! From the states that were read to the KPI's values.

mod absent;
mod cell;
mod folded;
mod grid;
mod measure;

use std::collections::{BTreeMap, BTreeSet};

use formula::{Basis, Measure, Number, Value};
use jiff::Timestamp;

pub use self::absent::Absent;
use self::cell::Cell;
use self::grid::{Grid, grids, place_of};
use self::measure::{MeasureState, Reads};
use crate::calendar::{Calendar, Range};
use crate::plan::{MAX_GROUPED_POINTS, Purpose, Question, Request, Spread};
use crate::pushed;
use crate::sketch::Sketched;
use crate::spread::Merged;
use crate::state::GroupState;
use crate::windows::{MAX_FOLDED, Windows};

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
/// are there, but more than those. `None` where the values of shorter periods that it is made of are more than [`MAX_FOLDED`] in all groups together.
#[must_use]
pub fn answer(request: &Request<'_>, calendar: &Calendar, read: &[Brought<'_>]) -> Option<BTreeMap<SeriesKey, Point>> {
    gathered(request, calendar, read).finish(false)
}

/// The same, with what is known already of buckets that have not begun and have no facts: what other values are held against there.
#[must_use]
pub fn answer_ahead(
    request: &Request<'_>,
    calendar: &Calendar,
    read: &[Brought<'_>],
) -> Option<BTreeMap<SeriesKey, Point>> {
    gathered(request, calendar, read).finish(true)
}

fn gathered<'a>(request: &'a Request<'a>, calendar: &Calendar, read: &'a [Brought<'a>]) -> Gathered<'a> {
    let mut gathered = Gathered::new(request, calendar);
    for (purpose, question, rows) in read {
        gathered.take(calendar, purpose, question, rows);
    }
    gathered
}

/// What was read so far.
struct Gathered<'a> {
    request: &'a Request<'a>,
    readings: Vec<OfReading<'a>>,
    /// For each measure its reading.
    reading_of: Vec<usize>,
    /// The buckets of the answer, and then what they are made of: shorter periods, and values of dimensions.
    grids: Vec<Grid>,
}

/// A reading of the formula.
struct OfReading<'a> {
    entity: &'a str,
    /// The dimensions for each value of which its measures are taken.
    per: &'a BTreeSet<String>,
    /// Whether it is of facts of the bucket itself.
    is_own: bool,
    /// The place of the buckets that its rows go into.
    grid: usize,
}

/// A measure of a part, by its place in the formula, and what it takes of a row.
type Taken<'a> = (usize, &'a Measure, Reads<'a>);

impl<'a> Gathered<'a> {
    fn new(request: &'a Request<'a>, calendar: &Calendar) -> Self {
        let formula = &request.kpi.formula;
        let grids = grids(request, calendar);
        let readings = formula.readings();
        let mut reading_of = vec![0; formula.measures.len()];
        for (number, reading) in readings.iter().enumerate() {
            for (place, _) in &reading.measures {
                if let Some(of) = reading_of.get_mut(*place) {
                    *of = number;
                }
            }
        }
        let taken = readings.iter().map(|reading| {
            let steps = reading.window.steps().len();
            let scope = reading.measures.first().map(|(_, measure)| measure.scope());
            let scope = scope.unwrap_or_default();
            OfReading {
                entity: reading.entity,
                per: reading.per,
                is_own: reading.basis == Basis::Facts && steps == usize::from(scope.periods.is_some()),
                grid: place_of(&grids, &scope),
            }
        });
        Self {
            request,
            readings: taken.collect(),
            reading_of,
            grids,
        }
    }

    /// Some measures have no window in some buckets.
    fn lacks(&mut self, measures: &[usize], windows: &Windows) {
        let grid = self.grid_of_measures(measures);
        if let Some(grid) = self.grids.get_mut(grid) {
            for start in windows.lacking() {
                grid.lacking.entry(start).or_default().extend(measures);
            }
        }
    }

    /// The buckets that the rows of a reading go into, by one of its measures.
    fn grid_of_measures(&self, measures: &[usize]) -> usize {
        let reading = measures.first().and_then(|place| self.reading_of.get(*place));
        let taken = reading.and_then(|reading| self.readings.get(*reading));
        taken.map(|taken| taken.grid).unwrap_or_default()
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
            self.lacks(&purpose.measures, windows);
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
                let reading = self.reading(&mine);
                let mut groups: BTreeMap<Vec<String>, Vec<&Row>> = BTreeMap::new();
                for row in passing.filter(|row| range.holds(row.bucket)) {
                    groups.entry(self.group(reading, question, row)).or_default().push(row);
                }
                for (group, rows) in groups {
                    self.spread(&mine, question, windows, &group, &rows);
                }
            }
        }
    }

    /// The point's group that a row of a reading is of, and behind it the values for each of which something is taken.
    fn group(&self, reading: usize, question: &Question, row: &Row) -> Vec<String> {
        let per = self.readings.get(reading).into_iter().flat_map(|taken| taken.per);
        let names = self.request.by.iter().chain(per);
        names.map(|name| text(&dimension(question, row, name))).collect()
    }

    /// The cell of a reading in one of the buckets that its rows go into.
    fn cell(&mut self, reading: usize, key: SeriesKey) -> Option<&mut Cell> {
        let (measures, readings) = (self.reading_of.len(), self.readings.len());
        let grid = self.readings.get(reading)?.grid;
        let cells = &mut self.grids.get_mut(grid)?.cells;
        Some(cells.entry(key).or_insert_with(|| Cell::new(measures, readings)))
    }

    /// How many cells the answer has so far, or a part of its values.
    fn cells(&self, reading: usize) -> usize {
        let grid = self.readings.get(reading).and_then(|taken| self.grids.get(taken.grid));
        grid.map(|grid| grid.cells.len()).unwrap_or_default()
    }

    fn reading(&self, mine: &[Taken<'_>]) -> usize {
        let first = mine.first().and_then(|(place, ..)| self.reading_of.get(*place));
        first.copied().unwrap_or_default()
    }

    /// A row of what the database takes by itself: it is of one of the answer's buckets, and nothing of it is left to decide or to merge.
    fn pushed(&mut self, mine: &[Taken<'_>], question: &Question, row: &Row) {
        let reading = self.reading(mine);
        let group = self.group(reading, question, row);
        let Some(cell) = self.cell(reading, (row.bucket, group)) else {
            return;
        };
        cell.count(reading, row.state.facts);
        for (place, measure, reads) in mine {
            let (Some(state), Reads::Pushed(numbers)) = (cell.measures.get_mut(*place), reads) else {
                continue;
            };
            let numbers = row.numbers.get(numbers.clone()).unwrap_or_default();
            state.pushed = Some(pushed::value(measure, numbers));
            state.counted = pushed::counted(measure, numbers);
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
        let group = self.group(reading, question, row);
        let Some(cell) = self.cell(reading, (bucket, group)) else {
            return;
        };
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
        // So many are too much to answer, whichever buckets they are of.
        let most = match self.readings.get(reading) {
            Some(OfReading { grid: 0, .. }) => MAX_GROUPED_POINTS,
            _ => MAX_FOLDED,
        };
        let is_split = !group.is_empty();
        for (bucket, range) in &touched {
            if is_split && self.cells(reading) > most {
                return;
            }
            if let Some(facts) = facts.over(*range).filter(|facts| *facts > 0)
                && let Some(cell) = self.cell(reading, (*bucket, group.to_vec()))
            {
                cell.count(reading, facts);
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
            let grid = self.readings.get(reading).map(|taken| taken.grid).unwrap_or_default();
            let Some(Grid { cells, .. }) = self.grids.get_mut(grid) else {
                return;
            };
            for (bucket, range) in &touched {
                let cell = cells.get_mut(&(*bucket, group.to_vec()));
                let state = cell.and_then(|cell| cell.measures.get_mut(*place));
                if let Some((state, more)) = state.zip(states.over(*range)) {
                    state.merge(&more);
                }
            }
        }
    }

    /// `ahead` has what is known of buckets that have not begun too.
    fn finish(mut self, ahead: bool) -> Option<BTreeMap<SeriesKey, Point>> {
        let cells = self.folded()?;
        // Where not all cells were made the points must be too many as well, so that nobody takes them for all.
        let ahead = ahead || cells.len() > MAX_GROUPED_POINTS;
        let told = |bucket: &Timestamp| ahead || *bucket <= self.request.now;
        let mut points: BTreeMap<SeriesKey, Point> = BTreeMap::new();
        for (key, cell) in &cells {
            // What is compared with is known before a bucket begins, and its own facts are not.
            if told(&key.0) || cell.has_own(&self.readings) {
                points.insert(key.clone(), self.point(key.0, cell));
            }
        }
        let groups: BTreeSet<Vec<String>> = match self.request.by {
            [] => BTreeSet::from([Vec::new()]),
            _ => points.keys().map(|(_, group)| group.clone()).collect(),
        };
        let usual = empty(self.request);
        for (bucket, point) in self.absent().into_iter().filter(|(bucket, _)| told(bucket)) {
            if point == usual {
                continue;
            }
            for group in &groups {
                if !self.request.by.is_empty() && points.len() > MAX_GROUPED_POINTS {
                    return Some(points);
                }
                points.entry((bucket, group.clone())).or_insert_with(|| point.clone());
            }
        }
        Some(points)
    }

    /// The point of a cell of the answer.
    fn point(&self, bucket: Timestamp, cell: &Cell) -> Point {
        let nothing = BTreeSet::new();
        let lacking = self.grids.first().and_then(|own| own.lacking.get(&bucket));
        Point {
            value: cell.value(&self.request.kpi.formula, lacking.unwrap_or(&nothing)),
            facts: cell.facts(&self.readings),
        }
    }
}

/// Whether a measure counts what has these dimensions.
fn counts(measure: &Measure, lookup: &dyn Fn(&str) -> Value) -> bool {
    measure.filter.as_ref().is_none_or(|filter| filter.matches(&lookup))
}

/// The value of a bucket without facts, of its own or in a window: a count is zero, anything else has no value.
#[must_use]
pub fn empty(request: &Request<'_>) -> Point {
    let formula = &request.kpi.formula;
    let mut cell = Cell::new(formula.measures.len(), 0);
    cell.folds = formula
        .folds
        .iter()
        .map(|fold| fold.value(std::iter::empty()))
        .collect();
    Point {
        value: cell.value(formula, &BTreeSet::new()),
        facts: 0,
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
