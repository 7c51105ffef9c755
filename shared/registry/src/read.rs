//! Consistent reads of one item and of many.

use uuid::Uuid;

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
        let mut items = Vec::new();
        self.each(shard, prefix, None, |item| {
            items.push(item);
            Ok(())
        })
        .await?;
        Ok(items)
    }

    /// The same one by one, so that no more of them is held than a page of 1 MB; of one client alone where one is named.
    pub(crate) async fn each(
        &self,
        shard: u32,
        prefix: &str,
        client: Option<Uuid>,
        mut take: impl FnMut(Item) -> Result<()>,
    ) -> Result<()> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(keys::partition(shard)))
            .expression_attribute_values(":prefix", text(prefix));
        if let Some(client) = client {
            query = query
                .filter_expression("client = :client")
                .expression_attribute_values(":client", text(client));
        }
        let mut pages = query.into_paginator().items().send();
        while let Some(item) = pages.next().await {
            take(item.map_err(Error::service("query items"))?)?;
        }
        Ok(())
    }
}
