//! Query strings of the two routes, parsed into what is asked.

use std::collections::BTreeSet;

use api::numbers::NumberForm;
use catalog::Level;
use jiff::Timestamp;
use platform::Problem;
use series::plan::{MAX_FILTER_VALUES, MAX_FILTERS};

use crate::{Filters, period};

/// What `/value` asks.
#[derive(Debug)]
pub(crate) struct ValueQuery {
    pub(crate) period: Level,
    pub(crate) at: Option<Timestamp>,
    pub(crate) filter: Filters,
    pub(crate) numbers: NumberForm,
}

/// What `/series` asks.
#[derive(Debug)]
pub(crate) struct SeriesQuery {
    pub(crate) period: Level,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) filter: Filters,
    pub(crate) by: Vec<String>,
    /// Whether buckets in which no fact counts have a point too.
    pub(crate) fill_gaps: bool,
    pub(crate) numbers: NumberForm,
}

pub(crate) fn value(pairs: &[(String, String)]) -> Result<ValueQuery, Problem> {
    let mut pairs = Pairs::new(pairs)?;
    let query = ValueQuery {
        period: period(pairs.required("period")?)?,
        at: pairs.time("at")?,
        numbers: pairs.numbers()?,
        filter: pairs.filter,
    };
    Pairs::finish(&pairs.rest)?;
    Ok(query)
}

pub(crate) fn series(pairs: &[(String, String)]) -> Result<SeriesQuery, Problem> {
    let mut pairs = Pairs::new(pairs)?;
    let period = period(pairs.required("period")?)?;
    let missing = |name: &str| {
        Problem::malformed(format!("the query parameter {name:?} is missing")).hint("such as from=2026-01-01T00:00:00Z")
    };
    let from = pairs.time("from")?.ok_or_else(|| missing("from"))?;
    let to = pairs.time("to")?.ok_or_else(|| missing("to"))?;
    if from >= to {
        return Err(Problem::invalid("`from` is not before `to`"));
    }
    let by: Vec<String> = pairs
        .take("by")
        .map(|list| list.split(',').map(str::to_owned).collect())
        .unwrap_or_default();
    if by.len() > MAX_FILTERS || by.iter().collect::<BTreeSet<_>>().len() < by.len() {
        return Err(Problem::invalid(format!(
            "`by` takes up to {MAX_FILTERS} different dimensions"
        )));
    }
    let fill_gaps = gaps(pairs.take("gaps"))?;
    let numbers = pairs.numbers()?;
    Pairs::finish(&pairs.rest)?;
    Ok(SeriesQuery {
        period,
        from,
        to,
        filter: pairs.filter,
        by,
        fill_gaps,
        numbers,
    })
}

fn gaps(value: Option<&str>) -> Result<bool, Problem> {
    match value {
        None => Ok(false),
        Some("fill") => Ok(true),
        Some(other) => {
            Err(Problem::malformed(format!("`gaps` is {other:?}")).hint("write gaps=fill, or leave the parameter out"))
        }
    }
}

/// A query string's pairs, each taken once. What is left over is refused, because a misspelt parameter would silently ask
/// for something else.
struct Pairs<'a> {
    rest: Vec<(&'a str, &'a str)>,
    filter: Filters,
}

impl<'a> Pairs<'a> {
    fn new(pairs: &'a [(String, String)]) -> Result<Self, Problem> {
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
        if filter.len() > MAX_FILTERS || filter.values().any(|values| values.len() > MAX_FILTER_VALUES) {
            return Err(Problem::invalid(format!(
                "a filter takes up to {MAX_FILTERS} dimensions with {MAX_FILTER_VALUES} values each"
            )));
        }
        Ok(Self { rest, filter })
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        let position = self.rest.iter().position(|(other, _)| *other == name)?;
        Some(self.rest.remove(position).1)
    }

    fn required(&mut self, name: &str) -> Result<&'a str, Problem> {
        self.take(name)
            .ok_or_else(|| Problem::malformed(format!("the query parameter {name:?} is missing")))
    }

    fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let parsed = text.parse().map_err(|_| {
            // It is written as a time, and none that is counted with.
            if jiff::fmt::temporal::Pieces::parse(text)
                .is_ok_and(|pieces| pieces.time().is_some() && pieces.offset().is_some())
            {
                return Problem::malformed(format!(
                    "`{name}` is {text:?}, which lies outside the times that there are"
                ))
                .hint(format!("they end at {}", Timestamp::MAX));
            }
            Problem::malformed(format!("`{name}` is {text:?}, which is not an RFC 3339 time"))
                .hint("such as 2026-01-01T00:00:00Z; a + in an offset is written %2B")
        })?;
        Ok(Some(parsed))
    }

    fn numbers(&mut self) -> Result<NumberForm, Problem> {
        let Some(name) = self.take("numbers") else {
            return Ok(NumberForm::default());
        };
        NumberForm::named(name)
            .ok_or_else(|| Problem::malformed(format!("`numbers` is {name:?}, which is neither shortest nor text")))
    }

    fn finish(rest: &[(&str, &str)]) -> Result<(), Problem> {
        match rest.first() {
            None => Ok(()),
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
    Problem::malformed(format!(
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

    fn pairs(text: &str) -> Vec<(String, String)> {
        text.split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_series_query_is_read() {
        let query = series(&pairs(
            "period=day&from=2001-01-01T00:00:00Z&to=2001-02-01T00:00:00Z&by=origin&filter[origin]=ORD,LAX",
        ))
        .unwrap();
        assert_eq!(query.by, ["origin"]);
        assert_eq!(
            query.filter["origin"],
            BTreeSet::from(["LAX".to_owned(), "ORD".to_owned()])
        );
    }

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

    #[test]
    fn what_is_wrong_is_named() {
        let range = "from=2001-01-01T00:00:00Z&to=2001-02-01T00:00:00Z";
        let cases = [
            (range.to_owned(), "period"),
            (format!("period=week&{range}"), "week"),
            (
                "period=day&from=yesterday&to=2001-02-01T00:00:00Z".to_owned(),
                "yesterday",
            ),
            (
                "period=day&from=2001-02-01T00:00:00Z&to=2001-01-01T00:00:00Z".to_owned(),
                "before",
            ),
            (format!("period=day&{range}&orign=ORD"), "orign"),
            (format!("period=day&{range}&numbers=float"), "float"),
            (
                "period=day&from=2001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z".to_owned(),
                "outside the times",
            ),
            (
                "period=day&from=2001-01-01T00:00:00Z&to=9999-12-31".to_owned(),
                "not an RFC 3339 time",
            ),
            (format!("period=day&{range}&by=a,a"), "different"),
            (format!("period=day&{range}&gaps=zero"), "gaps"),
        ];
        for (text, named) in cases {
            let problem = series(&pairs(&text)).unwrap_err();
            assert!(problem.detail.contains(named), "{text}: {}", problem.detail);
        }
    }
}
