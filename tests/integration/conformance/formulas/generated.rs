//! Formulas of every construct and facts of every type, drawn from choices, and what the formulas are worth by counting the facts one by one. It shares nothing
//! with what it checks but the arithmetic of decimals.
//!
//! Used against the pure part, and against a database.

mod text;

use catalog::{Catalog, EntityDefinition, KpiDefinition};
use formula::{Aggregate, AttributeType, Value};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use series::plan::Filter;

pub(crate) use self::text::{event, written};

/// Choices, of which the first is always the simplest; when none are left, everything is simple. So a test that fails shrinks.
pub(crate) struct Choices<'a> {
    bytes: &'a [u8],
    /// Whether conditions are over any attribute, and not over dimensions alone.
    any: bool,
}

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let any = bytes.last().is_some_and(|byte| byte % 3 == 0);
        Self { bytes, any }
    }

    /// One of the first `of` numbers.
    fn draw(&mut self, of: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        usize::from(*first) % of
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.draw(from.len())].clone()
    }

    fn coin(&mut self) -> bool {
        self.draw(2) == 1
    }
}

/// The attributes of `M` that its events have, with their types and whether they are dimensions. Its own time is `at`, and `took` is derived from it.
pub(crate) const ATTRIBUTES: [(&str, AttributeType, bool); 11] = [
    ("i", AttributeType::Integer, false),
    ("d", AttributeType::Decimal, false),
    ("stops", AttributeType::Integer, true),
    ("kind", AttributeType::Text, true),
    ("ok", AttributeType::Boolean, true),
    ("place", AttributeType::Text, true),
    ("note", AttributeType::Text, false),
    ("done", AttributeType::Boolean, false),
    ("closed", AttributeType::Time, false),
    ("opened", AttributeType::Time, false),
    ("spent", AttributeType::Duration, false),
];

/// What is aggregated of durations: attributes, the difference that is kept as one of them, and others that only the facts have.
const DURATIONS: [&str; 6] = [
    "spent",
    "took",
    "closed - M.at",
    "closed - M.opened",
    "opened - M.closed",
    "at - M.opened",
];

pub(crate) fn entity() -> EntityDefinition {
    let mut attributes: Vec<Json> = ATTRIBUTES
        .iter()
        .map(|(name, kind, dimension)| json!({ "name": name, "type": kind.name(), "dimension": dimension }))
        .collect();
    attributes.push(json!({ "name": "took", "type": "duration", "formula": "closed - at" }));
    let groupings = json!([{ "dimensions": ["kind"] }, { "dimensions": ["kind", "ok"], "finest": "hour" }, { "dimensions": ["stops"], "finest": "day" }]);
    let definition =
        json!({ "code": "M", "domain": "made", "time": "at", "attributes": attributes, "groupings": groupings });
    serde_json::from_value(definition).unwrap()
}

pub(crate) fn kpi(code: &str, number: &Number) -> KpiDefinition {
    let mut kpi = KpiDefinition::named(code, code);
    kpi.formula = number.text();
    kpi
}

/// A catalogue with the formula as the KPI `K`; `None` where the checker refuses it.
pub(crate) fn catalog(number: &Number) -> Option<Catalog> {
    Catalog::new(vec![entity()], vec![kpi("K", number)]).ok()
}

/// A fact: its time in seconds after the beginning of the range, and the values of [`ATTRIBUTES`].
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) second: i64,
    pub(crate) values: Vec<Value>,
}

pub(crate) fn fact(choices: &mut Choices<'_>) -> Made {
    // Ten days, a few hours of each, so that buckets have several facts and many have none.
    let (day, hour, minute) = (choices.draw(3), choices.draw(4), choices.draw(3));
    let second = (day * 24 + hour * 7) * 3600 + minute * 25 * 60 + choices.draw(50);
    let values = ATTRIBUTES.map(|(name, kind, _)| {
        if choices.draw(4) == 0 {
            Value::Null
        } else {
            value(choices, name, kind)
        }
    });
    Made {
        second: i64::try_from(second).unwrap(),
        values: values.to_vec(),
    }
}

