//! `ANY` and `ALL` of truth values: two counts, so that rollups by a dimension answer them.

use super::units::Unit;
use super::{Checker, Counted};
use crate::aggregate::Aggregate;
use crate::choice::{Choice, Condition};
use crate::diagnostic::{Diagnostic, quoted};
use crate::finish::Finish;
use crate::path::is_path;
use crate::suggest::hint_for;
use crate::tree::{BinaryOperator, Call, Comparison, Expr, Ident, Node};
use crate::value::AttributeType;
use rust_decimal::Decimal;
use std::ops::Range;

impl Checker<'_> {
    /// 1 or 0, and no value where no fact has one.
    pub(super) fn quantified(&mut self, call: &Call, span: &Range<usize>) -> Counted {
        let flag = self.flag(call, span)?;
        let counted = |attribute: Option<Ident>, filter: Option<Expr>| Call {
            aggregate: Aggregate::Count,
            entity: call.entity.clone(),
            attribute,
            less: None,
            times: None,
            second: None,
            filter,
        };
        let is_true = Expr::new(flag.span.clone(), Node::named(&flag));
        let is_true = match &call.filter {
            Some(filter) => {
                let span = filter.span.clone();
                Expr::new(
                    span,
                    Node::Binary(BinaryOperator::And, Box::new(filter.clone()), Box::new(is_true)),
                )
            }
            None => is_true,
        };
        let (present, _) = self.measure(&counted(Some(flag), call.filter.clone()), span)?;
        let (flagged, _) = self.measure(&counted(None, Some(is_true)), span)?;
        let (present, flagged) = (Finish::Measure(present), Finish::Measure(flagged));
        let (zero, one) = (Finish::Number(Decimal::ZERO), Finish::Number(Decimal::ONE));
        let has_any = Condition::Compare(Comparison::Greater, present.clone(), zero.clone());
        let decided = match call.aggregate {
            Aggregate::All => (Condition::Compare(Comparison::Less, flagged, present), zero.clone()),
            _ => (
                Condition::Compare(Comparison::Greater, flagged, zero.clone()),
                one.clone(),
            ),
        };
        let otherwise = if call.aggregate == Aggregate::All { one } else { zero };
        let choice = Choice {
            arms: vec![decided, (has_any, otherwise)],
            otherwise: None,
        };
        Some((Finish::If(Box::new(choice)), Unit::Plain))
    }

    /// The truth value of each fact.
    fn flag(&mut self, call: &Call, span: &Range<usize>) -> Option<Ident> {
        let (aggregate, entity) = (call.aggregate, &call.entity.name);
        let Some(attributes) = self.entities.attributes(entity) else {
            let diagnostic = self.unknown_entity(&call.entity);
            return self.fail(diagnostic);
        };
        let flags: Vec<&str> = attributes
            .iter()
            .filter(|attribute| attribute.kind == AttributeType::Boolean)
            .map(|attribute| attribute.name.as_str())
            .collect();
        let Some(wanted) = &call.attribute else {
            let message = format!("{aggregate} needs a truth value of each {entity}");
            let hint = match (flags.first(), &call.filter) {
                (_, Some(filter)) if aggregate == Aggregate::Any => {
                    format!("to ask whether there is one write IF(COUNT({entity} WHERE {filter}) > 0, 1, 0)")
                }
                (Some(flag), _) => format!("as in {aggregate}({entity}.{flag})"),
                (None, _) => "define a derived boolean for it".to_owned(),
            };
            return self.fail(Diagnostic::new(span.clone(), "missing-attribute", message).with_hint(hint));
        };
        if call.less.is_some() || call.times.is_some() || call.second.is_some() {
            let message = format!("{aggregate} takes one truth value");
            let hint = format!("write {}", aggregate.usage(entity));
            return self.fail(Diagnostic::new(span.clone(), "wrong-arguments", message).with_hint(hint));
        }
        let found = match is_path(&wanted.name) {
            true => Some(self.at_end_of(call, wanted)?),
            false => attributes.iter().find(|attribute| attribute.name == wanted.name),
        };
        match found {
            Some(found) if found.kind == AttributeType::Boolean => Some(wanted.clone()),
            Some(found) => {
                let message = format!(
                    "{aggregate} needs a truth value, and {} is of type {}",
                    quoted(&wanted.name),
                    found.kind
                );
                let hint = "define a derived boolean, as in late: delay > 15";
                self.fail(Diagnostic::new(wanted.span.clone(), "not-a-condition", message).with_hint(hint))
            }
            None => {
                let message = format!("{entity} has no attribute {}", quoted(&wanted.name));
                let hint = hint_for(&wanted.name, "its truth values are", &flags);
                self.fail(Diagnostic::new(wanted.span.clone(), "unknown-attribute", message).with_optional_hint(hint))
            }
        }
    }
}
