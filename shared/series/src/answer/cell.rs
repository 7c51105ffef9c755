//! What is gathered of one bucket and group.

use std::collections::{BTreeMap, BTreeSet};

use formula::{Formula, Measure, Number};

use super::OfReading;
use super::measure::MeasureState;

/// What one point gathers while rows are merged.
#[derive(Clone)]
pub(super) struct Cell {
    /// How many facts count in each reading.
    pub(super) facts: Vec<i64>,
    pub(super) measures: Vec<MeasureState>,
    /// What the values of shorter periods, and of each value of dimensions, come to.
    pub(super) folds: Vec<Option<Number>>,
}

impl Cell {
    pub(super) fn new(measures: usize, readings: usize) -> Self {
        Self {
            facts: vec![0; readings],
            measures: vec![MeasureState::default(); measures],
            folds: Vec::new(),
        }
    }

    /// The values of measures, of which some have no window.
    pub(super) fn measured(&self, measures: &[Measure], lacking: &BTreeSet<usize>) -> Vec<Option<Number>> {
        let states = measures.iter().zip(&self.measures).enumerate();
        let value = |(place, (measure, state)): (usize, (&Measure, &MeasureState))| {
            state.value(measure).filter(|_| !lacking.contains(&place))
        };
        states.map(value).collect()
    }

    pub(super) fn value(&self, formula: &Formula, lacking: &BTreeSet<usize>) -> Option<Number> {
        let values = formula::Values {
            measures: &self.measured(&formula.measures, lacking),
            folds: &self.folds,
        };
        formula.finish(values).map(|value| value.answered())
    }

    /// Whether a fact counts for a measure that is taken for each value of dimensions.
    pub(super) fn counts(&self, measure: usize) -> bool {
        self.measures.get(measure).is_some_and(|state| state.counted > 0)
    }

    pub(super) fn count(&mut self, reading: usize, facts: i64) {
        if let Some(of) = self.facts.get_mut(reading) {
            *of += facts;
        }
    }

    /// Whether facts of the bucket itself count.
    pub(super) fn has_own(&self, readings: &[OfReading<'_>]) -> bool {
        let mut counted = self.facts.iter().zip(readings);
        counted.any(|(facts, taken)| taken.is_own && *facts > 0)
    }

    /// How many facts the value rests on. A fact may be in several windows: it is counted in the one that has most of its entity.
    pub(super) fn facts(&self, readings: &[OfReading<'_>]) -> i64 {
        let mut most: BTreeMap<&str, i64> = BTreeMap::new();
        for (facts, taken) in self.facts.iter().zip(readings) {
            let known = most.entry(taken.entity).or_default();
            *known = (*known).max(*facts);
        }
        most.values().sum()
    }
}
