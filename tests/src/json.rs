//! Reading JSON that a test knows the shape of.
#![allow(clippy::panic, reason = "JSON of another shape fails the test that reads it")]

use serde_json::Value;

/// Typed views of a JSON value. A value of another type fails the test and is shown.
pub trait JsonExt {
    /// The value as text.
    ///
    /// # Panics
    /// When it is none.
    fn text(&self) -> &str;

    /// The value as a list.
    ///
    /// # Panics
    /// When it is none.
    fn list(&self) -> &[Value];

    /// The value as a whole number.
    ///
    /// # Panics
    /// When it is none.
    fn integer(&self) -> i64;
}

impl JsonExt for Value {
    #[track_caller]
    fn text(&self) -> &str {
        self.as_str().unwrap_or_else(|| panic!("not a text: {self}"))
    }

    #[track_caller]
    fn list(&self) -> &[Value] {
        self.as_array().unwrap_or_else(|| panic!("not a list: {self}"))
    }

    #[track_caller]
    fn integer(&self) -> i64 {
        self.as_i64().unwrap_or_else(|| panic!("not a whole number: {self}"))
    }
}

/// A definition as it is read, without its version: as it is written.
#[must_use]
pub fn without_version(mut definition: Value) -> Value {
    if let Some(fields) = definition.as_object_mut() {
        fields.remove("version");
    }
    definition
}
