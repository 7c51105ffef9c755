//! Functions over the values of one row: the type that their operands have in common.

use super::durations::{UNIT_HINT, is_nothing, unit_hint};
use super::{Resolver, Scope, Typed, a, comparable, literal, quotes_hint};
use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::numeric::{MAX_PLACES, Numeric};
use crate::scalar::Scalar;
use crate::tree::{Expr, Node};
use crate::value::{AttributeType, Value};
use rust_decimal::Decimal;

/// A checked argument with its type, which a condition needs none of; `None` where the trouble is already reported.
type Argument<A> = Option<(Scalar<A>, Option<AttributeType>)>;

impl<S: Scope> Resolver<S> {
    /// A call, of which the arguments are checked for their own diagnostics too.
    pub(super) fn function(&mut self, function: Function, arguments: &[Expr]) -> Typed<S::Reference> {
        if let Function::Numeric(numeric) = function {
            return self.numeric(numeric, arguments);
        }
        if let Function::Window(_) | Function::Fold(_) = function {
            let message = format!("{function} is of other periods, or of several values, and this is about one fact");
            let span = arguments.first().map_or(0..0, |argument| argument.span.clone());
            let diagnostic = Diagnostic::new(span, "window-in-row", message);
            return self.fail(diagnostic.with_hint("it belongs outside of WHERE, in the formula of a KPI"));
        }
        if let (Some(_), [duration]) = (function.unit_s(), arguments) {
            return self.unit(function, duration);
        }
        if let (Function::AtStart | Function::AtEnd, [argument]) = (function, arguments) {
            let message = format!("{function} is of the states of many objects, and this is about one fact");
            let diagnostic = Diagnostic::new(argument.span.clone(), "aggregate-in-row", message);
            return self.fail(diagnostic.with_hint("it belongs outside of WHERE, in the formula of a KPI"));
        }
        let resolved: Vec<Argument<S::Reference>> = arguments
            .iter()
            .enumerate()
            .map(|(index, argument)| {
                if function == Function::If && index % 2 == 0 && index + 1 < arguments.len() {
                    self.condition(argument).map(|condition| (condition, None))
                } else {
                    self.value(argument).map(|(scalar, kind)| (scalar, Some(kind)))
                }
            })
            .collect();
        let kind = self.common(function, &resolved, arguments)?;
        let widened = |(scalar, mine): (Scalar<S::Reference>, Option<AttributeType>)| match mine {
            Some(mine) => widened(scalar, mine, kind),
            None => scalar,
        };
        let arguments: Option<_> = resolved.into_iter().map(|argument| argument.map(widened)).collect();
        Some((Scalar::Function(function, arguments?), kind))
    }

    /// The type that the values among the arguments have in common; of integers and decimals it is decimal.
    fn common(
        &mut self,
        function: Function,
        resolved: &[Argument<S::Reference>],
        arguments: &[Expr],
    ) -> Option<AttributeType> {
        let has_durations = resolved
            .iter()
            .flatten()
            .any(|(_, kind)| *kind == Some(AttributeType::Duration));
        let mut kind: Option<AttributeType> = None;
        let mut fits = true;
        for (argument, source) in resolved.iter().zip(arguments) {
            let Some((scalar, Some(mine))) = argument else { continue };
            // A duration of nothing needs no unit.
            let mine = if has_durations && is_nothing(scalar) {
                AttributeType::Duration
            } else {
                *mine
            };
            match kind {
                Some(common) if !comparable(common, mine) => {
                    fits = false;
                    let message = format!(
                        "{function} needs values of one type, and has {} and {}",
                        a(common),
                        a(mine)
                    );
                    let diagnostic = Diagnostic::new(source.span.clone(), "type-mismatch", message);
                    let hint = quotes_hint(scalar, common).or_else(|| unit_hint(common, mine));
                    self.diagnostics.push(diagnostic.with_optional_hint(hint));
                }
                Some(AttributeType::Decimal) => {}
                _ => kind = Some(mine),
            }
        }
        kind.filter(|_| fits)
    }

    /// A function of numbers; of durations too where it gives one of them.
    fn numeric(&mut self, function: Numeric, arguments: &[Expr]) -> Typed<S::Reference> {
        let amounts: Vec<Typed<S::Reference>> = arguments.iter().map(|argument| self.amount(argument)).collect();
        if let Some(diagnostic) = misplaced(function, arguments) {
            return self.fail(diagnostic);
        }
        let amounts = amounts.into_iter().collect::<Option<Vec<_>>>()?;
        let is_duration = |kind: &AttributeType| *kind == AttributeType::Duration;
        let odd = if !amounts.iter().any(|(_, kind)| is_duration(kind)) {
            None
        } else if function.takes_durations() {
            amounts
                .iter()
                .position(|(scalar, kind)| !is_duration(kind) && !is_nothing(scalar))
        } else {
            amounts.iter().position(|(_, kind)| is_duration(kind))
        };
        if let Some(expr) = odd.and_then(|odd| arguments.get(odd)) {
            let message = if function.takes_durations() {
                format!("{function} needs values of one type, and has a duration and a number")
            } else {
                format!("{function} takes numbers, and not a duration")
            };
            return self.fail(Diagnostic::new(expr.span.clone(), "type-mismatch", message).with_hint(UNIT_HINT));
        }
        let kind = if amounts.iter().any(|(_, kind)| is_duration(kind)) {
            AttributeType::Duration
        } else if function.keeps_type() && amounts.iter().all(|(_, kind)| *kind == AttributeType::Integer) {
            AttributeType::Integer
        } else {
            AttributeType::Decimal
        };
        let amounts = amounts.into_iter().map(|(amount, _)| amount).collect();
        Some((Scalar::Function(Function::Numeric(function), amounts), kind))
    }
}

/// What is wrong with where `ROUND` rounds to: that is part of the formula's text, so that whoever reads it knows how many places there are.
pub(crate) fn misplaced(function: Numeric, arguments: &[Expr]) -> Option<Diagnostic> {
    let (Numeric::Round, [_, places]) = (function, arguments) else {
        return None;
    };
    let allowed = -MAX_PLACES..=MAX_PLACES;
    let fits = matches!(literal(places), Some(Value::Integer(places)) if allowed.contains(&places));
    if fits || places.node == Node::Error {
        return None;
    }
    let message = format!(
        "ROUND takes a whole number of places from -{MAX_PLACES} to {MAX_PLACES}, and {} is none",
        quoted(&places.to_string())
    );
    let diagnostic = Diagnostic::new(places.span.clone(), "wrong-places", message);
    Some(diagnostic.with_hint("for cents write ROUND(x, 2), for thousands ROUND(x, -3)"))
}

/// A value of type `from` as one of type `to`: whole numbers among decimals are decimals, so that what is computed of them does not
/// depend on which of them it was.
fn widened<A>(scalar: Scalar<A>, from: AttributeType, to: AttributeType) -> Scalar<A> {
    match scalar {
        scalar if from == to => scalar,
        Scalar::Constant(Value::Integer(integer)) => Scalar::Constant(Value::Decimal(Decimal::from(integer))),
        scalar => Scalar::Widen(Box::new(scalar)),
    }
}
