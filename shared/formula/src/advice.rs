//! What a formula does that its author may not expect. Nothing of it is wrong, so it is told beside the definition and refuses nothing.

use crate::aggregate::Aggregate;
use crate::check::measured::kept_as;
use crate::check::members::{dimension_named, read_by};
use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::parser::parse;
use crate::path::is_path;
use crate::resolve::literal;
use crate::tree::{Arithmetic, BinaryOperator, Call, Comparison, Expr, Ident, Node, UnaryOperator};
use crate::value::{Attribute, AttributeType, Entities, NoEntities, Value};
use std::collections::BTreeSet;
use std::ops::Range;

/// What is worth knowing of a KPI formula that compiles, in the order of the text: sums that are missing where they are added up, and
/// conditions that leave out facts without a value. Each has a span and a hint as a mistake has.
#[must_use]
pub fn advise(source: &str, entities: &dyn Entities) -> Vec<Diagnostic> {
    let mut adviser = Adviser {
        entities,
        told: BTreeSet::new(),
        per: Vec::new(),
        advice: Vec::new(),
    };
    adviser.number(&parse(source).tree);
    adviser.advice.sort_by_key(|advice| advice.span.start);
    adviser.advice
}

/// What is worth knowing of the formula of a derived attribute that compiles, over a row that has `attributes`: comparisons that are neither true nor false
/// where a value is missing.
#[must_use]
pub fn advise_row(source: &str, attributes: &[Attribute]) -> Vec<Diagnostic> {
    let mut adviser = Adviser {
        entities: &NoEntities,
        told: BTreeSet::new(),
        per: Vec::new(),
        advice: Vec::new(),
    };
    adviser.row(&parse(source).tree, attributes);
    adviser.advice.sort_by_key(|advice| advice.span.start);
    adviser.advice
}

/// The sketch that would answer an aggregate within a bound, as definitions write it, and the attribute that it would be kept of.
fn sketch_of(call: &Call) -> Option<(&'static str, &str)> {
    let sketch = match call.aggregate {
        Aggregate::Median | Aggregate::Percentile => "percentiles",
        Aggregate::Distinct => "distinct",
        _ => return None,
    };
    let is_kept = call.less.is_none() && call.times.is_none();
    let attribute = call.attribute.as_ref().filter(|_| is_kept)?;
    (!is_path(&attribute.name)).then_some((sketch, attribute.name.as_str()))
}

/// What helps where objects are looked up.
const LOOKED_UP: &str =
    "each answer looks the objects up by their key: ask short ranges, or send what is asked for often with each fact";

/// What becomes of a fact for which a comparison has nothing to compare.
#[derive(Clone, Copy)]
enum Missing {
    /// An aggregate does not count it.
    NotCounted,
    /// The attribute that is computed has no value either.
    NoValue,
}

struct Adviser<'a> {
    entities: &'a dyn Entities,
    /// What was told already; once is enough.
    told: BTreeSet<String>,
    /// The dimensions for each value of which something is taken.
    per: Vec<String>,
    advice: Vec<Diagnostic>,
}

