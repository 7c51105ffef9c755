//! Functions over the values of one row: the type that their operands have in common.

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
        let mut kind: Option<AttributeType> = None;
        let mut fits = true;
        for (argument, source) in resolved.iter().zip(arguments) {
            let Some((scalar, Some(mine))) = argument else { continue };
            match kind {
                Some(common) if !comparable(common, *mine) => {
                    fits = false;
                    let message = format!(
                        "{function} needs values of one type, and has {} and {}",
                        a(common),
                        a(*mine)
                    );
                    let diagnostic = Diagnostic::new(source.span.clone(), "type-mismatch", message);
                    self.diagnostics
                        .push(diagnostic.with_optional_hint(quotes_hint(scalar, common)));
                }
                Some(AttributeType::Decimal) => {}
                _ => kind = Some(*mine),
            }
        }
        kind.filter(|_| fits)
    }

    /// A function of numbers.
    fn numeric(&mut self, function: Numeric, arguments: &[Expr]) -> Typed<S::Reference> {
        let numbers: Vec<Typed<S::Reference>> = arguments.iter().map(|argument| self.number(argument)).collect();
        if let Some(diagnostic) = misplaced(function, arguments) {
            return self.fail(diagnostic);
        }
        let numbers = numbers.into_iter().collect::<Option<Vec<_>>>()?;
        let are_whole = numbers.iter().all(|(_, kind)| *kind == AttributeType::Integer);
        let kind = if are_whole && function.keeps_type() {
            AttributeType::Integer
        } else {
            AttributeType::Decimal
        };
        let numbers = numbers.into_iter().map(|(number, _)| number).collect();
        Some((Scalar::Function(Function::Numeric(function), numbers), kind))
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
