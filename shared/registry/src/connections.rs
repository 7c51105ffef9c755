//! Connections: made, heard of again, ended.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::Delete;
use jiff::Timestamp;
use live::Change;
use uuid::Uuid;

use crate::item::{self, EXPIRES_AT, Item, number, read_number, read_parsed, read_text, read_time, text, time};
use crate::keys::{self, Key};
use crate::transaction::{self, MAX_ATTEMPTS, MAX_TRANSACTION_ITEMS, Transacted};
use crate::{Error, Quota, Registry, Result, SessionId, shard_of};

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
    /// The session whose token it was made with, and with which it ends; `None` where a version before made it.
    pub session: Option<Uuid>,
    /// When it was made.
    pub connected_at: Timestamp,
}

/// What the items of a connection are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The organisation, whose shard they are in.
    pub client: Uuid,
    /// The id that API Gateway gave the connection.
    pub id: &'a str,
}

impl Connection {
    /// The session with which it ends.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        let (client, user) = (self.client, self.user);
        self.session.map(|session| SessionId { client, user, session })
    }

    /// What its items are found by.
    #[must_use]
    pub fn peer(&self) -> Peer<'_> {
        Peer {
            client: self.client,
            id: &self.id,
        }
    }
}

impl Peer<'_> {
    pub(crate) fn shard(self) -> u32 {
        shard_of(self.client)
    }

    pub(crate) fn card(self) -> Key {
        Key::in_shard(self.shard(), keys::card(self.id))
    }
}

/// A connection as stored, with what its subscriptions are counted by.
pub(crate) struct Card {
    pub(crate) connection: Connection,
    pub(crate) next_channel: u32,
    pub(crate) topic_count: usize,
    /// Buckets that its topics ask for.
    pub(crate) row_count: usize,
    pub(crate) expires_at: i64,
}

/// Channel 0 is no channel.
const FIRST_CHANNEL: u32 = 1;

impl Card {
    /// Whether it ever had a subscription, of which the publisher may know.
    pub(crate) fn has_subscribed(&self) -> bool {
        self.next_channel > FIRST_CHANNEL
    }
}

impl Registry {
    /// Remembers a new connection. No change tells of it: it is nobody's business before it subscribes.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] when its user or its client has too many; or DynamoDB does not answer.
    pub async fn connect(&self, connection: &Connection) -> Result<()> {
        let now = connection.connected_at;
        let owner = connection.peer().owned_by(connection.user);
        self.count_in(Quota::UserConnections, owner, 1, now).await?;
        let written = match self.count_in(Quota::ClientConnections, owner, 1, now).await {
            Ok(()) => match self.put_card(connection).await {
                Ok(true) => return Ok(()),
                // Told twice is told once.
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            },
            Err(error) => {
                self.count_out(Quota::UserConnections, owner, 1).await;
                return Err(error);
            }
        };
        self.count_out(Quota::UserConnections, owner, 1).await;
        self.count_out(Quota::ClientConnections, owner, 1).await;
        written
    }

