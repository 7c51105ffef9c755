//! Pinned and paused topics, in the shard of their client.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use live::{Change, Control};
use uuid::Uuid;

use crate::item::{self, Item, read_json, read_parsed, read_text, text};
use crate::keys::{self, Key};
use crate::transaction::{self, MAX_ATTEMPTS};
use crate::{Error, Registry, Result, shard_of};

/// Topics that one client may pin or pause: a pinned topic is computed even when nobody watches it.
pub const MAX_CONTROLS_PER_CLIENT: usize = 500;

impl Registry {
    /// Pins or pauses a topic, or with `None` leaves it to itself again.
    ///
    /// # Errors
    /// When the client controls [`MAX_CONTROLS_PER_CLIENT`] others, or DynamoDB does not answer.
    pub async fn set_control(&self, client: Uuid, topic: &str, control: Option<Control>, now: Timestamp) -> Result<()> {
        if control.is_some() {
            let existing = self.controls(client).await?;
            if existing.len() >= MAX_CONTROLS_PER_CLIENT && !existing.contains_key(topic) {
                return Err(Error::TooManyControls {
                    limit: MAX_CONTROLS_PER_CLIENT,
                });
            }
        }
        let change = Change::Control {
            client,
            topic: topic.to_owned(),
            control,
        };
        self.record_control(shard_of(client), &change, now).await
    }

    /// A client's pinned and paused topics, by topic id.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn controls(&self, client: Uuid) -> Result<BTreeMap<String, Control>> {
        let items = self.query(shard_of(client), &keys::controls(client)).await?;
        items
            .iter()
            .map(|item| read_control(item).map(|(_, topic, control)| (topic, control)))
            .collect()
    }

    /// Every client's pinned and paused topics, as a shard's publisher starts from them: client, topic id, control. To be read
    /// after the roster: what changes later comes as a change.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn all_controls(&self, shard: u32) -> Result<Vec<(Uuid, String, Control)>> {
        self.query(shard, keys::CONTROLS)
            .await?
            .iter()
            .map(read_control)
            .collect()
    }

    async fn record_control(&self, shard: u32, change: &Change, now: Timestamp) -> Result<()> {
        let Change::Control { client, topic, control } = change else {
            return Ok(());
        };
        for attempt in 0..MAX_ATTEMPTS {
            let write = self.write_control(shard, *client, topic, *control)?;
            if self.record(shard, change, vec![write], now).await? {
                return Ok(());
            }
            transaction::pause(attempt).await;
        }
        Err(Error::Contended {
            action: "control a topic",
            attempts: MAX_ATTEMPTS,
        })
    }

    fn write_control(
        &self,
        shard: u32,
        client: Uuid,
        topic: &str,
        control: Option<Control>,
    ) -> Result<TransactWriteItem> {
        let key = Key::in_shard(shard, keys::control(client, topic));
        let Some(control) = control else {
            return transaction::delete(
                Delete::builder()
                    .table_name(&self.table)
                    .key("pk", key.pk())
                    .key("sk", key.sk()),
            );
        };
        let mut item = item::keyed(&key);
        item.extend([
            ("client".to_owned(), text(client)),
            ("topic".to_owned(), text(topic)),
            ("body".to_owned(), item::json("control", &control)?),
        ]);
        transaction::put(Put::builder().table_name(&self.table).set_item(Some(item)))
    }
}

fn read_control(item: &Item) -> Result<(Uuid, String, Control)> {
    Ok((
        read_parsed(item, "client")?,
        read_text(item, "topic")?.to_owned(),
        read_json(item, "body")?,
    ))
}

#[cfg(test)]
mod tests;
