//! The leases of a shard: one publisher at a time, and one at a time that stands by to take over. A fencing number tells a later holder from an earlier.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValue;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::item::{Item, number, read_number, read_parsed, read_time, text, time};
use crate::keys::{self, Key};
use crate::{Error, Registry, Result};

/// What a lease is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// To publish.
    Publish,
    /// To wait for the publisher's lease to end, and to take it over at once.
    StandBy,
}

impl Duty {
    fn key(self, shard: u32) -> Key {
        let sk = match self {
            Self::Publish => keys::LEASE,
            Self::StandBy => keys::STANDBY,
        };
        Key::in_shard(shard, sk)
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
            .condition_expression("attribute_not_exists(pk) OR leased_until <= :now OR lease_holder = :holder")
            .expression_attribute_values(":holder", text(holder))
            .expression_attribute_values(":until", time(end_of(now, ttl)))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":one", number(1));
        changed(update)
            .await?
            .map(|item| read_lease(shard, duty, &item))
            .transpose()
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
