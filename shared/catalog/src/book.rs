//! The catalogue of one client: valid entities and KPIs that fit together, and what stands beside them.

use crate::actor::Actor;
use crate::companion::Companions;
use crate::definition::EntityDefinition;
use crate::entity::Entity;
use crate::goal::{self, would_not_fit};
use crate::kpi::{Kpi, KpiDefinition};
use crate::names::quoted;
use crate::pattern::ValueChainPattern;
use crate::problem::{Problem, none_or};
use crate::references::{Defining, in_order, order};
use crate::relationship::{Cardinality, Relationship};
use formula::{Attribute, Diagnostic, Entities, Formula, Leads, Parsed, Referred, Unit};
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

/// How the formula of a KPI is checked.
pub(crate) type Checking = fn(&Parsed, &dyn Entities) -> Result<Formula, Vec<Diagnostic>>;

/// How a definition of an entity is added.
type Adding = fn(&mut Catalog, EntityDefinition) -> Result<Arc<Entity>, Vec<Problem>>;

impl Entities for Catalog {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        self.entities.get(entity).map(|entity| entity.attributes())
    }

    fn names(&self) -> Vec<&str> {
        self.entities.keys().map(String::as_str).collect()
    }

    fn is_state(&self, entity: &str) -> bool {
        self.entities.get(entity).is_some_and(|entity| entity.is_state())
    }

    fn unit(&self, entity: &str, attribute: &str) -> Option<Unit> {
        self.entities.get(entity)?.unit(attribute)
    }

    fn is_grouped(&self, entity: &str, dimensions: &[String]) -> bool {
        let groupings = self.entities.get(entity).map_or(&[][..], |entity| entity.groupings());
        let has_all = |known: &[String]| dimensions.iter().all(|name| known.contains(name));
        groupings.iter().any(|grouping| has_all(&grouping.dimensions))
    }

    fn leads(&self, entity: &str, attribute: &str) -> Option<Leads<'_>> {
        self.relationship_of(entity, attribute).map(|relationship| Leads {
            to: &relationship.to_entity,
            is_to_one: relationship.cardinality == Cardinality::One,
        })
    }

    fn referring(&self, entity: &str) -> Vec<[&str; 2]> {
        let referring = self
            .relationships
            .values()
            .filter(|relationship| relationship.to_entity == entity);
        referring
            .map(|relationship| [relationship.from_entity.as_str(), relationship.attribute.as_str()])
            .collect()
    }

    fn kpi(&self, code: &str) -> Option<Referred<'_>> {
        self.kpis.get(code).map(|kpi| Referred::Formula(&kpi.formula))
    }

    fn kpi_codes(&self) -> Vec<&str> {
        self.kpis.keys().map(String::as_str).collect()
    }
}

impl Catalog {
    /// A catalogue of definitions that are given together.
    ///
    /// # Errors
    /// Everything that is wrong with them, with pointers into `{"entities": […], "kpis": […]}`. KPIs are checked
    /// against the entities that are valid.
    pub fn new(entities: Vec<EntityDefinition>, kpis: Vec<KpiDefinition>) -> Result<Self, Vec<Problem>> {
        Self::of(
            entities,
            kpis,
            Companions::default(),
            (Self::add_entity, formula::check),
        )
    }

