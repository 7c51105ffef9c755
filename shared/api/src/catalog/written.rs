//! A definition as it is written, which is as it is read.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, de};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::Hint;

/// What answers add to a definition.
#[derive(Clone, Copy)]
enum Added {
    Version,
    Hints,
    RefersTo,
}

impl Added {
    const fn name(self) -> &'static str {
        match self {
            Added::Version => "version",
            Added::Hints => "hints",
            Added::RefersTo => "refers_to",
        }
    }
}

/// A definition in the body of a POST or PUT. What is answered can be sent as it is: its `version` is passed over, because `If-Match` says what is replaced, and so
/// are its `hints` and what it `refers_to`.
pub struct Written<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object(PhantomData)).map(Self)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(Bare(fields)))
    }
}

/// The fields of an object but those that answers add.
struct Bare<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bare<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let mut seed = Some(seed);
        loop {
            match self.0.next_key_seed(Name(&mut seed))? {
                None => return Ok(None),
                Some(Ok(name)) => return Ok(Some(name)),
                Some(Err(Added::Version)) => drop(self.0.next_value::<Option<i32>>()?),
                Some(Err(Added::Hints)) => drop(self.0.next_value::<Vec<de::IgnoredAny>>()?),
                Some(Err(Added::RefersTo)) => drop(self.0.next_value::<Vec<de::IgnoredAny>>()?),
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// A field's name, which is read by a seed unless answers add that field.
struct Name<'a, S>(&'a mut Option<S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Name<'_, S> {
    type Value = Result<S::Value, Added>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        if let Some(added) = [Added::Version, Added::Hints, Added::RefersTo]
            .into_iter()
            .find(|added| added.name() == name)
        {
            return Ok(Err(added));
        }
        let seed = self.0.take().ok_or_else(|| D::Error::custom("a name is read once"))?;
        let text: de::value::CowStrDeserializer<'_, D::Error> = de::IntoDeserializer::into_deserializer(name);
        seed.deserialize(text).map(Ok)
    }
}

impl<T: ToSchema> ToSchema for Written<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Written<T> {
    fn schema() -> RefOr<Schema> {
        with_added::<T>(
            "Passed over, so that what was answered can be written: `If-Match` names the version that is replaced.",
            "Passed over, as `version` is.",
        )
    }
}

/// The schema of a definition that is answered with its version, of a kind that has no hints.
pub(super) fn versioned<T: PartialSchema>(version: &str) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = answered::<T>(version) else {
        return T::schema();
    };
    object.properties.retain(|name, _| name != Added::Hints.name());
    RefOr::T(Schema::Object(object))
}

/// The schema of a definition that is answered: its version is always there, and there may be hints.
pub(super) fn answered<T: PartialSchema>(version: &str) -> RefOr<Schema> {
    let schema = with_added::<T>(
        version,
        "Where it was defined or replaced: what it does that its author may not expect.",
    );
    let RefOr::T(Schema::Object(mut object)) = schema else {
        return schema;
    };
    object.required.push(Added::Version.name().to_owned());
    RefOr::T(Schema::Object(object))
}

/// The schema of a definition with what answers add to it.
fn with_added<T: PartialSchema>(version: &str, hints: &str) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = T::schema() else {
        return T::schema();
    };
    let version = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .description(Some(version))
        .build();
    let hints = ArrayBuilder::new()
        .items(Ref::from_schema_name(Hint::name()))
        .description(Some(hints));
    object
        .properties
        .insert(Added::Version.name().to_owned(), version.into());
    object.properties.insert(Added::Hints.name().to_owned(), hints.into());
    // A KPI, which may refer to others.
    if object.properties.contains_key("formula") {
        let codes = ArrayBuilder::new()
            .items(ObjectBuilder::new().schema_type(Type::String))
            .description(Some(
                "Answered where its formula names other KPIs, and passed over where it is written.",
            ));
        object
            .properties
            .insert(Added::RefersTo.name().to_owned(), codes.into());
    }
    RefOr::T(Schema::Object(object))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use catalog::KpiDefinition;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_answered_can_be_written() {
        let definition = json!({ "code": "FLIGHTS", "name": "Flights", "formula": "COUNT(Flight)" });
        for (version, fine) in [
            (json!(3), true),
            (json!(null), true),
            (json!("3"), false),
            (json!({}), false),
        ] {
            let mut body = definition.clone();
            body["version"] = version;
            let read = serde_json::from_value::<Written<KpiDefinition>>(body.clone());
            assert_eq!(read.is_ok(), fine, "{body}");
            assert!(read.is_err() || read.unwrap().0.name == "Flights");
        }
        let mut hinted = definition.clone();
        hinted["hints"] = json!([{ "pointer": "/formula", "detail": "so", "hint": null, "span": [0, 1] }]);
        assert!(serde_json::from_value::<Written<KpiDefinition>>(hinted.clone()).is_ok());
        hinted["hints"] = json!("none");
        assert!(serde_json::from_value::<Written<KpiDefinition>>(hinted).is_err());
        let mut referring = definition.clone();
        referring["refers_to"] = json!(["ORDERS"]);
        assert!(serde_json::from_value::<Written<KpiDefinition>>(referring).is_ok());
        let mut strange = definition.clone();
        strange["versions"] = 3.into();
        assert!(serde_json::from_value::<Written<KpiDefinition>>(strange).is_err());
        let bare = serde_json::from_value::<Written<KpiDefinition>>(definition).unwrap();
        assert_eq!(bare.0.code, "FLIGHTS");
    }
}
