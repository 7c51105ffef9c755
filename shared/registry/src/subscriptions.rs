//! Subscriptions of a connection: one item for all topics of one message, so that a dashboard of a hundred KPIs is a
//! transaction of three items. A message has at most 200 topics of at most 900 bytes: 180 KB, half of what an item takes.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use jiff::Timestamp;
use live::{Change, MAX_TOPICS_PER_CONNECTION, Resume, Subscription};

use crate::connections::Card;
use crate::item::{self, EXPIRES_AT, Item, number, read_json, read_number, read_text, text};
use crate::keys::{self, Key};
use crate::transaction::{self, MAX_ATTEMPTS};
use crate::{Error, Peer, Quota, Registry, Result};

/// Items rewritten by one transaction: of DynamoDB's 100, two are the connection and the change.
const MAX_REWRITTEN_ITEMS: usize = 90;

/// Bytes rewritten by one transaction: DynamoDB takes 4 MB in all; one more item of 350 KB and the change fit beside it.
const MAX_REWRITTEN_BYTES: usize = 3 * 1024 * 1024;

/// The topics of one item that go and that stay.
struct Rewrite {
    key: Key,
    revision: u64,
    bytes: usize,
    removed: Vec<u32>,
    removed_rows: usize,
    kept: Vec<Subscription>,
}

impl Registry {
    /// Subscribes a connection and gives each topic its channel, which no other topic of the connection ever had.
    ///
    /// All or nothing. An empty list does nothing and records no change.
    ///
    /// # Errors
    /// When the connection is gone, it would hold more than [`MAX_TOPICS_PER_CONNECTION`] topics or its client more than
    /// [`MAX_TOPICS_PER_CLIENT`](crate::counts::MAX_TOPICS_PER_CLIENT), the client has changed
    /// [`MAX_TOPIC_CHANGES_PER_MINUTE`](crate::quotas::MAX_TOPIC_CHANGES_PER_MINUTE) in this minute, or DynamoDB does not answer.
    pub async fn subscribe(
        &self,
        peer: Peer<'_>,
        request: Option<String>,
        resume: Option<Resume>,
        mut subscriptions: Vec<Subscription>,
        now: Timestamp,
    ) -> Result<Vec<Subscription>> {
        if subscriptions.is_empty() {
            return Ok(subscriptions);
        }
        let card = self.present(peer, now).await?;
        // What a connection can't have is refused before it is counted.
        allot_channels(&card, &mut subscriptions)?;
        let owner = peer.owned_by(card.connection.user);
        let (count, rows) = (subscriptions.len(), rows_of(&subscriptions));
        self.take_topic_changes(peer.client, count, now).await?;
        self.count_in(Quota::ClientTopics, owner, count, now).await?;
        let mut counted_rows = 0;
        let subscribed = match self.count_in(Quota::UserRows, owner, rows, now).await {
            Ok(()) => {
                counted_rows = rows;
                self.write_subscriptions(peer, card, request, resume, subscriptions, now)
                    .await
            }
            Err(error) => Err(error),
        };
        if subscribed.is_err() {
            self.count_out(Quota::ClientTopics, owner, count).await;
            self.count_out(Quota::UserRows, owner, counted_rows).await;
        }
        subscribed
    }

    async fn write_subscriptions(
        &self,
        peer: Peer<'_>,
        mut card: Card,
        request: Option<String>,
        resume: Option<Resume>,
        mut subscriptions: Vec<Subscription>,
        now: Timestamp,
    ) -> Result<Vec<Subscription>> {
        for attempt in 0..MAX_ATTEMPTS {
            let next_channel = allot_channels(&card, &mut subscriptions)?;
            let writes = vec![
                self.count_more(&card, next_channel, &subscriptions)?,
                self.put_topics(&card, &subscriptions)?,
            ];
            let change = Change::Subscribed {
                connection: peer.id.to_owned(),
                client: peer.client,
                request: request.clone(),
                resume,
                subscriptions: subscriptions.clone(),
            };
            if self.record(peer.shard(), &change, writes, now).await? {
                return Ok(subscriptions);
            }
            transaction::pause(attempt).await;
            card = self.present(peer, now).await?;
        }
        Err(Error::Contended {
            action: "subscribe",
            attempts: MAX_ATTEMPTS,
        })
    }

