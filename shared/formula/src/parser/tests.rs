#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::token_soup;
use proptest::prelude::*;

fn found(source: &str) -> Vec<String> {
    let show = |d: &Diagnostic| format!("{}..{} {}", d.span.start, d.span.end, d.code);
    parse(source).diagnostics.iter().map(show).collect()
}

#[test]
fn operators_bind_as_in_sql() {
    for (name, source, expected) in [
        ("product before sum", "1 + 2 * 3", "1 + (2 * 3)"),
        ("minus before product", "-a * b", "(-a) * b"),
        ("and before or", "a or b and c", "a OR (b AND c)"),
        ("not before and", "not a and b", "(NOT a) AND b"),
        ("comparison before not", "not a = b", "NOT (a = b)"),
        ("sum before comparison", "a + 1 < b", "(a + 1) < b"),
        ("in before and", "a in ('x') and b", "(a IN ('x')) AND b"),
        ("left to right", "8 / 4 / 2", "(8 / 4) / 2"),
    ] {
        let (parsed, explicit) = (parse(source), parse(expected));
        assert_eq!(parsed.diagnostics, vec![], "{name}");
        assert_eq!(parsed.tree.to_string(), explicit.tree.to_string(), "{name}");
    }
}

#[test]
fn spans_are_those_of_the_source() {
    let parsed = parse(" (1 + 2) * COUNT(Flight) ");
    assert_eq!(parsed.tree.span, 1..24);
    let Node::Binary(_, left, right) = parsed.tree.node else {
        unreachable!("a product")
    };
    assert_eq!((left.span, right.span), (1..8, 11..24));
}

#[test]
fn every_mistake_is_reported_once_with_its_columns() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("empty", "", &["0..0 empty"]),
        ("blank", "  ", &["0..2 empty"]),
        ("missing right operand", "1 +", &["3..3 expected-value"]),
        ("missing left operand", "* 2", &["0..1 expected-value"]),
        ("unary plus", "+ 2", &["0..1 expected-value"]),
        ("two operators", "1 + * 2", &["4..5 expected-value"]),
        ("two operands", "1 2", &["2..3 expected-operator"]),
        (
            "two mistakes",
            "(1 +) * (2 3)",
            &["4..5 expected-value", "11..12 expected-operator"],
        ),
        ("empty parentheses", "()", &["1..2 expected-value"]),
        ("open parenthesis", "(1 + 2", &["0..1 unclosed-parenthesis"]),
        ("stray parenthesis", "1 + 2)", &["5..6 unmatched-parenthesis"]),
        ("many stray parentheses", "1)))", &["1..2 unmatched-parenthesis"]),
        ("decimal comma", "1,5", &["1..2 unexpected-comma"]),
        ("where outside", "COUNT(A) WHERE b", &["9..14 unexpected-where"]),
        ("chained comparison", "1 < a < 3", &["6..7 chained-comparison"]),
        ("comparisons joined", "1 < a AND a < 3", &[]),
        ("junk operator", "a % 2", &["2..3 unexpected-character"]),
        ("junk operand", "1 + $x", &["4..5 unexpected-character"]),
        ("junk at the end", "1 ;", &["2..3 unexpected-character"]),
        ("junk alone", ";", &["0..1 unexpected-character"]),
        (
            "foreign operators",
            "a == 1 && b",
            &["2..4 foreign-operator", "7..9 foreign-operator"],
        ),
        ("double equals spaced", "a = = b", &["4..5 expected-value"]),
        ("star count", "COUNT(*)", &["6..7 expected-entity"]),
        ("nothing counted", "COUNT()", &["6..7 expected-entity"]),
        ("open call", "COUNT(A", &["5..6 unclosed-parenthesis"]),
        ("unknown function", "TOTAL(A.b)", &["0..5 unknown-function"]),
        (
            "unknown function, bad inside",
            "TOTAL(A.b WHERE)",
            &["0..5 unknown-function", "15..16 expected-value"],
        ),
        (
            "expression in aggregate",
            "SUM(A.b * (2 + 1)) + 1 +",
            &["8..9 unexpected-in-aggregate", "24..24 expected-value"],
        ),
        ("nested aggregate", "SUM(COUNT(A))", &["9..10 unexpected-in-aggregate"]),
        ("attribute missing", "SUM(A.)", &["6..7 expected-attribute"]),
        ("path attribute missing", "A. + 1", &["3..4 expected-attribute"]),
        ("filter missing", "COUNT(A WHERE)", &["13..14 expected-value"]),
        ("two filters", "COUNT(A WHERE b WHERE c)", &["16..21 unexpected-where"]),
        (
            "keyword as entity",
            "COUNT(Where)",
            &["6..11 expected-entity", "11..12 expected-value"],
        ),
        ("list missing", "a IN 'x'", &["5..8 expected-list"]),
        ("empty list", "a IN ()", &["6..7 expected-value"]),
        ("trailing comma", "a IN ('x',)", &["10..11 expected-value"]),
        ("comma missing", "a IN ('x' 'y')", &["10..13 expected-operator"]),
        ("open list", "a IN ('x'", &["5..6 unclosed-parenthesis"]),
        ("not without in", "a NOT b", &["2..5 expected-operator"]),
        ("open text", "a = 'x", &["4..6 unclosed-text"]),
        (
            "many of them",
            "1e5 + (2 3) + ",
            &[
                "0..3 malformed-number",
                "9..10 expected-operator",
                "14..14 expected-value",
            ],
        ),
    ];
    for (name, source, expected) in cases {
        assert_eq!(found(source), *expected, "{name}: {source}");
    }
}

