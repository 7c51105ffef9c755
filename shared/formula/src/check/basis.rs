//! What is taken of states: `AT_START(…)`, `AT_END(…)`, `ENTERED(…)` and its kin.

use super::{Checker, Counted};
use crate::basis::Basis;
use crate::diagnostic::{Diagnostic, quoted};
use crate::measure::Measure;
use crate::tree::{Call, Expr};
use std::ops::Range;

impl Checker<'_> {
    /// A number of the states at one end of the period.
    pub(super) fn states(&mut self, basis: Basis, of: &Expr) -> Counted {
        if self.basis != Basis::Facts {
            let message = format!("this is of {} already", self.basis);
            let diagnostic = Diagnostic::new(of.span.clone(), "nested-states", message);
            return self.fail(
                diagnostic.with_hint("write AT_START and AT_END beside each other, as in AT_END(x) - AT_START(x)"),
            );
        }
        let read_before = self.aggregates;
        self.basis = basis;
        let number = self.number(of);
        self.basis = Basis::Facts;
        if number.is_some() && self.aggregates == read_before {
            let message = format!(
                "{} of {} needs an aggregate",
                basis.function().unwrap_or_default(),
                quoted(&of.to_string())
            );
            return self.fail(
                Diagnostic::new(of.span.clone(), "no-measure", message).with_hint("as in AT_END(COUNT(Policy))"),
            );
        }
        number
    }

    /// A measure of a KPI that is referred to, taken of what the functions around its name say.
    pub(super) fn in_basis(&self, measure: Measure, kpi: &str, span: &Range<usize>) -> Result<Measure, Diagnostic> {
        if self.basis == Basis::Facts {
            return Ok(measure);
        }
        if measure.window.each().is_some() {
            let message = format!(
                "the KPI {} is of a stretch of time, and this is of {}",
                quoted(kpi),
                self.basis
            );
            let hint = "write the function of shorter periods outside, as in AVG_PER(AT_END(x), DAY)";
            return Err(Diagnostic::new(span.clone(), "nested-states", message).with_hint(hint));
        }
        if measure.basis != Basis::Facts {
            let message = format!("the KPI {} is of {} already", quoted(kpi), measure.basis);
            let hint = "refer to a KPI that is of facts, or leave the function out";
            return Err(Diagnostic::new(span.clone(), "nested-states", message).with_hint(hint));
        }
        if !self.entities.is_state(&measure.entity) {
            let message = format!(
                "the KPI {} reads {}, whose facts are events, and only objects have states",
                quoted(kpi),
                quoted(&measure.entity)
            );
            let hint = format!(
                "define {} with \"state\", the attributes that identify the object that a fact is of",
                measure.entity
            );
            return Err(Diagnostic::new(span.clone(), "not-a-state", message).with_hint(hint));
        }
        Ok(Measure {
            basis: self.basis,
            ..measure
        })
    }

    /// Of what an aggregate is taken where it stands. Only objects have states.
    pub(super) fn basis_of(&mut self, call: &Call, span: &Range<usize>) -> Option<Basis> {
        self.aggregates += 1;
        let (aggregate, entity) = (call.aggregate, &call.entity);
        let basis = match (aggregate.counts_moves(), self.basis) {
            (false, basis) => basis,
            (true, Basis::Facts) => Basis::Moved,
            (true, basis) => {
                let message = format!("{aggregate} is of both ends of a period, and this is of {basis}");
                let hint = format!("write {aggregate} outside of {}", basis.function().unwrap_or_default());
                return self.fail(Diagnostic::new(span.clone(), "nested-states", message).with_hint(hint));
            }
        };
        if basis == Basis::Facts || self.entities.is_state(&entity.name) {
            return Some(basis);
        }
        let message = format!("{} are events, and only objects have states", quoted(&entity.name));
        let hint = format!(
            "define {} with \"state\", the attributes that identify the object that a fact is of",
            entity.name
        );
        self.fail(Diagnostic::new(entity.span.clone(), "not-a-state", message).with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::compile;
    use crate::fixtures::states;

    #[test]
    fn states_are_taken_at_the_ends_of_a_period() {
        for (source, expected) in [
            ("AT_END(COUNT(Policy))", "AT_END(COUNT(Policy))"),
            (
                "at_start(SUM(Policy.delay WHERE on_time) / COUNT(Policy))",
                "AT_START(SUM(Policy.delay WHERE on_time)), AT_START(COUNT(Policy))",
            ),
            (
                "100 * (AT_END(COUNT(Policy)) - ENTERED(Policy WHERE on_time)) / AT_START(COUNT(Policy))",
                "AT_END(COUNT(Policy)), ENTERED(Policy WHERE on_time), AT_START(COUNT(Policy))",
            ),
            ("COUNT(Policy) / COUNT(Flight)", "COUNT(Policy), COUNT(Flight)"),
        ] {
            let formula = compile(source, &states()).unwrap();
            let measures: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
            assert_eq!(measures.join(", "), expected, "{source}");
        }
    }

    #[test]
    fn what_has_no_states_is_refused_with_the_way_out() {
        for (source, code, hint) in [
            ("AT_END(COUNT(Flight))", "not-a-state", "define Flight with \"state\""),
            ("LEFT(Flight)", "not-a-state", "define Flight with \"state\""),
            ("AT_END(AT_START(COUNT(Policy)))", "nested-states", "beside each other"),
            ("AT_END(ENTERED(Policy))", "nested-states", "outside of AT_END"),
            ("AT_END(3) * COUNT(Policy)", "no-measure", "AT_END(COUNT(Policy))"),
            ("STAYED(Policy.delay)", "unexpected-attribute", "STAYED(Policy WHERE"),
        ] {
            let refused = compile(source, &states()).unwrap_err();
            let [only] = refused.as_slice() else {
                panic!("{source}: {refused:?}")
            };
            assert_eq!(only.code, code, "{source}");
            assert!(
                only.hint.as_deref().unwrap_or_default().contains(hint),
                "{source}: {only:?}"
            );
        }
    }
}
