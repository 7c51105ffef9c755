//! Filters: conditions over the attributes of a fact, or over the dimensions of a group of facts.

use crate::diagnostic::Diagnostic;
use crate::resolve::{FilterScope, resolve_condition};
use crate::scalar::{Operand, Scalar};
use crate::tree::Expr;
use crate::value::{Entities, Value};
use std::collections::BTreeSet;
use std::fmt;

/// A checked filter. One that reads dimensions only decides alike over facts and over rollups grouped by them; any other one only over facts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Predicate {
    condition: Scalar<String>,
}

impl Predicate {
    /// Checks the filter of an aggregate over `entity`.
    pub(crate) fn check(expr: &Expr, entity: &str, entities: &dyn Entities) -> Result<Self, Vec<Diagnostic>> {
        resolve_condition(expr, FilterScope { entity, entities }).map(|condition| Self { condition })
    }

    /// Whether a row is meant; `lookup` finds the value of an attribute. Unknown is no.
    pub fn matches(&self, lookup: &dyn Fn(&str) -> Value) -> bool {
        self.condition
            .evaluate(&|name: &String| Operand::from(lookup(name)))
            .truth()
            == Some(true)
    }

    /// The attributes that the filter reads.
    #[must_use]
    pub fn attributes(&self) -> BTreeSet<&str> {
        self.condition.attributes().into_iter().map(String::as_str).collect()
    }

    /// The condition, for translation into other languages.
    #[must_use]
    pub fn condition(&self) -> &Scalar<String> {
        &self.condition
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fixtures::entities;

    fn filter(condition: &str) -> Predicate {
        let formula = crate::compile(&format!("COUNT(Flight WHERE {condition})"), &entities()).unwrap();
        formula.measures.into_iter().next().unwrap().filter.unwrap()
    }

    #[test]
    fn filters_select_rows() {
        let text = |text: &str| Value::Text(text.into());
        for (name, condition, origin, on_time, expected) in [
            (
                "a boolean dimension",
                "on_time",
                text("ORD"),
                Value::Boolean(true),
                true,
            ),
            ("not", "NOT on_time", text("ORD"), Value::Boolean(true), false),
            ("no value is not met", "on_time", text("ORD"), Value::Null, false),
            ("nor is its opposite", "NOT on_time", text("ORD"), Value::Null, false),
            ("equality", "origin = 'ORD'", text("ORD"), Value::Null, true),
            ("case matters", "origin = 'ord'", text("ORD"), Value::Null, false),
            (
                "inequality with no value",
                "origin != 'ORD'",
                Value::Null,
                Value::Null,
                false,
            ),
            ("list", "origin IN ('LAX', 'ORD')", text("ORD"), Value::Null, true),
            (
                "not in list",
                "origin NOT IN ('LAX', 'ORD')",
                text("SFO"),
                Value::Null,
                true,
            ),
            (
                "no value in a list",
                "origin IN ('LAX')",
                Value::Null,
                Value::Null,
                false,
            ),
            (
                "no value outside a list",
                "origin NOT IN ('LAX')",
                Value::Null,
                Value::Null,
                false,
            ),
            (
                "true or unknown",
                "origin = 'ORD' OR on_time",
                text("ORD"),
                Value::Null,
                true,
            ),
            (
                "unknown or true",
                "on_time OR origin = 'ORD'",
                text("ORD"),
                Value::Null,
                true,
            ),
            (
                "true and unknown",
                "origin = 'ORD' AND on_time",
                text("ORD"),
                Value::Null,
                false,
            ),
            (
                "not (false and unknown)",
                "NOT (origin = 'LAX' AND on_time)",
                text("ORD"),
                Value::Null,
                true,
            ),
            (
                "not (true and unknown)",
                "NOT (origin = 'ORD' AND on_time)",
                text("ORD"),
                Value::Null,
                false,
            ),
            ("text order is by bytes", "origin < 'a'", text("Z"), Value::Null, true),
            (
                "a value of another type",
                "origin = 'ORD'",
                Value::Integer(1),
                Value::Null,
                false,
            ),
            ("a constant", "TRUE", Value::Null, Value::Null, true),
        ] {
            let lookup = |dimension: &str| match dimension {
                "origin" => origin.clone(),
                "on_time" => on_time.clone(),
                _ => Value::Null,
            };
            assert_eq!(filter(condition).matches(&lookup), expected, "{name}");
        }
    }

    #[test]
    fn filters_know_what_they_read() {
        let filter = filter("origin = 'ORD' AND NOT (on_time OR stops IN (1, -2) OR origin = 'LAX')");
        assert_eq!(
            filter.attributes().into_iter().collect::<Vec<_>>(),
            ["on_time", "origin", "stops"]
        );
    }

    #[test]
    fn one_filter_prints_in_one_way() {
        let expected = "((origin = 'O''R') AND (NOT (stops IN (1, -2))))";
        assert_eq!(filter("origin='O''R' and not stops in (1,-2)").to_string(), expected);
        assert_eq!(
            filter("((origin = 'O''R')) AND (NOT (stops IN (1, (-2))))").to_string(),
            expected
        );
    }
}
