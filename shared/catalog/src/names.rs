//! What names and labels may look like, and which names are taken.

use crate::problem::Problem;
use crate::{MAX_DESCRIPTION, MAX_FORMER_NAMES, MAX_LABEL};

/// The names of columns that every table of facts or rollups has of its own; PostgreSQL gives it the last six.
const RESERVED_ATTRIBUTES: [&str; 10] = [
    "client_id",
    "time",
    "bucket",
    "facts",
    "ctid",
    "tableoid",
    "xmin",
    "xmax",
    "cmin",
    "cmax",
];

/// The endings of the columns that hold a numeric attribute's states: `delay_sum` holds the sums of `delay` in rollups.
pub(crate) const STATE_SUFFIXES: [&str; 6] = ["count", "sum", "min", "max", "first", "last"];

/// A pattern of names: a first character, then more of them, up to a length.
pub(crate) struct Pattern {
    first: fn(char) -> bool,
    more: fn(char) -> bool,
    max_length: usize,
    hint: &'static str,
}

/// Codes of entities. A table's name is made of one, shortened where PostgreSQL's 63 bytes need it.
pub(crate) const ENTITY_CODE: Pattern = Pattern {
    first: |c| c.is_ascii_uppercase(),
    more: |c| c.is_ascii_alphanumeric(),
    max_length: 48,
    hint: "a capital, then letters and digits, at most 48: Order, PolicySnapshot",
};

/// Domains. A schema's name is made of one.
pub(crate) const DOMAIN: Pattern = Pattern {
    first: |c| c.is_ascii_lowercase(),
    more: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_',
    max_length: 31,
    hint: "a small letter, then small letters, digits and _, at most 31: travel",
};

/// Names of attributes. Columns of facts are called so, and those of rollups with a suffix: `_count` makes 46 bytes of
/// the 63 that PostgreSQL allows.
pub(crate) const ATTRIBUTE: Pattern = Pattern {
    first: |c| c.is_ascii_lowercase(),
    more: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_',
    max_length: 40,
    hint: "a small letter, then small letters, digits and _, at most 40: on_time",
};

/// Codes of KPIs. A topic and an address are made of one.
pub(crate) const KPI_CODE: Pattern = Pattern {
    first: |c| c.is_ascii_uppercase(),
    more: |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_',
    max_length: 64,
    hint: "a capital, then capitals, digits and _, at most 64: ON_TIME_RATE",
};

/// Whether a text has the form of an entity's code, for code that sees entities' codes but no catalogue.
#[must_use]
pub fn is_entity_code(code: &str) -> bool {
    ENTITY_CODE.fits(code)
}

impl Pattern {
    fn fits(&self, name: &str) -> bool {
        let mut characters = name.chars();
        name.len() <= self.max_length && characters.next().is_some_and(self.first) && characters.all(self.more)
    }

    /// Adds a problem if a name does not fit.
    pub(crate) fn check(&self, pointer: &str, name: &str, problems: &mut Vec<Problem>) {
        if !self.fits(name) {
            problems.push(Problem::new(pointer, format!("{} cannot be used here", quoted(name))).with_hint(self.hint));
        }
    }
}

/// Adds what is wrong with the names that something had.
pub(crate) fn check_former(pointer: &str, names: &[String], pattern: &Pattern, problems: &mut Vec<Problem>) {
    if names.len() > MAX_FORMER_NAMES {
        let message = format!("{} former names, and {MAX_FORMER_NAMES} are allowed", names.len());
        problems.push(Problem::new(pointer, message).with_hint("leave out those that nobody uses any more"));
        return;
    }
    for (index, name) in names.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        pattern.check(&pointer, name, problems);
        if names.iter().take(index).any(|earlier| earlier == name) {
            problems.push(Problem::new(pointer, format!("{} is there twice", quoted(name))));
        }
    }
}

/// Adds a problem if an attribute's name is one that the tables or the formula language need for themselves.
pub(crate) fn check_reserved(pointer: &str, name: &str, problems: &mut Vec<Problem>) {
    if RESERVED_ATTRIBUTES.contains(&name) {
        problems.push(
            Problem::new(
                pointer,
                format!("{} is the name of a column that every entity has", quoted(name)),
            )
            .with_hint("choose another name"),
        );
    } else if formula::is_keyword(name) {
        problems.push(
            Problem::new(pointer, format!("{} is a word of the formula language", quoted(name)))
                .with_hint("choose another name"),
        );
    }
}

/// Adds a problem if a line of text is too long or has characters that cannot be stored or shown.
pub(crate) fn check_label(pointer: &str, text: &str, problems: &mut Vec<Problem>) {
    check_text(pointer, text, MAX_LABEL, |_| false, problems);
}

/// Adds a problem if a line of text is empty or not a label.
pub(crate) fn check_required_label(pointer: &str, text: &str, problems: &mut Vec<Problem>) {
    if text.trim().is_empty() {
        problems.push(Problem::new(pointer, "this cannot be empty"));
    } else {
        check_label(pointer, text, problems);
    }
}

/// Adds a problem if a description is too long or has characters that cannot be stored or shown.
pub(crate) fn check_description(pointer: &str, text: &str, problems: &mut Vec<Problem>) {
    check_text(
        pointer,
        text,
        MAX_DESCRIPTION,
        |c| matches!(c, '\n' | '\r' | '\t'),
        problems,
    );
}

/// Control characters are refused because PostgreSQL cannot store some of them and no screen shows the others.
fn check_text(pointer: &str, text: &str, max_length: usize, allowed: fn(char) -> bool, problems: &mut Vec<Problem>) {
    let length = text.chars().count();
    if length > max_length {
        problems.push(Problem::new(
            pointer,
            format!("the text has {length} characters, and {max_length} are allowed"),
        ));
    } else if text.chars().any(|c| c.is_control() && !allowed(c)) {
        problems.push(Problem::new(pointer, "the text has control characters").with_hint("remove them"));
    }
}

/// The most characters of a name that a message repeats.
const MAX_EXCERPT: usize = 64;

/// A name in a message, shortened when it is long.
pub(crate) fn quoted(name: &str) -> String {
    let short: String = name.chars().take(MAX_EXCERPT).collect();
    let more = if short.len() < name.len() { "…" } else { "" };
    format!("`{short}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (name, pattern, text, expected) in [
            ("entity", ENTITY_CODE, "PolicySnapshot2", true),
            ("entity of one letter", ENTITY_CODE, "A", true),
            ("entity in small letters", ENTITY_CODE, "order", false),
            ("entity with underscore", ENTITY_CODE, "Policy_Snapshot", false),
            ("domain", DOMAIN, "travel_2", true),
            ("domain with a quote", DOMAIN, "travel\"; drop", false),
            ("attribute", ATTRIBUTE, "on_time", true),
            ("attribute with a digit first", ATTRIBUTE, "2nd", false),
            ("attribute with an accent", ATTRIBUTE, "délai", false),
            ("nothing", ATTRIBUTE, "", false),
            ("kpi", KPI_CODE, "ON_TIME_RATE_2", true),
            ("kpi in small letters", KPI_CODE, "on_time", false),
        ] {
            assert_eq!(pattern.fits(text), expected, "{name}");
        }
        for (pattern, first) in [(ENTITY_CODE, "A"), (DOMAIN, "a"), (ATTRIBUTE, "a"), (KPI_CODE, "A")] {
            assert!(pattern.fits(&first.repeat(pattern.max_length)));
            assert!(!pattern.fits(&first.repeat(pattern.max_length + 1)));
        }
    }
}
