//! Layouts: which slot of a volume holds which attribute of an entity, and which number its groupings have.
//!
//! A layout only grows: what an attribute was stored in stays its slot, so that facts of before mean what they meant. It is stored with the entity's
//! definition, and it is one client's alone.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{AttributeDefinition, Entity, GroupingDefinition};
use database::Error;
use formula::AttributeType;
use serde::{Deserialize, Serialize};

use crate::volume::{FLAG_SLOTS, PAGE, SLOTS};

/// What a volume's slots hold of one entity. A name's position in its list is its slot, counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// Integers, decimals and durations, which rollups keep states of.
    numbers: Vec<String>,
    /// Texts, and times as texts: tables have one shape for all, and a family more would be a column more that every fact's header counts and that
    /// functions of another version do not write.
    texts: Vec<String>,
    /// Booleans.
    flags: Vec<String>,
    /// Groupings by their numbers; nothing where one was given up.
    groupings: Vec<Option<GroupingDefinition>>,
}

/// The families of attributes that have slots of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Integers, decimals and durations.
    Number,
    /// Texts.
    Text,
    /// Times, in slots of texts: in UTC, with as many decimals as they have, `2026-03-28T10:00:00.000001Z`.
    Time,
    /// Booleans.
    Flag,
}

impl Family {
    /// The family of a type.
    #[must_use]
    pub const fn of(kind: AttributeType) -> Self {
        match kind {
            AttributeType::Integer | AttributeType::Decimal | AttributeType::Duration => Self::Number,
            AttributeType::Text => Self::Text,
            AttributeType::Time => Self::Time,
            AttributeType::Boolean => Self::Flag,
        }
    }

    /// Slots that facts have for it.
    const fn slots(self) -> u16 {
        match self {
            Self::Number | Self::Text | Self::Time => SLOTS,
            Self::Flag => FLAG_SLOTS,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Number => 'n',
            Self::Text | Self::Time => 't',
            Self::Flag => 'f',
        }
    }

    const fn sql_type(self) -> &'static str {
        match self {
            Self::Number => "numeric",
            Self::Text => "text",
            Self::Time => "timestamptz",
            Self::Flag => "boolean",
        }
    }
}

/// Where facts hold an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Family.
    pub family: Family,
    /// Position among its family, from 0.
    pub position: u16,
}

impl Slot {
    /// Name of its column, and of its key beyond the columns: `n1` is the first number.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}{}", self.family.letter(), self.position + 1)
    }

    /// The slot of a name; `None` where it is none's.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let families = [Family::Number, Family::Text, Family::Flag].into_iter();
        let mut found = families.filter_map(|family| {
            let number: u16 = name.strip_prefix(family.letter())?.parse().ok()?;
            let position = number.checked_sub(1)?;
            Some(Self { family, position })
        });
        found.next()
    }

    /// Whether it has a column of its own.
    #[must_use]
    pub const fn is_column(self) -> bool {
        self.position < self.family.slots()
    }

    /// Its value as SQL.
    #[must_use]
    pub fn value(self) -> String {
        let name = self.name();
        match (self.is_column(), self.family) {
            (true, Family::Time) => format!("{name}::timestamptz"),
            (true, _) => name,
            (false, Family::Text) => format!("(more->>'{name}')"),
            (false, family) => format!("(more->>'{name}')::{}", family.sql_type()),
        }
    }

    /// Its value as the one text of each value, as rollups have dimensions: `1.5` for 1.50. As [`series::answer::text`] writes it.
    #[must_use]
    pub fn text(self) -> String {
        let value = self.value();
        match self.family {
            Family::Number => format!("trim_scale({value})::text"),
            Family::Text => value,
            // As it is kept.
            Family::Time if self.is_column() => self.name(),
            Family::Time => format!("(more->>'{}')", self.name()),
            Family::Flag => format!("({value})::text"),
        }
    }

    /// The page of a rollup's rows that has a number's states, and the slot there, from 1.
    #[must_use]
    pub fn state(self) -> StateSlot {
        StateSlot {
            page: i16::try_from(self.position / PAGE).unwrap_or(i16::MAX),
            slot: self.position % PAGE + 1,
        }
    }
}

/// Where rollups hold a number's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateSlot {
    /// Page, from 0. Facts are counted on page 0.
    pub page: i16,
    /// Slot on the page, from 1.
    pub slot: u16,
}

impl Layout {
    /// The layout of a new entity.
    #[must_use]
    pub fn of(entity: &Entity) -> Self {
        Self::default().extended(entity)
    }

