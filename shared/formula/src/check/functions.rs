//! Functions and conditions over measures.

use super::units::Unit;
use super::{Checker, Counted};
use crate::basis::Basis;
use crate::choice::{Choice, Condition};
use crate::diagnostic::{Diagnostic, quoted};
use crate::finish::Finish;
use crate::function::Function;
use crate::numeric::Numeric;
use crate::resolve::{literal, misplaced};
use crate::tree::{BinaryOperator, Comparison, Expr, Node, UnaryOperator};
use rust_decimal::Decimal;

impl Checker<'_> {
    /// A function where a number belongs. All arguments are checked, for their own diagnostics.
    pub(super) fn function(&mut self, function: Function, arguments: &[Expr]) -> Counted {
        match (function, arguments) {
            (Function::Coalesce, operands) => {
                let checked: Vec<Counted> = operands.iter().map(|operand| self.number(operand)).collect();
                let (finishes, units): (Vec<Finish>, Vec<Unit>) = checked.into_iter().collect::<Option<_>>()?;
                let units: Vec<(&Expr, Unit)> = operands.iter().zip(units).collect();
                let unit = self.all_of(function.name(), &units)?;
                Some((Finish::Coalesce(finishes), unit))
            }
            (Function::If, arguments) => {
                let (choice, unit) = self.choice(arguments)?;
                Some((Finish::If(Box::new(choice)), unit))
            }
            (Function::AtStart, [of]) => self.states(Basis::AtStart, of),
            (Function::AtEnd, [of]) => self.states(Basis::AtEnd, of),
            (Function::Numeric(function), operands) => self.numeric(function, operands),
            (unit, [duration]) => self.in_unit(unit, unit.unit_s()?, duration),
            // The parser lets no other number of arguments through.
            (_, _) => None,
        }
    }

    /// Conditions, each with its number, and then perhaps a number alone.
    fn choice(&mut self, arguments: &[Expr]) -> Option<(Choice, Unit)> {
        let mut conditions = Vec::new();
        let mut values: Vec<(&Expr, Counted)> = Vec::new();
        for arm in arguments.chunks(2) {
            if let [condition, _] = arm {
                conditions.push(self.condition(condition));
            }
            values.extend(arm.last().map(|value| (value, self.number(value))));
        }
        let values = values.into_iter().map(|(expr, checked)| Some((expr, checked?)));
        let values: Vec<(&Expr, (Finish, Unit))> = values.collect::<Option<_>>()?;
        let units: Vec<(&Expr, Unit)> = values.iter().map(|(expr, (_, unit))| (*expr, *unit)).collect();
        let unit = self.all_of(Function::If.name(), &units)?;
        let mut values = values.into_iter().map(|(_, (finish, _))| finish);
        let arms = conditions
            .into_iter()
            .map(|condition| condition.zip(values.next()))
            .collect::<Option<_>>()?;
        let otherwise = values.next();
        Some((Choice { arms, otherwise }, unit))
    }

    /// A function of numbers; of durations too where it gives one of them.
    fn numeric(&mut self, function: Numeric, operands: &[Expr]) -> Counted {
        let checked: Vec<Counted> = operands.iter().map(|operand| self.number(operand)).collect();
        if let Some(diagnostic) = misplaced(function, operands) {
            return self.fail(diagnostic);
        }
        let (numbers, units): (Vec<Finish>, Vec<Unit>) = checked.into_iter().collect::<Option<_>>()?;
        let units: Vec<(&Expr, Unit)> = operands.iter().zip(units).collect();
        let name = Function::Numeric(function).name();
        let unit = if function.takes_durations() {
            self.all_of(name, &units)?
        } else {
            self.all_plain(name, &units)?
        };
        Some((Finish::Numeric(function, numbers), unit))
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
                let (left_side, right_side) = (self.number(left), self.number(right));
                let ((left_side, left_unit), (right_side, right_unit)) = (left_side?, right_side?);
                self.all_of("a comparison", &[(left, left_unit), (right, right_unit)])?;
                Some(Condition::Compare(*operator, left_side, right_side))
            }
            Node::Function(Function::Between, arguments) => self.range(arguments),
            Node::Call(call) if call.aggregate.is_of_flags() => {
                let (truth, _) = self.number(expr)?;
                Some(Condition::Compare(
                    Comparison::Equal,
                    truth,
                    Finish::Number(Decimal::ONE),
                ))
            }
            Node::In {
                operand,
                items,
                negated,
            } => {
                let checked = self.number(operand);
                let items: Vec<Option<Decimal>> = items.iter().map(|item| self.item(item)).collect();
                let ((checked, unit), items) = (checked?, items.into_iter().collect::<Option<Vec<Decimal>>>()?);
                let is_nothing = items.iter().all(Decimal::is_zero);
                let of_items = if is_nothing { Unit::Nothing } else { Unit::Plain };
                self.all_of("a list", &[(operand, unit), (operand, of_items)])?;
                Some(Condition::In {
                    operand: checked,
                    items,
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

    /// A number and its bounds.
    fn range(&mut self, arguments: &[Expr]) -> Option<Condition> {
        let checked: Vec<Counted> = arguments.iter().map(|argument| self.number(argument)).collect();
        let (numbers, units): (Vec<Finish>, Vec<Unit>) = checked.into_iter().collect::<Option<_>>()?;
        let units: Vec<(&Expr, Unit)> = arguments.iter().zip(units).collect();
        self.all_of(Function::Between.name(), &units)?;
        let [operand, low, high] = <[Finish; 3]>::try_from(numbers).ok()?;
        Some(Condition::Between(operand, low, high))
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
