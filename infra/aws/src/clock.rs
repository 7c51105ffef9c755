//! The wall clock, read here alone.

use jiff::Timestamp;

/// Now.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
