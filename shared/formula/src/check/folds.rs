//! Functions over the values of shorter periods: each makes of the stretch of time that it stands for the periods in it, and its expressions are taken in each of these.

use super::units::Unit;
use super::{Checker, Counted, second, windows};
use crate::basis::Basis;
use crate::diagnostic::{Diagnostic, quoted};
use crate::finish::Finish;
use crate::fold::{Fold, FoldFunction, MAX_FOLDS};
use crate::function::Function;
use crate::period::Period;
use crate::resolve::literal;
use crate::tree::Expr;
use crate::window::{MAX_STEPS, Step, Window};
use rust_decimal::Decimal;
use std::ops::Range;

impl Checker<'_> {
    /// A call of one of them. Its expressions are checked in any case, for their own diagnostics.
    pub(super) fn folded(&mut self, function: FoldFunction, span: &Range<usize>, arguments: &[Expr]) -> Counted {
        let (operands, settings) = arguments.split_at_checked(function.operands())?;
        let settings = match settings_of(settings) {
            Err(diagnostic) => self.fail(diagnostic),
            Ok(settings) => match self.misplaced_fold(function, span) {
                Some(diagnostic) => self.fail(diagnostic),
                None => Some(settings),
            },
        };
        let Some((period, percent)) = settings else {
            operands.iter().for_each(|operand| drop(self.number(operand)));
            return None;
        };
        self.window.push(Step::Each(period));
        let checked: Vec<Counted> = operands.iter().map(|operand| self.number(operand)).collect();
        let window = self.window.clone();
        self.window.pop();
        let (finishes, units): (Vec<Finish>, Vec<Unit>) = checked.into_iter().collect::<Option<_>>()?;
        let units: Vec<(&Expr, Unit)> = operands.iter().zip(units).collect();
        let unit = self.unit_of_fold(function, &units)?;
        let fold = Fold {
            function,
            window,
            operands: finishes,
            percent,
        };
        Some((Finish::Fold(self.fold(fold, span)?), unit))
    }

    /// The index of a fold; equal ones share one.
    pub(super) fn fold(&mut self, fold: Fold, span: &Range<usize>) -> Option<usize> {
        if let Some(known) = self.folds.iter().position(|known| *known == fold) {
            return Some(known);
        }
        if self.folds.len() == MAX_FOLDS {
            let message = format!("the formula has more than {MAX_FOLDS} different functions of shorter periods");
            let diagnostic = Diagnostic::new(span.clone(), "too-many-folds", message);
            return self.fail(diagnostic.with_hint("split it into several KPIs"));
        }
        self.folds.push(fold);
        Some(self.folds.len() - 1)
    }

    /// Why one can't stand inside of what is around it.
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

/// What stands behind the expressions: the period, and of a percentile how many percent.
fn settings_of(settings: &[Expr]) -> Result<(Period, Option<Decimal>), Diagnostic> {
    let mut settings = settings.iter();
    // The parser lets no fewer arguments through.
    let period = settings.next().map_or(Ok(Period::Day), windows::period)?;
    let percent = settings
        .next()
        .map(|expr| match literal(expr).and_then(|value| value.as_decimal()) {
            Some(percent) => second::percent(&expr.span, percent),
            None => {
                let message = format!("expected a number of percent, found {}", quoted(&expr.to_string()));
                Err(Diagnostic::new(expr.span.clone(), "wrong-percentile", message).with_hint("for example 5, or 95"))
            }
        });
    Ok((period, percent.transpose()?))
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
