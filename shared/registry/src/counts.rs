//! How many connections and topics clients and users have, against what they may have.
//!
//! A count is a number that is added to, because counting items each time would cost a large client a second. What dies before it takes itself out of the count,
//! such as a function that is killed or a `$disconnect` that never comes, would make it too large for ever. So who is refused by the number is refused
//! only once the items themselves were counted, and those expire.

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::connections::{CONNECTION_SECONDS, read_card};
use crate::item::{self, EXPIRES_AT, Item, number, read_number, text, time};
use crate::keys::{self, Key};
use crate::lease::changed;
use crate::{Error, Peer, Registry, Result, shard_of};

/// Connections of one user: a dashboard has one, and somebody with five screens and twenty tabs on each is in nobody's way.
pub const MAX_CONNECTIONS_PER_USER: usize = 100;

/// Connections of one client. Its publisher posts some 2,500 frames a second: one to each every two seconds while all of them change.
pub const MAX_CONNECTIONS_PER_CLIENT: usize = 5_000;

/// Topics of one client over all its connections, those that several watch counted for each: 500 viewers with dashboards of 100. At some 400 bytes they are 20 MB
/// of a hand-over's 22.
pub const MAX_TOPICS_PER_CLIENT: usize = 50_000;

/// Buckets that one user's topics ask for together, over all its connections: twenty with full snapshots of 10,000, or 33 dashboards of 100 charts of an hour of
/// minutes. It is two fifths of what a publisher keeps of the whole client.
pub const MAX_ROWS_PER_USER: usize = 200_000;

/// How often a client's items are counted at most because it is refused: that reads all items of its shard.
const RECOUNT_EVERY: SignedDuration = SignedDuration::from_secs(10);

/// How old the last counting of items may be for [`Registry::usage`].
const USAGE_LIFE: SignedDuration = SignedDuration::from_secs(60);

const CONNECTIONS: &str = "connections";
const TOPICS: &str = "topics";
const ROWS: &str = "row_count";
const COUNTED_AT: &str = "counted_at";

/// What a client or a user may have only so many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Connections of a user.
    UserConnections,
    /// Connections of a client.
    ClientConnections,
    /// Topics of a client.
    ClientTopics,
    /// Buckets that a user's topics ask for.
    UserRows,
}

impl Quota {
    /// How many.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::UserConnections => MAX_CONNECTIONS_PER_USER,
            Self::ClientConnections => MAX_CONNECTIONS_PER_CLIENT,
            Self::ClientTopics => MAX_TOPICS_PER_CLIENT,
            Self::UserRows => MAX_ROWS_PER_USER,
        }
    }

    fn attribute(self) -> &'static str {
        match self {
            Self::UserConnections | Self::ClientConnections => CONNECTIONS,
            Self::ClientTopics => TOPICS,
            Self::UserRows => ROWS,
        }
    }

    fn key(self, of: Owner) -> Key {
        let is_users = matches!(self, Self::UserConnections | Self::UserRows);
        Key::count(of.client, is_users.then_some(of.user))
    }
}

/// Whose things are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) client: Uuid,
    pub(crate) user: Uuid,
}

/// How many there are and may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How many there are.
    pub used: usize,
    /// How many there may be.
    pub limit: usize,
}

/// What a client has of what it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Its connections.
    pub connections: Counted,
    /// The topics of all of them.
    pub topics: Counted,
}

/// What the items of a client say.
#[derive(Debug, Default)]
struct Items {
    connections: usize,
    of_user: usize,
    topics: usize,
    rows_of_user: usize,
}

