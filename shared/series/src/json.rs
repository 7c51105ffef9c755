//! An event's JSON text, read straight into [`Field`]s: no tree of values is built in between.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::fact::Fact;
use crate::field::Field;
use crate::mapping::{Mapper, Rejection};

impl Mapper {
    /// Maps one event from its JSON text. A field that the entity does not have is refused: a misspelt one would be lost in
    /// silence.
    ///
    /// # Errors
    /// As [`Self::fact`], or a text that is no JSON object, or a field that is unknown, derived or there twice.
    pub fn json(&self, now: Timestamp, text: &str) -> Result<Fact, Rejection> {
        let whole = |reason| Rejection {
            field: String::new(),
            reason,
        };
        let unreadable = |error: serde_json::Error| whole(format!("is no JSON: {error}"));
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

/// A text that is JSON but no event of the entity is read to its end all the same, so that a syntax error is told first.
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
                        field: name.into_owned(),
                        reason: "is there twice".to_owned(),
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
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Typed::deserialize(deserializer)?.0 {
            Field::Text { text, .. } => Ok(Self(text)),
            // A name in JSON is a string.
            _ => Ok(Self(Cow::Borrowed(""))),
        }
    }
}

/// A value as a field.
struct Typed<'de>(Field<'de>);

impl Typed<'_> {
    fn kind(&self) -> &'static str {
        match self.0 {
            Field::Missing => "null",
            Field::Boolean(_) => "a boolean",
            Field::Integer(_) | Field::Decimal(_) | Field::Float(_) | Field::Time(_) => "a number",
            Field::Text { .. } => "a text",
            Field::Other(name) => name,
        }
    }
}

impl<'de> Deserialize<'de> for Typed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TypedVisitor).map(Self)
    }
}

struct TypedVisitor;

impl<'de> Visitor<'de> for TypedVisitor {
    type Value = Field<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Missing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Field::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Field::Integer(value))
    }

    #[allow(clippy::cast_precision_loss, reason = "beyond i64 it is refused by its magnitude")]
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Field::Float(value as f64), Field::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Field::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text {
            text: Cow::Borrowed(text),
            typed: true,
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text {
            text: Cow::Owned(text.to_owned()),
            typed: true,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an object"))
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
