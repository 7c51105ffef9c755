//! Who is connected and what each is subscribed to, read whole.

use std::collections::BTreeMap;

use jiff::Timestamp;
use live::{Subscription, Topic};
use uuid::Uuid;

use crate::connections::read_card;
use crate::item::{self, Item, read_text};
use crate::subscriptions::read_topics;
use crate::{Connection, Registry, Result, keys, shard_of};

/// Everybody of one shard, as of a number in the sequence of changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Roster {
    /// All changes up to this one are contained: follow from here. Some later ones are contained too and come again.
    pub sequence: u64,
    /// Connections by id, each with its subscriptions by channel.
    pub connections: Vec<(Connection, Vec<Subscription>)>,
}

/// A topic and how many connections are subscribed to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribers {
    /// The topic.
    pub topic: Topic,
    /// Connections; one that subscribed twice counts once.
    pub connections: usize,
}

impl Registry {
    /// Everybody of one shard: read once, then follow [`Registry::changes`] after its sequence.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn roster(&self, shard: u32, now: Timestamp) -> Result<Roster> {
        // In this order: what is not settled before reading comes again as a change.
        let sequence = self.settle(shard, now).await?;
        let connections = self.connections(shard, now).await?;
        Ok(Roster { sequence, connections })
    }

    /// A client's topics that are watched, by topic id.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn subscriber_counts(&self, client: Uuid, now: Timestamp) -> Result<BTreeMap<String, Subscribers>> {
        let mut counts: BTreeMap<String, Subscribers> = BTreeMap::new();
        for (connection, subscriptions) in self.connections(shard_of(client), now).await? {
            if connection.client != client {
                continue;
            }
            let topics: BTreeMap<String, Topic> = subscriptions
                .into_iter()
                .map(|subscription| (subscription.topic.id(), subscription.topic))
                .collect();
            for (id, topic) in topics {
                counts
                    .entry(id)
                    .or_insert(Subscribers { topic, connections: 0 })
                    .connections += 1;
            }
        }
        Ok(counts)
    }

    async fn connections(&self, shard: u32, now: Timestamp) -> Result<Vec<(Connection, Vec<Subscription>)>> {
        let mut connections = Vec::new();
        for item in self.query(shard, keys::CONNECTIONS).await? {
            if item::is_live(&item, now) {
                enlist(&mut connections, &item)?;
            }
        }
        Ok(connections)
    }
}

/// Adds an item to the connections read so far. A card sorts before its topics, so topics without one are of a connection that
/// ended while it subscribed: left to expire.
fn enlist(connections: &mut Vec<(Connection, Vec<Subscription>)>, item: &Item) -> Result<()> {
    let sk = read_text(item, "sk")?;
    let id = keys::connection_in(sk).ok_or_else(|| item::malformed(item, "sk"))?;
    if sk == keys::card(id) {
        connections.push((read_card(item)?.connection, Vec::new()));
    } else if let Some((connection, subscriptions)) = connections.last_mut()
        && connection.id == id
    {
        subscriptions.extend(read_topics(item)?);
    }
    Ok(())
}
