//! Functions over the values of one row: the type that their operands have in common.

use super::durations::{is_nothing, unit_hint};
use super::{Resolver, Scope, Typed, a, comparable, quotes_hint};
use crate::diagnostic::Diagnostic;
use crate::function::Function;
use crate::scalar::Scalar;
use crate::tree::Expr;
use crate::value::{AttributeType, Value};
use rust_decimal::Decimal;

impl<S: Scope> Resolver<S> {
    /// A call. Its operands are of one type, which is that of the result; of integers and decimals it is decimal.
    pub(super) fn function(&mut self, function: Function, arguments: &[Expr]) -> Typed<S::Reference> {
        if let (Some(_), [duration]) = (function.unit_s(), arguments) {
            return self.unit(function, duration);
        }
        let (condition, operands) = match (function, arguments) {
            (Function::If, [condition, operands @ ..]) => (Some(self.condition(condition)), operands),
            (_, operands) => (None, operands),
        };
        let resolved: Vec<(Typed<S::Reference>, &Expr)> =
            operands.iter().map(|operand| (self.value(operand), operand)).collect();
        let is_duration = |typed: &Typed<S::Reference>| matches!(typed, Some((_, AttributeType::Duration)));
        let has_durations = resolved.iter().any(|(typed, _)| is_duration(typed));
        let mut kind: Option<AttributeType> = None;
        let mut fits = true;
        for (scalar, operand) in &resolved {
            let Some((scalar, mine)) = scalar else { continue };
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
                    let diagnostic = Diagnostic::new(operand.span.clone(), "type-mismatch", message);
                    let hint = quotes_hint(scalar, common).or_else(|| unit_hint(common, mine));
                    self.diagnostics.push(diagnostic.with_optional_hint(hint));
                }
                Some(AttributeType::Decimal) => {}
                _ => kind = Some(mine),
            }
        }
        let kind = kind.filter(|_| fits)?;
        let condition = match condition {
            Some(condition) => Some(condition?),
            None => None,
        };
        let operands: Vec<Scalar<S::Reference>> = resolved
            .into_iter()
            .map(|(scalar, _)| scalar.map(|(scalar, mine)| widened(scalar, mine, kind)))
            .collect::<Option<_>>()?;
        Some((
            Scalar::Function(function, condition.into_iter().chain(operands).collect()),
            kind,
        ))
    }
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
