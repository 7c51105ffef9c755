//! SQS: the queues of the template, the protocol that the SDKs speak, and the mappings that invoke functions.
//!
//! Standard queues only. They work in memory and keep in the [store](crate::store) what was sent, so that a restart finds it.
//! Messages with a `MessageGroupId` make a queue fair: see [`line`].

pub(crate) mod kept;
mod line;
mod message;
mod operations;
mod protocol;
mod queue;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
pub use message::{Attribute, MESSAGE_BYTES, Message, MessageError};
pub use queue::{Choice, Counts, Queue, ReceiptError, Received, Redrive, Want};
pub use source::{DEFAULT_CONCURRENCY, EventSource};
use tokio::net::TcpListener;

use self::kept::Kept;
use crate::account::ACCOUNT;
use crate::gate::Gate;
use crate::store::Store;
use crate::tasks::Tasks;
use crate::template::{BucketNotification, Template};

/// All queues of a stand-in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Queues {
    address: SocketAddr,
    by_id: Arc<BTreeMap<String, Arc<Queue>>>,
    by_name: Arc<BTreeMap<String, Arc<Queue>>>,
}

impl Queues {
    /// Makes the template's queues and serves them on `listener`. `visibility` replaces every queue's own timeout, for tests
    /// that wait for a message to come back. Without a `store` messages live as long as the process.
    ///
    /// # Errors
    /// When a redrive policy names a queue that is not there, the store can't be read, or the listener has no address.
    pub fn start(
        tasks: &mut Tasks,
        listener: TcpListener,
        template: &Template,
        visibility: Option<Duration>,
        store: Option<&Store>,
    ) -> anyhow::Result<Self> {
        let mut by_id = BTreeMap::new();
        for described in &template.queues {
            let visibility = visibility.unwrap_or(Duration::from_secs(described.visibility_timeout_s));
            let retention = Duration::from_secs(described.retention_s);
            let queue = Queue::new(described.name.clone(), visibility, retention);
            let mut queue = queue.with_message_bytes(described.message_bytes);
            if let Some(store) = store {
                let kept = Kept::new(store.clone(), &described.name);
                queue = queue.kept(kept).with_context(|| format!("queue {}", described.name))?;
            }
            by_id.insert(described.logical_id.clone(), Arc::new(queue));
        }
        for queue in &template.queues {
            let Some((dead_letters, max_receives)) = &queue.redrive else {
                continue;
            };
            let target = by_id
                .get(dead_letters)
                .with_context(|| format!("queue {} has no dead letters {dead_letters}", queue.name))?;
            if let Some(source) = by_id.get(&queue.logical_id) {
                source.set_redrive(Redrive {
                    queue: Arc::clone(target),
                    max_receives: *max_receives,
                });
            }
        }
        let by_name = by_id
            .values()
            .map(|queue| (queue.name.clone(), Arc::clone(queue)))
            .collect();
        let queues = Self {
            address: listener.local_addr()?,
            by_id: Arc::new(by_id),
            by_name: Arc::new(by_name),
        };
        tasks.serve(listener, protocol::router(queues.clone()), Gate::Signed)?;
        Ok(queues)
    }

    /// The event source mappings of the template, ready to run.
    ///
    /// # Errors
    /// When a mapping names a queue that is not there.
    pub fn sources(&self, template: &Template) -> anyhow::Result<Vec<EventSource>> {
        template
            .queue_sources
            .iter()
            .map(|source| {
                let queue = self.by_id.get(&source.queue);
                let queue =
                    queue.with_context(|| format!("function {} has no queue {}", source.function, source.queue))?;
                let concurrency = source
                    .max_concurrency
                    .map_or(Ok(DEFAULT_CONCURRENCY), usize::try_from)?;
                Ok(EventSource {
                    queue: Arc::clone(queue),
                    function: source.function.clone(),
                    batch_size: source.batch_size,
                    window: Duration::from_secs(source.window_s),
                    max_concurrency: concurrency,
                    report_item_failures: source.report_item_failures,
                })
            })
            .collect()
    }

    /// The queues that hear of created objects, each with what it wants to hear of.
    ///
    /// # Errors
    /// When a notification names a queue that is not there.
    pub fn destinations(&self, template: &Template) -> anyhow::Result<Vec<(BucketNotification, Arc<Queue>)>> {
        let notifications = template.bucket_notifications.iter().map(|notification| {
            let queue = self.by_id.get(&notification.queue);
            let queue =
                queue.with_context(|| format!("bucket {} has no queue {}", notification.bucket, notification.queue))?;
            Ok((notification.clone(), Arc::clone(queue)))
        });
        notifications.collect()
    }

    /// The queue with this key under `Resources`.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Arc<Queue>> {
        self.by_id.get(id).cloned()
    }

    /// The queue of this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Arc<Queue>> {
        self.by_name.get(name).cloned()
    }

    /// The URL by which SDKs know a queue.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{ACCOUNT}/{name}", self.address)
    }
}

/// What SQS tells about a message, every value as text.
fn system_attributes(message: &Message) -> BTreeMap<&'static str, String> {
    let mut attributes = BTreeMap::from([
        ("ApproximateReceiveCount", message.receives.to_string()),
        ("SentTimestamp", message.sent_ms.to_string()),
        ("SenderId", ACCOUNT.to_owned()),
    ]);
    if let Some(first) = message.first_received_ms {
        attributes.insert("ApproximateFirstReceiveTimestamp", first.to_string());
    }
    if let Some(group) = &message.group {
        attributes.insert("MessageGroupId", group.to_string());
    }
    attributes
}
