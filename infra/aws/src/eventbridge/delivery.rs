//! The way of an event to a target, or to the target's dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::log::EventLog;
use crate::sqs::{Attribute, Message, Queue};
use crate::store::StoreError;

/// Where a rule sends events.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) rule_arn: String,
    pub(super) arn: String,
    pub(super) destination: Destination,
    pub(super) dead_letters: Option<Arc<Queue>>,
}

#[derive(Debug)]
pub(super) enum Destination {
    Queue(Arc<Queue>),
    Log(Arc<EventLog>),
}

/// Why a target did not take an event, as EventBridge tells it to the dead letters.
struct Failure {
    code: &'static str,
    message: String,
}

impl Target {
    /// Delivers an event as JSON text. What a target does not take is in the dead letters, else in this process's log.
    ///
    /// # Errors
    /// When a queue can't keep it: nothing is known of the event then, and its sender is to try again.
    pub(super) async fn deliver(&self, event: &str) -> Result<(), StoreError> {
        let Err(failure) = self.send(event).await? else {
            return Ok(());
        };
        let Failure { code, message } = &failure;
        let buried = match &self.dead_letters {
            Some(queue) => send(queue, event, self.attributes(&failure))
                .await?
                .map_err(|failure| failure.message),
            None => Err("there are no dead letters".to_owned()),
        };
        let (rule, target) = (&self.rule_arn, &self.arn);
        match buried {
            Ok(()) => tracing::warn!(rule, target, code, message, "an event goes to the dead letters"),
            Err(lost) => tracing::error!(rule, target, code, message, lost, "an event is lost"),
        }
        Ok(())
    }

    async fn send(&self, event: &str) -> Result<Result<(), Failure>, StoreError> {
        match &self.destination {
            Destination::Queue(queue) => send(queue, event, BTreeMap::new()).await,
            Destination::Log(log) => Ok(log.append(event).map_err(|error| Failure {
                code: "ERROR_FROM_TARGET",
                message: error.to_string(),
            })),
        }
    }

    fn attributes(&self, failure: &Failure) -> BTreeMap<String, Attribute> {
        [
            ("RULE_ARN", self.rule_arn.as_str()),
            ("TARGET_ARN", self.arn.as_str()),
            ("ERROR_CODE", failure.code),
            ("ERROR_MESSAGE", failure.message.as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), Attribute::text(value)))
        .into()
    }
}

/// The inner error is the queue's refusal.
async fn send(
    queue: &Queue,
    event: &str,
    attributes: BTreeMap<String, Attribute>,
) -> Result<Result<(), Failure>, StoreError> {
    match queue.check(Message::new(event.to_owned(), attributes)) {
        Ok(message) => queue.send(message, Duration::ZERO).await.map(Ok),
        Err(error) => Ok(Err(Failure {
            code: "INVALID_PARAMETER",
            message: error.to_string(),
        })),
    }
}
