//! The leases of a shard: one publisher at a time, and one at a time that stands by to take over. A fencing number tells a later holder from an earlier.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{Put, ReturnValue, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::item::{self, Item, number, read_number, read_parsed, read_time, text, time};
use crate::keys::{self, Key};
use crate::transaction::{self, Transacted};
use crate::{Error, Registry, Result};

/// How long functions of the version before may still be at work: a publisher runs for four minutes.
const RETIRED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// What a lease is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// To publish.
    Publish,
    /// To wait for the publisher's lease to end, and to take it over at once.
    StandBy,
}

impl Duty {
    pub(crate) fn key(self, shard: u32) -> Key {
        Key::duty(shard, self.name())
    }

    /// Where versions before this one have it.
    fn key_before(self, shard: u32) -> Key {
        Key::in_shard(shard, self.name())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Publish => keys::LEASE,
            Self::StandBy => keys::STANDBY,
        }
    }
}

/// The right to do a duty for a shard, until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The shard.
    pub shard: u32,
    /// What for.
    pub duty: Duty,
    /// Who has it.
    pub holder: Uuid,
    /// Grows by one each time that the lease is acquired: who sees a greater one has been replaced.
    pub fence: u64,
    /// When it ends unless it is renewed.
    pub expires_at: Timestamp,
}

impl Registry {
    /// Takes the lease if it is free, has ended, or is the holder's own already; `None` when another has it.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn acquire(
        &self,
        shard: u32,
        duty: Duty,
        holder: Uuid,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<Option<Lease>> {
        let update = self
            .update_lease(shard, duty)
            .update_expression("SET lease_holder = :holder, leased_until = :until ADD fence_number :one")
            .condition_expression("leased_until <= :now OR lease_holder = :holder")
            .expression_attribute_values(":holder", text(holder))
            .expression_attribute_values(":until", time(end_of(now, ttl)))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":one", number(1));
        if let Some(item) = changed(update).await? {
            return read_lease(shard, duty, &item).map(Some);
        }
        if self.get(&duty.key(shard)).await?.is_some() {
            return Ok(None);
        }
        let first = Lease {
            shard,
            duty,
            holder,
            fence: 1,
            expires_at: end_of(now, ttl),
        };
        self.acquire_first(first, now).await
    }

    /// Takes a lease that nobody ever had where it is now. One that versions before this one have elsewhere is taken over from there, once it has ended, with all that is known by it.
    /// It can't be taken there by functions that are still at work.
    async fn acquire_first(&self, mut lease: Lease, now: Timestamp) -> Result<Option<Lease>> {
        let before = self.get(&lease.duty.key_before(lease.shard)).await?;
        let mut writes = Vec::new();
        let mut item = Item::new();
        if let Some(before) = before {
            let known = read_lease(lease.shard, lease.duty, &before)?;
            if known.expires_at > now && known.holder != lease.holder {
                return Ok(None);
            }
            lease.fence = known.fence + 1;
            writes.push(self.retire(&known, now)?);
            item = before;
        }
        let key = lease.duty.key(lease.shard);
        item.extend(item::keyed(&key));
        item.extend([
            ("lease_holder".to_owned(), text(lease.holder)),
            ("leased_until".to_owned(), time(lease.expires_at)),
            ("fence_number".to_owned(), number(lease.fence)),
        ]);
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        writes.push(transaction::put(put.condition_expression("attribute_not_exists(pk)"))?);
        let taken = self.transact(writes).await? == Transacted::Done;
        Ok(taken.then_some(lease))
    }

    /// Keeps a lease, where versions before this one have it, from all of them until none is at work any more.
    fn retire(&self, known: &Lease, now: Timestamp) -> Result<TransactWriteItem> {
        let key = known.duty.key_before(known.shard);
        transaction::update(
            Update::builder()
                .table_name(&self.table)
                .key("pk", key.pk())
                .key("sk", key.sk())
                .update_expression("SET lease_holder = :nobody, leased_until = :until ADD fence_number :one")
                .condition_expression("fence_number = :fence AND leased_until = :seen")
                .expression_attribute_values(":nobody", text(Uuid::nil()))
                .expression_attribute_values(":until", time(end_of(now, RETIRED_FOR)))
                .expression_attribute_values(":one", number(1))
                .expression_attribute_values(":fence", number(known.fence))
                .expression_attribute_values(":seen", time(known.expires_at)),
        )
    }

    /// Prolongs a lease; `None` when another acquired it since. One that ended but that nobody else took is taken up again:
    /// its fence is still the greatest.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn renew(&self, lease: &Lease, now: Timestamp, ttl: SignedDuration) -> Result<Option<Lease>> {
        let update = self
            .if_held(lease, "SET leased_until = :until")
            .expression_attribute_values(":until", time(end_of(now, ttl)));
        changed(update)
            .await?
            .map(|item| read_lease(lease.shard, lease.duty, &item))
            .transpose()
    }

    /// Gives a lease up before it ends, so that the next publisher need not wait; `false` when another had acquired it.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn release(&self, lease: &Lease) -> Result<bool> {
        let update = self
            .if_held(lease, "SET leased_until = :ended")
            .expression_attribute_values(":ended", number(0));
        Ok(changed(update).await?.is_some())
    }

    /// Who does a duty for a shard now.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or the item can't be read.
    pub async fn lease(&self, shard: u32, duty: Duty, now: Timestamp) -> Result<Option<Lease>> {
        let Some(item) = self.get(&duty.key(shard)).await? else {
            return Ok(None);
        };
        Ok(Some(read_lease(shard, duty, &item)?).filter(|lease| lease.expires_at > now))
    }

    /// An update of the lease's item on the condition that nobody acquired it since.
    pub(crate) fn if_held(&self, lease: &Lease, update: &str) -> UpdateItemFluentBuilder {
        self.update_lease(lease.shard, lease.duty)
            .update_expression(update)
            .condition_expression("fence_number = :fence AND lease_holder = :holder")
            .expression_attribute_values(":fence", number(lease.fence))
            .expression_attribute_values(":holder", text(lease.holder))
    }

    fn update_lease(&self, shard: u32, duty: Duty) -> UpdateItemFluentBuilder {
        // No TTL: the fence must never start again.
        let key = duty.key(shard);
        self.update(&key).return_values(ReturnValue::AllNew)
    }
}

/// The item after the update; `None` when its condition failed.
pub(crate) async fn changed(update: UpdateItemFluentBuilder) -> Result<Option<Item>> {
    match update.send().await {
        Ok(output) => Ok(Some(output.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            _ => Err(Error::service("update an item")(error)),
        },
    }
}

fn end_of(now: Timestamp, ttl: SignedDuration) -> Timestamp {
    now.checked_add(ttl).unwrap_or(Timestamp::MAX)
}

fn read_lease(shard: u32, duty: Duty, item: &Item) -> Result<Lease> {
    Ok(Lease {
        shard,
        duty,
        holder: read_parsed(item, "lease_holder")?,
        fence: read_number(item, "fence_number")?,
        expires_at: read_time(item, "leased_until")?,
    })
}

#[cfg(test)]
mod tests;
