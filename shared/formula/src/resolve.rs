//! The check of what stands in one row: names become references to attributes, and operators get operands of their
//! types.

mod durations;
mod functions;
mod ranges;

pub(crate) use durations::{UNIT_HINT, cannot};
pub(crate) use functions::misplaced;

use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::path::{Written, follow};
use crate::scalar::Scalar;
use crate::suggest::hint_for;
use crate::tree::{Arithmetic, BinaryOperator, Comparison, Expr, Ident, Node, UnaryOperator};
use crate::value::{Attribute, AttributeType, Entities, Value};
use rust_decimal::Decimal;
use std::ops::Range;

/// What names mean.
pub(crate) trait Scope {
    /// How a checked expression refers to an attribute.
    type Reference: Clone;

    /// The attribute of a name, or why there is none to use.
    fn find(&self, name: &str, span: &Range<usize>) -> Result<(Self::Reference, AttributeType), Diagnostic>;

    /// What a path ends at, or why there is nothing to use.
    fn path(&self, path: [&Ident; 2], span: &Range<usize>) -> Result<(Self::Reference, AttributeType), Diagnostic>;
}

/// The attributes of an entity, by name, and what their paths lead to.
pub(crate) struct FilterScope<'a> {
    pub(crate) entity: &'a str,
    pub(crate) entities: &'a dyn Entities,
}

impl FilterScope<'_> {
    fn attributes(&self) -> &[Attribute] {
        self.entities.attributes(self.entity).unwrap_or_default()
    }
}

impl Scope for FilterScope<'_> {
    type Reference = String;

    fn find(&self, name: &str, span: &Range<usize>) -> Result<(String, AttributeType), Diagnostic> {
        if let Some(attribute) = self.attributes().iter().find(|attribute| attribute.name == name) {
            return Ok((attribute.name.clone(), attribute.kind));
        }
        let names: Vec<&str> = self
            .attributes()
            .iter()
            .map(|attribute| attribute.name.as_str())
            .collect();
        let message = format!("{} has no attribute {}", self.entity, quoted(name));
        let what = format!("the attributes of {} are", self.entity);
        Err(unknown(span, message, hint_for(name, &what, &names)))
    }

    fn path(&self, [first, rest]: [&Ident; 2], span: &Range<usize>) -> Result<(String, AttributeType), Diagnostic> {
        let is_attribute = self.attributes().iter().any(|attribute| attribute.name == first.name);
        let name = format!("{}.{}", first.name, rest.name);
        let found = follow(self.entities, self.entity, Written { name: &name, span });
        match found {
            Err(found)
                if !is_attribute && found.code != "path-to-many" && self.entities.attributes(&first.name).is_some() =>
            {
                Err(named_with_entity(rest, span))
            }
            found => found.map(|attribute| (name, attribute.kind)),
        }
    }
}

/// What is named as if it was outside of a condition.
fn named_with_entity(rest: &Ident, span: &Range<usize>) -> Diagnostic {
    let message = "an attribute is named without its entity here";
    Diagnostic::new(span.clone(), "path-in-row", message).with_hint(format!("write {}", rest.name))
}

/// The attributes of a row, by index.
pub(crate) struct RowScope<'a> {
    pub(crate) attributes: &'a [Attribute],
}

impl Scope for RowScope<'_> {
    type Reference = usize;

    fn find(&self, name: &str, span: &Range<usize>) -> Result<(usize, AttributeType), Diagnostic> {
        let found = self
            .attributes
            .iter()
            .enumerate()
            .find(|(_, attribute)| attribute.name == name);
        found.map(|(index, attribute)| (index, attribute.kind)).ok_or_else(|| {
            let names: Vec<&str> = self
                .attributes
                .iter()
                .map(|attribute| attribute.name.as_str())
                .collect();
            unknown(
                span,
                format!("there is no attribute {}", quoted(name)),
                hint_for(name, "the attributes are", &names),
            )
        })
    }

    fn path(&self, [first, rest]: [&Ident; 2], span: &Range<usize>) -> Result<(usize, AttributeType), Diagnostic> {
        if !self.attributes.iter().any(|attribute| attribute.name == first.name) {
            return Err(named_with_entity(rest, span));
        }
        let message = "a derived attribute is computed as its fact arrives, and looks nothing up";
        let hint = format!(
            "name {}.{} in the formula of a KPI, or in `by` and `filter` of a question",
            first.name, rest.name
        );
        Err(Diagnostic::new(span.clone(), "path-in-row", message).with_hint(hint))
    }
}

