//! Generated formulas and facts as somebody writes them.

use formula::{Aggregate, AttributeType, Measured, Value};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{ATTRIBUTES, Logic, Made, Number, Test};

/// What is aggregated, as formulas write it.
pub(crate) fn written(measured: &Measured) -> String {
    match measured {
        Measured::Attribute(name) => name.clone(),
        Measured::Between { from, to } => format!("{to} - M.{from}"),
        Measured::Product { one, other } => format!("{one} * M.{other}"),
    }
}

/// A fact as its sender writes it; a text without a value may be sent as the empty text.
pub(crate) fn event(made: &Made, at: &str, empty_texts: bool) -> Json {
    let mut event = json!({ "at": at });
    for ((name, kind, _), value) in ATTRIBUTES.iter().zip(&made.values) {
        event[*name] = match value {
            Value::Null if *kind == AttributeType::Text && empty_texts => json!(""),
            Value::Null => Json::Null,
            Value::Boolean(truth) => json!(truth),
            Value::Integer(integer) => json!(integer),
            Value::Decimal(decimal) => json!(decimal.to_string()),
            Value::Text(text) => json!(text),
            Value::Time(time_us) => json!(Timestamp::from_microsecond(*time_us).unwrap().to_string()),
        };
    }
    event
}

impl Number {
    pub(crate) fn text(&self) -> String {
        match self {
            Number::Literal(number) => number.to_string(),
            Number::Measure(aggregate, attribute, filter) => {
                let attribute = attribute.map(|name| format!(".{name}")).unwrap_or_default();
                let distinct = if *aggregate == Aggregate::Distinct {
                    "DISTINCT "
                } else {
                    ""
                };
                format!("{aggregate}({distinct}M{attribute}{})", condition(filter.as_ref()))
            }
            Number::Percentile(name, percent, filter) => {
                format!("PERCENTILE(M.{name}, {percent}{})", condition(filter.as_ref()))
            }
            Number::Pair(aggregate, first, second, filter) => {
                format!("{aggregate}(M.{first}, M.{second}{})", condition(filter.as_ref()))
            }
            Number::InUnit((unit, _), inside, aggregate, name, filter) => {
                let measure = Number::Measure(*aggregate, Some(name), filter.clone()).text();
                if !inside {
                    return format!("{unit}({measure})");
                }
                measure.replacen(&format!("M.{name}"), &format!("{unit}(M.{name})"), 1)
            }
            Number::Negate(operand) => format!("-({})", operand.text()),
            Number::Calculate(operator, left, right) => format!("({} {operator} {})", left.text(), right.text()),
            Number::Coalesce(operands) => {
                let operands: Vec<String> = operands.iter().map(Number::text).collect();
                format!("COALESCE({})", operands.join(", "))
            }
            Number::Case(arms, otherwise) => case(arms, otherwise.as_deref()),
            Number::Function("ROUND", operands) => format!("ROUND({}, 1)", operands[0].text()),
            Number::Function("POWER", operands) => format!("POWER({}, 2)", operands[0].text()),
            Number::Function("LN", operands) => format!("LN(ABS({}))", operands[0].text()),
            Number::Function("EXP", operands) => format!("EXP(LEAST({}, 5))", operands[0].text()),
            Number::Function(name, operands) => {
                let operands: Vec<String> = operands.iter().map(Number::text).collect();
                format!("{name}({})", operands.join(", "))
            }
        }
    }
}

fn condition(filter: Option<&Test>) -> String {
    filter.map(|test| format!(" WHERE {}", test.text())).unwrap_or_default()
}

/// `IF` of one condition, `CASE` of several.
fn case(arms: &[(Logic, Number)], otherwise: Option<&Number>) -> String {
    if let [(condition, value)] = arms {
        let otherwise = otherwise
            .map(|number| format!(", {}", number.text()))
            .unwrap_or_default();
        return format!("IF({}, {}{otherwise})", condition.text(), value.text());
    }
    let arms: Vec<String> = arms
        .iter()
        .map(|(condition, value)| format!("WHEN {} THEN {}", condition.text(), value.text()))
        .collect();
    let otherwise = otherwise
        .map(|number| format!("ELSE {} ", number.text()))
        .unwrap_or_default();
    format!("CASE {} {otherwise}END", arms.join(" "))
}

impl Logic {
    pub(super) fn text(&self) -> String {
        match self {
            Logic::Compare(operator, left, right) => format!("{} {operator} {}", left.text(), right.text()),
            Logic::In(operand, items, negated) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                format!(
                    "{}{} IN ({})",
                    operand.text(),
                    if *negated { " NOT" } else { "" },
                    items.join(", ")
                )
            }
            Logic::Not(operand) => format!("NOT ({})", operand.text()),
            Logic::Both(and, left, right) => {
                format!(
                    "({}) {} ({})",
                    left.text(),
                    if *and { "AND" } else { "OR" },
                    right.text()
                )
            }
        }
    }
}

impl Test {
    pub(super) fn text(&self) -> String {
        match self {
            Test::Flag(name) => (*name).to_owned(),
            Test::Compare(operator, name, value) => format!("{name} {operator} {value}"),
            Test::In(name, items, negated) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                format!("{name}{} IN ({})", if *negated { " NOT" } else { "" }, items.join(", "))
            }
            Test::Coalesced(name, value, other) => format!("COALESCE({name}, {value}) = {other}"),
            Test::If(condition, then, otherwise) => {
                format!("IF({}, {}, {})", condition.text(), then.text(), otherwise.text())
            }
            Test::Between(name, low, high, negated) => {
                format!("{name}{} BETWEEN {low} AND {high}", if *negated { " NOT" } else { "" })
            }
            Test::Text(test, name, part) => format!("{test}({name}, {})", Value::Text((*part).to_owned())),
            Test::Hours(operator, name, hours) => format!("HOURS({name}) {operator} {hours}"),
            Test::Attributes(operator, one, other) => format!("{one} {operator} {other}"),
            Test::Least(number) => format!("LEAST(stops, {number}) = {number}"),
            Test::Not(operand) => format!("NOT ({})", operand.text()),
            Test::Both(and, left, right) => {
                format!(
                    "({}) {} ({})",
                    left.text(),
                    if *and { "AND" } else { "OR" },
                    right.text()
                )
            }
        }
    }
}