impl Adviser<'_> {
    /// Looks at an expression over measures.
    fn number(&mut self, expr: &Expr) {
        match &expr.node {
            Node::Call(call) => {
                if call.aggregate.is_pushed() {
                    self.aggregate(call, &expr.span);
                } else {
                    self.difference(call, &expr.span);
                    self.measured(call, &expr.span);
                    self.members(call, &expr.span);
                }
                if call.aggregate.is_of_flags() {
                    self.flag(call);
                }
                self.filter(call);
            }
            Node::Binary(BinaryOperator::Arithmetic(Arithmetic::Add | Arithmetic::Subtract), ..) => {
                let mut terms = Vec::new();
                flatten(expr, &mut terms);
                self.sums(&terms);
                terms.into_iter().for_each(|term| self.number(term));
            }
            Node::Binary(_, left, right) => {
                self.number(left);
                self.number(right);
            }
            Node::Unary(_, operand) | Node::In { operand, .. } => self.number(operand),
            // States are read of the facts whatever is asked of them.
            Node::Function(Function::AtStart | Function::AtEnd, arguments) => {
                let per = std::mem::take(&mut self.per);
                arguments.iter().for_each(|argument| self.number(argument));
                self.per = per;
            }
            Node::Function(Function::Fold(function), arguments) => {
                let (operands, settings) = arguments.split_at(function.operands().min(arguments.len()));
                let read = read_by(operands, self.entities);
                let members = settings.first().and_then(|setting| dimension_named(setting, &read));
                let before = self.per.len();
                self.per.extend(members);
                operands.iter().for_each(|operand| self.number(operand));
                self.per.truncate(before);
            }
            Node::Function(_, arguments) => arguments.iter().for_each(|argument| self.number(argument)),
            Node::Error
            | Node::Number(_)
            | Node::Text(_)
            | Node::Boolean(_)
            | Node::Time(_)
            | Node::Name(_)
            | Node::Path(..) => {}
        }
    }

    /// Sums that are added to what other facts give: where one has no facts, the whole has no value.
    fn sums(&mut self, terms: &[&Expr]) {
        let calls: Vec<&Call> = terms.iter().flat_map(|term| calls_of(term)).collect();
        let reading = terms.iter().filter(|term| !calls_of(term).is_empty()).count();
        let Some(first) = calls.first().filter(|_| reading > 1) else {
            return;
        };
        let same_facts = calls.iter().all(|call| facts_of(call) == facts_of(first));
        for (sum, span) in terms.iter().flat_map(|term| sums_of(term)) {
            let sure = same_facts && self.is_sure(sum);
            let text = sum.to_string();
            if sure || calls.iter().all(|call| call.to_string() == text) || !self.told.insert(text.clone()) {
                continue;
            }
            let message = format!(
                "where {} has no facts it has no value, and then nor has what it is added to",
                quoted(&text)
            );
            let hint = format!("to count nothing as 0 write COALESCE({text}, 0)");
            self.advice
                .push(Diagnostic::new(span, "empty-sum", message).with_hint(hint));
        }
    }

    /// Whether every fact has a value of what is aggregated.
    fn is_sure(&self, call: &Call) -> bool {
        let attributes = self.entities.attributes(&call.entity.name).unwrap_or_default();
        let is_required = |name: &Ident| {
            attributes
                .iter()
                .any(|attribute| attribute.name == name.name && attribute.required)
        };
        let beside = call.less.iter().chain(&call.times);
        call.attribute.as_ref().is_some_and(is_required)
            && beside.map(|of| call.named(of)).all(|name| is_required(&name))
    }

    /// An aggregate that no rollup has.
    fn aggregate(&mut self, call: &Call, span: &Range<usize>) {
        let name = format!(
            "{}{}",
            call.aggregate,
            if call.aggregate.before().is_empty() {
                ""
            } else {
                " DISTINCT"
            }
        );
        if !self.told.insert(format!("aggregate {name}")) {
            return;
        }
        let message = format!("{} is computed from the facts, because no rollup has it", quoted(&name));
        let mut hint =
            "the answer is exact, and takes longer the more facts there are: ask short ranges, or ask a range once"
                .to_owned();
        if let Some((sketch, attribute)) = sketch_of(call) {
            hint.push_str(&format!(
                "; or have it answered within a bound, in the mode approximate, where {attribute} declares \"sketches\": [\"{sketch}\"]"
            ));
        }
        self.advice
            .push(Diagnostic::new(span.clone(), "not-rolled-up", message).with_hint(hint));
    }

    /// A truth value that is no dimension.
    fn flag(&mut self, call: &Call) {
        if let (Some(flag), Some(attributes)) = (&call.attribute, self.entities.attributes(&call.entity.name)) {
            let attributes = attributes.to_vec();
            let name = Expr::new(flag.span.clone(), Node::named(flag));
            self.pushed(&name, &call.entity.name, &attributes);
        }
    }

    /// A difference of two times that no rollup has.
    fn difference(&mut self, call: &Call, span: &Range<usize>) {
        let (Some(to), Some(less)) = (&call.attribute, &call.less) else {
            return;
        };
        let from = call.named(less);
        let attributes = self.entities.attributes(&call.entity.name).unwrap_or_default();
        let difference = format!("{} - {}", to.name, from.name);
        let told = format!("{}: {difference}", call.entity.name);
        if kept_as(attributes, &to.name, &from.name).is_some() || !self.told.insert(told) {
            return;
        }
        let message = format!(
            "{} is computed from the facts, because no rollup has it",
            quoted(&difference)
        );
        let hint = match is_path(&difference) {
            true => LOOKED_UP.to_owned(),
            false => format!(
                "an entity that is defined with an attribute of type duration whose formula is {difference} has it rolled up"
            ),
        };
        self.advice
            .push(Diagnostic::new(span.clone(), "not-rolled-up", message).with_hint(hint));
    }

    /// A product, or what is known of another object, none of which a rollup has.
    fn measured(&mut self, call: &Call, span: &Range<usize>) {
        let Some(attribute) = &call.attribute else { return };
        let text = match &call.times {
            Some(other) => format!("{} * {}", attribute.name, call.named(other).name),
            None => attribute.name.clone(),
        };
        let is_of_others = is_path(&text);
        // A difference is told as such.
        let is_kept = call.less.is_some() || !is_of_others && call.times.is_none();
        if is_kept || !self.told.insert(format!("{}: {text}", call.entity.name)) {
            return;
        }
        let message = format!("{} is computed from the facts, because no rollup has it", quoted(&text));
        let hint = match is_of_others {
            true => LOOKED_UP.to_owned(),
            false => format!("an entity that is defined with an attribute whose formula is {text} has it rolled up"),
        };
        self.advice
            .push(Diagnostic::new(span.clone(), "not-rolled-up", message).with_hint(hint));
    }

    /// What is taken for each value of dimensions that no grouping has together.
    fn members(&mut self, call: &Call, span: &Range<usize>) {
        let entity = &call.entity.name;
        let Some(last) = self.per.last() else { return };
        let names: Vec<&str> = self.per.iter().map(String::as_str).collect();
        let names = names.join(" and ");
        let is_of_others = self.per.iter().any(|name| is_path(name));
        let is_kept = !is_of_others && self.entities.is_grouped(entity, &self.per);
        if is_kept || !self.told.insert(format!("{entity} per {names}")) {
            return;
        }
        let message = format!(
            "each value of {} is computed from the facts, because no rollup of {entity} has it",
            quoted(last)
        );
        let hint = match is_of_others {
            true => LOOKED_UP.to_owned(),
            false => format!("a grouping of {entity} with {names} has it rolled up"),
        };
        self.advice
            .push(Diagnostic::new(span.clone(), "not-rolled-up", message).with_hint(hint));
    }

    fn filter(&mut self, call: &Call) {
        if let (Some(filter), Some(attributes)) = (&call.filter, self.entities.attributes(&call.entity.name)) {
            let attributes = attributes.to_vec();
            self.pushed(filter, &call.entity.name, &attributes);
            self.condition(filter, (false, Missing::NotCounted), &attributes);
        }
    }

    /// Attributes in a condition that no rollup has.
    fn pushed(&mut self, expr: &Expr, entity: &str, attributes: &[Attribute]) {
        match &expr.node {
            Node::Name(name) => {
                let is_kept = |attribute: &Attribute| attribute.name == *name && attribute.dimension;
                if attributes.iter().any(is_kept) || !self.told.insert(format!("{entity}.{name}")) {
                    return;
                }
                let message = format!(
                    "{} is no dimension, so this is computed from the facts, because no rollup has it",
                    quoted(name)
                );
                let hint =
                    "a dimension that is derived from it, as a boolean that is the whole condition, is rolled up";
                let advice = Diagnostic::new(expr.span.clone(), "not-rolled-up", message);
                self.advice.push(advice.with_hint(hint));
            }
            Node::Path(first, rest) => {
                let name = format!("{}.{}", first.name, rest.name);
                if self.told.insert(format!("{entity}.{name}")) {
                    let message = format!(
                        "{} is of another object, so this is computed from the facts, because no rollup has it",
                        quoted(&name)
                    );
                    let advice = Diagnostic::new(expr.span.clone(), "not-rolled-up", message);
                    self.advice.push(advice.with_hint(LOOKED_UP));
                }
            }
            Node::Unary(_, operand) | Node::In { operand, .. } => self.pushed(operand, entity, attributes),
            Node::Binary(_, left, right) => {
                self.pushed(left, entity, attributes);
                self.pushed(right, entity, attributes);
            }
            Node::Function(_, arguments) => {
                arguments
                    .iter()
                    .for_each(|argument| self.pushed(argument, entity, attributes));
            }
            _ => {}
        }
    }

    /// Looks at an expression over a row: the conditions that it is, or that stand inside of it.
    fn row(&mut self, expr: &Expr, attributes: &[Attribute]) {
        match &expr.node {
            Node::Binary(BinaryOperator::Arithmetic(_), left, right) => {
                self.row(left, attributes);
                self.row(right, attributes);
            }
            Node::Unary(UnaryOperator::Negate, operand) => self.row(operand, attributes),
            // Whoever writes what stands for no value has thought of it.
            Node::Function(Function::Coalesce, _) => {}
            Node::Function(_, arguments) => arguments.iter().for_each(|argument| self.row(argument, attributes)),
            _ => self.condition(expr, (false, Missing::NoValue), attributes),
        }
    }

    /// Looks at a condition, which may be `turned` by a `NOT` before it.
    fn condition(&mut self, expr: &Expr, (turned, missing): (bool, Missing), attributes: &[Attribute]) {
        match &expr.node {
            Node::Unary(UnaryOperator::Not, operand) => self.condition(operand, (!turned, missing), attributes),
            Node::Binary(BinaryOperator::And | BinaryOperator::Or, left, right) => {
                self.condition(left, (turned, missing), attributes);
                self.condition(right, (turned, missing), attributes);
            }
            Node::Binary(BinaryOperator::Compare(operator), left, right) => {
                let unequal = if turned {
                    Comparison::Equal
                } else {
                    Comparison::NotEqual
                };
                if *operator == unequal {
                    self.left_out(expr, left, std::slice::from_ref(right), (missing, attributes));
                }
            }
            Node::In {
                operand,
                items,
                negated,
            } if *negated != turned => self.left_out(expr, operand, items, (missing, attributes)),
            _ => {}
        }
    }

    /// An attribute that must differ from values: a fact without one does not pass.
    fn left_out(
        &mut self,
        condition: &Expr,
        operand: &Expr,
        items: &[Expr],
        (missing, attributes): (Missing, &[Attribute]),
    ) {
        let Node::Name(name) = &operand.node else { return };
        let Some(attribute) = attributes.iter().find(|attribute| attribute.name == *name) else {
            return;
        };
        let Some(values) = items.iter().map(literal).collect::<Option<Vec<Value>>>() else {
            return;
        };
        let asks_for_missing = values.contains(&Value::Text(String::new()));
        if attribute.required || asks_for_missing || !self.told.insert(name.clone()) {
            return;
        }
        let name = name.as_str();
        let (code, message, purpose) = match missing {
            Missing::NotCounted => (
                "missing-not-counted",
                format!("facts without a value of {} are not counted", quoted(name)),
                "to count them too",
            ),
            Missing::NoValue => (
                "missing-undecided",
                format!(
                    "of facts without a value of {} this is neither true nor false",
                    quoted(name)
                ),
                "to have it decided for them too",
            ),
        };
        let hint = stand_in(attribute.kind, &values).map(|stand_in| {
            let instead = format!("COALESCE({name}, {stand_in})");
            format!("{purpose} write {}", condition.to_string().replacen(name, &instead, 1))
        });
        let advice = Diagnostic::new(condition.span.clone(), code, message);
        self.advice.push(advice.with_optional_hint(hint));
    }
}

