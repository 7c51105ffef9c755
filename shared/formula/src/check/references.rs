//! A name where a number belongs: another KPI, whose expression is put in its place.

use super::{Checker, Counted};
use crate::aggregate::Aggregate;
use crate::choice::{Choice, Condition};
use crate::diagnostic::{Diagnostic, quoted};
use crate::finish::Finish;
use crate::fold::{Fold, Over};
use crate::measure::{Formula, Measure};
use crate::reference::Referred;
use crate::scope::Scope;
use crate::suggest::hint_for;
use crate::window::Window;
use crate::{MAX_MEASURES, MAX_OPERATORS, MAX_POWERS, MAX_REFERENCE_LEVELS, MAX_WRITTEN_OUT};
use std::ops::Range;

/// Unknown names of a formula after which it is no more looked for what was meant, among all KPIs and all attributes that a client has: that is what takes long.
const MAX_MEANT: usize = 32;

impl Checker<'_> {
    /// The expression of the KPI that a name stands for, over the measures of this formula.
    pub(super) fn reference(&mut self, name: &str, span: &Range<usize>) -> Counted {
        let entities = self.entities;
        let diagnostic = match entities.kpi(name) {
            Some(Referred::Formula(formula)) => return self.written_out(name, formula, span),
            Some(Referred::Circular(path)) => {
                let message = format!("the KPI would be computed from itself: {}", path.join(" -> "));
                Diagnostic::new(span.clone(), "circular-reference", message)
                    .with_hint("write out in one of them what it needs, without a name")
            }
            Some(Referred::Broken) => {
                let message = format!("the KPI {} can't be computed itself", quoted(name));
                Diagnostic::new(span.clone(), "broken-reference", message).with_hint("mend its formula first")
            }
            None => self.unknown_name(name, span),
        };
        self.fail(diagnostic)
    }

    /// A KPI's expression in the place of its name. Nothing of it is copied where the whole would be too large.
    fn written_out(&mut self, name: &str, formula: &Formula, span: &Range<usize>) -> Counted {
        let extent = self.extent.with(formula.extent);
        let measures = formula
            .measures
            .iter()
            .map(|measure| self.in_window(measure, name, span))
            .map(|measure| self.in_basis(measure?, name, span));
        let measures = match measures.collect::<Result<Vec<Measure>, Diagnostic>>() {
            Ok(measures) => measures,
            Err(diagnostic) => return self.fail(diagnostic),
        };
        let new = measures.iter().filter(|measure| !self.measures.contains(measure));
        let excess = [
            (
                "too-many-levels",
                extent.levels,
                MAX_REFERENCE_LEVELS,
                "KPIs one below the other",
            ),
            (
                "too-many-measures",
                self.measures.len() + new.count(),
                MAX_MEASURES,
                "different aggregates",
            ),
            ("too-many-operators", extent.operators, MAX_OPERATORS, "operators"),
            ("too-many-powers", extent.powers, MAX_POWERS, "LN, EXP and POWER"),
            (
                "too-long",
                extent.bytes,
                MAX_WRITTEN_OUT,
                "bytes when all is written out",
            ),
        ];
        if let Some((code, found, allowed, what)) = excess.into_iter().find(|(_, found, allowed, _)| found > allowed) {
            // The names after it would be too much as well.
            if self.diagnostics.iter().any(|diagnostic| diagnostic.code == code) {
                return None;
            }
            let message = format!(
                "with the KPI {} the formula has {found} {what}, and {allowed} are allowed",
                quoted(name)
            );
            return self.fail(
                Diagnostic::new(span.clone(), code, message).with_hint("refer to less, or to KPIs that need less"),
            );
        }
        let measures = measures.into_iter();
        let places: Option<Vec<usize>> = measures.map(|measure| self.place(measure, span, span)).collect();
        self.extent = extent;
        self.aggregates += formula.measures.len();
        let mut places = Places {
            measures: places?,
            folds: Vec::new(),
        };
        for fold in &formula.folds {
            if fold.over == Over::Periods
                && let Some(diagnostic) = self.misplaced_fold(fold.function, span)
            {
                return self.fail(diagnostic);
            }
            let mut window = self.window.clone();
            let own = fold.scope.periods.iter().flat_map(Window::steps);
            own.cloned().for_each(|step| window.push(step));
            let fold = Fold {
                scope: Scope {
                    periods: window.to_each(),
                    per: self.per.union(&fold.scope.per).cloned().collect(),
                },
                operands: fold.operands.iter().map(|operand| moved(operand, &places)).collect(),
                ..fold.clone()
            };
            let place = self.fold(fold, span)?;
            places.folds.push(place);
        }
        Some((moved(&formula.finish, &places), formula.extent.unit))
    }

    /// What is wrong with a name that is no KPI's.
    fn unknown_name(&self, name: &str, span: &Range<usize>) -> Diagnostic {
        let diagnostic = |message: String| Diagnostic::new(span.clone(), "not-aggregated", message);
        if let Some(aggregate) = Aggregate::named(name) {
            return diagnostic(format!("{} needs an entity in parentheses", quoted(name)))
                .with_hint(format!("as in {aggregate}(…)"));
        }
        if self.entities.attributes(name).is_some() {
            return diagnostic(format!("{} is an entity, and a KPI is a number", quoted(name)))
                .with_hint(format!("write COUNT({name})"));
        }
        let message = format!("there is no KPI {}", quoted(name));
        if self.diagnostics.len() >= MAX_MEANT {
            return Diagnostic::new(span.clone(), "unknown-kpi", message);
        }
        let has = |entity: &&str| {
            self.entities
                .attributes(entity)
                .is_some_and(|attributes| attributes.iter().any(|a| a.name == name))
        };
        if let Some(entity) = self.entities.names().into_iter().find(has) {
            let message = format!("{} has a value for each fact, and a KPI is one number", quoted(name));
            return diagnostic(message).with_hint(format!("aggregate it, as in AVG({entity}.{name})"));
        }
        let hint = hint_for(name, "the KPIs are", &self.entities.kpi_codes());
        let hint = hint.unwrap_or_else(|| "a KPI is arithmetic over aggregates, as in COUNT(Order)".to_owned());
        Diagnostic::new(span.clone(), "unknown-kpi", message).with_hint(hint)
    }
}

