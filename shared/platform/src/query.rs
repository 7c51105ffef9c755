//! Query strings of questions over facts: times, and filters on dimensions in their one form on every route.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::Problem;

/// Values that count, by dimension; the empty one asks for facts without one.
pub type Filters = BTreeMap<String, BTreeSet<String>>;

/// Refuses a filter of more dimensions, or with more values of one, than may be.
///
/// # Errors
/// When there are more.
pub fn check_size(filter: &Filters, most_filters: usize, most_values: usize) -> Result<(), Problem> {
    if filter.len() > most_filters || filter.values().any(|values| values.len() > most_values) {
        return Err(Problem::invalid(format!(
            "a filter takes up to {most_filters} dimensions with {most_values} values each"
        )));
    }
    Ok(())
}

/// Refuses a range whose ends are the wrong way round.
///
/// # Errors
/// When `from` is not before `to`.
pub fn range(from: Timestamp, to: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    if from >= to {
        return Err(Problem::invalid("`from` is not before `to`"));
    }
    Ok((from, to))
}

/// A query string's pairs, each taken once. What is left over is refused, because a misspelt parameter would silently ask
/// for something else.
#[derive(Debug)]
pub struct Pairs<'a> {
    rest: Vec<(&'a str, &'a str)>,
    /// What `filter[DIMENSION]` says.
    pub filter: Filters,
}

impl<'a> Pairs<'a> {
    /// Of at most so many filtered dimensions, with so many values each.
    ///
    /// # Errors
    /// When there are more, or a list can't be read.
    pub fn new(pairs: &'a [(String, String)], most_filters: usize, most_values: usize) -> Result<Self, Problem> {
        let mut filter = Filters::new();
        let mut rest = Vec::new();
        for (name, value) in pairs {
            let Some(dimension) = name.strip_prefix("filter[").and_then(|name| name.strip_suffix(']')) else {
                rest.push((name.as_str(), value.as_str()));
                continue;
            };
            filter
                .entry(dimension.to_owned())
                .or_default()
                .extend(listed(name, value)?);
        }
        check_size(&filter, most_filters, most_values)?;
        Ok(Self { rest, filter })
    }

    /// A parameter, if it is there.
    pub fn take(&mut self, name: &str) -> Option<&'a str> {
        let position = self.rest.iter().position(|(other, _)| *other == name)?;
        Some(self.rest.remove(position).1)
    }

    /// A parameter.
    ///
    /// # Errors
    /// When it is missing.
    pub fn required(&mut self, name: &str) -> Result<&'a str, Problem> {
        self.take(name)
            .ok_or_else(|| Problem::malformed(format!("the query parameter {name:?} is missing")))
    }

    /// An instant, if it is there.
    ///
    /// # Errors
    /// When it is not written as RFC 3339 says, or lies outside the times that there are.
    pub fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let parsed = text.parse().map_err(|_| {
            // It is written as a time, and none that is counted with.
            if jiff::fmt::temporal::Pieces::parse(text)
                .is_ok_and(|pieces| pieces.time().is_some() && pieces.offset().is_some())
            {
                return Problem::invalid(format!(
                    "`{name}` is {text:?}, which lies outside the times that there are"
                ))
                .hint(format!("they end at {}", Timestamp::MAX));
            }
            Problem::malformed(format!("`{name}` is {text:?}, which is not an RFC 3339 time"))
                .hint("such as 2026-01-01T00:00:00Z; a + in an offset is written %2B")
        })?;
        Ok(Some(parsed))
    }

    /// The range `[from, to)`.
    ///
    /// # Errors
    /// When one of its ends is missing or can't be read, or they are the wrong way round.
    pub fn range(&mut self) -> Result<(Timestamp, Timestamp), Problem> {
        let missing = |name: &str| {
            Problem::malformed(format!("the query parameter {name:?} is missing"))
                .hint("such as from=2026-01-01T00:00:00Z")
        };
        let from = self.time("from")?.ok_or_else(|| missing("from"))?;
        let to = self.time("to")?.ok_or_else(|| missing("to"))?;
        range(from, to)
    }

    /// The filter, when nothing else is left.
    ///
    /// # Errors
    /// With the name of what is left.
    pub fn finish(self) -> Result<Filters, Problem> {
        match self.rest.first() {
            None => Ok(self.filter),
            Some((name, _)) => Err(Problem::malformed(format!("there is no query parameter {name:?}"))
                .hint("a dimension is filtered by filter[name]=value")),
        }
    }
}

/// The values of a list: separated by commas. A value's own comma, and its own backslash, follow a backslash. One before anything else is refused: it would be
/// dropped, and another value asked for.
fn listed(name: &str, list: &str) -> Result<Vec<String>, Problem> {
    let (mut values, mut value) = (Vec::new(), String::new());
    let mut characters = list.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => values.push(std::mem::take(&mut value)),
            '\\' => match characters.next() {
                Some(own @ (',' | '\\')) => value.push(own),
                // A last backslash stands for itself.
                None => value.push('\\'),
                Some(_) => return Err(single_backslash(name, list)),
            },
            other => value.push(other),
        }
    }
    values.push(value);
    Ok(values)
}

fn single_backslash(name: &str, list: &str) -> Problem {
    let doubled = list.replace('\\', r"\\");
    Problem::invalid(format!(
        "{name:?} has a single backslash, which stands before a comma of a value"
    ))
    .hint(format!(
        "a value's own backslash is written twice: did you mean {name}={doubled}?"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_list_takes_every_value() {
        let cases: [(&str, &[&str]); 6] = [
            ("ORD", &["ORD"]),
            ("ORD,LAX", &["ORD", "LAX"]),
            (r"Smith\, Jones,LAX", &["Smith, Jones", "LAX"]),
            (r"a\\,b", &[r"a\", "b"]),
            (r"a\", &[r"a\"]),
            ("", &[""]),
        ];
        for (list, values) in cases {
            assert_eq!(listed("filter[a]", list).unwrap(), values, "{list}");
        }
        let refused = listed("filter[a]", r"C:\temp").unwrap_err();
        assert!(refused.hint.unwrap().contains(r"filter[a]=C:\\temp"));
    }
}
