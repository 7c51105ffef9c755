//! Other names: of an entity, its attributes, or a KPI. Everything that names them follows, and they keep what they were called as former names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use formula::{Renames, closest, rename, rename_kpi, rename_row};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::book::Catalog;
use crate::definition::{AttributeDefinition, EntityDefinition};
use crate::entity::Entity;
use crate::goal::would_not_fit;
use crate::kpi::Kpi;
use crate::names::quoted;
use crate::problem::{Problem, none_or};
use crate::references::in_order;
use crate::{MAX_ATTRIBUTES, MAX_BROKEN_KPIS};

/// New names of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityRename {
    /// Its new code.
    #[serde(default)]
    #[schema(pattern = "^[A-Z][A-Za-z0-9]{0,47}$", examples("Leg"))]
    pub code: Option<String>,
    /// New names of attributes by those that they have.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// The new name of a KPI.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiRename {
    /// Its new code.
    #[schema(pattern = "^[A-Z][A-Z0-9_]{0,63}$", examples("PUNCTUALITY"))]
    pub code: String,
}

/// What a rename of an entity changes.
#[derive(Debug, Clone)]
pub struct Renamed {
    /// The entity.
    pub entity: Arc<Entity>,
    /// The KPIs whose formulas, targets or thresholds named what has another name now.
    pub kpis: Vec<Arc<Kpi>>,
}

/// What a rename of a KPI changes.
#[derive(Debug, Clone)]
pub struct RenamedKpi {
    /// The KPI.
    pub kpi: Arc<Kpi>,
    /// The KPIs whose formulas, targets or thresholds name it.
    pub referrers: Vec<Arc<Kpi>>,
}

impl EntityRename {
    /// Whether an entity has these names already, by such a rename before.
    #[must_use]
    pub fn is_done(&self, code: &str, entity: &Entity) -> bool {
        let definition = entity.definition();
        let is_called = self.code.as_ref().is_none_or(|new| *new == definition.code);
        let was_called = definition.code == code || definition.formerly.iter().any(|former| former == code);
        let are_called = self.attributes.iter().all(|(old, new)| {
            let named = definition.attributes.iter().find(|attribute| attribute.name == *new);
            named.is_some_and(|attribute| attribute.formerly.contains(old))
        });
        is_called && was_called && are_called
    }
}

impl Catalog {
    /// Gives an entity of this catalogue, or its attributes, other names. Companions follow.
    ///
    /// # Errors
    /// Everything that is wrong with the names, with pointers into the rename, and what it would break. Then nothing is renamed.
    pub fn rename_entity(&mut self, old: &Entity, wanted: &EntityRename) -> Result<Renamed, Vec<Problem>> {
        let mut problems = Vec::new();
        check_attributes(old.definition(), wanted, &mut problems);
        if let Some(code) = &wanted.code {
            self.check_code(old, code, &mut problems);
        }
        none_or(problems, || ())?;
        let renames = Renames {
            entity: old.code(),
            code: wanted.code.as_deref(),
            attributes: &wanted.attributes,
        };
        let entity = definition(old.definition(), &renames).validate_in_order();
        let entity = entity.map_err(|problems| {
            problems
                .into_iter()
                .map(|problem| of_rename(problem, old))
                .collect::<Vec<_>>()
        })?;
        let mut trial = self.clone();
        trial.remove_entity(old.code());
        let entity = trial.insert_entity(entity);
        trial.rename_in_companions(&renames);
        let kpis = trial.rename_in_formulas(old.code(), &renames, self)?;
        *self = trial;
        Ok(Renamed { entity, kpis })
    }

