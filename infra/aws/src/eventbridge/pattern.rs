//! The patterns of EventBridge rules: what of an event they look at, and whether it matches.
//!
//! Supported are exact values, nested fields, `$or`, `prefix`, `suffix`, `equals-ignore-case`, `exists`, `numeric`, and
//! `anything-but` with values, a `prefix` or a `suffix`. Everything else that EventBridge knows (`wildcard`, `cidr`,
//! operators within `prefix` and `suffix`) is refused when the pattern is read, and so is what EventBridge refuses as well.
//! No I/O and no clock.
//!
//! Source of the rules: "Creating Amazon EventBridge event patterns" and "Comparison operators for use in event patterns",
//! both of the Amazon EventBridge User Guide; of arrays of objects the manual of AWS's own matcher, event-ruler.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// The fields of every event; a pattern that names another one would never match, and is refused.
const FIELDS: [&str; 9] = [
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "resources",
    "detail",
];
/// What `numeric` compares, and compares with, is within ± this bound.
const LARGEST_NUMBER: f64 = 5e9;
/// Between which of fields one has to match.
const OR: &str = "$or";
/// Ways in which one pattern may match, over all of its `$or`.
const MAX_COMBINATIONS: usize = 1_000;
/// Names that a field may not have within `$or`, so that a list of comparisons is not taken for one of fields.
const RESERVED: [&str; 9] = [
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "exists",
    "numeric",
    "anything-but",
    "wildcard",
    "cidr",
];

/// A pattern that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Fields);

/// Why a pattern was not understood: the field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event pattern's field {field}: {problem}")]
pub struct PatternError {
    field: String,
    problem: String,
}

/// Fields of which every one has to match, and of each list of alternatives one.
#[derive(Debug, Clone, PartialEq, Default)]
struct Fields {
    named: Vec<(String, Node)>,
    alternatives: Vec<Vec<Self>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Fields(Fields),
    /// One of these has to match.
    Values(Vec<Matcher>),
}

#[derive(Debug, Clone, PartialEq)]
enum Matcher {
    Exact(Value),
    Prefix(String),
    Suffix(String),
    /// In lower case.
    EqualsIgnoreCase(String),
    Exists(bool),
    Numeric(Vec<(Comparison, Number)>),
    /// Of this value, however it is written.
    Number(Number),
    AnythingBut(Vec<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    /// Reads the `EventPattern` of a rule.
    ///
    /// # Errors
    /// [`PatternError`] names the field that is not an event's, has no values, or uses an operator that is not supported.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        let Value::Object(fields) = pattern else {
            return Err(error("", "a pattern is an object"));
        };
        let fields = read_fields("", fields)?;
        let combinations = fields.combinations();
        if combinations > MAX_COMBINATIONS {
            let problem = format!("$or makes {combinations} combinations, at most {MAX_COMBINATIONS} are allowed");
            return Err(error("", problem));
        }
        Ok(Self(fields))
    }

    /// Whether an event, envelope included, is one that the rule wants.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        fields_match(&self.0, Some(event), &[event])
    }
}

fn error(field: &str, problem: impl Into<String>) -> PatternError {
    PatternError {
        field: field.to_owned(),
        problem: problem.into(),
    }
}

impl Fields {
    /// In how many ways they may match: each `$or` has as many as its alternatives have together.
    fn combinations(&self) -> usize {
        let of_named = self.named.iter().map(|(_, node)| match node {
            Node::Fields(fields) => fields.combinations(),
            Node::Values(_) => 1,
        });
        let of_alternatives = self
            .alternatives
            .iter()
            .map(|list| list.iter().map(Self::combinations).sum());
        of_named.chain(of_alternatives).fold(1, usize::saturating_mul)
    }
}

fn read_fields(place: &str, fields: &Map<String, Value>) -> Result<Fields, PatternError> {
    if fields.is_empty() {
        return Err(error(place, "it has no fields"));
    }
    let mut read = Fields::default();
    for (name, value) in fields {
        if place.is_empty() && name != OR && !FIELDS.contains(&name.as_str()) {
            return Err(error(name, "no event has it at its top"));
        }
        if name == OR {
            read.alternatives.push(read_alternatives(place, value)?);
        } else {
            read.named.push((name.clone(), read_node(&below(place, name), value)?));
        }
    }
    Ok(read)
}

fn below(place: &str, name: &str) -> String {
    if place.is_empty() {
        name.to_owned()
    } else {
        format!("{place}.{name}")
    }
}

