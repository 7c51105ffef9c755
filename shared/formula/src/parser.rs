//! Tokens to a tree: a Pratt parser that reports what is wrong and goes on.
//!
//! What must hold: every loop consumes a token or ends, whatever is reported leaves an `Error` node or a repaired one
//! in the tree, and one token is blamed at most once. Aggregates and lists, which have an inside of their own, are in
//! `call`, `CASE` is in `case`, and `BETWEEN` and instants are in `between`.

mod cursor;

use crate::diagnostic::Diagnostic;
use crate::function::Function;
use crate::lexer::{Kind, Symbol, Token, lex};
use crate::tree::{Arithmetic, BinaryOperator, Comparison, Expr, Ident, Node, UnaryOperator, power};
use crate::{MAX_DEPTH, MAX_LENGTH, MAX_OPERATORS, MAX_POWERS};
use std::ops::Range;

/// A tree and everything that is wrong with the text it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The tree, with `Error` nodes where the text could not be understood.
    pub tree: Expr,
    /// What is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a formula. Always returns a tree, and all diagnostics of the text's form; what names mean is for
/// [`check`](crate::check()) to say.
#[must_use]
pub fn parse(source: &str) -> Parsed {
    if source.len() > MAX_LENGTH {
        let span = source.floor_char_boundary(MAX_LENGTH)..source.len();
        let message = format!("the formula has {} bytes, and {MAX_LENGTH} are allowed", source.len());
        let diagnostic =
            Diagnostic::new(span, "too-long", message).with_hint("split it into several KPIs or derived attributes");
        return Parsed {
            tree: Expr::error(0..source.len()),
            diagnostics: vec![diagnostic],
        };
    }
    let (tokens, diagnostics) = lex(source);
    if tokens.len() == 1 {
        let diagnostic =
            Diagnostic::new(0..source.len(), "empty", "the formula is empty").with_hint("for example COUNT(Order)");
        return Parsed {
            tree: Expr::error(0..source.len()),
            diagnostics: vec![diagnostic],
        };
    }
    let mut parser = Parser {
        source,
        tokens,
        position: 0,
        depth: 0,
        operators: 0,
        powers: 0,
        blamed: None,
        stopped: false,
        diagnostics,
    };
    let tree = parser.sequence(&[]);
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    Parsed { tree, diagnostics }
}

pub(crate) struct Parser<'a> {
    source: &'a str,
    /// Never empty; the last is `End`.
    tokens: Vec<Token<'a>>,
    position: usize,
    depth: usize,
    operators: usize,
    powers: usize,
    /// The token that was last reported.
    blamed: Option<usize>,
    /// A limit was hit: nothing more is read or reported.
    stopped: bool,
    diagnostics: Vec<Diagnostic>,
}

/// What may stand between two operands.
enum Infix {
    Binary(BinaryOperator),
    In { negated: bool },
    Between { negated: bool },
}

impl Infix {
    fn power(&self) -> u8 {
        match self {
            Infix::Binary(operator) => operator.power(),
            Infix::In { .. } | Infix::Between { .. } => power::COMPARE,
        }
    }
}

impl<'a> Parser<'a> {
    /// An expression and everything up to the next of `closers` or the end. What follows an expression without an
    /// operator is reported and parsed too, for its own diagnostics.
    pub(crate) fn sequence(&mut self, closers: &[Symbol]) -> Expr {
        let mut tree = self.expression(power::LOOSEST);
        while !self.at_any(closers) {
            self.report_stray();
            while !self.at_any(closers) && !self.starts_operand() {
                self.advance();
            }
            if !self.at_any(closers) {
                self.expression(power::LOOSEST);
            }
            tree = Expr::error(tree.span.start..self.previous_end().max(tree.span.end));
        }
        tree
    }

    /// An expression, up to what can be no part of it.
    pub(crate) fn whole(&mut self) -> Expr {
        self.expression(power::LOOSEST)
    }

    /// The Pratt loop: an operand, then every operator that binds at least as tightly as `minimum`.
    pub(crate) fn expression(&mut self, minimum: u8) -> Expr {
        let mut left = self.operand();
        let mut compared = false;
        loop {
            if matches!(self.kind(), Kind::Junk) {
                left = self.skip_junk(left);
                continue;
            }
            let Some(infix) = self.infix().filter(|infix| infix.power() >= minimum) else {
                return left;
            };
            let compares = infix.power() == power::COMPARE;
            if compares && compared {
                let message = format!(
                    "{} follows another comparison, and comparisons do not chain",
                    self.excerpt()
                );
                self.report(
                    "chained-comparison",
                    message,
                    Some("join two comparisons with AND, as in a < b AND b < c".into()),
                );
            }
            compared = compares;
            if !self.count_operator() {
                return left;
            }
            left = match infix {
                Infix::In { negated } => self.membership(left, negated),
                Infix::Between { negated } => self.between(left, negated),
                Infix::Binary(operator) => {
                    self.advance();
                    let right = self.expression(operator.power() + 1);
                    let span = left.span.start..right.span.end;
                    Expr::new(span, Node::Binary(operator, Box::new(left), Box::new(right)))
                }
            };
        }
    }