fn unknown(span: &Range<usize>, message: String, hint: Option<String>) -> Diagnostic {
    let hint = hint.map(|hint| {
        if hint.ends_with('?') {
            hint
        } else {
            format!("{hint}; a text is written in single quotes")
        }
    });
    Diagnostic::new(span.clone(), "unknown-attribute", message).with_optional_hint(hint)
}

/// Checks an expression of any type. The diagnostics may be empty when the tree has `Error` nodes.
pub(crate) fn resolve_value<S: Scope>(
    expr: &Expr,
    scope: S,
) -> Result<(Scalar<S::Reference>, AttributeType), Vec<Diagnostic>> {
    let mut resolver = Resolver {
        scope,
        diagnostics: Vec::new(),
    };
    let resolved = resolver.value(expr);
    resolved
        .filter(|_| resolver.diagnostics.is_empty())
        .ok_or(resolver.diagnostics)
}

/// Checks an expression that must be true or false. The diagnostics may be empty when the tree has `Error` nodes.
pub(crate) fn resolve_condition<S: Scope>(expr: &Expr, scope: S) -> Result<Scalar<S::Reference>, Vec<Diagnostic>> {
    let mut resolver = Resolver {
        scope,
        diagnostics: Vec::new(),
    };
    let resolved = resolver.condition(expr);
    resolved
        .filter(|_| resolver.diagnostics.is_empty())
        .ok_or(resolver.diagnostics)
}

struct Resolver<S> {
    scope: S,
    diagnostics: Vec<Diagnostic>,
}

/// A checked expression and its type; `None` where the trouble is already reported.
type Typed<A> = Option<(Scalar<A>, AttributeType)>;

/// How two conditions become one.
type Combine<A> = fn(Box<Scalar<A>>, Box<Scalar<A>>) -> Scalar<A>;

impl<S: Scope> Resolver<S> {
    fn value(&mut self, expr: &Expr) -> Typed<S::Reference> {
        match &expr.node {
            Node::Error => None,
            Node::Number(_) | Node::Text(_) | Node::Boolean(_) | Node::Time(_) => {
                let value = literal(expr)?;
                let kind = value.kind()?;
                Some((Scalar::Constant(value), kind))
            }
            Node::Name(name) => match self.scope.find(name, &expr.span) {
                Ok((reference, kind)) => Some((Scalar::Attribute(reference), kind)),
                Err(diagnostic) => self.fail(diagnostic),
            },
            Node::Path(first, rest) => match self.scope.path([first, rest], &expr.span) {
                Ok((reference, kind)) => Some((Scalar::Attribute(reference), kind)),
                Err(diagnostic) => self.fail(diagnostic),
            },
            Node::Call(_) => {
                let diagnostic = Diagnostic::new(
                    expr.span.clone(),
                    "aggregate-in-row",
                    "an aggregate reads many facts, and this is about one",
                );
                self.fail(diagnostic.with_hint("aggregates belong outside of WHERE, in the formula of a KPI"))
            }
            Node::Function(Function::Between, arguments) => match arguments.as_slice() {
                [operand, low, high] => self.between([operand, low, high]),
                _ => None,
            },
            Node::Function(Function::Text(test), arguments) => self.text_test(*test, arguments),
            Node::Function(function, arguments) => self.function(*function, arguments),
            Node::Unary(UnaryOperator::Not, operand) => {
                let operand = self.condition(operand)?;
                Some((Scalar::Not(Box::new(operand)), AttributeType::Boolean))
            }
            Node::Unary(UnaryOperator::Negate, operand) => match literal(expr) {
                Some(value) => value.kind().map(|kind| (Scalar::Constant(value), kind)),
                None => self
                    .amount(operand)
                    .map(|(operand, kind)| (Scalar::Negate(Box::new(operand)), kind)),
            },
            Node::Binary(BinaryOperator::And, left, right) => self.logic(Scalar::And, left, right),
            Node::Binary(BinaryOperator::Or, left, right) => self.logic(Scalar::Or, left, right),
            Node::Binary(BinaryOperator::Compare(operator), left, right) => {
                self.comparison(*operator, &expr.span, left, right)
            }
            Node::Binary(BinaryOperator::Arithmetic(operator), left, right) => {
                self.arithmetic(*operator, &expr.span, left, right)
            }
            Node::In {
                operand,
                items,
                negated,
            } => self.membership(operand, items, *negated),
        }
    }

    /// An expression that must be true or false.
    fn condition(&mut self, expr: &Expr) -> Option<Scalar<S::Reference>> {
        let (scalar, kind) = self.value(expr)?;
        if kind == AttributeType::Boolean {
            return Some(scalar);
        }
        let text = expr.to_string();
        let message = format!("expected a condition, and {} is {}", quoted(&text), a(kind));
        let hint = match kind {
            AttributeType::Time => format!("compare it with another time, as in {text} > due"),
            kind if kind.is_numeric() => format!("compare it with a value, as in {text} > 0"),
            _ => format!("compare it with a value, as in {text} = 'x'"),
        };
        self.fail(Diagnostic::new(expr.span.clone(), "not-a-condition", message).with_hint(hint))
    }