    /// Gives a KPI of this catalogue another code. The formulas that name it follow, and so do companions.
    ///
    /// # Errors
    /// What is wrong with the code, with pointers into the rename. Then nothing is renamed.
    pub fn rename_kpi(&mut self, old: &Kpi, wanted: &KpiRename) -> Result<RenamedKpi, Vec<Problem>> {
        let mut definition = old.definition.clone();
        let former = std::mem::replace(&mut definition.code, wanted.code.clone());
        remember(&mut definition.formerly, former, &wanted.code);
        let renamed = |formula: &str| rename_kpi(formula, old.code(), &wanted.code);
        definition.change_goal(renamed);
        let mut trial = self.clone();
        trial.remove_kpi(old.code());
        // Another name makes no formula wrong that was accepted.
        let kpi = trial.add_checked_kpi(definition, formula::check_known)?;
        let above = self.computed_from(&BTreeSet::from([old.code()]));
        let mut referrers = trial.change_formulas(above, renamed)?;
        referrers.retain(|kpi| kpi.code() != wanted.code);
        let kpi = trial.kpi(&wanted.code).cloned().unwrap_or(kpi);
        trial.rename_kpi_in_companions(old.code(), kpi.code());
        *self = trial;
        Ok(RenamedKpi { kpi, referrers })
    }

    /// Codes of entities are told apart in any case, and what comes for a former code is its entity's.
    fn check_code(&self, old: &Entity, code: &str, problems: &mut Vec<Problem>) {
        if let Some(taken) = self.entity_in_any_case(code) {
            let message = format!("there is an entity {} already", quoted(taken.code()));
            problems.push(Problem::new("/code", message).with_hint("choose another code"));
            return;
        }
        let mut former = self.entities().filter(|entity| entity.code() != old.code());
        let had_it = former.find(|entity| {
            let mut former = entity.definition().formerly.iter();
            former.any(|former| former.eq_ignore_ascii_case(code))
        });
        if let Some(had_it) = had_it {
            let message = format!(
                "{} was the code of {}, and what comes for it counts there",
                quoted(code),
                quoted(had_it.code())
            );
            problems.push(
                Problem::new("/code", message)
                    .with_hint("choose another code, or take it out of that entity's `formerly`"),
            );
        }
    }

    /// Renames in the formulas of the KPIs that read an entity, or look its objects up.
    fn rename_in_formulas(
        &mut self,
        entity: &str,
        renames: &Renames<'_>,
        before: &Catalog,
    ) -> Result<Vec<Arc<Kpi>>, Vec<Problem>> {
        let readers = self.kpis().filter(|kpi| kpi.formula.required().contains(entity));
        let readers = in_order(readers).into_iter().cloned().collect();
        self.change_formulas(readers, |formula| rename(formula, renames, before))
    }

