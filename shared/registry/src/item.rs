//! Reading and writing attributes, with errors that name the item.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::Key;
use crate::{Error, Result};

/// An item as DynamoDB gives it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Largest value stored in one item. DynamoDB takes 400 KB (409,600 bytes) with names and keys; the rest is room for those.
pub(crate) const MAX_VALUE_BYTES: usize = 350 * 1024;

/// The TTL attribute: seconds since the epoch.
pub(crate) const EXPIRES_AT: &str = "expires_at";

/// A new item with its key.
pub(crate) fn keyed(key: &Key) -> Item {
    Item::from([("pk".to_owned(), key.pk()), ("sk".to_owned(), key.sk())])
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A time as milliseconds since the epoch.
pub(crate) fn time(value: Timestamp) -> AttributeValue {
    number(value.as_millisecond())
}

/// A value as JSON text that fits an item.
pub(crate) fn json(what: &'static str, value: &impl Serialize) -> Result<AttributeValue> {
    let body = serde_json::to_string(value).map_err(|source| Error::Unserializable { what, source })?;
    if body.len() > MAX_VALUE_BYTES {
        return Err(Error::TooLarge {
            what,
            bytes: body.len(),
            limit: MAX_VALUE_BYTES,
        });
    }
    Ok(text(body))
}

/// Whether the item counts: DynamoDB may sweep an expired item days later.
pub(crate) fn is_live(item: &Item, now: Timestamp) -> bool {
    read_number::<i64>(item, EXPIRES_AT).map_or(true, |expires_at| expires_at > now.as_second())
}

pub(crate) fn read_text<'a>(item: &'a Item, attribute: &'static str) -> Result<&'a str> {
    item.get(attribute)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
        .ok_or_else(|| malformed(item, attribute))
}

pub(crate) fn read_parsed<T: FromStr>(item: &Item, attribute: &'static str) -> Result<T> {
    read_text(item, attribute)?
        .parse()
        .map_err(|_| malformed(item, attribute))
}

pub(crate) fn read_number<T: FromStr>(item: &Item, attribute: &'static str) -> Result<T> {
    item.get(attribute)
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| malformed(item, attribute))
}

pub(crate) fn read_time(item: &Item, attribute: &'static str) -> Result<Timestamp> {
    Timestamp::from_millisecond(read_number(item, attribute)?).map_err(|_| malformed(item, attribute))
}

pub(crate) fn read_json<T: DeserializeOwned>(item: &Item, attribute: &'static str) -> Result<T> {
    serde_json::from_str(read_text(item, attribute)?).map_err(|_| malformed(item, attribute))
}

pub(crate) fn malformed(item: &Item, attribute: &'static str) -> Error {
    let sk = item
        .get("sk")
        .and_then(|value| value.as_s().ok())
        .cloned()
        .unwrap_or_default();
    Error::Malformed { item: sk, attribute }
}
