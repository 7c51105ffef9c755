//! The units of a formula's parts, and where what is added or compared is of different ones.

use super::{Quantity, Unit};
use crate::aggregate::Aggregate;
use crate::diagnostic::{Diagnostic, quoted};
use crate::fold::FoldFunction;
use crate::function::Function;
use crate::numeric::Numeric;
use crate::parser::parse;
use crate::path::owner;
use crate::reference::Referred;
use crate::tree::{Arithmetic, BinaryOperator, Call, Expr, Node, UnaryOperator};
use crate::value::Entities;
use rust_decimal::prelude::ToPrimitive as _;

/// Where a formula over one fact of an entity, whose names are attributes, adds or compares what is of different units: a diagnostic for each of both places.
#[must_use]
pub fn unit_mistakes_of_row(source: &str, entity: &str, entities: &dyn Entities) -> Vec<Diagnostic> {
    let mut walk = Walk {
        entities,
        row: Some(entity),
        mistakes: Vec::new(),
    };
    walk.quantity(&parse(source).tree);
    walk.mistakes
}

/// What a KPI's formula is a number of, and where it mixes units.
pub(crate) fn unit_of(tree: &Expr, entities: &dyn Entities) -> (Quantity, Vec<Diagnostic>) {
    let mut walk = Walk {
        entities,
        row: None,
        mistakes: Vec::new(),
    };
    let quantity = walk.quantity(tree);
    (quantity, walk.mistakes)
}

struct Walk<'a> {
    entities: &'a dyn Entities,
    /// The entity whose attributes bare names are; of a KPI's formula none.
    row: Option<&'a str>,
    mistakes: Vec<Diagnostic>,
}

