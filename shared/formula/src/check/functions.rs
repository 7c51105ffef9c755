//! Functions and conditions over measures.

use super::Checker;
use crate::choice::{Choice, Condition};
use crate::diagnostic::{Diagnostic, quoted};
use crate::finish::Finish;
use crate::function::Function;
use crate::resolve::{literal, misplaced};
use crate::tree::{BinaryOperator, Expr, Node, UnaryOperator};
use rust_decimal::Decimal;

impl Checker<'_> {
    /// A function where a number belongs. All arguments are checked, for their own diagnostics.
    pub(super) fn function(&mut self, function: Function, arguments: &[Expr]) -> Option<Finish> {
        match (function, arguments) {
            (Function::Coalesce, operands) => {
                let operands: Vec<Option<Finish>> = operands.iter().map(|operand| self.number(operand)).collect();
                operands.into_iter().collect::<Option<_>>().map(Finish::Coalesce)
            }
            (Function::If, arguments) => self.choice(arguments).map(|choice| Finish::If(Box::new(choice))),
            (Function::Numeric(function), operands) => {
                let numbers: Vec<Option<Finish>> = operands.iter().map(|operand| self.number(operand)).collect();
                if let Some(diagnostic) = misplaced(function, operands) {
                    return self.fail(diagnostic);
                }
                let numbers = numbers.into_iter().collect::<Option<_>>()?;
                Some(Finish::Numeric(function, numbers))
            }
        }
    }

    /// Conditions, each with its number, and then perhaps a number alone.
    fn choice(&mut self, arguments: &[Expr]) -> Option<Choice> {
        let mut arms = Vec::new();
        let mut otherwise = None;
        for arm in arguments.chunks(2) {
            match arm {
                [condition, value] => arms.push((self.condition(condition), self.number(value))),
                alone => otherwise = alone.first().map(|value| self.number(value)),
            }
        }
        let arms = arms
            .into_iter()
            .map(|(condition, value)| Some((condition?, value?)))
            .collect::<Option<_>>()?;
        let otherwise = match otherwise {
            Some(value) => Some(value?),
            None => None,
        };
        Some(Choice { arms, otherwise })
    }

    /// A condition over numbers; `None` where the trouble is already reported.
    fn condition(&mut self, expr: &Expr) -> Option<Condition> {
        match &expr.node {
            Node::Boolean(truth) => Some(Condition::Constant(*truth)),
            Node::Unary(UnaryOperator::Not, operand) => {
                self.condition(operand).map(|operand| Condition::Not(Box::new(operand)))
            }
            Node::Binary(BinaryOperator::And, left, right) => {
                let (left, right) = (self.condition(left), self.condition(right));
                Some(Condition::And(Box::new(left?), Box::new(right?)))
            }
            Node::Binary(BinaryOperator::Or, left, right) => {
                let (left, right) = (self.condition(left), self.condition(right));
                Some(Condition::Or(Box::new(left?), Box::new(right?)))
            }
            Node::Binary(BinaryOperator::Compare(operator), left, right) => {
                let (left, right) = (self.number(left), self.number(right));
                Some(Condition::Compare(*operator, left?, right?))
            }
            Node::In {
                operand,
                items,
                negated,
            } => {
                let operand = self.number(operand);
                let items: Vec<Option<Decimal>> = items.iter().map(|item| self.item(item)).collect();
                Some(Condition::In {
                    operand: operand?,
                    items: items.into_iter().collect::<Option<_>>()?,
                    negated: *negated,
                })
            }
            _ => {
                self.number(expr)?;
                let text = expr.to_string();
                let message = format!("expected a condition, and {} is a number", quoted(&text));
                let diagnostic = Diagnostic::new(expr.span.clone(), "not-a-condition", message);
                self.fail(diagnostic.with_hint(format!("compare it with a value, as in {text} > 0")))
            }
        }
    }

    /// An item of a list of numbers.
    fn item(&mut self, item: &Expr) -> Option<Decimal> {
        if item.node == Node::Error {
            return None;
        }
        if let Some(number) = literal(item).and_then(|value| value.as_decimal()) {
            return Some(number);
        }
        let message = format!(
            "the list is compared with a number, and {} is no plain one",
            quoted(&item.to_string())
        );
        let diagnostic = Diagnostic::new(item.span.clone(), "not-a-literal", message);
        self.fail(diagnostic.with_hint("write numbers, or join comparisons with OR"))
    }
}
