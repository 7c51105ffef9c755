//! Text to tokens. What other languages write (`==`, `&&`, `"text"`, `≤`) is understood, and reported with what to
//! write instead.

use crate::diagnostic::{Diagnostic, excerpt};
use rust_decimal::Decimal;
use std::ops::Range;

/// A token with its place in the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) span: Range<usize>,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'a> {
    Name(&'a str),
    Number(Decimal),
    Text(String),
    Symbol(Symbol),
    /// An operand that was reported here and needs no second report.
    Broken,
    /// Characters that mean nothing, reported here.
    Junk,
    /// The end of the source; always the last token.
    End,
}

/// Operators, punctuation and keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbol {
    Plus,
    Minus,
    Star,
    Slash,
    Open,
    Close,
    Comma,
    Dot,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Not,
    In,
    Where,
    True,
    False,
}

/// How symbols are written, longer before shorter. The third field is what should have been written.
const SYMBOLS: &[(&str, Symbol, Option<&str>)] = &[
    ("==", Symbol::Equal, Some("=")),
    ("&&", Symbol::And, Some("AND")),
    ("||", Symbol::Or, Some("OR")),
    ("!=", Symbol::NotEqual, None),
    ("<>", Symbol::NotEqual, None),
    ("<=", Symbol::LessOrEqual, None),
    (">=", Symbol::GreaterOrEqual, None),
    ("+", Symbol::Plus, None),
    ("-", Symbol::Minus, None),
    ("*", Symbol::Star, None),
    ("/", Symbol::Slash, None),
    ("(", Symbol::Open, None),
    (")", Symbol::Close, None),
    (",", Symbol::Comma, None),
    (".", Symbol::Dot, None),
    ("=", Symbol::Equal, None),
    ("<", Symbol::Less, None),
    (">", Symbol::Greater, None),
    ("!", Symbol::Not, Some("NOT")),
    ("≠", Symbol::NotEqual, Some("!=")),
    ("≤", Symbol::LessOrEqual, Some("<=")),
    ("≥", Symbol::GreaterOrEqual, Some(">=")),
    ("×", Symbol::Star, Some("*")),
    ("÷", Symbol::Slash, Some("/")),
    ("−", Symbol::Minus, Some("-")),
    ("–", Symbol::Minus, Some("-")),
];

/// The words that cannot be names.
const KEYWORDS: &[(&str, Symbol)] = &[
    ("AND", Symbol::And),
    ("OR", Symbol::Or),
    ("NOT", Symbol::Not),
    ("IN", Symbol::In),
    ("WHERE", Symbol::Where),
    ("TRUE", Symbol::True),
    ("FALSE", Symbol::False),
];

/// Whether a word is a keyword in any case and so cannot name an attribute or an entity.
#[must_use]
pub fn is_keyword(word: &str) -> bool {
    keyword(word).is_some()
}

fn keyword(word: &str) -> Option<Symbol> {
    KEYWORDS
        .iter()
        .find(|(text, _)| text.eq_ignore_ascii_case(word))
        .map(|(_, symbol)| *symbol)
}

/// The keywords, as they are written.
pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    KEYWORDS.iter().map(|(text, _)| *text)
}

/// The symbols of the language, each as it is printed.
pub(crate) fn symbols() -> impl Iterator<Item = &'static str> {
    let own = SYMBOLS.iter().filter(|(_, _, instead)| instead.is_none());
    // Of two ways to write the same the first is printed.
    own.enumerate().filter_map(|(index, (text, symbol, _))| {
        let mut earlier = SYMBOLS.iter().filter(|(_, _, instead)| instead.is_none()).take(index);
        (!earlier.any(|(_, other, _)| other == symbol)).then_some(*text)
    })
}

/// Splits a text into tokens, ending with `End`. Never fails: what is wrong is a diagnostic and a token that says so.
pub(crate) fn lex(source: &str) -> (Vec<Token<'_>>, Vec<Diagnostic>) {
    let mut lexer = Lexer {
        source,
        position: 0,
        tokens: Vec::new(),
        diagnostics: Vec::new(),
    };
    while let Some(next) = lexer.rest().chars().next() {
        lexer.token(next);
    }
    lexer.push(source.len(), Kind::End);
    (lexer.tokens, lexer.diagnostics)
}

