//! The values of a row, their types, and what the language needs to know of entities.

use crate::reference::Referred;
use crate::unit::Unit;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One value of a row. There are no floats, so sums of partial sums are exact.
///
/// The derived order is for keys of ordered maps; the language's own comparison never compares different types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Value {
    /// No value: unknown or absent.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A text.
    Text(String),
    /// An instant, in microseconds since 1970.
    Time(i64),
}

impl Value {
    /// The number that this value is, if it is one.
    #[must_use]
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Integer(integer) => Some(Decimal::from(*integer)),
            Value::Decimal(decimal) => Some(*decimal),
            Value::Null | Value::Boolean(_) | Value::Text(_) | Value::Time(_) => None,
        }
    }

    /// The type of this value; `Null` belongs to every type and has none of its own. A duration is a decimal, of seconds.
    #[must_use]
    pub fn kind(&self) -> Option<AttributeType> {
        match self {
            Value::Null => None,
            Value::Boolean(_) => Some(AttributeType::Boolean),
            Value::Integer(_) => Some(AttributeType::Integer),
            Value::Decimal(_) => Some(AttributeType::Decimal),
            Value::Text(_) => Some(AttributeType::Text),
            Value::Time(_) => Some(AttributeType::Time),
        }
    }

    /// Whether this is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

/// Prints a value as a literal of the language (`NULL` is none: no formula can contain it).
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Boolean(true) => f.write_str("TRUE"),
            Value::Boolean(false) => f.write_str("FALSE"),
            Value::Integer(integer) => write!(f, "{integer}"),
            Value::Decimal(decimal) => write!(f, "{decimal}"),
            Value::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Value::Time(time_us) => print_time(f, *time_us),
        }
    }
}

/// Prints an instant as a literal of the language.
pub(crate) fn print_time(f: &mut fmt::Formatter<'_>, time_us: i64) -> fmt::Result {
    let time = jiff::Timestamp::from_microsecond(time_us).unwrap_or(jiff::Timestamp::MAX);
    write!(f, "TIME '{time}'")
}

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// A whole number of 64 bits.
    Integer,
    /// An exact decimal number.
    Decimal,
    /// True or false.
    Boolean,
    /// A text.
    Text,
    /// An instant.
    Time,
    /// What lies between two instants: an exact decimal number of seconds, negative where the first of them is the earlier one.
    Duration,
}

impl AttributeType {
    /// Every type, in the order in which documentation lists them.
    pub const ALL: [AttributeType; 6] = [
        AttributeType::Integer,
        AttributeType::Decimal,
        AttributeType::Boolean,
        AttributeType::Text,
        AttributeType::Time,
        AttributeType::Duration,
    ];

    /// The name in JSON and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AttributeType::Integer => "integer",
            AttributeType::Decimal => "decimal",
            AttributeType::Boolean => "boolean",
            AttributeType::Text => "text",
            AttributeType::Time => "time",
            AttributeType::Duration => "duration",
        }
    }

    /// Whether values of this type can be added up: numbers, and durations, which are numbers of seconds.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        self.is_plain_number() || self == AttributeType::Duration
    }

    /// Whether it is a number without a unit that the language knows.
    #[must_use]
    pub fn is_plain_number(self) -> bool {
        matches!(self, AttributeType::Integer | AttributeType::Decimal)
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the language needs to know of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name, compared byte by byte.
    pub name: String,
    /// The type of its values.
    pub kind: AttributeType,
    /// Whether facts are told apart by it: a condition over others is decided of each fact.
    pub dimension: bool,
    /// Whether every fact has a value of it.
    pub required: bool,
    /// The two times whose difference it is, the one that is subtracted last, if its formula says nothing else.
    pub difference: Option<[String; 2]>,
}

/// Where an attribute leads: to facts of an entity that it means by their key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leads<'a> {
    /// The entity.
    pub to: &'a str,
    /// Whether it means one object of it at most.
    pub is_to_one: bool,
}

/// The entities that formulas may name, and the KPIs.
pub trait Entities {
    /// The attributes of an entity, or `None` if there is no such entity.
    fn attributes(&self, entity: &str) -> Option<&[Attribute]>;

    /// Whether the facts of an entity tell the states of objects.
    fn is_state(&self, entity: &str) -> bool;

    /// Whether rollups of an entity are kept by all of some dimensions together.
    fn is_grouped(&self, _entity: &str, _dimensions: &[String]) -> bool {
        true
    }

    /// The names of all entities, for suggestions.
    fn names(&self) -> Vec<&str>;

    /// The unit that an attribute of numbers declares, or `None` if it declares none.
    fn unit(&self, _entity: &str, _attribute: &str) -> Option<Unit> {
        None
    }

    /// Where an attribute of an entity leads, or `None` if nothing says so.
    fn leads(&self, _entity: &str, _attribute: &str) -> Option<Leads<'_>> {
        None
    }

    /// The entities whose facts refer to one of this entity, each with the attribute that does.
    fn referring(&self, _entity: &str) -> Vec<[&str; 2]> {
        Vec::new()
    }

    /// What a formula means by the code of a KPI, or `None` if there is no such KPI.
    fn kpi(&self, _code: &str) -> Option<Referred<'_>> {
        None
    }

    /// The codes of all KPIs, for suggestions.
    fn kpi_codes(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// A row is of one entity, and names none.
pub(crate) struct NoEntities;

impl Entities for NoEntities {
    fn attributes(&self, _entity: &str) -> Option<&[Attribute]> {
        None
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}
