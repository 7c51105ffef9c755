//! Functions of other periods: each moves the window of every measure in its first argument, so that its value is the expression over that window. A ratio over
//! a quarter is the ratio of the quarter's sums, and never the mean of its months'.

use super::folds::without_periods;
use super::{Checker, Counted};
use crate::diagnostic::{Diagnostic, quoted};
use crate::function::Function;
use crate::measure::Measure;
use crate::period::{Period, UnknownPeriod};
use crate::resolve::literal;
use crate::suggest::closest;
use crate::tree::{Expr, Node};
use crate::window::{MAX_STEP, MAX_STEPS, MAX_WINDOWS, Open, Step, Window, WindowFunction};
use rust_decimal::prelude::ToPrimitive as _;
use std::collections::BTreeSet;
use std::ops::Range;

impl Checker<'_> {
    /// A call of one of them. Its first argument is checked in any case, for its own diagnostics.
    pub(super) fn windowed(&mut self, function: WindowFunction, span: &Range<usize>, arguments: &[Expr]) -> Counted {
        let (operand, others) = arguments.split_first()?;
        let step = match step(function, others) {
            Err(diagnostic) => self.fail(diagnostic),
            Ok(step) => match self.misplaced_step(&step, function, span) {
                Some(diagnostic) => self.fail(diagnostic),
                None => Some(step),
            },
        };
        let Some(step) = step else {
            self.number(operand);
            return None;
        };
        self.window.push(step);
        let counted = self.number(operand);
        self.window.pop();
        counted
    }

    /// Why a step can't stand inside of those around it.
    fn misplaced_step(&self, step: &Step, function: WindowFunction, span: &Range<usize>) -> Option<Diagnostic> {
        let around = self.window.innermost();
        let inner = Function::Window(function).name();
        if let Some(outer) = around.iter().find(|outer| !outer.is_move()) {
            let message = format!("{inner} stands inside of {outer}, which is no bucket any more");
            let hint = if step.is_move() {
                format!("move first: {inner} stands outside of it, as in PREVIOUS(TO_DATE(x, YEAR), 1, YEAR)")
            } else {
                "a value is over one stretch of time: leave one of them out".to_owned()
            };
            return Some(Diagnostic::new(span.clone(), "nested-window", message).with_hint(hint));
        }
        (self.window.steps().len() == MAX_STEPS).then(|| {
            let message = format!("more than {MAX_STEPS} functions of other periods stand inside each other");
            let hint = "PREVIOUS takes how many periods to go back, as in PREVIOUS(x, 3)";
            Diagnostic::new(span.clone(), "too-many-steps", message).with_hint(hint)
        })
    }

    /// A measure of a KPI that is referred to, moved by the functions around its name.
    pub(super) fn in_window(&self, measure: &Measure, kpi: &str, span: &Range<usize>) -> Result<Measure, Diagnostic> {
        let (around, own) = (self.window.innermost(), measure.window.steps());
        let takes_periods = matches!(own.first(), Some(Step::Each(_)));
        if let Some((message, hint)) = without_periods(&self.window).filter(|_| measure.window.each().is_some()) {
            let message = format!("the KPI {} is of shorter periods, and {message}", quoted(kpi));
            return Err(Diagnostic::new(span.clone(), "nested-window", message).with_hint(hint));
        }
        let outer = around.iter().find(|outer| !outer.is_move() && !takes_periods);
        if let Some((outer, inner)) = outer.zip(own.first()) {
            let message = format!(
                "the KPI {} has {inner} in it, which stands inside of {outer} here, which is no bucket any more",
                quoted(kpi)
            );
            let hint = "a value is over one stretch of time: refer to a KPI that names no other one";
            return Err(Diagnostic::new(span.clone(), "nested-window", message).with_hint(hint));
        }
        if self.window.steps().len() + own.len() > MAX_STEPS {
            let message = format!(
                "with those in the KPI {} more than {MAX_STEPS} functions of other periods stand inside each other",
                quoted(kpi)
            );
            let hint = "PREVIOUS takes how many periods to go back, as in PREVIOUS(x, 3)";
            return Err(Diagnostic::new(span.clone(), "too-many-steps", message).with_hint(hint));
        }
        let who = format!("the KPI {}", quoted(kpi));
        if let Some(diagnostic) = self.misplaced_members(&who, &measure.per, span) {
            return Err(diagnostic);
        }
        let mut window = self.window.clone();
        own.iter().cloned().for_each(|step| window.push(step));
        Ok(Measure {
            window,
            per: self.per.union(&measure.per).cloned().collect(),
            ..measure.clone()
        })
    }

    /// Why a formula can't have one more measure: its window would be one too many.
    pub(super) fn too_many_windows(&self, measure: &Measure, span: &Range<usize>) -> Option<Diagnostic> {
        let measures = self.measures.iter().chain([measure]);
        let windows: BTreeSet<_> = measures.map(|measure| (&measure.window, &measure.per)).collect();
        let is_other = |(window, per): &&(&Window, &BTreeSet<String>)| !window.is_own() || !per.is_empty();
        let others = windows.iter().filter(is_other).count();
        (others > MAX_WINDOWS).then(|| {
            let message = format!("the formula has more than {MAX_WINDOWS} different windows");
            Diagnostic::new(span.clone(), "too-many-windows", message).with_hint("split it into several KPIs")
        })
    }
}

