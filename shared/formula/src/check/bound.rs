//! The formula of what a KPI's value is held against: a target, or a threshold.

use super::units::Unit as Kind;
use super::{checked, strict};
use crate::diagnostic::Diagnostic;
use crate::measure::Formula;
use crate::parser::Parsed;
use crate::unit::{Unit, hint, told};
use crate::value::Entities;
use std::ops::Range;

/// Checks the parsed formula of a target or a threshold of a KPI. It may be a number alone, which a KPI's own formula may not.
///
/// # Errors
/// Everything that is wrong with it, as [`compile`](crate::compile) tells it, or that it is a number of something else than the KPI is.
pub fn check_bound(parsed: &Parsed, entities: &dyn Entities, kpi: &Formula) -> Result<Formula, Vec<Diagnostic>> {
    let bound = strict(checked(parsed, entities, false))?;
    let (its, theirs) = (bound.extent.unit, kpi.extent.unit);
    if its.common(theirs).is_some() {
        return of_one_unit(bound, kpi).map_err(|mixed| vec![mixed.at(parsed.tree.span.clone())]);
    }
    let message = format!("the KPI is {}, and this is {}", theirs.name(), its.name());
    let hint = match theirs {
        Kind::Seconds => {
            "tell the KPI in a unit, as in HOURS(AVG(Ticket.closed - Ticket.opened)), or compare it with another duration"
        }
        Kind::Plain | Kind::Nothing => "tell the duration in a unit, as in HOURS(…)",
    };
    Err(vec![
        Diagnostic::new(parsed.tree.span.clone(), "type-mismatch", message).with_hint(hint),
    ])
}

/// The bound, if what is known of its unit is that of the KPI.
fn of_one_unit(bound: Formula, kpi: &Formula) -> Result<Formula, Mixed> {
    match (bound.unit(), kpi.unit()) {
        (Some(its), Some(theirs)) if its != theirs => Err(Mixed(its.clone(), theirs.clone())),
        _ => Ok(bound),
    }
}

/// The units of a bound and of a KPI, which differ.
struct Mixed(Unit, Unit);

impl Mixed {
    fn at(self, span: Range<usize>) -> Diagnostic {
        let Self(its, theirs) = self;
        let message = format!("the KPI is {}, and this is {}", told(&theirs), told(&its));
        Diagnostic::new(span, "different-units", message).with_hint(hint(&theirs, &its))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fixtures::entities;
    use crate::{compile, parse};

    #[test]
    fn a_bound_may_be_a_number_alone() {
        let kpi = compile("SUM(Flight.delay)", &entities()).unwrap();
        for (source, expected) in [
            ("15", vec![]),
            ("-0.5 * 2", vec![]),
            ("AVG(Flight.delay) * 1.1", vec![]),
            ("", vec!["empty"]),
            ("TRUE", vec!["not-a-number"]),
            ("COUNT(Fligth)", vec!["unknown-entity"]),
        ] {
            let found = check_bound(&parse(source), &entities(), &kpi).err().unwrap_or_default();
            let codes: Vec<&str> = found.iter().map(|found| found.code).collect();
            assert_eq!(codes, expected, "{source}");
        }
        let constant = check_bound(&parse("-0.5 * 2"), &entities(), &kpi).unwrap();
        assert_eq!(constant.finish(crate::Values::default()), Some((-1).into()));
    }
}
