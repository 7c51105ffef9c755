//! The messages of one queue in the [store](crate::store): each as it was sent, and how often it was received.
//!
//! What is in flight is not written down. A message that nobody deleted is visible after a restart, with its receive count:
//! whoever had it in this process is gone.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::message::Message;
use crate::store::{Durability, Store, StoreError};

/// Two tables, because a message may have a megabyte, and its counts change with every receive.
pub(crate) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        queue TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        attributes TEXT NOT NULL,
        message_group TEXT,
        sent_ms INTEGER NOT NULL,
        visible_ms INTEGER NOT NULL,
        PRIMARY KEY (queue, sequence)
    );
    CREATE TABLE IF NOT EXISTS receives (
        queue TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        count INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        PRIMARY KEY (queue, sequence)
    ) WITHOUT ROWID;";

/// A queue's part of the store.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    store: Store,
    queue: Arc<str>,
}

/// A message with its place in the queue.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub(super) sequence: u64,
    pub(super) message: Message,
    /// When it can be received, in milliseconds of the Unix epoch; what has passed is now.
    pub(super) visible_ms: i64,
}

impl Kept {
    pub(super) fn new(store: Store, queue: &str) -> Self {
        Self {
            store,
            queue: Arc::from(queue),
        }
    }

    /// Everything that is there, oldest first.
    pub(super) fn load(&self) -> Result<Vec<Numbered>, StoreError> {
        let queue = Arc::clone(&self.queue);
        self.store.read(move |connection| {
            let mut select = connection.prepare(
                "SELECT m.sequence, m.id, m.body, m.attributes, m.message_group, m.sent_ms, m.visible_ms, r.count, r.first_ms
                 FROM messages m LEFT JOIN receives r USING (queue, sequence)
                 WHERE m.queue = ?1 ORDER BY m.sequence",
            )?;
            let found = select.query_map([&*queue], numbered)?;
            found.collect()
        })
    }

    /// Adds messages. They are flushed: a sender that was answered relies on them.
    pub(super) async fn add(&self, messages: Vec<Numbered>) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.queue);
        let insert = move |connection: &Connection| {
            messages
                .iter()
                .try_for_each(|message| insert(connection, &queue, message))
        };
        self.store.write(Durability::Machine, insert).await
    }

    /// Counts receives: sequence, how many there were, and when the first was.
    pub(super) async fn count(&self, received: Vec<(u64, u32, i64)>) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.queue);
        let count = move |connection: &Connection| {
            let mut upsert = connection.prepare_cached(
                "INSERT INTO receives (queue, sequence, count, first_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (queue, sequence) DO UPDATE SET count = excluded.count",
            )?;
            for (sequence, count, first_ms) in received {
                upsert.execute(params![&*queue, sequence, count, first_ms])?;
            }
            Ok(())
        };
        self.store.write(Durability::Process, count).await
    }

    /// Forgets a message that was deleted.
    pub(super) async fn remove(&self, sequence: u64) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.queue);
        let delete = move |connection: &Connection| delete(connection, &queue, sequence);
        self.store.write(Durability::Process, delete).await
    }

    /// Forgets a message that is too old. Nobody waits for that: a restart finds out again that it is.
    pub(super) fn expire(&self, sequence: u64) {
        let queue = Arc::clone(&self.queue);
        self.store
            .write_later(move |connection| delete(connection, &queue, sequence));
    }

    /// Moves messages into another queue, with the numbers they have there.
    pub(super) async fn move_to(&self, other: &Self, moves: Vec<(u64, u64)>) -> Result<(), StoreError> {
        let (from, to) = (Arc::clone(&self.queue), Arc::clone(&other.queue));
        let update = move |connection: &Connection| {
            for (sequence, there) in moves {
                connection.execute(
                    "UPDATE messages SET queue = ?1, sequence = ?2, visible_ms = 0 WHERE queue = ?3 AND sequence = ?4",
                    params![&*to, there, &*from, sequence],
                )?;
                forget_receives(connection, &from, sequence)?;
            }
            Ok(())
        };
        self.store.write(Durability::Process, update).await
    }
}

fn insert(connection: &Connection, queue: &str, numbered: &Numbered) -> rusqlite::Result<()> {
    let message = &numbered.message;
    let attributes = serde_json::to_string(&message.attributes)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages (queue, sequence, id, body, attributes, message_group, sent_ms, visible_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute(params![
        queue,
        numbered.sequence,
        message.id.to_string(),
        &*message.body,
        attributes,
        message.group.as_deref(),
        message.sent_ms,
        numbered.visible_ms,
    ])?;
    Ok(())
}

fn delete(connection: &Connection, queue: &str, sequence: u64) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM messages WHERE queue = ?1 AND sequence = ?2")?;
    delete.execute(params![queue, sequence])?;
    forget_receives(connection, queue, sequence)
}

fn forget_receives(connection: &Connection, queue: &str, sequence: u64) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM receives WHERE queue = ?1 AND sequence = ?2")?;
    delete.execute(params![queue, sequence])?;
    Ok(())
}

fn numbered(row: &Row<'_>) -> rusqlite::Result<Numbered> {
    let wrong = |column, error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error);
    let id: String = row.get(1)?;
    let body: String = row.get(2)?;
    let attributes: String = row.get(3)?;
    let group: Option<String> = row.get(4)?;
    let receives: Option<u32> = row.get(7)?;
    let sent_ms = row.get(5)?;
    let message = Message {
        id: Uuid::parse_str(&id).map_err(|error| wrong(1, error.into()))?,
        attributes: serde_json::from_str(&attributes).map_err(|error| wrong(3, error.into()))?,
        receives: receives.unwrap_or_default(),
        first_received_ms: row.get(8)?,
        ..Message::sent(sent_ms, body.into())
    };
    Ok(Numbered {
        sequence: row.get(0)?,
        message: message.in_group(group),
        visible_ms: row.get(6)?,
    })
}
