//! One SQS queue: sends to it, and says when a message is due again.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};

/// Largest message that SQS takes (1 MiB since 2025).
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// How long a message waits that has failed: longer each time.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Each pause is so many times the one before.
    pub factor: u32,
    /// It grows so many times, and then no more. SQS hides a message for twelve hours at most.
    pub steps: u32,
}

impl Backoff {
    fn pause(self, tries: u32) -> Duration {
        self.first * self.factor.saturating_pow(tries.saturating_sub(1).min(self.steps))
    }
}

/// How often a message was received, this time included.
#[must_use]
pub fn receives(message: &SqsMessage) -> u32 {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// A queue by its URL.
#[derive(Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Queue {
    /// The queue whose URL is in the environment variable `variable`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub async fn from_environment(variable: &str) -> Result<Self> {
        let url = crate::environment::required(variable)?;
        Ok(Self::new(&crate::aws_configuration().await, url))
    }

    /// The queue at this URL.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, url: String) -> Self {
        Self {
            client: aws_sdk_sqs::Client::new(config),
            url,
        }
    }

    /// Sends one message; when this returns, the queue has it.
    ///
    /// # Errors
    /// When SQS does not take it after the SDK's own retries.
    pub async fn send(&self, body: String) -> Result<()> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await
            .context("send to queue")?;
        Ok(())
    }

    /// Works on each message of an event, one after the other. One that fails is logged, comes back after its
    /// pause, and keeps no other from being done.
    pub async fn work(
        &self,
        event: SqsEvent,
        backoff: Backoff,
        mut work: impl AsyncFnMut(&SqsMessage) -> Result<()>,
    ) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            let Err(error) = work(&message).await else {
                continue;
            };
            let tries = receives(&message);
            let id = message.message_id.clone().unwrap_or_default();
            tracing::error!(
                message = id,
                tries,
                cause = format!("{error:#}"),
                "a message is not done; it stays in the queue"
            );
            self.return_after(&message, backoff).await;
            response.add_failure(id);
        }
        response
    }

    /// Lets a received message that is not done come back after its pause, whatever the queue's own visibility timeout. Where SQS does not
    /// do so after the SDK's own retries, it comes back after that timeout, and the log says so.
    pub async fn return_after(&self, message: &SqsMessage, backoff: Backoff) {
        if let Err(error) = self.hide(message, backoff.pause(receives(message))).await {
            tracing::warn!(
                message = message.message_id,
                cause = format!("{error:#}"),
                "the message is tried again only after the queue's own timeout"
            );
        }
    }

    /// Hides a received message for as long as it may take to work on it, and no longer: where the function is killed meanwhile, another one takes
    /// it up then, and not only after the queue's own visibility timeout. Where SQS does not do so, that timeout stays, and the log says so.
    pub async fn hold(&self, message: &SqsMessage, longest: Duration) {
        if let Err(error) = self.hide(message, longest).await {
            let cause = format!("{error:#}");
            tracing::warn!(
                message = message.message_id,
                cause,
                "the message stays hidden as long as the queue says"
            );
        }
    }

    /// SQS counts whole seconds, twelve hours at most.
    async fn hide(&self, message: &SqsMessage, pause: Duration) -> Result<()> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(message.receipt_handle.as_deref().unwrap_or_default())
            .visibility_timeout(i32::try_from(pause.as_secs())?)
            .send()
            .await
            .context("change a message's visibility")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let backoff = Backoff {
            first: Duration::from_secs(20),
            factor: 6,
            steps: 3,
        };
        for (tries, seconds) in [
            (0, 20),
            (1, 20),
            (2, 120),
            (3, 720),
            (4, 4320),
            (5, 4320),
            (u32::MAX, 4320),
        ] {
            assert_eq!(backoff.pause(tries), Duration::from_secs(seconds), "{tries}");
        }
    }

    #[test]
    fn a_message_says_how_often_it_came() {
        for (attributes, expected) in [
            (r#"{"ApproximateReceiveCount": "3"}"#, 3),
            (r#"{"ApproximateReceiveCount": "often"}"#, 1),
            ("{}", 1),
        ] {
            let message: SqsMessage =
                serde_json::from_str(&format!(r#"{{"attributes": {attributes}, "messageAttributes": {{}}}}"#)).unwrap();
            assert_eq!(receives(&message), expected, "{attributes}");
        }
    }
}
