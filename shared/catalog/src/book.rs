//! The catalogue of one client: valid entities and KPIs that fit together, and what stands beside them.

use crate::actor::Actor;
use crate::companion::Companions;
use crate::definition::EntityDefinition;
use crate::entity::Entity;
use crate::kpi::{Kpi, KpiDefinition};
use crate::names::quoted;
use crate::pattern::ValueChainPattern;
use crate::problem::Problem;
use crate::relationship::Relationship;
use formula::{Attribute, Entities};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Valid entities and KPIs by their codes, and their companions. Cloning shares them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    entities: BTreeMap<String, Arc<Entity>>,
    kpis: BTreeMap<String, Arc<Kpi>>,
    pub(crate) relationships: BTreeMap<String, Arc<Relationship>>,
    pub(crate) actors: BTreeMap<String, Arc<Actor>>,
    pub(crate) value_chain_patterns: BTreeMap<String, Arc<ValueChainPattern>>,
}

/// How a definition of an entity is added.
type Adding = fn(&mut Catalog, EntityDefinition) -> Result<Arc<Entity>, Vec<Problem>>;

impl Entities for Catalog {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        self.entities.get(entity).map(|entity| entity.attributes())
    }

    fn names(&self) -> Vec<&str> {
        self.entities.keys().map(String::as_str).collect()
    }
}

impl Catalog {
    /// A catalogue of definitions that are given together.
    ///
    /// # Errors
    /// Everything that is wrong with them, with pointers into `{"entities": […], "kpis": […]}`. KPIs are checked
    /// against the entities that are valid.
    pub fn new(entities: Vec<EntityDefinition>, kpis: Vec<KpiDefinition>) -> Result<Self, Vec<Problem>> {
        Self::of(entities, kpis, Companions::default(), Self::add_entity)
    }

    /// A catalogue of definitions that are stored: dimensions of groupings are in the order in which their values are kept. Former codes are not checked:
    /// where two entities have one, each of them can still be read and mended. Nor are actors and patterns, by which nothing is computed.
    ///
    /// # Errors
    /// As [`Self::new`], and what is wrong with relationships, with pointers into `{"relationships": […]}`.
    pub fn stored(
        entities: Vec<EntityDefinition>,
        kpis: Vec<KpiDefinition>,
        companions: Companions,
    ) -> Result<Self, Vec<Problem>> {
        Self::of(entities, kpis, companions, Self::add_stored_entity)
    }

    fn of(
        entities: Vec<EntityDefinition>,
        kpis: Vec<KpiDefinition>,
        companions: Companions,
        add: Adding,
    ) -> Result<Self, Vec<Problem>> {
        let mut catalog = Self::default();
        let mut problems = Vec::new();
        for (index, definition) in entities.into_iter().enumerate() {
            problems.extend(below(&format!("/entities/{index}"), add(&mut catalog, definition)));
        }
        // Before formulas, which may lead along them.
        for (index, definition) in companions.relationships.into_iter().enumerate() {
            let added = catalog.add_companion(definition);
            problems.extend(below(&format!("/relationships/{index}"), added));
        }
        for (index, definition) in kpis.into_iter().enumerate() {
            problems.extend(below(&format!("/kpis/{index}"), catalog.add_known_kpi(definition)));
        }
        for actor in companions.actors {
            catalog.insert_companion(actor);
        }
        for pattern in companions.value_chain_patterns {
            catalog.insert_companion(pattern);
        }
        if problems.is_empty() {
            Ok(catalog)
        } else {
            Err(problems)
        }
    }

    /// The entity of a code.
    #[must_use]
    pub fn entity(&self, code: &str) -> Option<&Arc<Entity>> {
        self.entities.get(code)
    }

    /// The entity that has this code in upper or lower case. There is at most one: codes that differ only in case are hard for
    /// people to tell apart, and can't be told apart in names of tables.
    #[must_use]
    pub fn entity_in_any_case(&self, code: &str) -> Option<&Arc<Entity>> {
        self.entities
            .values()
            .find(|entity| entity.code().eq_ignore_ascii_case(code))
    }

    /// All entities in the order of their codes.
    pub fn entities(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.entities.values()
    }

    /// The KPI of a code.
    #[must_use]
    pub fn kpi(&self, code: &str) -> Option<&Arc<Kpi>> {
        self.kpis.get(code)
    }

    /// All KPIs in the order of their codes.
    pub fn kpis(&self) -> impl Iterator<Item = &Arc<Kpi>> {
        self.kpis.values()
    }

    /// Adds an entity.
    ///
    /// # Errors
    /// Everything that is wrong with it, or that its code is taken. Then nothing is added.
    pub fn add_entity(&mut self, definition: EntityDefinition) -> Result<Arc<Entity>, Vec<Problem>> {
        let had = self.former_code_taken(&definition);
        self.add_validated(definition, had, EntityDefinition::validate)
    }

