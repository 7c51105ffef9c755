//! What tests start from: entities, and strategies for random trees and sequences of tokens.

use crate::aggregate::Aggregate;
use crate::function::Function;
use crate::lexer::is_keyword;
use crate::numeric::Numeric;
use crate::text::TextTest;
use crate::tree::{Argument, Arithmetic, BinaryOperator, Call, Comparison, Expr, Ident, Node, UnaryOperator};
use crate::value::{Attribute, AttributeType, Entities};
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

    fn names(&self) -> Vec<&str> {
        vec!["Flight", "Order"]
    }
}

/// Tokens in any order, good and bad.
pub(crate) fn token_soup() -> impl Strategy<Value = String> {
    let tokens = [
        "COUNT", "DISTINCT", "MODE", "SLOPE", "ANY", "SUM", "COALESCE", "IF", "HOURS", "BETWEEN", "TIME", "CASE",
        "WHEN", "THEN", "ELSE", "END", "ROUND", "(", ")", "(", ")", "Flight", ".", "delay", "WHERE", "IN", "NOT",
        "AND", "OR", ",", "+", "-", "*", "/", "=", "<", "==", "1", "2.5", "'x'", "'", "TRUE", ";", "é", "?", "1e5",
        "\"y\"",
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

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_]{0,6}".prop_filter("a keyword", |word| !is_keyword(word))
}

fn ident() -> impl Strategy<Value = Ident> {
    name().prop_map(|name| Ident { span: 0..0, name })
}

fn node(node: Node) -> Expr {
    Expr::new(0..0, node)
}

/// Random trees without spans, at most 4 operators deep.
pub(crate) fn trees() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (0_i64..1_000_000, 0_u32..6).prop_map(|(digits, scale)| Node::Number(Decimal::new(digits, scale))),
        "[^\\x00\n]{0,8}".prop_map(Node::Text),
        any::<bool>().prop_map(Node::Boolean),
        (0_i64..4_000_000_000_000_000).prop_map(Node::Time),
        name().prop_map(Node::Name),
        (ident(), ident()).prop_map(|(entity, attribute)| Node::Path(entity, attribute)),
        (aggregates(), ident(), proptest::option::of(ident())).prop_map(|(aggregate, entity, attribute)| Node::Call(
            Box::new(Call {
                aggregate,
                entity,
                attribute,
                less: None,
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
            proptest::collection::vec(inner.clone(), 2..5)
                .prop_map(|arguments| Node::Function(Function::Coalesce, arguments)),
            proptest::collection::vec(inner.clone(), 2..8)
                .prop_map(|arguments| Node::Function(Function::If, arguments)),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(operand, low, high)| Node::Function(Function::Between, vec![operand, low, high])),
            (inner.clone(), inner.clone())
                .prop_map(|(text, part)| Node::Function(Function::Text(TextTest::Contains), vec![text, part])),
            (inner.clone(), any::<bool>()).prop_map(|(operand, is_power)| match is_power {
                true => Node::Function(Function::Numeric(Numeric::Power), vec![operand.clone(), operand]),
                false => Node::Function(Function::Numeric(Numeric::Abs), vec![operand]),
            }),
            (
                aggregates(),
                ident(),
                proptest::option::of((ident(), proptest::option::of((ident(), ident())))),
                proptest::option::of(arguments()),
                inner.clone()
            )
                .prop_map(|(aggregate, entity, measured, second, filter)| {
                    let (attribute, less) = measured.map_or((None, None), |(attribute, less)| (Some(attribute), less));
                    Node::Call(Box::new(Call {
                        aggregate,
                        entity,
                        attribute,
                        less,
                        second,
                        filter: Some(filter),
                    }))
                }),
            (
                proptest::sample::select(vec![
                    Function::Seconds,
                    Function::Minutes,
                    Function::Hours,
                    Function::Days
                ]),
                inner
            )
                .prop_map(|(unit, operand)| Node::Function(unit, vec![operand])),
        ]
        .prop_map(node)
    })
}

fn aggregates() -> impl Strategy<Value = Aggregate> {
    let all = Aggregate::ALL.into_iter().chain([Aggregate::Distinct]);
    proptest::sample::select(all.collect::<Vec<_>>())
}

fn arguments() -> impl Strategy<Value = Argument> {
    let values = (ident(), ident(), proptest::option::of((ident(), ident())));
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