/// The step of a call, by what stands behind its first argument.
fn step(function: WindowFunction, others: &[Expr]) -> Result<Step, Diagnostic> {
    let mut others = others.iter().peekable();
    let step = match function {
        WindowFunction::Cumulative => Step::Cumulative,
        WindowFunction::ToDate => Step::ToDate(others.next().map_or(Ok(Period::Year), period)?),
        WindowFunction::Rolling => {
            let count = others.next().map_or(Ok(1), count)?;
            let named = others.next().map(|expr| period(expr).map(|period| (period, expr)));
            if let Some((period, expr)) = named.clone().transpose()?
                && period.is_fiscal()
            {
                let message = format!("ROLLING counts periods of the calendar, and {period} is one of the fiscal year");
                let hint =
                    format!("ROLLING(x, {count}) is over {count} periods of the question, which may be fiscal ones");
                return Err(Diagnostic::new(expr.span.clone(), "fiscal-rolling", message).with_hint(hint));
            }
            let period = named.transpose()?.map(|(period, _)| period);
            Step::Rolling { count, period }
        }
        WindowFunction::SamePeriodLastYear => Step::Back {
            count: 1,
            period: Some(Period::Year),
            open: open(others.next())?,
        },
        WindowFunction::Previous => {
            let is_count = |expr: &&Expr| !matches!(expr.node, Node::Name(_));
            let count = others.next_if(is_count).map_or(Ok(1), count)?;
            let is_period = |expr: &&Expr| open(Some(expr)).is_err();
            let period = others.next_if(is_period).map(period).transpose()?;
            let open = open(others.next())?;
            Step::Back { count, period, open }
        }
    };
    match others.next() {
        None => Ok(step),
        Some(more) => {
            let message = format!("{} is one argument too many", quoted(&more.to_string()));
            let usage = Function::Window(function).usage();
            Err(Diagnostic::new(more.span.clone(), "wrong-arguments", message).with_hint(format!("write {usage}")))
        }
    }
}

/// How many periods.
fn count(expr: &Expr) -> Result<u16, Diagnostic> {
    let number = literal(expr).and_then(|value| value.as_decimal());
    let whole = number.filter(rust_decimal::Decimal::is_integer);
    let fits = whole
        .and_then(|number| number.to_u16())
        .filter(|count| (1..=MAX_STEP).contains(count));
    fits.ok_or_else(|| {
        let message = format!(
            "how many periods is a whole number from 1 to {MAX_STEP}, and {} is not",
            quoted(&expr.to_string())
        );
        Diagnostic::new(expr.span.clone(), "wrong-count", message).with_hint("for example 1, or 12")
    })
}

/// A period by its name.
pub(super) fn period(expr: &Expr) -> Result<Period, Diagnostic> {
    let text = expr.to_string();
    let named = match &expr.node {
        Node::Name(name) => Period::named(name),
        _ => None,
    };
    named.ok_or_else(|| {
        let message = format!("expected the name of a period, found {}", quoted(&text));
        let names = Period::NAMES.map(str::to_ascii_uppercase);
        let words = names.iter().map(String::as_str).chain([Open::LIKE_FOR_LIKE]);
        let hint = match closest(&text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => UnknownPeriod::names(),
        };
        Diagnostic::new(expr.span.clone(), "unknown-period", message).with_hint(hint)
    })
}

