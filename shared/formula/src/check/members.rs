//! Of what each value is that a function of several values takes: of each period, or for each value of a dimension.
//!
//! A dimension is named as a question names what it is split by, `symbol` or `customer.segment`, and is one of every entity that the expressions read. An entity
//! may stand before it, as in `Trade.symbol`: what has the name of a period is told from the period so.

use super::Checker;
use super::windows;
use crate::diagnostic::{Diagnostic, quoted};
use crate::fold::FoldFunction;
use crate::function::Function;
use crate::path::{Written, follow, is_path};
use crate::period::Period;
use crate::reference::{Referred, operands_of};
use crate::scope::MAX_MEMBER_DIMENSIONS;
use crate::suggest::{closest, hint_for};
use crate::tree::{Expr, Node};
use crate::value::{Attribute, Entities};
use std::collections::BTreeSet;
use std::ops::Range;

/// Of what each value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Each {
    /// Of each of several periods.
    Period(Period),
    /// For each value of a dimension.
    Member(String),
}

/// The entities whose facts some expressions read, by way of other KPIs too.
pub(crate) fn read_by<'e>(
    operands: impl IntoIterator<Item = &'e Expr>,
    entities: &'e dyn Entities,
) -> BTreeSet<&'e str> {
    let mut found = BTreeSet::new();
    operands
        .into_iter()
        .for_each(|operand| collect(operand, entities, &mut found));
    found.retain(|entity| entities.attributes(entity).is_some());
    found
}

fn collect<'e>(expr: &'e Expr, entities: &'e dyn Entities, found: &mut BTreeSet<&'e str>) {
    match &expr.node {
        Node::Call(call) => drop(found.insert(&call.entity.name)),
        Node::Name(name) => {
            if let Some(Referred::Formula(formula)) = entities.kpi(name) {
                found.extend(formula.entities());
            }
        }
        Node::Function(function, arguments) => {
            let operands = arguments.iter().take(operands_of(*function));
            operands.for_each(|operand| collect(operand, entities, found));
        }
        Node::Unary(_, operand) | Node::In { operand, .. } => collect(operand, entities, found),
        Node::Binary(_, left, right) => {
            collect(left, entities, found);
            collect(right, entities, found);
        }
        Node::Error | Node::Number(_) | Node::Text(_) | Node::Boolean(_) | Node::Time(_) | Node::Path(..) => {}
    }
}

/// The dimension that is named where a period may stand, without the entity before it; `None` where it is a period, or no name.
pub(crate) fn dimension_named(setting: &Expr, read: &BTreeSet<&str>) -> Option<String> {
    match &setting.node {
        Node::Name(name) => Period::named(name).is_none().then(|| name.clone()),
        Node::Path(first, rest) if read.contains(first.name.as_str()) => Some(rest.name.clone()),
        Node::Path(first, rest) => Some(format!("{}.{}", first.name, rest.name)),
        _ => None,
    }
}

