//! What generated formulas are worth by counting the facts one by one, and the comparison with what was told.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use formula::{Aggregate, Value};
use jiff::Timestamp;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};
use rust_decimal::{Decimal, MathematicalOps as _, RoundingStrategy};
use series::{Calendar, Point, Request, SeriesKey};

use super::generated::{Logic, Made, Number, Test, has_value, number_of, of, shown, value_of};

/// When the days of the facts begin.
pub(crate) const BEGIN: &str = "2026-03-20T00:00:00Z";

pub(crate) fn time(made: &Made) -> Timestamp {
    let begin: Timestamp = BEGIN.parse().unwrap();
    Timestamp::from_second(begin.as_second() + made.second).unwrap()
}

pub(crate) type Points = BTreeMap<SeriesKey, Point>;

/// The facts of each bucket and group that pass the filter.
fn buckets<'a>(request: &Request<'_>, calendar: &Calendar, facts: &'a [Made]) -> BTreeMap<SeriesKey, Vec<&'a Made>> {
    let mut buckets: BTreeMap<SeriesKey, Vec<&Made>> = BTreeMap::new();
    for fact in facts {
        let passes = |(name, values): (&String, &BTreeSet<String>)| values.contains(&shown(of(fact, name)));
        if request.filter.iter().all(passes) {
            let group = request.by.iter().map(|name| shown(of(fact, name))).collect();
            let key = (calendar.start(request.period, time(fact)), group);
            buckets.entry(key).or_default().push(fact);
        }
    }
    buckets
}

pub(crate) fn compare(number: &Number, request: &Request<'_>, calendar: &Calendar, facts: &[Made], mut told: Points) {
    let text = number.text();
    for (key, facts) in buckets(request, calendar, facts) {
        let counted = number.counted(&facts);
        let Some(point) = told.remove(&key) else {
            assert!(counted.is_empty(), "{text} has no point {key:?}");
            // What has no point has the value without facts, whatever the filters of the formula left out.
            assert!(
                is_close(series::answer::empty(request).value.as_ref(), number.value(&[])),
                "{text} without facts"
            );
            continue;
        };
        assert_eq!(point.facts, i64::try_from(counted.len()).unwrap(), "{text} {key:?}");
        let expected = number.value(&facts);
        assert!(
            is_close(point.value.as_ref(), expected),
            "{text} {key:?}: {point:?}, expected {expected:?}"
        );
    }
    assert!(told.is_empty(), "{text} has points without facts: {told:?}");
}

/// Equal but for how many digits are kept of a quotient.
fn is_close(told: Option<&formula::Number>, expected: Option<Decimal>) -> bool {
    let told: Option<f64> = told.map(|number| number.to_string().parse().unwrap());
    match (told, expected.and_then(|value| value.to_f64())) {
        (None, None) => true,
        (Some(told), Some(expected)) => (told - expected).abs() <= 1e-9_f64.max(expected.abs() * 1e-9),
        _ => false,
    }
}

impl Number {
    /// The value over some facts.
    fn value(&self, facts: &[&Made]) -> Option<Decimal> {
        match self {
            Number::Literal(number) => Some(*number),
            Number::Measure(aggregate, attribute, filter) => {
                let counted: Vec<&Made> = facts
                    .iter()
                    .copied()
                    .filter(|fact| passes(filter.as_ref(), fact))
                    .collect();
                aggregated(*aggregate, *attribute, &counted)
            }
            Number::Percentile(name, percent, filter) => {
                let counted = facts.iter().copied().filter(|fact| passes(filter.as_ref(), fact));
                percentile(numbers_of(name, &counted.collect::<Vec<_>>()), percent.parse().unwrap())
            }
            Number::Pair(aggregate, first, second, filter) => {
                let counted = facts.iter().copied().filter(|fact| passes(filter.as_ref(), fact));
                paired(*aggregate, &pairs_of(first, second, &counted.collect::<Vec<_>>()))
            }
            Number::InUnit((_, unit_s), _, aggregate, name, filter) => {
                let seconds = Number::Measure(*aggregate, Some(name), filter.clone()).value(facts)?;
                seconds.checked_div(Decimal::from(*unit_s))
            }
            Number::Negate(operand) => Some(-operand.value(facts)?),
            Number::Calculate(operator, left, right) => {
                let (left, right) = (left.value(facts)?, right.value(facts)?);
                match operator {
                    '+' => left.checked_add(right),
                    '-' => left.checked_sub(right),
                    '*' => left.checked_mul(right),
                    _ => left.checked_div(right),
                }
            }
            Number::Coalesce(operands) => operands.iter().find_map(|operand| operand.value(facts)),
            Number::Case(arms, otherwise) => {
                let chosen = arms.iter().find(|(condition, _)| condition.holds(facts) == Some(true));
                chosen.map(|(_, value)| value).or(otherwise.as_deref())?.value(facts)
            }
            Number::Function(name, operands) => {
                let operands: Option<Vec<Decimal>> = operands.iter().map(|operand| operand.value(facts)).collect();
                function(name, &operands?)
            }
        }
    }