    /// With what an entity has beyond it.
    #[must_use]
    pub fn extended(mut self, entity: &Entity) -> Self {
        for attribute in entity.stored_attributes() {
            if self.find(attribute).is_none() {
                self.names_mut(Family::of(attribute.kind)).push(attribute.name.clone());
            }
        }
        for grouping in entity.groupings() {
            if self.grouping_id(grouping).is_err() {
                self.groupings.push(Some(grouping.clone()));
            }
        }
        self
    }

    /// With other names of attributes, by those that they have: each stays in its slot, and the dimensions of groupings in the order in which their values are kept.
    #[must_use]
    pub fn renamed(&self, names: &BTreeMap<String, String>) -> Self {
        let mut renamed = self.clone();
        let Self {
            numbers,
            texts,
            flags,
            groupings,
        } = &mut renamed;
        let dimensions = groupings.iter_mut().flatten();
        let dimensions = dimensions.flat_map(|grouping| &mut grouping.dimensions);
        for name in numbers.iter_mut().chain(texts).chain(flags).chain(dimensions) {
            if let Some(new) = names.get(name) {
                name.clone_from(new);
            }
        }
        renamed
    }

    /// Without a grouping, whose number nothing gets again: what is left of its rows is nobody's.
    #[must_use]
    pub fn given_up(mut self, id: i16) -> Self {
        let place = usize::try_from(id).ok().and_then(|id| self.groupings.get_mut(id));
        if let Some(place) = place {
            *place = None;
        }
        self
    }

    /// Where an attribute is; an error where the layout does not know it, which is a fault of what is stored.
    ///
    /// # Errors
    /// When it is not there.
    pub fn slot(&self, attribute: &AttributeDefinition) -> Result<Slot, Error> {
        self.find(attribute).ok_or_else(|| unknown(&attribute.name))
    }

    /// Where an attribute of a definition is, by name.
    ///
    /// # Errors
    /// When the entity or the layout does not have it.
    pub fn slot_of(&self, entity: &Entity, name: &str) -> Result<Slot, Error> {
        let attribute = entity
            .stored_attributes()
            .iter()
            .find(|attribute| attribute.name == name);
        self.slot(attribute.ok_or_else(|| unknown(name))?)
    }

    /// The number of a grouping.
    ///
    /// # Errors
    /// When it is not there.
    pub fn grouping_id(&self, grouping: &GroupingDefinition) -> Result<i16, Error> {
        let position = self.groupings.iter().position(|known| known.as_ref() == Some(grouping));
        position
            .and_then(|position| i16::try_from(position).ok())
            .ok_or_else(|| unknown(&grouping.dimensions.join(", ")))
    }

    /// The grouping of a number.
    #[must_use]
    pub fn grouping(&self, id: i16) -> Option<&GroupingDefinition> {
        self.groupings.get(usize::try_from(id).ok()?)?.as_ref()
    }

    /// All groupings with their numbers.
    pub fn groupings(&self) -> impl Iterator<Item = (i16, &GroupingDefinition)> {
        let numbered = (0_i16..).zip(&self.groupings);
        numbered.filter_map(|(id, grouping)| Some((id, grouping.as_ref()?)))
    }

    /// Numbers of the groupings that were given up.
    #[must_use]
    pub fn all_given_up(&self) -> Vec<i16> {
        let numbered = (0_i16..).zip(&self.groupings);
        let gone = numbered.filter(|(_, grouping)| grouping.is_none());
        gone.map(|(id, _)| id).collect()
    }

    /// Pages that an entity's rollups have: at least one.
    #[must_use]
    pub fn pages(&self) -> BTreeSet<i16> {
        let numbers = u16::try_from(self.numbers.len()).unwrap_or(u16::MAX);
        (0..=i16::try_from(numbers.saturating_sub(1) / PAGE).unwrap_or(i16::MAX)).collect()
    }

    fn find(&self, attribute: &AttributeDefinition) -> Option<Slot> {
        let family = Family::of(attribute.kind);
        let position = self.names(family).iter().position(|name| *name == attribute.name)?;
        Some(Slot {
            family,
            position: u16::try_from(position).ok()?,
        })
    }

    fn names(&self, family: Family) -> &Vec<String> {
        match family {
            Family::Number => &self.numbers,
            Family::Text | Family::Time => &self.texts,
            Family::Flag => &self.flags,
        }
    }

    fn names_mut(&mut self, family: Family) -> &mut Vec<String> {
        match family {
            Family::Number => &mut self.numbers,
            Family::Text | Family::Time => &mut self.texts,
            Family::Flag => &mut self.flags,
        }
    }
}

fn unknown(name: &str) -> Error {
    Error::Stored {
        place: "layout".to_owned(),
        cause: format!("it does not know {name:?}"),
    }
}

#[cfg(test)]
mod tests;
