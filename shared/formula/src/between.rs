//! The parser of what has words that are no keywords, because entities and attributes are called so: ranges `x BETWEEN a AND b` and instants
//! `TIME '2026-01-01T00:00:00Z'`.

use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::lexer::{Kind, Symbol};
use crate::parser::Parser;
use crate::tree::{Expr, Node, UnaryOperator, power};
use jiff::Timestamp;

/// How an instant is written.
const INSTANT: &str = "write date, time and offset, with at most six decimals of a second, as in TIME '2026-01-01T00:00:00Z' or TIME '2026-01-01T09:30:00.5+01:00'";

impl Parser<'_> {
    /// `BETWEEN low AND high`, or `NOT BETWEEN low AND high`, after its operand.
    pub(crate) fn between(&mut self, operand: Expr, negated: bool) -> Expr {
        let start = operand.span.start;
        if negated {
            self.advance();
        }
        self.advance();
        let low = self.expression(power::COMPARE + 1);
        if self.eat(Symbol::And).is_none() {
            let message = format!("expected AND and the upper bound, found {}", self.excerpt());
            self.report(
                "unfinished-between",
                message,
                Some("for example delay BETWEEN 1 AND 5".into()),
            );
            return Expr::error(start..self.previous_end());
        }
        let high = self.expression(power::COMPARE + 1);
        let span = start..self.previous_end().max(high.span.end);
        let between = Expr::new(
            span.clone(),
            Node::Function(Function::Between, vec![operand, low, high]),
        );
        match negated {
            true => Expr::new(span, Node::Unary(UnaryOperator::Not, Box::new(between))),
            false => between,
        }
    }

    /// Whether an instant is next, and not a name.
    pub(crate) fn at_instant(&self) -> bool {
        self.is_word(0, "TIME") && matches!(self.peek(1), Kind::Text(_))
    }

    /// `TIME '…'`, which is next.
    pub(crate) fn instant(&mut self) -> Expr {
        let start = self.span().start;
        self.advance();
        let Kind::Text(text) = self.kind().clone() else {
            return Expr::error(start..self.previous_end());
        };
        let text_span = self.span();
        self.advance();
        let span = start..self.previous_end();
        if let Some(time_us) = instant_us(&text) {
            return Expr::new(span, Node::Time(time_us));
        }
        let diagnostic = Diagnostic::new(
            text_span,
            "malformed-time",
            format!("{} is not an instant", quoted(&text)),
        );
        self.push(diagnostic.with_hint(INSTANT));
        Expr::error(span)
    }
}

/// An instant in microseconds since 1970, from the year 1 to 9999, as facts may have it.
fn instant_us(text: &str) -> Option<i64> {
    let time: Timestamp = text.parse().ok()?;
    let is_whole = time.as_nanosecond() % 1_000 == 0;
    let is_of_the_calendar = !text.starts_with('-') && time.as_second() >= FIRST_S;
    (is_whole && is_of_the_calendar).then(|| time.as_microsecond())
}

/// The year 1 begins so many seconds after 1970.
const FIRST_S: i64 = -62_135_596_800;

#[cfg(test)]
mod tests {
    use super::instant_us;

    #[test]
    fn instants_say_when_they_are() {
        for (text, expected_us) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T01:00:00.000001+01:00", Some(1)),
            ("2026-01-01T00:00:00Z", Some(1_767_225_600_000_000)),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000_000)),
            ("2026-01-01", None),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01T00:00:00.0000001Z", None),
            ("2026-02-30T00:00:00Z", None),
            ("-000001-01-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(instant_us(text), expected_us, "{text}");
        }
    }
}
