//! From the states that were read to the KPI's values.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use catalog::Level;
use formula::{Aggregate, Arithmetic, Measure, Measured, Number, Value};
use jiff::Timestamp;

use crate::calendar::Calendar;
use crate::plan::{Purpose, Question, Request, Spread};
use crate::pushed;
use crate::state::{AttributeState, GroupState};

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
}

/// Key of a point: bucket of the request's period, and the values of the dimensions that it splits by.
pub type SeriesKey = (Timestamp, Vec<String>);

/// A KPI's value over one bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The value, as [`Number::answered`] has it; `None` where the formula has none, as in a division by zero.
    pub value: Option<Number>,
    /// Number of facts that the value rests on: they passed the filter and at least one measure of the formula counts them.
    pub facts: i64,
}

/// Rows that were read for a request: what for, the question that brought them (the request's own, or a wider one), and they.
pub type Brought<'a> = (&'a Purpose, &'a Question, &'a [Row]);

/// Finishes what was read for each part of a request: a point for every bucket in which facts count.
#[must_use]
pub fn answer(request: &Request<'_>, calendar: &Calendar, read: &[Brought<'_>]) -> BTreeMap<SeriesKey, Point> {
    let measures = &request.kpi.formula.measures;
    let mut cells: BTreeMap<SeriesKey, Cell> = BTreeMap::new();
    for (purpose, question, rows) in read {
        let places = purpose.measures.iter();
        let mine: Vec<(usize, &Measure, Reads<'_>)> = places
            .enumerate()
            .filter_map(|(index, place)| Some((index, *place, measures.get(*place)?)))
            .map(|(index, place, measure)| (place, measure, Reads::of(question, index, measure)))
            .collect();
        for row in *rows {
            let lookup = |name: &str| dimension(question, row, name);
            if !question.is_pushed() && !passes(request, &lookup) {
                continue;
            }
            let counts = |measure: &Measure| {
                question.is_pushed() || measure.filter.as_ref().is_none_or(|filter| filter.matches(&lookup))
            };
            let counted: Vec<_> = mine.iter().filter(|(_, measure, _)| counts(measure)).collect();
            if counted.is_empty() {
                continue;
            }
            let bucket = match purpose.spread {
                Spread::Own => calendar.start(request.period, row.bucket),
            };
            let by = request.by.iter().map(|name| text(&lookup(name))).collect();
            let cell = cells.entry((bucket, by)).or_insert_with(|| Cell::new(measures.len()));
            cell.facts += row.state.facts;
            for (place, measure, reads) in counted {
                cell.measures[*place].add(row, measure, reads, &lookup);
            }
        }
    }
    cells
        .into_iter()
        .map(|(key, cell)| (key, finish(request, &cell)))
        .collect()
}

/// The value of a bucket without facts: a count is zero, anything else has no value.
#[must_use]
pub fn empty(request: &Request<'_>) -> Point {
    finish(request, &Cell::new(request.kpi.formula.measures.len()))
}

/// What one point gathers while rows are merged.
struct Cell {
    facts: i64,
    measures: Vec<MeasureState>,
}

impl Cell {
    fn new(measures: usize) -> Self {
        Self {
            facts: 0,
            measures: vec![MeasureState::default(); measures],
        }
    }
}

#[derive(Clone, Default)]
struct MeasureState {
    facts: i64,
    attribute: AttributeState,
    /// The value that the database took by itself: of all facts of the bucket and group, so that there is nothing to merge.
    pushed: Option<Option<Number>>,
}

impl MeasureState {
    fn add(&mut self, row: &Row, measure: &Measure, reads: &Reads<'_>, lookup: &dyn Fn(&str) -> Value) {
        let state = &row.state;
        self.facts += state.facts;
        match reads {
            Reads::Facts => {}
            Reads::Pushed(numbers) => {
                let numbers = row.numbers.get(numbers.clone()).unwrap_or_default();
                self.pushed = Some(pushed::value(measure, numbers));
            }
            Reads::EachFact => self.attribute.count += state.facts,
            Reads::State(position) => {
                if let Some(attribute) = state.attributes.get(*position) {
                    self.attribute.merge(attribute);
                }
            }
            Reads::Dimension(name) if lookup(name).is_null() => {}
            Reads::Dimension(_) => self.attribute.count += state.facts,
        }
    }

    fn value(&self, measure: &Measure) -> Option<Number> {
        let state = &self.attribute;
        if let Some(value) = &self.pushed {
            return value.clone();
        }
        match measure.aggregate {
            Aggregate::Count if measure.attribute.is_none() => Some(self.facts.into()),
            Aggregate::Count => Some(state.count.into()),
            Aggregate::Sum => (state.count > 0).then_some(state.sum.into()),
            Aggregate::Avg => Number::from(state.sum).calculate(Arithmetic::Divide, &state.count.into()),
            Aggregate::Min => state.min.map(Number::from),
            Aggregate::Max => state.max.map(Number::from),
            Aggregate::First => state.first.map(|(_, value)| value.into()),
            Aggregate::Last => state.last.map(|(_, value)| value.into()),
            Aggregate::Distinct => Some(self.facts.into()),
            // The others are pushed down, and have no value where there is nothing.
            _ => None,
        }
    }
}

fn finish(request: &Request<'_>, cell: &Cell) -> Point {
    let formula = &request.kpi.formula;
    let values: Vec<Option<Number>> = formula
        .measures
        .iter()
        .zip(&cell.measures)
        .map(|(measure, state)| state.value(measure))
        .collect();
    Point {
        value: formula.finish(&values).map(|value| value.answered()),
        facts: cell.facts,
    }
}

/// What a measure takes of a row.
enum Reads<'a> {
    /// How many facts it is of.
    Facts,
    /// The numbers at some positions.
    Pushed(Range<usize>),
    /// The same as the number of values, of what every fact has: its own time.
    EachFact,
    /// The state at a position.
    State(usize),
    /// How many facts have a value of a dimension: all of a group, or none.
    Dimension(&'a str),
}

impl<'a> Reads<'a> {
    /// `index` is the measure's place among those that the question serves: of what is pushed, the place there.
    fn of(question: &Question, index: usize, measure: &'a Measure) -> Self {
        if question.is_pushed() {
            let before = question.pushed.iter().take(index);
            let from = before.map(|measure| pushed::numbers(measure).len()).sum();
            return Reads::Pushed(from..from + pushed::numbers(measure).len());
        }
        let Some(measured) = &measure.attribute else {
            return Reads::Facts;
        };
        match (question.attributes.iter().position(|state| state == measured), measured) {
            (Some(position), _) => Reads::State(position),
            (None, Measured::Attribute(name)) if !question.entity.is_own_time(name) => Reads::Dimension(name),
            (None, _) => Reads::EachFact,
        }
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
