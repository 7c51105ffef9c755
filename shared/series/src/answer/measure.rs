//! What is known of one measure while rows are merged, and what it takes of each.

use std::ops;

use catalog::SketchKind;
use formula::{Aggregate, Arithmetic, Measure, Measured, Number, Value};

use super::Row;
use crate::plan::Question;
use crate::pushed;
use crate::sketch::{self, Sketch};
use crate::state::AttributeState;

/// The state of a measure.
#[derive(Clone, Default)]
pub(super) struct MeasureState {
    /// How many facts count for it, whatever it takes of them.
    pub(super) counted: i64,
    facts: i64,
    attribute: AttributeState,
    /// The value that the database took by itself: of all facts of the bucket and group, so that there is nothing to merge.
    pub(super) pushed: Option<Option<Number>>,
    /// What is known of a measure that is answered from a sketch.
    sketch: Option<Box<Sketch>>,
}

impl MeasureState {
    pub(super) fn add(&mut self, row: &Row, reads: &Reads<'_>, lookup: &dyn Fn(&str) -> Value) {
        let state = &row.state;
        // Sketches are read beside the facts that are counted, and a measure that they answer is not of these.
        match reads {
            Reads::Elsewhere => {
                self.counted += state.facts;
                return;
            }
            Reads::Sketch(kind) => {
                if let Some(more) = &row.sketched {
                    sketch::merge(&mut self.sketch, more, *kind);
                }
                return;
            }
            _ => {}
        }
        self.facts += state.facts;
        self.counted += state.facts;
        match reads {
            // What is pushed is not added up.
            Reads::Facts | Reads::Pushed(_) | Reads::Elsewhere | Reads::Sketch(_) => {}
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

    pub(super) fn merge(&mut self, other: &Self) {
        self.facts += other.facts;
        self.counted += other.counted;
        self.attribute.merge(&other.attribute);
        match (&mut self.sketch, &other.sketch) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            (_, None) => {}
        }
    }

    pub(super) fn value(&self, measure: &Measure) -> Option<Number> {
        let state = &self.attribute;
        if let Some(value) = &self.pushed {
            return value.clone();
        }
        if let Some(sketch) = &self.sketch {
            return sketch.value(measure);
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
            // No state of facts says it; without any nothing moved, and nothing is different.
            Aggregate::Entered | Aggregate::Left | Aggregate::Stayed | Aggregate::Distinct => Some(self.facts.into()),
            // The others are pushed down, and have no value where there is nothing.
            _ => None,
        }
    }
}

/// What a measure takes of a row.
pub(super) enum Reads<'a> {
    /// How many facts it is of.
    Facts,
    /// The numbers at some positions.
    Pushed(ops::Range<usize>),
    /// Nothing: it is answered from a sketch, which is read beside.
    Elsewhere,
    /// The sketch, of this kind.
    Sketch(SketchKind),
    /// The same as the number of values, of what every fact has: its own time.
    EachFact,
    /// The state at a position.
    State(usize),
    /// How many facts have a value of a dimension: all of a group, or none.
    Dimension(&'a str),
}

impl<'a> Reads<'a> {
    /// `index` is the measure's place among those that the question serves: of what is pushed, the place there.
    pub(super) fn of(question: &Question, index: usize, measure: &'a Measure) -> Self {
        if question.is_pushed() {
            let before = question.pushed.iter().take(index);
            let from = before.map(|measure| pushed::numbers(measure).len()).sum();
            return Reads::Pushed(from..from + pushed::numbers(measure).len());
        }
        if let Some((_, kind)) = question.sketch {
            return Reads::Sketch(kind);
        }
        if measure.aggregate.is_pushed() {
            return Reads::Elsewhere;
        }
        let Some(measured) = &measure.attribute else {
            return Reads::Facts;
        };
        match (question.attributes.keys().position(|state| state == measured), measured) {
            (Some(position), _) => Reads::State(position),
            (None, Measured::Attribute(name)) if !question.entity.is_own_time(name) => Reads::Dimension(name),
            (None, _) => Reads::EachFact,
        }
    }
}
