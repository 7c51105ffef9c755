//! From the states that were read to the KPI's values.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Level;
use formula::{Aggregate, Measure, Value};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::calendar::Calendar;
use crate::plan::{Question, Request};
use crate::state::{AttributeState, GroupState};

/// Digits after the point that a value keeps: enough for ratios, and few enough that a JSON number shows no noise.
pub const VALUE_SCALE: u32 = 10;

/// A row that was read: one bucket and group of one entity.
#[derive(Clone, Debug)]
pub struct Row {
    /// Start of the bin in which the question has its buckets summed up.
    pub bucket: Timestamp,
    /// Values of the question's dimensions, in their order.
    pub dimensions: Vec<Value>,
    /// Facts, and states of the question's attributes in their order.
    pub state: GroupState,
}

/// Key of a point: bucket of the request's period, and the values of the dimensions that it splits by.
pub type SeriesKey = (Timestamp, Vec<String>);

/// A KPI's value over one bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The value; `None` where the formula has none, as in a division by zero.
    pub value: Option<f64>,
    /// Number of facts that the value rests on: they passed the filter and at least one measure of the formula counts them.
    pub facts: i64,
}

/// Finishes what was read for each question of a request: a point for every bucket in which facts count.
#[must_use]
pub fn answer(request: &Request<'_>, calendar: &Calendar, read: &[(&Question, &[Row])]) -> BTreeMap<SeriesKey, Point> {
    let measures = &request.kpi.formula.measures;
    let mut cells: BTreeMap<SeriesKey, Cell> = BTreeMap::new();
    for (question, rows) in read {
        let mine: Vec<(usize, &Measure, Option<usize>)> = measures
            .iter()
            .enumerate()
            .filter(|(_, measure)| measure.entity == question.entity.code())
            .map(|(index, measure)| (index, measure, attribute_position(question, measure)))
            .collect();
        for row in *rows {
            let lookup = |name: &str| dimension(question, row, name);
            if !passes(request, &lookup) {
                continue;
            }
            let counts = |measure: &Measure| measure.filter.as_ref().is_none_or(|filter| filter.matches(&lookup));
            let counted: Vec<_> = mine.iter().filter(|(_, measure, _)| counts(measure)).collect();
            if counted.is_empty() {
                continue;
            }
            let key = (
                calendar.start(request.period, row.bucket),
                request.by.iter().map(|name| text(&lookup(name))).collect(),
            );
            let cell = cells.entry(key).or_insert_with(|| Cell::new(measures.len()));
            cell.facts += row.state.facts;
            for (index, _, attribute) in counted {
                cell.measures[*index].add(&row.state, *attribute);
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
}

impl MeasureState {
    fn add(&mut self, state: &GroupState, attribute: Option<usize>) {
        self.facts += state.facts;
        if let Some(attribute) = attribute.and_then(|position| state.attributes.get(position)) {
            self.attribute.merge(attribute);
        }
    }

    fn value(&self, measure: &Measure) -> Option<Decimal> {
        let state = &self.attribute;
        match measure.aggregate {
            Aggregate::Count if measure.attribute.is_none() => Some(Decimal::from(self.facts)),
            Aggregate::Count => Some(Decimal::from(state.count)),
            Aggregate::Sum => (state.count > 0).then_some(state.sum),
            Aggregate::Avg => state.sum.checked_div(Decimal::from(state.count)),
            Aggregate::Min => state.min,
            Aggregate::Max => state.max,
            Aggregate::First => state.first.map(|(_, value)| value),
            Aggregate::Last => state.last.map(|(_, value)| value),
        }
    }
}

fn finish(request: &Request<'_>, cell: &Cell) -> Point {
    let formula = &request.kpi.formula;
    let values: Vec<Option<Decimal>> = formula
        .measures
        .iter()
        .zip(&cell.measures)
        .map(|(measure, state)| state.value(measure))
        .collect();
    let value = formula
        .finish(&values)
        .map(|value| value.round_dp(VALUE_SCALE).normalize())
        .and_then(|value| value.to_f64());
    Point {
        value,
        facts: cell.facts,
    }
}

fn attribute_position(question: &Question, measure: &Measure) -> Option<usize> {
    let name = measure.attribute.as_ref()?;
    question.attributes.iter().position(|attribute| attribute == name)
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

/// A dimension's value as filters and answers write it; a missing one is the empty text.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Decimal(decimal) => decimal.normalize().to_string(),
        Value::Text(text) => text.clone(),
    }
}

/// The levels from finest to coarsest.
pub const LEVELS: [Level; 3] = [Level::Minute, Level::Hour, Level::Day];
