//! What of each fact an aggregate takes: a number, the time between two times, or for `COUNT` whatever has a value.

use super::Checker;
use super::units::Unit;
use crate::aggregate::Aggregate;
use crate::diagnostic::{Diagnostic, quoted};
use crate::measure::Measured;
use crate::path::{Written, follow, is_path, turned};
use crate::suggest::hint_for;
use crate::tree::{Arithmetic, Call, Ident};
use crate::value::{Attribute, AttributeType};
use std::ops::Range;

/// What is aggregated, and what the values are numbers of. `Some((None, …))`: facts are counted.
pub(super) type Found = Option<(Option<Measured>, Unit)>;

impl<'a> Checker<'a> {
    /// What is aggregated.
    pub(super) fn measured(&mut self, call: &Call, attributes: &'a [Attribute], span: &Range<usize>) -> Found {
        match &call.less {
            Some((entity, from)) => self.between(call, entity, from, attributes),
            None => match &call.times {
                Some(other) => self.product(call, other, attributes, span),
                None => self.attribute(call, attributes, span),
            },
        }
    }

    /// The attribute at the end of a path.
    pub(super) fn at_end_of(&mut self, call: &Call, path: &Ident) -> Option<&'a Attribute> {
        let entities = self.entities;
        match follow(entities, &call.entity.name, Written::of(path)) {
            Ok(found) => Some(found),
            Err(diagnostic) => {
                let of_call = call.attribute.as_ref() == Some(path);
                let meant = of_call.then(|| turned(entities, call)).flatten();
                self.fail(meant.unwrap_or(diagnostic))
            }
        }
    }

    /// `Entity.one * other`: the product of two numbers of each fact.
    fn product(
        &mut self,
        call: &Call,
        (before, name): &(Ident, Ident),
        attributes: &'a [Attribute],
        span: &Range<usize>,
    ) -> Found {
        if !is_of_call(call, before, attributes) {
            return self.other_facts(call, (before, name), "product", "numbers", '*');
        }
        let other = call.named(&(before.clone(), name.clone()));
        let alone = |wanted: &Ident| Call {
            attribute: Some(wanted.clone()),
            times: None,
            ..call.clone()
        };
        let one = self.number_of(&alone(call.attribute.as_ref()?), attributes, span);
        let other = self.number_of(&alone(&other), attributes, span);
        let ((one, one_unit), (other, other_unit)) = (one?, other?);
        let unit = self.calculated(Arithmetic::Multiply, span, one_unit, other_unit)?;
        Some((Some(Measured::Product { one, other }), unit))
    }

    /// The number of a factor, whatever the aggregate takes otherwise.
    fn number_of(&mut self, call: &Call, attributes: &'a [Attribute], span: &Range<usize>) -> Option<(String, Unit)> {
        let call = match call.aggregate.counts() {
            true => Call {
                aggregate: Aggregate::Sum,
                ..call.clone()
            },
            false => call.clone(),
        };
        let (measured, unit) = self.attribute(&call, attributes, span)?;
        Some((measured?.attribute()?.to_owned(), unit))
    }

    /// What stands in one aggregate is of one fact.
    fn other_facts<T>(
        &mut self,
        call: &Call,
        (before, name): (&Ident, &Ident),
        what: &str,
        values: &str,
        operator: char,
    ) -> Option<T> {
        let (entity, one) = (&call.entity.name, call.attribute.as_ref()?);
        let message = format!(
            "{} and {} are of different facts, and a {what} is of one",
            quoted(&format!("{entity}.{}", one.name)),
            quoted(&format!("{}.{}", before.name, name.name))
        );
        let hint = format!(
            "both {values} are of one entity, as in {entity}.{} {operator} {entity}.{}",
            one.name, name.name
        );
        self.fail(Diagnostic::new(before.span.clone(), "different-entities", message).with_hint(hint))
    }

    /// The attribute of an aggregate.
    fn attribute(&mut self, call: &Call, attributes: &'a [Attribute], span: &Range<usize>) -> Found {
        let (entity, aggregate) = (&call.entity.name, call.aggregate);
        let numeric = names(attributes, AttributeType::is_numeric);
        let Some(wanted) = &call.attribute else {
            if aggregate.does_without_attribute() {
                return Some((None, Unit::Plain));
            }
            let first = if aggregate == Aggregate::Distinct {
                attributes.first().map(|attribute| attribute.name.as_str())
            } else {
                numeric.first().copied()
            };
            let example =
                first.map(|name| format!("as in {}", aggregate.usage(entity).replace(".x", &format!(".{name}"))));
            let message = format!("{aggregate} needs an attribute of {entity}");
            return self.fail(Diagnostic::new(span.clone(), "missing-attribute", message).with_optional_hint(example));
        };
        if aggregate.counts_moves() {
            let message = format!("{aggregate} counts objects, and takes no attribute of them");
            let hint = format!(
                "write {aggregate}({entity} WHERE …), with the condition that they come to meet or meet no more"
            );
            return self.fail(Diagnostic::new(wanted.span.clone(), "unexpected-attribute", message).with_hint(hint));
        }
        let found = match is_path(&wanted.name) {
            true => Some(self.at_end_of(call, wanted)?),
            false => attributes.iter().find(|attribute| attribute.name == wanted.name),
        };
        let Some(found) = found else {
            let (what, candidates) = if aggregate.counts() {
                ("its attributes are", names(attributes, |_| true))
            } else {
                ("its numbers are", numeric)
            };
            return self.unknown_attribute(entity, wanted, what, &candidates);
        };
        if aggregate.counts() || found.kind.is_numeric() {
            let unit = if found.kind == AttributeType::Duration {
                Unit::Seconds
            } else {
                Unit::Plain
            };
            return Some((Some(Measured::Attribute(wanted.name.clone())), unit));
        }
        let message = format!(
            "{aggregate} needs a number, and {} is of type {}",
            quoted(&wanted.name),
            found.kind
        );
        let hint = match (found.kind, other_time(attributes, found)) {
            (AttributeType::Boolean, _) => {
                format!("to count where it is true write COUNT({entity} WHERE {})", found.name)
            }
            (AttributeType::Time, Some([to, from])) => {
                format!("to measure the time between two times write {aggregate}({entity}.{to} - {entity}.{from})")
            }
            _ => format!("to count where it has a value write COUNT({entity}.{})", found.name),
        };
        self.fail(Diagnostic::new(wanted.span.clone(), "not-a-number", message).with_hint(hint))
    }

    /// `Entity.to - Entity.from`: both are times of one fact.
    fn between(&mut self, call: &Call, other: &Ident, from: &Ident, attributes: &'a [Attribute]) -> Found {
        let to = call.attribute.as_ref()?;
        if !is_of_call(call, other, attributes) {
            return self.other_facts(call, (other, from), "difference", "times", '-');
        }
        let from = &call.named(&(other.clone(), from.clone()));
        let ends = [to, from].map(|name| self.time(call, name, attributes));
        let [Some(()), Some(())] = ends else { return None };
        let measured = match kept_as(attributes, &to.name, &from.name) {
            Some(attribute) => Measured::Attribute(attribute.name.clone()),
            None => Measured::Between {
                from: from.name.clone(),
                to: to.name.clone(),
            },
        };
        Some((Some(measured), Unit::Seconds))
    }

    /// One of two times.
    fn time(&mut self, call: &Call, wanted: &Ident, attributes: &[Attribute]) -> Option<()> {
        let (entity, aggregate) = (&call.entity.name, call.aggregate);
        let found = match is_path(&wanted.name) {
            true => Some(self.at_end_of(call, wanted)?),
            false => attributes.iter().find(|attribute| attribute.name == wanted.name),
        };
        let Some(found) = found else {
            let times = names(attributes, |kind| kind == AttributeType::Time);
            return self.unknown_attribute(entity, wanted, "its times are", &times);
        };
        if found.kind == AttributeType::Time {
            return Some(());
        }
        let message = format!(
            "the difference in an aggregate is of two times, and {} is of type {}",
            quoted(&wanted.name),
            found.kind
        );
        let hint = match (&call.attribute, &call.less) {
            (Some(one), Some((_, other))) if matches!(aggregate, Aggregate::Sum) && found.kind.is_numeric() => {
                format!(
                    "of numbers write SUM({entity}.{}) - SUM({entity}.{})",
                    one.name, other.name
                )
            }
            _ => "define a derived attribute for what is computed of other types".to_owned(),
        };
        self.fail(Diagnostic::new(wanted.span.clone(), "not-a-time", message).with_hint(hint))
    }

    fn unknown_attribute<T>(&mut self, entity: &str, wanted: &Ident, what: &str, candidates: &[&str]) -> Option<T> {
        let message = format!("{entity} has no attribute {}", quoted(&wanted.name));
        let hint = hint_for(&wanted.name, what, candidates);
        self.fail(Diagnostic::new(wanted.span.clone(), "unknown-attribute", message).with_optional_hint(hint))
    }
}

