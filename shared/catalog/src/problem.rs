//! What is wrong with a definition.

use serde::Serialize;
use std::fmt;
use std::ops::Range;
use utoipa::ToSchema;

/// One thing wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The JSON pointer (RFC 6901) to the field, `/attributes/2/formula`; empty for the definition as a whole.
    pub pointer: String,
    /// The cause, in lower case and without a full stop.
    pub message: String,
    /// What would be right, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The bytes of the field's text it is about, when the field is a formula: `start` and `end`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub span: Option<Range<usize>>,
}

impl Problem {
    /// A problem with the field at a pointer.
    #[must_use]
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
            hint: None,
            span: None,
        }
    }

    /// Adds what would be right.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A mistake in a formula, with its own span and hint.
    pub(crate) fn in_formula(pointer: &str, diagnostic: formula::Diagnostic) -> Self {
        Self {
            pointer: pointer.to_owned(),
            message: diagnostic.message,
            hint: diagnostic.hint,
            span: Some(diagnostic.span),
        }
    }

    /// The same problem of a definition that stands inside of a larger document.
    #[must_use]
    pub fn below(mut self, parent: &str) -> Self {
        self.pointer.insert_str(0, parent);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// The value if there are no problems.
pub(crate) fn none_or<T>(problems: Vec<Problem>, value: impl FnOnce() -> T) -> Result<T, Vec<Problem>> {
    if problems.is_empty() {
        Ok(value())
    } else {
        Err(problems)
    }
}