#[test]
fn limits_are_reported_once_and_end_the_parse() {
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    let chain = |operators: usize| format!("1{}", "+1".repeat(operators));
    for (name, source, expected) in [
        ("deepest nesting", nested(MAX_DEPTH), vec![]),
        ("too deep", nested(MAX_DEPTH + 1), vec!["33..34 too-deep".to_owned()]),
        (
            "far too deep and unclosed",
            "(".repeat(MAX_LENGTH),
            vec!["33..34 too-deep".to_owned()],
        ),
        (
            "minus signs nest",
            format!("{}1", "-".repeat(MAX_DEPTH + 1)),
            vec!["33..34 too-deep".to_owned()],
        ),
        ("longest chain", chain(MAX_OPERATORS), vec![]),
        (
            "chain too long",
            chain(MAX_OPERATORS + 9),
            vec!["1025..1026 too-many-operators".to_owned()],
        ),
        (
            "too long",
            " ".repeat(MAX_LENGTH + 1),
            vec!["4096..4097 too-long".to_owned()],
        ),
        (
            "cut inside a character",
            format!("'{}", "é".repeat(MAX_LENGTH / 2)),
            vec!["4095..4097 too-long".to_owned()],
        ),
    ] {
        assert_eq!(found(&source), expected, "{name}");
    }
}

/// Every span lies inside the source, on the boundaries of characters.
fn assert_sound(source: &str, parsed: &Parsed) -> Result<(), TestCaseError> {
    for diagnostic in &parsed.diagnostics {
        prop_assert!(source.get(diagnostic.span.clone()).is_some(), "{:?}", diagnostic);
    }
    assert_spans(source, &parsed.tree)?;
    let broken = parsed.tree.to_string().contains('?') && !source.contains('?');
    prop_assert!(
        !broken || !parsed.diagnostics.is_empty(),
        "an error node without a diagnostic: {}",
        parsed.tree
    );
    Ok(())
}

fn assert_spans(source: &str, expr: &Expr) -> Result<(), TestCaseError> {
    prop_assert!(source.get(expr.span.clone()).is_some(), "{:?}", expr);
    match &expr.node {
        Node::Unary(_, operand) => assert_spans(source, operand),
        Node::Binary(_, left, right) => assert_spans(source, left).and_then(|()| assert_spans(source, right)),
        Node::In { operand, items, .. } => {
            assert_spans(source, operand)?;
            items.iter().try_for_each(|item| assert_spans(source, item))
        }
        Node::Call(call) => {
            prop_assert_eq!(source.get(call.entity.span.clone()), Some(call.entity.name.as_str()));
            call.filter.iter().try_for_each(|filter| assert_spans(source, filter))
        }
        _ => Ok(()),
    }
}

proptest! {
    #[test]
    fn any_text_parses(source in any::<String>()) {
        assert_sound(&source, &parse(&source))?;
    }

    #[test]
    fn any_tokens_parse(source in token_soup()) {
        assert_sound(&source, &parse(&source))?;
    }

    #[test]
    fn a_prefix_of_a_formula_parses(cut in 0_usize..80) {
        let whole = "SUM(Flight.delay WHERE a = 'é' AND NOT (b IN ('x', 'y'))) / -(COUNT(Flight) + 1.5)";
        let source = &whole[..whole.floor_char_boundary(cut)];
        let parsed = parse(source);
        assert_sound(source, &parsed)?;
    }
}
