//! Definitions that stand beside entities and KPIs and name them: relationships, actors, patterns of value chains. What holds for all of them is here; each kind is a
//! file of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use formula::{Renames, closest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::Actor;
use crate::book::Catalog;
use crate::kpi::Kpi;
use crate::names::quoted;
use crate::pattern::ValueChainPattern;
use crate::problem::{Problem, none_or};
use crate::relationship::Relationship;

pub(crate) mod sealed {
    use super::{Arc, BTreeMap, Catalog};

    /// Where a catalogue has those of a kind, which only this crate changes.
    pub trait Held: Sized {
        fn held(catalog: &Catalog) -> &BTreeMap<String, Arc<Self>>;
        fn held_mut(catalog: &mut Catalog) -> &mut BTreeMap<String, Arc<Self>>;
    }
}

/// A kind of definitions that stand beside entities and KPIs.
pub trait Companion: sealed::Held + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What one of them is called in messages.
    const WHAT: &'static str;
    /// What all of them are called in addresses.
    const COLLECTION: &'static str;
    /// The most that a client has.
    const MOST: usize;

    /// The name in addresses.
    fn code(&self) -> &str;

    /// The entity and the attribute from which paths of formulas go along it; `None` where none do.
    fn leads_from(&self) -> Option<(&str, &str)> {
        None
    }

    /// Adds everything that is wrong with it, by itself and beside what the catalogue has.
    fn check(&self, catalog: &Catalog, problems: &mut Vec<Problem>);

    /// One of the kind as others may name it; `None` where none may.
    fn named(code: &str) -> Option<Named<'_>>;

    /// Whether it names a definition.
    fn names(&self, named: Named<'_>) -> bool;

    /// The same after an entity, or its attributes, got other names; `None` where it names none of them.
    fn renamed(&self, renames: &Renames<'_>) -> Option<Self>;

    /// The same after a KPI got another code; `None` where it does not name it.
    fn with_renamed_kpi(&self, old: &str, new: &str) -> Option<Self>;
}

/// A definition that companions name, by its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// An entity.
    Entity(&'a str),
    /// A KPI.
    Kpi(&'a str),
    /// An actor.
    Actor(&'a str),
}

/// A companion that names a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompanionName<'a> {
    /// What it is: `relationship`.
    pub what: &'static str,
    /// What all of its kind are called in addresses.
    pub collection: &'static str,
    /// Its code.
    pub code: &'a str,
}

/// Definitions of all kinds that stand beside entities and KPIs.
#[derive(Debug, Clone, Default)]
pub struct Companions {
    /// Relationships.
    pub relationships: Vec<Relationship>,
    /// Actors.
    pub actors: Vec<Actor>,
    /// Patterns of value chains.
    pub value_chain_patterns: Vec<ValueChainPattern>,
}

impl Catalog {
    /// The companion of a kind that has this code.
    #[must_use]
    pub fn companion<C: Companion>(&self, code: &str) -> Option<&Arc<C>> {
        C::held(self).get(code)
    }

    /// All companions of a kind in the order of their codes.
    pub fn companions<C: Companion>(&self) -> impl Iterator<Item = &Arc<C>> {
        C::held(self).values()
    }

    /// Adds a companion.
    ///
    /// # Errors
    /// Everything that is wrong with it, or that its code is taken. Then nothing is added.
    pub fn add_companion<C: Companion>(&mut self, definition: C) -> Result<Arc<C>, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.companion::<C>(definition.code()).is_some() {
            let message = format!("there is a {} {} already", C::WHAT, quoted(definition.code()));
            problems.push(Problem::new("/code", message).with_hint("choose another code, or replace that one"));
        }
        definition.check(self, &mut problems);
        none_or(problems, || self.insert_companion(definition))
    }

    /// Puts a companion in the place of the one of the same code. Formulas whose paths go along it follow.
    ///
    /// # Errors
    /// Everything that is wrong with it, and whom it would break. Then nothing is replaced.
    pub fn replace_companion<C: Companion>(&mut self, definition: C) -> Result<Arc<C>, Vec<Problem>> {
        let mut problems = Vec::new();
        definition.check(self, &mut problems);
        none_or(problems, || ())?;
        let old = self.companion::<C>(definition.code()).cloned();
        let mut trial = self.clone();
        let new = trial.insert_companion(definition);
        if let Some((entity, attribute)) = old.as_ref().and_then(|old| old.leads_from()) {
            none_or(trial.recompile_walkers(entity, attribute), || ())?;
        }
        *self = trial;
        Ok(new)
    }

    /// The KPIs whose paths go along a companion: while there are any, it stays.
    pub fn going_along<C: Companion>(&self, code: &str) -> impl Iterator<Item = &Arc<Kpi>> {
        let leads_from = self.companion::<C>(code).and_then(|companion| companion.leads_from());
        let goes =
            move |kpi: &&Arc<Kpi>| leads_from.is_some_and(|(entity, attribute)| kpi.goes_along(entity, attribute));
        self.kpis().filter(goes)
    }

    /// The companions that name a definition: while there are any, it stays.
    #[must_use]
    pub fn companions_of(&self, named: Named<'_>) -> Vec<CompanionName<'_>> {
        let mut found = self.naming::<Relationship>(named);
        found.extend(self.naming::<Actor>(named));
        found.extend(self.naming::<ValueChainPattern>(named));
        found
    }

    fn naming<C: Companion>(&self, named: Named<'_>) -> Vec<CompanionName<'_>> {
        let naming = self.companions::<C>().filter(|companion| companion.names(named));
        let names = naming.map(|companion| CompanionName {
            what: C::WHAT,
            collection: C::COLLECTION,
            code: companion.code(),
        });
        names.collect()
    }

    /// Has all companions follow the new names of an entity or its attributes.
    pub(crate) fn rename_in_companions(&mut self, renames: &Renames<'_>) {
        self.follow::<Relationship>(|companion| companion.renamed(renames));
        self.follow::<Actor>(|companion| companion.renamed(renames));
        self.follow::<ValueChainPattern>(|companion| companion.renamed(renames));
    }

    /// Has all companions follow a KPI to its new code.
    pub(crate) fn rename_kpi_in_companions(&mut self, old: &str, new: &str) {
        self.follow::<Relationship>(|companion| companion.with_renamed_kpi(old, new));
        self.follow::<Actor>(|companion| companion.with_renamed_kpi(old, new));
        self.follow::<ValueChainPattern>(|companion| companion.with_renamed_kpi(old, new));
    }

    fn follow<C: Companion>(&mut self, renamed: impl Fn(&C) -> Option<C>) {
        for companion in C::held_mut(self).values_mut() {
            if let Some(renamed) = renamed(companion) {
                *companion = Arc::new(renamed);
            }
        }
    }

    pub(crate) fn insert_companion<C: Companion>(&mut self, companion: C) -> Arc<C> {
        let companion = Arc::new(companion);
        C::held_mut(self).insert(companion.code().to_owned(), Arc::clone(&companion));
        companion
    }

    /// Adds a problem unless there is a definition that something names.
    pub(crate) fn check_named(&self, pointer: &str, named: Named<'_>, problems: &mut Vec<Problem>) {
        let (what, code, is_there) = match named {
            Named::Entity(code) => ("entity", code, self.entity(code).is_some()),
            Named::Kpi(code) => ("KPI", code, self.kpi(code).is_some()),
            Named::Actor(code) => (Actor::WHAT, code, self.companion::<Actor>(code).is_some()),
        };
        if is_there {
            return;
        }
        let hint = match (self.formerly_named(named), self.nearest(named)) {
            (Some(new), _) => format!("it was renamed to `{new}`"),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("define the {what} first"),
        };
        problems.push(Problem::new(pointer, format!("there is no {what} {}", quoted(code))).with_hint(hint));
    }

    /// The code that something has now that had this one.
    fn formerly_named(&self, named: Named<'_>) -> Option<&str> {
        match named {
            Named::Entity(code) => self.former_entity(code).map(|entity| entity.code()),
            Named::Kpi(code) => self.former_kpi(code).map(|kpi| kpi.code()),
            Named::Actor(_) => None,
        }
    }

    /// The code that may be meant.
    fn nearest(&self, named: Named<'_>) -> Option<&str> {
        match named {
            Named::Entity(code) => closest(code, self.entities().map(|entity| entity.code())),
            Named::Kpi(code) => closest(code, self.kpis().map(|kpi| kpi.code())),
            Named::Actor(code) => closest(code, self.companions::<Actor>().map(|actor| actor.code())),
        }
    }
}

/// Adds what is wrong with a list of codes: too many of them, one twice, or one that nothing has.
pub(crate) fn check_codes<'a>(
    catalog: &Catalog,
    pointer: &str,
    (codes, most): (impl Iterator<Item = &'a str> + Clone, usize),
    named: fn(&'a str) -> Named<'a>,
    problems: &mut Vec<Problem>,
) {
    let count = codes.clone().count();
    if count > most {
        problems.push(Problem::new(
            pointer,
            format!("{count} are named, and {most} are allowed"),
        ));
        return;
    }
    for (index, code) in codes.clone().enumerate() {
        let pointer = format!("{pointer}/{index}");
        if codes.clone().take(index).any(|earlier| earlier == code) {
            problems.push(Problem::new(pointer, format!("{} is there twice", quoted(code))));
        } else {
            catalog.check_named(&pointer, named(code), problems);
        }
    }
}

/// Renames a code in a list where it is the old one; whether it was there.
pub(crate) fn rename_code(codes: &mut [String], old: &str, new: &str) -> bool {
    let mut is_there = false;
    for code in codes.iter_mut().filter(|code| *code == old) {
        new.clone_into(code);
        is_there = true;
    }
    is_there
}

/// Holds the companions of a kind in a field of the catalogue.
macro_rules! held {
    ($kind:ty, $field:ident) => {
        impl crate::companion::sealed::Held for $kind {
            fn held(catalog: &crate::book::Catalog) -> &std::collections::BTreeMap<String, std::sync::Arc<Self>> {
                &catalog.$field
            }

            fn held_mut(
                catalog: &mut crate::book::Catalog,
            ) -> &mut std::collections::BTreeMap<String, std::sync::Arc<Self>> {
                &mut catalog.$field
            }
        }
    };
}
pub(crate) use held;

#[cfg(test)]
pub(crate) mod tests;