    /// The facts that at least one of the measures counts.
    fn counted<'a>(&self, facts: &[&'a Made]) -> Vec<&'a Made> {
        let filters = self.filters();
        let counts = |fact: &&&Made| filters.iter().any(|filter| passes(*filter, fact));
        facts.iter().filter(counts).copied().collect()
    }

    fn filters(&self) -> Vec<Option<&Test>> {
        match self {
            Number::Literal(_) => Vec::new(),
            Number::Measure(_, _, filter)
            | Number::Percentile(.., filter)
            | Number::Pair(.., filter)
            | Number::InUnit(.., filter) => vec![filter.as_ref()],
            Number::Negate(operand) => operand.filters(),
            Number::Calculate(_, left, right) => [left.filters(), right.filters()].concat(),
            Number::Coalesce(operands) => operands.iter().flat_map(Number::filters).collect(),
            Number::Case(arms, otherwise) => {
                let arms = arms
                    .iter()
                    .flat_map(|(condition, value)| [condition.filters(), value.filters()].concat());
                arms.chain(otherwise.iter().flat_map(|number| number.filters()))
                    .collect()
            }
            Number::Function(_, operands) => operands.iter().flat_map(Number::filters).collect(),
        }
    }
}

fn function(name: &str, operands: &[Decimal]) -> Option<Decimal> {
    let first = operands[0];
    let float = || first.to_f64().unwrap();
    match name {
        "ABS" => Some(first.abs()),
        "GREATEST" => operands.iter().max().copied(),
        "LEAST" => operands.iter().min().copied(),
        "ROUND" => Some(first.round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero)),
        "POWER" => first.checked_mul(first),
        "LN" => (first != Decimal::ZERO).then(|| Decimal::from_f64(float().abs().ln()))?,
        // Of what is far below zero there is something, too small for a decimal, and close to 0.
        _ => Decimal::from_f64(float().min(5.0).exp()),
    }
}

fn passes(filter: Option<&Test>, fact: &Made) -> bool {
    filter.is_none_or(|test| test.holds(fact) == Some(true))
}

pub(crate) fn aggregated(aggregate: Aggregate, attribute: Option<&str>, facts: &[&Made]) -> Option<Decimal> {
    let Some(name) = attribute else {
        return Some(Decimal::from(facts.len()));
    };
    let present = facts.iter().filter(|fact| has_value(fact, name));
    match aggregate {
        Aggregate::Count => return Some(Decimal::from(present.count())),
        Aggregate::Distinct => {
            let values: BTreeSet<String> = present.map(|fact| told_apart(fact, name)).collect();
            return Some(Decimal::from(values.len()));
        }
        Aggregate::Any | Aggregate::All => {
            let flags: Vec<bool> = present.map(|fact| *of(fact, name) == Value::Boolean(true)).collect();
            let is_met = if aggregate == Aggregate::Any {
                flags.contains(&true)
            } else {
                !flags.contains(&false)
            };
            return (!flags.is_empty()).then(|| Decimal::from(u8::from(is_met)));
        }
        _ => {}
    }
    let numbers: BTreeSet<(i64, Decimal, usize)> = present
        .enumerate()
        .map(|(place, fact)| (fact.second, number_of(fact, name).unwrap(), place))
        .collect();
    let values = || numbers.iter().map(|(_, value, _)| *value);
    let sum: Decimal = values().sum();
    match aggregate {
        Aggregate::Sum => (!numbers.is_empty()).then_some(sum),
        Aggregate::Avg => sum.checked_div(Decimal::from(numbers.len())),
        Aggregate::Min => values().min(),
        Aggregate::Max => values().max(),
        Aggregate::First => values().next(),
        Aggregate::Last => values().next_back(),
        other => spread(other, numbers_of(name, facts)),
    }
}

