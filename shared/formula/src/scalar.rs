//! Checked expressions over one row and their evaluation, shared by filters and derived attributes.
//!
//! Logic is three-valued, as in SQL: a comparison with no value is unknown, `FALSE AND unknown` is false, `TRUE OR
//! unknown` is true, and everything else unknown stays unknown. Texts compare byte by byte, as under SQL's collation
//! `C`. Arithmetic is checked: what does not fit, and a division by zero, is no value. Whole numbers stay whole but for
//! division, which gives a decimal.

use crate::choice::decided;
use crate::finish::calculate;
use crate::function::Function;
use crate::number::Number;
use crate::numeric::Numeric;
use crate::tree::{Arithmetic, Comparison};
use crate::value::Value;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// An expression over one row whose types were checked. `A` refers to an attribute: by name, or by index into the row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scalar<A> {
    /// A literal, never `Null`.
    Constant(Value),
    /// The value of an attribute.
    Attribute(A),
    /// `-x` of a number.
    Negate(Box<Scalar<A>>),
    /// `NOT x` of a condition.
    Not(Box<Scalar<A>>),
    /// Arithmetic of two numbers, or the seconds from one time to another.
    Calculate(Arithmetic, Box<Scalar<A>>, Box<Scalar<A>>),
    /// A comparison of two numbers, two texts, two times or (for equality) two booleans.
    Compare(Comparison, Box<Scalar<A>>, Box<Scalar<A>>),
    /// Both conditions.
    And(Box<Scalar<A>>, Box<Scalar<A>>),
    /// Either condition.
    Or(Box<Scalar<A>>, Box<Scalar<A>>),
    /// Whether the operand equals one of the items, which are literals of its type.
    In {
        /// What is looked for.
        operand: Box<Scalar<A>>,
        /// Where it is looked for.
        items: Vec<Value>,
        /// Whether the answer is turned around.
        negated: bool,
    },
    /// Whether a text has no value, which a comparison with `''` asks; never unknown.
    Missing {
        /// What is looked at.
        operand: Box<Scalar<A>>,
        /// Whether the answer is turned around.
        negated: bool,
    },
    /// A function of its arguments, which are of the types that it takes.
    Function(Function, Vec<Scalar<A>>),
    /// A whole number as a decimal.
    Widen(Box<Scalar<A>>),
}

/// A value during evaluation. Texts are borrowed from the row or the expression, so that nothing is allocated.
#[derive(Debug)]
pub(crate) enum Operand<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Text(Cow<'a, str>),
    Time(i64),
}

impl<'a> From<&'a Value> for Operand<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Operand::Null,
            Value::Boolean(boolean) => Operand::Boolean(*boolean),
            Value::Integer(integer) => Operand::Integer(*integer),
            Value::Decimal(decimal) => Operand::Decimal(*decimal),
            Value::Text(text) => Operand::Text(Cow::Borrowed(text)),
            Value::Time(time_us) => Operand::Time(*time_us),
        }
    }
}

impl From<Value> for Operand<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Operand::Null,
            Value::Boolean(boolean) => Operand::Boolean(boolean),
            Value::Integer(integer) => Operand::Integer(integer),
            Value::Decimal(decimal) => Operand::Decimal(decimal),
            Value::Text(text) => Operand::Text(Cow::Owned(text)),
            Value::Time(time_us) => Operand::Time(time_us),
        }
    }
}

impl From<Operand<'_>> for Value {
    fn from(operand: Operand<'_>) -> Self {
        match operand {
            Operand::Null => Value::Null,
            Operand::Boolean(boolean) => Value::Boolean(boolean),
            Operand::Integer(integer) => Value::Integer(integer),
            Operand::Decimal(decimal) => Value::Decimal(decimal),
            Operand::Text(text) => Value::Text(text.into_owned()),
            Operand::Time(time_us) => Value::Time(time_us),
        }
    }
}

impl Operand<'_> {
    /// True, false or unknown.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Operand::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    fn decimal(&self) -> Option<Decimal> {
        match self {
            Operand::Integer(integer) => Some(Decimal::from(*integer)),
            Operand::Decimal(decimal) => Some(*decimal),
            _ => None,
        }
    }

    /// Whether it is no value; the empty text is none.
    fn is_missing(&self) -> bool {
        matches!(self, Operand::Null) || matches!(self, Operand::Text(text) if text.is_empty())
    }

    fn from_truth(truth: Option<bool>) -> Self {
        truth.map_or(Operand::Null, Operand::Boolean)
    }
}

