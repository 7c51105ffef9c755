//! Conditions over two texts. They compare byte by byte: upper and lower case differ, and no character stands for others.

use std::fmt;

/// How one text may lie in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextTest {
    /// `STARTS_WITH(text, part)`: at its beginning.
    StartsWith,
    /// `ENDS_WITH(text, part)`: at its end.
    EndsWith,
    /// `CONTAINS(text, part)`: anywhere.
    Contains,
}

impl TextTest {
    /// Whether the part lies so in the text. The empty part lies everywhere.
    #[must_use]
    pub fn holds(self, text: &str, part: &str) -> bool {
        match self {
            TextTest::StartsWith => text.starts_with(part),
            TextTest::EndsWith => text.ends_with(part),
            TextTest::Contains => text.contains(part),
        }
    }
}

impl fmt::Display for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::function::Function::Text(*self).name())
    }
}
