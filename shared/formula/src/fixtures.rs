//! What tests start from: entities, and strategies for random trees and sequences of tokens.

use crate::aggregate::Aggregate;
use crate::fold::FoldFunction;
use crate::function::Function;
use crate::lexer::is_keyword;
use crate::tree::{Argument, Arithmetic, BinaryOperator, Call, Comparison, Expr, Ident, Node, UnaryOperator};
use crate::value::{Attribute, AttributeType, Entities};
use crate::window::WindowFunction;
use proptest::prelude::*;
use rust_decimal::Decimal;

/// An entity with an attribute of each type, some of them dimensions.
pub(crate) struct Sample(Vec<Attribute>);

pub(crate) fn attributes() -> Vec<Attribute> {
    [
        ("delay", AttributeType::Integer, false),
        ("distance", AttributeType::Decimal, false),
        ("origin", AttributeType::Text, true),
        ("on_time", AttributeType::Boolean, true),
        ("stops", AttributeType::Integer, true),
        ("remark", AttributeType::Text, false),
        ("diverted", AttributeType::Boolean, false),
    ]
    .into_iter()
    .map(|(name, kind, dimension)| Attribute {
        name: name.to_owned(),
        kind,
        dimension,
        required: name == "delay",
        difference: None,
    })
    .collect()
}

pub(crate) fn entities() -> Sample {
    Sample(attributes())
}

impl Entities for Sample {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        matches!(entity, "Flight" | "Order").then_some(self.0.as_slice())
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        vec!["Flight", "Order"]
    }
}

/// The same, and `Policy`, which tells states.
pub(crate) struct States(Vec<Attribute>);

pub(crate) fn states() -> States {
    States(attributes())
}

impl Entities for States {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        matches!(entity, "Flight" | "Policy").then_some(self.0.as_slice())
    }

    fn is_state(&self, entity: &str) -> bool {
        entity == "Policy"
    }

    fn names(&self) -> Vec<&str> {
        vec!["Flight", "Policy"]
    }
}

/// Tokens in any order, good and bad.
pub(crate) fn token_soup() -> impl Strategy<Value = String> {
    let tokens = [
        "COUNT", "DISTINCT", "MODE", "SLOPE", "ANY", "SUM", "COALESCE", "IF", "HOURS", "BETWEEN", "TIME", "CASE",
        "WHEN", "THEN", "ELSE", "END", "ROUND", "PREVIOUS", "TO_DATE", "MAX_PER", "origin", "YEAR", "AT_END",
        "ENTERED", "(", ")", "(", ")", "Flight", ".", "delay", "WHERE", "IN", "NOT", "AND", "OR", ",", "+", "-", "*",
        "/", "=", "<", "==", "1", "2.5", "'x'", "'", "TRUE", ";", "é", "?", "1e5", "\"y\"",
    ];
    proptest::collection::vec(
        (
            proptest::sample::select(tokens.to_vec()),
            prop_oneof![Just(""), Just(" ")],
        ),
        0..60,
    )
    .prop_map(|tokens| tokens.into_iter().flat_map(|(token, space)| [token, space]).collect())
}

/// Names, among them those that are words of the language elsewhere.
fn name() -> impl Strategy<Value = String> {
    let words = [
        "case", "CASE", "When", "then", "else", "END", "hours", "COUNT", "if", "Flight", "delay",
    ];
    prop_oneof![
        4 => "[a-zA-Z_][a-zA-Z0-9_]{0,6}".prop_filter("a keyword", |word| !is_keyword(word)),
        1 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
    ]
}

/// Texts that printing or reading could spoil.
fn text() -> impl Strategy<Value = String> {
    let hostile = [
        "'", "''", "\n", "\\", "--", "/*", "\"", "’", "?", "{}", "%s", ")", "'); DROP", "é", "🛫", "\u{202e}", " ",
    ];
    let pieces = prop_oneof![
        2 => proptest::sample::select(hostile.to_vec()).prop_map(str::to_owned),
        1 => "[^\\x00]{0,8}",
    ];
    proptest::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
}