fn value(choices: &mut Choices<'_>, name: &str, kind: AttributeType) -> Value {
    match kind {
        AttributeType::Boolean => Value::Boolean(choices.coin()),
        AttributeType::Integer if name == "stops" => Value::Integer(choices.pick(&[0, 1, 2])),
        AttributeType::Integer => Value::Integer(choices.pick(&[0, 1, -3, 20, 99])),
        AttributeType::Decimal => Value::Decimal(choices.pick(&["0", "0.5", "-2.25", "10", "0.01"]).parse().unwrap()),
        AttributeType::Text => Value::Text(choices.pick(&["x", "y", "it's"]).to_owned()),
        AttributeType::Duration => {
            Value::Decimal(choices.pick(&["0", "5400", "-0.000001", "86400.5"]).parse().unwrap())
        }
        AttributeType::Time => {
            let day: Timestamp = super::worth::BEGIN.parse().unwrap();
            let later_us = choices.pick(&[0, 3_600_000_001, -7_200_000_000, 90_061_500_000, 999_999]);
            Value::Time(day.as_microsecond() + later_us)
        }
    }
}

/// Dimensions with the values that count.
pub(crate) fn filter(choices: &mut Choices<'_>) -> Filter {
    let mut filter = Filter::new();
    for (name, values) in [("kind", ["x", ""]), ("ok", ["true", ""]), ("stops", ["1", "0"])] {
        if choices.draw(5) == 1 {
            let values = values.iter().take(1 + choices.draw(2));
            filter.insert(name.to_owned(), values.map(|value| (*value).to_owned()).collect());
        }
    }
    filter
}

pub(crate) fn split(choices: &mut Choices<'_>) -> Vec<String> {
    choices
        .pick(&[vec![], vec!["kind"], vec!["ok"], vec!["stops", "kind"]])
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// A dimension's value as filters and splits write it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Decimal(decimal) => decimal.to_string(),
        Value::Text(text) => text.clone(),
        Value::Time(time_us) => time_us.to_string(),
    }
}

pub(crate) fn of<'a>(made: &'a Made, name: &str) -> &'a Value {
    let place = ATTRIBUTES.iter().position(|(known, ..)| *known == name).unwrap();
    &made.values[place]
}

/// The value of an attribute, the fact's own time and what is derived of it included.
pub(crate) fn value_of(made: &Made, name: &str) -> Value {
    match name {
        "at" => Value::Time(super::worth::time(made).as_microsecond()),
        "took" => number_of(made, name).map_or(Value::Null, Value::Decimal),
        name => of(made, name).clone(),
    }
}

/// The number that is aggregated of a fact by what is written in an aggregate, if it has one.
pub(crate) fn number_of(made: &Made, name: &str) -> Option<Decimal> {
    let instant = |name: &str| match name {
        "at" => Some(super::worth::time(made).as_microsecond()),
        name => match of(made, name) {
            Value::Time(time_us) => Some(*time_us),
            _ => None,
        },
    };
    match name.split_once(" - M.") {
        Some((to, from)) => Some(Decimal::new(instant(to)? - instant(from)?, 6)),
        None if name == "took" => number_of(made, "closed - M.at"),
        None => of(made, name).as_decimal(),
    }
}

/// Whether a fact has a value of what is written in an aggregate.
pub(crate) fn has_value(made: &Made, name: &str) -> bool {
    match name {
        "at" => true,
        "took" => number_of(made, name).is_some(),
        name if name.contains(" - ") => number_of(made, name).is_some(),
        name => !of(made, name).is_null(),
    }
}

