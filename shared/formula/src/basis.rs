//! Of what a measure is taken: of the facts of a stretch of time, or of the states that objects have at its ends.
//!
//! An entity may be a *state*: each of its facts tells what is known of one object (a policy, a subscription, an article in a warehouse) from the fact's time on,
//! until the next fact of that object. At an instant each object that was reported before it has one state, the last one that was reported.

use std::fmt;

/// Of what a measure is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Basis {
    /// Of facts.
    #[default]
    Facts,
    /// `AT_START(…)`: of the states as the stretch begins, those that were reported before it.
    AtStart,
    /// `AT_END(…)`: of the states as it ends, or of those that are known by now where it is open.
    AtEnd,
    /// `ENTERED(…)` and its kin: of the objects that meet a condition as it begins, and as it ends.
    Moved,
}

impl Basis {
    /// The function that takes other measures of states, if it is one.
    #[must_use]
    pub fn function(self) -> Option<&'static str> {
        match self {
            Basis::AtStart => Some("AT_START"),
            Basis::AtEnd => Some("AT_END"),
            Basis::Facts | Basis::Moved => None,
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Basis::Facts => "the facts",
            Basis::AtStart => "the states at the start",
            Basis::AtEnd => "the states at the end",
            Basis::Moved => "the objects that came and went",
        })
    }
}
