//! One SQS queue: sends to it, and says when a message is due again.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, QueueAttributeName};
use service::{Failure, Service};

/// Largest message that SQS takes (1 MiB since 2025).
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// Messages of one request, as SQS takes them.
pub const MAX_ENTRIES: usize = 10;

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

/// How a message is held that is worked on for long.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// It is hidden for so long.
    pub hidden: Duration,
    /// And hidden anew so often: a few times in that time, so that one that fails does no harm.
    pub renewed: Duration,
}

impl Beat {
    /// A minute, three times a minute.
    pub const MINUTE: Self = Self {
        hidden: Duration::from_secs(60),
        renewed: Duration::from_secs(20),
    };
}

/// How often a message was received, this time included.
#[must_use]
pub fn receives(message: &SqsMessage) -> u32 {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// How many messages a queue has, as SQS counts: about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Messages that wait to be received.
    pub waiting: u64,
    /// Messages that are worked on, or come back after a pause.
    pub in_flight: u64,
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
        self.put(None, body).await
    }

    /// As [`Self::send`], in a group, such as a client. A queue that holds many messages of one group gives those of others first, so that none waits
    /// for what another has sent. (SQS calls this a fair queue: messages of a group are neither ordered nor held back.)
    ///
    /// # Errors
    /// When SQS does not take it after the SDK's own retries.
    pub async fn send_in_group(&self, group: impl ToString, body: String) -> Result<()> {
        self.put(Some(group.to_string()), body).await
    }

    async fn put(&self, group: Option<String>, body: String) -> Result<()> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .set_message_group_id(group)
            .message_body(body)
            .send()
            .await
            .map_err(Failure::from_call(Service::Queue))
            .context("send to queue")?;
        Ok(())
    }

    /// How many messages wait in the queue, are being worked on, and wait for their pause.
    ///
    /// # Errors
    /// When SQS does not tell after the SDK's own retries.
    pub async fn depth(&self) -> Result<Depth> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let asked = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = asked.set_attribute_names(Some(names.to_vec())).send().await;
        let answer = answer
            .map_err(Failure::from_call(Service::Queue))
            .context("ask for a queue's depth")?;
        let count = |name: &QueueAttributeName| {
            let count = answer.attributes().and_then(|all| all.get(name));
            count
                .and_then(|count| count.parse().ok())
                .context("the queue does not tell its depth")
        };
        Ok(Depth {
            waiting: count(&names[0])?,
            in_flight: count(&names[1])?,
        })
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

    /// Hides a received message while it is worked on, for a beat at a time: where the function is killed meanwhile, another one takes it up within that
    /// time, and not only after the queue's own visibility timeout. Where SQS does not do so, that timeout stays, and the log says so.
    pub async fn held<T>(&self, message: &SqsMessage, beat: Beat, work: impl Future<Output = T>) -> T {
        // Side by side: who works on it waits for no answer of SQS.
        tokio::select! {
            done = work => done,
            never = self.keep_hidden(message, beat) => match never {},
        }
    }

    async fn keep_hidden(&self, message: &SqsMessage, beat: Beat) -> Infallible {
        loop {
            if let Err(error) = self.hide(message, beat.hidden).await {
                let cause = format!("{error:#}");
                tracing::warn!(
                    message = message.message_id,
                    cause,
                    "the message stays hidden as long as the queue says"
                );
            }
            tokio::time::sleep(beat.renewed).await;
        }
    }

    /// Hides received messages for so long from now, whatever the queue's own visibility timeout: where the function is killed, another one takes them up
    /// after that. Where SQS does not do so, the queue's timeout stays, and the log says so.
    pub async fn hide_all(&self, receipts: &[String], pause: Duration) {
        for part in receipts.chunks(MAX_ENTRIES) {
            if let Err(error) = self.hide_each(part, pause).await {
                let cause = format!("{error:#}");
                tracing::warn!(cause, "messages stay hidden as long as the queue says");
            }
        }
    }

    async fn hide_each(&self, receipts: &[String], pause: Duration) -> Result<()> {
        let seconds = i32::try_from(pause.as_secs())?;
        let entry = |(position, receipt): (usize, &String)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(position.to_string())
                .receipt_handle(receipt)
                .visibility_timeout(seconds)
                .build()
        };
        let entries: Vec<_> = receipts.iter().enumerate().map(entry).collect::<Result<_, _>>()?;
        let asked = self.client.change_message_visibility_batch().queue_url(&self.url);
        let answer = asked.set_entries(Some(entries)).send().await;
        let answer = answer
            .map_err(Failure::from_call(Service::Queue))
            .context("change the visibility of messages")?;
        let failed = answer.failed();
        anyhow::ensure!(
            failed.is_empty(),
            "{} of {} messages: {failed:?}",
            failed.len(),
            receipts.len()
        );
        Ok(())
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
            .map_err(Failure::from_call(Service::Queue))
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
