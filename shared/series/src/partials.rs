//! The partials of a batch: its facts summed up per grouping, bucket and group, in memory, before they are written.

use std::collections::HashMap;

use catalog::Entity;
use formula::{AttributeType, Value};
use rust_decimal::Decimal;

use crate::calendar::floor_us;
use crate::fact::Fact;
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
}

impl Partials {
    /// Sums up a batch of facts.
    #[must_use]
    pub fn of(entity: &Entity, facts: &[Fact]) -> Self {
        let numeric = numeric_attributes(entity);
        let groupings = entity
            .groupings()
            .iter()
            .map(|grouping| {
                let dimensions = positions(entity, &grouping.dimensions);
                let mut groups: HashMap<(i64, Vec<&Value>), GroupState> = HashMap::new();
                for fact in facts {
                    let key = (
                        floor_us(grouping.finest, fact.time_us),
                        dimensions.iter().map(|index| &fact.values[*index]).collect(),
                    );
                    add(
                        groups.entry(key).or_insert_with(|| GroupState::empty(numeric.len())),
                        &numeric,
                        fact,
                    );
                }
                sorted(groups)
            })
            .collect();
        Self { groupings }
    }
}

/// Positions of the entity's numeric attributes, whose states every partial keeps.
#[must_use]
pub fn numeric_attributes(entity: &Entity) -> Vec<usize> {
    let numeric = |kind| matches!(kind, AttributeType::Integer | AttributeType::Decimal);
    (0..entity.stored_attributes().len())
        .filter(|index| numeric(entity.stored_attributes()[*index].kind))
        .collect()
}

/// Positions of named attributes.
fn positions(entity: &Entity, names: &[String]) -> Vec<usize> {
    names
        .iter()
        .filter_map(|name| {
            entity
                .stored_attributes()
                .iter()
                .position(|attribute| attribute.name == *name)
        })
        .collect()
}

fn add(state: &mut GroupState, numeric: &[usize], fact: &Fact) {
    state.facts += 1;
    for (slot, index) in state.attributes.iter_mut().zip(numeric) {
        if let Some(number) = number(&fact.values[*index]) {
            slot.add(fact.time_us, number);
        }
    }
}

/// A numeric value, if it is one.
#[must_use]
pub fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Integer(integer) => Some(Decimal::from(*integer)),
        Value::Decimal(decimal) => Some(*decimal),
        Value::Null | Value::Boolean(_) | Value::Text(_) => None,
    }
}

fn sorted(groups: HashMap<(i64, Vec<&Value>), GroupState>) -> Vec<PartialRow> {
    #[allow(clippy::iter_over_hash_type, reason = "sorted right below")]
    let mut rows: Vec<PartialRow> = groups
        .into_iter()
        .map(|((bucket_us, dimensions), state)| PartialRow {
            bucket_us,
            dimensions: dimensions.into_iter().cloned().collect(),
            state,
        })
        .collect();
    rows.sort_by_key(|row| row.bucket_us);
    rows
}
