//! Other names in a formula: of an entity, or of its attributes. The tree is renamed and printed, so what only looks like a name, such as a text, stays.

use std::collections::BTreeMap;

use crate::parser::parse;
use crate::tree::{Argument, Expr, Ident, Node};

/// Names of one entity that change.
#[derive(Debug, Clone, Copy)]
pub struct Renames<'a> {
    /// The entity, as it is called until now.
    pub entity: &'a str,
    /// How it is called from now on, where that is something else.
    pub code: Option<&'a str>,
    /// New names of its attributes by those that they have until now.
    pub attributes: &'a BTreeMap<String, String>,
}

/// A KPI's formula with the new names, printed in the canonical form; `None` where it has none of the old ones, so that it stays as somebody wrote it.
#[must_use]
pub fn rename(source: &str, renames: &Renames<'_>) -> Option<String> {
    renamed(source, renames, false)
}

/// The same of a derived attribute's formula, whose names are those of the entity's attributes.
#[must_use]
pub fn rename_row(source: &str, renames: &Renames<'_>) -> Option<String> {
    renamed(source, renames, true)
}

/// What can't be understood is never printed anew.
fn renamed(source: &str, renames: &Renames<'_>, is_of_entity: bool) -> Option<String> {
    let mut parsed = parse(source);
    let is_renamed = parsed.diagnostics.is_empty() && walk(&mut parsed.tree, renames, is_of_entity);
    is_renamed.then(|| parsed.tree.to_string())
}

/// Renames below a node, whose bare names are attributes of the entity or are not; whether there was anything to rename.
fn walk(expr: &mut Expr, renames: &Renames<'_>, is_of_entity: bool) -> bool {
    match &mut expr.node {
        Node::Error | Node::Number(_) | Node::Text(_) | Node::Boolean(_) | Node::Time(_) => false,
        Node::Name(name) => is_of_entity && attribute(name, renames),
        Node::Path(entity, name) => path(entity, name, renames),
        Node::Call(call) => {
            let is_of_entity = call.entity.name == renames.entity;
            let mut renamed = code(&mut call.entity, renames);
            if let Some(aggregated) = call.attribute.as_mut().filter(|_| is_of_entity) {
                renamed |= attribute(&mut aggregated.name, renames);
            }
            if let Some((less_of, less)) = &mut call.less {
                renamed |= path(less_of, less, renames);
            }
            if let Some(Argument::Values {
                entity,
                attribute,
                less,
            }) = &mut call.second
            {
                renamed |= path(entity, attribute, renames);
                renamed |= less.as_mut().is_some_and(|(entity, less)| path(entity, less, renames));
            }
            if let Some(filter) = &mut call.filter {
                renamed |= walk(filter, renames, is_of_entity);
            }
            renamed
        }
        Node::Function(_, arguments) => each(arguments, renames, is_of_entity),
        Node::Unary(_, operand) => walk(operand, renames, is_of_entity),
        Node::Binary(_, left, right) => walk(left, renames, is_of_entity) | walk(right, renames, is_of_entity),
        Node::In { operand, items, .. } => walk(operand, renames, is_of_entity) | each(items, renames, is_of_entity),
    }
}

fn each(items: &mut [Expr], renames: &Renames<'_>, is_of_entity: bool) -> bool {
    let items = items.iter_mut();
    items.fold(false, |renamed, item| walk(item, renames, is_of_entity) | renamed)
}

/// `Entity.attribute`.
fn path(entity: &mut Ident, name: &mut Ident, renames: &Renames<'_>) -> bool {
    let is_of_entity = entity.name == renames.entity;
    let renamed = is_of_entity && attribute(&mut name.name, renames);
    code(entity, renames) | renamed
}

fn attribute(name: &mut String, renames: &Renames<'_>) -> bool {
    let Some(new) = renames.attributes.get(name) else {
        return false;
    };
    name.clone_from(new);
    true
}

