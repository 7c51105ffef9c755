//! Actors: roles of people who work with entities.

use formula::Renames;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::book::Catalog;
use crate::companion::{Companion, Named, check_codes, held};
use crate::names::{KPI_CODE, check_description, check_label, check_required_label};
use crate::problem::Problem;
use crate::{MAX_ACTORS, MAX_WORKS};

/// A role of people who work with entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ActorDefinition)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The name in addresses, `DISPATCHER`.
    #[schema(pattern = "^[A-Z][A-Z0-9_]{0,63}$", examples("DISPATCHER"))]
    pub code: String,
    /// The name for people, `Dispatcher`.
    #[schema(max_length = 120)]
    pub name: String,
    /// What they do, for people.
    #[serde(default)]
    pub description: String,
    /// The entities that they work with.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub works_with: Vec<Work>,
}

/// What an actor does with an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ActorWork)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Code of the entity, `Order`.
    #[schema(examples("Order"))]
    pub entity: String,
    /// What is done with it, for people: `ships`.
    #[serde(default)]
    #[schema(max_length = 120, examples("ships"))]
    pub does: String,
}

held!(Actor, actors);

impl Companion for Actor {
    const WHAT: &'static str = "actor";
    const COLLECTION: &'static str = "actors";
    const MOST: usize = MAX_ACTORS;

    fn code(&self) -> &str {
        &self.code
    }

    fn check(&self, catalog: &Catalog, problems: &mut Vec<Problem>) {
        KPI_CODE.check("/code", &self.code, problems);
        check_required_label("/name", &self.name, problems);
        check_description("/description", &self.description, problems);
        let entities = self.works_with.iter().map(|work| work.entity.as_str());
        check_codes(catalog, "/works_with", (entities, MAX_WORKS), Named::Entity, problems);
        for (index, work) in self.works_with.iter().enumerate().take(MAX_WORKS) {
            check_label(&format!("/works_with/{index}/does"), &work.does, problems);
        }
    }

    fn named(code: &str) -> Option<Named<'_>> {
        Some(Named::Actor(code))
    }

    fn names(&self, named: Named<'_>) -> bool {
        matches!(named, Named::Entity(code) if self.works_with.iter().any(|work| work.entity == code))
    }

    fn renamed(&self, renames: &Renames<'_>) -> Option<Self> {
        let code = renames.code.filter(|_| self.names(Named::Entity(renames.entity)))?;
        let mut new = self.clone();
        let works = new.works_with.iter_mut().filter(|work| work.entity == renames.entity);
        works.for_each(|work| code.clone_into(&mut work.entity));
        Some(new)
    }

    fn with_renamed_kpi(&self, _: &str, _: &str) -> Option<Self> {
        None
    }
}
