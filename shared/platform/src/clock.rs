//! The only place that reads the wall clock; everything pure takes the time as an argument.

use jiff::Timestamp;

/// Now, as a UTC instant.
#[must_use]
pub fn now() -> Timestamp {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the clock that the rest of the code is sent to"
    )]
    Timestamp::now()
}
