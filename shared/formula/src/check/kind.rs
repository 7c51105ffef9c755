//! What a KPI formula gives.

use super::units::Unit;
use crate::measure::Formula;
use crate::value::AttributeType;

impl Formula {
    /// The type of what it gives: a decimal, or a duration in seconds.
    #[must_use]
    pub const fn kind(&self) -> AttributeType {
        match self.extent.unit {
            Unit::Seconds => AttributeType::Duration,
            Unit::Plain | Unit::Nothing => AttributeType::Decimal,
        }
    }
}