/// A value as a text that no other value has.
fn told_apart(fact: &Made, name: &str) -> String {
    if name == "at" {
        return shown(&value_of(fact, name));
    }
    number_of(fact, name).map_or_else(|| shown(of(fact, name)), |number| number.normalize().to_string())
}

/// The numbers of the facts, in their order.
pub(crate) fn numbers_of(name: &str, facts: &[&Made]) -> Vec<Decimal> {
    let mut numbers: Vec<Decimal> = facts.iter().filter_map(|fact| number_of(fact, name)).collect();
    numbers.sort_unstable();
    numbers
}

/// Both numbers of the facts that have both.
pub(crate) fn pairs_of(first: &str, second: &str, facts: &[&Made]) -> Vec<(Decimal, Decimal)> {
    let pairs = facts.iter();
    pairs
        .filter_map(|fact| number_of(fact, first).zip(number_of(fact, second)))
        .collect()
}

/// The least number that so many percent do not exceed, found by counting.
pub(crate) fn percentile(numbers: Vec<Decimal>, percent: Decimal) -> Option<Decimal> {
    let all = Decimal::from(numbers.len());
    let reaches = |place: usize| Decimal::from(place + 1) * Decimal::ONE_HUNDRED >= percent * all;
    (0..numbers.len())
        .find(|place| reaches(*place))
        .map(|place| numbers[place])
}

/// What is said of numbers in their order.
fn spread(aggregate: Aggregate, numbers: Vec<Decimal>) -> Option<Decimal> {
    let count = Decimal::from(numbers.len());
    let mean = numbers.iter().sum::<Decimal>().checked_div(count)?;
    let squares: Decimal = numbers.iter().map(|number| (number - mean) * (number - mean)).sum();
    match aggregate {
        Aggregate::Median => Some((numbers[(numbers.len() - 1) / 2] + numbers[numbers.len() / 2]) / Decimal::TWO),
        Aggregate::Mode => {
            let times = |wanted: &Decimal| numbers.iter().filter(|number| *number == wanted).count();
            let most = numbers.iter().map(times).max();
            numbers.iter().find(|number| Some(times(number)) == most).copied()
        }
        Aggregate::VariancePop => Some(squares / count),
        Aggregate::StddevPop => (squares / count).sqrt(),
        Aggregate::Variance => squares.checked_div(count - Decimal::ONE),
        Aggregate::Stddev => squares.checked_div(count - Decimal::ONE)?.sqrt(),
        other => panic!("{other} is of something else"),
    }
}

/// What is said of two numbers of each fact.
fn paired(aggregate: Aggregate, pairs: &[(Decimal, Decimal)]) -> Option<Decimal> {
    let mean = |of: &dyn Fn(&(Decimal, Decimal)) -> Decimal| {
        let sum: Decimal = pairs.iter().map(of).sum();
        sum.checked_div(Decimal::from(pairs.len()))
    };
    let (first, second) = (mean(&|pair| pair.0)?, mean(&|pair| pair.1)?);
    if aggregate == Aggregate::WeightedAvg {
        let products: Decimal = pairs.iter().map(|pair| pair.0 * pair.1).sum();
        return products.checked_div(pairs.iter().map(|pair| pair.1).sum());
    }
    let together = |one: &dyn Fn(&(Decimal, Decimal)) -> Decimal, other: &dyn Fn(&(Decimal, Decimal)) -> Decimal| {
        pairs.iter().map(|pair| one(pair) * other(pair)).sum::<Decimal>()
    };
    let (from_first, from_second) = (
        |pair: &(Decimal, Decimal)| pair.0 - first,
        |pair: &(Decimal, Decimal)| pair.1 - second,
    );
    let is_one = |of: &dyn Fn(&(Decimal, Decimal)) -> Decimal| pairs.iter().all(|pair| of(pair) == of(&pairs[0]));
    let shared = together(&from_first, &from_second);
    if is_one(&|pair| pair.1) {
        return None;
    }
    if aggregate == Aggregate::Slope {
        return Some(shared / together(&from_second, &from_second));
    }
    if is_one(&|pair| pair.0) {
        return None;
    }
    let (one, other) = (
        together(&from_first, &from_first).sqrt()?,
        together(&from_second, &from_second).sqrt()?,
    );
    Some(shared / one / other)
}

