//! What a valid KPI does that its author may not expect: told when it is defined, and no reason to refuse it.

use crate::kpi::Kpi;
use crate::problem::Problem;
use formula::{Entities, advise};

impl Kpi {
    /// What is worth knowing of the definition, each with its place and what to write instead: sums that can be empty where they are added up,
    /// conditions that leave out facts without a value, and a ratio whose unit is `%`.
    #[must_use]
    pub fn hints(&self, entities: &dyn Entities) -> Vec<Problem> {
        let advice = advise(&self.definition.formula, entities).into_iter();
        let mut hints: Vec<Problem> = advice.map(|advice| Problem::in_formula("/formula", advice)).collect();
        hints.extend(self.ratio_in_percent());
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
            ("%", "AVG(Flight.delay)", vec![]),
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