/// The rule of open buckets.
fn open(expr: Option<&Expr>) -> Result<Open, Diagnostic> {
    let Some(expr) = expr else {
        return Ok(Open::Whole);
    };
    match &expr.node {
        Node::Name(name) if name.eq_ignore_ascii_case(Open::LIKE_FOR_LIKE) => Ok(Open::LikeForLike),
        _ => {
            let message = format!("expected {}, found {}", Open::LIKE_FOR_LIKE, quoted(&expr.to_string()));
            let hint = "without it the whole of the earlier period counts";
            Err(Diagnostic::new(expr.span.clone(), "wrong-rule", message).with_hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::compile;
    use crate::fixtures::entities;

    #[test]
    fn a_window_moves_into_every_measure() {
        for (source, expected) in [
            ("PREVIOUS(COUNT(Flight))", "PREVIOUS(COUNT(Flight), 1)"),
            ("previous(COUNT(Flight), 2, year)", "PREVIOUS(COUNT(Flight), 2, YEAR)"),
            ("PREVIOUS(COUNT(Flight), MONTH)", "PREVIOUS(COUNT(Flight), 1, MONTH)"),
            (
                "SAME_PERIOD_LAST_YEAR(COUNT(Flight), LIKE_FOR_LIKE)",
                "PREVIOUS(COUNT(Flight), 1, YEAR, LIKE_FOR_LIKE)",
            ),
            (
                "PREVIOUS(COUNT(Flight), LIKE_FOR_LIKE)",
                "PREVIOUS(COUNT(Flight), 1, LIKE_FOR_LIKE)",
            ),
            (
                "ROLLING(SUM(Flight.delay) / COUNT(Flight), 7, DAY)",
                "ROLLING(SUM(Flight.delay), 7, DAY) ROLLING(COUNT(Flight), 7, DAY)",
            ),
            (
                "PREVIOUS(TO_DATE(SUM(Flight.delay), FISCAL_YEAR), 1, FISCAL_YEAR)",
                "PREVIOUS(TO_DATE(SUM(Flight.delay), FISCAL_YEAR), 1, FISCAL_YEAR)",
            ),
            (
                "IF(PREVIOUS(COUNT(Flight)) > 0, COUNT(Flight) / PREVIOUS(COUNT(Flight)), CUMULATIVE(COUNT(Flight)))",
                "PREVIOUS(COUNT(Flight), 1) COUNT(Flight) CUMULATIVE(COUNT(Flight))",
            ),
        ] {
            let formula = compile(source, &entities()).unwrap();
            let measures: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
            assert_eq!(measures.join(" "), expected, "{source}");
            assert_eq!(
                crate::parse(source).tree,
                crate::parse(&crate::parse(source).tree.to_string()).tree,
                "{source}"
            );
        }
    }

    #[test]
    fn what_has_no_meaning_is_told_with_what_would() {
        let years = |count: u16| -> Vec<String> {
            (1..=count)
                .map(|year| format!("PREVIOUS(COUNT(Flight), {year}, YEAR)"))
                .collect()
        };
        assert!(compile(&years(8).join(" + "), &entities()).is_ok());
        let nine = years(9).join(" + ");
        for (source, code, hint) in [
            ("PREVIOUS(COUNT(Flight), 0)", "wrong-count", "for example 1, or 12"),
            ("ROLLING(COUNT(Flight), 1.5)", "wrong-count", "for example"),
            ("ROLLING(COUNT(Flight), 1001)", "wrong-count", "for example"),
            ("ROLLING(COUNT(Flight), DAY)", "wrong-count", "for example"),
            ("TO_DATE(COUNT(Flight), YAER)", "unknown-period", "did you mean `YEAR`?"),
            (
                "TO_DATE(COUNT(Flight), 'x')",
                "unknown-period",
                "the periods are minute",
            ),
            (
                "PREVIOUS(COUNT(Flight), 1, LIKE_FOR_LIK)",
                "unknown-period",
                "did you mean `LIKE_FOR_LIKE`?",
            ),
            (
                "PREVIOUS(COUNT(Flight), 1, YEAR, WHOLE)",
                "wrong-rule",
                "without it the whole",
            ),
            (
                "PREVIOUS(COUNT(Flight), LIKE_FOR_LIKE, YEAR)",
                "wrong-arguments",
                "write PREVIOUS",
            ),
            (
                "ROLLING(COUNT(Flight), 2, FISCAL_YEAR)",
                "fiscal-rolling",
                "ROLLING(x, 2) is over 2",
            ),
            (
                "TO_DATE(PREVIOUS(COUNT(Flight)), YEAR)",
                "nested-window",
                "move first: PREVIOUS stands outside",
            ),
            (
                "ROLLING(CUMULATIVE(COUNT(Flight)), 2)",
                "nested-window",
                "a value is over one stretch",
            ),
            (&nine, "too-many-windows", "split it"),
            (
                "PREVIOUS(PREVIOUS(PREVIOUS(PREVIOUS(PREVIOUS(COUNT(Flight))))))",
                "too-many-steps",
                "PREVIOUS takes how many",
            ),
            (
                "COUNT(Flight WHERE PREVIOUS(stops) = 1)",
                "window-in-row",
                "it belongs outside of WHERE",
            ),
        ] {
            let diagnostics = compile(source, &entities()).unwrap_err();
            let [only] = diagnostics.as_slice() else {
                unreachable!("{source}: {diagnostics:?}")
            };
            assert_eq!(only.code, code, "{source}");
            assert!(only.hint.as_ref().unwrap().starts_with(hint), "{source}: {only:?}");
        }
    }
}
