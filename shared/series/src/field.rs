//! From one field of an event, as its sender wrote it, to a value: types and limits.

use std::borrow::Cow;

use formula::{AttributeType, Value};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::digits;

/// Longest text of an attribute in bytes; dimensions are names and codes, not documents.
pub const MAX_TEXT_BYTES: usize = 512;
/// Earliest event time, 1990-01-01. Seconds sent as milliseconds land in January 1970, so they are caught here.
pub const EARLIEST_S: i64 = 631_152_000;
/// How far ahead of the clock an event may be: a day, because clocks are wrong and some senders write the time of another zone.
pub const MAX_AHEAD_S: i64 = 24 * 3600;
/// How far ahead of the clock another time of an event may be: a hundred years of 365.25 days, as long as contracts run. What is due or planned lies
/// ahead; what lies further is a unit or a calendar that was mistaken, or stands for "never", which is no value.
pub const MAX_FURTHER_AHEAD_S: i64 = 100 * 31_557_600;

/// The most bytes of a sender's text that a reason repeats.
const MAX_SHOWN_BYTES: usize = 60;

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
    /// A number in the digits that its sender wrote, as in JSON: `-12`, `0.50`, `1e3`.
    Digits(&'a str),
    /// Text; `typed` is false where the format has nothing but text (CSV), and numbers are read from it.
    Text {
        /// The text.
        text: Cow<'a, str>,
        /// Whether the format could have said another type.
        typed: bool,
    },
    /// An instant in microseconds since 1970.
    Time(i64),
    /// What clocks and calendars on the wall show, and nobody says where: microseconds since 1970 began there.
    LocalTime(i64),
    /// Something that no attribute can be, such as a list, by the name that a reason gives it.
    Other(&'static str),
}

/// Where times are read: the clock, by which absurd ones are told, and the zone of those without an offset.
#[derive(Clone, Copy)]
pub(crate) struct Here<'z> {
    pub(crate) now: Timestamp,
    pub(crate) zone: &'z TimeZone,
}

/// The instant of an event, within limits.
pub(crate) fn time_us(field: Field<'_>, here: Here<'_>) -> Result<i64, String> {
    if field == Field::Missing {
        return Err(
            "is required and missing: the time of the event, as RFC 3339 text or epoch milliseconds".to_owned(),
        );
    }
    let time_us = instant(field, here.zone)?;
    if time_us > here.now.as_microsecond() + MAX_AHEAD_S * 1_000_000 {
        return Err("is more than a day in the future".to_owned());
    }
    Ok(time_us)
}

/// Another time of an event, which is read alike and may lie ahead.
fn further_time(field: Field<'_>, here: Here<'_>) -> Result<Value, String> {
    let time_us = instant(field, here.zone)?;
    if time_us > here.now.as_microsecond() + MAX_FURTHER_AHEAD_S * 1_000_000 {
        return Err("is more than a hundred years in the future: leave out what has no end".to_owned());
    }
    Ok(Value::Time(time_us))
}

/// An instant that is not too early; `zone` is that of times without an offset.
fn instant(field: Field<'_>, zone: &TimeZone) -> Result<i64, String> {
    let time_us = match field {
        Field::Time(time_us) => time_us,
        Field::LocalTime(local_us) => local_time_us(local_us, zone)?,
        Field::Integer(epoch_ms) => epoch_us(epoch_ms)?,
        Field::Digits(digits) => whole_digits(digits).and_then(epoch_us)?,
        Field::Text { text, typed } => parse_time(text.trim(), typed, zone)?,
        // A program that has gaps in a column of integers writes all of them as floats.
        Field::Float(float) => whole(digits::float(float)?, &float).and_then(epoch_us)?,
        Field::Decimal(decimal) => whole(decimal, &decimal).and_then(epoch_us)?,
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
    Ok(time_us)
}

fn epoch_us(epoch_ms: i64) -> Result<i64, String> {
    epoch_ms.checked_mul(1000).ok_or_else(|| "is out of range".to_owned())
}

fn local_time_us(local_us: i64, zone: &TimeZone) -> Result<i64, String> {
    let local = Timestamp::from_microsecond(local_us).map_err(|_| "is a time that no calendar reaches".to_owned())?;
    instant_us(TimeZone::UTC.to_datetime(local), zone).ok_or_else(|| "is out of range".to_owned())
}

/// The instant at which clocks in the zone show a time. In the hour that an autumn night has twice it is the first of the two; what a spring night leaves out is
/// as much later as the clock was put forward, so that no order of times is turned and no day is changed.
fn instant_us(local: DateTime, zone: &TimeZone) -> Option<i64> {
    let instant = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    Some(instant.as_microsecond())
}

fn parse_time(text: &str, typed: bool, zone: &TimeZone) -> Result<i64, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.as_microsecond());
    }
    let no_time = || {
        format!(
            "{:?} is not a time: send RFC 3339 such as 2026-01-31T12:00:00Z",
            shown(text)
        )
    };
    // With a zone, such as 2026-01-31T12:00:00[Europe/Berlin].
    if text.contains('[') {
        return text
            .parse::<Zoned>()
            .map(|zoned| zoned.timestamp().as_microsecond())
            .map_err(|_| no_time());
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return instant_us(local, zone).ok_or_else(|| format!("{:?} is out of range", shown(text)));
    }
    // CSV has no numbers: these are the milliseconds that JSON would write as one.
    if typed {
        return Err(no_time());
    }
    whole_digits(text).map_err(|_| no_time()).and_then(epoch_us)
}

