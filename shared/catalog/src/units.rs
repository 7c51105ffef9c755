//! Units that attributes declare, in formulas over one fact and in what a KPI says of itself.

use formula::{Attribute, Entities, Unit, unit_mistakes_of_row};

use crate::entity::Entity;
use crate::kpi::Kpi;
use crate::problem::Problem;

impl Entity {
    /// The unit that an attribute of numbers declares. A duration is of seconds, whatever it is said to be.
    #[must_use]
    pub fn unit(&self, attribute: &str) -> Option<Unit> {
        let attributes = self.stored_attributes().iter();
        let mut found = attributes.filter(|known| known.name == attribute && known.kind.is_plain_number());
        Unit::declared(found.next()?.unit.as_deref()?)
    }

    /// Where formulas of derived attributes add or compare what is of different units.
    pub(crate) fn unit_problems(&self) -> Vec<Problem> {
        let attributes = self.stored_attributes().iter().enumerate();
        let formulas = attributes.filter_map(|(index, attribute)| Some((index, attribute.formula.as_ref()?)));
        let mistakes = formulas.flat_map(|(index, formula)| {
            let mistakes = unit_mistakes_of_row(formula, self.code(), &Alone(self)).into_iter();
            mistakes.map(move |mistake| Problem::in_formula(&format!("/attributes/{index}/formula"), mistake))
        });
        mistakes.collect()
    }
}

/// One entity, as the formulas of its attributes see it.
struct Alone<'a>(&'a Entity);

impl Entities for Alone<'_> {
    fn attributes(&self, _entity: &str) -> Option<&[Attribute]> {
        None
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn unit(&self, _entity: &str, attribute: &str) -> Option<Unit> {
        self.0.unit(attribute)
    }
}

impl Kpi {
    /// That the unit that people are shown is another one than the formula gives. A KPI's unit is any text, so it is no mistake.
    pub(crate) fn unit_hint(&self) -> Option<Problem> {
        let (given, said) = (self.formula.unit()?, Unit::declared(&self.definition.unit)?);
        if *given == said {
            return None;
        }
        let given = match given.is_ratio() {
            true => "a ratio".to_owned(),
            false => given.to_string(),
        };
        let message = format!(
            "the unit is {}, and by its attributes the formula gives {given}",
            self.definition.unit.trim()
        );
        Some(
            Problem::new("/unit", message)
                .with_hint("write the unit that the attributes declare, or compute the one that is meant"),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::fixtures::kpi;
    use crate::{Catalog, Companions, EntityDefinition, KpiDefinition};
    use serde_json::{Value, json};

    fn order(derived: &Value) -> EntityDefinition {
        let mut order = json!({ "code": "Order", "domain": "sales", "attributes": [
            { "name": "amount", "type": "decimal", "unit": "EUR" },
            { "name": "cost", "type": "decimal", "unit": "EUR" },
            { "name": "weight", "type": "decimal", "unit": "kg" },
            { "name": "pieces", "type": "integer" }] });
        let attributes = order["attributes"].as_array_mut().unwrap();
        attributes.extend(derived.as_array().unwrap().iter().cloned());
        serde_json::from_value(order).unwrap()
    }

    fn derived(formula: &str) -> Value {
        json!([{ "name": "derived", "type": "decimal", "formula": formula }])
    }

    fn in_unit(code: &str, formula: &str, unit: &str) -> KpiDefinition {
        KpiDefinition {
            unit: unit.to_owned(),
            ..kpi(code, formula)
        }
    }

    #[test]
    fn derived_attributes_are_of_one_unit() {
        for (formula, spans) in [
            ("amount - cost", vec![]),
            ("amount + weight", vec![0..6, 9..15]),
            ("amount * pieces + weight", vec![]),
        ] {
            let found = Catalog::default()
                .add_entity(order(&derived(formula)))
                .err()
                .unwrap_or_default();
            let spans_found: Vec<_> = found.iter().filter_map(|problem| problem.span.clone()).collect();
            assert_eq!(spans_found, spans, "{formula}");
            assert!(found.iter().all(|problem| problem.pointer == "/attributes/4/formula"));
        }
    }

    #[test]
    fn what_a_kpi_says_of_its_unit_is_compared() {
        let catalog = Catalog::new(vec![order(&json!([]))], Vec::new()).unwrap();
        for (formula, unit, told) in [
            ("SUM(Order.amount)", "EUR", None),
            ("SUM(Order.amount)", "", None),
            ("SUM(Order.amount) / SUM(Order.weight)", "EUR / kg", None),
            ("SUM(Order.pieces)", "boxes", None),
            ("100 * SUM(Order.cost) / SUM(Order.amount)", "%", None),
            (
                "SUM(Order.amount)",
                "USD",
                Some("the unit is USD, and by its attributes the formula gives EUR"),
            ),
            (
                "SUM(Order.cost) / SUM(Order.amount)",
                "EUR",
                Some("the unit is EUR, and by its attributes the formula gives a ratio"),
            ),
            (
                "SUM(Order.amount)",
                "%",
                Some("the unit is %, and by its attributes the formula gives EUR"),
            ),
        ] {
            let valid = in_unit("K", formula, unit).validate(&catalog).unwrap();
            assert_eq!(
                valid.unit_hint().map(|hint| hint.message).as_deref(),
                told,
                "{formula} in {unit:?}"
            );
        }
    }

    #[test]
    fn a_change_by_which_a_kpi_would_mix_units_is_refused() {
        let kpis = vec![
            kpi("REVENUE", "SUM(Order.amount)"),
            kpi("PROFIT", "REVENUE - SUM(Order.cost)"),
        ];
        let mut catalog = Catalog::new(vec![order(&json!([]))], kpis).unwrap();
        let refused = catalog.replace_kpi(kpi("REVENUE", "SUM(Order.weight)")).unwrap_err();
        assert!(
            refused[0]
                .message
                .contains("the KPI `PROFIT` refers to it and would not fit"),
            "{refused:?}"
        );
        let mut dollars = order(&json!([]));
        dollars.attributes[1].unit = Some("USD".to_owned());
        let plan = KpiDefinition {
            target: serde_json::from_value(json!("SUM(Order.weight)")).unwrap(),
            direction: crate::Direction::HigherIsBetter,
            ..kpi("REVENUE", "SUM(Order.amount)")
        };
        let refused = catalog.replace_kpi(plan).unwrap_err();
        assert_eq!(refused[0].pointer, "/target");
        // What was accepted when units were not looked at is read, and changes with what it reads.
        let mixed = vec![kpi("PROFIT", "SUM(Order.amount) - SUM(Order.cost)")];
        assert!(Catalog::new(vec![dollars.clone()], mixed.clone()).is_err());
        let mut stored = Catalog::stored(vec![dollars.clone()], mixed, Companions::default()).unwrap();
        dollars.description = "in two currencies".to_owned();
        stored.replace_entity(dollars).unwrap();
        assert!(stored.kpi("PROFIT").unwrap().formula.mixes_units());
    }
}
