//! Sessions: what a sign-in opens, with the one refresh token of it that is good. A session ends with its time, when it is ended, when its user has too many, and
//! when a refresh token of it comes a second time: then somebody else has had it.
//!
//! Access tokens name their session and their role, and the authorizer asks whether both still are so. There is no clock in it: what was ended is not there.
//!
//! A session knows the connections that were made by its tokens. Whoever ends it gets them with the item that it deletes, and a connection that comes after that does
//! not find it: so none outlives its session, whatever ended that.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures::stream::{self, TryStreamExt as _};
use jiff::Timestamp;
use uuid::Uuid;

use crate::counts::MAX_CONNECTIONS_PER_USER;
use crate::item::{self, EXPIRES_AT, Item, number, read_number, read_text, text};
use crate::keys::{self, Key};
use crate::lease::changed;
use crate::{Error, Peer, Registry, Result};

/// Sessions of one user at a time; the one that ends first makes way for the next. A person has a handful, a program that signs in every minute one for each minute
/// of the hour that an access token lives.
pub const MAX_SESSIONS_PER_USER: usize = 100;

/// Connections that a session may name before those that are gone are taken out: a function that is killed leaves its own behind, and a user can't have more that are there.
const MAX_NAMED: usize = 2 * MAX_CONNECTIONS_PER_USER;

/// The ids of a session's connections.
const CONNECTIONS: &str = "connections";

/// Calls at the same time.
const AT_ONCE: usize = 16;

/// Whose session it is, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId {
    /// The client.
    pub client: Uuid,
    /// The user.
    pub user: Uuid,
    /// The session's own id.
    pub session: Uuid,
}

/// A refresh token of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its id.
    pub id: Uuid,
    /// When it, and with it the session, ends.
    pub expires_at: Timestamp,
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// The next one is good now.
    Now,
    /// The user has another role than was read: read it again.
    OtherRole,
    /// It was redeemed before: the session is ended, and these are its connections, which are still open.
    Again(Vec<String>),
    /// The session has ended, or never was.
    Gone,
}

impl SessionId {
    fn key(self) -> Key {
        Key::session(self.client, self.user, self.session)
    }
}

