//! Conditions of formulas as SQL over the facts, which must decide as [`formula::Scalar`] does: three-valued logic, texts byte by byte, numbers exactly.
//!
//! What a formula says stands in parameters, never in the statement's text. What SQL might compute otherwise, the checker of formulas does not let here.

use std::fmt::Write as _;

use database::Error;
use formula::{Arithmetic, Comparison, Function, Scalar, TextTest, Value};
use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::types::{ToSql, Type};

use super::Read;
use super::lookups::value;
use crate::states::seconds_between;

/// What the conditions of a statement compare with: one parameter for each type, because a statement has fewer places for parameters than its formulas may
/// have constants.
#[derive(Default)]
pub(super) struct Constants {
    texts: (Option<usize>, Vec<String>),
    numbers: (Option<usize>, Vec<Decimal>),
    times: (Option<usize>, Vec<Timestamp>),
}

/// The place of a constant, of which there may be the first of its type.
fn placed<T>((place, values): &mut (Option<usize>, Vec<T>), value: T, next: impl FnOnce() -> usize) -> String {
    let place = *place.get_or_insert_with(next);
    values.push(value);
    format!("(${place})[{}]", values.len())
}

impl Constants {
    pub(super) fn add(&mut self, value: &Value, next: impl FnOnce() -> usize) -> String {
        match value {
            Value::Null => "NULL".to_owned(),
            Value::Boolean(true) => "TRUE".to_owned(),
            Value::Boolean(false) => "FALSE".to_owned(),
            Value::Integer(integer) => placed(&mut self.numbers, Decimal::from(*integer), next),
            Value::Decimal(decimal) => placed(&mut self.numbers, *decimal, next),
            Value::Text(text) => format!("{} COLLATE \"C\"", placed(&mut self.texts, text.clone(), next)),
            Value::Time(time_us) => {
                let time = Timestamp::from_microsecond(*time_us).unwrap_or(Timestamp::MAX);
                placed(&mut self.times, time, next)
            }
        }
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = (usize, (&(dyn ToSql + Sync), Type))> {
        let (texts, numbers, times) = (&self.texts, &self.numbers, &self.times);
        let texts = texts
            .0
            .map(|place| (place, (&texts.1 as &(dyn ToSql + Sync), Type::TEXT_ARRAY)));
        let numbers = numbers
            .0
            .map(|place| (place, (&numbers.1 as &(dyn ToSql + Sync), Type::NUMERIC_ARRAY)));
        let times = times
            .0
            .map(|place| (place, (&times.1 as &(dyn ToSql + Sync), Type::TIMESTAMPTZ_ARRAY)));
        [texts, numbers, times].into_iter().flatten()
    }
}

/// Translates conditions over the facts of a read.
pub(super) struct Translator<'a> {
    pub(super) read: &'a Read,
    pub(super) constants: &'a mut Constants,
    /// The last parameter of the statement.
    pub(super) next: &'a mut usize,
}

/// A number that is compared: what is written, divided by a whole number. Only the other side is multiplied by it, so that nothing is rounded.
struct Fraction {
    sql: String,
    divisor: u32,
}

impl Fraction {
    fn times(&self, other: &Self) -> String {
        match other.divisor {
            1 => self.sql.clone(),
            factor => format!("({} * {factor})", self.sql),
        }
    }
}

