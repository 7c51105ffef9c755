//! What wakes the publisher between its ticks: commits of facts, and what subscribers and administrators did.

use database::{Database, Error, Session, listener};
use futures::FutureExt as _;
use futures::future::{select_all, try_join_all};
use uuid::Uuid;

use crate::commit::Committed;

/// What the payload begins with by which a shard's publisher is asked to hand over.
const HANDOVER: &str = "handover ";

/// Something that was committed.
#[derive(Clone, Debug)]
pub enum Notification {
    /// Facts.
    Facts(Committed),
    /// Subscriptions of a shard; its publisher looks at once.
    Subscriptions(u32),
    /// The publisher of a shard is asked to hand over.
    Handover(u32),
    /// Definitions of a client.
    Catalog(Uuid),
}

impl Notification {
    /// Reads a notification; `None` when it can't be understood.
    fn of(channel: &str, payload: &str) -> Option<Self> {
        match channel {
            "facts" => serde_json::from_str(payload).ok().map(Self::Facts),
            "subscriptions" => match payload.strip_prefix(HANDOVER) {
                Some(shard) => shard.parse().ok().map(Self::Handover),
                None => payload.parse().ok().map(Self::Subscriptions),
            },
            _ => payload.parse().ok().map(Self::Catalog),
        }
    }
}

/// Hears every commit of every database, while [`Listener::is_sound`] holds.
pub struct Listener {
    connections: Vec<listener::Listener>,
    understood: bool,
}

impl Listener {
    /// Connects to home and to each cell, and listens.
    ///
    /// # Errors
    /// When a server can't be reached.
    pub async fn start(database: &Database) -> Result<Self, Error> {
        let databases: Vec<Database> = database.each().map(|(_, database)| database).collect();
        let connections = databases
            .iter()
            .map(|database| listener::Listener::start(database, &["facts", "subscriptions", "catalog"]));
        Ok(Self {
            connections: try_join_all(connections).await?,
            understood: true,
        })
    }

    /// The next notification; `None` once a connection is gone.
    pub async fn next(&mut self) -> Option<Notification> {
        loop {
            let waiting = self.connections.iter_mut().map(|connection| connection.next().boxed());
            let (next, ..) = select_all(waiting).await;
            let (channel, payload) = next?;
            if let Some(notification) = self.read(&channel, &payload) {
                return Some(notification);
            }
        }
    }

    /// A notification that is there already.
    pub fn try_next(&mut self) -> Option<Notification> {
        loop {
            let (channel, payload) = self.connections.iter_mut().find_map(listener::Listener::try_next)?;
            if let Some(notification) = self.read(&channel, &payload) {
                return Some(notification);
            }
        }
    }

    /// Whether no notification was lost so far. One that can't be understood is lost.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.understood && self.connections.iter().all(listener::Listener::is_sound)
    }

    fn read(&mut self, channel: &str, payload: &str) -> Option<Notification> {
        let notification = Notification::of(channel, payload);
        self.understood &= notification.is_some();
        notification
    }
}

/// Tells whoever keeps a client's definitions that they changed, at the commit of the running transaction.
///
/// # Errors
/// When the statement fails.
pub async fn definitions_changed(session: &Session, client: Uuid) -> Result<(), Error> {
    let sql = "SELECT pg_notify('catalog', $1)";
    session.execute(sql, &[&client.to_string()]).await.map(drop)
}

/// Tells a shard's publisher that subscriptions changed.
///
/// # Errors
/// When the statement fails.
pub async fn subscriptions_changed(database: &Database, shard: u32) -> Result<(), Error> {
    tell(database, &shard.to_string()).await
}

/// Asks a shard's publisher to hand over to who stands by.
///
/// # Errors
/// When the statement fails.
pub async fn ask_for_handover(database: &Database, shard: u32) -> Result<(), Error> {
    tell(database, &format!("{HANDOVER}{shard}")).await
}

async fn tell(database: &Database, payload: &str) -> Result<(), Error> {
    let session = database.session().await?;
    let sql = "SELECT pg_notify('subscriptions', $1)";
    session.execute(sql, &[&payload]).await.map(drop)
}
