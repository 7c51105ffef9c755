//! One bucket of one channel, as small as JSON allows.

use std::borrow::Cow;
use std::fmt;

use formula::Number;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use utoipa::openapi::schema::{ArrayBuilder, ArrayItems, Object, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// `[channel, bucket, value, facts]`, and a fifth element `1` once the bucket is closed. Without keys a changed value costs about
/// 30 bytes where a JSON object costs 170.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which subscription of the connection.
    pub channel: u32,
    /// When the bucket starts, in seconds since 1970.
    pub bucket: i64,
    /// The KPI's value; none where the formula has none. A JSON number where every reader gets this number from it, else a text with its digits.
    pub value: Option<Number>,
    /// Facts that the value rests on.
    pub facts: u64,
    /// Whether the bucket's end has passed; late facts may still correct it.
    pub closed: bool,
}

/// All of a row but its channel, as text: rendered once when a bucket changes, used by every connection. Ends with the bracket.
pub(crate) fn tail(bucket: i64, value: Option<&Number>, facts: u64, closed: bool) -> Box<str> {
    let closed = if closed { ",1" } else { "" };
    let value = value.map_or_else(|| "null".to_owned(), Number::json);
    format!("{bucket},{value},{facts}{closed}]").into()
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(Some(if self.closed { 5 } else { 4 }))?;
        row.serialize_element(&self.channel)?;
        row.serialize_element(&self.bucket)?;
        row.serialize_element(&self.value)?;
        row.serialize_element(&self.facts)?;
        if self.closed {
            row.serialize_element(&1)?;
        }
        row.end()
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row, D::Error> {
        deserializer.deserialize_seq(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a row [channel, bucket, value, facts] or [channel, bucket, value, facts, 1]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<Row, A::Error> {
        let short = |length| de::Error::invalid_length(length, &self);
        Ok(Row {
            channel: row.next_element()?.ok_or_else(|| short(0))?,
            bucket: row.next_element()?.ok_or_else(|| short(1))?,
            value: row.next_element()?.ok_or_else(|| short(2))?,
            facts: row.next_element()?.ok_or_else(|| short(3))?,
            closed: row.next_element::<u8>()? == Some(1),
        })
    }
}

impl PartialSchema for Row {
    fn schema() -> RefOr<Schema> {
        let element = |kind: SchemaType, text: &str| {
            let mut object = Object::with_type(kind);
            object.description = Some(text.to_owned());
            Schema::Object(object)
        };
        let integer = || SchemaType::new(Type::Integer);
        ArrayBuilder::new()
            .description(Some(
                "[channel, bucket, value, facts], and a fifth element 1 once the bucket is closed",
            ))
            .prefix_items([
                element(integer(), "channel"),
                element(integer(), "start of the bucket, seconds since 1970"),
                element(
                    SchemaType::from_iter([Type::Number, Type::String, Type::Null]),
                    "value of the KPI, null where it has none; a text with its digits where a float of 64 bits would be another number",
                ),
                element(integer(), "facts that the value rests on"),
                element(integer(), "1 once the bucket is closed, else absent"),
            ])
            .items(ArrayItems::False)
            .into()
    }
}

impl ToSchema for Row {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Row")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_short() {
        let cases = [
            (Some("12.0"), 7, false, "[3,60,12,7]"),
            (Some("-0.125"), 7, true, "[3,60,-0.125,7,1]"),
            (None, 0, false, "[3,60,null,0]"),
            (Some("0.0"), 0, true, "[3,60,0,0,1]"),
            (Some("1e300"), 1, false, "[3,60,1e300,1]"),
            (Some("2.3e-14"), 1, false, "[3,60,2.3e-14,1]"),
            (Some("9007199254740993"), 1, false, "[3,60,\"9007199254740993\",1]"),
        ];
        for (value, facts, closed, text) in cases {
            let value = value.map(|value| value.parse::<Number>().unwrap());
            assert_eq!(format!("[3,{}", tail(60, value.as_ref(), facts, closed)), text);
            assert_eq!(
                serde_json::from_str::<Row>(text).unwrap(),
                Row {
                    channel: 3,
                    bucket: 60,
                    value,
                    facts,
                    closed
                }
            );
        }
    }

    #[test]
    fn other_arrays_are_no_rows() {
        for text in ["[]", "[1,2,3]", "[1,2,3,4,1,6]", "[-1,2,3,4]", "{}", "[1,2,\"x\",4]"] {
            assert!(serde_json::from_str::<Row>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_of_a_value_is_exact(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO) {
            if let Some(number) = Number::of_float(value) {
                let text = tail(60, Some(&number), 1, false);
                let text = text.split(',').nth(1).unwrap();
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), (value + 0.0).to_bits());
                prop_assert!(serde_json::from_str::<f64>(text).is_ok());
            }
        }
    }
}