impl Translator<'_> {
    /// An expression as SQL, in parentheses where it needs any.
    ///
    /// # Errors
    /// When it has what can't be decided here.
    pub(super) fn sql(&mut self, scalar: &Scalar<String>) -> Result<String, Error> {
        match scalar {
            Scalar::Constant(value) => Ok(self.constant(value)),
            Scalar::Attribute(name) => value(self.read, name),
            Scalar::Widen(operand) => self.sql(operand),
            Scalar::Not(operand) => Ok(format!("(NOT {})", self.sql(operand)?)),
            Scalar::And(left, right) => Ok(format!("({} AND {})", self.sql(left)?, self.sql(right)?)),
            Scalar::Or(left, right) => Ok(format!("({} OR {})", self.sql(left)?, self.sql(right)?)),
            Scalar::Missing { operand, negated } => {
                let operator = if *negated { "<>" } else { "=" };
                Ok(format!("(coalesce(({})::text, '') {operator} '')", self.sql(operand)?))
            }
            Scalar::Compare(operator, left, right) => {
                let (left, right) = (self.fraction(left)?, self.fraction(right)?);
                Ok(compared(*operator, &left, &right))
            }
            Scalar::In {
                operand,
                items,
                negated,
            } => self.membership(operand, items, *negated),
            Scalar::Calculate(Arithmetic::Subtract, to, from) => Ok(seconds_between(&self.sql(from)?, &self.sql(to)?)),
            Scalar::Function(function, arguments) => self.function(*function, arguments),
            Scalar::Negate(_) | Scalar::Calculate(..) => Err(undecided(scalar)),
        }
    }

    fn constant(&mut self, value: &Value) -> String {
        let next = &mut *self.next;
        self.constants.add(value, || {
            *next += 1;
            *next
        })
    }

    /// What is compared: a duration in a unit is that many times less.
    fn fraction(&mut self, scalar: &Scalar<String>) -> Result<Fraction, Error> {
        if let Scalar::Function(unit, arguments) = scalar
            && let (Some(divisor), [duration]) = (unit.unit_s(), arguments.as_slice())
        {
            let sql = self.sql(duration)?;
            return Ok(Fraction { sql, divisor });
        }
        let sql = self.sql(scalar)?;
        Ok(Fraction { sql, divisor: 1 })
    }

    fn membership(&mut self, operand: &Scalar<String>, items: &[Value], negated: bool) -> Result<String, Error> {
        let operand = self.fraction(operand)?;
        let items = items.iter().map(|item| {
            let sql = self.constant(item);
            Fraction { sql, divisor: 1 }.times(&operand)
        });
        let items: Vec<String> = items.collect();
        let not = if negated { "NOT " } else { "" };
        Ok(format!("({} {not}IN ({}))", operand.sql, items.join(", ")))
    }

    fn function(&mut self, function: Function, arguments: &[Scalar<String>]) -> Result<String, Error> {
        match (function, arguments) {
            (Function::Coalesce, arguments) => {
                let arguments: Result<Vec<String>, Error> = arguments.iter().map(|part| self.sql(part)).collect();
                Ok(format!("coalesce({})", arguments?.join(", ")))
            }
            (Function::If, arguments) => self.choice(arguments),
            (Function::Between, [operand, low, high]) => {
                let operand = self.fraction(operand)?;
                let (low, high) = (self.fraction(low)?, self.fraction(high)?);
                let above = compared(Comparison::GreaterOrEqual, &operand, &low);
                let below = compared(Comparison::LessOrEqual, &operand, &high);
                Ok(format!("({above} AND {below})"))
            }
            (Function::Text(test), [text, part]) => {
                let (text, part) = (self.sql(text)?, self.sql(part)?);
                Ok(match test {
                    TextTest::StartsWith => format!("starts_with({text}, {part})"),
                    TextTest::EndsWith => format!("(right({text}, length({part})) = {part})"),
                    TextTest::Contains => format!("(strpos({text}, {part}) > 0)"),
                })
            }
            (function, arguments) => Err(undecided(&Scalar::Function(function, arguments.to_vec()))),
        }
    }

    /// Conditions, each with its value, and then perhaps a value alone.
    fn choice(&mut self, arguments: &[Scalar<String>]) -> Result<String, Error> {
        let mut sql = "(CASE".to_owned();
        for arm in arguments.chunks(2) {
            match arm {
                [condition, value] => {
                    let (condition, value) = (self.sql(condition)?, self.sql(value)?);
                    let _ = write!(sql, " WHEN {condition} THEN {value}");
                }
                alone => {
                    for otherwise in alone {
                        let _ = write!(sql, " ELSE {}", self.sql(otherwise)?);
                    }
                }
            }
        }
        sql.push_str(" END)");
        Ok(sql)
    }
}

fn compared(operator: Comparison, left: &Fraction, right: &Fraction) -> String {
    format!("({} {} {})", left.times(right), operator.sql(), right.times(left))
}

/// What the checker of formulas lets through nowhere.
fn undecided(scalar: &Scalar<String>) -> Error {
    Error::Stored {
        place: "condition of a KPI".to_owned(),
        cause: format!("{scalar} is not for the database to decide: define a derived attribute for it"),
    }
}
