//! The parts of the parser with an inside of their own: aggregates `SUM(Entity.attribute WHERE filter)`, functions
//! `COALESCE(…)` and lists `IN (…)`.

use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::lexer::{Kind, Symbol};
use crate::measure::Aggregate;
use crate::parser::Parser;
use crate::suggest::hint_for;
use crate::tree::{Call, Expr, Ident, Node};
use std::ops::Range;

/// What stands between the parentheses of an aggregate; a part is `None` if it was reported as missing.
struct Inside {
    entity: Option<Ident>,
    /// `Some(None)`: there is none, and that is fine here.
    attribute: Option<Option<Ident>>,
    filter: Option<Expr>,
}

impl Parser<'_> {
    /// `name(…)`; the name and the parenthesis are next. An unknown name is reported, and its inside parsed all the
    /// same.
    pub(crate) fn call(&mut self, name: &str) -> Expr {
        if let Some(function) = Function::named(name) {
            return self.function(function);
        }
        let function = self.span();
        let aggregate = Aggregate::named(name);
        if aggregate.is_none() {
            self.push(unknown_function(name, &function));
        }
        self.advance();
        let open = self.span();
        self.advance();
        let inside = self.nested(Self::inside);
        self.close(&open);
        let span = function.start..self.previous_end();
        match (aggregate, inside) {
            (
                Some(aggregate),
                Inside {
                    entity: Some(entity),
                    attribute: Some(attribute),
                    filter,
                },
            ) => Expr::new(
                span,
                Node::Call(Box::new(Call {
                    aggregate,
                    entity,
                    attribute,
                    filter,
                })),
            ),
            _ => Expr::error(span),
        }
    }

    /// `COALESCE(…)` and its kin; the name and the parenthesis are next.
    fn function(&mut self, function: Function) -> Expr {
        let name = self.span();
        self.advance();
        let open = self.span();
        self.advance();
        let arguments = self.nested(Self::items);
        self.close(&open);
        let span = name.start..self.previous_end();
        if function.takes(arguments.len()) {
            return Expr::new(span, Node::Function(function, arguments));
        }
        // What is empty was reported as a missing value.
        if !matches!(arguments.as_slice(), [only] if only.node == Node::Error) {
            let message = format!(
                "{function} takes {} arguments, and has {}",
                function.arity(),
                arguments.len()
            );
            let diagnostic = Diagnostic::new(name, "wrong-arguments", message);
            self.push(diagnostic.with_hint(format!("write {}", function.usage())));
        }
        Expr::error(span)
    }

    /// `Entity`, `Entity.attribute`, and either with `WHERE filter`. Stops at the closing parenthesis or the end.
    fn inside(&mut self) -> Inside {
        let entity = self.ident();
        if entity.is_none() {
            let hint = match self.kind() {
                Kind::Symbol(Symbol::Star) => "name what is counted, as in COUNT(Order)",
                _ => "an aggregate reads an entity, as in COUNT(Order) or AVG(Order.amount)",
            };
            self.report(
                "expected-entity",
                format!("expected the name of an entity, found {}", self.excerpt()),
                Some(hint.into()),
            );
        }
        let attribute = match self.eat(Symbol::Dot) {
            Some(_) => self.attribute().map(Some),
            None => Some(None),
        };
        self.skip_to_where(entity.is_some());
        let filter = self.eat(Symbol::Where).map(|_| self.sequence(&[Symbol::Close]));
        Inside {
            entity,
            attribute,
            filter,
        }
    }

    /// Reports and skips whatever stands before `WHERE` or the closing parenthesis.
    fn skip_to_where(&mut self, report: bool) {
        if !self.at_any(&[Symbol::Where, Symbol::Close]) && report && *self.kind() != Kind::Junk {
            let message = format!("expected WHERE or ), found {}", self.excerpt());
            let hint = "an aggregate reads one attribute; define a derived attribute for a computed one";
            self.report("unexpected-in-aggregate", message, Some(hint.into()));
        }
        let mut open = 0_usize;
        loop {
            match self.kind() {
                Kind::End => return,
                Kind::Symbol(Symbol::Where | Symbol::Close) if open == 0 => return,
                Kind::Symbol(Symbol::Open) => open += 1,
                Kind::Symbol(Symbol::Close) => open -= 1,
                _ => {}
            }
            self.advance();
        }
    }

    /// `IN (…)` or `NOT IN (…)` after its operand.
    pub(crate) fn membership(&mut self, operand: Expr, negated: bool) -> Expr {
        let start = operand.span.start;
        if negated {
            self.advance();
        }
        self.advance();
        let Some(open) = self.eat(Symbol::Open) else {
            let message = format!("expected a list in parentheses after IN, found {}", self.excerpt());
            self.report("expected-list", message, Some("for example IN ('a', 'b')".into()));
            return Expr::error(start..self.previous_end());
        };
        let items = self.nested(Self::items);
        self.close(&open);
        Expr::new(
            start..self.previous_end(),
            Node::In {
                operand: Box::new(operand),
                items,
                negated,
            },
        )
    }

    fn items(&mut self) -> Vec<Expr> {
        let mut items = vec![self.sequence(&[Symbol::Comma, Symbol::Close])];
        while self.eat(Symbol::Comma).is_some() {
            items.push(self.sequence(&[Symbol::Comma, Symbol::Close]));
        }
        items
    }
}

fn unknown_function(name: &str, span: &Range<usize>) -> Diagnostic {
    let names: Vec<&str> = Aggregate::ALL
        .map(Aggregate::name)
        .into_iter()
        .chain(Function::ALL.map(Function::name))
        .collect();
    let message = format!("there is no function {}", quoted(name));
    Diagnostic::new(span.clone(), "unknown-function", message).with_optional_hint(hint_for(
        name,
        "the functions are",
        &names,
    ))
}
