//! Paths: `customer.segment` goes from an attribute along a declared relationship to what is known of the object that it means.
//!
//! A path is a name with points in it, wherever the name of an attribute may stand: in what is aggregated, in conditions, and in the splits and filters of questions.
//! Each step leads to one object at most, so that no fact counts twice; what leads to many is refused with what was probably meant.

use crate::MAX_PATH_STEPS;
use crate::diagnostic::{Diagnostic, quoted};
use crate::suggest::hint_for;
use crate::tree::{Call, Expr, Ident, Node};
use crate::value::{Attribute, Entities};
use std::ops::Range;

/// A step of a path: an attribute of an entity leads to another entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathStep {
    /// The entity that it starts from.
    pub entity: String,
    /// Its attribute.
    pub attribute: String,
    /// The entity that it leads to.
    pub to: String,
}

/// Whether a name is a path.
#[must_use]
pub fn is_path(name: &str) -> bool {
    name.contains('.')
}

/// The paths of the objects that are looked up for a name: of `customer.country.code` they are `customer` and `customer.country`.
pub fn lookups(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').filter_map(|(at, _)| name.get(..at))
}

/// A path in its source.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    /// With a point between its names.
    pub(crate) name: &'a str,
    pub(crate) span: &'a Range<usize>,
}

impl<'a> Written<'a> {
    pub(crate) fn of(ident: &'a Ident) -> Self {
        Self {
            name: &ident.name,
            span: &ident.span,
        }
    }

    /// Where one of its names stands; the whole where there are spaces between them.
    fn part(self, from: usize, length: usize) -> Range<usize> {
        if self.span.len() != self.name.len() {
            return self.span.clone();
        }
        let start = self.span.start + from;
        start..start + length
    }
}

/// The attribute that a path ends at, or why it does not get there.
pub(crate) fn follow<'e>(
    entities: &'e dyn Entities,
    entity: &str,
    path: Written<'_>,
) -> Result<&'e Attribute, Diagnostic> {
    let steps = lookups(path.name).count();
    if steps > MAX_PATH_STEPS {
        let message = format!("the path has {steps} steps, and {MAX_PATH_STEPS} are allowed");
        let hint = "keep what is needed often as an attribute of an entity that is nearer";
        return Err(Diagnostic::new(path.span.clone(), "path-too-long", message).with_hint(hint));
    }
    let mut at = entity;
    let mut before = 0;
    for part in lookups(path.name).map(|path| path.get(path.rfind('.').map_or(0, |point| point + 1)..)) {
        let name = part.unwrap_or_default();
        let span = path.part(before, name.len());
        find(entities, at, name, &span)?;
        at = step(entities, at, name, &span)?;
        before += name.len() + 1;
    }
    let last = path.name.get(before..).unwrap_or_default();
    find(entities, at, last, &path.part(before, last.len()))
}

/// The attribute of a name.
fn find<'e>(
    entities: &'e dyn Entities,
    entity: &str,
    name: &str,
    span: &Range<usize>,
) -> Result<&'e Attribute, Diagnostic> {
    let attributes = entities.attributes(entity).unwrap_or_default();
    let found = attributes.iter().find(|attribute| attribute.name == name);
    found.ok_or_else(|| {
        if let Some([from, attribute]) = referring(entities, entity, name) {
            let message = against(entity, from);
            let hint = format!(
                "aggregate {from}, whose {attribute} leads to one {entity}: as in COUNT({from}), or COUNT(DISTINCT {from}.{attribute} WHERE …)"
            );
            return Diagnostic::new(span.clone(), "path-to-many", message).with_hint(hint);
        }
        let names: Vec<&str> = attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        let message = format!("{entity} has no attribute {}", quoted(name));
        let hint = hint_for(name, &format!("the attributes of {entity} are"), &names);
        Diagnostic::new(span.clone(), "unknown-attribute", message).with_optional_hint(hint)
    })
}

/// The entity that an attribute leads to.
fn step<'e>(entities: &'e dyn Entities, entity: &str, name: &str, span: &Range<usize>) -> Result<&'e str, Diagnostic> {
    let Some(leads) = entities.leads(entity, name) else {
        let message = format!(
            "{} of {entity} leads nowhere: no relationship says which object it means",
            quoted(name)
        );
        let hint = format!(
            "declare one with POST /v1/relationships: \"from_entity\": \"{entity}\", \"attribute\": \"{name}\""
        );
        return Err(Diagnostic::new(span.clone(), "no-relationship", message).with_hint(hint));
    };
    if leads.is_to_one {
        return Ok(leads.to);
    }
    let to = leads.to;
    let message = format!(
        "{} of {entity} leads to any number of facts of {to}, and one of {entity} would count once for each",
        quoted(name)
    );
    let hint = format!(
        "aggregate {to} itself, as in COUNT({to}), or give it a key, or the state of its objects, and declare the cardinality one"
    );
    Err(Diagnostic::new(span.clone(), "path-to-many", message).with_hint(hint))
}