    /// An expression that must be a number, or a duration.
    fn amount(&mut self, expr: &Expr) -> Typed<S::Reference> {
        let (scalar, kind) = self.value(expr)?;
        if kind.is_numeric() {
            return Some((scalar, kind));
        }
        self.no_number(expr, kind)
    }

    fn no_number<T>(&mut self, expr: &Expr, kind: AttributeType) -> Option<T> {
        let message = format!("expected a number, and {} is {}", quoted(&expr.to_string()), a(kind));
        self.fail(Diagnostic::new(expr.span.clone(), "not-a-number", message))
    }

    fn logic(&mut self, combine: Combine<S::Reference>, left: &Expr, right: &Expr) -> Typed<S::Reference> {
        let (left, right) = (self.condition(left), self.condition(right));
        Some((combine(Box::new(left?), Box::new(right?)), AttributeType::Boolean))
    }

    fn arithmetic(
        &mut self,
        operator: Arithmetic,
        span: &Range<usize>,
        left: &Expr,
        right: &Expr,
    ) -> Typed<S::Reference> {
        let (left_value, right_value) = (self.value(left), self.value(right));
        let can_be = |kind: AttributeType| kind.is_numeric() || kind == AttributeType::Time;
        let wrong: Vec<(&Expr, AttributeType)> = [(left, &left_value), (right, &right_value)]
            .into_iter()
            .filter_map(|(side, value)| Some((side, value.as_ref()?.1)))
            .filter(|(_, kind)| !can_be(*kind))
            .collect();
        if !wrong.is_empty() {
            for (side, kind) in wrong {
                self.no_number::<()>(side, kind);
            }
            return None;
        }
        let ((left, left_kind), (right, right_kind)) = (left_value?, right_value?);
        let kind = self.kind_of(operator, span, (&left, left_kind), (&right, right_kind))?;
        Some((Scalar::Calculate(operator, Box::new(left), Box::new(right)), kind))
    }

    fn comparison(
        &mut self,
        operator: Comparison,
        span: &Range<usize>,
        left: &Expr,
        right: &Expr,
    ) -> Typed<S::Reference> {
        let (left, right) = (self.value(left), self.value(right));
        let ((left, left_kind), (right, right_kind)) = (left?, right?);
        let is_ordered = !matches!(operator, Comparison::Equal | Comparison::NotEqual);
        self.are_comparable(span, (&left, left_kind), (&right, right_kind), is_ordered)?;
        let scalar = match (operator, left, right) {
            (Comparison::Equal | Comparison::NotEqual, operand, empty)
            | (Comparison::Equal | Comparison::NotEqual, empty, operand)
                if is_empty_text(&empty) =>
            {
                missing(operand, operator == Comparison::NotEqual)
            }
            (operator, left, right) => Scalar::Compare(operator, Box::new(left), Box::new(right)),
        };
        Some((scalar, AttributeType::Boolean))
    }

    /// Reports what can't be compared, or not by which is the greater one.
    fn are_comparable(
        &mut self,
        span: &Range<usize>,
        (left, left_kind): (&Scalar<S::Reference>, AttributeType),
        (right, right_kind): (&Scalar<S::Reference>, AttributeType),
        is_ordered: bool,
    ) -> Option<()> {
        let fits = comparable(left_kind, right_kind)
            || durations::is_nothing_of(left, right_kind)
            || durations::is_nothing_of(right, left_kind);
        if !fits {
            let message = format!("cannot compare {} with {}", a(left_kind), a(right_kind));
            let hint = [(left, right_kind), (right, left_kind)]
                .into_iter()
                .find_map(|(side, other)| quotes_hint(side, other))
                .or_else(|| durations::unit_hint(left_kind, right_kind));
            return self.fail(Diagnostic::new(span.clone(), "type-mismatch", message).with_optional_hint(hint));
        }
        if left_kind == AttributeType::Boolean && is_ordered {
            let diagnostic = Diagnostic::new(span.clone(), "no-order", "true and false have no order");
            return self.fail(diagnostic.with_hint("compare with = or !="));
        }
        Some(())
    }

