//! The partials of a batch: its facts summed up per grouping, bucket and group, in memory, before they are written.

use std::collections::HashMap;
use std::hash::Hash;

use catalog::{Entity, GroupingDefinition, Level};
use foldhash::fast::RandomState;
use formula::Value;
use rust_decimal::Decimal;

use crate::answer::text;
use crate::calendar::floor_us;
use crate::fact::Fact;
use crate::sketch::{Seen, Sketch};
use crate::state::GroupState;

/// One row of a grouping's partials.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialRow {
    /// Start of the bucket in microseconds since 1970.
    pub bucket_us: i64,
    /// Values of the grouping's dimensions in their order.
    pub dimensions: Vec<Value>,
    /// Facts and states of all numeric attributes of the entity, in their order.
    pub state: GroupState,
}

/// The partials of a batch, one list per grouping of the entity, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partials {
    /// Rows per grouping, sorted by bucket.
    pub groupings: Vec<Vec<PartialRow>>,
    /// The sketches of all groupings.
    pub sketches: Vec<SketchRow>,
}

/// A sketch of an hour and group.
#[derive(Clone, Debug, PartialEq)]
pub struct SketchRow {
    /// Place of the grouping among those of the entity.
    pub grouping: usize,
    /// Start of the hour in microseconds since 1970.
    pub hour_us: i64,
    /// Values of the grouping's dimensions in their order.
    pub dimensions: Vec<Value>,
    /// Place of the attribute in a row.
    pub attribute: usize,
    /// What there is of its values.
    pub sketch: Sketch,
}

impl Partials {
    /// Sums up a batch of facts.
    #[must_use]
    pub fn of(entity: &Entity, facts: &[&Fact]) -> Self {
        let mut batch = Batch::new(entity, facts);
        let groupings = entity
            .groupings()
            .iter()
            .map(|grouping| batch.rows(entity, grouping))
            .collect();
        Self {
            groupings,
            sketches: batch.sketches(entity),
        }
    }

    /// The minutes that the facts touch, in microseconds since 1970: the whole entity is always kept by minute, as its first
    /// grouping.
    pub fn minutes(&self) -> impl Iterator<Item = i64> {
        self.groupings.first().into_iter().flatten().map(|row| row.bucket_us)
    }
}

/// A batch, and what several groupings need of it, worked out once.
struct Batch<'f> {
    facts: &'f [&'f Fact],
    /// For each fact its numeric attributes, one fact after the other.
    numbers: Vec<Option<Decimal>>,
    /// Numeric attributes of a fact.
    width: usize,
    /// For each attribute by its place, the number of each fact's value; equal values have equal numbers.
    codes: HashMap<usize, Vec<usize>>,
}

impl<'f> Batch<'f> {
    fn new(entity: &Entity, facts: &'f [&'f Fact]) -> Self {
        let numeric: Vec<usize> = entity.numeric_attributes().map(|(index, _)| index).collect();
        let numbers = facts
            .iter()
            .flat_map(|fact| numeric.iter().map(|index| fact.values[*index].as_decimal()))
            .collect();
        Self {
            facts,
            numbers,
            width: numeric.len(),
            codes: HashMap::new(),
        }
    }

    fn rows(&mut self, entity: &Entity, grouping: &GroupingDefinition) -> Vec<PartialRow> {
        let dimensions: Vec<usize> = grouping
            .dimensions
            .iter()
            .filter_map(|name| entity.index_of(name))
            .collect();
        let mut rows: Vec<PartialRow> = Vec::new();
        let groups = self.groups(grouping.finest, &dimensions);
        for (position, group) in groups.into_iter().enumerate() {
            let fact = self.facts[position];
            // Groups are numbered as they first appear.
            if group == rows.len() {
                rows.push(PartialRow {
                    bucket_us: floor_us(grouping.finest, fact.time_us),
                    dimensions: dimensions.iter().map(|index| fact.values[*index].clone()).collect(),
                    state: GroupState::empty(self.width),
                });
            }
            let numbers = &self.numbers[position * self.width..(position + 1) * self.width];
            rows[group].state.add(fact.time_us, numbers);
        }
        rows.sort_by_key(|row| row.bucket_us);
        rows
    }

    /// The sketches of all groupings that have some. What a value is to a sketch is found once for all of them.
    fn sketches(&mut self, entity: &Entity) -> Vec<SketchRow> {
        let mut rows: Vec<SketchRow> = Vec::new();
        for (attribute, _, kind) in entity.sketches() {
            let seen = self.facts.iter().map(|fact| match &fact.values[attribute] {
                Value::Null => None,
                value => Seen::of(kind, &text(value), 1),
            });
            let seen: Vec<Option<Seen>> = seen.collect();
            for (place, grouping) in entity.sketched_groupings() {
                let dimensions = grouping.dimensions.iter();
                let dimensions: Vec<usize> = dimensions.filter_map(|name| entity.index_of(name)).collect();
                let mut of_group: HashMap<usize, usize, RandomState> = HashMap::default();
                let groups = self.groups(Level::Hour, &dimensions);
                for ((fact, seen), group) in self.facts.iter().zip(&seen).zip(groups) {
                    // A group none of whose facts has a value has no sketch.
                    let Some(seen) = seen else { continue };
                    let row = *of_group.entry(group).or_insert_with(|| {
                        rows.push(SketchRow {
                            grouping: place,
                            hour_us: floor_us(Level::Hour, fact.time_us),
                            dimensions: dimensions.iter().map(|index| fact.values[*index].clone()).collect(),
                            attribute,
                            sketch: Sketch::empty(kind),
                        });
                        rows.len() - 1
                    });
                    rows[row].sketch.add(seen);
                }
            }
        }
        rows
    }

    /// The number of each fact's group: by bucket, then split by one dimension after the other.
    fn groups(&mut self, level: Level, dimensions: &[usize]) -> Vec<usize> {
        let mut groups = numbered(self.facts.iter().map(|fact| floor_us(level, fact.time_us)));
        for index in dimensions {
            let facts = self.facts;
            let codes = self
                .codes
                .entry(*index)
                .or_insert_with(|| numbered(facts.iter().map(|fact| &fact.values[*index])));
            groups = numbered(groups.into_iter().zip(codes.iter().copied()));
        }
        groups
    }
}

/// Each key's number, in the order in which keys first appear.
fn numbered<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers: HashMap<K, usize, RandomState> = HashMap::default();
    keys.map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    })
    .collect()
}

#[cfg(test)]
mod tests;
