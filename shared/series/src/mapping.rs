//! From what a sender wrote to a [`Fact`]: its fields, and the attributes derived from them.
//!
//! JSON, CSV and Parquet come here as [`Field`]s, so that every way in accepts and refuses the same values.

use std::sync::Arc;

use catalog::Entity;
use formula::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::calendar::Calendar;
use crate::fact::Fact;
use crate::field::{self, Field, Here};

/// Why an event is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Attribute or field.
    pub field: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.field, self.reason)
    }
}

/// Maps events of one entity.
#[derive(Clone)]
pub struct Mapper {
    entity: Arc<Entity>,
    /// Attributes whose value the sender gives.
    given: Vec<usize>,
    /// The zone of times that say none.
    zone: TimeZone,
    /// Whether the entity or the file declared it.
    is_zone_declared: bool,
}

impl Mapper {
    /// A mapper for an entity. A time without offset is in the zone that the entity declares, else in UTC until [`Self::of_client`] tells the client's.
    #[must_use]
    pub fn new(entity: Arc<Entity>) -> Self {
        let given = entity.source_attributes().map(|(index, _)| index).collect();
        let declared = entity.zone().cloned();
        Self {
            entity,
            given,
            is_zone_declared: declared.is_some(),
            zone: declared.unwrap_or(TimeZone::UTC),
        }
    }

    /// The same for a client's events: a time without offset is in the client's zone, where the entity declares none.
    #[must_use]
    pub fn of_client(mut self, calendar: &Calendar) -> Self {
        if !self.is_zone_declared {
            self.zone = calendar.zone().clone();
        }
        self
    }

    /// The same for a file that says in which zone its times without offset are: it knows better than the entity and the client.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self.is_zone_declared = true;
        self
    }

    /// The zone of times without offset.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The entity.
    #[must_use]
    pub fn entity(&self) -> &Arc<Entity> {
        &self.entity
    }

    /// Names of the fields that a sender may give, the time first.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.entity.definition().time.as_str()).chain(
            self.given
                .iter()
                .map(|index| self.entity.stored_attributes()[*index].name.as_str()),
        )
    }

    /// Whether the field at a place among [`Self::fields`] is a number.
    #[must_use]
    pub fn is_number(&self, place: usize) -> bool {
        let index = place.checked_sub(1).and_then(|place| self.given.get(place));
        let attribute = index.and_then(|index| self.entity.stored_attributes().get(*index));
        attribute.is_some_and(|attribute| attribute.kind.is_numeric())
    }

    /// Maps one event. `field` finds what the sender gave by its place among [`Self::fields`], the time at 0.
    ///
    /// # Errors
    /// The first field that is missing, of the wrong type or out of limits.
    pub fn fact<'a>(&self, now: Timestamp, mut field: impl FnMut(usize) -> Field<'a>) -> Result<Fact, Rejection> {
        let refused = |name: &str, reason| Rejection {
            field: name.to_owned(),
            reason,
        };
        let here = Here { now, zone: &self.zone };
        let time_us =
            field::time_us(field(0), here).map_err(|reason| refused(&self.entity.definition().time, reason))?;
        let attributes = self.entity.stored_attributes();
        let mut values = vec![Value::Null; attributes.len()];
        for (place, index) in self.given.iter().enumerate() {
            let attribute = &attributes[*index];
            let value = field::value(attribute.kind, field(place + 1), here)
                .map_err(|reason| refused(&attribute.name, reason))?;
            if attribute.required && value == Value::Null {
                return Err(refused(&attribute.name, "is required and missing".to_owned()));
            }
            values[*index] = value;
        }
        self.entity.derive(time_us, &mut values);
        for (index, _) in self.entity.derived() {
            values[*index] = field::bounded(std::mem::take(&mut values[*index]));
        }
        Ok(Fact { time_us, values })
    }

    /// The place of a field among [`Self::fields`], if a sender may give it.
    ///
    /// # Errors
    /// When the entity has no such attribute, or derives it itself.
    pub fn place(&self, name: &str) -> Result<usize, Rejection> {
        if let Some(place) = self.fields().position(|field| field == name) {
            return Ok(place);
        }
        // One that an attribute had: events that were on their way when it was renamed, and senders that have not heard of it.
        let attributes = self.entity.stored_attributes();
        let had_it = |index: &usize| attributes[*index].formerly.iter().any(|former| former == name);
        if let Some(position) = self.given.iter().position(had_it) {
            return Ok(position + 1);
        }
        let derived = self
            .entity
            .stored_attributes()
            .iter()
            .any(|attribute| attribute.name == name);
        let reason = if derived {
            "is derived by its formula and can't be sent".to_owned()
        } else {
            let fields: Vec<&str> = self.fields().collect();
            format!(
                "is not an attribute of {}, which has {}",
                self.entity.code(),
                fields.join(", ")
            )
        };
        Err(Rejection {
            field: field::shown(name).to_owned(),
            reason,
        })
    }
}

#[cfg(test)]
mod tests;