impl Checker<'_> {
    /// Of what each value is, by what stands behind the expressions.
    pub(super) fn each(&self, function: FoldFunction, operands: &[Expr], setting: &Expr) -> Result<Each, Diagnostic> {
        let read = read_by(operands, self.entities);
        let Some(name) = dimension_named(setting, &read) else {
            return windows::period(setting).map(Each::Period);
        };
        let first = name.split('.').next().unwrap_or(&name);
        let is_own = |entity: &&&str| attribute(self.entities, entity, first).is_some();
        if !read.is_empty() && read.iter().find(is_own).is_none() {
            return Err(self.unknown(&name, setting, &read));
        }
        if function.is_of_time() {
            return Err(no_order(function, &name, &setting.span));
        }
        let mut kind = None;
        for entity in &read {
            let found = self.dimension(entity, &name, setting, &read)?;
            let (before, known) = *kind.get_or_insert((*entity, found.kind));
            if known != found.kind {
                let message = format!(
                    "{} is of type {known} in {before} and of type {} in {entity}: what is one value in both can't be told",
                    quoted(&name),
                    found.kind
                );
                let hint = self.shared(&read);
                return Err(Diagnostic::new(setting.span.clone(), "type-mismatch", message).with_hint(hint));
            }
        }
        Ok(Each::Member(name))
    }

    /// A dimension of one of the entities that are read.
    fn dimension(
        &self,
        entity: &str,
        name: &str,
        setting: &Expr,
        read: &BTreeSet<&str>,
    ) -> Result<&Attribute, Diagnostic> {
        let span = &setting.span;
        if !is_path(name) && attribute(self.entities, entity, name).is_none() {
            let others: Vec<&str> = read.iter().copied().filter(|other| *other != entity).collect();
            let message = format!(
                "{entity} has no attribute {}, and {} is read beside it: what is taken for each value is taken of both",
                quoted(name),
                others.join(", ")
            );
            let hint = self.shared(read);
            return Err(Diagnostic::new(span.clone(), "unknown-attribute", message).with_hint(hint));
        }
        let found = follow(self.entities, entity, Written { name, span })?;
        if found.dimension {
            return Ok(found);
        }
        let message = format!(
            "{} of {entity} is no dimension, so it may have as many values as there are facts",
            quoted(name)
        );
        let hint = self.shared(read);
        Err(Diagnostic::new(span.clone(), "not-a-dimension", message).with_hint(hint))
    }

    /// What no entity that is read has.
    fn unknown(&self, name: &str, setting: &Expr, read: &BTreeSet<&str>) -> Diagnostic {
        let span = setting.span.clone();
        if let Node::Path(first, rest) = &setting.node
            && self.entities.attributes(&first.name).is_some()
        {
            let message = format!("{} is not among what is read: {}", quoted(&first.name), list(read));
            let hint = format!("name a dimension of it, as in {}", rest.name);
            return Diagnostic::new(span, "different-entities", message).with_hint(hint);
        }
        let shared = self.shared_by(read);
        let periods = Period::NAMES.map(str::to_ascii_uppercase);
        let words = periods.iter().map(String::as_str);
        match closest(name, words.chain(shared.iter().copied())) {
            Some(near) if shared.contains(&near) => {
                let message = format!("{} has no attribute {}", list(read), quoted(name));
                Diagnostic::new(span, "unknown-attribute", message).with_hint(format!("did you mean `{near}`?"))
            }
            Some(near) => {
                let message = format!(
                    "expected the name of a period or of a dimension, found {}",
                    quoted(name)
                );
                Diagnostic::new(span, "unknown-period", message).with_hint(format!("did you mean `{near}`?"))
            }
            None => {
                let message = format!(
                    "expected the name of a period or of a dimension, found {}",
                    quoted(name)
                );
                let hint = format!("{}; {}", self.shared(read), crate::period::UnknownPeriod::names());
                Diagnostic::new(span, "unknown-period", message).with_hint(hint)
            }
        }
    }

    /// The dimensions that all entities have, of one type in all.
    fn shared_by(&self, read: &BTreeSet<&str>) -> Vec<&str> {
        shared_by(self.entities, read)
    }

    /// The same in words.
    fn shared(&self, read: &BTreeSet<&str>) -> String {
        let what = match read.len() {
            1 => format!("the dimensions of {} are", list(read)),
            _ => format!("the dimensions that {} have in common are", list(read)),
        };
        hint_for("", &what, &self.shared_by(read)).unwrap_or_else(|| format!("{} share no dimension", list(read)))
    }

    /// Why a function can't be taken for each value of a dimension inside of what is around it.
    pub(super) fn misplaced_members(
        &self,
        who: &str,
        per: &BTreeSet<String>,
        span: &Range<usize>,
    ) -> Option<Diagnostic> {
        if let Some(same) = self.per.intersection(per).next() {
            let message =
                format!("{who} is over the values of {same}, and what is around it takes one of them at a time");
            let hint = "leave one of the two functions out";
            return Some(Diagnostic::new(span.clone(), "nested-members", message).with_hint(hint));
        }
        (self.per.len() + per.len() > MAX_MEMBER_DIMENSIONS).then(|| {
            let message =
                format!("values of more than {MAX_MEMBER_DIMENSIONS} dimensions are taken one inside of the other");
            let hint = "define a dimension that is both of them, as a derived attribute or as one that is sent";
            Diagnostic::new(span.clone(), "too-many-dimensions", message).with_hint(hint)
        })
    }
}

/// The dimensions that all of some entities have, of one type in all.
pub(crate) fn shared_by<'e>(entities: &'e dyn Entities, read: &BTreeSet<&str>) -> Vec<&'e str> {
    let Some(first) = read.first() else { return Vec::new() };
    let of_first = entities.attributes(first).unwrap_or_default().iter();
    let is_shared = |wanted: &&Attribute| {
        let found = |entity: &&str| attribute(entities, entity, &wanted.name);
        let is_like = |found: &Attribute| found.dimension && found.kind == wanted.kind;
        read.iter().all(|entity| found(entity).is_some_and(is_like))
    };
    of_first
        .filter(is_shared)
        .map(|attribute| attribute.name.as_str())
        .collect()
}

fn attribute<'e>(entities: &'e dyn Entities, entity: &str, name: &str) -> Option<&'e Attribute> {
    let attributes = entities.attributes(entity)?.iter();
    attributes.clone().find(|attribute| attribute.name == name)
}

fn list(read: &BTreeSet<&str>) -> String {
    read.iter().copied().collect::<Vec<_>>().join(" and ")
}

fn no_order(function: FoldFunction, dimension: &str, span: &Range<usize>) -> Diagnostic {
    let name = Function::Fold(function).name();
    let message = format!("{name} takes what follows each other in time, and values of {dimension} do not");
    let hint = format!("MIN_PER, MAX_PER and MEDIAN_PER need no order; {name} takes periods, as in {name}(x, DAY)");
    Diagnostic::new(span.clone(), "no-order", message).with_hint(hint)
}

#[cfg(test)]
mod tests;