impl Walk<'_> {
    /// What an expression is a number of. What is no number, or of what nothing is known, is unknown.
    fn quantity(&mut self, expr: &Expr) -> Quantity {
        match &expr.node {
            Node::Number(_) => Quantity::Plain,
            Node::Name(name) => self.name(name),
            Node::Call(call) => self.call(call),
            Node::Unary(UnaryOperator::Negate, operand) => self.quantity(operand),
            Node::Unary(UnaryOperator::Not, operand) => {
                self.quantity(operand);
                Quantity::Unknown
            }
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::In { operand, items, .. } => {
                let compared: Vec<&Expr> = std::iter::once(&**operand).chain(items).collect();
                self.one_unit("compared", &compared);
                Quantity::Unknown
            }
            Node::Function(function, arguments) => self.function(*function, arguments),
            Node::Path(first, rest) => match self.row {
                Some(entity) => self.declared(entity, &format!("{}.{}", first.name, rest.name)),
                None => Quantity::Unknown,
            },
            Node::Error | Node::Text(_) | Node::Boolean(_) | Node::Time(_) => Quantity::Unknown,
        }
    }

    fn name(&self, name: &str) -> Quantity {
        match self.row {
            Some(entity) => self.declared(entity, name),
            None => match self.entities.kpi(name) {
                Some(Referred::Formula(formula)) => formula.quantity.clone(),
                _ => Quantity::Unknown,
            },
        }
    }

    /// The unit of an attribute, or of what a path leads to.
    fn declared(&self, entity: &str, name: &str) -> Quantity {
        let (entity, attribute) = owner(self.entities, entity, name);
        self.entities
            .unit(&entity, attribute)
            .map_or(Quantity::Unknown, Quantity::Of)
    }

    fn call(&mut self, call: &Call) -> Quantity {
        if let Some(filter) = &call.filter {
            let mut row = Walk {
                entities: self.entities,
                row: Some(&call.entity.name),
                mistakes: Vec::new(),
            };
            row.quantity(filter);
            let mistakes = row.mistakes;
            self.mistakes.extend(mistakes);
        }
        let keeps_unit = [
            Aggregate::Sum,
            Aggregate::Avg,
            Aggregate::Min,
            Aggregate::Max,
            Aggregate::First,
            Aggregate::Last,
            Aggregate::Median,
            Aggregate::Percentile,
            Aggregate::Mode,
            Aggregate::Stddev,
            Aggregate::StddevPop,
            Aggregate::WeightedAvg,
        ];
        let has_none = [
            Aggregate::Distinct,
            Aggregate::Any,
            Aggregate::All,
            Aggregate::Correlation,
        ];
        match &call.attribute {
            _ if call.aggregate.does_without_attribute() || has_none.contains(&call.aggregate) => Quantity::Plain,
            Some(attribute) if call.less.is_none() && keeps_unit.contains(&call.aggregate) => {
                let unit = self.declared(&call.entity.name, &attribute.name);
                match &call.times {
                    Some(other) => {
                        let other = self.declared(&call.entity.name, &call.named(other).name);
                        Quantity::combined(Arithmetic::Multiply, &unit, &other).unwrap_or(Quantity::Unknown)
                    }
                    None => unit,
                }
            }
            _ => Quantity::Unknown,
        }
    }

    fn binary(&mut self, operator: BinaryOperator, left: &Expr, right: &Expr) -> Quantity {
        match operator {
            BinaryOperator::Arithmetic(Arithmetic::Add) => self.one_unit("added", &[left, right]),
            BinaryOperator::Arithmetic(Arithmetic::Subtract) => self.one_unit("subtracted", &[left, right]),
            BinaryOperator::Arithmetic(operator) => {
                let (left, right) = (self.quantity(left), self.quantity(right));
                Quantity::combined(operator, &left, &right).unwrap_or(Quantity::Unknown)
            }
            BinaryOperator::Compare(_) => {
                self.one_unit("compared", &[left, right]);
                Quantity::Unknown
            }
            BinaryOperator::And | BinaryOperator::Or => {
                self.quantity(left);
                self.quantity(right);
                Quantity::Unknown
            }
        }
    }

    fn function(&mut self, function: Function, arguments: &[Expr]) -> Quantity {
        let all: Vec<&Expr> = arguments.iter().collect();
        match function {
            Function::Coalesce | Function::Numeric(Numeric::Greatest | Numeric::Least) => {
                self.one_unit("alternatives", &all)
            }
            Function::If => {
                let arms: Vec<&[Expr]> = arguments.chunks(2).collect();
                for arm in &arms {
                    if let [condition, _] = arm {
                        self.quantity(condition);
                    }
                }
                let values: Vec<&Expr> = arms.iter().filter_map(|arm| arm.last()).collect();
                self.one_unit("alternatives", &values)
            }
            Function::Between => {
                self.one_unit("compared", &all);
                Quantity::Unknown
            }
            Function::Window(_)
            | Function::AtStart
            | Function::AtEnd
            | Function::Numeric(Numeric::Abs | Numeric::Round) => {
                all.first().map_or(Quantity::Unknown, |operand| self.quantity(operand))
            }
            Function::Numeric(Numeric::Power) => match all.as_slice() {
                [base, exponent] => {
                    self.quantity(exponent);
                    self.quantity(base).to_the(whole(exponent))
                }
                _ => Quantity::Unknown,
            },
            Function::Fold(function) => {
                let quantities: Vec<Quantity> = all
                    .iter()
                    .take(function.operands())
                    .map(|operand| self.quantity(operand))
                    .collect();
                match function {
                    FoldFunction::Count | FoldFunction::Correlation | FoldFunction::Drawdown => Quantity::Plain,
                    FoldFunction::Variance | FoldFunction::VariancePop | FoldFunction::Slope => Quantity::Unknown,
                    _ => quantities.into_iter().next().unwrap_or(Quantity::Unknown),
                }
            }
            // A logarithm, a duration told in a unit, and what this does not know yet.
            _ => {
                all.iter().for_each(|argument| drop(self.quantity(argument)));
                Quantity::Unknown
            }
        }
    }

    /// What all of them are numbers of; where they are of different units both places are told.
    fn one_unit(&mut self, done: &str, operands: &[&Expr]) -> Quantity {
        let mut first: Option<&Expr> = None;
        let mut common = Quantity::Plain;
        for operand in operands {
            let quantity = self.quantity(operand);
            let is_of_unit = matches!(quantity, Quantity::Of(_));
            match (common.common(quantity), first) {
                (Err((one, other)), Some(first)) => {
                    self.mixed(done, (first, &one), (operand, &other));
                    return Quantity::Unknown;
                }
                (Ok(found), _) => common = found,
                (Err(_), None) => return Quantity::Unknown,
            }
            first = first.or(is_of_unit.then_some(operand));
        }
        common
    }

    fn mixed(&mut self, done: &str, (left, one): (&Expr, &Unit), (right, other): (&Expr, &Unit)) {
        let [left_text, right_text] = [left, right].map(|expr| quoted(&expr.to_string()));
        let message = format!(
            "{left_text} is {}, and {right_text} is {}: they can't be {done}",
            told(one),
            told(other)
        );
        for place in [left, right] {
            let diagnostic = Diagnostic::new(place.span.clone(), "different-units", message.clone());
            self.mistakes.push(diagnostic.with_hint(hint(one, other)));
        }
    }
}

pub(crate) fn told(unit: &Unit) -> String {
    match unit.is_ratio() {
        true => "a ratio".to_owned(),
        false => format!("in {unit}"),
    }
}

pub(crate) fn hint(one: &Unit, other: &Unit) -> String {
    if one.to_string().eq_ignore_ascii_case(&other.to_string()) {
        return "write the unit alike in both declarations".to_owned();
    }
    let rate = one.clone().times(other, -1);
    match (one.currency(), other.currency()) {
        (Some(_), Some(other)) => format!(
            "a currency is converted only by declared rates: multiply the one in {other} by a number in {rate}, such as each fact by the rate of its own time, as in SUM(Order.amount * currency.rate), where a relationship leads to an entity of rates, or the whole by the AVG of an attribute with the unit {rate}"
        ),
        _ if other.is_ratio() || one.is_ratio() => "multiply the ratio by what it is a part of".to_owned(),
        _ => format!("what is added or compared is of one unit; a number in {rate} makes the one of the other"),
    }
}

/// A whole number of the text that is a power, as far as units go.
fn whole(expr: &Expr) -> Option<i32> {
    match &expr.node {
        Node::Number(number) => number.fract().is_zero().then(|| number.to_i32()).flatten(),
        Node::Unary(UnaryOperator::Negate, operand) => whole(operand).map(|power| -power),
        _ => None,
    }
}
