//! From what a sender wrote to a [`Fact`]: types, limits and derived attributes.
//!
//! JSON, CSV and Parquet come here as [`Field`]s, so that a value is refused or taken alike on every way in.

use std::sync::Arc;

use catalog::Entity;
use formula::{AttributeType, Value};
use jiff::Timestamp;
use jiff::civil::DateTime;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::fact::Fact;

/// Largest magnitude of an integer attribute. Sums are 96-bit decimals (7.9e28): 7.9e13 facts of this size fit.
pub const MAX_INTEGER: i64 = 1_000_000_000_000_000;
/// Largest magnitude of a decimal attribute. With [`MAX_SCALE`] digits a value is at most 1e18 units: 7.9e10 facts fit.
pub const MAX_DECIMAL: i64 = 1_000_000_000_000;
/// Most digits after the point of a decimal attribute.
pub const MAX_SCALE: u32 = 6;
/// Longest text of an attribute in bytes; dimensions are names and codes, not documents.
pub const MAX_TEXT_BYTES: usize = 512;
/// Earliest event time, 1990-01-01. Seconds sent as milliseconds land in January 1970, so they are caught here.
pub const EARLIEST_S: i64 = 631_152_000;
/// How far ahead of the clock an event may be: a day, for senders who mean local time by UTC.
pub const MAX_AHEAD_S: i64 = 24 * 3600;

/// A value as its sender wrote it.
#[derive(Clone, Debug, PartialEq)]
pub enum Field<'a> {
    /// Not there, or null.
    Missing,
    /// A boolean.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// An exact number.
    Decimal(Decimal),
    /// A binary floating-point number.
    Float(f64),
    /// Text; `typed` is false where the format has nothing but text (CSV), and numbers are read from it.
    Text {
        /// The text.
        text: &'a str,
        /// Whether the format could have said another type.
        typed: bool,
    },
    /// An instant in microseconds since 1970.
    Time(i64),
    /// Something that no attribute can be, such as a list; named for the reason.
    Other(&'static str),
}

/// Why an event is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Attribute or field.
    pub field: String,
    /// What is wrong, with the way out.
    pub reason: String,
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.field, self.reason)
    }
}

/// Maps events of one entity.
#[derive(Clone)]
pub struct Mapper {
    entity: Arc<Entity>,
    /// Attributes whose value the sender gives.
    given: Vec<usize>,
}

impl Mapper {
    /// A mapper for an entity.
    #[must_use]
    pub fn new(entity: Arc<Entity>) -> Self {
        let given = (0..entity.stored_attributes().len())
            .filter(|index| entity.stored_attributes()[*index].formula.is_none())
            .collect();
        Self { entity, given }
    }

    /// The entity.
    #[must_use]
    pub fn entity(&self) -> &Arc<Entity> {
        &self.entity
    }

