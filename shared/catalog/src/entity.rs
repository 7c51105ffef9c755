//! A valid entity and what follows from its definition.

use crate::definition::{AttributeDefinition, EntityDefinition, GroupingDefinition};
use formula::{Attribute, AttributeType, RowFormula, Value};
use jiff::tz::TimeZone;

/// An entity whose definition is valid. Rows of it hold one value for each attribute, derived ones included, in the
/// order of the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    pub(crate) definition: EntityDefinition,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) derived: Vec<(usize, RowFormula)>,
    pub(crate) groupings: Vec<GroupingDefinition>,
    pub(crate) zone: Option<TimeZone>,
}

impl Entity {
    /// The definition, with the dimensions of its groupings in order.
    #[must_use]
    pub fn definition(&self) -> &EntityDefinition {
        &self.definition
    }

    /// The name in formulas and addresses.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.definition.code
    }

    /// The zone of times and dates that say no offset, where the definition declares one.
    #[must_use]
    pub const fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// What is stored of a fact: all attributes, derived ones included.
    #[must_use]
    pub fn stored_attributes(&self) -> &[AttributeDefinition] {
        &self.definition.attributes
    }

    /// The same attributes as the formula language knows them, and after them the time of every fact.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The place of an attribute in a row.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.name == name)
    }

    /// The attributes that are read from events, with their places in a row.
    pub fn source_attributes(&self) -> impl Iterator<Item = (usize, &AttributeDefinition)> {
        self.indexed(|attribute| attribute.formula.is_none())
    }

    /// The attributes that are computed, with their places in a row, each after those that it reads.
    #[must_use]
    pub fn derived(&self) -> &[(usize, RowFormula)] {
        &self.derived
    }

    /// Whether a name is that of the time that every fact has, in microseconds since 1970, beside its attributes.
    #[must_use]
    pub fn is_own_time(&self, name: &str) -> bool {
        self.definition.time == name
    }

    /// The names of the time of every fact and of all attributes that are times.
    pub fn times(&self) -> impl Iterator<Item = &str> {
        let times = self
            .attributes
            .iter()
            .filter(|attribute| attribute.kind == AttributeType::Time);
        times.map(|attribute| attribute.name.as_str())
    }

    /// Computes the derived attributes of the row of a fact of a time. A row that is too short is left as it is.
    pub fn derive(&self, time_us: i64, row: &mut Vec<Value>) {
        // Where formulas find it.
        let attributes = row.len();
        row.push(Value::Time(time_us));
        for (index, formula) in &self.derived {
            let value = formula.evaluate(row);
            if let Some(place) = row.get_mut(*index) {
                *place = value;
            }
        }
        row.truncate(attributes);
    }

    /// The attributes that are summed in rollups, with their places in a row.
    pub fn numeric_attributes(&self) -> impl Iterator<Item = (usize, &AttributeDefinition)> {
        self.indexed(|attribute| attribute.kind.is_numeric())
    }

    /// The attributes that facts can be filtered and grouped by, with their places in a row.
    pub fn dimensions(&self) -> impl Iterator<Item = (usize, &AttributeDefinition)> {
        self.indexed(|attribute| attribute.dimension)
    }

    /// The places in a row of the attributes that identify a fact, for a state together with its time; empty when every event is a new fact.
    #[must_use]
    pub fn key(&self) -> Vec<usize> {
        let names = self.definition.key.iter().chain(&self.definition.state);
        names.filter_map(|name| self.index_of(name)).collect()
    }

    /// Whether a later event with the same key replaces a fact.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        !self.definition.key.is_empty() || self.is_state()
    }

    /// Whether its facts tell the state of objects, each until the next one.
    #[must_use]
    pub fn is_state(&self) -> bool {
        !self.definition.state.is_empty()
    }

    /// How facts are rolled up: as a whole first, which is always there by minute, then as defined.
    #[must_use]
    pub fn groupings(&self) -> &[GroupingDefinition] {
        &self.groupings
    }

    /// The same with the dimensions of its groupings in the order in which an earlier definition keeps their values.
    #[must_use]
    pub(crate) fn in_order_of(mut self, old: &Entity) -> Self {
        let declared = self.definition.groupings.iter_mut();
        for grouping in declared.chain(&mut self.groupings) {
            let kept = old.groupings.iter().find(|kept| kept.has_the_dimensions_of(grouping));
            if let Some(kept) = kept {
                grouping.dimensions.clone_from(&kept.dimensions);
            }
        }
        self
    }

    /// The same without some groupings, such as those that nobody may read yet.
    #[must_use]
    pub fn without_groupings(&self, left_out: &[&GroupingDefinition]) -> Self {
        let mut entity = self.clone();
        entity.groupings.retain(|grouping| !left_out.contains(&grouping));
        entity
    }

    fn indexed(
        &self,
        condition: fn(&AttributeDefinition) -> bool,
    ) -> impl Iterator<Item = (usize, &AttributeDefinition)> {
        self.definition
            .attributes
            .iter()
            .enumerate()
            .filter(move |(_, attribute)| condition(attribute))
    }
}
