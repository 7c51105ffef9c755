//! `push-updates`: the publisher. Invoked every minute, by the first subscription and by the publisher itself, one invocation takes the lease of a
//! shard and ticks, and one stands by: it goes on when the first is killed, or hands over because its time is up.
//!
//! What is sent to whom is decided by [`live::Publisher`], which is pure; this crate reads, posts and keeps time.
//!
//! - [`standby`]: who publishes and who stands by; [`keep`]: how a lease is kept; [`run`]: the loop and the hand-over;
//!   [`pace`]: whose turn it is; `start`: what it starts from; [`tick`]: what one turn reads; [`apart`]: what is read beside the turns; [`post`]: frames to connections;
//!   [`catalogs`]: definitions of the clients that watch

pub mod apart;
pub mod catalogs;
pub mod keep;
mod listen;
pub mod pace;
pub mod post;
pub mod report;
pub mod run;
pub mod standby;
mod start;
pub mod tick;

use anyhow::{Context as _, Result};
use api::QueuedWake;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use database::Database;
use facts::notifications;
use lambda_runtime::LambdaEvent;
use platform::connections::Connections;
use platform::environment;
use platform::queue::Queue;
use registry::Registry;
use serde::Deserialize;
use serde_json::Value;

use crate::post::{POST_TIMEOUT, Poster};
use crate::report::Report;

/// What the function has from its environment.
pub struct Context {
    /// Facts, rollups, definitions.
    pub database: Database,
    /// The same, over a connection of its own: what is read apart from the ticks keeps none of them waiting.
    pub database_apart: Database,
    /// Connections, subscriptions, the lease.
    pub registry: Registry,
    /// The connections' endpoint.
    pub poster: Poster,
    /// Through which another invocation is called.
    pub wake_queue: Queue,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let configuration = platform::aws_configuration().await;
        let endpoint = environment::required("CONNECTIONS_ENDPOINT")?;
        let connections = Connections::new(&configuration, &endpoint, POST_TIMEOUT)?;
        Ok(Self {
            database: platform::database::from_environment()?.with_timeouts(run::TICK_TIMEOUTS),
            database_apart: platform::database::from_environment()?.with_timeouts(run::APART_TIMEOUTS),
            registry: Registry::connect_to(&configuration, environment::required("REGISTRY_TABLE")?),
            poster: Poster::new(connections),
            wake_queue: Queue::from_environment("PUBLISHER_WAKE_QUEUE_URL").await?,
        })
    }
}

/// Publishes for a shard.
///
/// # Errors
/// When the event names no shard, or the registry fails; what was sent stays sent.
pub async fn handle(context: &Context, event: LambdaEvent<Value>) -> Result<Report, lambda_runtime::Error> {
    let deadline_ms = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
    let deadline = jiff::Timestamp::from_millisecond(deadline_ms).unwrap_or(jiff::Timestamp::MAX);
    Ok(match request(event.payload)? {
        Request::Call(Call { shard, hand_over: true }) => {
            notifications::ask_for_handover(&context.database, shard).await?;
            Report::default()
        }
        Request::Call(Call { shard, .. }) => run::run(context, shard, deadline).await?,
        Request::Wake { shard, message } => {
            let run = Box::pin(run::run(context, shard, deadline));
            context.wake_queue.held(&message, standby::CALLED, run).await?
        }
    })
}

/// What an invocation came by.
#[derive(Debug)]
enum Request {
    Call(Call),
    /// A wake-up, with the message that is held while it is followed.
    Wake {
        shard: u32,
        message: Box<SqsMessage>,
    },
}

/// What an invocation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Call {
    shard: u32,
    /// Not to publish, but to have the publisher hand over to who stands by, as before a deployment.
    #[serde(default)]
    hand_over: bool,
}

/// A schedule's input, a queued wake-up, or an operator's order.
fn request(event: Value) -> Result<Request> {
    if let Ok(call) = Call::deserialize(&event) {
        return Ok(Request::Call(call));
    }
    let queued: SqsEvent =
        serde_json::from_value(event).context("the event is neither {\"shard\": n} nor a queued one")?;
    let message = queued.records.into_iter().next().context("the event has no message")?;
    let body = message.body.as_deref().unwrap_or_default();
    let QueuedWake { shard } = serde_json::from_str(body).context("the queued wake-up can't be read")?;
    Ok(Request::Wake {
        shard,
        message: Box::new(message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shard_comes_from_the_schedule_or_an_operator() {
        for (event, shard, hand_over) in [
            (json!({ "shard": 1 }), 1, false),
            (json!({ "shard": 3, "hand_over": true }), 3, true),
        ] {
            let Ok(Request::Call(call)) = request(event.clone()) else {
                panic!("{event}")
            };
            assert_eq!(call, Call { shard, hand_over }, "{event}");
        }
    }

    #[test]
    fn a_shard_comes_from_the_queue_with_its_message() {
        let queued = json!({ "Records": [{ "body": "{\"shard\": 2}", "receiptHandle": "ours" }] });
        let Ok(Request::Wake { shard, message }) = request(queued) else {
            panic!("it is a wake-up")
        };
        assert_eq!((shard, message.receipt_handle.as_deref()), (2, Some("ours")));
        for event in [
            json!({}),
            json!({ "Records": [] }),
            json!({ "Records": [{ "body": "2" }] }),
        ] {
            assert!(request(event.clone()).is_err(), "{event}");
        }
    }
}
