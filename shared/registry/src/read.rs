//! Consistent reads of one item and of many.

use crate::item::{Item, text};
use crate::keys::{self, Key};
use crate::{Error, Registry, Result};

impl Registry {
    /// One item, read consistently.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", key.pk())
            .key("sk", key.sk())
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::service("read an item"))?;
        Ok(found.item)
    }

    /// All items of a shard whose sort keys begin with a text, read consistently, page by page, in order.
    pub(crate) async fn query(&self, shard: u32, prefix: &str) -> Result<Vec<Item>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(keys::partition(shard)))
            .expression_attribute_values(":prefix", text(prefix))
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(Error::service("query items"))?);
        }
        Ok(items)
    }
}