    /// A catalogue of definitions that are stored: dimensions of groupings are in the order in which their values are kept. Former codes are not checked:
    /// where two entities have one, each of them can still be read and mended. Nor are units, which were not looked at once, nor companions: what they name was there when they were stored.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn stored(
        entities: Vec<EntityDefinition>,
        kpis: Vec<KpiDefinition>,
        companions: Companions,
    ) -> Result<Self, Vec<Problem>> {
        Self::of(
            entities,
            kpis,
            companions,
            (Self::add_stored_entity, formula::check_known),
        )
    }

    fn of(
        entities: Vec<EntityDefinition>,
        kpis: Vec<KpiDefinition>,
        companions: Companions,
        (add, check): (Adding, Checking),
    ) -> Result<Self, Vec<Problem>> {
        let mut catalog = Self::default();
        let mut problems = Vec::new();
        for (index, definition) in entities.into_iter().enumerate() {
            let found = add(&mut catalog, definition).err().unwrap_or_default();
            problems.extend(below(&format!("/entities/{index}"), found));
        }
        // Formulas go along them.
        for relationship in companions.relationships {
            catalog.insert_companion(relationship);
        }
        problems.extend(catalog.add_kpis(kpis, check));
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
        let entity = self.validated(definition, had, EntityDefinition::validate)?;
        let mixed = entity.unit_problems();
        none_or(mixed, || self.insert_entity(entity))
    }

    fn add_stored_entity(&mut self, definition: EntityDefinition) -> Result<Arc<Entity>, Vec<Problem>> {
        let entity = self.validated(definition, None, EntityDefinition::validate_in_order)?;
        Ok(self.insert_entity(entity))
    }

    /// The entity of a definition whose code is free, or everything that is wrong with it.
    fn validated(
        &self,
        definition: EntityDefinition,
        had: Option<Problem>,
        validate: fn(EntityDefinition) -> Result<Entity, Vec<Problem>>,
    ) -> Result<Entity, Vec<Problem>> {
        let taken = self.entity_in_any_case(&definition.code).map(|taken| {
            Problem::new("/code", format!("there is an entity {} already", quoted(taken.code())))
                .with_hint("choose another code, or replace that entity")
        });
        with_problem(taken.or(had), validate(definition))
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
        // What was mixed before stays as it is.
        if old.unit_problems().is_empty() {
            none_or(new.unit_problems(), || ())?;
        }
        let mut trial = self.clone();
        let new = trial.insert_entity(new);
        let problems = trial.recompile_readers(new.code());
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
        self.add_checked_kpi(definition, formula::check)
    }

    /// The same of one whose formula is checked in some way.
    pub(crate) fn add_checked_kpi(
        &mut self,
        definition: KpiDefinition,
        check: Checking,
    ) -> Result<Arc<Kpi>, Vec<Problem>> {
        if let Some(taken) = self.former_kpi_taken(&definition) {
            return Err(vec![taken]);
        }
        let kpi = with_problem(self.kpi_taken(&definition), definition.validate_checked(self, check))?;
        Ok(self.insert_kpi(kpi))
    }

    /// Adds thousands that are given together, whose former codes were checked one after the other: each after those that it refers to.
    fn add_kpis(&mut self, definitions: Vec<KpiDefinition>, check: Checking) -> Vec<Problem> {
        let parsed = definitions.into_iter().map(|definition| {
            let parsed = formula::parse(&definition.formula);
            (definition, parsed)
        });
        let parsed: Vec<(KpiDefinition, Parsed)> = parsed.collect();
        let (order, mut unfit) = order(&parsed);
        let mut problems: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
        for index in order {
            let Some((definition, parsed)) = parsed.get(index) else {
                continue;
            };
            let names = Defining::among(self, &definition.code, &unfit);
            let kpi = with_problem(
                self.kpi_taken(definition),
                definition.clone().validate_among(parsed, &names, check),
            );
            match kpi {
                Ok(kpi) => drop(self.insert_kpi(kpi)),
                Err(found) => {
                    unfit.is_broken(&definition.code);
                    problems.insert(index, below(&format!("/kpis/{index}"), found));
                }
            }
        }
        self.add_goals(&parsed, &mut problems);
        problems.into_values().flatten().collect()
    }

    /// Adds the targets and thresholds of those that were added together. They may name any of them.
    fn add_goals(&mut self, definitions: &[(KpiDefinition, Parsed)], problems: &mut BTreeMap<usize, Vec<Problem>>) {
        for (index, (definition, _)) in definitions.iter().enumerate() {
            let Some(kpi) = self
                .kpis
                .get(&definition.code)
                .filter(|_| !problems.contains_key(&index))
            else {
                continue;
            };
            match goal::compile(kpi, self) {
                Ok(None) => {}
                Ok(goal) => {
                    let kpi = Kpi::clone(kpi);
                    self.insert_kpi(Kpi { goal, ..kpi });
                }
                Err(found) => drop(problems.insert(index, below(&format!("/kpis/{index}"), found))),
            }
        }
    }

    fn kpi_taken(&self, definition: &KpiDefinition) -> Option<Problem> {
        self.kpis.contains_key(&definition.code).then(|| {
            let message = format!("there is a KPI {} already", quoted(&definition.code));
            Problem::new("/code", message).with_hint("choose another code, or replace that KPI")
        })
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

    /// Compiles again the KPIs whose paths go along a relationship that is another one now, or is gone, and says which of them it breaks.
    pub(crate) fn recompile_walkers(&mut self, entity: &str, attribute: &str) -> Vec<Problem> {
        let walkers = self.kpis.values().filter(|kpi| kpi.goes_along(entity, attribute));
        let walkers: Vec<Arc<Kpi>> = in_order(walkers).into_iter().cloned().collect();
        let mut problems = self.recompile(walkers, |kpi, diagnostic| {
            let message = format!(
                "the KPI {} goes along it and would not fit: {}",
                quoted(kpi.code()),
                diagnostic.message
            );
            Problem::new("", message).with_hint("change the KPI first")
        });
        if problems.is_empty() {
            problems = self.set_goals(|kpi, problem| would_not_fit("", kpi, &problem));
        }
        problems
    }

    /// Compiles again the KPIs that read an entity, and says which of them it breaks.
    fn recompile_readers(&mut self, entity: &str) -> Vec<Problem> {
        let readers = self.kpis.values().filter(|kpi| kpi.formula.required().contains(entity));
        let readers: Vec<Arc<Kpi>> = in_order(readers).into_iter().cloned().collect();
        let mut problems = self.recompile(readers, |kpi, diagnostic| {
            let message = format!(
                "the KPI {} needs what this removes: {}",
                quoted(kpi.code()),
                diagnostic.message
            );
            Problem::new("/attributes", message).with_hint("change the KPI first")
        });
        if problems.is_empty() {
            problems = self.set_goals(|kpi, problem| would_not_fit("/attributes", kpi, &problem));
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
fn below(parent: &str, problems: Vec<Problem>) -> Vec<Problem> {
    let problems = problems.into_iter();
    problems.map(|problem| problem.below(parent)).collect()
}

#[cfg(test)]
mod tests;
