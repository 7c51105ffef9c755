//! An event's JSON text, read straight into [`Field`]s: no tree of values is built in between.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::fact::Fact;
use crate::field::{Field, shown};
use crate::mapping::{Mapper, Rejection};

impl Mapper {
    /// Maps one event from its JSON text. A field that the entity does not have is refused: a misspelt one would be lost in
    /// silence.
    ///
    /// # Errors
    /// As [`Self::fact`], or a text that is not a JSON object, or a field that is unknown, derived or appears twice.
    pub fn json(&self, now: Timestamp, text: &str) -> Result<Fact, Rejection> {
        let whole = |reason| Rejection {
            field: String::new(),
            reason,
        };
        let unreadable = |error: serde_json::Error| whole(format!("is not JSON: {error}"));
        if !text.trim_start().starts_with('{') {
            let other: Typed<'_> = serde_json::from_str(text).map_err(unreadable)?;
            return Err(whole(format!("an event is a JSON object, not {}", other.kind())));
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut fields = Fields {
            mapper: self,
            given: self.fields().map(|_| None).collect(),
        }
        .deserialize(&mut deserializer)
        .map_err(unreadable)??;
        deserializer.end().map_err(unreadable)?;
        self.fact(now, |place| {
            fields.get_mut(place).and_then(Option::take).unwrap_or(Field::Missing)
        })
    }
}

/// The fields of an event by their place among [`Mapper::fields`].
struct Fields<'m, 'de> {
    mapper: &'m Mapper,
    given: Vec<Option<Field<'de>>>,
}

/// Text that is JSON but not an event of the entity is still read to its end, so that a syntax error is reported first.
type Given<'de> = Result<Vec<Option<Field<'de>>>, Rejection>;

impl<'de> DeserializeSeed<'de> for Fields<'_, 'de> {
    type Value = Given<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_, 'de> {
    type Value = Given<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut refused = None;
        while let Some(Name(name)) = map.next_key()? {
            match self.mapper.place(&name) {
                Ok(place) if self.given[place].is_none() => self.given[place] = Some(map.next_value::<Typed<'de>>()?.0),
                Ok(_) => {
                    refused.get_or_insert(Rejection {
                        field: shown(&name).to_owned(),
                        reason: "appears twice".to_owned(),
                    });
                    map.next_value::<IgnoredAny>()?;
                }
                Err(rejection) => {
                    refused.get_or_insert(rejection);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(refused.map_or(Ok(self.given), Err))
    }
}

/// A name, borrowed unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value as a field. Numbers are taken by their digits, which a float would change.
struct Typed<'de>(Field<'de>);

impl Typed<'_> {
    fn kind(&self) -> &'static str {
        match self.0 {
            Field::Missing => "null",
            Field::Boolean(_) => "a boolean",
            Field::Text { .. } => "a text",
            Field::Other(name) => name,
            _ => "a number",
        }
    }
}

impl<'de> Deserialize<'de> for Typed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let field = match raw.as_bytes().first() {
            Some(b'"') => text(raw),
            Some(b'n') => Field::Missing,
            Some(b't') => Field::Boolean(true),
            Some(b'f') => Field::Boolean(false),
            Some(b'[') => Field::Other("a list"),
            Some(b'{') => Field::Other("an object"),
            _ => Field::Digits(raw),
        };
        Ok(Self(field))
    }
}

/// A JSON string, borrowed unless it has escapes. An escape can write half of a surrogate pair, which no text can hold.
fn text(raw: &str) -> Field<'_> {
    let plain = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let text = if plain.contains('\\') {
        match serde_json::from_str(raw) {
            Ok(text) => Cow::Owned(text),
            Err(_) => return Field::Other("a text with half a character"),
        }
    } else {
        Cow::Borrowed(plain)
    };
    Field::Text { text, typed: true }
}

#[cfg(test)]
mod tests;
