//! The facts over which a measure is taken, seen from the bucket that is asked for.

/// Moves that lead from the bucket that is asked for to the stretch of time whose facts count, the outermost function first. None of them: the bucket itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    steps: Vec<Step>,
}

/// One move.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {}

impl Window {
    /// The moves in their order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}