/// The terms of a sum.
fn flatten<'e>(expr: &'e Expr, terms: &mut Vec<&'e Expr>) {
    match &expr.node {
        Node::Binary(BinaryOperator::Arithmetic(Arithmetic::Add | Arithmetic::Subtract), left, right) => {
            flatten(left, terms);
            flatten(right, terms);
        }
        Node::Unary(UnaryOperator::Negate, operand) => flatten(operand, terms),
        _ => terms.push(expr),
    }
}

/// The aggregates of an expression.
fn calls_of(expr: &Expr) -> Vec<&Call> {
    match &expr.node {
        Node::Call(call) => vec![call],
        Node::Unary(_, operand) => calls_of(operand),
        Node::Binary(_, left, right) => [calls_of(left), calls_of(right)].concat(),
        Node::In { operand, .. } => calls_of(operand),
        Node::Function(_, arguments) => arguments.iter().flat_map(calls_of).collect(),
        _ => Vec::new(),
    }
}

/// The sums that a term is a multiple of. What is divided is a rate, which rightly has no value without facts, and `COALESCE`, `IF` and `CASE`
/// may give one.
fn sums_of(term: &Expr) -> Vec<(&Call, Range<usize>)> {
    match &term.node {
        Node::Call(call) if call.aggregate == Aggregate::Sum => vec![(call, term.span.clone())],
        Node::Unary(UnaryOperator::Negate, operand) => sums_of(operand),
        Node::Binary(BinaryOperator::Arithmetic(Arithmetic::Multiply), left, right) => {
            [sums_of(left), sums_of(right)].concat()
        }
        Node::Function(function, arguments) if !matches!(function, Function::Coalesce | Function::If) => {
            arguments.iter().flat_map(sums_of).collect()
        }
        _ => Vec::new(),
    }
}

/// Which facts an aggregate reads.
fn facts_of(call: &Call) -> (&str, Option<String>) {
    (&call.entity.name, call.filter.as_ref().map(ToString::to_string))
}

/// A literal of a type that is none of the values, if the language has one.
fn stand_in(kind: AttributeType, values: &[Value]) -> Option<String> {
    match kind {
        AttributeType::Text => Some("''".to_owned()),
        AttributeType::Boolean => Some(Value::Boolean(values.contains(&Value::Boolean(false))).to_string()),
        AttributeType::Integer | AttributeType::Decimal => {
            let free = (0_i64..).find(|number| !values.contains(&Value::Integer(*number)));
            Some(free.unwrap_or_default().to_string())
        }
        // Of durations the only literal is 0, with which it is compared.
        AttributeType::Time | AttributeType::Duration => None,
    }
}

#[cfg(test)]
mod tests;