/// Where the measures and folds of a formula lie in another one.
struct Places {
    measures: Vec<usize>,
    folds: Vec<usize>,
}

/// The same expression over measures that lie elsewhere.
fn moved(finish: &Finish, places: &Places) -> Finish {
    let boxed = |operand: &Finish| Box::new(moved(operand, places));
    let each = |operands: &[Finish]| operands.iter().map(|operand| moved(operand, places)).collect();
    match finish {
        Finish::Number(number) => Finish::Number(*number),
        // A measure that the formula does not have has no value, here as there.
        Finish::Measure(index) => Finish::Measure(places.measures.get(*index).copied().unwrap_or(usize::MAX)),
        Finish::Fold(index) => Finish::Fold(places.folds.get(*index).copied().unwrap_or(usize::MAX)),
        Finish::Negate(operand) => Finish::Negate(boxed(operand)),
        Finish::Calculate(operator, left, right) => Finish::Calculate(*operator, boxed(left), boxed(right)),
        Finish::Coalesce(operands) => Finish::Coalesce(each(operands)),
        Finish::If(choice) => {
            let arms = choice.arms.iter();
            Finish::If(Box::new(Choice {
                arms: arms
                    .map(|(condition, value)| (moved_condition(condition, places), moved(value, places)))
                    .collect(),
                otherwise: choice.otherwise.as_ref().map(|value| moved(value, places)),
            }))
        }
        Finish::Numeric(function, operands) => Finish::Numeric(*function, each(operands)),
    }
}

fn moved_condition(condition: &Condition, places: &Places) -> Condition {
    let boxed = |condition: &Condition| Box::new(moved_condition(condition, places));
    match condition {
        Condition::Constant(truth) => Condition::Constant(*truth),
        Condition::Compare(operator, left, right) => {
            Condition::Compare(*operator, moved(left, places), moved(right, places))
        }
        Condition::In {
            operand,
            items,
            negated,
        } => Condition::In {
            operand: moved(operand, places),
            items: items.clone(),
            negated: *negated,
        },
        Condition::Between(operand, low, high) => {
            Condition::Between(moved(operand, places), moved(low, places), moved(high, places))
        }
        Condition::Not(condition) => Condition::Not(boxed(condition)),
        Condition::And(left, right) => Condition::And(boxed(left), boxed(right)),
        Condition::Or(left, right) => Condition::Or(boxed(left), boxed(right)),
    }
}

#[cfg(test)]
mod tests;
