//! Counting within a window of time that opens with the first: what comes beyond its limit is refused until the window ends, and does not prolong it.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use jiff::Timestamp;

use crate::item::{self, EXPIRES_AT, number, read_number};
use crate::keys::Key;
use crate::lease::changed;
use crate::{Error, Registry, Result};

/// What is counted, how often it may be, and in how many seconds from the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) key: Key,
    pub(crate) limit: u32,
    pub(crate) seconds: i64,
}

impl Registry {
    /// Counts one more, and says whether it is within the limit.
    pub(crate) async fn count_in_window(&self, window: &Window, now: Timestamp) -> Result<bool> {
        // Once more when another one opened the window between the two writes.
        Ok(self.count_in_open(window, now).await?
            || self.open_window(window, now).await?
            || self.count_in_open(window, now).await?)
    }

    /// Takes one out of a window again.
    pub(crate) async fn take_out_of_window(&self, key: &Key, now: Timestamp) -> Result<()> {
        let update = self
            .update(key)
            .update_expression("ADD attempt_count :less")
            .condition_expression("expires_at > :now AND attempt_count > :none")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":none", number(0));
        changed(update).await.map(drop)
    }

    /// Seconds until a window ends; one where it has ended just now.
    pub(crate) async fn seconds_left(&self, window: &Window, now: Timestamp) -> Result<u16> {
        let item = self.get(&window.key).await?.filter(|item| item::is_live(item, now));
        let left = match item {
            Some(item) => read_number::<i64>(&item, EXPIRES_AT)?.saturating_sub(now.as_second()),
            None => 1,
        };
        Ok(u16::try_from(left).unwrap_or(u16::MAX))
    }

    /// Counts within a window that is open and not full.
    async fn count_in_open(&self, window: &Window, now: Timestamp) -> Result<bool> {
        let update = self
            .update(&window.key)
            .update_expression("ADD attempt_count :one")
            .condition_expression("expires_at > :now AND attempt_count < :limit")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":limit", number(window.limit));
        Ok(changed(update).await?.is_some())
    }

    /// Opens a window with this one as its first, unless one is open.
    async fn open_window(&self, window: &Window, now: Timestamp) -> Result<bool> {
        let mut item = item::keyed(&window.key);
        item.insert("attempt_count".to_owned(), number(1));
        let until = now.as_second().saturating_add(window.seconds);
        item.insert(EXPIRES_AT.to_owned(), number(until));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", number(now.as_second()))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::service("open a window")(error)),
            },
        }
    }
}