impl<A> Scalar<A> {
    /// The value for one row; `read` finds the value of an attribute. A value of an unexpected type counts as no value.
    pub(crate) fn evaluate<'a, R: Fn(&'a A) -> Operand<'a>>(&'a self, read: &R) -> Operand<'a> {
        match self {
            Scalar::Constant(value) => value.into(),
            Scalar::Attribute(attribute) => read(attribute),
            Scalar::Negate(operand) => negate(&operand.evaluate(read)),
            Scalar::Not(operand) => Operand::from_truth(operand.evaluate(read).truth().map(|truth| !truth)),
            Scalar::Calculate(operator, left, right) => {
                arithmetic(*operator, &left.evaluate(read), &right.evaluate(read))
            }
            Scalar::Compare(operator, left, right) => {
                let ordering = compare(&left.evaluate(read), &right.evaluate(read));
                Operand::from_truth(ordering.map(|ordering| operator.holds(ordering)))
            }
            Scalar::And(left, right) => logic(false, left, right, read),
            Scalar::Or(left, right) => logic(true, left, right, read),
            Scalar::In {
                operand,
                items,
                negated,
            } => membership(&operand.evaluate(read), items, *negated),
            Scalar::Missing { operand, negated } => Operand::Boolean(operand.evaluate(read).is_missing() != *negated),
            Scalar::Function(function, arguments) => apply(*function, arguments, read),
            Scalar::Widen(operand) => match operand.evaluate(read) {
                Operand::Integer(integer) => Operand::Decimal(Decimal::from(integer)),
                other => other,
            },
        }
    }

    /// The attributes that the expression reads.
    pub fn attributes(&self) -> BTreeSet<&A>
    where
        A: Ord,
    {
        let mut found = BTreeSet::new();
        self.collect_attributes(&mut found);
        found
    }

    fn collect_attributes<'a>(&'a self, found: &mut BTreeSet<&'a A>)
    where
        A: Ord,
    {
        match self {
            Scalar::Constant(_) => {}
            Scalar::Attribute(attribute) => {
                found.insert(attribute);
            }
            Scalar::Negate(operand)
            | Scalar::Not(operand)
            | Scalar::Widen(operand)
            | Scalar::In { operand, .. }
            | Scalar::Missing { operand, .. } => operand.collect_attributes(found),
            Scalar::Function(_, arguments) => {
                for argument in arguments {
                    argument.collect_attributes(found);
                }
            }
            Scalar::Calculate(_, left, right)
            | Scalar::Compare(_, left, right)
            | Scalar::And(left, right)
            | Scalar::Or(left, right) => {
                left.collect_attributes(found);
                right.collect_attributes(found);
            }
        }
    }
}

impl Comparison {
    /// Whether it holds for values that compare as given.
    #[must_use]
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// `AND` and `OR`. The right side is not looked at where the left one decides.
fn logic<'a, A, R: Fn(&'a A) -> Operand<'a>>(
    decisive: bool,
    left: &'a Scalar<A>,
    right: &'a Scalar<A>,
    read: &R,
) -> Operand<'a> {
    let left = left.evaluate(read).truth();
    if left == Some(decisive) {
        return Operand::Boolean(decisive);
    }
    Operand::from_truth(decided(decisive, left, right.evaluate(read).truth()))
}

/// A function of its arguments, of which only those are looked at that it needs.
fn apply<'a, A, R: Fn(&'a A) -> Operand<'a>>(function: Function, arguments: &'a [Scalar<A>], read: &R) -> Operand<'a> {
    match (function, arguments) {
        (Function::Coalesce, operands) => {
            let mut values = operands.iter().map(|operand| operand.evaluate(read));
            values
                .find(|value| !matches!(value, Operand::Null))
                .unwrap_or(Operand::Null)
        }
        (Function::If, arguments) => choose(arguments, read),
        (Function::Between, [operand, low, high]) => {
            let operand = operand.evaluate(read);
            let is_above = compare(&operand, &low.evaluate(read)).map(Ordering::is_ge);
            let is_below = compare(&operand, &high.evaluate(read)).map(Ordering::is_le);
            Operand::from_truth(decided(false, is_above, is_below))
        }
        (Function::Text(test), [text, part]) => match (text.evaluate(read), part.evaluate(read)) {
            (Operand::Text(text), Operand::Text(part)) => Operand::Boolean(test.holds(&text, &part)),
            _ => Operand::Null,
        },
        (Function::Numeric(function), operands) => {
            let operands: Vec<Operand<'_>> = operands.iter().map(|operand| operand.evaluate(read)).collect();
            calculated(function, &operands).unwrap_or(Operand::Null)
        }
        // Of many facts, which a row is none of.
        (Function::AtStart | Function::AtEnd, _) => Operand::Null,
        (unit, [duration]) => in_unit(unit, &duration.evaluate(read)),
        (_, _) => Operand::Null,
    }
}

/// The value after the first condition that is true, or the last one, which has no condition.
fn choose<'a, A, R: Fn(&'a A) -> Operand<'a>>(arguments: &'a [Scalar<A>], read: &R) -> Operand<'a> {
    for arm in arguments.chunks(2) {
        match arm {
            [condition, value] if condition.evaluate(read).truth() == Some(true) => return value.evaluate(read),
            [otherwise] => return otherwise.evaluate(read),
            _ => {}
        }
    }
    Operand::Null
}

