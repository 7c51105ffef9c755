//! What one publisher leaves for the next, so that nobody has to be sent everything again.
//!
//! The parts are written first, then the lease's item points to them, on the condition that the writer still holds the lease.
//! So a reader sees a whole handover or the one before, and a publisher that was replaced can't overwrite its successor's.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;
use uuid::Uuid;

use crate::item::{self, EXPIRES_AT, Item, MAX_VALUE_BYTES, number, read_number, read_parsed, read_text, text};
use crate::keys::{self, Key};
use crate::lease::changed;
use crate::{Duty, Error, Lease, Registry, Result};

/// How long a handover is good for: later, the changes after it are no longer kept.
pub const HANDOVER_SECONDS: i64 = crate::changes::CHANGE_SECONDS;

/// Most parts of one handover.
const MAX_PARTS: usize = 64;

/// Largest handover: 64 parts of 350 KB are 22 MB, some 2 KB for each of 10,000 connections. Without one the next
/// publisher reads the roster and sends fresh snapshots.
pub const MAX_HANDOVER_BYTES: usize = MAX_PARTS * MAX_VALUE_BYTES;

impl Registry {
    /// Leaves a handover in place of the one before; `false`, and nothing changed, when another acquired the lease.
    ///
    /// # Errors
    /// When it is larger than [`MAX_HANDOVER_BYTES`], or DynamoDB does not answer.
    pub async fn save_handover(&self, lease: &Lease, body: &[u8], now: Timestamp) -> Result<bool> {
        if body.len() > MAX_HANDOVER_BYTES {
            return Err(Error::TooLarge {
                what: "handover",
                bytes: body.len(),
                limit: MAX_HANDOVER_BYTES,
            });
        }
        let id = Uuid::new_v4();
        let expires_at = now.as_second().saturating_add(HANDOVER_SECONDS);
        for (part, bytes) in body.chunks(MAX_VALUE_BYTES).enumerate() {
            self.put_part(lease.shard, id, part, bytes, expires_at).await?;
        }
        let update = self
            .if_held(
                lease,
                "SET handover_id = :id, handover_fence = :fence, handover_bytes = :bytes, handover_until = :until",
            )
            .expression_attribute_values(":id", text(id))
            .expression_attribute_values(":bytes", number(body.len()))
            .expression_attribute_values(":until", number(expires_at))
            .return_values(ReturnValue::AllOld);
        // Parts that nothing points to are removed now or, failing that, expire.
        match changed(update).await? {
            Some(before) => {
                if let Ok(previous) = read_parsed(&before, "handover_id") {
                    self.remove_parts(lease.shard, previous).await?;
                }
                Ok(true)
            }
            None => {
                self.remove_parts(lease.shard, id).await?;
                Ok(false)
            }
        }
    }

    /// The last handover and the fence of the publisher that left it; `None` when there is none that is still good.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or the item can't be read.
    pub async fn load_handover(&self, shard: u32, now: Timestamp) -> Result<Option<(u64, Vec<u8>)>> {
        let Some(lease) = self.get(&Duty::Publish.key(shard)).await? else {
            return Ok(None);
        };
        if !lease.contains_key("handover_id") || read_number::<i64>(&lease, "handover_until")? <= now.as_second() {
            return Ok(None);
        }
        let parts = self
            .query(shard, &keys::handover(read_parsed(&lease, "handover_id")?))
            .await?;
        let body = parts.iter().map(part_bytes).collect::<Result<Vec<_>>>()?.concat();
        // A part short means that a successor is just replacing it.
        let whole = body.len() == read_number::<usize>(&lease, "handover_bytes")?;
        Ok(if whole {
            Some((read_number(&lease, "handover_fence")?, body))
        } else {
            None
        })
    }

    async fn put_part(&self, shard: u32, id: Uuid, part: usize, bytes: &[u8], expires_at: i64) -> Result<()> {
        let mut item = item::keyed(&Key::in_shard(shard, keys::handover_part(id, part)));
        item.insert("part".to_owned(), AttributeValue::B(Blob::new(bytes)));
        item.insert(EXPIRES_AT.to_owned(), number(expires_at));
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await
            .map_err(Error::service("write a part of a handover"))?;
        Ok(())
    }

    async fn remove_parts(&self, shard: u32, id: Uuid) -> Result<()> {
        for part in self.query(shard, &keys::handover(id)).await? {
            self.delete(&Key::in_shard(shard, read_text(&part, "sk")?)).await?;
        }
        Ok(())
    }
}

fn part_bytes(item: &Item) -> Result<&[u8]> {
    let bytes = item.get("part").and_then(|part| part.as_b().ok()).map(AsRef::as_ref);
    bytes.ok_or_else(|| item::malformed(item, "part"))
}

#[cfg(test)]
mod tests;
