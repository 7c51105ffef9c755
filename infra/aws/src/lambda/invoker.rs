//! How event sources reach functions: a synchronous call, or Lambda's asynchronous one with its retries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

type Call = dyn Fn(String, Bytes) -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync;

/// Lambda retries a failed asynchronous event twice, after one and after two minutes; a developer does not want to wait
/// that long to see the third failure.
pub const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Invokes functions by name. Event sources know this and not the pool, so that a test can stand in for the functions.
#[derive(Clone)]
pub struct Invoker {
    call: Arc<Call>,
    retry_delays: [Duration; 2],
}

impl Invoker {
    /// Wraps what really invokes; an error is the reason in words.
    pub fn new<F, R>(call: F) -> Self
    where
        F: Fn(String, Bytes) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Bytes, String>> + Send + 'static,
    {
        Self {
            call: Arc::new(move |function, payload| Box::pin(call(function, payload))),
            retry_delays: RETRY_DELAYS,
        }
    }

    /// The same with other pauses before the two retries of an asynchronous invocation.
    #[must_use]
    pub fn with_retry_delays(self, retry_delays: [Duration; 2]) -> Self {
        Self { retry_delays, ..self }
    }

    /// Invokes and waits for the answer.
    ///
    /// # Errors
    /// The reason why the function could not be invoked or failed.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, String> {
        (self.call)(function.to_owned(), payload).await
    }

    /// Invokes as Lambda does for S3 and EventBridge: two retries, then the event is logged and dropped. `source` says in
    /// the log where the event came from.
    pub async fn deliver(&self, function: &str, payload: Bytes, source: &str) {
        for delay in self.retry_delays {
            let Err(error) = self.invoke(function, payload.clone()).await else {
                return;
            };
            tracing::warn!(function, source, %error, retry_in_ms = delay.as_millis(), "an asynchronous event failed");
            tokio::time::sleep(delay).await;
        }
        if let Err(error) = self.invoke(function, payload).await {
            tracing::error!(function, source, %error, "an asynchronous event is dropped after three attempts");
        }
    }
}

impl fmt::Debug for Invoker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Invoker")
            .field("retry_delays", &self.retry_delays)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn attempts(failures: usize) -> usize {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let invoker = Invoker::new(move |_, payload| {
            let attempt = seen.fetch_add(1, Ordering::SeqCst);
            async move {
                if attempt < failures {
                    Err("no".to_owned())
                } else {
                    Ok(payload)
                }
            }
        });
        invoker.deliver("work", Bytes::from_static(b"{}"), "a test").await;
        count.load(Ordering::SeqCst)
    }

    #[tokio::test(start_paused = true)]
    async fn an_asynchronous_event_is_tried_three_times_and_dropped() {
        for (failures, expected) in [(0, 1), (1, 2), (2, 3), (3, 3), (9, 3)] {
            assert_eq!(attempts(failures).await, expected, "{failures} failures");
        }
    }
}