/// A function of numbers. What it gives of whole numbers is whole if it keeps their type; anything else is a decimal as attributes have it.
fn calculated(function: Numeric, operands: &[Operand<'_>]) -> Option<Operand<'static>> {
    let are_whole = operands.iter().all(|operand| matches!(operand, Operand::Integer(_)));
    let numbers: Option<Vec<Number>> = operands
        .iter()
        .map(|operand| operand.decimal().map(Number::from))
        .collect();
    let result = function.apply(&numbers?)?;
    if are_whole && function.keeps_type() {
        return result.to_integer().map(Operand::Integer);
    }
    result.to_decimal().map(Operand::Decimal)
}

/// Items are never missing, so no answer to a comparison means that the operand is missing or of another type.
fn membership(operand: &Operand<'_>, items: &[Value], negated: bool) -> Operand<'static> {
    for item in items {
        match compare(operand, &item.into()) {
            Some(Ordering::Equal) => return Operand::Boolean(!negated),
            Some(_) => {}
            None => return Operand::Null,
        }
    }
    Operand::Boolean(negated)
}

/// A duration in a unit.
fn in_unit(unit: Function, duration: &Operand<'_>) -> Operand<'static> {
    let told = duration.decimal().zip(unit.unit_s());
    let told = told.and_then(|(seconds, unit_s)| calculate(Arithmetic::Divide, seconds, Decimal::from(unit_s)));
    told.map_or(Operand::Null, Operand::Decimal)
}

/// The seconds from one instant to another, with their microseconds.
fn seconds_between(from_us: i64, to_us: i64) -> Operand<'static> {
    let seconds = to_us.checked_sub(from_us).map(|us| Decimal::new(us, 6).normalize());
    seconds.map_or(Operand::Null, Operand::Decimal)
}

fn negate(operand: &Operand<'_>) -> Operand<'static> {
    match operand {
        Operand::Integer(integer) => integer.checked_neg().map_or(Operand::Null, Operand::Integer),
        Operand::Decimal(decimal) => Operand::Decimal(-*decimal),
        _ => Operand::Null,
    }
}

fn arithmetic(operator: Arithmetic, left: &Operand<'_>, right: &Operand<'_>) -> Operand<'static> {
    if let (Arithmetic::Subtract, Operand::Time(to), Operand::Time(from)) = (operator, left, right) {
        return seconds_between(*from, *to);
    }
    if let (Operand::Integer(left), Operand::Integer(right)) = (left, right) {
        let whole = match operator {
            Arithmetic::Add => Some(left.checked_add(*right)),
            Arithmetic::Subtract => Some(left.checked_sub(*right)),
            Arithmetic::Multiply => Some(left.checked_mul(*right)),
            Arithmetic::Divide => None,
        };
        if let Some(result) = whole {
            return result.map_or(Operand::Null, Operand::Integer);
        }
    }
    let (Some(left), Some(right)) = (left.decimal(), right.decimal()) else {
        return Operand::Null;
    };
    calculate(operator, left, right).map_or(Operand::Null, Operand::Decimal)
}

/// How two values compare; `None` if one is missing or their types differ.
fn compare(left: &Operand<'_>, right: &Operand<'_>) -> Option<Ordering> {
    match (left, right) {
        (Operand::Integer(left), Operand::Integer(right)) => Some(left.cmp(right)),
        (Operand::Text(left), Operand::Text(right)) => Some(left.cmp(right)),
        (Operand::Time(left), Operand::Time(right)) => Some(left.cmp(right)),
        (Operand::Boolean(left), Operand::Boolean(right)) => Some(left.cmp(right)),
        _ => Some(left.decimal()?.cmp(&right.decimal()?)),
    }
}

/// Prints the expression in one way, with all parentheses: fit for keys.
impl<A: fmt::Display> fmt::Display for Scalar<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Constant(value) => write!(f, "{value}"),
            Scalar::Attribute(attribute) => write!(f, "{attribute}"),
            Scalar::Negate(operand) => write!(f, "(-{operand})"),
            Scalar::Not(operand) => write!(f, "(NOT {operand})"),
            Scalar::Calculate(operator, left, right) => write!(f, "({left} {operator} {right})"),
            Scalar::Compare(operator, left, right) => write!(f, "({left} {operator} {right})"),
            Scalar::And(left, right) => write!(f, "({left} AND {right})"),
            Scalar::Or(left, right) => write!(f, "({left} OR {right})"),
            Scalar::In {
                operand,
                items,
                negated,
            } => {
                write!(f, "({operand} {}IN (", if *negated { "NOT " } else { "" })?;
                print_list(f, items)?;
                f.write_str("))")
            }
            Scalar::Missing { operand, negated } => write!(f, "({operand} {} '')", if *negated { "!=" } else { "=" }),
            Scalar::Function(Function::Between, arguments) => {
                for (argument, before) in arguments.iter().zip(["(", " BETWEEN ", " AND "]) {
                    write!(f, "{before}{argument}")?;
                }
                f.write_str(")")
            }
            Scalar::Function(function, arguments) => {
                write!(f, "{function}(")?;
                print_list(f, arguments)?;
                f.write_str(")")
            }
            Scalar::Widen(operand) => write!(f, "{operand}"),
        }
    }
}

fn print_list(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
    }
    Ok(())
}