    /// Ends subscriptions by their channels, and returns the channels that were there.
    ///
    /// # Errors
    /// When the connection is gone, the client has changed [`MAX_TOPIC_CHANGES_PER_MINUTE`](crate::quotas::MAX_TOPIC_CHANGES_PER_MINUTE) in this
    /// minute, or DynamoDB does not answer. What was ended before the error stays so.
    pub async fn unsubscribe(&self, peer: Peer<'_>, channels: &[u32], now: Timestamp) -> Result<Vec<u32>> {
        self.take_topic_changes(peer.client, channels.len(), now).await?;
        let mut ended = Vec::new();
        let mut attempt = 0;
        while attempt < MAX_ATTEMPTS {
            let card = self.present(peer, now).await?;
            let rewrites = self.plan_rewrites(peer, channels).await?;
            let removed: Vec<u32> = rewrites
                .iter()
                .flat_map(|rewrite| rewrite.removed.iter().copied())
                .collect();
            if removed.is_empty() {
                return Ok(ended);
            }
            let rows = rewrites.iter().map(|rewrite| rewrite.removed_rows).sum();
            let mut writes = vec![self.count_fewer(&card, removed.len(), rows)?];
            for rewrite in rewrites {
                writes.push(self.rewrite(rewrite)?);
            }
            let change = Change::Unsubscribed {
                connection: peer.id.to_owned(),
                channels: removed.clone(),
            };
            if self.record(peer.shard(), &change, writes, now).await? {
                let owner = peer.owned_by(card.connection.user);
                self.count_out(Quota::ClientTopics, owner, removed.len()).await;
                self.count_out(Quota::UserRows, owner, rows).await;
                ended.extend(removed);
                // Another look finds what one transaction could not hold.
                attempt = 0;
            } else {
                transaction::pause(attempt).await;
                attempt += 1;
            }
        }
        Err(Error::Contended {
            action: "unsubscribe",
            attempts: MAX_ATTEMPTS,
        })
    }

    async fn present(&self, peer: Peer<'_>, now: Timestamp) -> Result<Card> {
        let card = self.card(peer, now).await?;
        card.ok_or_else(|| Error::ConnectionGone {
            connection: peer.id.to_owned(),
        })
    }

    /// The items that hold any of the channels, as many as one transaction takes.
    async fn plan_rewrites(&self, peer: Peer<'_>, channels: &[u32]) -> Result<Vec<Rewrite>> {
        let mut planned = Vec::new();
        let mut bytes = 0;
        for item in self.query(peer.shard(), &keys::topics(peer.id)).await? {
            let rewrite = plan_rewrite(peer.shard(), &item, channels)?;
            if rewrite.removed.is_empty() {
                continue;
            }
            bytes += rewrite.bytes;
            planned.push(rewrite);
            if planned.len() == MAX_REWRITTEN_ITEMS || bytes > MAX_REWRITTEN_BYTES {
                break;
            }
        }
        Ok(planned)
    }

    /// Counts new topics on the connection, on the condition that no other message did meanwhile.
    fn count_more(&self, card: &Card, next_channel: u32, subscriptions: &[Subscription]) -> Result<TransactWriteItem> {
        let key = card.connection.peer().card();
        transaction::update(
            Update::builder()
                .table_name(&self.table)
                .key("pk", key.pk())
                .key("sk", key.sk())
                .update_expression(
                    "SET next_channel = :next, topic_count = topic_count + :topics, row_count = if_not_exists(row_count, :none) + :rows",
                )
                .condition_expression("next_channel = :first AND topic_count = :held")
                .expression_attribute_values(":first", number(card.next_channel))
                .expression_attribute_values(":held", number(card.topic_count))
                .expression_attribute_values(":next", number(next_channel))
                .expression_attribute_values(":none", number(0))
                .expression_attribute_values(":rows", number(rows_of(subscriptions)))
                .expression_attribute_values(":topics", number(subscriptions.len())),
        )
    }

