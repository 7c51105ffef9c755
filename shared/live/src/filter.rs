//! The values that a dimension may have in a filter, one or many.

use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One value or a list of values: texts; booleans and whole numbers are taken as their text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum FilterValue {
    /// The dimension has this value.
    One(String),
    /// The dimension has one of these values.
    Many(Vec<String>),
}

impl FilterValue {
    /// The values, one or many.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            FilterValue::One(value) => std::slice::from_ref(value),
            FilterValue::Many(values) => values,
        }
    }
}

impl<'de> Deserialize<'de> for FilterValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FilterValue, D::Error> {
        deserializer.deserialize_any(FilterVisitor)
    }
}

struct FilterVisitor;

impl<'de> Visitor<'de> for FilterVisitor {
    type Value = FilterValue;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, a boolean, a whole number or a list of them")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<FilterValue, E> {
        Ok(FilterValue::One(value.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<FilterValue, E> {
        Ok(FilterValue::One(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<FilterValue, E> {
        Ok(FilterValue::One(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<FilterValue, E> {
        Ok(FilterValue::One(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FilterValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<FilterValue>()? {
            match value {
                FilterValue::One(value) => values.push(value),
                FilterValue::Many(_) => return Err(de::Error::custom("a list within a list of filter values")),
            }
        }
        Ok(FilterValue::Many(values))
    }
}
