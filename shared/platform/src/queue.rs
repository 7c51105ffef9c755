//! One SQS queue: sends to it, and says when a message is due again.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// Largest message that SQS takes (1 MiB since 2025).
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

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
        let config = crate::aws_configuration().await;
        Ok(Self {
            client: aws_sdk_sqs::Client::new(&config),
            url,
        })
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

    /// Lets a received message come back after `pause`, whatever the queue's own visibility timeout. `receipt` is its receipt
    /// handle; SQS counts whole seconds, twelve hours at most.
    ///
    /// # Errors
    /// When SQS does not do so after the SDK's own retries, or the message is not in flight.
    pub async fn return_after(&self, receipt: &str, pause: Duration) -> Result<()> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(i32::try_from(pause.as_secs())?)
            .send()
            .await
            .context("change a message's visibility")?;
        Ok(())
    }
}