/// A KPI's formula.
#[derive(Clone, Debug)]
pub(crate) enum Number {
    Literal(Decimal),
    Measure(Aggregate, Option<&'static str>, Option<Test>),
    /// `PERCENTILE(name, percent)`.
    Percentile(&'static str, &'static str, Option<Test>),
    /// An aggregate of two numbers of each fact.
    Pair(Aggregate, &'static str, &'static str, Option<Test>),
    /// A duration in a unit, which is written around the aggregate or inside of it.
    InUnit((&'static str, u32), bool, Aggregate, &'static str, Option<Test>),
    Negate(Box<Number>),
    Calculate(char, Box<Number>, Box<Number>),
    Coalesce(Vec<Number>),
    /// `IF` of one condition, `CASE` of several.
    Case(Vec<(Logic, Number)>, Option<Box<Number>>),
    /// `ABS`, `GREATEST`, `LEAST`, `ROUND` to one place, `POWER` of two, and the logarithm and the exponential of what they are defined for.
    Function(&'static str, Vec<Number>),
}

/// A condition over numbers.
#[derive(Clone, Debug)]
pub(crate) enum Logic {
    Compare(&'static str, Number, Number),
    In(Number, Vec<i64>, bool),
    Not(Box<Logic>),
    Both(bool, Box<Logic>, Box<Logic>),
}

/// A condition over one fact.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Flag(&'static str),
    Compare(&'static str, &'static str, Value),
    In(&'static str, Vec<Value>, bool),
    /// `COALESCE(name, value) = other`.
    Coalesced(&'static str, Value, Value),
    /// `IF(condition, then, else)`.
    If(Box<Test>, Box<Test>, Box<Test>),
    /// `LEAST(stops, number) = number`.
    Least(i64),
    /// `name BETWEEN low AND high`, or `NOT BETWEEN`.
    Between(&'static str, Value, Value, bool),
    /// `STARTS_WITH(name, 'part')` and its kin.
    Text(&'static str, &'static str, &'static str),
    /// A duration in hours, compared.
    Hours(&'static str, &'static str, Decimal),
    /// A comparison of two attributes.
    Attributes(&'static str, &'static str, &'static str),
    Not(Box<Test>),
    Both(bool, Box<Test>, Box<Test>),
}

const COMPARISONS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];

pub(crate) fn number(choices: &mut Choices<'_>, depth: usize) -> Number {
    let deeper = |choices: &mut Choices<'_>| Box::new(number(choices, depth - 1));
    match choices.draw(if depth == 0 { 3 } else { 11 }) {
        0 | 1 => measure(choices),
        2 => Number::Literal(choices.pick(&["1", "0", "2.5", "100"]).parse().unwrap()),
        3 => Number::Negate(deeper(choices)),
        4 | 5 => Number::Calculate(choices.pick(&['+', '-', '*', '/']), deeper(choices), deeper(choices)),
        6 | 7 => {
            let more = 2 + choices.draw(2);
            Number::Coalesce((0..more).map(|_| number(choices, depth - 1)).collect())
        }
        8 => {
            let arms = 1 + choices.draw(3);
            let arm = |choices: &mut Choices<'_>| (logic(choices, depth - 1), number(choices, depth - 1));
            let arms = (0..arms).map(|_| arm(choices)).collect();
            Number::Case(arms, choices.coin().then(|| deeper(choices)))
        }
        _ => function(choices, depth),
    }
}

/// A function of numbers. Sums are what is rounded, and what has a logarithm or a power: of a quotient that depends on the digit that was rounded last.
fn function(choices: &mut Choices<'_>, depth: usize) -> Number {
    let name = choices.pick(&["ABS", "GREATEST", "LEAST", "ROUND", "POWER", "LN", "EXP"]);
    let operands = match name {
        "ABS" => vec![number(choices, depth - 1)],
        "GREATEST" | "LEAST" => (0..2 + choices.draw(2)).map(|_| number(choices, depth - 1)).collect(),
        _ => vec![sum(choices)],
    };
    Number::Function(name, operands)
}

fn sum(choices: &mut Choices<'_>) -> Number {
    Number::Measure(Aggregate::Sum, Some("d"), choices.coin().then(|| test(choices, 1)))
}

/// A duration, nearly always as a number.
fn duration(choices: &mut Choices<'_>) -> Number {
    let aggregates = single(choices).into_iter();
    let aggregates: Vec<Aggregate> = aggregates
        .filter(|aggregate| !NOT_OF_DURATIONS.contains(aggregate))
        .collect();
    let (aggregate, name) = (choices.pick(&aggregates), choices.pick(&DURATIONS));
    let filter = choices.coin().then(|| test(choices, 2));
    if choices.draw(8) == 7 {
        return Number::Measure(aggregate, Some(name), filter);
    }
    let units = [("HOURS", 3_600), ("SECONDS", 1), ("MINUTES", 60), ("DAYS", 86_400)];
    Number::InUnit(choices.pick(&units), choices.coin(), aggregate, name, filter)
}

/// Aggregates that rollups have, of one number of each fact.
const KEPT: [Aggregate; 7] = [
    Aggregate::Count,
    Aggregate::Sum,
    Aggregate::Avg,
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::First,
    Aggregate::Last,
];

/// Those that only the facts have.
const PUSHED: [Aggregate; 7] = [
    Aggregate::Distinct,
    Aggregate::Median,
    Aggregate::Mode,
    Aggregate::Variance,
    Aggregate::VariancePop,
    Aggregate::Stddev,
    Aggregate::StddevPop,
];

/// Those that give no duration.
const NOT_OF_DURATIONS: [Aggregate; 4] = [
    Aggregate::Count,
    Aggregate::Distinct,
    Aggregate::Variance,
    Aggregate::VariancePop,
];

/// The aggregates of one number; those that only the facts have where conditions are such as well.
fn single(choices: &Choices<'_>) -> Vec<Aggregate> {
    if choices.any {
        [KEPT, PUSHED].concat()
    } else {
        KEPT.to_vec()
    }
}

/// A truth value of all facts, a percentile, or an aggregate of two numbers.
fn other(choices: &mut Choices<'_>) -> Number {
    let filter = choices.coin().then(|| test(choices, 2));
    let numbers = ["i", "d", "stops"];
    match choices.draw(if choices.any { 3 } else { 1 }) {
        0 => {
            let aggregate = choices.pick(&[Aggregate::Any, Aggregate::All]);
            Number::Measure(aggregate, Some(choices.pick(&["ok", "done"])), filter)
        }
        1 => Number::Percentile(
            choices.pick(&numbers),
            choices.pick(&["50", "90", "7", "99.99", "0.01", "33.3"]),
            filter,
        ),
        _ => {
            let aggregate = choices.pick(&[Aggregate::WeightedAvg, Aggregate::Correlation, Aggregate::Slope]);
            let first = choices.pick(&numbers);
            let second = match aggregate {
                Aggregate::Slope => choices.pick(&numbers),
                _ => choices.pick(&["i", "d", "stops", "spent", "closed - M.at"]),
            };
            Number::Pair(aggregate, first, second, filter)
        }
    }
}

fn measure(choices: &mut Choices<'_>) -> Number {
    if choices.draw(5) == 4 {
        return duration(choices);
    }
    if choices.draw(6) == 5 {
        return other(choices);
    }
    let aggregates = single(choices);
    let aggregate = choices.pick(&aggregates);
    let all = ATTRIBUTES.map(|(name, ..)| name);
    let all = [all.as_slice(), &DURATIONS, &["at"]].concat();
    let attribute = match aggregate {
        Aggregate::Count => choices.coin().then(|| choices.pick(&all)),
        Aggregate::Distinct => Some(choices.pick(&all)),
        // Now and then one that the checker refuses.
        _ if choices.draw(20) == 19 => Some(choices.pick(&all)),
        _ => Some(choices.pick(&["i", "d", "stops"])),
    };
    let filter = choices.coin().then(|| test(choices, 2));
    Number::Measure(aggregate, attribute, filter)
}

fn logic(choices: &mut Choices<'_>, depth: usize) -> Logic {
    // No quotients and means: whether two of them are equal may depend on the digit that was rounded last.
    let side = |choices: &mut Choices<'_>| match choices.draw(3) {
        0 => Number::Literal(Decimal::from(choices.draw(4))),
        1 => Number::Measure(Aggregate::Count, None, None),
        _ => sum(choices),
    };
    match choices.draw(if depth == 0 { 2 } else { 4 }) {
        0 => Logic::Compare(choices.pick(&COMPARISONS), side(choices), side(choices)),
        1 => Logic::In(side(choices), vec![0, 1, -3], choices.coin()),
        2 => Logic::Not(Box::new(logic(choices, depth - 1))),
        _ => Logic::Both(
            choices.coin(),
            Box::new(logic(choices, depth - 1)),
            Box::new(logic(choices, depth - 1)),
        ),
    }
}

fn test(choices: &mut Choices<'_>, depth: usize) -> Test {
    let dimensions = [
        ("kind", AttributeType::Text),
        ("stops", AttributeType::Integer),
        ("place", AttributeType::Text),
    ];
    // Seldom, because the checker refuses what is computed beside conditions over any attribute.
    if choices.any && choices.draw(5) > 1 {
        return any_test(choices);
    }
    let (name, kind) = choices.pick(&dimensions);
    let deeper = |choices: &mut Choices<'_>| Box::new(test(choices, depth - 1));
    let literal = |choices: &mut Choices<'_>| match kind {
        AttributeType::Text if choices.draw(4) == 3 => Value::Text(String::new()),
        kind => value(choices, name, kind),
    };
    match choices.draw(if depth == 0 { 5 } else { 8 }) {
        0 => Test::Compare(choices.pick(&COMPARISONS), name, literal(choices)),
        1 => Test::Flag("ok"),
        2 => Test::In(name, vec![literal(choices), literal(choices)], choices.coin()),
        3 => Test::Coalesced(name, literal(choices), value(choices, name, kind)),
        4 if !choices.any || choices.draw(20) == 19 => Test::Least(choices.pick(&[1, 0])),
        4 => Test::Flag("done"),
        5 => Test::If(deeper(choices), deeper(choices), deeper(choices)),
        6 => Test::Not(deeper(choices)),
        _ => Test::Both(choices.coin(), deeper(choices), deeper(choices)),
    }
}

/// A condition over any attribute.
fn any_test(choices: &mut Choices<'_>) -> Test {
    let all = [
        ("i", AttributeType::Integer),
        ("d", AttributeType::Decimal),
        ("note", AttributeType::Text),
        ("kind", AttributeType::Text),
        ("closed", AttributeType::Time),
        ("at", AttributeType::Time),
    ];
    let (name, kind) = choices.pick(&all);
    let literal = |choices: &mut Choices<'_>| value(choices, name, kind);
    match choices.draw(9) {
        0 | 1 => Test::Compare(choices.pick(&COMPARISONS), name, literal(choices)),
        2 => Test::In(name, vec![literal(choices), literal(choices)], choices.coin()),
        3 => Test::Coalesced(name, literal(choices), literal(choices)),
        4 | 5 => Test::Between(name, literal(choices), literal(choices), choices.coin()),
        6 => {
            let (test, name) = (
                choices.pick(&["STARTS_WITH", "ENDS_WITH", "CONTAINS"]),
                choices.pick(&["note", "kind"]),
            );
            Test::Text(test, name, choices.pick(&["x", "it", "'s", "%", ""]))
        }
        7 => {
            let name = choices.pick(&["spent", "took", "closed - at", "opened - closed"]);
            Test::Hours(
                choices.pick(&COMPARISONS),
                name,
                Decimal::new(choices.pick(&[15, 0, -20, 1]), 1),
            )
        }
        _ => {
            let (one, other) = choices.pick(&[
                ("closed", "at"),
                ("opened", "closed"),
                ("i", "d"),
                ("note", "kind"),
                ("i", "stops"),
            ]);
            Test::Attributes(choices.pick(&COMPARISONS), one, other)
        }
    }
}