/// Numbers of up to as many digits and places as the language has.
fn number() -> impl Strategy<Value = Decimal> {
    prop_oneof![(0_i128..1_000_000, 0_u32..6), (0_i128..10_i128.pow(28), 0_u32..=28),]
        .prop_map(|(digits, places)| Decimal::from_i128_with_scale(digits, places))
}

/// A call of any function with as many of these arguments as it takes.
fn call_of(function: Function, mut arguments: Vec<Expr>) -> Node {
    while !function.takes(arguments.len()) {
        arguments.pop();
    }
    Node::Function(function, arguments)
}

/// Whether a tree, when it is printed, keeps the limits of a formula.
fn is_within_limits(tree: &Expr) -> bool {
    let found = crate::parse(&tree.to_string()).diagnostics;
    !found.iter().any(|found| found.code.starts_with("too-"))
}

fn ident() -> impl Strategy<Value = Ident> {
    name().prop_map(|name| Ident { span: 0..0, name })
}

/// One to four names with points between them.
fn path() -> impl Strategy<Value = Ident> {
    let names = prop_oneof![4 => Just(1_usize), 1 => 2_usize..=4];
    let names = names.prop_flat_map(|names| proptest::collection::vec(name(), names));
    names.prop_map(|names| Ident {
        span: 0..0,
        name: names.join("."),
    })
}

fn node(node: Node) -> Expr {
    Expr::new(0..0, node)
}

/// Random trees without spans, at most 4 operators deep.
pub(crate) fn trees() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        number().prop_map(Node::Number),
        text().prop_map(Node::Text),
        any::<bool>().prop_map(Node::Boolean),
        (0_i64..4_000_000_000_000_000).prop_map(Node::Time),
        name().prop_map(Node::Name),
        (ident(), path()).prop_map(|(entity, attribute)| Node::Path(entity, attribute)),
        (aggregates(), ident(), proptest::option::of(path())).prop_map(|(aggregate, entity, attribute)| Node::Call(
            Box::new(Call {
                aggregate,
                entity,
                attribute,
                less: None,
                times: None,
                second: None,
                filter: None
            })
        )),
    ]
    .prop_map(node);
    leaf.prop_recursive(4, 48, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            (binary_operators(), boxed.clone(), boxed.clone())
                .prop_map(|(operator, left, right)| Node::Binary(operator, left, right)),
            (
                prop_oneof![Just(UnaryOperator::Not), Just(UnaryOperator::Negate)],
                boxed.clone()
            )
                .prop_map(|(operator, operand)| Node::Unary(operator, operand)),
            (boxed, proptest::collection::vec(inner.clone(), 1..4), any::<bool>()).prop_map(
                |(operand, items, negated)| Node::In {
                    operand,
                    items,
                    negated
                }
            ),
            proptest::collection::vec(inner.clone(), 2..8)
                .prop_map(|arguments| Node::Function(Function::If, arguments)),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(operand, low, high)| Node::Function(Function::Between, vec![operand, low, high])),
            (
                proptest::sample::select(Function::ALL.to_vec()),
                proptest::collection::vec(inner.clone(), 4)
            )
                .prop_map(|(function, arguments)| call_of(function, arguments)),
            (
                aggregates(),
                ident(),
                proptest::option::of((path(), proptest::option::of((any::<bool>(), ident(), path())))),
                proptest::option::of(arguments()),
                inner.clone()
            )
                .prop_map(|(aggregate, entity, measured, second, filter)| {
                    let (attribute, beside) =
                        measured.map_or((None, None), |(attribute, beside)| (Some(attribute), beside));
                    let (mut less, mut times) = (None, None);
                    if let Some((is_less, entity, name)) = beside {
                        *(if is_less { &mut less } else { &mut times }) = Some((entity, name));
                    }
                    Node::Call(Box::new(Call {
                        aggregate,
                        entity,
                        attribute,
                        less,
                        times,
                        second,
                        filter: Some(filter),
                    }))
                }),
            (
                folds(),
                inner.clone(),
                inner.clone(),
                ident(),
                proptest::option::of(path())
            )
                .prop_map(|(function, operand, other, first, rest)| {
                    let each = match rest {
                        Some(rest) => Node::Path(first, rest),
                        None => Node::Name(first.name),
                    };
                    let operands = [operand, other].into_iter().take(function.operands());
                    let percent = (function == FoldFunction::Percentile).then(|| Node::Number(Decimal::from(90)));
                    let arguments = operands.chain([node(each)]).chain(percent.map(node));
                    Node::Function(Function::Fold(function), arguments.collect())
                }),
            (inner, 1_u16..2_000, proptest::option::of(name())).prop_map(|(operand, count, period)| {
                let count = node(Node::Number(Decimal::from(count)));
                let period = period.map(|name| node(Node::Name(name)));
                let arguments = [operand, count].into_iter().chain(period).collect();
                Node::Function(Function::Window(WindowFunction::Rolling), arguments)
            }),
        ]
        .prop_map(node)
    })
    .prop_filter("beyond the limits", is_within_limits)
}

