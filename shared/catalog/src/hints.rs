//! What a valid KPI or entity does that its author may not expect: told when it is defined, and no reason to refuse it.

use crate::entity::Entity;
use crate::kpi::Kpi;
use crate::problem::Problem;
use formula::{Entities, advise, advise_row};

impl Entity {
    /// What is worth knowing of the formulas of derived attributes, each with its place and what to write instead: comparisons that are neither true nor
    /// false where a value is missing.
    #[must_use]
    pub fn hints(&self) -> Vec<Problem> {
        let attributes = self.stored_attributes().iter().enumerate();
        let formulas = attributes.filter_map(|(index, attribute)| Some((index, attribute.formula.as_ref()?)));
        let hints = formulas.flat_map(|(index, formula)| {
            let advice = advise_row(formula, self.attributes()).into_iter();
            advice.map(move |advice| Problem::in_formula(&format!("/attributes/{index}/formula"), advice))
        });
        hints.collect()
    }
}

impl Kpi {
    /// What is worth knowing of the definition, each with its place and what to write instead: sums that can be empty where they are added up,
    /// conditions that leave out facts without a value, a ratio whose unit is `%`, and a unit that is not the one of its attributes.
    #[must_use]
    pub fn hints(&self, entities: &dyn Entities) -> Vec<Problem> {
        let advice = advise(&self.definition.formula, entities).into_iter();
        let mut hints: Vec<Problem> = advice.map(|advice| Problem::in_formula("/formula", advice)).collect();
        hints.extend(self.ratio_in_percent());
        hints.extend(self.unit_hint());
        hints
    }

    fn ratio_in_percent(&self) -> Option<Problem> {
        if self.definition.unit.trim() != "%" || !self.formula.finish.is_bare_ratio() {
            return None;
        }
        let message = "the unit is %, and the formula gives a ratio: a third is shown as 0.33 %";
        Some(
            Problem::new("/unit", message)
                .with_hint(format!("write 100 * ({}) as the formula", self.definition.formula)),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::Catalog;
    use crate::fixtures::{flight, kpi};

    #[test]
    fn what_a_derived_attribute_leaves_undecided_is_told() {
        let mut definition = flight();
        definition.attributes[4].formula = Some("delay < 15 AND origin != 'ORD'".to_owned());
        let told = definition.validate().unwrap().hints();
        let told: Vec<_> = told
            .iter()
            .map(|hint| (hint.pointer.as_str(), hint.span.clone()))
            .collect();
        assert_eq!(told, [("/attributes/4/formula", Some(15..30))]);
        assert_eq!(flight().validate().unwrap().hints(), []);
    }

    #[test]
    fn a_ratio_in_percent_is_told() {
        let catalog = Catalog::new(vec![flight()], Vec::new()).unwrap();
        for (unit, formula, pointers) in [
            ("%", "COUNT(Flight WHERE on_time) / COUNT(Flight)", vec!["/unit"]),
            ("%", "100 * COUNT(Flight WHERE on_time) / COUNT(Flight)", vec![]),
            (
                "%",
                "COALESCE(COUNT(Flight WHERE on_time) / COUNT(Flight) * 100, 0)",
                vec![],
            ),
            // It is in minutes.
            ("%", "AVG(Flight.delay)", vec!["/unit"]),
            ("", "COUNT(Flight WHERE on_time) / COUNT(Flight)", vec![]),
            (
                "%",
                "COUNT(Flight WHERE origin <> 'ORD') / COUNT(Flight)",
                vec!["/formula", "/unit"],
            ),
        ] {
            let mut definition = kpi("RATE", formula);
            definition.unit = unit.to_owned();
            let valid = definition.validate(&catalog).unwrap();
            let told = valid.hints(&catalog);
            let told: Vec<&str> = told.iter().map(|hint| hint.pointer.as_str()).collect();
            assert_eq!(told, pointers, "{formula} in {unit:?}");
        }
    }
}
