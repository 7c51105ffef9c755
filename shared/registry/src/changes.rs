//! The sequence of changes: every connection made or lost, every subscription, every control, numbered without a gap.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValue, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use live::Change;

use crate::item::{self, EXPIRES_AT, Item, number, read_json, read_number, read_text, read_time, time};
use crate::keys::{self, Key};
use crate::transaction::{self, Transacted};
use crate::{Error, Registry, Result};

/// How long a change is kept: a reader that slept longer reads the roster again.
pub const CHANGE_SECONDS: i64 = 60 * 60;

/// A change up to this age proves that all later ones are still kept. Ten minutes less than changes live, because writers' clocks differ.
const ANCHOR_LIFE: SignedDuration = SignedDuration::from_secs(CHANGE_SECONDS - 10 * 60);

/// How long a hole is waited for before it is closed. Between taking a number and writing the change is one call, some 10 ms.
pub const GAP_WAIT: SignedDuration = SignedDuration::from_secs(2);

/// A number older than this is settled: its change is written and visible, or its writer is dead. Six times the 10 s that the
/// functions which write changes may run.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How many numbers below the oldest kept change may still be without theirs. They are looked at only when the first changes
/// after an hour of silence are just being written, so it bounds writers at work at one moment.
const SILENT_REACH: u64 = 64;

/// The most holes that one poll closes; the next poll goes on.
const MAX_CLOSED_PER_POLL: usize = 64;

/// What happened since a reader last looked.
#[derive(Debug, Clone, PartialEq)]
pub enum Changes {
    /// The changes that follow, in order and without a gap; empty when there are none or the next is just being written.
    Since(Vec<(u64, Change)>),
    /// Changes in between are no longer kept: read the roster.
    Lost,
}

/// A stored change; `None` is a hole that was closed.
struct Entry {
    number: u64,
    written_at: Timestamp,
    change: Option<Change>,
}

