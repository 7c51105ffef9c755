//! Functions over several values: each makes of the stretch of time that it stands for the periods in it, or of its facts those of each value of a dimension, and its expressions are taken in each
//! of these.

use super::members::Each;
use super::units::Unit;
use super::{Checker, Counted, second};
use crate::basis::Basis;
use crate::diagnostic::{Diagnostic, quoted};
use crate::finish::Finish;
use crate::fold::{Fold, FoldFunction, MAX_FOLDS, Over};
use crate::function::Function;
use crate::period::Period;
use crate::resolve::literal;
use crate::scope::Scope;
use crate::tree::Expr;
use crate::window::{MAX_STEPS, Step, Window};
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use std::ops::Range;

impl Checker<'_> {
    /// A call of one of them. Its expressions are checked in any case, for their own diagnostics.
    pub(super) fn folded(&mut self, function: FoldFunction, span: &Range<usize>, arguments: &[Expr]) -> Counted {
        let (operands, settings) = arguments.split_at_checked(function.operands())?;
        let settings = self.settings(function, operands, settings).and_then(|settings| {
            let misplaced = match &settings.0 {
                Each::Period(_) => self.misplaced_fold(function, span),
                Each::Member(dimension) => {
                    let name = Function::Fold(function).name();
                    self.misplaced_members(name, &BTreeSet::from([dimension.clone()]), span)
                }
            };
            misplaced.map_or(Ok(settings), Err)
        });
        let (each, percent) = match settings {
            Ok(settings) => settings,
            Err(diagnostic) => {
                operands.iter().for_each(|operand| drop(self.number(operand)));
                return self.fail(diagnostic);
            }
        };
        let (scope, over, checked) = self.inside(&each, operands);
        let (finishes, units): (Vec<Finish>, Vec<Unit>) = checked.into_iter().collect::<Option<_>>()?;
        let units: Vec<(&Expr, Unit)> = operands.iter().zip(units).collect();
        let unit = self.unit_of_fold(function, &units)?;
        let fold = Fold {
            function,
            over,
            scope,
            operands: finishes,
            percent,
        };
        if matches!(fold.over, Over::Values(_)) && !self.reads_facts(&fold) {
            let message = format!(
                "{} reads no facts, so it is taken of none",
                quoted(&operands.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            );
            let diagnostic = Diagnostic::new(span.clone(), "no-measure", message);
            return self
                .fail(diagnostic.with_hint("take an aggregate for each value, as in MAX_PER(COUNT(Order), region)"));
        }
        Some((Finish::Fold(self.fold(fold, span)?), unit))
    }

    /// The expressions, taken in each period or for each value, and where that is.
    fn inside(&mut self, each: &Each, operands: &[Expr]) -> (Scope, Over, Vec<Counted>) {
        let over = match each {
            Each::Period(period) => {
                self.window.push(Step::Each(*period));
                Over::Periods
            }
            Each::Member(dimension) => {
                self.per.insert(dimension.clone());
                Over::Values(dimension.clone())
            }
        };
        let checked = operands.iter().map(|operand| self.number(operand)).collect();
        let scope = Scope {
            periods: self.window.to_each(),
            per: self.per.clone(),
        };
        match &over {
            Over::Periods => self.window.pop(),
            Over::Values(dimension) => drop(self.per.remove(dimension)),
        }
        (scope, over, checked)
    }

    fn reads_facts(&self, fold: &Fold) -> bool {
        let reads = fold.reads();
        let mut inner = reads.folds.iter().filter_map(|place| self.folds.get(*place));
        !reads.measures.is_empty() || inner.any(|fold| self.reads_facts(fold))
    }

    /// The index of a fold; equal ones share one.
    pub(super) fn fold(&mut self, fold: Fold, span: &Range<usize>) -> Option<usize> {
        if let Some(known) = self.folds.iter().position(|known| *known == fold) {
            return Some(known);
        }
        if self.folds.len() == MAX_FOLDS {
            let message = format!("the formula has more than {MAX_FOLDS} different functions of several values");
            let diagnostic = Diagnostic::new(span.clone(), "too-many-folds", message);
            return self.fail(diagnostic.with_hint("split it into several KPIs"));
        }
        self.folds.push(fold);
        Some(self.folds.len() - 1)
    }

    /// Why one of periods can't stand inside of what is around it.
    pub(super) fn misplaced_fold(&self, function: FoldFunction, span: &Range<usize>) -> Option<Diagnostic> {
        let name = Function::Fold(function).name();
        let diagnostic =
            |code, message: String, hint: String| Some(Diagnostic::new(span.clone(), code, message).with_hint(hint));
        if self.basis != Basis::Facts {
            let message = format!("{name} is of a stretch of time, and this is of {}", self.basis);
            let hint = format!("write it the other way around: {name} of AT_START or AT_END");
            return diagnostic("nested-states", message, hint);
        }
        if self.window.steps().len() == MAX_STEPS {
            let message = format!("more than {MAX_STEPS} functions of other periods stand inside each other");
            return diagnostic(
                "too-many-steps",
                message,
                "PREVIOUS takes how many periods to go back, as in PREVIOUS(x, 3)".to_owned(),
            );
        }
        without_periods(&self.window).map(|(message, hint)| {
            Diagnostic::new(span.clone(), "nested-window", format!("{name} {message}")).with_hint(hint)
        })
    }

    /// What stands behind the expressions: of what each value is, and of a percentile how many percent.
    fn settings(
        &self,
        function: FoldFunction,
        operands: &[Expr],
        settings: &[Expr],
    ) -> Result<(Each, Option<Decimal>), Diagnostic> {
        let mut settings = settings.iter();
        // The parser lets no fewer arguments through.
        let each = settings.next().map(|setting| self.each(function, operands, setting));
        let each = each.unwrap_or(Ok(Each::Period(Period::Day)))?;
        Ok((each, percent_of(settings.next())?))
    }

    /// What its value is a number of.
    fn unit_of_fold(&mut self, function: FoldFunction, operands: &[(&Expr, Unit)]) -> Option<Unit> {
        let name = Function::Fold(function).name();
        match function {
            FoldFunction::Count | FoldFunction::Correlation | FoldFunction::Drawdown => Some(Unit::Plain),
            // Of durations there would be squares of seconds, or something for each second, which no unit is for.
            FoldFunction::Variance | FoldFunction::VariancePop | FoldFunction::Slope => self.all_plain(name, operands),
            _ => operands.first().map(|(_, unit)| *unit),
        }
    }
}