/// The list of an `$or`: two or more objects, whose fields are those of the object that it is in.
fn read_alternatives(place: &str, value: &Value) -> Result<Vec<Fields>, PatternError> {
    let here = below(place, OR);
    let list = value.as_array().filter(|list| list.len() >= 2);
    let list = list.ok_or_else(|| error(&here, "it needs a list of two or more objects"))?;
    let read = |alternative: &Value| {
        let fields = alternative
            .as_object()
            .ok_or_else(|| error(&here, "it needs objects"))?;
        if let Some(reserved) = fields.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(error(&here, format!("a field may not be named {reserved} in it")));
        }
        read_fields(place, fields)
    };
    list.iter().map(read).collect()
}

fn read_node(place: &str, value: &Value) -> Result<Node, PatternError> {
    match value {
        Value::Object(fields) => Ok(Node::Fields(read_fields(place, fields)?)),
        Value::Array(values) if values.is_empty() => Err(error(place, "it has no values")),
        Value::Array(values) => {
            let matchers = values.iter().map(|value| read_matcher(place, value));
            Ok(Node::Values(matchers.collect::<Result<_, _>>()?))
        }
        _ => Err(error(place, "it needs a list of values, or fields")),
    }
}

fn read_matcher(place: &str, value: &Value) -> Result<Matcher, PatternError> {
    match value {
        Value::Object(operator) => {
            let mut entries = operator.iter();
            match (entries.next(), entries.next()) {
                (Some((name, operand)), None) => read_operator(place, name, operand),
                _ => Err(error(place, "a comparison has exactly one operator")),
            }
        }
        Value::Array(_) => Err(error(place, "a value cannot be a list")),
        // Numbers are compared as they are written: 300, 300.0 and 3.0e2 are three values. Of a fraction that is not known any more here.
        Value::Number(number) if number.is_f64() => {
            let problem =
                format!("EventBridge compares {number} letter by letter; write {{\"numeric\": [\"=\", {number}]}}");
            Err(error(place, problem))
        }
        scalar => Ok(Matcher::Exact(scalar.clone())),
    }
}

fn read_operator(place: &str, name: &str, operand: &Value) -> Result<Matcher, PatternError> {
    let text = || {
        let text = operand.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
            .ok_or_else(|| error(place, format!("{name} needs a text here, not {operand}")))
    };
    match (name, operand) {
        ("prefix", _) => text().map(Matcher::Prefix),
        ("suffix", _) => text().map(Matcher::Suffix),
        ("equals-ignore-case", _) => text().map(|text| Matcher::EqualsIgnoreCase(text.to_lowercase())),
        ("exists", Value::Bool(exists)) => Ok(Matcher::Exists(*exists)),
        ("exists", _) => Err(error(place, format!("exists needs true or false, not {operand}"))),
        ("numeric", Value::Array(parts)) => read_range(place, parts).map(Matcher::Numeric),
        ("numeric", _) => Err(error(place, "numeric needs a list such as [\">\", 0, \"<=\", 5]")),
        ("anything-but", _) => read_anything_but(place, operand).map(Matcher::AnythingBut),
        _ => Err(error(place, format!("the stand-in does not know the operator {name}"))),
    }
}

/// Texts or numbers, alone or in a list of one kind, or one `prefix` or `suffix`.
fn read_anything_but(place: &str, operand: &Value) -> Result<Vec<Matcher>, PatternError> {
    let all = |values: &[Value], kind: fn(&Value) -> bool| !values.is_empty() && values.iter().all(kind);
    match operand {
        Value::String(_) | Value::Number(_) => Ok(vec![literal(operand)]),
        Value::Array(values) if all(values, Value::is_string) || all(values, Value::is_number) => {
            Ok(values.iter().map(literal).collect())
        }
        Value::Object(_) => match read_matcher(place, operand)? {
            matcher @ (Matcher::Prefix(_) | Matcher::Suffix(_)) => Ok(vec![matcher]),
            _ => Err(error(
                place,
                "the stand-in knows anything-but of values, a prefix and a suffix",
            )),
        },
        _ => Err(error(
            place,
            format!("anything-but needs texts, or numbers, not {operand}"),
        )),
    }
}

/// What is excluded: a text, or a number by its value.
fn literal(value: &Value) -> Matcher {
    match value {
        Value::Number(number) => Matcher::Number(number.clone()),
        other => Matcher::Exact(other.clone()),
    }
}