/// `AND`, or `OR`, of what may be unknown.
fn both(and: bool, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(left), Some(right)) => Some(if and { left && right } else { left || right }),
        (Some(known), None) | (None, Some(known)) => (known != and).then_some(known),
        (None, None) => None,
    }
}

fn holds(operator: &str, ordering: Ordering) -> bool {
    match operator {
        "=" => ordering.is_eq(),
        "!=" => ordering.is_ne(),
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        _ => ordering.is_ge(),
    }
}

impl Logic {
    fn holds(&self, facts: &[&Made]) -> Option<bool> {
        match self {
            Logic::Compare(operator, left, right) => {
                Some(holds(operator, left.value(facts)?.cmp(&right.value(facts)?)))
            }
            Logic::In(operand, items, negated) => {
                let value = operand.value(facts)?;
                Some(items.iter().any(|item| Decimal::from(*item) == value) != *negated)
            }
            Logic::Not(operand) => operand.holds(facts).map(|truth| !truth),
            Logic::Both(and, left, right) => both(*and, left.holds(facts), right.holds(facts)),
        }
    }

    fn filters(&self) -> Vec<Option<&Test>> {
        match self {
            Logic::Compare(_, left, right) => [left.filters(), right.filters()].concat(),
            Logic::In(operand, ..) => operand.filters(),
            Logic::Not(operand) => operand.filters(),
            Logic::Both(_, left, right) => [left.filters(), right.filters()].concat(),
        }
    }
}

/// How two values compare, where both are there.
fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one.as_decimal(), other.as_decimal()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => (!one.is_null() && !other.is_null()).then(|| one.cmp(other)),
    }
}

fn is_empty(value: &Value) -> bool {
    *value == Value::Null || *value == Value::Text(String::new())
}

impl Test {
    fn holds(&self, fact: &Made) -> Option<bool> {
        match self {
            Test::Flag(name) => match of(fact, name) {
                Value::Boolean(truth) => Some(*truth),
                _ => None,
            },
            Test::Compare(operator @ ("=" | "!="), name, value) if is_empty(value) => {
                Some(of(fact, name).is_null() == (*operator == "="))
            }
            Test::Compare(operator, name, value) => {
                order(&value_of(fact, name), value).map(|order| holds(operator, order))
            }
            Test::In(name, items, negated) => {
                let own = &value_of(fact, name);
                if own.is_null() {
                    // The empty text in a list asks for what is missing; what is left of the list is unknown then.
                    return items.iter().any(is_empty).then_some(!*negated);
                }
                Some(items.iter().any(|item| order(own, item) == Some(Ordering::Equal)) != *negated)
            }
            Test::Coalesced(name, value, other) => {
                let own = &value_of(fact, name);
                Some(if own.is_null() { value == other } else { own == other })
            }
            Test::If(condition, then, otherwise) => match condition.holds(fact) {
                Some(true) => then.holds(fact),
                _ => otherwise.holds(fact),
            },
            Test::Between(name, low, high, negated) => {
                let own = value_of(fact, name);
                let is_above = order(&own, low).map(Ordering::is_ge);
                let is_below = order(&own, high).map(Ordering::is_le);
                both(true, is_above, is_below).map(|truth| truth != *negated)
            }
            Test::Text(test, name, part) => {
                let Value::Text(own) = of(fact, name) else { return None };
                Some(match *test {
                    "STARTS_WITH" => own.starts_with(part),
                    "ENDS_WITH" => own.ends_with(part),
                    _ => own.contains(part),
                })
            }
            Test::Hours(operator, name, hours) => {
                let seconds = number_of(fact, &name.replace(" - ", " - M."))?;
                Some(holds(operator, seconds.cmp(&(hours * Decimal::from(3_600)))))
            }
            Test::Attributes(operator, one, other) => {
                order(&value_of(fact, one), &value_of(fact, other)).map(|order| holds(operator, order))
            }
            Test::Least(number) => {
                Some(of(fact, "stops").as_decimal()?.min(Decimal::from(*number)) == Decimal::from(*number))
            }
            Test::Not(operand) => operand.holds(fact).map(|truth| !truth),
            Test::Both(and, left, right) => both(*and, left.holds(fact), right.holds(fact)),
        }
    }
}
