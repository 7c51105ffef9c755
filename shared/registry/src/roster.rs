//! Who is connected and what each is subscribed to, read whole.

use std::collections::{BTreeMap, BTreeSet};

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

    /// A client's topics that are watched and wanted, by topic id: so many of those whose ids follow `after`. No more of them is held meanwhile.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn subscriber_counts(
        &self,
        client: Uuid,
        after: &str,
        most: usize,
        now: Timestamp,
        is_wanted: impl Fn(&str, &Topic) -> bool,
    ) -> Result<BTreeMap<String, Subscribers>> {
        let mut counts: BTreeMap<String, Subscribers> = BTreeMap::new();
        self.each_watched(client, now, |topic| {
            let id = topic.id();
            if id.as_str() > after && is_wanted(&id, &topic) {
                let counted = counts.entry(id);
                counted.or_insert(Subscribers { topic, connections: 0 }).connections += 1;
                // One that is left out here is never among the first again.
                if counts.len() > most {
                    counts.pop_last();
                }
            }
        })
        .await?;
        Ok(counts)
    }

    /// How many connections are subscribed to one of a client's topics.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn subscriber_count(&self, topic: &Topic, now: Timestamp) -> Result<usize> {
        let mut count = 0;
        self.each_watched(topic.client, now, |watched| count += usize::from(watched == *topic))
            .await?;
        Ok(count)
    }

    /// Hands over what a client's connections are subscribed to, one connection after the other, each topic of one once. No more than one connection and
    /// a page is held.
    async fn each_watched(&self, client: Uuid, now: Timestamp, mut take: impl FnMut(Topic)) -> Result<()> {
        let mut current = Vec::new();
        self.each(shard_of(client), keys::CONNECTIONS, Some(client), |item| {
            if item::is_live(&item, now) {
                if read_text(&item, "sk")?.ends_with(keys::CARD) {
                    watched(&mut current).into_iter().for_each(&mut take);
                }
                enlist(&mut current, &item)?;
            }
            Ok(())
        })
        .await?;
        watched(&mut current).into_iter().for_each(take);
        Ok(())
    }

    async fn connections(&self, shard: u32, now: Timestamp) -> Result<Vec<(Connection, Vec<Subscription>)>> {
        let mut connections = Vec::new();
        self.each(shard, keys::CONNECTIONS, None, |item| {
            if item::is_live(&item, now) {
                enlist(&mut connections, &item)?;
            }
            Ok(())
        })
        .await?;
        Ok(connections)
    }
}

/// The topics of the connections read so far, which are forgotten.
fn watched(connections: &mut Vec<(Connection, Vec<Subscription>)>) -> BTreeSet<Topic> {
    let subscriptions = connections.drain(..).flat_map(|(_, subscriptions)| subscriptions);
    subscriptions.map(|subscription| subscription.topic).collect()
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