/// One comparison, or a lower and an upper bound in this order.
fn read_range(place: &str, parts: &[Value]) -> Result<Vec<(Comparison, Number)>, PatternError> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let read = |pair: &[Value]| match pair {
        [Value::String(operator), Value::Number(bound)] => {
            let comparison = match operator.as_str() {
                "=" => Equal,
                "<" => Less,
                "<=" => LessOrEqual,
                ">" => Greater,
                ">=" => GreaterOrEqual,
                _ => return Err(error(place, format!("numeric does not know {operator:?}"))),
            };
            match bound.as_f64() {
                Some(value) if value.abs() <= LARGEST_NUMBER => Ok((comparison, bound.clone())),
                _ => Err(error(place, format!("numeric compares up to ±5e9, not with {bound}"))),
            }
        }
        _ => Err(error(place, "numeric needs operators, each with a number")),
    };
    let range: Vec<_> = parts.chunks(2).map(read).collect::<Result<_, _>>()?;
    let ordered = match range.as_slice() {
        [_] => true,
        [(Greater | GreaterOrEqual, low), (Less | LessOrEqual, high)] => compare(low, high) == Some(Ordering::Less),
        _ => false,
    };
    if ordered {
        Ok(range)
    } else {
        Err(error(
            place,
            "numeric needs one comparison, or a lower and then a higher upper bound",
        ))
    }
}

/// Several fields below a list have to match within one of its elements. `everywhere` has what is in this place in any of the lists on the way here: that a
/// field does not exist is true only if none of them has it.
fn fields_match(fields: &Fields, value: Option<&Value>, everywhere: &[&Value]) -> bool {
    if let Some(Value::Array(elements)) = value {
        return if elements.is_empty() {
            fields_match(fields, None, everywhere)
        } else {
            let mut elements = elements.iter();
            elements.any(|element| fields_match(fields, Some(element), everywhere))
        };
    }
    let mut named = fields.named.iter();
    let mut alternatives = fields.alternatives.iter();
    named.all(|(name, node)| {
        let child = value.and_then(|value| value.get(name));
        let mut children = Vec::new();
        everywhere
            .iter()
            .for_each(|value| children_named(name, value, &mut children));
        match node {
            Node::Fields(fields) => fields_match(fields, child, &children),
            Node::Values(matchers) => {
                let (mut found, mut all) = (Vec::new(), Vec::new());
                scalars(child, &mut found);
                children.into_iter().for_each(|child| scalars(Some(child), &mut all));
                matchers.iter().any(|matcher| matcher.matches_any(&found, &all))
            }
        }
    }) && alternatives.all(|list| list.iter().any(|fields| fields_match(fields, value, everywhere)))
}

/// The fields of this name of an object, or of the objects of a list.
fn children_named<'a>(name: &str, value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| children_named(name, element, found)),
        other => found.extend(other.get(name)),
    }
}

/// What there is to compare: a scalar, or those of a list. An object is no value, and so counts as none.
fn scalars<'a>(value: Option<&'a Value>, found: &mut Vec<&'a Value>) {
    match value {
        None | Some(Value::Object(_)) => {}
        Some(Value::Array(elements)) => elements.iter().for_each(|element| scalars(Some(element), found)),
        Some(scalar) => found.push(scalar),
    }
}

impl Matcher {
    fn matches_any(&self, values: &[&Value], everywhere: &[&Value]) -> bool {
        match self {
            Self::Exists(true) => !values.is_empty(),
            Self::Exists(false) => everywhere.is_empty(),
            _ => values.iter().any(|value| self.matches(value)),
        }
    }

    fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Exact(wanted), _) => wanted == value,
            (Self::Prefix(prefix), Value::String(text)) => text.starts_with(prefix),
            (Self::Suffix(suffix), Value::String(text)) => text.ends_with(suffix),
            (Self::EqualsIgnoreCase(wanted), Value::String(text)) => text.to_lowercase() == *wanted,
            (Self::Number(wanted), Value::Number(number)) => compare(number, wanted) == Some(Ordering::Equal),
            (Self::Numeric(range), Value::Number(number)) => {
                number.as_f64().is_some_and(|value| value.abs() <= LARGEST_NUMBER)
                    && range
                        .iter()
                        .all(|(comparison, bound)| comparison.holds(compare(number, bound)))
            }
            (Self::AnythingBut(unwanted), _) => !unwanted.iter().any(|matcher| matcher.matches(value)),
            (Self::Exists(exists), _) => *exists,
            _ => false,
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Option<Ordering>) -> bool {
        let Some(ordering) = ordering else { return false };
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// By value, so that 300 is 300.0; integers exactly.
fn compare(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