fn folds() -> impl Strategy<Value = FoldFunction> {
    let all = Function::ALL.into_iter().filter_map(|function| match function {
        Function::Fold(function) => Some(function),
        _ => None,
    });
    proptest::sample::select(all.collect::<Vec<_>>())
}

fn aggregates() -> impl Strategy<Value = Aggregate> {
    let all = Aggregate::ALL.into_iter().chain([Aggregate::Distinct]);
    proptest::sample::select(all.collect::<Vec<_>>())
}

fn arguments() -> impl Strategy<Value = Argument> {
    let values = (ident(), path(), proptest::option::of((ident(), path())));
    prop_oneof![
        (0_i64..10_000).prop_map(|digits| Argument::Number(0..0, Decimal::new(digits, 2))),
        values.prop_map(|(entity, attribute, less)| Argument::Values {
            entity,
            attribute,
            less
        }),
    ]
}

pub(crate) fn arithmetic() -> impl Strategy<Value = Arithmetic> {
    proptest::sample::select(vec![
        Arithmetic::Add,
        Arithmetic::Subtract,
        Arithmetic::Multiply,
        Arithmetic::Divide,
    ])
}

pub(crate) fn comparisons() -> impl Strategy<Value = Comparison> {
    proptest::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ])
}

fn binary_operators() -> impl Strategy<Value = BinaryOperator> {
    prop_oneof![
        Just(BinaryOperator::Or),
        Just(BinaryOperator::And),
        comparisons().prop_map(BinaryOperator::Compare),
        arithmetic().prop_map(BinaryOperator::Arithmetic),
    ]
}

/// The same tree with all spans empty, for comparing trees of different sources.
pub(crate) fn without_spans(expr: Expr) -> Expr {
    let boxed = |expr: Box<Expr>| Box::new(without_spans(*expr));
    let ident = |ident: Ident| Ident { span: 0..0, ..ident };
    node(match expr.node {
        Node::Unary(operator, operand) => Node::Unary(operator, boxed(operand)),
        Node::Binary(operator, left, right) => Node::Binary(operator, boxed(left), boxed(right)),
        Node::In {
            operand,
            items,
            negated,
        } => Node::In {
            operand: boxed(operand),
            items: items.into_iter().map(without_spans).collect(),
            negated,
        },
        Node::Function(function, arguments) => {
            Node::Function(function, arguments.into_iter().map(without_spans).collect())
        }
        Node::Path(entity, attribute) => Node::Path(ident(entity), ident(attribute)),
        Node::Call(call) => Node::Call(Box::new(Call {
            aggregate: call.aggregate,
            entity: ident(call.entity),
            attribute: call.attribute.map(ident),
            less: call.less.map(|(entity, attribute)| (ident(entity), ident(attribute))),
            times: call.times.map(|(entity, attribute)| (ident(entity), ident(attribute))),
            second: call.second.map(|second| match second {
                Argument::Number(_, number) => Argument::Number(0..0, number),
                Argument::Values {
                    entity,
                    attribute,
                    less,
                } => Argument::Values {
                    entity: ident(entity),
                    attribute: ident(attribute),
                    less: less.map(|(entity, attribute)| (ident(entity), ident(attribute))),
                },
            }),
            filter: call.filter.map(without_spans),
        })),
        other => other,
    })
}
