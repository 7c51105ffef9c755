//! JSON as the API takes it: an object is written as an object, and a whole number as any number that is whole.
//!
//! What serde derives for a struct also takes a list of its fields in their order, at every depth: `["a", "text"]` would be an attribute. And it refuses `1e2` for
//! an integer, which to JSON, and to JSON Schema, is one. [`Strict`] stands around a deserializer and all that is read within it, and does both otherwise.
//!
//! What serde buffers before it reads it, enums with a tag inside and untagged ones, it reads from its own buffer: no body that the API takes has such a type.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

/// A deserializer whose objects are objects.
pub(crate) struct Strict<D>(pub(crate) D);

/// A visitor of a value, everything within which is read strictly.
struct Within<V> {
    visitor: V,
    takes: Takes,
}

/// What a visitor takes otherwise than its type would.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// What its type takes.
    Any,
    /// Numbers that are whole, however they are written.
    Whole,
    /// No list.
    Object,
}

/// The largest float below which each whole number is one: 2^53.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

const fn within<V>(visitor: V, takes: Takes) -> Within<V> {
    Within { visitor, takes }
}

macro_rules! read {
    ($takes:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            self.0.$method(within(visitor, Takes::$takes))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    read!(Any: deserialize_any deserialize_bool deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any);
    read!(Whole: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_u128);

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, within(visitor, Takes::Any))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, within(visitor, Takes::Any))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(length, within(visitor, Takes::Any))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0
            .deserialize_tuple_struct(name, length, within(visitor, Takes::Any))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, within(visitor, Takes::Object))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, within(visitor, Takes::Any))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident: $value:ty),*) => {
        $(fn $method<E: Error>(self, value: $value) -> Result<V::Value, E> {
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Within<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(formatter)
    }

    visit!(visit_bool: bool, visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128, visit_u8: u8, visit_u16: u16,
        visit_u32: u32, visit_u64: u64, visit_u128: u128, visit_f32: f32, visit_char: char, visit_str: &str, visit_borrowed_str: &'de str,
        visit_string: String, visit_bytes: &[u8], visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>);

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        if self.takes == Takes::Whole && value.abs() <= MAX_WHOLE {
            // A whole number is printed without a point, whatever it was written as.
            let text = value.to_string();
            if let Ok(whole) = text.parse() {
                return self.visitor.visit_u64(whole);
            }
            if let Ok(whole) = text.parse() {
                return self.visitor.visit_i64(whole);
            }
        }
        self.visitor.visit_f64(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict(inner))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Strict(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        if self.takes == Takes::Object {
            return Err(A::Error::invalid_type(Unexpected::Other("a list"), &"an object"));
        }
        self.visitor.visit_seq(Items(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Items(fields))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Items(variant))
    }
}

/// The items of a list, the fields of an object, or a variant with what it holds, each read strictly.
struct Items<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Items<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Items<A> {
    type Error = A::Error;
    type Variant = Items<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        self.0.variant_seed(seed).map(|(name, variant)| (name, Items(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Items<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Seed(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, within(visitor, Takes::Any))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, within(visitor, Takes::Object))
    }
}

struct Seed<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use serde::Deserialize;

    use crate::extract::parse_json;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Outer {
        inner: Vec<Inner>,
        by_name: BTreeMap<String, Inner>,
        one: Option<Inner>,
        change: Option<Change>,
        pair: Option<(u8, u8)>,
        any: Option<serde_json::Value>,
        seats: u32,
        days: Option<i64>,
        share: f64,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Inner {
        name: String,
        text: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Change {
        Add(Inner),
        Begin { task: String },
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        for (body, pointer) in [
            (r#"[[["a","b"]]]"#, ""),
            (r#"{"inner":[["a","b"]]}"#, "/inner/0"),
            (r#"{"inner":[{"name":"a","text":"b"},["a","b"]]}"#, "/inner/1"),
            (r#"{"by_name":{"x":["a","b"]}}"#, "/by_name/x"),
            (r#"{"one":["a","b"]}"#, "/one"),
            (r#"{"change":{"add":["a","b"]}}"#, "/change/add"),
            (r#"{"change":{"begin":["a"]}}"#, "/change/begin"),
        ] {
            let problem = parse_json::<Outer>(body.as_bytes()).unwrap_err();
            assert_eq!(
                (problem.status, problem.issues[0].pointer.as_str()),
                (400, pointer),
                "{body}"
            );
            assert!(
                problem.detail.contains("a list, expected an object"),
                "{}",
                problem.detail
            );
        }
        let fine = r#"{"inner":[{"name":"a","text":"b"}],"one":{"name":"a","text":"b"},"change":{"begin":{"task":"a"}},"pair":[1,2],"any":[[1]]}"#;
        let read = parse_json::<Outer>(fine.as_bytes()).unwrap();
        assert_eq!((read.inner.len(), read.pair), (1, Some((1, 2))));
        assert_eq!(read.any, Some(serde_json::json!([[1]])));
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (text, seats) in [
            ("100", 100),
            ("1e2", 100),
            ("100.0", 100),
            ("1.5e1", 15),
            ("0.0", 0),
            ("-0.0", 0),
        ] {
            let read = parse_json::<Outer>(format!("{{\"seats\":{text}}}").as_bytes()).unwrap();
            assert_eq!(read.seats, seats, "{text}");
        }
        for text in ["1.5", "-1e0", "1e10", "1e400", "9007199254740993.5", "\"1\"", "true"] {
            let refused = parse_json::<Outer>(format!("{{\"seats\":{text}}}").as_bytes());
            assert_eq!(refused.unwrap_err().status, 400, "{text}");
        }
        let read = parse_json::<Outer>(br#"{"days":-3e0,"share":1e2}"#).unwrap();
        assert_eq!((read.days, read.share), (Some(-3), 100.0));
    }
}
