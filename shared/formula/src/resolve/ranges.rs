//! Conditions that are functions: ranges, and how one text lies in another.

use super::{Resolver, Scope, Typed, a};
use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::scalar::Scalar;
use crate::text::TextTest;
use crate::tree::Expr;
use crate::value::AttributeType;

impl<S: Scope> Resolver<S> {
    /// `x BETWEEN low AND high`: both bounds are compared with the operand.
    pub(super) fn between(&mut self, [operand, low, high]: [&Expr; 3]) -> Typed<S::Reference> {
        let checked = self.value(operand);
        let bounds = [low, high].map(|bound| (bound, self.value(bound)));
        let (operand, kind) = checked?;
        let mut arguments = vec![operand];
        let mut fits = true;
        for (expr, bound) in bounds {
            let Some((bound, its_kind)) = bound else {
                fits = false;
                continue;
            };
            let are_ordered = self.are_comparable(&expr.span, (&arguments[0], kind), (&bound, its_kind), true);
            fits &= are_ordered.is_some();
            arguments.push(bound);
        }
        fits.then_some((Scalar::Function(Function::Between, arguments), AttributeType::Boolean))
    }

    /// `STARTS_WITH(text, part)` and its kin.
    pub(super) fn text_test(&mut self, test: TextTest, arguments: &[Expr]) -> Typed<S::Reference> {
        let texts: Vec<Option<Scalar<S::Reference>>> =
            arguments.iter().map(|argument| self.text(test, argument)).collect();
        let texts = texts.into_iter().collect::<Option<Vec<_>>>()?;
        Some((Scalar::Function(Function::Text(test), texts), AttributeType::Boolean))
    }

    fn text(&mut self, test: TextTest, argument: &Expr) -> Option<Scalar<S::Reference>> {
        let (scalar, kind) = self.value(argument)?;
        if kind == AttributeType::Text {
            return Some(scalar);
        }
        let text = argument.to_string();
        let message = format!("{test} takes texts, and {} is {}", quoted(&text), a(kind));
        let hint = format!("a text is written in single quotes, as in {test}(name, 'x')");
        self.fail(Diagnostic::new(argument.span.clone(), "not-a-text", message).with_hint(hint))
    }
}