impl Registry {
    /// What a client has now. What was killed may be among it for a minute.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn usage(&self, client: Uuid, now: Timestamp) -> Result<Usage> {
        let nobody = Owner {
            client,
            user: Uuid::nil(),
        };
        if let Some(item) = self.claim_recount(&Key::count(client, None), USAGE_LIFE, now).await? {
            self.recount(nobody, &item, now).await?;
        }
        let item = self.get(&Key::count(client, None)).await?.unwrap_or_default();
        let counted = |quota: Quota| Counted {
            used: read_count(&item, quota.attribute()),
            limit: quota.limit(),
        };
        Ok(Usage {
            connections: counted(Quota::ClientConnections),
            topics: counted(Quota::ClientTopics),
        })
    }

    /// Counts so many more.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] when there would be too many, also by the items themselves; or DynamoDB does not answer.
    pub(crate) async fn count_in(&self, quota: Quota, of: Owner, more: usize, now: Timestamp) -> Result<()> {
        if self.add(quota, of, more, now).await? {
            return Ok(());
        }
        let key = quota.key(of);
        if let Some(mut item) = self.claim_recount(&key, RECOUNT_EVERY, now).await? {
            let of_client = Key::count(of.client, None);
            if key != of_client {
                item = self.get(&of_client).await?.unwrap_or_default();
            }
            self.recount(of, &item, now).await?;
            if self.add(quota, of, more, now).await? {
                return Ok(());
            }
        }
        Err(Error::QuotaExceeded {
            quota,
            asked: more,
            limit: quota.limit(),
        })
    }

    /// Counts so many fewer. That it was not done is no reason to fail: what is left over is found when it matters.
    pub(crate) async fn count_out(&self, quota: Quota, of: Owner, fewer: usize) {
        if fewer == 0 {
            return;
        }
        let key = quota.key(of);
        let update = self
            .update(&key)
            .update_expression("SET #count = #count - :fewer")
            // Counted anew in between, it may be less already.
            .condition_expression("#count >= :fewer")
            .expression_attribute_names("#count", quota.attribute())
            .expression_attribute_values(":fewer", number(fewer));
        if let Err(cause) = changed(update).await {
            tracing::warn!(client = %of.client, ?quota, %cause, "what ended is counted for a while");
        }
    }

    /// Adds to a count where there is room.
    async fn add(&self, quota: Quota, of: Owner, more: usize, now: Timestamp) -> Result<bool> {
        let Some(room) = quota.limit().checked_sub(more) else {
            return Ok(false);
        };
        let key = quota.key(of);
        let update = self
            .update(&key)
            .update_expression("ADD #count :more SET #expires = :expires")
            .condition_expression("attribute_not_exists(#count) OR #count <= :room")
            .expression_attribute_names("#count", quota.attribute())
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":more", number(more))
            .expression_attribute_values(":room", number(room))
            .expression_attribute_values(":expires", number(now.as_second().saturating_add(CONNECTION_SECONDS)));
        Ok(changed(update).await?.is_some())
    }

    /// Takes it upon itself to count a client's items because of one of its counts, where that was not begun within `life`; tells the count as it is then. Of many who are refused at one
    /// moment one counts, and the others are refused at once.
    async fn claim_recount(&self, key: &Key, life: SignedDuration, now: Timestamp) -> Result<Option<Item>> {
        let update = self
            .update(key)
            .update_expression(format!("SET {COUNTED_AT} = :now, #expires = :expires"))
            .condition_expression(format!("attribute_not_exists({COUNTED_AT}) OR {COUNTED_AT} <= :before"))
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":before", time(now.checked_sub(life).unwrap_or(Timestamp::MIN)))
            .expression_attribute_values(":expires", number(now.as_second().saturating_add(CONNECTION_SECONDS)))
            .return_values(ReturnValue::AllNew);
        changed(update).await
    }

    /// Sets the counts of a client and a user to what their items say, unless somebody counted meanwhile. `before` is the client's count.
    async fn recount(&self, of: Owner, before: &Item, now: Timestamp) -> Result<()> {
        let user = self.get(&Quota::UserConnections.key(of)).await?;
        let items = self.items(of, now).await?;
        tracing::info!(client = %of.client, connections = items.connections, topics = items.topics, "counted what a client has");
        let counted = self
            .set_counts(
                &Key::count(of.client, None),
                before,
                &[(CONNECTIONS, items.connections), (TOPICS, items.topics)],
                now,
            )
            .await?;
        if let Some(user) = user.filter(|_| counted) {
            self.set_counts(
                &Quota::UserConnections.key(of),
                &user,
                &[(CONNECTIONS, items.of_user), (ROWS, items.rows_of_user)],
                now,
            )
            .await?;
        }
        Ok(())
    }

    async fn set_counts(&self, key: &Key, before: &Item, counts: &[(&str, usize)], now: Timestamp) -> Result<bool> {
        let expires = now.as_second().saturating_add(CONNECTION_SECONDS);
        let mut update = self
            .update(key)
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":expires", number(expires));
        let (mut sets, mut conditions) = (format!("{COUNTED_AT} = :now, {EXPIRES_AT} = :expires"), Vec::new());
        for (name, count) in counts {
            sets.push_str(&format!(", {name} = :{name}"));
            update = update.expression_attribute_values(format!(":{name}"), number(count));
            match before.get(*name) {
                Some(value) => {
                    conditions.push(format!("{name} = :{name}_before"));
                    update = update.expression_attribute_values(format!(":{name}_before"), value.clone());
                }
                None => conditions.push(format!("attribute_not_exists({name})")),
            }
        }
        let update = update
            .update_expression(format!("SET {sets}"))
            .condition_expression(conditions.join(" AND "));
        Ok(changed(update).await?.is_some())
    }

    /// Counts the cards of a client.
    async fn items(&self, of: Owner, now: Timestamp) -> Result<Items> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .filter_expression("client = :client AND attribute_exists(topic_count)")
            .expression_attribute_values(":pk", text(keys::partition(shard_of(of.client))))
            .expression_attribute_values(":prefix", text(keys::CONNECTIONS))
            .expression_attribute_values(":client", text(of.client))
            .into_paginator()
            .items()
            .send();
        let mut items = Items::default();
        while let Some(item) = pages.next().await {
            let item = item.map_err(Error::service("count connections"))?;
            if item::is_live(&item, now) {
                let card = read_card(&item)?;
                items.connections += 1;
                if card.connection.user == of.user {
                    items.of_user += 1;
                    items.rows_of_user += card.row_count;
                }
                items.topics += card.topic_count;
            }
        }
        Ok(items)
    }
}

fn read_count(item: &Item, attribute: &'static str) -> usize {
    read_number(item, attribute).unwrap_or(0)
}

impl Peer<'_> {
    pub(crate) fn owned_by(self, user: Uuid) -> Owner {
        Owner {
            client: self.client,
            user,
        }
    }
}

#[cfg(test)]
mod tests;