    /// What may stand at the start of an expression. Consumes nothing if nothing of the kind is there.
    fn operand(&mut self) -> Expr {
        let span = self.span();
        let node = match self.kind().clone() {
            Kind::Number(number) => Node::Number(number),
            Kind::Text(text) => Node::Text(text),
            Kind::Symbol(Symbol::True) => Node::Boolean(true),
            Kind::Symbol(Symbol::False) => Node::Boolean(false),
            Kind::Broken => Node::Error,
            Kind::Name(_) if self.at_case() => return self.case(),
            Kind::Name(_) if self.at_instant() => return self.instant(),
            Kind::Name(name) => return self.named(name),
            Kind::Symbol(Symbol::Open) => return self.group(),
            Kind::Symbol(Symbol::Minus) => return self.unary(UnaryOperator::Negate),
            Kind::Symbol(Symbol::Not) => return self.unary(UnaryOperator::Not),
            Kind::Junk => {
                self.advance();
                return if self.starts_operand() {
                    self.operand()
                } else {
                    Expr::error(span)
                };
            }
            Kind::Symbol(_) | Kind::End => {
                let message = format!("expected a value, found {}", self.excerpt());
                self.report("expected-value", message, self.value_hint());
                return Expr::error(span.start..span.start);
            }
        };
        self.advance();
        Expr::new(span, node)
    }

    /// A name, an `Entity.attribute`, or a call.
    fn named(&mut self, name: &str) -> Expr {
        let span = self.span();
        if matches!(self.peek(1), Kind::Symbol(Symbol::Open)) {
            return self.call(name);
        }
        self.advance();
        if self.eat(Symbol::Dot).is_none() {
            return Expr::new(span, Node::Name(name.to_owned()));
        }
        let entity = Ident {
            span: span.clone(),
            name: name.to_owned(),
        };
        match self.attribute() {
            Some(attribute) => Expr::new(span.start..attribute.span.end, Node::Path(entity, attribute)),
            None => Expr::error(span.start..self.previous_end()),
        }
    }

    /// The name after a point, with all that come after more points.
    pub(crate) fn attribute(&mut self) -> Option<Ident> {
        let mut path = self.point_name()?;
        while self.eat(Symbol::Dot).is_some() {
            let name = self.point_name()?;
            path.span.end = name.span.end;
            path.name.push('.');
            path.name.push_str(&name.name);
        }
        Some(path)
    }

    /// The one name after a point.
    fn point_name(&mut self) -> Option<Ident> {
        let attribute = self.ident();
        if attribute.is_none() {
            let message = format!(
                "expected the name of an attribute after the point, found {}",
                self.excerpt()
            );
            self.report("expected-attribute", message, None);
        }
        attribute
    }

    /// A name, if one is next.
    pub(crate) fn ident(&mut self) -> Option<Ident> {
        let Kind::Name(name) = *self.kind() else { return None };
        let ident = Ident {
            span: self.span(),
            name: name.to_owned(),
        };
        self.advance();
        Some(ident)
    }

    fn group(&mut self) -> Expr {
        let open = self.span();
        self.advance();
        let inner = self.nested(|parser| parser.sequence(&[Symbol::Close]));
        self.close(&open);
        Expr::new(open.start..self.previous_end(), inner.node)
    }

    fn unary(&mut self, operator: UnaryOperator) -> Expr {
        let start = self.span().start;
        self.advance();
        let operand = self.nested(|parser| parser.expression(operator.power()));
        Expr::new(start..operand.span.end, Node::Unary(operator, Box::new(operand)))
    }

    /// Consumes the `)` that belongs to an `(`, or reports the `(`. Sequences stop only at a closer or the end.
    pub(crate) fn close(&mut self, open: &Range<usize>) {
        if self.eat(Symbol::Close).is_none() && !self.stopped {
            let diagnostic = Diagnostic::new(open.clone(), "unclosed-parenthesis", "this parenthesis is never closed");
            self.diagnostics.push(diagnostic.with_hint("add the missing )"));
        }
    }