/// Why the stretch of time that a window leads to has no periods of its own: what is said of a function that would take them, and the way out.
pub(super) fn without_periods(window: &Window) -> Option<(String, &'static str)> {
    if window.each().is_some() {
        let hint = "a function of shorter periods takes the facts of each of them: leave one of them out";
        return Some(("stands inside of another one of its kind".to_owned(), hint));
    }
    let outer = window
        .steps()
        .iter()
        .find(|step| **step == Step::Cumulative || step.is_cut())?;
    let hint = match outer {
        Step::Cumulative => "name a stretch of time that begins, as in ROLLING(x, 365, DAY) or TO_DATE(x, YEAR)",
        _ => "leave LIKE_FOR_LIKE out",
    };
    Some((format!("stands inside of {outer}, which has no whole periods"), hint))
}

/// How many percent a percentile is of, by what stands behind the period.
fn percent_of(setting: Option<&Expr>) -> Result<Option<Decimal>, Diagnostic> {
    let percent = setting.map(|expr| match literal(expr).and_then(|value| value.as_decimal()) {
        Some(percent) => second::percent(&expr.span, percent),
        None => {
            let message = format!("expected a number of percent, found {}", quoted(&expr.to_string()));
            Err(Diagnostic::new(expr.span.clone(), "wrong-percentile", message).with_hint("for example 5, or 95"))
        }
    });
    percent.transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::compile;
    use crate::fixtures::{entities, states};

    #[test]
    fn expressions_are_taken_in_each_period() {
        for (source, expected) in [
            ("AVG_PER(SUM(Flight.delay), DAY)", "EACH(SUM(Flight.delay), DAY)"),
            (
                "100 * stddev_per(SUM(Flight.delay) / PREVIOUS(SUM(Flight.delay)) - 1, day)",
                "EACH(SUM(Flight.delay), DAY) EACH(PREVIOUS(SUM(Flight.delay), 1), DAY)",
            ),
            (
                "ROLLING(AVG_PER(COUNT(Flight), DAY), 30, DAY) - PREVIOUS(AVG_PER(COUNT(Flight), DAY))",
                "ROLLING(EACH(COUNT(Flight), DAY), 30, DAY) PREVIOUS(EACH(COUNT(Flight), DAY), 1)",
            ),
            (
                "SLOPE_PER(SUM(Flight.delay), COUNT(Flight), WEEK) + PERCENTILE_PER(SUM(Flight.delay), WEEK, 5)",
                "EACH(SUM(Flight.delay), WEEK) EACH(COUNT(Flight), WEEK)",
            ),
            (
                "MAX_PER(ROLLING(COUNT(Flight), 3), HOUR)",
                "EACH(ROLLING(COUNT(Flight), 3), HOUR)",
            ),
        ] {
            let formula = compile(source, &entities()).unwrap();
            let measures: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
            assert_eq!(measures.join(" "), expected, "{source}");
            let printed = crate::parse(source).tree.to_string();
            assert_eq!(compile(&printed, &entities()).unwrap(), formula, "{source}: {printed}");
        }
        let stock = compile("AVG_PER(AT_END(SUM(Policy.delay)), DAY)", &states()).unwrap();
        assert_eq!(stock.measures[0].to_string(), "EACH(AT_END(SUM(Policy.delay)), DAY)");
        let twice = compile("AVG_PER(COUNT(Flight), DAY) / AVG_PER(COUNT(Flight), DAY)", &entities()).unwrap();
        assert_eq!(twice.folds.len(), 1);
    }

    #[test]
    fn what_has_no_meaning_is_told_with_what_would() {
        let kinds = |count: u16| {
            let terms = (1..=count).map(|percent| format!("PERCENTILE_PER(COUNT(Flight), DAY, {percent})"));
            terms.collect::<Vec<_>>().join(" + ")
        };
        assert!(compile(&kinds(8), &entities()).is_ok());
        for (source, code, hint) in [
            ("AVG_PER(COUNT(Flight), DAYS)", "unknown-period", "did you mean `DAY`?"),
            (
                "AVG_PER(AVG_PER(COUNT(Flight), HOUR), DAY)",
                "nested-window",
                "a function of shorter periods takes",
            ),
            (
                "CUMULATIVE(AVG_PER(COUNT(Flight), DAY))",
                "nested-window",
                "name a stretch of time that begins",
            ),
            (
                "PREVIOUS(AVG_PER(COUNT(Flight), DAY), LIKE_FOR_LIKE)",
                "nested-window",
                "leave LIKE_FOR_LIKE out",
            ),
            (
                "PERCENTILE_PER(COUNT(Flight), DAY, 100)",
                "wrong-percentile",
                "for the value that nine of ten",
            ),
            (
                "PERCENTILE_PER(COUNT(Flight), DAY, COUNT(Flight))",
                "wrong-percentile",
                "for example 5",
            ),
            (
                "COUNT(Flight WHERE AVG_PER(stops, DAY) = 1)",
                "window-in-row",
                "it belongs outside of WHERE",
            ),
            (&kinds(9), "too-many-folds", "split it"),
        ] {
            let diagnostics = compile(source, &entities()).unwrap_err();
            let [only] = diagnostics.as_slice() else {
                unreachable!("{source}: {diagnostics:?}")
            };
            assert_eq!(only.code, code, "{source}");
            assert!(
                only.hint.as_deref().unwrap_or_default().starts_with(hint),
                "{source}: {only:?}"
            );
        }
        let of_states = compile("AT_END(AVG_PER(COUNT(Policy), DAY))", &states()).unwrap_err();
        assert_eq!(of_states[0].code, "nested-states");
    }
}
