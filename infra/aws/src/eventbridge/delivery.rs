//! The way of an event to a target, or to the target's dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::log::EventLog;
use crate::sqs::{Attribute, Message, Queue};

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
    /// Delivers an event as JSON text. What does not arrive is in the dead letters, else in this process's log.
    pub(super) fn deliver(&self, event: &str) {
        let Err(failure) = self.send(event) else { return };
        let Failure { code, message } = &failure;
        let buried = match &self.dead_letters {
            Some(queue) => send(queue, event, self.attributes(&failure)).map_err(|failure| failure.message),
            None => Err("there are no dead letters".to_owned()),
        };
        let (rule, target) = (&self.rule_arn, &self.arn);
        match buried {
            Ok(()) => tracing::warn!(rule, target, code, message, "an event goes to the dead letters"),
            Err(lost) => tracing::error!(rule, target, code, message, lost, "an event is lost"),
        }
    }

    fn send(&self, event: &str) -> Result<(), Failure> {
        match &self.destination {
            Destination::Queue(queue) => send(queue, event, BTreeMap::new()),
            Destination::Log(log) => log.append(event).map_err(|error| Failure {
                code: "ERROR_FROM_TARGET",
                message: error.to_string(),
            }),
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

fn send(queue: &Queue, event: &str, attributes: BTreeMap<String, Attribute>) -> Result<(), Failure> {
    let message = queue.check(Message::new(event.to_owned(), attributes));
    let message = message.map_err(|error| Failure {
        code: "INVALID_PARAMETER",
        message: error.to_string(),
    })?;
    queue.send(message, Duration::ZERO);
    Ok(())
}