    fn membership(&mut self, operand: &Expr, items: &[Expr], negated: bool) -> Typed<S::Reference> {
        let operand = self.value(operand);
        let expected = operand.as_ref().map(|(_, kind)| *kind);
        let values: Vec<Option<Value>> = items.iter().map(|item| self.item(item, expected)).collect();
        let (operand, _) = operand?;
        let items = values.into_iter().collect::<Option<Vec<Value>>>()?;
        Some((member(operand, items, negated), AttributeType::Boolean))
    }

    /// An item of a list: a literal of the operand's type, if that is known.
    fn item(&mut self, item: &Expr, expected: Option<AttributeType>) -> Option<Value> {
        if item.node == Node::Error {
            return None;
        }
        let Some(value) = literal(item) else {
            let message = format!(
                "a list holds plain values, and {} is not one",
                quoted(&item.to_string())
            );
            let diagnostic = Diagnostic::new(item.span.clone(), "not-a-literal", message);
            return self
                .fail(diagnostic.with_hint("join comparisons with OR instead; a text is written in single quotes"));
        };
        match (value.kind(), expected) {
            (Some(kind), Some(expected)) if !comparable(kind, expected) => {
                let message = format!("the list holds {}, and is compared with {}", a(kind), a(expected));
                let hint = quotes_hint(&Scalar::<()>::Constant(value), expected);
                self.fail(Diagnostic::new(item.span.clone(), "type-mismatch", message).with_optional_hint(hint))
            }
            _ => Some(value),
        }
    }

    fn fail<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }
}

/// Whether a value is one of a list; an empty text in it asks whether there is no value.
fn member<A: Clone>(operand: Scalar<A>, mut items: Vec<Value>, negated: bool) -> Scalar<A> {
    let all = items.len();
    items.retain(|item| !is_empty(item));
    if items.len() == all {
        return Scalar::In {
            operand: Box::new(operand),
            items,
            negated,
        };
    }
    let is_missing = missing(operand.clone(), negated);
    if items.is_empty() {
        return is_missing;
    }
    let among = Scalar::In {
        operand: Box::new(operand),
        items,
        negated,
    };
    let combine = if negated { Scalar::And } else { Scalar::Or };
    combine(Box::new(is_missing), Box::new(among))
}

fn missing<A>(operand: Scalar<A>, negated: bool) -> Scalar<A> {
    Scalar::Missing {
        operand: Box::new(operand),
        negated,
    }
}

fn is_empty_text<A>(scalar: &Scalar<A>) -> bool {
    matches!(scalar, Scalar::Constant(value) if is_empty(value))
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.is_empty())
}

/// The value of a literal, with its sign if it has one. Whole numbers beyond 64 bits are decimals.
pub(crate) fn literal(expr: &Expr) -> Option<Value> {
    match &expr.node {
        Node::Number(number) => Some(number_value(*number)),
        Node::Text(text) => Some(Value::Text(text.clone())),
        Node::Boolean(boolean) => Some(Value::Boolean(*boolean)),
        Node::Time(time_us) => Some(Value::Time(*time_us)),
        Node::Unary(UnaryOperator::Negate, operand) => match operand.node {
            Node::Number(number) => Some(number_value(-number)),
            _ => None,
        },
        _ => None,
    }
}

fn number_value(number: Decimal) -> Value {
    match i64::try_from(number) {
        Ok(whole) if number.scale() == 0 => Value::Integer(whole),
        // Equal filters must print alike, so 1.50 is kept as 1.5.
        _ => Value::Decimal(number.normalize()),
    }
}

fn comparable(left: AttributeType, right: AttributeType) -> bool {
    left == right || (left.is_plain_number() && right.is_plain_number())
}

/// What to do about the quotes of a literal that is compared with a value of another type.
fn quotes_hint<A>(literal: &Scalar<A>, other: AttributeType) -> Option<String> {
    match (literal, other) {
        (Scalar::Constant(Value::Text(_)), AttributeType::Integer | AttributeType::Decimal) => {
            Some("a number is written without quotes".into())
        }
        (Scalar::Constant(Value::Text(_)), AttributeType::Time) => {
            Some("an instant is written with TIME before it, as in TIME '2026-01-01T00:00:00Z'".into())
        }
        (Scalar::Constant(Value::Text(_)), AttributeType::Boolean) => Some("write TRUE or FALSE without quotes".into()),
        (Scalar::Constant(Value::Integer(_) | Value::Decimal(_) | Value::Boolean(_)), AttributeType::Text) => {
            Some("a text is written in single quotes".into())
        }
        _ => None,
    }
}

/// A type in a sentence.
fn a(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::Integer | AttributeType::Decimal => "a number",
        AttributeType::Boolean => "true or false",
        AttributeType::Text => "a text",
        AttributeType::Time => "a time",
        AttributeType::Duration => "a duration",
    }
}
