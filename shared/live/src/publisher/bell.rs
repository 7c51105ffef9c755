//! How a topic tells the connections that watch it that there is something new for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A connection's bell: its topics ring it, and composing takes it. A connection whose bell is silent is not looked at, so a tick costs what changed and not what is
/// watched.
#[derive(Debug, Clone, Default)]
pub(super) struct Bell(Arc<AtomicBool>);

impl Bell {
    pub(super) fn ring(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_rung(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn silence(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
