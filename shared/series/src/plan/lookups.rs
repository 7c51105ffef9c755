//! The objects that are looked up beside the facts that are read, by the paths of what is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{AttributeDefinition, Cardinality, Entity, Relationship, Resolution};
use formula::{MAX_LOOKUPS, MAX_PATH_STEPS, lookups};

/// An object that is looked up for each fact: the one whose key an attribute of the fact has as its value.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The path of that attribute: `customer`, or `customer.country` where it is one of an object that is looked up before.
    pub path: String,
    /// The entity that tells of the object.
    pub entity: Arc<Entity>,
    /// Its attribute that has the same value.
    pub key: String,
    /// Which of the facts that tell of the object.
    pub known: Known,
}

/// Which of the facts that tell of an object are looked at. There is none before the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// The only one, whenever it is of.
    Only,
    /// The last one that is not after the fact for which it is looked up.
    AtFact,
    /// The last one. None is further ahead of the clock than events may be, a day.
    Last,
}

/// What is known of the definitions that paths go along.
pub(super) struct Ways<'w, 'a> {
    pub(super) entity: &'w dyn Fn(&str) -> Option<&'a Arc<Entity>>,
    pub(super) relationship: &'w dyn Fn(&str, &str) -> Option<&'a Arc<Relationship>>,
}

impl Ways<'_, '_> {
    /// What is looked up for some names, each after those that its path goes through. A name without points needs nothing.
    pub(super) fn lookups<'n>(
        &self,
        entity: &Arc<Entity>,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Vec<Lookup>, String> {
        let mut paths = BTreeSet::new();
        for name in names {
            let steps = lookups(name).count();
            if steps > MAX_PATH_STEPS {
                return Err(format!("{name:?} has {steps} steps, and {MAX_PATH_STEPS} are allowed"));
            }
            paths.extend(lookups(name));
        }
        if paths.len() > MAX_LOOKUPS {
            return Err(format!(
                "what is asked looks up {} different objects for each fact of {}, and {MAX_LOOKUPS} are allowed",
                paths.len(),
                entity.code()
            ));
        }
        let mut found: Vec<Lookup> = Vec::with_capacity(paths.len());
        for path in paths {
            let lookup = self.lookup(entity, path, &found)?;
            found.push(lookup);
        }
        Ok(found)
    }

    fn lookup(&self, entity: &Arc<Entity>, path: &str, before: &[Lookup]) -> Result<Lookup, String> {
        let (from, name) = match path.rsplit_once('.') {
            Some((parent, name)) => (
                before
                    .iter()
                    .find(|lookup| lookup.path == parent)
                    .map(|lookup| &lookup.entity),
                name,
            ),
            None => (Some(entity), path),
        };
        let from = from.ok_or_else(|| format!("nothing leads to {path:?}"))?;
        let relationship = (self.relationship)(from.code(), name);
        let nowhere = || {
            let ways = self.ways(from);
            format!("{name:?} of {} leads nowhere: {ways}", from.code())
        };
        let relationship = relationship.ok_or_else(nowhere)?;
        let to = &relationship.to_entity;
        if relationship.cardinality == Cardinality::Many {
            return Err(format!(
                "{name:?} of {} leads to any number of facts of {to}, and one of {} would count once for each: ask a KPI of {to}",
                from.code(),
                from.code()
            ));
        }
        let to = (self.entity)(to).ok_or_else(|| format!("there is no entity {to:?}"))?;
        Ok(Lookup {
            path: path.to_owned(),
            entity: Arc::clone(to),
            key: relationship.key.clone(),
            known: match relationship.resolved {
                _ if !to.is_state() => Known::Only,
                Resolution::AsOfFact => Known::AtFact,
                Resolution::AsOfNow => Known::Last,
            },
        })
    }

    /// What does lead somewhere.
    fn ways(&self, from: &Entity) -> String {
        let attributes = from.stored_attributes().iter().map(|attribute| attribute.name.as_str());
        let ways: Vec<&str> = attributes
            .filter(|name| (self.relationship)(from.code(), name).is_some())
            .collect();
        match ways.as_slice() {
            [] => "no relationship is declared from it (POST /v1/relationships)".to_owned(),
            ways => format!("relationships are declared of {}", ways.join(", ")),
        }
    }
}

/// The attribute of a name: of the entity, or of an object that is looked up.
pub(crate) fn attribute<'a>(entity: &'a Entity, lookups: &'a [Lookup], name: &str) -> Option<&'a AttributeDefinition> {
    let (entity, name) = match name.rsplit_once('.') {
        None => (entity, name),
        Some((path, name)) => (&*lookups.iter().find(|lookup| lookup.path == path)?.entity, name),
    };
    entity
        .stored_attributes()
        .iter()
        .find(|attribute| attribute.name == name)
}
