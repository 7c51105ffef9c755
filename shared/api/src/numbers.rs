//! How numbers of answers are written, so that no reader sees another number than the one that was computed.

use formula::Number;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// The forms of numbers that one can ask for, as `numbers` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// A JSON number where a float of 64 bits reads back as all of its digits, else a text with them.
    #[default]
    Shortest,
    /// Always a text with all digits.
    Text,
}

impl NumberForm {
    /// The form of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "shortest" => Some(Self::Shortest),
            "text" => Some(Self::Text),
            _ => None,
        }
    }

    /// A value in this form.
    #[must_use]
    pub fn figure(self, number: Option<Number>) -> Option<Figure> {
        number.map(|number| Figure {
            number,
            is_text: self == Self::Text,
        })
    }
}

/// A KPI's value in the form that was asked for.
pub struct Figure {
    number: Number,
    is_text: bool,
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_text {
            serializer.collect_str(&self.number)
        } else {
            self.number.serialize(serializer)
        }
    }
}

/// What a value may be: a number, a text with its digits, or nothing.
pub(crate) fn figure_schema() -> RefOr<Schema> {
    let mut object = Object::with_type(SchemaType::from_iter([Type::Number, Type::String, Type::Null]));
    object.pattern = Some(r"^-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$".to_owned());
    object.description = Some(
        "The value; null where the formula has none, as in a division by zero. A number where a float of 64 bits reads back as all of its digits, \
         else, and with `numbers=text` always, a text with them: `9007199254740993`."
            .to_owned(),
    );
    RefOr::T(Schema::Object(object))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_value_is_a_number_where_every_reader_sees_it_and_a_text_on_wish() {
        let cases = [
            ("12", "12", "\"12\""),
            ("0.1", "0.1", "\"0.1\""),
            ("9e-11", "9e-11", "\"9e-11\""),
            ("9007199254740993", "\"9007199254740993\"", "\"9007199254740993\""),
        ];
        for (digits, shortest, text) in cases {
            let written = |form: &str| {
                let form = NumberForm::named(form).unwrap();
                serde_json::to_string(&form.figure(digits.parse().ok())).unwrap()
            };
            assert_eq!(
                (written("shortest"), written("text")),
                (shortest.to_owned(), text.to_owned())
            );
        }
        assert_eq!(NumberForm::named("float"), None);
        assert_eq!(serde_json::to_string(&NumberForm::Text.figure(None)).unwrap(), "null");
    }
}