struct Lexer<'a> {
    source: &'a str,
    position: usize,
    tokens: Vec<Token<'a>>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Lexer<'a> {
    /// What is not read yet. The position only ever advances by whole characters.
    fn rest(&self) -> &'a str {
        self.source.get(self.position..).unwrap_or_default()
    }

    /// Reads one token, or skips white space.
    fn token(&mut self, next: char) {
        let start = self.position;
        match next {
            _ if next.is_whitespace() => self.position += next.len_utf8(),
            'a'..='z' | 'A'..='Z' | '_' => self.word(start),
            '0'..='9' => self.number(start),
            '.' if self.rest().chars().nth(1).is_some_and(|c| c.is_ascii_digit()) => self.number(start),
            '\'' => self.text(start, next, '\''),
            '"' => self.text(start, next, '"'),
            '‘' | '’' => self.text(start, next, '’'),
            '“' | '”' | '„' => self.text(start, next, '”'),
            _ => match SYMBOLS.iter().find(|(text, ..)| self.rest().starts_with(text)) {
                Some((text, symbol, instead)) => self.symbol(start, text, *symbol, *instead),
                None => self.junk(start, next),
            },
        }
    }

    fn push(&mut self, start: usize, kind: Kind<'a>) {
        self.tokens.push(Token {
            kind,
            span: start..self.position,
        });
    }

    /// Advances over the longest run of characters that meet a condition.
    fn take_while(&mut self, condition: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !condition(c)).unwrap_or(rest.len());
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    fn word(&mut self, start: usize) {
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        self.push(start, keyword(word).map_or(Kind::Name(word), Kind::Symbol));
    }

    /// Digits with at most one point between them. Letters and points stuck to a number belong to its mistake.
    fn number(&mut self, start: usize) {
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits(whole) && digits(fraction) {
            Decimal::from_str_exact(text).map_err(|_| {
                (
                    "number-too-long",
                    "has too many digits",
                    "numbers have at most 28 digits",
                )
            })
        } else {
            let hint = "write digits with at most one point between them, as in 0.5 or 1500";
            Err(("malformed-number", "is not a number", hint))
        };
        match number {
            Ok(number) => self.push(start, Kind::Number(number)),
            Err((code, problem, hint)) => {
                let span = start..self.position;
                let message = format!("{} {problem}", excerpt(self.source, &span));
                self.diagnostics
                    .push(Diagnostic::new(span, code, message).with_hint(hint));
                self.push(start, Kind::Broken);
            }
        }
    }

    /// A text up to its closing quote; a doubled closing quote stands for itself.
    fn text(&mut self, start: usize, open: char, close: char) {
        self.position += open.len_utf8();
        let mut text = String::new();
        let closed = loop {
            text.push_str(self.take_while(|c| c != close));
            if self.rest().is_empty() {
                break false;
            }
            self.position += close.len_utf8();
            if !self.rest().starts_with(close) {
                break true;
            }
            self.position += close.len_utf8();
            text.push(close);
        };
        let span = start..self.position;
        if !closed {
            let diagnostic = Diagnostic::new(span, "unclosed-text", "the text is never closed");
            self.diagnostics
                .push(diagnostic.with_hint("end it with ', and write a ' inside it twice"));
        } else if text.contains('\0') {
            // No attribute has such a text, and the database could not even be asked for it.
            let diagnostic = Diagnostic::new(span, "unexpected-character", "the text contains the character U+0000");
            self.diagnostics.push(diagnostic.with_hint("remove it"));
        } else if open != '\'' {
            let message = format!("{} is in the wrong quotes", excerpt(self.source, &span));
            let hint = format!("write '{}'", text.replace('\'', "''"));
            self.diagnostics
                .push(Diagnostic::new(span, "wrong-quotes", message).with_hint(hint));
        }
        self.push(start, Kind::Text(text));
    }

    fn symbol(&mut self, start: usize, text: &str, symbol: Symbol, instead: Option<&str>) {
        self.position += text.len();
        if let Some(instead) = instead {
            let message = format!("`{text}` is not an operator here");
            self.diagnostics.push(
                Diagnostic::new(start..self.position, "foreign-operator", message)
                    .with_hint(format!("write {instead}")),
            );
        }
        self.push(start, Kind::Symbol(symbol));
    }

    /// Characters that mean nothing; neighbours are reported once.
    fn junk(&mut self, start: usize, next: char) {
        self.position += next.len_utf8();
        if let Some(last) = self
            .tokens
            .last_mut()
            .filter(|last| last.kind == Kind::Junk && last.span.end == start)
        {
            last.span.end = self.position;
            if let Some(diagnostic) = self.diagnostics.last_mut() {
                diagnostic.span.end = self.position;
                diagnostic.message = unexpected_characters(self.source, &diagnostic.span);
            }
            return;
        }
        let span = start..self.position;
        let message = unexpected_characters(self.source, &span);
        let diagnostic = Diagnostic::new(span, "unexpected-character", message);
        self.diagnostics.push(match next {
            _ if next.is_alphabetic() => {
                diagnostic.with_hint("names are written with the letters a to z, digits and _")
            }
            '%' => diagnostic
                .with_hint("a percentage is 100 * a / b, with % as the unit of the KPI; 50% of a ratio is 0.5"),
            '[' | '{' => diagnostic.with_hint("write ("),
            ']' | '}' => diagnostic.with_hint("write )"),
            _ => diagnostic,
        });
        self.push(start, Kind::Junk);
    }
}

fn unexpected_characters(source: &str, span: &Range<usize>) -> String {
    format!("{} means nothing here", excerpt(source, span))
}

#[cfg(test)]
mod tests;
