//! The check of a KPI formula: a tree and the entities it may name become measures and a finishing expression.

mod basis;
mod bound;
mod folds;
mod functions;
mod kind;
pub(crate) mod measured;
pub(crate) mod members;
mod paths;
mod pushed;
mod quantified;
mod references;
mod second;
mod units;
mod windows;

use crate::MAX_MEASURES;
use crate::basis::Basis;
use crate::diagnostic::{Diagnostic, quoted};
use crate::finish::Finish;
use crate::fold::Fold;
use crate::function::Function;
use crate::measure::{Formula, Measure};
use crate::parser::{Parsed, parse};
use crate::path::PathStep;
use crate::predicate::Predicate;
use crate::reference::Extent;
use crate::suggest::hint_for;
use crate::tree::{BinaryOperator, Call, Expr, Ident, Node, UnaryOperator};
use crate::unit::{Quantity, unit_of};
use crate::value::Entities;
use crate::window::Window;
pub use bound::check_bound;
use std::collections::BTreeSet;
use std::ops::Range;
pub(crate) use units::Unit;

/// Parses and checks a KPI formula.
///
/// # Errors
/// Everything that is wrong with it: its form first, then the names and types it uses.
pub fn compile(source: &str, entities: &dyn Entities) -> Result<Formula, Vec<Diagnostic>> {
    check(&parse(source), entities)
}

/// Checks a parsed KPI formula.
///
/// # Errors
/// Everything that is wrong with it: the diagnostics of the parse first, then those of the names and types it uses.
pub fn check(parsed: &Parsed, entities: &dyn Entities) -> Result<Formula, Vec<Diagnostic>> {
    strict(checked(parsed, entities, true))
}

/// The same of a formula that was accepted before, perhaps when units were not looked at: what it mixes is no mistake.
///
/// # Errors
/// As [`check`], but for units.
pub fn check_known(parsed: &Parsed, entities: &dyn Entities) -> Result<Formula, Vec<Diagnostic>> {
    checked(parsed, entities, true).0
}

/// What is checked, if its units are right, too.
fn strict((checked, mixed): (Result<Formula, Vec<Diagnostic>>, Vec<Diagnostic>)) -> Result<Formula, Vec<Diagnostic>> {
    match checked {
        Ok(formula) if mixed.is_empty() => Ok(formula),
        Ok(_) => Err(mixed),
        Err(diagnostics) => Err([diagnostics, mixed].concat()),
    }
}

/// A formula that reads facts or need not, and apart from it what it mixes of units.
fn checked(
    parsed: &Parsed,
    entities: &dyn Entities,
    needs_facts: bool,
) -> (Result<Formula, Vec<Diagnostic>>, Vec<Diagnostic>) {
    let (quantity, mixed) = unit_of(&parsed.tree, entities);
    let formula = typed(parsed, entities, needs_facts).map(|formula| Formula {
        quantity,
        mixes_units: !mixed.is_empty(),
        ..formula
    });
    (formula, mixed)
}

/// A formula whose types are right, and of whose units nothing is known yet.
fn typed(parsed: &Parsed, entities: &dyn Entities, needs_facts: bool) -> Result<Formula, Vec<Diagnostic>> {
    let mut checker = Checker::new(entities, parsed);
    let finish = checker.number(&parsed.tree);
    checker.refuse_computed();
    let Checker {
        measures,
        folds,
        steps,
        extent,
        diagnostics: mut found,
        ..
    } = checker;
    found.sort_by_key(|diagnostic| diagnostic.span.start);
    let mut diagnostics = parsed.diagnostics.clone();
    diagnostics.append(&mut found);
    match finish {
        Some((finish, unit)) if diagnostics.is_empty() && !(needs_facts && measures.is_empty()) => {
            return Ok(Formula {
                measures,
                folds,
                finish,
                steps,
                extent: Extent { unit, ..extent },
                quantity: Quantity::Unknown,
                mixes_units: false,
            });
        }
        Some(_) if diagnostics.is_empty() => {
            let diagnostic = Diagnostic::new(parsed.tree.span.clone(), "no-measure", "the formula reads no facts");
            diagnostics.push(diagnostic.with_hint("a KPI needs an aggregate, as in COUNT(Order)"));
        }
        // Only a tree that does not come from `parse` has errors without a diagnostic.
        None if diagnostics.is_empty() => {
            diagnostics.push(Diagnostic::new(
                parsed.tree.span.clone(),
                "broken-tree",
                "the formula could not be understood",
            ));
        }
        _ => {}
    }
    Err(diagnostics)
}