    /// Compiles KPIs again, which come each after those that it refers to, with other formulas where they get one; those that did.
    fn change_formulas(
        &mut self,
        kpis: Vec<Arc<Kpi>>,
        changed_formula: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<Arc<Kpi>>, Vec<Problem>> {
        let (mut changed, mut problems) = (Vec::new(), Vec::new());
        for known in kpis {
            let new = changed_formula(&known.definition.formula);
            let is_changed = new.is_some();
            let mut definition = known.definition.clone();
            definition.formula = new.unwrap_or(definition.formula);
            match definition.validate_known(self) {
                Ok(kpi) => {
                    let kpi = self.insert_kpi(kpi);
                    changed.extend(Some(kpi).filter(|_| is_changed));
                }
                Err(wrong) => problems.extend(wrong.into_iter().map(|problem| {
                    let message = format!("the KPI {} would not fit: {}", quoted(known.code()), problem.message);
                    Problem::new("", message).with_hint("choose another name, or change the KPI first")
                })),
            }
            if problems.len() >= MAX_BROKEN_KPIS {
                break;
            }
        }
        let mut changed = none_or(problems, || changed)?;
        changed.extend(self.change_goals(changed_formula)?);
        // A KPI whose formula and target are changed is there once, as it is in the end.
        let codes: BTreeSet<&str> = changed.iter().map(|kpi| kpi.code()).collect();
        Ok(codes.into_iter().filter_map(|code| self.kpi(code).cloned()).collect())
    }

    /// Gives targets and thresholds other formulas, and has those of all KPIs checked again; the KPIs that have others.
    fn change_goals(
        &mut self,
        changed_formula: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<Arc<Kpi>>, Vec<Problem>> {
        let kpis: Vec<Arc<Kpi>> = self.kpis().cloned().collect();
        let mut changed = Vec::new();
        for kpi in kpis {
            let mut kpi = Kpi::clone(&kpi);
            if kpi.definition.change_goal(&changed_formula) {
                changed.push(self.insert_kpi(kpi));
            }
        }
        let problems = self.set_goals(|kpi, problem| would_not_fit("", kpi, &problem));
        none_or(problems, || changed)
    }
}

/// A problem of the renamed definition as one of the rename: what is wrong with a name stands beside the old one.
fn of_rename(problem: Problem, old: &Entity) -> Problem {
    let place = problem.pointer.strip_prefix("/attributes/");
    let place = place.and_then(|place| place.split('/').next()?.parse::<usize>().ok());
    match place.and_then(|index| old.stored_attributes().get(index)) {
        Some(attribute) => Problem {
            pointer: format!("/attributes/{}", attribute.name),
            span: None,
            ..problem
        },
        None => problem,
    }
}

/// An attribute's new name is one that no event has a field of: neither another's name, nor one that another had.
fn check_attributes(definition: &EntityDefinition, wanted: &EntityRename, problems: &mut Vec<Problem>) {
    if wanted.code.is_none() && wanted.attributes.is_empty() {
        problems.push(
            Problem::new("", "nothing is renamed").with_hint("give a `code`, or `attributes` by their old names"),
        );
    }
    if wanted.attributes.len() > MAX_ATTRIBUTES {
        let message = format!(
            "{} attributes, and an entity has at most {MAX_ATTRIBUTES}",
            wanted.attributes.len()
        );
        problems.push(Problem::new("/attributes", message));
        return;
    }
    for (old, new) in &wanted.attributes {
        let pointer = format!("/attributes/{old}");
        if !definition.attributes.iter().any(|attribute| attribute.name == *old) {
            let problem = Problem::new(&pointer, format!("there is no attribute {}", quoted(old)));
            let names = definition.attributes.iter().map(|attribute| attribute.name.as_str());
            problems.push(match closest(old, names) {
                Some(near) => problem.with_hint(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
        let is_twice = wanted.attributes.iter().any(|(other, same)| other < old && same == new);
        let taken = definition
            .attributes
            .iter()
            .find(|attribute| attribute.name == *new || (attribute.name != *old && attribute.formerly.contains(new)));
        if let Some(taken) = taken {
            let message = format!("{} is a name of {}, or was one", quoted(new), quoted(&taken.name));
            problems.push(Problem::new(&pointer, message).with_hint(
                "events on their way would be taken for what they are not: choose another name, or take it out of `formerly` first",
            ));
        } else if is_twice {
            problems.push(Problem::new(
                &pointer,
                format!("two attributes can't be called {}", quoted(new)),
            ));
        }
    }
}

/// A definition with other names. The dimensions of groupings stay in the order in which their values are kept.
fn definition(old: &EntityDefinition, renames: &Renames<'_>) -> EntityDefinition {
    let mut new = old.clone();
    if let Some(code) = renames.code {
        let former = std::mem::replace(&mut new.code, code.to_owned());
        remember(&mut new.formerly, former, code);
    }
    for attribute in &mut new.attributes {
        rename_attribute(attribute, renames);
    }
    let dimensions = new.groupings.iter_mut().flat_map(|grouping| &mut grouping.dimensions);
    for name in dimensions.chain(&mut new.key).chain(&mut new.state) {
        if let Some(new) = renames.attributes.get(name) {
            name.clone_from(new);
        }
    }
    new
}

fn rename_attribute(attribute: &mut AttributeDefinition, renames: &Renames<'_>) {
    if let Some(new) = renames.attributes.get(&attribute.name) {
        let former = std::mem::replace(&mut attribute.name, new.clone());
        remember(&mut attribute.formerly, former, new);
    }
    let formula = attribute.formula.as_deref();
    if let Some(renamed) = formula.and_then(|formula| rename_row(formula, renames)) {
        attribute.formula = Some(renamed);
    }
}

/// Keeps a name that something had. One that it gets back is no former one, and one more than fit is refused by validation.
fn remember(names: &mut Vec<String>, former: String, new: &str) {
    names.retain(|name| name != new && *name != former);
    names.push(former);
}

#[cfg(test)]
mod tests;