    fn count_fewer(&self, card: &Card, topics: usize, rows: usize) -> Result<TransactWriteItem> {
        let key = card.connection.peer().card();
        transaction::update(
            Update::builder()
                .table_name(&self.table)
                .key("pk", key.pk())
                .key("sk", key.sk())
                .update_expression(
                    "SET topic_count = topic_count - :topics, row_count = if_not_exists(row_count, :rows) - :rows",
                )
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":rows", number(rows))
                .expression_attribute_values(":topics", number(topics)),
        )
    }

    fn put_topics(&self, card: &Card, subscriptions: &[Subscription]) -> Result<TransactWriteItem> {
        let peer = card.connection.peer();
        let mut item = item::keyed(&Key::in_shard(
            peer.shard(),
            keys::topics_from(peer.id, card.next_channel),
        ));
        item.extend([
            ("client".to_owned(), text(card.connection.client)),
            ("body".to_owned(), item::json("subscriptions", &subscriptions)?),
            ("revision".to_owned(), number(1)),
            (EXPIRES_AT.to_owned(), number(card.expires_at)),
        ]);
        transaction::put(Put::builder().table_name(&self.table).set_item(Some(item)))
    }

    /// Writes what stays, on the condition that no other message rewrote the item meanwhile.
    fn rewrite(&self, rewrite: Rewrite) -> Result<TransactWriteItem> {
        let (pk, sk) = (rewrite.key.pk(), rewrite.key.sk());
        if rewrite.kept.is_empty() {
            return transaction::delete(
                Delete::builder()
                    .table_name(&self.table)
                    .key("pk", pk)
                    .key("sk", sk)
                    .condition_expression("revision = :revision")
                    .expression_attribute_values(":revision", number(rewrite.revision)),
            );
        }
        transaction::update(
            Update::builder()
                .table_name(&self.table)
                .key("pk", pk)
                .key("sk", sk)
                .update_expression("SET body = :kept, revision = revision + :one")
                .condition_expression("revision = :revision")
                .expression_attribute_values(":kept", item::json("subscriptions", &rewrite.kept)?)
                .expression_attribute_values(":one", number(1))
                .expression_attribute_values(":revision", number(rewrite.revision)),
        )
    }
}

/// Buckets that subscriptions ask for.
fn rows_of(subscriptions: &[Subscription]) -> usize {
    let buckets = subscriptions
        .iter()
        .map(|subscription| usize::from(subscription.buckets));
    buckets.sum()
}

/// Numbers the subscriptions and returns the channel after them.
fn allot_channels(card: &Card, subscriptions: &mut [Subscription]) -> Result<u32> {
    let (held, asked) = (card.topic_count, subscriptions.len());
    let too_many = Error::TooManyTopics {
        held,
        asked,
        limit: MAX_TOPICS_PER_CONNECTION,
    };
    if held.saturating_add(asked) > MAX_TOPICS_PER_CONNECTION {
        return Err(too_many);
    }
    let mut channel = card.next_channel;
    for subscription in subscriptions {
        subscription.channel = channel;
        // Four billion subscriptions do not happen in two hours.
        let Some(next) = channel.checked_add(1) else {
            return Err(too_many);
        };
        channel = next;
    }
    Ok(channel)
}

fn plan_rewrite(shard: u32, item: &Item, channels: &[u32]) -> Result<Rewrite> {
    let (going, kept): (Vec<Subscription>, Vec<Subscription>) = read_topics(item)?
        .into_iter()
        .partition(|subscription| channels.contains(&subscription.channel));
    let removed_rows = rows_of(&going);
    Ok(Rewrite {
        removed_rows,
        key: Key::in_shard(shard, read_text(item, "sk")?),
        revision: read_number(item, "revision")?,
        bytes: read_text(item, "body")?.len(),
        removed: going.into_iter().map(|subscription| subscription.channel).collect(),
        kept,
    })
}

pub(crate) fn read_topics(item: &Item) -> Result<Vec<Subscription>> {
    read_json(item, "body")
}

#[cfg(test)]
mod tests;