    /// Writes a new card; `false` when there is one. A card past its life belongs to nobody.
    async fn put_card(&self, connection: &Connection) -> Result<bool> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(new_card(connection)))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", number(connection.connected_at.as_second()))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::service("remember a connection")(error)),
            },
        }
    }

    /// The connection, if it is there.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or the item can't be read.
    pub async fn connection(&self, peer: Peer<'_>, now: Timestamp) -> Result<Option<Connection>> {
        Ok(self.card(peer, now).await?.map(|card| card.connection))
    }

    /// Notes that the connection was heard of, and says whether it is known: one that is not should connect again.
    ///
    /// It does not prolong the connection: API Gateway ends it after two hours whatever it does.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn touch(&self, peer: Peer<'_>, now: Timestamp) -> Result<bool> {
        let key = peer.card();
        let touched = self
            .update(&key)
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

    /// Forgets a connection that ended, with its subscriptions. Tells whether it had any, which concerns the publisher; `None` when it was forgotten before.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn disconnect(&self, peer: Peer<'_>, now: Timestamp) -> Result<Option<bool>> {
        let forgotten = self.forget_card(peer, now).await?;
        // Without a card nobody can subscribe, so what is found now is all there will be.
        if forgotten.as_ref().is_none_or(Card::has_subscribed) {
            self.forget_topics(peer).await?;
        }
        let Some(card) = forgotten else { return Ok(None) };
        if let Some(session) = card.connection.session_id() {
            self.leave_session(session, peer.id).await;
        }
        let owner = peer.owned_by(card.connection.user);
        self.count_out(Quota::UserConnections, owner, 1).await;
        self.count_out(Quota::ClientConnections, owner, 1).await;
        self.count_out(Quota::ClientTopics, owner, card.topic_count).await;
        self.count_out(Quota::UserRows, owner, card.row_count).await;
        Ok(Some(card.has_subscribed()))
    }

    /// Forgets a connection that answered 410: `$disconnect` is sent on best effort only. `false` when it was forgotten before.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn prune(&self, peer: Peer<'_>, now: Timestamp) -> Result<bool> {
        Ok(self.disconnect(peer, now).await?.is_some())
    }

    /// Deletes the card, together with the change that tells of it if there was one that told of its subscriptions.
    async fn forget_card(&self, peer: Peer<'_>, now: Timestamp) -> Result<Option<Card>> {
        let key = peer.card();
        let change = Change::Disconnected {
            connection: peer.id.to_owned(),
        };
        for attempt in 0..MAX_ATTEMPTS {
            let Some(item) = self.get(&key).await? else {
                return Ok(None);
            };
            let card = read_card(&item)?;
            // With the channel that was read, so that the topics are counted that end with it.
            let delete = Delete::builder()
                .table_name(&self.table)
                .key("pk", key.pk())
                .key("sk", key.sk())
                .condition_expression("next_channel = :next AND topic_count = :topics")
                .expression_attribute_values(":next", number(card.next_channel))
                .expression_attribute_values(":topics", number(card.topic_count));
            let delete = transaction::delete(delete)?;
            let deleted = if card.has_subscribed() {
                self.record(peer.shard(), &change, vec![delete], now).await?
            } else {
                self.transact(vec![delete]).await? == Transacted::Done
            };
            if deleted {
                return Ok(Some(card));
            }
            transaction::pause(attempt).await;
        }
        Err(Error::Contended {
            action: "disconnect",
            attempts: MAX_ATTEMPTS,
        })
    }

    /// Removes what is left of a connection. What can't be removed now is ignored by readers, because its card is gone, and expires.
    async fn forget_topics(&self, peer: Peer<'_>) -> Result<()> {
        let shard = peer.shard();
        let stored = self.query(shard, &keys::topics(peer.id)).await?;
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
    pub(crate) async fn card(&self, peer: Peer<'_>, now: Timestamp) -> Result<Option<Card>> {
        let item = self.get(&peer.card()).await?;
        item.filter(|item| item::is_live(item, now))
            .map(|item| read_card(&item))
            .transpose()
    }
}

fn new_card(connection: &Connection) -> Item {
    let mut card = item::keyed(&connection.peer().card());
    card.extend([
        ("client".to_owned(), text(connection.client)),
        ("user".to_owned(), text(connection.user)),
        ("role".to_owned(), text(connection.role.as_str())),
        ("connected_at".to_owned(), time(connection.connected_at)),
        ("next_channel".to_owned(), number(FIRST_CHANNEL)),
        ("topic_count".to_owned(), number(0)),
        (
            EXPIRES_AT.to_owned(),
            number(connection.connected_at.as_second().saturating_add(CONNECTION_SECONDS)),
        ),
    ]);
    card.extend(connection.session.map(|session| ("session".to_owned(), text(session))));
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
            session: read_parsed(item, "session").ok(),
            connected_at: read_time(item, "connected_at")?,
        },
        next_channel: read_number(item, "next_channel")?,
        topic_count: read_number(item, "topic_count")?,
        // Versions before this one don't count them.
        row_count: read_number(item, "row_count").unwrap_or(0),
        expires_at: read_number(item, EXPIRES_AT)?,
    })
}

#[cfg(test)]
mod tests;