    /// Names of the fields that a sender may give, the time first.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.entity.definition().time.as_str()).chain(
            self.given
                .iter()
                .map(|index| self.entity.stored_attributes()[*index].name.as_str()),
        )
    }

    /// Maps one event whose fields are looked up by name.
    ///
    /// # Errors
    /// The first field that is missing, of the wrong type or out of limits.
    pub fn fact<'a>(&self, now: Timestamp, mut field: impl FnMut(&str) -> Field<'a>) -> Result<Fact, Rejection> {
        let time_name = &self.entity.definition().time;
        let time_us = time_us(field(time_name), now).map_err(|reason| Rejection {
            field: time_name.clone(),
            reason,
        })?;
        let attributes = self.entity.stored_attributes();
        let mut values = vec![Value::Null; attributes.len()];
        for index in &self.given {
            let attribute = &attributes[*index];
            let value = value(attribute.kind, field(&attribute.name)).map_err(|reason| Rejection {
                field: attribute.name.clone(),
                reason,
            })?;
            if attribute.required && value == Value::Null {
                return Err(Rejection {
                    field: attribute.name.clone(),
                    reason: "is required and missing".to_owned(),
                });
            }
            values[*index] = value;
        }
        for (index, formula) in self.entity.derived() {
            values[*index] = formula.evaluate(&values);
        }
        Ok(Fact { time_us, values })
    }

    /// Maps one JSON event. A field that the entity does not have is refused: a misspelt one would be lost in silence.
    ///
    /// # Errors
    /// As [`Self::fact`], or an event that is no object, or an unknown or derived field.
    pub fn json(&self, now: Timestamp, event: &Json) -> Result<Fact, Rejection> {
        let Json::Object(object) = event else {
            return Err(Rejection {
                field: String::new(),
                reason: format!("an event is a JSON object, not {}", kind_of(event)),
            });
        };
        for name in object.keys() {
            self.known(name)?;
        }
        self.fact(now, |name| object.get(name).map_or(Field::Missing, json_field))
    }

    /// Checks that a sender may give the field.
    ///
    /// # Errors
    /// When the entity has no such attribute, or derives it itself.
    pub fn known(&self, name: &str) -> Result<(), Rejection> {
        if self.fields().any(|field| field == name) {
            return Ok(());
        }
        let derived = self
            .entity
            .stored_attributes()
            .iter()
            .any(|attribute| attribute.name == name);
        let reason = if derived {
            "is derived by its formula and can't be sent".to_owned()
        } else {
            let fields: Vec<&str> = self.fields().collect();
            format!(
                "is no attribute of {}, which has {}",
                self.entity.code(),
                fields.join(", ")
            )
        };
        Err(Rejection {
            field: name.to_owned(),
            reason,
        })
    }
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn json_field(value: &Json) -> Field<'_> {
    match value {
        Json::Null => Field::Missing,
        Json::Bool(boolean) => Field::Boolean(*boolean),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| Field::Float(number.as_f64().unwrap_or(f64::NAN)), Field::Integer),
        Json::String(text) => Field::Text { text, typed: true },
        Json::Array(_) => Field::Other("a list"),
        Json::Object(_) => Field::Other("an object"),
    }
}

/// The instant of an event, within limits.
fn time_us(field: Field<'_>, now: Timestamp) -> Result<i64, String> {
    let time_us = match field {
        Field::Time(time_us) => time_us,
        Field::Integer(epoch_ms) => epoch_ms.checked_mul(1000).ok_or("is out of range")?,
        Field::Text { text, .. } => parse_time(text)?,
        Field::Missing => {
            return Err(
                "is required and missing: the time of the event, as RFC 3339 text or epoch milliseconds".to_owned(),
            );
        }
        other => {
            return Err(format!(
                "must be RFC 3339 text or epoch milliseconds, not {}",
                describe(&other)
            ));
        }
    };
    if time_us < EARLIEST_S * 1_000_000 {
        return Err("is before 1990: is it in seconds? send RFC 3339 text or epoch milliseconds".to_owned());
    }
    if time_us > now.as_microsecond() + MAX_AHEAD_S * 1_000_000 {
        return Err("is more than a day in the future".to_owned());
    }
    Ok(time_us)
}

fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.as_microsecond());
    }
    // Without an offset it is UTC.
    let civil = text
        .parse::<DateTime>()
        .map_err(|_| format!("{text:?} is no time: send RFC 3339 such as 2026-01-31T12:00:00Z"))?;
    civil
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map(|zoned| zoned.timestamp().as_microsecond())
        .map_err(|_| format!("{text:?} is out of range"))
}