    /// Runs a parser one level deeper; past the limit it finds nothing left to read.
    pub(crate) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("the formula nests deeper than {MAX_DEPTH} levels");
            self.stop("too-deep", message, "define a derived attribute for the inner part");
        }
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn count_operator(&mut self) -> bool {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            let message = format!("the formula has more than {MAX_OPERATORS} operators");
            self.stop(
                "too-many-operators",
                message,
                "use IN (…) for many alternatives, or split the formula",
            );
        }
        !self.stopped
    }

    /// Counts a function, if it is one of those of which a formula has few.
    pub(crate) fn count_power(&mut self, function: Function) {
        let Function::Numeric(numeric) = function else { return };
        self.powers += usize::from(numeric.is_power());
        if self.powers > MAX_POWERS {
            let message = format!("the formula has LN, EXP and POWER more than {MAX_POWERS} times");
            self.stop(
                "too-many-powers",
                message,
                "split the formula, or define a derived attribute",
            );
        }
    }

    /// Which infix operator is next, if any.
    fn infix(&self) -> Option<Infix> {
        if self.is_word(0, "BETWEEN") {
            return Some(Infix::Between { negated: false });
        }
        let Kind::Symbol(symbol) = self.kind() else { return None };
        let compare = |comparison| Some(Infix::Binary(BinaryOperator::Compare(comparison)));
        let calculate = |arithmetic| Some(Infix::Binary(BinaryOperator::Arithmetic(arithmetic)));
        match symbol {
            Symbol::Or => Some(Infix::Binary(BinaryOperator::Or)),
            Symbol::And => Some(Infix::Binary(BinaryOperator::And)),
            Symbol::Equal => compare(Comparison::Equal),
            Symbol::NotEqual => compare(Comparison::NotEqual),
            Symbol::Less => compare(Comparison::Less),
            Symbol::LessOrEqual => compare(Comparison::LessOrEqual),
            Symbol::Greater => compare(Comparison::Greater),
            Symbol::GreaterOrEqual => compare(Comparison::GreaterOrEqual),
            Symbol::Plus => calculate(Arithmetic::Add),
            Symbol::Minus => calculate(Arithmetic::Subtract),
            Symbol::Star => calculate(Arithmetic::Multiply),
            Symbol::Slash => calculate(Arithmetic::Divide),
            Symbol::In => Some(Infix::In { negated: false }),
            Symbol::Not if matches!(self.peek(1), Kind::Symbol(Symbol::In)) => Some(Infix::In { negated: true }),
            Symbol::Not if self.is_word(1, "BETWEEN") => Some(Infix::Between { negated: true }),
            Symbol::Not
            | Symbol::Open
            | Symbol::Close
            | Symbol::Comma
            | Symbol::Dot
            | Symbol::Where
            | Symbol::True
            | Symbol::False => None,
        }
    }

    /// Junk where an operator belongs: it was reported, so what stands after it is read as the operand of an unknown
    /// operator.
    fn skip_junk(&mut self, left: Expr) -> Expr {
        self.advance();
        if self.starts_operand() {
            self.operand();
        }
        Expr::error(left.span.start..self.previous_end())
    }

    fn starts_operand(&self) -> bool {
        match self.kind() {
            Kind::Name(_) | Kind::Number(_) | Kind::Text(_) | Kind::Broken => true,
            Kind::Symbol(symbol) => matches!(
                symbol,
                Symbol::Open | Symbol::Minus | Symbol::Not | Symbol::True | Symbol::False
            ),
            Kind::Junk | Kind::End => false,
        }
    }

    /// Reports the token that cannot follow an expression.
    fn report_stray(&mut self) {
        match self.kind() {
            Kind::Junk => {}
            Kind::Symbol(Symbol::Close) => {
                self.report(
                    "unmatched-parenthesis",
                    "this parenthesis closes nothing".into(),
                    Some("remove it, or add the missing (".into()),
                );
            }
            Kind::Symbol(Symbol::Comma) => {
                let hint = "decimals are written with a point, and lists only after IN or in a function";
                self.report(
                    "unexpected-comma",
                    "a comma means nothing here".into(),
                    Some(hint.into()),
                );
            }
            Kind::Symbol(Symbol::Where) => {
                let hint = "write the condition inside the aggregate, as in COUNT(Order WHERE late)";
                self.report(
                    "unexpected-where",
                    "WHERE belongs inside an aggregate".into(),
                    Some(hint.into()),
                );
            }
            _ => {
                let message = format!("expected an operator, found {}", self.excerpt());
                self.report("expected-operator", message, None);
            }
        }
    }

    fn value_hint(&self) -> Option<String> {
        match self.kind() {
            Kind::Symbol(Symbol::Plus) => Some("a number needs no + before it".into()),
            Kind::Symbol(Symbol::Equal) => Some("equality is a single =".into()),
            _ => None,
        }
    }

    /// Reports the next token, unless it was already blamed for something.
    pub(crate) fn report(&mut self, code: &'static str, message: String, hint: Option<String>) {
        if self.stopped || self.blamed == Some(self.position) {
            return;
        }
        self.blamed = Some(self.position);
        self.diagnostics
            .push(Diagnostic::new(self.span(), code, message).with_optional_hint(hint));
    }

    /// Reports a limit at the next token and skips the rest: what follows would only repeat it.
    fn stop(&mut self, code: &'static str, message: String, hint: &str) {
        self.report(code, message, Some(hint.to_owned()));
        self.stopped = true;
        self.position = self.tokens.len().saturating_sub(1);
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

#[cfg(test)]
mod tests;
