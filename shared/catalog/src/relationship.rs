//! Relationships: an attribute of one entity says which fact of another one is meant, as an order's `customer` does.

use std::sync::Arc;

use formula::{Renames, closest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::MAX_RELATIONSHIPS;
use crate::book::Catalog;
use crate::companion::{Companion, Named, held};
use crate::definition::AttributeDefinition;
use crate::entity::Entity;
use crate::names::{KPI_CODE, check_description, check_label, quoted};
use crate::problem::Problem;

/// An attribute of one entity says which fact of another one is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RelationshipDefinition)]
#[serde(deny_unknown_fields)]
pub struct Relationship {
    /// The name in addresses, `ORDER_CUSTOMER`.
    #[schema(pattern = "^[A-Z][A-Z0-9_]{0,63}$", examples("ORDER_CUSTOMER"))]
    pub code: String,
    /// What the first entity is to the second one, for people: `is placed by`.
    #[serde(default)]
    #[schema(max_length = 120)]
    pub name: String,
    /// What it says, for people.
    #[serde(default)]
    pub description: String,
    /// The entity whose facts refer to others, `Order`.
    #[schema(examples("Order"))]
    pub from_entity: String,
    /// Its attribute that says to which, `customer`. An attribute has one relationship.
    #[schema(examples("customer"))]
    pub attribute: String,
    /// The entity whose facts are referred to, `Customer`.
    #[schema(examples("Customer"))]
    pub to_entity: String,
    /// Its attribute that has the same value, `id`.
    #[schema(examples("id"))]
    pub key: String,
    /// How many facts of the second entity have one value of the key.
    pub cardinality: Cardinality,
    /// As of when what is referred to is looked at.
    pub resolved: Resolution,
}

/// How many facts one fact refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cardinality {
    /// One at most: the key is what the entity is known by.
    One,
    /// Any number: following it would count a fact once for each.
    Many,
}

/// As of when what is referred to is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// What was known of it at the time of the fact that refers to it: the segment that the customer had when it ordered.
    AsOfFact,
    /// What is known of it now: the segment that the customer has.
    AsOfNow,
}

held!(Relationship, relationships);

impl Companion for Relationship {
    const WHAT: &'static str = "relationship";
    const COLLECTION: &'static str = "relationships";
    const MOST: usize = MAX_RELATIONSHIPS;

    fn code(&self) -> &str {
        &self.code
    }

    fn leads_from(&self) -> Option<(&str, &str)> {
        Some((&self.from_entity, &self.attribute))
    }

    fn check(&self, catalog: &Catalog, problems: &mut Vec<Problem>) {
        KPI_CODE.check("/code", &self.code, problems);
        check_label("/name", &self.name, problems);
        check_description("/description", &self.description, problems);
        catalog.check_named("/from_entity", Named::Entity(&self.from_entity), problems);
        catalog.check_named("/to_entity", Named::Entity(&self.to_entity), problems);
        let (from, to) = (catalog.entity(&self.from_entity), catalog.entity(&self.to_entity));
        let attribute = from.and_then(|from| named_attribute("/attribute", from, &self.attribute, problems));
        let key = to.and_then(|to| named_attribute("/key", to, &self.key, problems));
        if let Some((attribute, key)) = attribute.zip(key) {
            self.check_types(attribute, key, problems);
        }
        if let Some(to) = to.filter(|_| key.is_some()) {
            self.check_cardinality(to, problems);
        }
        self.check_others(catalog, problems);
    }

    fn named(_: &str) -> Option<Named<'_>> {
        None
    }

    fn names(&self, named: Named<'_>) -> bool {
        matches!(named, Named::Entity(code) if self.from_entity == code || self.to_entity == code)
    }

    fn renamed(&self, renames: &Renames<'_>) -> Option<Self> {
        let mut new = self.clone();
        for (entity, attribute) in [
            (&mut new.from_entity, &mut new.attribute),
            (&mut new.to_entity, &mut new.key),
        ] {
            if entity != renames.entity {
                continue;
            }
            if let Some(name) = renames.attributes.get(attribute) {
                attribute.clone_from(name);
            }
            if let Some(code) = renames.code {
                code.clone_into(entity);
            }
        }
        (new != *self).then_some(new)
    }

    fn with_renamed_kpi(&self, _: &str, _: &str) -> Option<Self> {
        None
    }
}

