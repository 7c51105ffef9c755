//! The parts of the parser with an inside of their own: aggregates `SUM(Entity.attribute WHERE filter)`, some with a second argument, functions
//! `COALESCE(…)` and lists `IN (…)`.

use crate::aggregate::Aggregate;
use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::lexer::{Kind, Symbol};
use crate::parser::Parser;
use crate::suggest::hint_for;
use crate::tree::{Argument, Call, Expr, Ident, Node};
use std::ops::Range;

/// What an aggregate takes, for hints.
const ONE_VALUE: &str = "an aggregate reads one attribute, the difference of two times or the product of two numbers; define a derived attribute for what else is computed";

/// What stands between the parentheses of an aggregate; a part is `None` if it was reported as missing.
struct Inside {
    /// The unit in which a duration is told.
    unit: Option<Function>,
    entity: Option<Ident>,
    /// `Some(None)`: there is none, and that is fine here.
    attribute: Option<Option<Ident>>,
    /// What is subtracted from the attribute. `Some(None)`: nothing.
    less: Option<Option<(Ident, Ident)>>,
    /// What it is multiplied by. `Some(None)`: nothing.
    times: Option<Option<(Ident, Ident)>>,
    /// What stands after a comma. `Some(None)`: there is no comma.
    second: Option<Option<Argument>>,
    /// Whether different values are counted.
    distinct: Option<Range<usize>>,
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
        if aggregate.is_none() && name.eq_ignore_ascii_case("CONVERT") {
            return self.conversion();
        }
        if aggregate.is_none() {
            self.push(unknown_function(name, &function));
        }
        self.advance();
        let open = self.span();
        self.advance();
        let inside = self.nested(Self::inside);
        self.close(&open);
        let span = function.start..self.previous_end();
        let (
            Some(aggregate),
            Inside {
                unit,
                entity: Some(entity),
                attribute: Some(attribute),
                less: Some(less),
                times: Some(times),
                second: Some(second),
                distinct,
                filter,
            },
        ) = (aggregate, inside)
        else {
            return Expr::error(span);
        };
        let aggregate = match distinct {
            Some(_) if aggregate == Aggregate::Count => Aggregate::Distinct,
            Some(word) => {
                let message = format!("{aggregate} takes all values, and not different ones");
                let hint = "only COUNT does, as in COUNT(DISTINCT Order.customer)";
                self.push(Diagnostic::new(word, "unexpected-in-aggregate", message).with_hint(hint));
                return Expr::error(span);
            }
            None => aggregate,
        };
        let call = Call {
            aggregate,
            entity,
            attribute,
            less,
            times,
            second,
            filter,
        };
        let call = Expr::new(span.clone(), Node::Call(Box::new(call)));
        match unit {
            // A sum of hours is the hours of the sum, and so is all else but what has no unit.
            Some(unit) if !aggregate.drops_unit() => Expr::new(span, Node::Function(unit, vec![call])),
            _ => call,
        }
    }

    /// `CONVERT(…)`, which the language does not have: what a fact is multiplied by is written, so that it is known which rate it is and of what time.
    fn conversion(&mut self) -> Expr {
        let name = self.span();
        self.advance();
        let open = self.span();
        self.advance();
        self.nested(Self::items);
        self.close(&open);
        let message = "a currency is not converted by a function, because it is converted by a rate, and which one that is has to be said";
        let hint = "multiply each fact by the rate of its own time, as in SUM(Order.amount * currency.rate), where a relationship leads from currency to an entity of rates; or the whole by the AVG of an attribute with a unit such as EUR/USD";
        self.push(Diagnostic::new(name.clone(), "no-conversion", message).with_hint(hint));
        Expr::error(name.start..self.previous_end())
    }

    /// `COALESCE(…)` and its kin; the name and the parenthesis are next.
    fn function(&mut self, function: Function) -> Expr {
        self.count_power(function);
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

    /// `Entity`, `Entity.attribute`, `Entity.attribute - Entity.other` or `Entity.attribute * Entity.other`, all but the first also in the parentheses of a unit, and each
    /// with `WHERE filter`. `DISTINCT` may stand before, and a comma and a second argument behind. Stops at the closing parenthesis or the end.
    fn inside(&mut self) -> Inside {
        let distinct = self.distinct();
        let unit = self.unit();
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
        let (less, times) = match (&entity, &attribute) {
            (Some(entity), Some(Some(_))) if self.at_product() => {
                self.advance();
                (Some(None), self.beside(entity, "a number after *").map(Some))
            }
            (Some(entity), Some(Some(_))) => (self.less(entity), Some(None)),
            _ => (Some(None), Some(None)),
        };
        let is_read = entity.is_some() && less.is_some() && times.is_some();
        if let Some((_, open)) = &unit {
            self.skip_to_where(is_read);
            self.close(open);
        }
        let second = match &entity {
            Some(entity) if is_read => self.second(entity),
            _ => Some(None),
        };
        self.skip_to_where(is_read && second.is_some());
        let filter = self.eat(Symbol::Where).map(|_| self.sequence(&[Symbol::Close]));
        Inside {
            unit: unit.map(|(unit, _)| unit),
            entity,
            attribute,
            less,
            times,
            second,
            distinct,
            filter,
        }
    }

    /// `DISTINCT`, and not an entity of that name. At the end of a text more is to come.
    fn distinct(&mut self) -> Option<Range<usize>> {
        let is_word = self.is_word(0, "DISTINCT") && matches!(self.peek(1), Kind::Name(_) | Kind::End);
        is_word.then(|| {
            let word = self.span();
            self.advance();
            word
        })
    }

    /// `, 90` or `, Entity.attribute`; `None` where something else follows the comma.
    fn second(&mut self, entity: &Ident) -> Option<Option<Argument>> {
        if self.eat(Symbol::Comma).is_none() {
            return Some(None);
        }
        if let Kind::Number(number) = *self.kind() {
            let span = self.span();
            self.advance();
            return Some(Some(Argument::Number(span, number)));
        }
        let Some(first) = self.ident() else {
            let message = format!(
                "expected a number or an attribute after the comma, found {}",
                self.excerpt()
            );
            let hint = "as in PERCENTILE(Order.amount, 90) or WEIGHTED_AVG(Order.price, Order.amount)";
            self.report("expected-argument", message, Some(hint.into()));
            return None;
        };
        let (before, attribute) = match self.eat(Symbol::Dot) {
            Some(_) => (first, self.attribute()?),
            None => (entity.clone(), first),
        };
        // What stands before the first point may be an attribute that a path begins at, and what is subtracted is of the aggregate's own entity all the same.
        let less = self.less(entity)?;
        Some(Some(Argument::Values {
            entity: before,
            attribute,
            less,
        }))
    }

    /// The unit of a duration with its parenthesis, as in `AVG(HOURS(…))`.
    fn unit(&mut self) -> Option<(Function, Range<usize>)> {
        let Kind::Name(name) = *self.kind() else { return None };
        let unit = Function::named(name).filter(|function| function.unit_s().is_some())?;
        if !matches!(self.peek(1), Kind::Symbol(Symbol::Open)) {
            return None;
        }
        self.advance();
        let open = self.span();
        self.advance();
        Some((unit, open))
    }

    /// `- Entity.other`, or `- other` of the same entity; `None` where something else follows the minus.
    fn less(&mut self, entity: &Ident) -> Option<Option<(Ident, Ident)>> {
        if self.eat(Symbol::Minus).is_none() {
            return Some(None);
        }
        self.beside(entity, "a time after the minus").map(Some)
    }

    /// Whether a `*` and a name are next, or a `*` at the end, where more is to come.
    fn at_product(&self) -> bool {
        *self.kind() == Kind::Symbol(Symbol::Star) && matches!(self.peek(1), Kind::Name(_) | Kind::End)
    }

    /// `Entity.other`, or `other` of the same entity, or a path from it, with what stands before the first point.
    fn beside(&mut self, entity: &Ident, what: &str) -> Option<(Ident, Ident)> {
        let Some(first) = self.ident() else {
            let message = format!("expected {what}, found {}", self.excerpt());
            self.report("unexpected-in-aggregate", message, Some(ONE_VALUE.into()));
            return None;
        };
        if self.eat(Symbol::Dot).is_none() {
            return Some((entity.clone(), first));
        }
        self.attribute().map(|attribute| (first, attribute))
    }

    /// Reports and skips whatever stands before `WHERE` or the closing parenthesis.
    fn skip_to_where(&mut self, report: bool) {
        if !self.at_any(&[Symbol::Where, Symbol::Close]) && report && *self.kind() != Kind::Junk {
            let message = format!("expected WHERE or ), found {}", self.excerpt());
            self.report("unexpected-in-aggregate", message, Some(ONE_VALUE.into()));
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
