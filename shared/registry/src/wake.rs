//! Whether somebody has to be woken to see a change.

use jiff::Timestamp;

use crate::{Duty, Registry, Result};

impl Registry {
    /// Whether nobody publishes for a shard, so that a change to its subscriptions would wait for the next schedule.
    ///
    /// To be asked after the change was written: who holds the lease then still reads it, given that a publisher looks at the
    /// sequence once more after it gave its lease up.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or the lease can't be read.
    pub async fn needs_wake(&self, shard: u32, now: Timestamp) -> Result<bool> {
        Ok(self.lease(shard, Duty::Publish, now).await?.is_none())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use jiff::SignedDuration;
    use uuid::Uuid;

    use crate::Duty;
    use crate::testing::{at, registry};

    #[tokio::test]
    async fn a_publisher_is_woken_unless_one_holds_the_lease() {
        let registry = registry().await;
        assert!(registry.needs_wake(0, at(0)).await.unwrap(), "never started");
        let ttl = SignedDuration::from_secs(10);
        let lease = registry
            .acquire(0, Duty::Publish, Uuid::from_u128(1), at(0), ttl)
            .await
            .unwrap()
            .unwrap();
        assert!(!registry.needs_wake(0, at(9)).await.unwrap(), "at work");
        assert!(registry.needs_wake(0, at(10)).await.unwrap(), "died");
        registry.release(&lease).await.unwrap();
        assert!(registry.needs_wake(0, at(1)).await.unwrap(), "went home");
    }
}
