//! What a run did.

use serde::Serialize;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Report {
    /// Whether it published at all.
    pub published: bool,
    /// Turns of the loop.
    pub ticks: u64,
    /// Frames posted.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Most statements of one tick.
    pub most_statements: u64,
    /// Milliseconds that following subscriptions took, all ticks together.
    pub following_ms: u64,
    /// Milliseconds that reading took.
    pub reading_ms: u64,
    /// Milliseconds that composing took.
    pub composing_ms: u64,
}

impl Report {
    /// Tells it in the log.
    pub(crate) fn log(&self) {
        tracing::info!(
            ticks = self.ticks,
            frames = self.frames,
            bytes = self.bytes,
            most_statements = self.most_statements,
            following_ms = self.following_ms,
            reading_ms = self.reading_ms,
            composing_ms = self.composing_ms,
            "published"
        );
    }
}
