//! `push-updates`: the publisher. Invoked every minute and by the first subscription, one invocation takes the lease of a
//! shard, ticks until shortly before its time limit, and hands over to the next.
//!
//! What is sent to whom is decided by [`live::Publisher`], which is pure; this crate reads, posts and keeps time.
//!
//! - [`run`]: lease, hand-over, the loop; `start`: what it starts from; [`tick`]: what one turn reads;
//!   [`post`]: frames to connections; [`catalogs`]: definitions of the clients that watch

pub mod catalogs;
pub mod post;
pub mod run;
mod start;
pub mod tick;

use anyhow::{Context as _, Result};
use api::QueuedWake;
use database::Database;
use lambda_runtime::LambdaEvent;
use platform::environment;
use registry::Registry;
use serde::Deserialize as _;
use serde_json::Value;

use crate::post::Poster;
use crate::run::{Report, Wake};

/// What the function has from its environment.
pub struct Context {
    /// Facts, rollups, definitions.
    pub database: Database,
    /// Connections, subscriptions, the lease.
    pub registry: Registry,
    /// The connections' endpoint.
    pub poster: Poster,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let configuration = platform::aws_configuration().await;
        Ok(Self {
            database: platform::database::from_environment()?.with_timeouts(run::TIMEOUTS),
            registry: Registry::connect_to(&configuration, environment::required("REGISTRY_TABLE")?),
            poster: Poster::new(&configuration, &environment::required("CONNECTIONS_ENDPOINT")?),
        })
    }
}

/// Publishes for a shard.
///
/// # Errors
/// When the event names no shard, or the registry fails; what was sent stays sent.
pub async fn handle(context: &Context, event: LambdaEvent<Value>) -> Result<Report, lambda_runtime::Error> {
    let (shard, wake) = request(&event.payload)?;
    let deadline_ms = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
    let deadline = jiff::Timestamp::from_millisecond(deadline_ms).unwrap_or(jiff::Timestamp::MAX);
    Ok(run::run(context, shard, wake, deadline).await?)
}

/// The shard of a schedule's input or of a queued wake-up.
fn request(event: &Value) -> Result<(u32, Wake)> {
    if let Ok(QueuedWake { shard }) = QueuedWake::deserialize(event) {
        return Ok((shard, Wake::Schedule));
    }
    let body = event
        .pointer("/Records/0/body")
        .and_then(Value::as_str)
        .context("the event is neither {\"shard\": n} nor a queued one")?;
    let QueuedWake { shard } = serde_json::from_str(body).context("the queued wake-up can't be read")?;
    Ok((shard, Wake::Subscription))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shard_comes_from_the_schedule_or_the_queue() {
        let queued = json!({ "Records": [{ "body": "{\"shard\": 2}" }] });
        assert!(matches!(request(&json!({ "shard": 1 })), Ok((1, Wake::Schedule))));
        assert!(matches!(request(&queued), Ok((2, Wake::Subscription))));
        assert!(request(&json!({})).is_err());
    }
}
