//! DynamoDB in this process: the engine `dynoxide` with the template's tables, and the sweep that expires items.
//!
//! Tables live in memory and end with the process.

#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::Context as _;
use dynoxide::Database;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::tasks::Tasks;
use crate::template::{KeyElement, Table};

/// DynamoDB promises to expire items within days, and usually does so in minutes; a developer wants to see it.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The embedded engine.
#[derive(Clone)]
pub struct Tables {
    database: Database,
}

impl Tables {
    /// Serves an empty engine on `listener`.
    ///
    /// # Errors
    /// When the engine cannot be opened.
    pub fn start(tasks: &mut Tasks, listener: TcpListener) -> anyhow::Result<Self> {
        let database = Database::memory().context("the embedded DynamoDB cannot be opened")?;
        let (served, stopped) = (database.clone(), tasks.stopped());
        tasks.spawn_attentive(async move {
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, served, stopped.wait()).await {
                tracing::error!(error, "the embedded DynamoDB ended");
            }
        });
        let tables = Self { database };
        tasks.spawn(tables.clone().keep_sweeping());
        Ok(tables)
    }

    /// Creates a table of the template.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub fn create(&self, table: &Table) -> anyhow::Result<()> {
        let name = &table.name;
        let request =
            serde_json::from_value(create_request(table)).with_context(|| format!("table {name} is not complete"))?;
        self.database
            .create_table(request)
            .with_context(|| format!("table {name} cannot be created"))?;
        if let Some(attribute) = &table.ttl_attribute {
            let specification = json!({"AttributeName": attribute, "Enabled": true});
            let request = serde_json::from_value(json!({"TableName": name, "TimeToLiveSpecification": specification}))?;
            self.database
                .update_time_to_live(request)
                .with_context(|| format!("table {name} cannot expire items"))?;
        }
        Ok(())
    }

    /// Deletes what has expired, and says how many items that were.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn sweep(&self) -> anyhow::Result<usize> {
        self.database.sweep_ttl().context("expired items cannot be deleted")
    }

    /// The engine expires nothing by itself.
    async fn keep_sweeping(self) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            let tables = self.clone();
            match tokio::task::spawn_blocking(move || tables.sweep()).await {
                Ok(Ok(0)) | Err(_) => {}
                Ok(Ok(expired)) => tracing::debug!(expired, "items expired"),
                Ok(Err(error)) => tracing::warn!(error = format!("{error:#}"), "a sweep failed"),
            }
        }
    }
}

/// What `CreateTable` takes.
fn create_request(table: &Table) -> Value {
    let keys = |elements: &[KeyElement]| -> Vec<Value> {
        elements
            .iter()
            .map(|key| json!({"AttributeName": key.attribute_name, "KeyType": key.key_type}))
            .collect()
    };
    let attributes: Vec<Value> = table
        .attributes
        .iter()
        .map(|attribute| json!({"AttributeName": attribute.attribute_name, "AttributeType": attribute.attribute_type}))
        .collect();
    let mut request = json!({
        "TableName": table.name,
        "KeySchema": keys(&table.key_schema),
        "AttributeDefinitions": attributes,
        "BillingMode": "PAY_PER_REQUEST",
    });
    let indexes: Vec<Value> = table
        .indexes
        .iter()
        .map(|index| json!({"IndexName": index.index_name, "KeySchema": keys(&index.key_schema), "Projection": index.projection}))
        .collect();
    if !indexes.is_empty() {
        request["GlobalSecondaryIndexes"] = indexes.into();
    }
    request
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tables").finish_non_exhaustive()
    }
}
