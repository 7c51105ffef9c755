//! KPIs that are computed from other KPIs: the order in which they are compiled, what is computed from what, and what a change of one does to the others.
//!
//! A KPI's checked formula has the expressions of all that it refers to inside of it, so each is compiled once, after those that it refers to, and what asks for its
//! value needs to know nothing of them. When one changes, those that are computed from it are compiled anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use formula::{Attribute, Entities, Formula, Leads, Parsed, Referred, Unit, references};

use crate::MAX_BROKEN_KPIS;
use crate::book::Catalog;
use crate::goal::would_not_fit;
use crate::kpi::{Kpi, KpiDefinition};
use crate::names::quoted;
use crate::problem::{Problem, none_or};

/// A catalogue as the formula of one of its KPIs sees it, which must not come back to itself.
pub(crate) struct Defining<'a> {
    catalog: &'a Catalog,
    code: &'a str,
    /// The KPIs that are computed from it until now.
    above: BTreeSet<String>,
    unfit: &'a Unfit,
}

/// KPIs of definitions that are given together, and that can't be computed.
#[derive(Default)]
pub(crate) struct Unfit {
    /// Those that have mistakes.
    broken: BTreeSet<String>,
    /// Those that lead round in a circle, each with one that it refers to and that does so, too.
    circular: BTreeMap<String, String>,
}

/// That none is.
static FIT: Unfit = Unfit {
    broken: BTreeSet::new(),
    circular: BTreeMap::new(),
};

impl<'a> Defining<'a> {
    /// A KPI that is added, or replaces the one of its code.
    pub(crate) fn anew(catalog: &'a Catalog, code: &'a str) -> Self {
        let above = catalog.computed_from(&BTreeSet::from([code]));
        Self {
            above: above.iter().map(|kpi| kpi.code().to_owned()).collect(),
            ..Self::among(catalog, code, &FIT)
        }
    }

    /// One of several that are added together.
    pub(crate) fn among(catalog: &'a Catalog, code: &'a str, unfit: &'a Unfit) -> Self {
        Self {
            catalog,
            code,
            above: BTreeSet::new(),
            unfit,
        }
    }
}

impl Entities for Defining<'_> {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        self.catalog.attributes(entity)
    }

    fn is_state(&self, entity: &str) -> bool {
        self.catalog.is_state(entity)
    }

    fn names(&self) -> Vec<&str> {
        self.catalog.names()
    }

    fn unit(&self, entity: &str, attribute: &str) -> Option<Unit> {
        self.catalog.unit(entity, attribute)
    }

    fn is_grouped(&self, entity: &str, dimensions: &[String]) -> bool {
        self.catalog.is_grouped(entity, dimensions)
    }

    fn leads(&self, entity: &str, attribute: &str) -> Option<Leads<'_>> {
        self.catalog.leads(entity, attribute)
    }

    fn referring(&self, entity: &str) -> Vec<[&str; 2]> {
        self.catalog.referring(entity)
    }

    fn kpi(&self, code: &str) -> Option<Referred<'_>> {
        if code == self.code {
            return Some(Referred::Circular(vec![code.to_owned(); 2]));
        }
        if self.above.contains(code) {
            let back = self.catalog.way(code, self.code);
            return Some(Referred::Circular([vec![self.code.to_owned()], back].concat()));
        }
        if self.unfit.circular.contains_key(code) {
            return Some(Referred::Circular(self.unfit.way(self.code, code)));
        }
        let is_broken = self.unfit.broken.contains(code);
        let known = self.catalog.kpi(code).map(|kpi| Referred::Formula(&kpi.formula));
        known.or_else(|| is_broken.then_some(Referred::Broken))
    }

    fn kpi_codes(&self) -> Vec<&str> {
        self.catalog.kpi_codes()
    }
}

impl Unfit {
    pub(crate) fn is_broken(&mut self, code: &str) {
        self.broken.insert(code.to_owned());
    }

    /// The way from a KPI by what it refers to until one comes again, shortened where it is long.
    fn way(&self, from: &str, to: &str) -> Vec<String> {
        let mut way = vec![from.to_owned()];
        let mut next = Some(to);
        while let Some(code) = next {
            if way.len() > formula::MAX_REFERENCE_LEVELS {
                way.push("…".to_owned());
                break;
            }
            let is_again = way.iter().any(|passed| passed == code);
            way.push(code.to_owned());
            next = self.circular.get(code).map(String::as_str).filter(|_| !is_again);
        }
        way
    }
}

/// The order in which definitions that are given together are compiled, each after those that it refers to, and those that lead round in a circle, which come last.
pub(crate) fn order(definitions: &[(KpiDefinition, Parsed)]) -> (Vec<usize>, Unfit) {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, (definition, _)) in definitions.iter().enumerate() {
        places.entry(&definition.code).or_insert(index);
    }
    let below = definitions.iter().map(|(_, parsed)| {
        let names = references(parsed).into_iter();
        names.filter_map(|name| places.get(name).copied()).collect()
    });
    let below: Vec<Vec<usize>> = below.collect();
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); definitions.len()];
    for (index, below) in below.iter().enumerate() {
        for below in below {
            above.get_mut(*below).into_iter().for_each(|above| above.push(index));
        }
    }
    let mut waits_for: Vec<usize> = below.iter().map(Vec::len).collect();
    let all = 0..definitions.len();
    let mut ready: VecDeque<usize> = all.clone().filter(|index| waits_for.get(*index) == Some(&0)).collect();
    let mut order = Vec::with_capacity(definitions.len());
    while let Some(index) = ready.pop_front() {
        order.push(index);
        for above in above.get(index).into_iter().flatten() {
            let Some(left) = waits_for.get_mut(*above) else {
                continue;
            };
            *left -= 1;
            ready.extend((*left == 0).then_some(*above));
        }
    }
    let waits = |index: &usize| waits_for.get(*index).is_some_and(|left| *left > 0);
    let code = |index: usize| definitions.get(index).map(|(definition, _)| definition.code.clone());
    let circular: Vec<usize> = all.filter(waits).collect();
    let next = circular.iter().filter_map(|index| {
        let next = below.get(*index)?.iter().find(|below| waits(below))?;
        Some((code(*index)?, code(*next)?))
    });
    let unfit = Unfit {
        broken: BTreeSet::new(),
        circular: next.collect(),
    };
    order.extend(circular);
    (order, unfit)
}

