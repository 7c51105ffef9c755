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

/// The entity that has what a name means, itself or one that is looked up, and what it is called there.
pub(super) fn owner<'a, 'n>(entity: &'a Entity, lookups: &'a [Lookup], name: &'n str) -> Option<(&'a Entity, &'n str)> {
    match name.rsplit_once('.') {
        None => Some((entity, name)),
        Some((path, name)) => Some((&*lookups.iter().find(|lookup| lookup.path == path)?.entity, name)),
    }
}

/// The attribute of a name: of the entity, or of an object that is looked up.
pub(crate) fn attribute<'a>(entity: &'a Entity, lookups: &'a [Lookup], name: &str) -> Option<&'a AttributeDefinition> {
    let (entity, name) = owner(entity, lookups, name)?;
    entity
        .stored_attributes()
        .iter()
        .find(|attribute| attribute.name == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use catalog::{Catalog, EntityDefinition, Level, Period};
    use serde_json::{Value, json};

    use super::*;
    use crate::calendar::{Calendar, Range};
    use crate::plan::{Filter, Part, Request, Source, plan};

    fn catalog() -> Catalog {
        let text = |name: &str| json!({ "name": name, "type": "text" });
        let required = |name: &str| json!({ "name": name, "type": "text", "required": true });
        let dimension = |name: &str| json!({ "name": name, "type": "text", "dimension": true });
        let entities = [
            json!({ "code": "Order", "domain": "shop", "attributes": [
                text("customer"), text("product"), text("visit"), dimension("channel"),
                { "name": "paid", "type": "time" }, { "name": "amount", "type": "decimal" }, { "name": "stops", "type": "integer", "dimension": true }] }),
            json!({ "code": "Customer", "domain": "shop", "state": ["id"],
                "attributes": [required("id"), dimension("segment"), text("country"), text("note"), { "name": "since", "type": "time" }] }),
            json!({ "code": "Country", "domain": "shop", "state": ["code"], "attributes": [required("code"), dimension("region")] }),
            json!({ "code": "Product", "domain": "shop", "key": ["sku"], "attributes": [required("sku"), dimension("category")] }),
            json!({ "code": "Visit", "domain": "shop", "attributes": [text("number"), dimension("shop")] }),
        ];
        let entities: Vec<EntityDefinition> = entities
            .into_iter()
            .map(|entity| serde_json::from_value(entity).unwrap())
            .collect();
        let mut catalog = Catalog::new(entities, Vec::new()).unwrap();
        let relationship = |from: &str, attribute: &str, to: &str, key: &str, how: [&str; 2]| -> Value {
            json!({ "code": format!("{from}_{attribute}").to_uppercase(), "from_entity": from, "attribute": attribute,
                "to_entity": to, "key": key, "cardinality": how[0], "resolved": how[1] })
        };
        for relationship in [
            relationship("Order", "customer", "Customer", "id", ["one", "as_of_fact"]),
            relationship("Order", "product", "Product", "sku", ["one", "as_of_fact"]),
            relationship("Order", "visit", "Visit", "number", ["many", "as_of_now"]),
            relationship("Customer", "country", "Country", "code", ["one", "as_of_now"]),
        ] {
            let relationship: Relationship = serde_json::from_value(relationship).unwrap();
            catalog.add_companion(relationship).unwrap();
        }
        catalog
    }

    fn planned(formula: &str, by: &[&str], filter: &[&str]) -> Result<Vec<Part>, String> {
        let catalog = catalog();
        let kpi = catalog::KpiDefinition {
            formula: formula.to_owned(),
            ..catalog::KpiDefinition::named("KPI", "KPI")
        };
        let kpi = catalog.clone().add_kpi(kpi).unwrap();
        let values = |name: &&str| ((*name).to_owned(), BTreeSet::from(["x".to_owned()]));
        let filter: Filter = filter.iter().map(values).collect();
        let by: Vec<String> = by.iter().map(|name| (*name).to_owned()).collect();
        let from = "2026-03-10T00:00:00Z".parse().unwrap();
        let calendar = Calendar::utc();
        let request = Request {
            kpi: &kpi,
            period: Period::Day,
            range: Range {
                from,
                to: calendar.next(Period::Day, from),
            },
            filter: &filter,
            by: &by,
            now: from,
        };
        let relationship = |entity: &str, attribute: &str| catalog.relationship_of(entity, attribute);
        plan(&request, &calendar, |code| catalog.entity(code), relationship)
    }

    #[test]
    fn what_is_asked_by_a_path_is_read_of_the_facts_with_what_it_goes_through() {
        for (formula, by, filter, expected) in [
            ("SUM(Order.amount)", &["channel"][..], &[][..], None),
            (
                "SUM(Order.amount)",
                &["customer.segment"],
                &[],
                Some("customer: Customer.id AtFact"),
            ),
            (
                "SUM(Order.amount)",
                &[],
                &["product.category"],
                Some("product: Product.sku Only"),
            ),
            (
                "COUNT(Order WHERE customer.segment = 'gold')",
                &["customer.country.region"],
                &["channel"],
                Some("customer: Customer.id AtFact, customer.country: Country.code Last"),
            ),
            // The difference of two times is compared and not computed, wherever they are known.
            (
                "COUNT(Order WHERE HOURS(paid - customer.since) > 1)",
                &["customer.segment"],
                &[],
                Some("customer: Customer.id AtFact"),
            ),
            (
                "COUNT(DISTINCT Order.customer.note)",
                &[],
                &[],
                Some("customer: Customer.id AtFact"),
            ),
        ] {
            let parts = planned(formula, by, filter).unwrap();
            for part in &parts {
                let question = &part.question;
                let lookups = question.lookups.iter().map(|lookup| {
                    format!(
                        "{}: {}.{} {:?}",
                        lookup.path,
                        lookup.entity.code(),
                        lookup.key,
                        lookup.known
                    )
                });
                let lookups = lookups.collect::<Vec<_>>().join(", ");
                assert_eq!(
                    Some(lookups.as_str()).filter(|found| !found.is_empty()),
                    expected,
                    "{formula} {by:?}"
                );
                assert_eq!(question.is_pushed(), expected.is_some(), "{formula} {by:?}");
                assert_eq!(
                    (question.source, question.level),
                    (Source::Raw, Level::Day),
                    "{formula} {by:?}"
                );
            }
        }
    }

    #[test]
    fn what_can_not_be_looked_up_is_refused_with_the_reason() {
        for (formula, by, words) in [
            (
                "COUNT(Order)",
                "customer.note",
                "is not a dimension of Customer, which has segment",
            ),
            ("COUNT(Order)", "customer.nobody", "is not a dimension of Customer"),
            (
                "COUNT(Order)",
                "channel.name",
                "relationships are declared of customer, product, visit",
            ),
            ("COUNT(Order)", "visit.shop", "any number of facts of Visit"),
            ("COUNT(Order)", "a.b.c.d.e", "4 steps"),
            ("COUNT(Product)", "sku.x", "no relationship is declared from it"),
            (
                "COUNT(Order WHERE ABS(stops) = 1)",
                "customer.segment",
                "define a derived attribute of Order",
            ),
            ("AT_END(COUNT(Customer))", "country.region", "states of Customer"),
            (
                "COUNT(Order) / COUNT(Product)",
                "customer.segment",
                "\"customer\" of Product leads nowhere",
            ),
        ] {
            let refused = planned(formula, &[by], &[]).unwrap_err();
            assert!(refused.contains(words), "{formula} by {by}: {refused}");
        }
    }
}
