//! One fact, ready to be stored.

use formula::Value;

/// A validated fact of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// When it happened, in microseconds since 1970 (UTC).
    pub time_us: i64,
    /// Values of the entity's stored attributes in their order, derived ones included.
    pub values: Vec<Value>,
}