/// A field as a value of the attribute's type.
pub(crate) fn value(kind: AttributeType, field: Field<'_>, here: Here<'_>) -> Result<Value, String> {
    // A duration is written as the number of its seconds.
    let written = match kind {
        AttributeType::Duration => AttributeType::Decimal,
        kind => kind,
    };
    match (written, field) {
        (_, Field::Missing) => Ok(Value::Null),
        (_, Field::Text { text, typed: false }) if text.is_empty() => Ok(Value::Null),
        // The empty text is no value, whatever the format: else a filter, a split and a formula would count differently.
        (AttributeType::Text, Field::Text { text, .. }) if text.is_empty() => Ok(Value::Null),
        (AttributeType::Boolean, Field::Boolean(boolean)) => Ok(Value::Boolean(boolean)),
        // Programs write numbers with gaps as 1.0, and truth with a capital.
        (AttributeType::Boolean, Field::Text { text, typed: false }) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Ok(Value::Boolean(true)),
            "false" | "f" | "0" => Ok(Value::Boolean(false)),
            _ => Err(format!("{:?} is not a boolean: write true or false", shown(&text))),
        },
        (AttributeType::Integer, Field::Integer(integer)) => Ok(Value::Integer(integer)),
        (AttributeType::Integer, Field::Text { text, typed: false }) => whole_digits(&text).map(Value::Integer),
        (AttributeType::Integer, Field::Digits(digits)) => whole_digits(digits).map(Value::Integer),
        (AttributeType::Integer, Field::Decimal(decimal)) => whole(decimal, &decimal).map(Value::Integer),
        (AttributeType::Integer, Field::Float(float)) => whole(digits::float(float)?, &float).map(Value::Integer),
        (AttributeType::Decimal, Field::Integer(integer)) => Ok(Value::Decimal(Decimal::from(integer))),
        (AttributeType::Decimal, Field::Decimal(decimal)) => digits::within(decimal).map(Value::Decimal),
        (AttributeType::Decimal, Field::Float(float)) => digits::float(float).map(Value::Decimal),
        (AttributeType::Decimal, Field::Digits(digits)) => digits::decimal(digits).map(Value::Decimal),
        (AttributeType::Decimal, Field::Text { text, typed: false }) if text.contains(',') => Err(comma(&text)),
        (AttributeType::Decimal, Field::Text { text, .. }) => digits::decimal(&text).map(Value::Decimal),
        (AttributeType::Text, Field::Text { text, .. }) => bounded_text(text.into_owned()),
        // As with texts: a program that has no value may write an empty one.
        (AttributeType::Time, Field::Text { text, .. }) if text.trim().is_empty() => Ok(Value::Null),
        (AttributeType::Time, field) => further_time(field, here),
        (_, other) => Err(format!("must be {}, not {}", kind_name(kind), describe(&other))),
    }
}

fn bounded_text(text: String) -> Result<Value, String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("is {} bytes long, more than {MAX_TEXT_BYTES}", text.len()));
    }
    if text.contains('\0') {
        return Err("contains the character U+0000".to_owned());
    }
    Ok(Value::Text(text))
}

/// A derived value as it is stored: rounded to what a fact can hold, half to even, and no value beyond it.
pub(crate) fn bounded(value: Value) -> Value {
    match value {
        Value::Decimal(decimal) => digits::rounded(decimal).map_or(Value::Null, Value::Decimal),
        other => other,
    }
}

/// Why a number of a CSV file that has a comma is none.
fn comma(text: &str) -> String {
    let shown = shown(text);
    if text.matches(',').count() == 1 && digits::decimal(&text.replace(',', ".")).is_ok() {
        return format!(
            "{shown:?} has a comma where the file's numbers have points: if it is a decimal comma, declare \"csv\": {{\"decimal\": \"comma\"}} with the \
             entity, or the metadata decimal=comma with the file; separators of thousands are left out"
        );
    }
    format!("{shown:?} is not a number: separators of thousands are left out")
}

/// Digits that are a whole number: `3`, `3.0`, `3e2`.
fn whole_digits(digits: &str) -> Result<i64, String> {
    match digits.parse() {
        Ok(integer) => Ok(integer),
        Err(_) => whole(digits::decimal(digits)?, &shown(digits)),
    }
}

/// A number that is whole; `written` is it in its sender's digits.
fn whole(decimal: Decimal, written: &dyn std::fmt::Display) -> Result<i64, String> {
    if !decimal.is_integer() {
        return Err(format!("{written} is not an integer"));
    }
    let beyond = || format!("{written} is beyond an integer's 64 bits: an attribute of type decimal takes 28 digits");
    decimal.to_i64().ok_or_else(beyond)
}

/// The beginning of a text, for a reason: a sender may have written megabytes.
pub(crate) fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_SHOWN_BYTES)]
}

fn kind_name(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::Integer => "an integer",
        AttributeType::Decimal => "a number",
        AttributeType::Boolean => "a boolean",
        AttributeType::Text => "a text",
        AttributeType::Time => "a time",
        AttributeType::Duration => "a number of seconds",
    }
}

fn describe(field: &Field<'_>) -> String {
    match field {
        Field::Missing => "missing".to_owned(),
        Field::Boolean(boolean) => format!("the boolean {boolean}"),
        Field::Integer(integer) => format!("the number {integer}"),
        Field::Decimal(decimal) => format!("the number {decimal}"),
        Field::Float(float) => format!("the number {float}"),
        Field::Digits(digits) => format!("the number {}", shown(digits)),
        Field::Text { text, .. } => format!("the text {:?}", shown(text)),
        Field::Time(_) | Field::LocalTime(_) => "a time".to_owned(),
        Field::Other(name) => (*name).to_owned(),
    }
}
