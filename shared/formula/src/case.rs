//! The part of the parser for `CASE WHEN condition THEN value … ELSE value END`, which becomes an `IF` of several conditions.
//!
//! Its words are no keywords, because entities and attributes are called so: `COUNT(Case WHERE end = 'won')`. A `CASE` begins where `WHEN` follows
//! it, and its other words are looked for only where an operator would stand.

use crate::diagnostic::Diagnostic;
use crate::function::{Function, MAX_ARGUMENTS};
use crate::lexer::{Kind, Symbol};
use crate::parser::Parser;
use crate::tree::{Expr, Node};

/// Its words.
pub(crate) const WORDS: [&str; 5] = ["CASE", "WHEN", "THEN", "ELSE", "END"];

/// How it is written, for hints.
pub(crate) const USAGE: &str = "write CASE WHEN condition THEN value ELSE value END";

impl Parser<'_> {
    /// Whether a `CASE` is next, and not a name.
    pub(crate) fn at_case(&self) -> bool {
        self.is_word(0, "CASE") && self.is_word(1, "WHEN")
    }

    /// `CASE …`, which is next.
    pub(crate) fn case(&mut self) -> Expr {
        let case = self.span();
        self.advance();
        let arms = self.nested(Self::arms);
        let span = case.start..self.previous_end();
        match arms {
            Some(arms) if arms.len() <= 2 * MAX_ARGUMENTS + 1 => Expr::new(span, Node::Function(Function::If, arms)),
            Some(arms) => {
                let message = format!("CASE takes {MAX_ARGUMENTS} times WHEN, and has {}", arms.len() / 2);
                let diagnostic = Diagnostic::new(case, "wrong-arguments", message);
                self.push(diagnostic.with_hint("define a derived attribute for some of them"));
                Expr::error(span)
            }
            None => Expr::error(span),
        }
    }

    /// Conditions, each with its value, and then perhaps a value alone; none when a word is missing, which is reported.
    fn arms(&mut self) -> Option<Vec<Expr>> {
        let mut arms = Vec::new();
        while self.eat_word("WHEN") {
            arms.push(self.whole());
            self.expect_word("THEN")?;
            arms.push(self.whole());
        }
        if self.eat_word("ELSE") {
            arms.push(self.whole());
        }
        self.expect_word("END").map(|()| arms)
    }

    fn expect_word(&mut self, word: &str) -> Option<()> {
        if self.eat_word(word) {
            return Some(());
        }
        let message = format!("expected {word}, found {}", self.excerpt());
        self.report("unfinished-case", message, Some(USAGE.into()));
        self.skip_case();
        None
    }

    /// What is left of a `CASE` that is not understood: up to its `END`, or to what closes the text around it.
    fn skip_case(&mut self) {
        let mut open = 0_usize;
        while open > 0 || !self.eat_word("END") {
            match self.kind() {
                Kind::End => return,
                Kind::Symbol(Symbol::Close | Symbol::Comma) if open == 0 => return,
                Kind::Symbol(Symbol::Open) => open += 1,
                Kind::Symbol(Symbol::Close) => open -= 1,
                _ => {}
            }
            self.advance();
        }
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is_next = self.is_word(0, word);
        if is_next {
            self.advance();
        }
        is_next
    }

    pub(crate) fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek(ahead), Kind::Name(name) if name.eq_ignore_ascii_case(word))
    }
}
