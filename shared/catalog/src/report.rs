//! What a formula is, before anything is defined by it: whether it is right, what it gives and what it reads.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::Catalog;
use crate::entity::Entity;
use formula::{AttributeType, Diagnostic, Formula, Measure};

/// What is known of a formula.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormulaReport {
    /// The canonical form; none where the form is wrong, or where it is beyond the limits in that form.
    pub canonical: Option<String>,
    /// Everything that is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// What it does that its author may not expect, if it is right.
    pub hints: Vec<Diagnostic>,
    /// The type of what it gives, if it is right. A KPI is a decimal, or a duration in seconds.
    pub result: Option<AttributeType>,
    /// The measures of a KPI's formula that is right.
    pub measures: Vec<Measure>,
    /// The attributes that it reads, by their entities, if it is right.
    pub reads: BTreeMap<String, BTreeSet<String>>,
}

impl FormulaReport {
    fn wrong(source: &str, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            canonical: formula::format(source),
            diagnostics,
            ..Self::default()
        }
    }
}

impl Catalog {
    /// What a text would be as the formula of a KPI.
    #[must_use]
    pub fn report(&self, source: &str) -> FormulaReport {
        match formula::compile(source, self) {
            Err(diagnostics) => FormulaReport::wrong(source, diagnostics),
            Ok(formula) => FormulaReport {
                canonical: formula::format(source),
                diagnostics: Vec::new(),
                hints: formula::advise(source, self),
                result: Some(formula.kind()),
                reads: reads(&formula),
                measures: formula.measures,
            },
        }
    }
}

impl Entity {
    /// What a text would be as the formula of a derived attribute.
    #[must_use]
    pub fn report(&self, source: &str) -> FormulaReport {
        let attributes = self.attributes();
        match formula::compile_row(source, attributes) {
            Err(diagnostics) => FormulaReport::wrong(source, diagnostics),
            Ok(formula) => {
                let inputs = formula.inputs().into_iter();
                let names = inputs.filter_map(|index| Some(attributes.get(index)?.name.clone()));
                FormulaReport {
                    canonical: formula::format(source),
                    hints: formula::advise_row(source, attributes),
                    result: Some(formula.kind()),
                    reads: BTreeMap::from([(self.code().to_owned(), names.collect())]),
                    ..FormulaReport::default()
                }
            }
        }
    }
}

/// What a KPI's formula reads of each entity: what it aggregates, what it filters by, and what leads it to other objects.
fn reads(formula: &Formula) -> BTreeMap<String, BTreeSet<String>> {
    let mut reads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for measure in &formula.measures {
        let of_entity = reads.entry(measure.entity.clone()).or_default();
        of_entity.extend(measure.names().into_iter().map(str::to_owned));
    }
    reads
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fixtures::flight;

    fn codes(found: &[Diagnostic]) -> Vec<&str> {
        found.iter().map(|found| found.code).collect()
    }

    fn names(reads: &BTreeMap<String, BTreeSet<String>>) -> String {
        let entities = reads.iter().map(|(entity, attributes)| {
            let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
            format!("{entity}: {}", attributes.join(" "))
        });
        entities.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_kpis_formula_is_reported() {
        let catalog = Catalog::new(vec![flight()], Vec::new()).unwrap();
        for (source, canonical, wrong, hints, result, measures, read) in [
            (
                "count(Flight where on_time)/count( Flight )",
                Some("COUNT(Flight WHERE on_time) / COUNT(Flight)"),
                vec![],
                vec![],
                Some("decimal"),
                2,
                "Flight: on_time",
            ),
            (
                "AVG(Flight.delay where origin != 'ORD')",
                Some("AVG(Flight.delay WHERE origin != 'ORD')"),
                vec![],
                vec!["missing-not-counted"],
                Some("decimal"),
                1,
                "Flight: delay origin",
            ),
            // Its form is right, its meaning is not.
            (
                "sum(Flihgt.delay)",
                Some("SUM(Flihgt.delay)"),
                vec!["unknown-entity"],
                vec![],
                None,
                0,
                "",
            ),
            ("1 +", None, vec!["expected-value"], vec![], None, 0, ""),
        ] {
            let report = catalog.report(source);
            assert_eq!(report.canonical.as_deref(), canonical, "{source}");
            assert_eq!(codes(&report.diagnostics), wrong, "{source}");
            assert_eq!(codes(&report.hints), hints, "{source}");
            assert_eq!(report.result.map(AttributeType::name), result, "{source}");
            assert_eq!(report.measures.len(), measures, "{source}");
            assert_eq!(names(&report.reads), read, "{source}");
        }
    }

    #[test]
    fn a_derived_attributes_formula_is_reported() {
        let flight = flight().validate().unwrap();
        for (source, canonical, wrong, result, read) in [
            ("delay<15", Some("delay < 15"), vec![], Some("boolean"), "Flight: delay"),
            ("nobody<15", Some("nobody < 15"), vec!["unknown-attribute"], None, ""),
            (
                "COUNT(Flight)",
                Some("COUNT(Flight)"),
                vec!["aggregate-in-row"],
                None,
                "",
            ),
        ] {
            let report = flight.report(source);
            assert_eq!(report.canonical.as_deref(), canonical, "{source}");
            assert_eq!(codes(&report.diagnostics), wrong, "{source}");
            assert_eq!(report.result.map(AttributeType::name), result, "{source}");
            assert_eq!(names(&report.reads), read, "{source}");
        }
    }
}