/// What finishes measures, and what it is a number of; `None` where the trouble is already reported.
type Counted = Option<(Finish, Unit)>;

struct Checker<'a> {
    entities: &'a dyn Entities,
    measures: Vec<Measure>,
    folds: Vec<Fold>,
    /// The steps of their paths, and the objects that are looked up for them.
    steps: BTreeSet<PathStep>,
    lookups: BTreeSet<(String, String)>,
    /// Where the condition of each measure stands.
    conditions: Vec<Range<usize>>,
    /// Of what the aggregates are taken that are looked at.
    basis: Basis,
    /// How many aggregates there were so far.
    aggregates: usize,
    /// Of the text, and of the KPIs that were written out so far.
    extent: Extent,
    /// The window of what is being checked.
    window: Window,
    /// The dimensions for each value of which it is taken.
    per: BTreeSet<String>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn new(entities: &'a dyn Entities, parsed: &Parsed) -> Self {
        Self {
            entities,
            measures: Vec::new(),
            folds: Vec::new(),
            steps: BTreeSet::new(),
            lookups: BTreeSet::new(),
            conditions: Vec::new(),
            basis: Basis::Facts,
            aggregates: 0,
            extent: Extent::of(&parsed.tree),
            window: Window::default(),
            per: BTreeSet::new(),
            diagnostics: Vec::new(),
        }
    }

    /// An expression outside of aggregates, where everything is a number, of something or of seconds.
    fn number(&mut self, expr: &Expr) -> Counted {
        match &expr.node {
            Node::Error => None,
            Node::Number(number) => Some((Finish::Number(*number), Unit::of_literal(*number))),
            Node::Call(call) if call.aggregate.is_of_flags() => self.quantified(call, &expr.span),
            Node::Call(call) => {
                let (measure, unit) = self.measure(call, &expr.span)?;
                Some((Finish::Measure(measure), unit))
            }
            Node::Unary(UnaryOperator::Negate, operand) => {
                let (operand, unit) = self.number(operand)?;
                Some((Finish::Negate(Box::new(operand)), unit))
            }
            Node::Binary(BinaryOperator::Arithmetic(operator), left, right) => {
                let (left, right) = (self.number(left), self.number(right));
                let ((left, left_unit), (right, right_unit)) = (left?, right?);
                let unit = self.calculated(*operator, &expr.span, left_unit, right_unit)?;
                Some((Finish::Calculate(*operator, Box::new(left), Box::new(right)), unit))
            }
            Node::Name(name) => self.reference(name, &expr.span),
            Node::Path(entity, attribute) => {
                let message = format!(
                    "{} has a value for each fact, and a KPI is one number",
                    quoted(&expr.to_string())
                );
                let hint = format!("aggregate it, as in AVG({}.{})", entity.name, attribute.name);
                self.fail(Diagnostic::new(expr.span.clone(), "not-aggregated", message).with_hint(hint))
            }
            Node::Text(_) | Node::Boolean(_) | Node::Time(_) => {
                let message = format!("a KPI is a number, and {} is not", quoted(&expr.to_string()));
                self.fail(Diagnostic::new(expr.span.clone(), "not-a-number", message))
            }
            Node::Function(function, arguments) if function.is_condition() => {
                self.misplaced_condition(expr, &arguments.iter().collect::<Vec<_>>())
            }
            Node::Function(Function::Window(function), arguments) => self.windowed(*function, &expr.span, arguments),
            Node::Function(Function::Fold(function), arguments) => self.folded(*function, &expr.span, arguments),
            Node::Function(function, arguments) => self.function(*function, arguments),
            Node::Unary(UnaryOperator::Not, operand) => self.misplaced_condition(expr, &[operand]),
            Node::Binary(_, left, right) => self.misplaced_condition(expr, &[left, right]),
            Node::In { operand, .. } => self.misplaced_condition(expr, &[operand]),
        }
    }

    /// A condition where a number belongs. Its aggregates are checked for their own diagnostics.
    fn misplaced_condition(&mut self, expr: &Expr, operands: &[&Expr]) -> Counted {
        let diagnostic = Diagnostic::new(
            expr.span.clone(),
            "condition-outside",
            "a KPI is a number, and this is a condition",
        );
        self.diagnostics.push(diagnostic.with_hint(
            "conditions belong inside aggregates, as in COUNT(Order WHERE late), or in IF(condition, then, else)",
        ));
        for operand in operands.iter().filter(|operand| {
            matches!(
                operand.node,
                Node::Call(_) | Node::Binary(BinaryOperator::Arithmetic(_), ..)
            )
        }) {
            self.number(operand);
        }
        None
    }

    /// The index of the measure of an aggregate, and what it is a number of; equal aggregates share one.
    fn measure(&mut self, call: &Call, span: &Range<usize>) -> Option<(usize, Unit)> {
        let Some(attributes) = self.entities.attributes(&call.entity.name) else {
            let diagnostic = self.unknown_entity(&call.entity);
            return self.fail(diagnostic);
        };
        let measured = self.measured(call, attributes, span);
        let second = self.second(call, attributes, span);
        let filter = match &call.filter {
            None => Some(None),
            Some(filter) => match Predicate::check(filter, &call.entity.name, self.entities) {
                Ok(predicate) => Some(Some(predicate)),
                Err(mut diagnostics) => {
                    self.diagnostics.append(&mut diagnostics);
                    None
                }
            },
        };
        let basis = self.basis_of(call, span);
        let ((attribute, unit), second) = (measured?, second?);
        let unit = self.told_in(call, span, unit, second.as_ref().map(|(_, unit)| *unit))?;
        let filter = filter?;
        let measure = Measure {
            entity: call.entity.name.clone(),
            aggregate: call.aggregate,
            attribute,
            second: second.map(|(second, _)| second),
            filter,
            window: self.window.clone(),
            per: self.per.clone(),
            basis: basis?,
        };
        let condition = call.filter.as_ref().map_or(span, |filter| &filter.span);
        let place = self.place(measure, span, condition)?;
        Some((place, unit))
    }

    /// The index of a measure, whether it stands in the formula or in one that it refers to, and where its condition is to be looked for.
    fn place(&mut self, measure: Measure, span: &Range<usize>, condition: &Range<usize>) -> Option<usize> {
        if let Some(known) = self.measures.iter().position(|known| *known == measure) {
            return Some(known);
        }
        if self.measures.len() == MAX_MEASURES {
            let message = format!("the formula has more than {MAX_MEASURES} different aggregates");
            return self.fail(
                Diagnostic::new(span.clone(), "too-many-measures", message).with_hint("split it into several KPIs"),
            );
        }
        if let Some(diagnostic) = self.too_many_windows(&measure, span) {
            return self.fail(diagnostic);
        }
        if let Some(diagnostic) = self.look_up(&measure, span) {
            return self.fail(diagnostic);
        }
        self.measures.push(measure);
        self.conditions.push(condition.clone());
        Some(self.measures.len() - 1)
    }

    fn unknown_entity(&self, entity: &Ident) -> Diagnostic {
        let message = format!("there is no entity {}", quoted(&entity.name));
        let hint = hint_for(&entity.name, "the entities are", &self.entities.names());
        Diagnostic::new(entity.span.clone(), "unknown-entity", message).with_optional_hint(hint)
    }

    fn fail<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }
}

#[cfg(test)]
mod tests;
