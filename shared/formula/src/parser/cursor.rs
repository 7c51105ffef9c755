//! Looking at the next tokens, and consuming them.

use super::Parser;
use crate::diagnostic::excerpt;
use crate::lexer::{Kind, Symbol};
use std::ops::Range;

impl<'a> Parser<'a> {
    pub(crate) fn kind(&self) -> &Kind<'a> {
        self.peek(0)
    }

    pub(crate) fn peek(&self, ahead: usize) -> &Kind<'a> {
        self.tokens
            .get(self.position + ahead)
            .map_or(&Kind::End, |token| &token.kind)
    }

    pub(crate) fn span(&self) -> Range<usize> {
        let end = self.source.len();
        self.tokens
            .get(self.position)
            .map_or(end..end, |token| token.span.clone())
    }

    /// The end of the last token consumed.
    pub(crate) fn previous_end(&self) -> usize {
        let previous = self
            .position
            .checked_sub(1)
            .and_then(|position| self.tokens.get(position));
        previous.map_or(0, |token| token.span.end)
    }

    /// The next token as it is written.
    pub(crate) fn excerpt(&self) -> String {
        match self.kind() {
            Kind::End => "the end of the formula".to_owned(),
            _ => excerpt(self.source, &self.span()),
        }
    }

    /// Whether one of `symbols` or the end is next.
    pub(crate) fn at_any(&self, symbols: &[Symbol]) -> bool {
        match self.kind() {
            Kind::End => true,
            Kind::Symbol(symbol) => symbols.contains(symbol),
            _ => false,
        }
    }

    /// Moves on by one token, and never past `End`.
    pub(crate) fn advance(&mut self) {
        if self.position + 1 < self.tokens.len() {
            self.position += 1;
        }
    }

    /// Consumes a symbol if it is next, and says where it stood.
    pub(crate) fn eat(&mut self, symbol: Symbol) -> Option<Range<usize>> {
        if *self.kind() != Kind::Symbol(symbol) {
            return None;
        }
        let span = self.span();
        self.advance();
        Some(span)
    }
}
