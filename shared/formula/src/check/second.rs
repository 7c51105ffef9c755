//! What an aggregate takes beside the values that it aggregates, and what its result is a number of.

use super::Checker;
use super::measured::is_of_call;
use super::units::Unit;
use crate::aggregate::{Aggregate, Takes};
use crate::diagnostic::{Diagnostic, quoted};
use crate::measure::Second;
use crate::tree::{Argument, Call};
use crate::value::Attribute;
use rust_decimal::Decimal;
use std::ops::Range;

/// The most decimals of a percentage: the database counts facts with 53 bits, and so many decimals of a thousand million facts are one of them for sure.
const MAX_PERCENT_PLACES: u32 = 2;

impl<'a> Checker<'a> {
    /// The second argument of an aggregate, with its unit; `Some(None)` where it has none and needs none.
    pub(super) fn second(
        &mut self,
        call: &Call,
        attributes: &'a [Attribute],
        span: &Range<usize>,
    ) -> Option<Option<(Second, Unit)>> {
        match (call.aggregate.takes(), &call.second) {
            (Takes::Nothing, None) => Some(None),
            (Takes::Percent, Some(Argument::Number(span, number))) => match percent(span, *number) {
                Ok(percent) => Some(Some((Second::Percent(percent), Unit::Plain))),
                Err(diagnostic) => self.fail(diagnostic),
            },
            (Takes::Values, Some(Argument::Values { entity, .. })) if !is_of_call(call, entity, attributes) => {
                let message = format!(
                    "{} and {} are of different facts, and {} takes both of one",
                    quoted(&call.entity.name),
                    quoted(&entity.name),
                    call.aggregate
                );
                let hint = format!("write {}", call.aggregate.usage(&call.entity.name));
                self.fail(Diagnostic::new(entity.span.clone(), "different-entities", message).with_hint(hint))
            }
            (
                Takes::Values,
                Some(Argument::Values {
                    entity,
                    attribute,
                    less,
                }),
            ) => {
                let values = Call {
                    aggregate: call.aggregate,
                    entity: call.entity.clone(),
                    attribute: Some(call.named(&(entity.clone(), attribute.clone()))),
                    less: less.clone(),
                    times: None,
                    second: None,
                    filter: None,
                };
                let (measured, unit) = self.measured(&values, attributes, span)?;
                Some(Some((Second::Values(measured?), unit)))
            }
            (takes, second) => {
                let message = match (takes, second) {
                    (Takes::Nothing, _) => format!("{} takes nothing after a comma", call.aggregate),
                    (Takes::Percent, _) => format!("{} needs a number of percent after a comma", call.aggregate),
                    (Takes::Values, _) => format!("{} needs another attribute after a comma", call.aggregate),
                };
                let span = match second {
                    Some(Argument::Number(span, _)) => span.clone(),
                    Some(Argument::Values { entity, attribute, .. }) => {
                        entity.span.start.max(span.start)..attribute.span.end
                    }
                    None => span.clone(),
                };
                let hint = format!("write {}", call.aggregate.usage(&call.entity.name));
                self.fail(Diagnostic::new(span, "wrong-arguments", message).with_hint(hint))
            }
        }
    }

    /// What the result of an aggregate is a number of.
    pub(super) fn told_in(
        &mut self,
        call: &Call,
        span: &Range<usize>,
        unit: Unit,
        second: Option<Unit>,
    ) -> Option<Unit> {
        let is_duration = unit == Unit::Seconds;
        if call.aggregate.drops_unit() {
            return Some(Unit::Plain);
        }
        if is_duration && call.aggregate.is_squared() {
            let message = format!(
                "the {} of durations is of squares of seconds, which no unit is for",
                call.aggregate
            );
            let hint = "STDDEV, its root, is a duration, as in HOURS(STDDEV(Ticket.closed - Ticket.opened))";
            return self.fail(Diagnostic::new(span.clone(), "type-mismatch", message).with_hint(hint));
        }
        match (call.aggregate, is_duration, second) {
            (Aggregate::Slope, true, Some(Unit::Seconds)) => Some(Unit::Plain),
            (Aggregate::Slope, false, Some(Unit::Seconds)) => {
                let message = "a number for each second has no unit".to_owned();
                let hint = "define a derived attribute for the duration in a unit, as in HOURS(closed - opened), and take that";
                self.fail(Diagnostic::new(span.clone(), "type-mismatch", message).with_hint(hint))
            }
            _ => Some(unit),
        }
    }
}

/// How many percent a percentile is of.
pub(super) fn percent(span: &Range<usize>, percent: Decimal) -> Result<Decimal, Diagnostic> {
    let percent = percent.normalize();
    if percent > Decimal::ZERO && percent < Decimal::ONE_HUNDRED && percent.scale() <= MAX_PERCENT_PLACES {
        return Ok(percent);
    }
    let message = format!(
        "a percentile is above 0 and below 100, with at most {MAX_PERCENT_PLACES} decimals, and {percent} is not"
    );
    let hint = "for the value that nine of ten do not exceed write 90; MIN and MAX are the ends";
    Err(Diagnostic::new(span.clone(), "wrong-percentile", message).with_hint(hint))
}