/// Whether what stands before a point in an aggregate is its entity, or an attribute from which a path goes on.
pub(super) fn is_of_call(call: &Call, before: &Ident, attributes: &[Attribute]) -> bool {
    before.name == call.entity.name || attributes.iter().any(|attribute| attribute.name == before.name)
}

/// A time and another one of the same entity, the later one first: an entity's own time, which is often the earlier one, is its last.
fn other_time<'a>(attributes: &'a [Attribute], found: &Attribute) -> Option<[&'a str; 2]> {
    let mut times = names(attributes, |kind| kind == AttributeType::Time);
    let place = times.iter().position(|name| *name == found.name)?;
    let last = times.pop()?;
    let first = times.get(if place < times.len() { place } else { 0 })?;
    Some([first, last])
}

/// The attribute that is the difference of two times: rollups have it.
pub(crate) fn kept_as<'a>(attributes: &'a [Attribute], to: &str, from: &str) -> Option<&'a Attribute> {
    let is_it = |[its_to, its_from]: &[String; 2]| its_to == to && its_from == from;
    attributes
        .iter()
        .find(|attribute| attribute.difference.as_ref().is_some_and(is_it))
}

/// The names of the attributes of some types.
fn names(attributes: &[Attribute], fits: impl Fn(AttributeType) -> bool) -> Vec<&str> {
    let fitting = attributes.iter().filter(|attribute| fits(attribute.kind));
    fitting.map(|attribute| attribute.name.as_str()).collect()
}