/// A field as a value of the attribute's type.
fn value(kind: AttributeType, field: Field<'_>) -> Result<Value, String> {
    match (kind, field) {
        (_, Field::Missing | Field::Text { text: "", typed: false }) => Ok(Value::Null),
        (AttributeType::Boolean, Field::Boolean(boolean)) => Ok(Value::Boolean(boolean)),
        (AttributeType::Boolean, Field::Text { text, typed: false }) => match text {
            "true" | "t" | "1" => Ok(Value::Boolean(true)),
            "false" | "f" | "0" => Ok(Value::Boolean(false)),
            _ => Err(format!("{text:?} is no boolean: write true or false")),
        },
        (AttributeType::Integer, Field::Integer(integer)) => bounded_integer(integer),
        (AttributeType::Integer, Field::Text { text, typed: false }) => text
            .parse()
            .map_err(|_| format!("{text:?} is no integer"))
            .and_then(bounded_integer),
        (AttributeType::Integer, Field::Float(float)) => whole(float).and_then(bounded_integer),
        (AttributeType::Decimal, Field::Integer(integer)) => bounded_decimal(Decimal::from(integer)),
        (AttributeType::Decimal, Field::Decimal(decimal)) => bounded_decimal(decimal),
        (AttributeType::Decimal, Field::Float(float)) => exact(float).and_then(bounded_decimal),
        (AttributeType::Decimal, Field::Text { text, .. }) => text
            .parse()
            .map_err(|_| format!("{text:?} is no number"))
            .and_then(bounded_decimal),
        (AttributeType::Text, Field::Text { text, .. }) => bounded_text(text),
        (kind, other) => Err(format!("must be {}, not {}", kind_name(kind), describe(&other))),
    }
}

fn bounded_integer(integer: i64) -> Result<Value, String> {
    if integer.unsigned_abs() > MAX_INTEGER.unsigned_abs() {
        return Err(format!("{integer} is beyond {MAX_INTEGER}"));
    }
    Ok(Value::Integer(integer))
}

fn bounded_decimal(decimal: Decimal) -> Result<Value, String> {
    let decimal = decimal.normalize();
    if decimal.abs() > Decimal::from(MAX_DECIMAL) {
        return Err(format!("{decimal} is beyond {MAX_DECIMAL}"));
    }
    if decimal.scale() > MAX_SCALE {
        return Err(format!(
            "{decimal} has more than {MAX_SCALE} digits after the point: round it"
        ));
    }
    Ok(Value::Decimal(decimal))
}

fn bounded_text(text: &str) -> Result<Value, String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("is {} bytes long, more than {MAX_TEXT_BYTES}", text.len()));
    }
    if text.contains('\0') {
        return Err("contains the character U+0000".to_owned());
    }
    Ok(Value::Text(text.to_owned()))
}

/// A float that is a whole number.
fn whole(float: f64) -> Result<i64, String> {
    // 2^53: beyond it, floats skip integers.
    if !float.is_finite() || float.fract() != 0.0 || float.abs() > 9_007_199_254_740_992.0 {
        return Err(format!("{float} is no integer"));
    }
    #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and below 2^53")]
    Ok(float as i64)
}

/// A float as the shortest decimal that reads back as it, which is what its sender wrote when that had up to 15 digits.
fn exact(float: f64) -> Result<Decimal, String> {
    if !float.is_finite() {
        return Err(format!("{float} is no number"));
    }
    let text = float.to_string();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let decimal: Decimal = text.parse().map_err(|_| format!("{float} is out of range"))?;
    if digits > 16 && decimal.scale() > 0 {
        return Err(format!(
            "{float} has more digits than a JSON number keeps: send it as a text"
        ));
    }
    Ok(decimal)
}

fn kind_name(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::Integer => "an integer",
        AttributeType::Decimal => "a number",
        AttributeType::Boolean => "a boolean",
        AttributeType::Text => "a text",
    }
}

fn describe(field: &Field<'_>) -> String {
    match field {
        Field::Missing => "missing".to_owned(),
        Field::Boolean(boolean) => format!("the boolean {boolean}"),
        Field::Integer(integer) => format!("the number {integer}"),
        Field::Decimal(decimal) => format!("the number {decimal}"),
        Field::Float(float) => format!("the number {float}"),
        Field::Text { text, .. } => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Field::Time(_) => "a time".to_owned(),
        Field::Other(name) => (*name).to_owned(),
    }
}
