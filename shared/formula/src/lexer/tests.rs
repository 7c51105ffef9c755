#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;

fn kinds(source: &str) -> Vec<Kind<'_>> {
    let (tokens, diagnostics) = lex(source);
    assert_eq!(diagnostics, vec![], "{source}");
    tokens.into_iter().map(|token| token.kind).collect()
}

#[test]
fn well_formed_tokens() {
    let decimal = |text: &str| Kind::Number(Decimal::from_str_exact(text).unwrap());
    let symbol = Kind::Symbol;
    for (name, source, expected) in [
        ("nothing", "  \n\t", vec![Kind::End]),
        (
            "keywords in any case",
            "And WHERE in",
            vec![
                symbol(Symbol::And),
                symbol(Symbol::Where),
                symbol(Symbol::In),
                Kind::End,
            ],
        ),
        (
            "names keep theirs",
            "Flight.on_time",
            vec![
                Kind::Name("Flight"),
                symbol(Symbol::Dot),
                Kind::Name("on_time"),
                Kind::End,
            ],
        ),
        ("a keyword inside a name", "order", vec![Kind::Name("order"), Kind::End]),
        (
            "numbers",
            "15 0.50 007",
            vec![decimal("15"), decimal("0.50"), decimal("7"), Kind::End],
        ),
        (
            "text with a quote",
            "'it''s'",
            vec![Kind::Text("it's".into()), Kind::End],
        ),
        ("empty text", "''", vec![Kind::Text(String::new()), Kind::End]),
        (
            "text of other scripts",
            "'東京'",
            vec![Kind::Text("東京".into()), Kind::End],
        ),
        (
            "longest operator first",
            "<=<><",
            vec![
                symbol(Symbol::LessOrEqual),
                symbol(Symbol::NotEqual),
                symbol(Symbol::Less),
                Kind::End,
            ],
        ),
    ] {
        assert_eq!(kinds(source), expected, "{name}");
    }
}

#[test]
fn mistakes_have_a_span_a_code_and_a_hint() {
    for (name, source, expected) in [
        ("double equals", "a == b", "2..4 foreign-operator write ="),
        ("ampersands", "a && b", "2..4 foreign-operator write AND"),
        ("bang", "!a", "0..1 foreign-operator write NOT"),
        ("typographic", "a ≤ b", "2..5 foreign-operator write <="),
        ("double quotes", "\"it's\"", "0..6 wrong-quotes write 'it''s'"),
        ("curly quotes", "‘a’", "0..7 wrong-quotes write 'a'"),
        (
            "open text",
            "a = 'ORD",
            "4..8 unclosed-text end it with ', and write a ' inside it twice",
        ),
        (
            "exponent",
            "1e5",
            "0..3 malformed-number write digits with at most one point between them, as in 0.5 or 1500",
        ),
        (
            "two points",
            "1.2.3",
            "0..5 malformed-number write digits with at most one point between them, as in 0.5 or 1500",
        ),
        (
            "leading point",
            ".5",
            "0..2 malformed-number write digits with at most one point between them, as in 0.5 or 1500",
        ),
        (
            "too long",
            "12345678901234567890123456789012",
            "0..32 number-too-long numbers have at most 28 digits",
        ),
        (
            "other letters",
            "délai",
            "1..3 unexpected-character names are written with the letters a to z, digits and _",
        ),
        (
            "no text of the database",
            "'a\0b'",
            "0..5 unexpected-character remove it",
        ),
        ("a run is one", "a ;;; b", "2..5 unexpected-character"),
    ] {
        let (_, diagnostics) = lex(source);
        let found: Vec<String> = diagnostics
            .iter()
            .map(|d| {
                format!(
                    "{}..{} {} {}",
                    d.span.start,
                    d.span.end,
                    d.code,
                    d.hint.as_deref().unwrap_or_default()
                )
                .trim_end()
                .to_owned()
            })
            .collect();
        assert_eq!(found, vec![expected], "{name}");
    }
}