/// The entity, with its attribute, that refers to another one and is meant by a name: `Order`, `order` or `orders`.
fn referring<'e>(entities: &'e dyn Entities, entity: &str, name: &str) -> Option<[&'e str; 2]> {
    let singular = name.strip_suffix('s').unwrap_or(name);
    let mut referring = entities.referring(entity).into_iter();
    referring.find(|[from, _]| from.eq_ignore_ascii_case(name) || from.eq_ignore_ascii_case(singular))
}

fn against(entity: &str, from: &str) -> String {
    format!("any number of facts of {from} refer to one {entity}, which would count once for each of them")
}

/// What is wrong with an aggregate over a path against the direction of a relationship, with the aggregate that was probably meant: `SUM(Order.amount WHERE
/// customer.segment = 'gold')` for `SUM(Customer.orders.amount WHERE segment = 'gold')`.
pub(crate) fn turned(entities: &dyn Entities, call: &Call) -> Option<Diagnostic> {
    let wanted = call.attribute.as_ref()?;
    let (first, rest) = wanted.name.split_once('.')?;
    let entity = &call.entity.name;
    let is_own = |attribute: &Attribute| attribute.name == first;
    if entities.attributes(entity)?.iter().any(is_own) {
        return None;
    }
    let [from, attribute] = referring(entities, entity, first)?;
    let mut meant = call.clone();
    from.clone_into(&mut meant.entity.name);
    meant.attribute = Some(Ident {
        name: rest.to_owned(),
        ..wanted.clone()
    });
    if let Some(filter) = &mut meant.filter {
        prefix(filter, attribute);
    }
    let hint = format!("aggregate {from}, whose {attribute} leads to one {entity}: {meant}");
    Some(Diagnostic::new(wanted.span.clone(), "path-to-many", against(entity, from)).with_hint(hint))
}

/// Has all names begin with an attribute that leads to what they are of.
fn prefix(expr: &mut Expr, attribute: &str) {
    let ident = |name: String| Ident { span: 0..0, name };
    match &mut expr.node {
        Node::Name(name) => expr.node = Node::Path(ident(attribute.to_owned()), ident(name.clone())),
        Node::Path(first, rest) => {
            let name = format!("{}.{}", first.name, rest.name);
            expr.node = Node::Path(ident(attribute.to_owned()), ident(name));
        }
        Node::Unary(_, operand) => prefix(operand, attribute),
        Node::Binary(_, left, right) => {
            prefix(left, attribute);
            prefix(right, attribute);
        }
        Node::In { operand, items, .. } => {
            prefix(operand, attribute);
            items.iter_mut().for_each(|item| prefix(item, attribute));
        }
        Node::Function(_, arguments) => arguments.iter_mut().for_each(|argument| prefix(argument, attribute)),
        Node::Error | Node::Number(_) | Node::Text(_) | Node::Boolean(_) | Node::Time(_) | Node::Call(_) => {}
    }
}

/// The steps of a path from an entity, as far as it leads; none of a plain name.
#[must_use]
pub fn path_steps(entities: &dyn Entities, entity: &str, path: &str) -> Vec<PathStep> {
    let mut at = entity.to_owned();
    let mut steps = Vec::new();
    for lookup in lookups(path) {
        let attribute = lookup.rsplit('.').next().unwrap_or(lookup);
        let Some(leads) = entities.leads(&at, attribute) else {
            break;
        };
        let to = leads.to.to_owned();
        steps.push(PathStep {
            entity: std::mem::replace(&mut at, to.clone()),
            attribute: attribute.to_owned(),
            to,
        });
    }
    steps
}

/// The entity that the last name of a path is of, and that name: what is known of it is asked there.
pub(crate) fn owner<'p>(entities: &dyn Entities, entity: &str, path: &'p str) -> (String, &'p str) {
    let last = path.rsplit('.').next().unwrap_or(path);
    let steps = path_steps(entities, entity, path);
    let owner = steps.last().map_or(entity, |step| step.to.as_str());
    (owner.to_owned(), last)
}

#[cfg(test)]
mod tests;