impl Relationship {
    /// Values of two types are never the same, so such a relationship would refer to nothing.
    fn check_types(&self, attribute: &AttributeDefinition, key: &AttributeDefinition, problems: &mut Vec<Problem>) {
        if attribute.kind != key.kind {
            let message = format!(
                "{} is of type {}, and {} of {} is of type {}",
                quoted(&self.attribute),
                attribute.kind,
                quoted(&self.key),
                quoted(&self.to_entity),
                key.kind
            );
            problems.push(Problem::new("/key", message).with_hint("relate attributes of one type"));
        }
        if self.from_entity == self.to_entity && self.attribute == self.key {
            let message = "each fact would refer to itself";
            problems.push(Problem::new("/key", message).with_hint("name another attribute"));
        }
    }

    /// What is declared is what the entity's key says.
    fn check_cardinality(&self, to: &Entity, problems: &mut Vec<Problem>) {
        // Of a state the object is what is meant; which of its facts, the relationship's resolution says.
        let definition = to.definition();
        let key = if to.is_state() {
            definition.state.as_slice()
        } else {
            definition.key.as_slice()
        };
        let identifies = key == [self.key.as_str()];
        let (message, hint) = match self.cardinality {
            Cardinality::One if !identifies => {
                let known_by = match key {
                    [] => "it has no key".to_owned(),
                    _ => format!("its key is {}", key.join(", ")),
                };
                (
                    format!(
                        "{} alone does not tell one fact of {} from another: {known_by}",
                        quoted(&self.key),
                        quoted(to.code())
                    ),
                    "declare the cardinality many, or relate to an entity whose key is that attribute",
                )
            }
            Cardinality::Many if identifies => (
                format!(
                    "{} is the key of {}: one fact has a value of it",
                    quoted(&self.key),
                    quoted(to.code())
                ),
                "declare the cardinality one",
            ),
            _ => return,
        };
        problems.push(Problem::new("/cardinality", message).with_hint(hint));
    }

    /// A path names the attribute, so that leads to one entity.
    fn check_others(&self, catalog: &Catalog, problems: &mut Vec<Problem>) {
        let other = catalog.relationship_of(&self.from_entity, &self.attribute);
        if let Some(other) = other.filter(|other| other.code != self.code) {
            let message = format!(
                "{} of {} has a relationship, {}",
                quoted(&self.attribute),
                quoted(&self.from_entity),
                quoted(&other.code)
            );
            problems
                .push(Problem::new("/attribute", message).with_hint("replace that one, or relate another attribute"));
        }
    }
}

/// The attribute of an entity, or a problem.
fn named_attribute<'a>(
    pointer: &str,
    entity: &'a Entity,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'a AttributeDefinition> {
    let attributes = entity.stored_attributes();
    let found = attributes.iter().find(|attribute| attribute.name == name);
    if found.is_none() {
        let message = format!("there is no attribute {} of {}", quoted(name), quoted(entity.code()));
        let names = attributes.iter().map(|attribute| attribute.name.as_str());
        let hint = match closest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to the entity first".to_owned(),
        };
        problems.push(Problem::new(pointer, message).with_hint(hint));
    }
    found
}

impl Catalog {
    /// The attribute that a path from an entity leads to: `segment` of a customer by `customer.segment` of an order. A name without points is the entity's own.
    #[must_use]
    pub fn attribute_at(&self, entity: &str, path: &str) -> Option<&AttributeDefinition> {
        let (mut at, mut path) = (entity, path);
        while let Some((step, rest)) = path.split_once('.') {
            let relationship = self.relationship_of(at, step)?;
            at = Some(&relationship.to_entity).filter(|_| relationship.cardinality == Cardinality::One)?;
            path = rest;
        }
        let attributes = self.entity(at)?.stored_attributes();
        attributes.iter().find(|attribute| attribute.name == path)
    }

    /// The relationship that an attribute of an entity has: `Order.customer` leads along it.
    #[must_use]
    pub fn relationship_of(&self, entity: &str, attribute: &str) -> Option<&Arc<Relationship>> {
        self.companions::<Relationship>()
            .find(|relationship| relationship.from_entity == entity && relationship.attribute == attribute)
    }
}

#[cfg(test)]
mod tests;
