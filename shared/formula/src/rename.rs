//! Other names in a formula: of an entity, or of its attributes. The tree is renamed and printed, so what only looks like a name, such as a text, stays.

use std::collections::BTreeMap;

use crate::check::members::read_by;
use crate::function::Function;
use crate::parser::parse;
use crate::period::Period;
use crate::tree::{Argument, Call, Expr, Ident, Node};
use crate::value::{Entities, NoEntities};

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

/// A KPI's formula with the new names, printed in the canonical form; `None` where it has none of the old ones, so that it stays as somebody wrote it. `before` are the
/// entities as they are called until now, by which paths are followed.
#[must_use]
pub fn rename(source: &str, renames: &Renames<'_>, before: &dyn Entities) -> Option<String> {
    renamed(source, &Renaming { renames, before }, None)
}

/// The same of a derived attribute's formula, whose names are those of the entity's attributes.
#[must_use]
pub fn rename_row(source: &str, renames: &Renames<'_>) -> Option<String> {
    let before = &NoEntities;
    renamed(source, &Renaming { renames, before }, Some(renames.entity))
}

/// What can't be understood is never printed anew.
fn renamed(source: &str, renaming: &Renaming<'_>, of: Option<&str>) -> Option<String> {
    let mut parsed = parse(source);
    let is_renamed = parsed.diagnostics.is_empty() && renaming.walk(&mut parsed.tree, of);
    is_renamed.then(|| parsed.tree.to_string())
}

struct Renaming<'a> {
    renames: &'a Renames<'a>,
    before: &'a dyn Entities,
}

impl Renaming<'_> {
    /// Renames below a node, whose bare names are attributes of an entity, or of none; whether there was anything to rename.
    fn walk(&self, expr: &mut Expr, of: Option<&str>) -> bool {
        match &mut expr.node {
            Node::Error | Node::Number(_) | Node::Text(_) | Node::Boolean(_) | Node::Time(_) => false,
            Node::Name(name) => of.is_some_and(|of| self.path(of, name)),
            Node::Path(first, rest) => match of {
                Some(of) => self.beside(of, first, rest),
                None => false,
            },
            Node::Call(call) => self.call(call),
            Node::Function(Function::Fold(function), arguments) => {
                let count = function.operands().min(arguments.len());
                let (operands, settings) = arguments.split_at_mut(count);
                let read = read_by(&*operands, self.before);
                let read: Vec<String> = read.into_iter().map(str::to_owned).collect();
                let members = settings.iter_mut().next();
                members.is_some_and(|name| self.members(name, &read)) | self.each(operands, of)
            }
            Node::Function(_, arguments) => self.each(arguments, of),
            Node::Unary(_, operand) => self.walk(operand, of),
            Node::Binary(_, left, right) => self.walk(left, of) | self.walk(right, of),
            Node::In { operand, items, .. } => self.walk(operand, of) | self.each(items, of),
        }
    }

    fn each(&self, items: &mut [Expr], of: Option<&str>) -> bool {
        let items = items.iter_mut();
        items.fold(false, |renamed, item| self.walk(item, of) | renamed)
    }

    /// Renames the dimension for each value of which something of some entities is taken. One that comes to have the name of a period is written with its entity.
    fn members(&self, setting: &mut Expr, read: &[String]) -> bool {
        match &mut setting.node {
            Node::Name(name) if Period::named(name).is_none() => {
                let is_renamed = read.iter().fold(false, |renamed, of| self.path(of, name) | renamed);
                if is_renamed && Period::named(name).is_some() {
                    let ident = |name: &str| Ident {
                        span: setting.span.clone(),
                        name: name.to_owned(),
                    };
                    let (mut entity, name) = (ident(self.renames.entity), ident(name));
                    self.code(&mut entity);
                    setting.node = Node::Path(entity, name);
                }
                is_renamed
            }
            Node::Path(first, rest) => {
                let of: Vec<&String> = match read.contains(&first.name) {
                    true => read.iter().filter(|of| **of == first.name).collect(),
                    false => read.iter().collect(),
                };
                let of: Vec<String> = of.into_iter().cloned().collect();
                of.iter()
                    .fold(false, |renamed, of| self.beside(of, first, rest) | renamed)
            }
            _ => false,
        }
    }

    fn call(&self, call: &mut Call) -> bool {
        let of = call.entity.name.clone();
        let mut renamed = self.code(&mut call.entity);
        if let Some(aggregated) = &mut call.attribute {
            renamed |= self.path(&of, &mut aggregated.name);
        }
        for (before, name) in call.less.iter_mut().chain(&mut call.times) {
            renamed |= self.beside(&of, before, name);
        }
        if let Some(Argument::Values {
            entity,
            attribute,
            less,
        }) = &mut call.second
        {
            renamed |= self.beside(&of, entity, attribute);
            renamed |= less
                .as_mut()
                .is_some_and(|(before, name)| self.beside(&of, before, name));
        }
        if let Some(filter) = &mut call.filter {
            renamed |= self.walk(filter, Some(&of));
        }
        renamed
    }

    /// `Entity.attribute`, or a path from an attribute of the entity.
    fn beside(&self, of: &str, before: &mut Ident, name: &mut Ident) -> bool {
        if before.name == of {
            return self.code(before) | self.path(of, &mut name.name);
        }
        let mut path = format!("{}.{}", before.name, name.name);
        let renamed = self.path(of, &mut path);
        if let Some((first, rest)) = path.split_once('.') {
            first.clone_into(&mut before.name);
            rest.clone_into(&mut name.name);
        }
        renamed
    }

    /// Renames an attribute, or each of a path that is of the entity.
    fn path(&self, of: &str, path: &mut String) -> bool {
        let mut at = Some(of.to_owned());
        let mut names = Vec::new();
        for name in path.split('.') {
            let is_of_entity = at.as_deref() == Some(self.renames.entity);
            let new = self.renames.attributes.get(name).filter(|_| is_of_entity);
            names.push(new.map_or(name, String::as_str));
            let leads = at.as_deref().and_then(|at| self.before.leads(at, name));
            at = leads.map(|leads| leads.to.to_owned());
        }
        let new = names.join(".");
        let renamed = new != *path;
        *path = new;
        renamed
    }

    fn code(&self, entity: &mut Ident) -> bool {
        let Some(new) = self.renames.code.filter(|_| entity.name == self.renames.entity) else {
            return false;
        };
        new.clone_into(&mut entity.name);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::entities;

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
            (
                "what is taken for each value",
                "max_per(COUNT(Flight), origin) + COUNT_PER(COUNT(Flight), Flight.delay) + SUM_PER(COUNT(Flight), day)",
                Some(
                    "MAX_PER(COUNT(Leg), from_airport) + COUNT_PER(COUNT(Leg), Leg.minutes_late) + SUM_PER(COUNT(Leg), day)",
                ),
            ),
            ("what is taken of others", "MAX_PER(COUNT(Order), origin)", None),
            ("nothing of it", "COUNT( Order WHERE origin='ORD' )", None),
            ("what can't be understood", "COUNT(Flight", None),
        ] {
            assert_eq!(rename(source, &renames, &entities()).as_deref(), expected, "{name}");
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
        assert_eq!(rename("COUNT(Flight WHERE distance<15)", &renames, &NoEntities), None);
    }
}