impl Catalog {
    /// The other KPIs whose formulas name a KPI, or whose targets and thresholds do.
    pub fn referrers(&self, code: &str) -> impl Iterator<Item = &Arc<Kpi>> {
        self.kpis().filter(move |kpi| kpi.code() != code && kpi.names(code))
    }

    /// The KPIs that are computed from some, directly or by way of others, each after those that it refers to.
    pub(crate) fn computed_from(&self, codes: &BTreeSet<&str>) -> Vec<Arc<Kpi>> {
        let mut from: BTreeSet<&str> = codes.clone();
        let mut found = Vec::new();
        for kpi in in_order(self.kpis()) {
            let is_above = kpi.refers_to.iter().any(|referred| from.contains(referred.as_str()));
            if is_above && from.insert(kpi.code()) {
                found.push(Arc::clone(kpi));
            }
        }
        found
    }

    /// The way from a KPI to one that it is computed from, both included.
    fn way(&self, from: &str, to: &str) -> Vec<String> {
        let mut came: BTreeMap<&str, &str> = BTreeMap::new();
        let mut next = VecDeque::from([from]);
        while let Some(code) = next.pop_front().filter(|code| *code != to) {
            for referred in self.kpi(code).into_iter().flat_map(|kpi| &kpi.refers_to) {
                came.entry(referred).or_insert_with(|| {
                    next.push_back(referred);
                    code
                });
            }
        }
        let mut way = vec![to.to_owned()];
        let mut at = to;
        while let Some(before) = came.get(at).filter(|_| at != from) {
            way.push((*before).to_owned());
            at = before;
        }
        way.reverse();
        way
    }

    /// Puts a KPI in the place of the one of the same code, or adds it. Those that are computed from it follow.
    ///
    /// # Errors
    /// Everything that is wrong with it, and whom it would break. Then nothing is replaced.
    pub fn replace_kpi(&mut self, definition: KpiDefinition) -> Result<Arc<Kpi>, Vec<Problem>> {
        if let Some(taken) = self.former_kpi_taken(&definition) {
            return Err(vec![taken]);
        }
        let mut trial = self.clone();
        let kpi = trial.insert_kpi(definition.validate(self)?);
        let above = trial.computed_from(&BTreeSet::from([kpi.code()]));
        let mut problems = trial.recompile(above, |above, diagnostic| {
            let message = format!(
                "the KPI {} refers to it and would not fit: {}",
                quoted(above.code()),
                diagnostic.message
            );
            Problem::new("/formula", message).with_hint("change that KPI first")
        });
        if problems.is_empty() {
            problems = trial.set_goals(|held, problem| match held.code() == kpi.code() {
                true => problem,
                false => would_not_fit("/formula", held, &problem),
            });
        }
        none_or(problems, || ())?;
        *self = trial;
        Ok(self.kpi(kpi.code()).cloned().unwrap_or(kpi))
    }

    /// A KPI's formula as the catalogue is now. One that mixed units already, because they were not looked at once, may go on.
    fn compiled_again(&self, kpi: &Kpi) -> Result<Formula, Vec<formula::Diagnostic>> {
        let parsed = formula::parse(&kpi.definition.formula);
        match kpi.formula.mixes_units() {
            true => formula::check_known(&parsed, self),
            false => formula::check(&parsed, self),
        }
    }

    /// Compiles KPIs again, which come each after those that it refers to, and says which of them don't fit any more. What is above one of those is not looked at.
    pub(crate) fn recompile(
        &mut self,
        kpis: Vec<Arc<Kpi>>,
        told: impl Fn(&Kpi, &formula::Diagnostic) -> Problem,
    ) -> Vec<Problem> {
        let mut unfit: BTreeSet<String> = BTreeSet::new();
        let mut problems = Vec::new();
        for kpi in kpis {
            if problems.len() >= MAX_BROKEN_KPIS {
                break;
            }
            let compiled = match kpi.refers_to.iter().any(|referred| unfit.contains(referred)) {
                true => Err(Vec::new()),
                false => self.compiled_again(&kpi),
            };
            match compiled {
                Ok(formula) => drop(self.insert_kpi(Kpi {
                    formula,
                    ..Kpi::clone(&kpi)
                })),
                Err(diagnostics) => {
                    unfit.insert(kpi.code().to_owned());
                    problems.extend(diagnostics.iter().map(|diagnostic| told(&kpi, diagnostic)));
                }
            }
        }
        problems
    }
}

/// KPIs each after those that it refers to.
pub(crate) fn in_order<'k>(kpis: impl Iterator<Item = &'k Arc<Kpi>>) -> Vec<&'k Arc<Kpi>> {
    let mut kpis: Vec<&Arc<Kpi>> = kpis.collect();
    kpis.sort_by_key(|kpi| kpi.formula.levels());
    kpis
}

#[cfg(test)]
mod tests;
