//! Lambda: unmodified function binaries, run as processes that ask for events over the Lambda Runtime API.
//!
//! One process handles one event at a time; an idle one is reused and a new one is started when all are busy. What a
//! function sees (headers, variables, deadline) is what Lambda shows it, and a process that has more memory than its function's
//! `MemorySize` is killed.

mod environment;
pub(crate) mod invoke_api;
mod invoker;
mod memory;
mod pool;
mod process;
mod runtime_api;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod worker;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::environment::ExternalFunction;
pub use self::invoker::{Invoker, RETRY_DELAYS};
pub use self::pool::Pool;

/// What a synchronous invocation may carry, in either direction: 6 MB, as Lambda allows.
pub const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// Where the binaries are: `DIR/NAME`, as `cargo build` leaves them, or `DIR/NAME/bootstrap`, as `cargo lambda` does.
#[derive(Debug, Clone)]
pub struct FunctionsDir(PathBuf);

impl FunctionsDir {
    /// Binaries in `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The binary of the function `name`; it need not exist.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        let packaged = self.0.join(name).join("bootstrap");
        if packaged.is_file() {
            packaged
        } else {
            self.0.join(name)
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Limits of the pool that are this machine's and not Lambda's.
#[derive(Debug, Clone)]
pub struct PoolLimits {
    /// Processes per function; further events wait, but for those beyond its reserved concurrency. By default 8: of some 15 functions at
    /// 20 MB they are 2.4 GB at the very worst.
    pub processes: usize,
    /// Idle processes that are kept per function, however long.
    pub idle_kept: usize,
    /// How long further ones are kept.
    pub idle_time: Duration,
    /// How long a new process may take until it asks for its first event: Lambda's init phase.
    pub init: Duration,
    /// How long an event may wait for an external process and that process may take: Lambda's longest timeout, because
    /// a debugger stops the function's time and not the clock's.
    pub external: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            processes: 8,
            idle_kept: 2,
            idle_time: Duration::from_secs(180),
            init: Duration::from_secs(10),
            external: Duration::from_secs(900),
        }
    }
}

/// Why an invocation has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvocationError {
    /// The function answered with an error.
    #[error("the function failed: {error_type}: {message}")]
    Function {
        /// Its `errorType`.
        error_type: String,
        /// Its `errorMessage`.
        message: String,
    },
    /// The function took too long; its process was killed.
    #[error("the function timed out after {after:?}")]
    TimedOut {
        /// The time it had.
        after: Duration,
    },
    /// The function's process ended, or did not start.
    #[error("the function's process ended before it answered: {status}")]
    Crashed {
        /// Exit status, signal or the reason why it could not start.
        status: String,
    },
    /// The function had more memory than its `MemorySize`; its process was killed.
    #[error("Runtime.OutOfMemory: Runtime exited with error: signal: killed ({peak_mb} MiB of {limit_mb} MiB)")]
    OutOfMemory {
        /// What it may have, in MiB.
        limit_mb: u32,
        /// What it had at most, in MiB.
        peak_mb: u64,
    },
    /// The function's reserved concurrency is in use.
    #[error("the function's reserved concurrency is in use")]
    Throttled,
    /// There is no such function.
    #[error("there is no function {name}")]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The event is larger than [`PAYLOAD_BYTES`].
    #[error("the event has {bytes} bytes, more than {PAYLOAD_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The pool is being shut down.
    #[error("the stand-in is shutting down")]
    ShuttingDown,
}