impl Registry {
    /// The number of the last change, written or just being written; 0 before the first.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn sequence(&self, shard: u32) -> Result<u64> {
        Ok(self.last_number(shard).await?.map_or(0, |(number, _)| number))
    }

    /// The changes after a number, in order: one consistent query.
    ///
    /// A reader may see a change again that the roster already contained, so applying one twice must do nothing more. A hole is
    /// waited for and, after [`GAP_WAIT`], closed.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn changes(&self, shard: u32, after: u64, now: Timestamp) -> Result<Changes> {
        let mut entries = self.entries_from(shard, after, now).await?;
        // The change that the reader saw last, when it is still there, proves that all later ones are.
        let anchored = entries
            .first()
            .is_some_and(|entry| entry.number == after && now.duration_since(entry.written_at) < ANCHOR_LIFE);
        entries.retain(|entry| entry.number > after);
        let follows = entries
            .first()
            .is_some_and(|entry| entry.number == after.saturating_add(1));
        if anchored || follows {
            return Ok(Changes::Since(self.without_gap(shard, after, entries, now).await?));
        }
        let silent = entries.is_empty() && self.is_silent(shard, after, now).await?;
        Ok(if silent {
            Changes::Since(Vec::new())
        } else {
            Changes::Lost
        })
    }

    /// Whether nothing was written after a number, where changes that expired would look the same: only the counter tells.
    async fn is_silent(&self, shard: u32, after: u64, now: Timestamp) -> Result<bool> {
        let Some((last, taken_at)) = self.last_number(shard).await? else {
            return Ok(after == 0);
        };
        let age = now.duration_since(taken_at);
        // One writer at work ends the silence: its number is too young to have expired.
        let ending = last == after.saturating_add(1) && age < ANCHOR_LIFE;
        if ending && age >= GAP_WAIT {
            self.close_hole(shard, last, now).await?;
        }
        Ok(ending || last == after)
    }

    /// The entries up to the first hole that may still be filled; older holes are closed on the way.
    async fn without_gap(
        &self,
        shard: u32,
        after: u64,
        entries: Vec<Entry>,
        now: Timestamp,
    ) -> Result<Vec<(u64, Change)>> {
        let mut changes = Vec::new();
        let mut expected = after.saturating_add(1);
        let mut closed = 0;
        for entry in entries {
            while expected < entry.number {
                // The number was taken before the one that follows it was written.
                let waited = now.duration_since(entry.written_at) >= GAP_WAIT;
                // A hole that can't be closed was filled meanwhile: the next poll reads it.
                if !waited || closed == MAX_CLOSED_PER_POLL || !self.close_hole(shard, expected, now).await? {
                    return Ok(changes);
                }
                closed += 1;
                expected += 1;
            }
            changes.extend(entry.change.map(|change| (entry.number, change)));
            expected = entry.number.saturating_add(1);
        }
        Ok(changes)
    }

    /// The number to follow from for a reader that is about to read what the changes wrote.
    ///
    /// What was written up to it is visible everywhere. Later changes are followed once more, even if they are seen now: DynamoDB
    /// shows the items of a transaction one by one. Holes among those are closed, so that the next number is there to go on with.
    pub(crate) async fn settle(&self, shard: u32, now: Timestamp) -> Result<u64> {
        let Some((last, taken_at)) = self.last_number(shard).await? else {
            return Ok(0);
        };
        if now.duration_since(taken_at) > SETTLED_AFTER {
            return Ok(last);
        }
        let (settled, holes) = self.recent_numbers(shard, last, now).await?;
        for hole in holes {
            self.close_hole(shard, hole, now).await?;
        }
        Ok(settled)
    }

    /// Walks back from `last` to the first settled number; returns it, and the numbers after it that have no change.
    async fn recent_numbers(&self, shard: u32, last: u64, now: Timestamp) -> Result<(u64, Vec<u64>)> {
        let mut holes = Vec::new();
        let mut expected = last;
        let mut backwards = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", item::text(keys::partition(shard)))
            .expression_attribute_values(":first", item::text(keys::change(0)))
            .expression_attribute_values(":last", item::text(keys::change(last)))
            .projection_expression("sk, written_at")
            .into_paginator()
            .items()
            .send();
        while let Some(item) = backwards.next().await {
            let item = item.map_err(Error::service("read the latest changes"))?;
            let number = number_of(&item)?;
            holes.extend(number.saturating_add(1)..=expected);
            expected = number.saturating_sub(1);
            if now.duration_since(read_time(&item, "written_at")?) > SETTLED_AFTER {
                return Ok((number, holes));
            }
        }
        let settled = expected.saturating_sub(SILENT_REACH);
        holes.extend(settled.saturating_add(1)..=expected);
        Ok((settled, holes))
    }

    /// Writes what was planned together with the change that tells of it, and says whether it did. If not, the caller reads again and retries: each attempt has a
    /// number of its own, because everybody who follows waits for one that is taken and not used.
    pub(crate) async fn record(
        &self,
        shard: u32,
        change: &Change,
        planned: Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<bool> {
        // Before a number is taken, so that a change too large leaves no hole.
        let body = item::json("change", change)?;
        let number = self.take_number(shard, now).await?;
        self.write(shard, number, body, planned, now).await
    }

    /// Writes a change under its number, which is closed when that comes to nothing. Only who is killed in between leaves it as a hole, which the reader closes.
    async fn write(
        &self,
        shard: u32,
        number: u64,
        body: AttributeValue,
        planned: Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut entry = Self::new_entry(shard, number, now);
        entry.insert("body".to_owned(), body);
        let mut writes = vec![transaction::put(
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(entry))
                .condition_expression("attribute_not_exists(pk)"),
        )?];
        writes.extend(planned);
        let written = self.transact(writes).await;
        // Of a write without an answer the number tells whether it was done: one that was closed can't be written any more.
        if !matches!(written, Ok(Transacted::Done))
            && let Err(cause) = self.close_hole(shard, number, now).await
        {
            tracing::warn!(shard, number, %cause, "a number that was given up is closed by who waits for it");
        }
        Ok(written? == Transacted::Done)
    }

    /// Puts an empty change under a number that has none; `false` when it has one.
    pub(crate) async fn close_hole(&self, shard: u32, number: u64, now: Timestamp) -> Result<bool> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(Self::new_entry(shard, number, now)))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match put {
            Ok(_) => {
                tracing::info!(shard, number, "closed a hole in the sequence of changes");
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                // In the second case its writer is just at it.
                Some(
                    PutItemError::ConditionalCheckFailedException(_) | PutItemError::TransactionConflictException(_),
                ) => Ok(false),
                _ => Err(Error::service("close a hole in the sequence of changes")(error)),
            },
        }
    }

    /// Takes the next number.
    pub(crate) async fn take_number(&self, shard: u32, now: Timestamp) -> Result<u64> {
        let key = Key::in_shard(shard, keys::SEQUENCE);
        let counted = self
            .update(&key)
            .update_expression("ADD last_number :one SET taken_at = :now")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", time(now))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(Error::service("count a change"))?;
        read_number(&counted.attributes.unwrap_or_default(), "last_number")
    }

    /// The last number taken, and when.
    async fn last_number(&self, shard: u32) -> Result<Option<(u64, Timestamp)>> {
        let Some(item) = self.get(&Key::in_shard(shard, keys::SEQUENCE)).await? else {
            return Ok(None);
        };
        Ok(Some((
            read_number(&item, "last_number")?,
            read_time(&item, "taken_at")?,
        )))
    }

    /// One page of what is stored from a number on, that number included. A page is up to 1 MB, the next poll reads on.
    async fn entries_from(&self, shard: u32, first: u64, now: Timestamp) -> Result<Vec<Entry>> {
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", item::text(keys::partition(shard)))
            .expression_attribute_values(":first", item::text(keys::change(first)))
            .expression_attribute_values(":last", item::text(keys::change(u64::MAX)))
            .send()
            .await
            .map_err(Error::service("read changes"))?;
        page.items()
            .iter()
            .filter(|item| item::is_live(item, now))
            .map(read_entry)
            .collect()
    }

    /// A change's item without its body.
    fn new_entry(shard: u32, change: u64, now: Timestamp) -> Item {
        let mut entry = item::keyed(&Key::in_shard(shard, keys::change(change)));
        entry.insert("written_at".to_owned(), time(now));
        entry.insert(
            EXPIRES_AT.to_owned(),
            number(now.as_second().saturating_add(CHANGE_SECONDS)),
        );
        entry
    }
}

fn read_entry(item: &Item) -> Result<Entry> {
    let change = if item.contains_key("body") {
        Some(read_json(item, "body")?)
    } else {
        None
    };
    Ok(Entry {
        number: number_of(item)?,
        written_at: read_time(item, "written_at")?,
        change,
    })
}

fn number_of(item: &Item) -> Result<u64> {
    keys::change_number(read_text(item, "sk")?).ok_or_else(|| item::malformed(item, "sk"))
}

#[cfg(test)]
mod tests;
