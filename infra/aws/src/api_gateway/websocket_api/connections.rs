//! The open connections, and what can be done to one from outside its own task.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::{Notify, mpsc};

use crate::clock;

/// One client's connection.
pub(super) struct Connection {
    pub(super) id: String,
    pub(super) connected_at: Timestamp,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
    /// What the authorizer said; part of every event.
    pub(super) authorizer: Option<Map<String, Value>>,
    last_active_ms: AtomicI64,
    outbound: mpsc::Sender<Bytes>,
    /// Somebody deletes the connection.
    pub(super) deleted: Notify,
}

/// Who a client is, before its connection exists.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) connected_at: Timestamp,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
    pub(super) authorizer: Option<Map<String, Value>>,
}

/// The client does not read, and its queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl Connection {
    /// A connection and the messages that go out on it.
    pub(super) fn new(client: Client, outbound_messages: usize) -> (Arc<Self>, mpsc::Receiver<Bytes>) {
        let (outbound, messages) = mpsc::channel(outbound_messages);
        let connection = Self {
            id: client.id,
            connected_at: client.connected_at,
            source_ip: client.source_ip,
            user_agent: client.user_agent,
            authorizer: client.authorizer,
            last_active_ms: AtomicI64::new(clock::now().as_millisecond()),
            outbound,
            deleted: Notify::new(),
        };
        (Arc::new(connection), messages)
    }

    /// Queues a message of somebody who does not wait.
    pub(super) fn try_send(&self, message: Bytes) -> Result<(), QueueFull> {
        match self.outbound.try_send(message) {
            // A closed queue is a client that is just going: the message is lost as it would be on the wire.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(QueueFull),
        }
    }

    /// Queues the answer to a message of the client itself, which can wait.
    pub(super) async fn send(&self, message: Bytes) {
        // An error means that the client is gone.
        let _ = self.outbound.send(message).await;
    }

    pub(super) fn touch(&self) {
        self.last_active_ms
            .store(clock::now().as_millisecond(), Ordering::Relaxed);
    }

    pub(super) fn last_active_at(&self) -> Timestamp {
        let last_active_ms = self.last_active_ms.load(Ordering::Relaxed);
        // Counted in milliseconds, so it could seem to lie before the moment of connecting.
        Timestamp::from_millisecond(last_active_ms).map_or(self.connected_at, |time| time.max(self.connected_at))
    }

    pub(super) fn idle_for(&self) -> Duration {
        Duration::try_from(clock::now().duration_since(self.last_active_at())).unwrap_or_default()
    }
}

/// All open connections. One is here from the moment its `$connect` was answered until it begins to close.
#[derive(Default)]
pub(super) struct Connections(Mutex<HashMap<String, Arc<Connection>>>);

impl Connections {
    pub(super) fn add(&self, connection: Arc<Connection>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(connection.id.clone(), connection);
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn remove(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