    fn add_stored_entity(&mut self, definition: EntityDefinition) -> Result<Arc<Entity>, Vec<Problem>> {
        self.add_validated(definition, None, EntityDefinition::validate_in_order)
    }

    fn add_validated(
        &mut self,
        definition: EntityDefinition,
        had: Option<Problem>,
        validate: fn(EntityDefinition) -> Result<Entity, Vec<Problem>>,
    ) -> Result<Arc<Entity>, Vec<Problem>> {
        let taken = self.entity_in_any_case(&definition.code).map(|taken| {
            Problem::new("/code", format!("there is an entity {} already", quoted(taken.code())))
                .with_hint("choose another code, or replace that entity")
        });
        let entity = with_problem(taken.or(had), validate(definition))?;
        Ok(self.insert_entity(entity))
    }

    /// Puts an entity in the place of the one of the same code, or adds it. Only additions are accepted, because an
    /// entity has tables from the start.
    ///
    /// # Errors
    /// Everything that is wrong with it. Then nothing is replaced.
    pub fn replace_entity(&mut self, definition: EntityDefinition) -> Result<Arc<Entity>, Vec<Problem>> {
        let Some(old) = self.entities.get(&definition.code).cloned() else {
            return self.add_entity(definition);
        };
        let new = definition.validate()?.in_order_of(&old);
        old.accepts_replacement(&new)?;
        if let Some(taken) = self.former_code_taken(new.definition()) {
            return Err(vec![taken]);
        }
        let mut trial = self.clone();
        let new = trial.insert_entity(new);
        let problems = trial.recompile(new.code());
        if !problems.is_empty() {
            return Err(problems);
        }
        *self = trial;
        Ok(new)
    }

    /// Adds a KPI.
    ///
    /// # Errors
    /// Everything that is wrong with it, or that its code is taken. Then nothing is added.
    pub fn add_kpi(&mut self, definition: KpiDefinition) -> Result<Arc<Kpi>, Vec<Problem>> {
        match self.former_kpi_taken(&definition) {
            Some(taken) => Err(vec![taken]),
            None => self.add_known_kpi(definition),
        }
    }

    /// Adds one of thousands that are given together, whose former codes were checked one after the other.
    fn add_known_kpi(&mut self, definition: KpiDefinition) -> Result<Arc<Kpi>, Vec<Problem>> {
        let taken = self.kpis.contains_key(&definition.code).then(|| {
            let message = format!("there is a KPI {} already", quoted(&definition.code));
            Problem::new("/code", message).with_hint("choose another code, or replace that KPI")
        });
        let kpi = with_problem(taken, definition.validate(self))?;
        Ok(self.insert_kpi(kpi))
    }

    pub(crate) fn insert_entity(&mut self, entity: Entity) -> Arc<Entity> {
        let entity = Arc::new(entity);
        self.entities.insert(entity.code().to_owned(), Arc::clone(&entity));
        entity
    }

    pub(crate) fn remove_entity(&mut self, code: &str) {
        self.entities.remove(code);
    }

    pub(crate) fn remove_kpi(&mut self, code: &str) {
        self.kpis.remove(code);
    }

    pub(crate) fn insert_kpi(&mut self, kpi: Kpi) -> Arc<Kpi> {
        let kpi = Arc::new(kpi);
        self.kpis.insert(kpi.code().to_owned(), Arc::clone(&kpi));
        kpi
    }

    /// Compiles again the KPIs that read an entity, and says which of them it breaks.
    fn recompile(&mut self, entity: &str) -> Vec<Problem> {
        let readers: Vec<Arc<Kpi>> = self
            .kpis
            .values()
            .filter(|kpi| kpi.formula.entities().contains(entity))
            .cloned()
            .collect();
        let mut problems = Vec::new();
        for kpi in readers {
            match formula::compile(&kpi.definition.formula, self) {
                Ok(formula) => {
                    self.insert_kpi(Kpi {
                        definition: kpi.definition.clone(),
                        formula,
                    });
                }
                Err(diagnostics) => problems.extend(diagnostics.into_iter().map(|diagnostic| {
                    let message = format!(
                        "the KPI {} needs what this removes: {}",
                        quoted(kpi.code()),
                        diagnostic.message
                    );
                    Problem::new("/attributes", message).with_hint("change the KPI first")
                })),
            }
        }
        problems
    }
}

/// The result, or its problems and one more.
fn with_problem<T>(problem: Option<Problem>, result: Result<T, Vec<Problem>>) -> Result<T, Vec<Problem>> {
    match (problem, result) {
        (None, result) => result,
        (Some(problem), Ok(_)) => Err(vec![problem]),
        (Some(problem), Err(mut problems)) => {
            problems.insert(0, problem);
            Err(problems)
        }
    }
}

/// The problems of a definition that is a part of a larger document.
fn below<T>(parent: &str, result: Result<T, Vec<Problem>>) -> Vec<Problem> {
    result
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|problem| problem.below(parent))
        .collect()
}

#[cfg(test)]
mod tests;
