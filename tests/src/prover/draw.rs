//! Chance, from a seed: the same seed draws the same world on any machine.

/// A source of choices.
pub(super) struct Draw(fastrand::Rng);

impl Draw {
    pub(super) fn of_seed(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// One of the first `of` numbers.
    pub(super) fn below(&mut self, of: usize) -> usize {
        self.0.usize(..of.max(1))
    }

    /// A number between two.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0.i64(least..=most)
    }

    pub(super) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// One of some, of which there is at least one.
    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// A word of the language, in upper or lower case.
    pub(super) fn cased(&mut self, word: &str) -> String {
        if self.one_in(6) {
            word.to_lowercase()
        } else {
            word.to_owned()
        }
    }
}