impl Registry {
    /// Opens a session of a user in a role, with its first refresh token. The user's oldest sessions make way: their connections, which are still open.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn open_session(&self, id: SessionId, role: &str, first: RefreshToken) -> Result<Vec<String>> {
        let ended = self.make_way(id).await?;
        let mut item = item::keyed(&id.key());
        item.extend([
            ("refresh_id".to_owned(), text(first.id)),
            ("user_role".to_owned(), text(role)),
            (EXPIRES_AT.to_owned(), number(first.expires_at.as_second())),
        ]);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(Error::service("open a session"))?;
        Ok(ended)
    }

    /// Redeems a refresh token for the next one of its session, if the user still has the role.
    ///
    /// # Errors
    /// When DynamoDB does not answer. The token may then count as redeemed, and its user signs in again.
    pub async fn redeem_refresh(
        &self,
        id: SessionId,
        role: &str,
        token: Uuid,
        next: RefreshToken,
        now: Timestamp,
    ) -> Result<Redeemed> {
        let key = id.key();
        let update = self
            .update(&key)
            .update_expression("SET refresh_id = :next, expires_at = :until")
            .condition_expression("refresh_id = :token AND user_role = :role AND expires_at > :now")
            .expression_attribute_values(":token", text(token))
            .expression_attribute_values(":role", text(role))
            .expression_attribute_values(":next", text(next.id))
            .expression_attribute_values(":until", number(next.expires_at.as_second()))
            .expression_attribute_values(":now", number(now.as_second()));
        if changed(update).await?.is_some() {
            return Ok(Redeemed::Now);
        }
        let Some(session) = self.get(&key).await?.filter(|item| item::is_live(item, now)) else {
            return Ok(Redeemed::Gone);
        };
        if read_text(&session, "refresh_id")? == token.to_string() {
            return Ok(Redeemed::OtherRole);
        }
        self.take_session(&key).await.map(Redeemed::Again)
    }

    /// Whether a session is open, in the role that a token names.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn is_session_open(&self, id: SessionId, role: &str, now: Timestamp) -> Result<bool> {
        let session = self.get(&id.key()).await?.filter(|item| item::is_live(item, now));
        session.map_or(Ok(false), |session| Ok(read_text(&session, "user_role")? == role))
    }

    /// Has a connection end with its session; `false` when that is not open in the role, and nothing is noted.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn join_session(&self, id: SessionId, role: &str, connection: &str, now: Timestamp) -> Result<bool> {
        let key = id.key();
        let update = self
            .update(&key)
            .update_expression("ADD #connections :connection")
            .condition_expression("user_role = :role AND expires_at > :now")
            .expression_attribute_names("#connections", CONNECTIONS)
            .expression_attribute_values(":connection", ids([connection]))
            .expression_attribute_values(":role", text(role))
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values(ReturnValue::AllNew);
        let Some(session) = changed(update).await? else {
            return Ok(false);
        };
        let named = connections_of(&session);
        if named.len() > MAX_NAMED {
            self.leave_if_gone(id, named, now).await?;
        }
        Ok(true)
    }

    /// Takes a connection that ended out of its session. That it was not done is no reason to fail: what is gone is closed already.
    pub(crate) async fn leave_session(&self, id: SessionId, connection: &str) {
        if let Err(cause) = self.leave(id, ids([connection])).await {
            tracing::warn!(client = %id.client, %cause, "a connection that ended stays named by its session");
        }
    }

    async fn leave(&self, id: SessionId, connections: AttributeValue) -> Result<()> {
        let key = id.key();
        let update = self
            .update(&key)
            .update_expression("DELETE #connections :connections")
            // An update would make an item of a session that has ended.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#connections", CONNECTIONS)
            .expression_attribute_values(":connections", connections);
        changed(update).await.map(drop)
    }

    /// Takes those connections out of a session that are gone without having said so.
    async fn leave_if_gone(&self, id: SessionId, named: Vec<String>, now: Timestamp) -> Result<()> {
        let mut gone = Vec::new();
        for connection in named {
            let peer = Peer {
                client: id.client,
                id: &connection,
            };
            if self.card(peer, now).await?.is_none() {
                gone.push(connection);
            }
        }
        // A set of nothing is none.
        if gone.is_empty() {
            return Ok(());
        }
        self.leave(id, ids(gone)).await
    }

    /// Ends a session, whether it is open or not: its connections, which are still open.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn end_session(&self, id: SessionId) -> Result<Vec<String>> {
        self.take_session(&id.key()).await
    }

    /// Deletes a session: its connections.
    async fn take_session(&self, key: &Key) -> Result<Vec<String>> {
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.key("pk", key.pk()).key("sk", key.sk());
        let taken = delete.return_values(ReturnValue::AllOld).send().await;
        let taken = taken.map_err(Error::service("end a session"))?;
        Ok(taken.attributes().map(connections_of).unwrap_or_default())
    }

    /// Ends all sessions of a user; how many there were.
    ///
    /// # Errors
    /// When DynamoDB does not answer; the same call goes on there.
    pub async fn end_sessions(&self, client: Uuid, user: Uuid) -> Result<usize> {
        let sessions = self.sessions_of(client, user).await?;
        let keys = sessions.iter().map(|item| key_of(client, item));
        stream::iter(keys)
            .try_for_each_concurrent(AT_ONCE, async |key| self.delete(&key).await)
            .await?;
        Ok(sessions.len())
    }

    /// Has all sessions of a user go on in another role: access tokens of the one before are not good any more, and refresh tokens give those of the new one.
    ///
    /// # Errors
    /// When DynamoDB does not answer; the same call goes on there.
    pub async fn change_role_of_sessions(&self, client: Uuid, user: Uuid, role: &str) -> Result<()> {
        let sessions = self.sessions_of(client, user).await?;
        let keys = sessions.iter().map(|item| key_of(client, item));
        stream::iter(keys)
            .try_for_each_concurrent(AT_ONCE, async |key| {
                let update = self
                    .update(&key)
                    .update_expression("SET user_role = :role")
                    .condition_expression("attribute_exists(pk)")
                    .expression_attribute_values(":role", text(role));
                changed(update).await.map(drop)
            })
            .await
    }

    /// Ends those of a user's sessions that end first, so that there is room for one more: their connections.
    async fn make_way(&self, id: SessionId) -> Result<Vec<String>> {
        let mut sessions = self.sessions_of(id.client, id.user).await?;
        let mut ended = Vec::new();
        let Some(more) = (sessions.len() + 1).checked_sub(MAX_SESSIONS_PER_USER) else {
            return Ok(ended);
        };
        sessions.sort_by_key(|item| read_number::<i64>(item, EXPIRES_AT).unwrap_or(0));
        for item in sessions.iter().take(more) {
            ended.extend(self.take_session(&key_of(id.client, item)?).await?);
        }
        Ok(ended)
    }

    /// All sessions of a user, those among them that have ended and are not swept yet.
    async fn sessions_of(&self, client: Uuid, user: Uuid) -> Result<Vec<Item>> {
        let prefix = keys::sessions(user);
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(keys::of_client(client)))
            .expression_attribute_values(":prefix", text(prefix))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            found.push(item.map_err(Error::service("query sessions"))?);
        }
        Ok(found)
    }
}

/// A set of connections' ids.
fn ids(connections: impl IntoIterator<Item = impl Into<String>>) -> AttributeValue {
    AttributeValue::Ss(connections.into_iter().map(Into::into).collect())
}

/// The connections that a session names; none when there were none yet.
fn connections_of(session: &Item) -> Vec<String> {
    let named = session.get(CONNECTIONS).and_then(|named| named.as_ss().ok());
    named.cloned().unwrap_or_default()
}

fn key_of(client: Uuid, item: &Item) -> Result<Key> {
    Ok(Key {
        pk: keys::of_client(client),
        sk: read_text(item, "sk")?.to_owned(),
    })
}

#[cfg(test)]
mod tests;
