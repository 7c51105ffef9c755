//! Writes of several items at once, and what to do when others write them too.

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use uuid::Uuid;

use crate::{Error, Registry, Result};

/// DynamoDB's own limit of one transaction.
pub(crate) const MAX_TRANSACTION_ITEMS: usize = 100;

/// How often a write is tried against others that change the same items. A connection's own messages are all that
/// contend for its items, so a few tries are many.
pub(crate) const MAX_ATTEMPTS: u32 = 8;

/// First pause between two attempts; it doubles, up to 10 ms * 2^5 = 320 ms, with jitter.
const FIRST_PAUSE_MS: u64 = 10;
const MAX_DOUBLINGS: u32 = 5;

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transacted {
    /// All of it was written.
    Done,
    /// None of it was written, because a condition failed or another transaction was in the way: read again and retry.
    Refused,
}

impl Registry {
    /// Writes all or nothing.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Transacted> {
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await;
        let Err(error) = sent else { return Ok(Transacted::Done) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
            let mut reasons = cancelled.cancellation_reasons().iter();
            if reasons.all(|reason| is_transient(reason.code().unwrap_or("None"))) {
                return Ok(Transacted::Refused);
            }
        }
        Err(Error::service("write a transaction")(error))
    }
}

/// Reasons that go away when the items are read again.
fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "None" | "ConditionalCheckFailed" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"
    )
}

/// Waits before the next attempt, longer each time and never in step with others.
pub(crate) async fn pause(attempt: u32) {
    let longest_ms = FIRST_PAUSE_MS << attempt.min(MAX_DOUBLINGS);
    let random = u64::from(Uuid::new_v4().as_bytes()[0]);
    tokio::time::sleep(Duration::from_millis(longest_ms / 2 + random * longest_ms / 2 / 255)).await;
}

/// A put as part of a transaction.
pub(crate) fn put(put: aws_sdk_dynamodb::types::builders::PutBuilder) -> Result<TransactWriteItem> {
    let put: Put = put.build().map_err(Error::incomplete)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// An update as part of a transaction.
pub(crate) fn update(update: aws_sdk_dynamodb::types::builders::UpdateBuilder) -> Result<TransactWriteItem> {
    let update: Update = update.build().map_err(Error::incomplete)?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// A delete as part of a transaction.
pub(crate) fn delete(delete: aws_sdk_dynamodb::types::builders::DeleteBuilder) -> Result<TransactWriteItem> {
    let delete: Delete = delete.build().map_err(Error::incomplete)?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}