fn code(entity: &mut Ident, renames: &Renames<'_>) -> bool {
    let Some(new) = renames.code.filter(|_| entity.name == renames.entity) else {
        return false;
    };
    new.clone_into(&mut entity.name);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_where_they_are_names() {
        let attributes = BTreeMap::from([("delay", "minutes_late"), ("origin", "from_airport")]);
        let attributes = attributes
            .into_iter()
            .map(|(old, new)| (old.to_owned(), new.to_owned()));
        let attributes = attributes.collect();
        let renames = Renames {
            entity: "Flight",
            code: Some("Leg"),
            attributes: &attributes,
        };
        for (name, source, expected) in [
            ("code", "count( Flight )", Some("COUNT(Leg)")),
            (
                "difference",
                "HOURS(AVG(Flight.landed - delay WHERE origin = 'ORD'))",
                Some("HOURS(AVG(Leg.landed - Leg.minutes_late WHERE from_airport = 'ORD'))"),
            ),
            (
                "case",
                "CASE WHEN COUNT(Flight) > 9 THEN ABS(SUM(Flight.delay)) WHEN COUNT(Order) > 9 THEN 2 ELSE 1 END",
                Some(
                    "CASE WHEN COUNT(Leg) > 9 THEN ABS(SUM(Leg.minutes_late)) WHEN COUNT(Order) > 9 THEN 2 ELSE 1 END",
                ),
            ),
            (
                "attribute and filter",
                "SUM(Flight.delay WHERE origin IN ('delay', 'Flight') AND NOT (delay < 15))",
                Some("SUM(Leg.minutes_late WHERE from_airport IN ('delay', 'Flight') AND NOT minutes_late < 15)"),
            ),
            (
                "another entity's attributes of the same name",
                "SUM(Order.delay WHERE origin = 'ORD') / COUNT(Flight)",
                Some("SUM(Order.delay WHERE origin = 'ORD') / COUNT(Leg)"),
            ),
            (
                "functions",
                "COALESCE(100 * (COUNT(Flight) - 1), 0)",
                Some("COALESCE(100 * (COUNT(Leg) - 1), 0)"),
            ),
            (
                "conditions over any attribute",
                "COUNT(Flight WHERE delay BETWEEN 1 AND 5 AND STARTS_WITH(origin, 'delay') AND at >= TIME '2026-01-01T00:00:00Z')",
                Some(
                    "COUNT(Leg WHERE minutes_late BETWEEN 1 AND 5 AND STARTS_WITH(from_airport, 'delay') AND at >= TIME '2026-01-01T00:00:00Z')",
                ),
            ),
            (
                "what an aggregate takes beside",
                "SLOPE(Flight.delay, Flight.origin - delay) + COUNT(DISTINCT Flight.origin) + PERCENTILE(Order.delay, 90)",
                Some(
                    "SLOPE(Leg.minutes_late, Leg.from_airport - Leg.minutes_late) + COUNT(DISTINCT Leg.from_airport) + PERCENTILE(Order.delay, 90)",
                ),
            ),
            (
                "periods",
                "SUM(Flight.delay) / previous(SUM(Flight.delay), 1, month)",
                Some("SUM(Leg.minutes_late) / PREVIOUS(SUM(Leg.minutes_late), 1, month)"),
            ),
            ("nothing of it", "COUNT( Order WHERE origin='ORD' )", None),
            ("what can't be understood", "COUNT(Flight", None),
        ] {
            assert_eq!(rename(source, &renames).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_row_has_the_entitys_attributes() {
        let attributes = BTreeMap::from([("delay".to_owned(), "late".to_owned())]);
        let renames = Renames {
            entity: "Flight",
            code: None,
            attributes: &attributes,
        };
        assert_eq!(rename_row("delay<15", &renames).as_deref(), Some("late < 15"));
        assert_eq!(rename_row("distance<15", &renames), None);
        assert_eq!(rename("COUNT(Flight WHERE distance<15)", &renames), None);
    }
}
