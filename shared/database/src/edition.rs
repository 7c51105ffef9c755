//! The editions of TimescaleDB, which differ in what keeps rollups up to date.

/// Edition of TimescaleDB, read from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// Hypertables only; rollup levels are tables that `compact-rollups` fills.
    Apache,
    /// Continuous aggregates, compression, job policies.
    Community,
}

impl Edition {
    /// Its name in answers and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Community => "community",
        }
    }
}
