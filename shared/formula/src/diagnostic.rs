//! What is wrong with a text: where, what, and what to do about it.

use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// One thing wrong with a formula.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The bytes of the source it is about; empty at the end of the source when something is missing there.
    pub span: Range<usize>,
    /// A stable name for the kind of problem, `unknown-attribute`.
    pub code: &'static str,
    /// The cause, in lower case and without a full stop.
    pub message: String,
    /// What would be right, where that can be said.
    pub hint: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(span: Range<usize>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            span,
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_optional_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}..{}", self.message, self.span.start, self.span.end)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// The same span in UTF-16 code units, which is how browsers count. Offsets beyond the source mean its end.
#[must_use]
pub fn utf16_span(source: &str, span: &Range<usize>) -> Range<usize> {
    let units = |offset: usize| {
        source
            .char_indices()
            .take_while(|(at, _)| *at < offset)
            .map(|(_, c)| c.len_utf16())
            .sum()
    };
    units(span.start)..units(span.end)
}

/// The byte at which a number of UTF-16 code units ends: at most all of them, and never half a character.
#[must_use]
pub fn utf16_position(source: &str, units: usize) -> Option<usize> {
    let mut counted = 0;
    let starts = source.char_indices().map(|(at, c)| {
        let begins = (counted, at);
        counted += c.len_utf16();
        begins
    });
    let found = starts.into_iter().find(|(begins, _)| *begins == units);
    found
        .map(|(_, at)| at)
        .or_else(|| (counted == units).then_some(source.len()))
}

/// The most characters of the source that a message repeats.
const MAX_EXCERPT: usize = 40;

/// A piece of the source for use in a message, shortened when it is long.
pub(crate) fn excerpt(source: &str, span: &Range<usize>) -> String {
    let text = source.get(span.clone()).unwrap_or_default();
    let mut short: String = text.chars().take(MAX_EXCERPT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{short}`")
}

/// A name for use in a message, shortened when it is long.
pub(crate) fn quoted(name: &str) -> String {
    excerpt(name, &(0..name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_spans_count_code_units() {
        for (name, source, span, expected) in [
            ("ascii", "a + b", 4..5, 4..5),
            ("two bytes, one unit", "'é' = b", 0..4, 0..3),
            ("four bytes, two units", "'🛫' = b", 0..6, 0..4),
            ("after both", "é🛫b", 6..7, 3..4),
            ("past the end", "ab", 7..9, 2..2),
        ] {
            assert_eq!(utf16_span(source, &span), expected, "{name}");
        }
    }

    #[test]
    fn utf16_positions_are_those_of_whole_characters() {
        for (source, units, expected) in [
            ("ab", 0, Some(0)),
            ("ab", 2, Some(2)),
            ("ab", 3, None),
            ("é🛫b", 1, Some(2)),
            ("é🛫b", 2, None),
            ("é🛫b", 3, Some(6)),
            ("é🛫b", 4, Some(7)),
        ] {
            assert_eq!(utf16_position(source, units), expected, "{source} {units}");
        }
    }

    #[test]
    fn excerpts_are_short() {
        assert_eq!(excerpt("a + b", &(0..1)), "`a`");
        assert_eq!(excerpt(&"é".repeat(50), &(0..100)), format!("`{}…`", "é".repeat(40)));
        assert_eq!(excerpt("é", &(1..9)), "``", "a wrong span is no panic");
    }
}
