//! Connections: made, heard of again, ended.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{Delete, Put};
use jiff::Timestamp;
use live::Change;
use uuid::Uuid;

use crate::changes::Draft;
use crate::item::{self, EXPIRES_AT, Item, number, read_number, read_parsed, read_text, read_time, text, time};
use crate::keys::{self, Key};
use crate::transaction::{self, MAX_ATTEMPTS, MAX_TRANSACTION_ITEMS};
use crate::{Error, Registry, Result, shard_of};

/// How long a connection counts when nobody says that it ended: API Gateway's limit of two hours, and five minutes for clocks
/// and for connecting.
pub const CONNECTION_SECONDS: i64 = 2 * 60 * 60 + 5 * 60;

/// A WebSocket connection and who is at its other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The id that API Gateway gave it.
    pub id: String,
    /// The organisation whose data it may see.
    pub client: Uuid,
    /// The user who signed in.
    pub user: Uuid,
    /// The user's role, by name.
    pub role: String,
    /// When it was made.
    pub connected_at: Timestamp,
}

/// A connection as stored, with what its subscriptions are counted by.
pub(crate) struct Card {
    pub(crate) connection: Connection,
    pub(crate) next_channel: u32,
    pub(crate) topic_count: usize,
    pub(crate) expires_at: i64,
}

impl Registry {
    /// Remembers a new connection.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn connect(&self, connection: &Connection) -> Result<()> {
        let now = connection.connected_at;
        let shard = shard_of(&connection.id);
        let mut draft = Draft::new(shard, now);
        let change = Change::Connected {
            connection: connection.id.clone(),
            client: connection.client,
        };
        for attempt in 0..MAX_ATTEMPTS {
            // Told twice is told once; a card past its life belongs to nobody.
            if self.card(&connection.id, now).await?.is_some() {
                return Ok(());
            }
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(new_card(connection)))
                .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                .expression_attribute_values(":now", number(now.as_second()));
            if self.record(&mut draft, &change, vec![transaction::put(put)?]).await? {
                return Ok(());
            }
            transaction::pause(attempt).await;
        }
        Err(Error::Contended {
            action: "connect",
            attempts: MAX_ATTEMPTS,
        })
    }

    /// The connection, if it is there.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or the item can't be read.
    pub async fn connection(&self, id: &str, now: Timestamp) -> Result<Option<Connection>> {
        Ok(self.card(id, now).await?.map(|card| card.connection))
    }

    /// Notes that the connection was heard of, and says whether it is known: one that is not should connect again.
    ///
    /// It does not prolong the connection: API Gateway ends it after two hours whatever it does.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn touch(&self, id: &str, now: Timestamp) -> Result<bool> {
        let key = Key::in_shard(shard_of(id), keys::card(id));
        let touched = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", key.pk())
            .key("sk", key.sk())
            .update_expression("SET seen_at = :seen")
            .condition_expression("attribute_exists(pk) AND expires_at > :now")
            .expression_attribute_values(":seen", time(now))
            .expression_attribute_values(":now", number(now.as_second()))
            .send()
            .await;
        match touched {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                // Its own subscription is being written at this moment.
                Some(UpdateItemError::TransactionConflictException(_)) => Ok(true),
                _ => Err(Error::service("touch a connection")(error)),
            },
        }
    }

    /// Forgets a connection that ended, with its subscriptions. `false` when it was forgotten before.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn disconnect(&self, id: &str, now: Timestamp) -> Result<bool> {
        let forgotten = self.forget_card(id, now).await?;
        // Without a card nobody can subscribe, so what is found now is all there will be.
        self.forget_topics(id).await?;
        Ok(forgotten)
    }

    /// Forgets a connection that answered 410: `$disconnect` is sent on best effort only.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn prune(&self, id: &str, now: Timestamp) -> Result<bool> {
        self.disconnect(id, now).await
    }

    async fn forget_card(&self, id: &str, now: Timestamp) -> Result<bool> {
        let shard = shard_of(id);
        let key = Key::in_shard(shard, keys::card(id));
        let change = Change::Disconnected {
            connection: id.to_owned(),
        };
        let mut draft = Draft::new(shard, now);
        for attempt in 0..MAX_ATTEMPTS {
            if self.get(&key).await?.is_none() {
                return Ok(false);
            }
            let delete = Delete::builder()
                .table_name(&self.table)
                .key("pk", key.pk())
                .key("sk", key.sk())
                .condition_expression("attribute_exists(pk)");
            if self
                .record(&mut draft, &change, vec![transaction::delete(delete)?])
                .await?
            {
                return Ok(true);
            }
            transaction::pause(attempt).await;
        }
        Err(Error::Contended {
            action: "disconnect",
            attempts: MAX_ATTEMPTS,
        })
    }

    /// Removes what is left of a connection. What can't be removed now is ignored by readers, because its card is gone, and expires.
    async fn forget_topics(&self, id: &str) -> Result<()> {
        let shard = shard_of(id);
        let stored = self.query(shard, &keys::topics(id)).await?;
        for items in stored.chunks(MAX_TRANSACTION_ITEMS) {
            let mut deletes = Vec::with_capacity(items.len());
            for item in items {
                let key = Key::in_shard(shard, read_text(item, "sk")?);
                let delete = Delete::builder()
                    .table_name(&self.table)
                    .key("pk", key.pk())
                    .key("sk", key.sk());
                deletes.push(transaction::delete(delete)?);
            }
            self.transact(deletes).await?;
        }
        Ok(())
    }

    /// The connection as stored, if it is there and not past its life.
    pub(crate) async fn card(&self, id: &str, now: Timestamp) -> Result<Option<Card>> {
        let item = self.get(&Key::in_shard(shard_of(id), keys::card(id))).await?;
        item.filter(|item| item::is_live(item, now))
            .map(|item| read_card(&item))
            .transpose()
    }
}

fn new_card(connection: &Connection) -> Item {
    let mut card = item::keyed(&Key::in_shard(shard_of(&connection.id), keys::card(&connection.id)));
    card.extend([
        ("client".to_owned(), text(connection.client)),
        ("user".to_owned(), text(connection.user)),
        ("role".to_owned(), text(connection.role.as_str())),
        ("connected_at".to_owned(), time(connection.connected_at)),
        // Channel 0 is no channel.
        ("next_channel".to_owned(), number(1)),
        ("topic_count".to_owned(), number(0)),
        (
            EXPIRES_AT.to_owned(),
            number(connection.connected_at.as_second().saturating_add(CONNECTION_SECONDS)),
        ),
    ]);
    card
}

pub(crate) fn read_card(item: &Item) -> Result<Card> {
    let id = keys::connection_in(read_text(item, "sk")?).ok_or_else(|| item::malformed(item, "sk"))?;
    Ok(Card {
        connection: Connection {
            id: id.to_owned(),
            client: read_parsed(item, "client")?,
            user: read_parsed(item, "user")?,
            role: read_text(item, "role")?.to_owned(),
            connected_at: read_time(item, "connected_at")?,
        },
        next_channel: read_number(item, "next_channel")?,
        topic_count: read_number(item, "topic_count")?,
        expires_at: read_number(item, EXPIRES_AT)?,
    })
}

#[cfg(test)]
mod tests;
