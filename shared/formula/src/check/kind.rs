//! What a KPI formula gives.

use super::Checker;
use super::units::Unit;
use crate::parser::parse;
use crate::value::{AttributeType, Entities};

/// The type of what a KPI formula gives: a decimal, or a duration in seconds. None where the formula is wrong.
#[must_use]
pub fn result_type(source: &str, entities: &dyn Entities) -> Option<AttributeType> {
    let parsed = parse(source);
    let (_, unit) = Checker::new(entities, &parsed).number(&parsed.tree)?;
    Some(match unit {
        Unit::Seconds => AttributeType::Duration,
        Unit::Plain | Unit::Nothing => AttributeType::Decimal,
    })
}
