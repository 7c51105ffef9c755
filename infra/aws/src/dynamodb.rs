//! DynamoDB in this process: the engine `dynoxide` with the template's tables, and the sweep that expires items.
//!
//! Tables are in one SQLite file, so that a restart finds them. What was written survives the end of the process; of a power
//! failure's last moments it may lose some, but never half of a write: flushing each write to the disk would cost the engine,
//! which has one connection, milliseconds for each.

mod front;
mod permissions;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::permissions::Permissions;
use crate::gate::Gate;
use crate::tasks::Tasks;
use crate::template::{KeyElement, Table, Template};

/// DynamoDB promises to expire items within days, and usually does so in minutes; a developer wants to see it.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The embedded engine.
#[derive(Clone)]
pub struct Tables {
    database: Database,
}

impl Tables {
    /// Serves the engine with what is in `file` on `listener`, to the functions of `template` what they may do; the file is made if it is not there.
    ///
    /// # Errors
    /// When the engine cannot be opened, or the listener has no address.
    pub fn start(tasks: &mut Tasks, listener: TcpListener, file: &Path, template: &Template) -> anyhow::Result<Self> {
        let database = open(file).with_context(|| format!("the embedded DynamoDB cannot open {}", file.display()))?;
        let engine = front::hidden_listener().context("the embedded DynamoDB has no address")?;
        let router = front::router(engine.local_addr()?, Permissions::of(template));
        tasks.serve(listener, router, Gate::Signed)?;
        let (served, stopped) = (database.clone(), tasks.stopped());
        tasks.spawn_attentive(async move {
            if let Err(error) = dynoxide::server::serve_with_shutdown(engine, served, stopped.wait()).await {
                tracing::error!(error, "the embedded DynamoDB ended");
            }
        });
        let tables = Self { database };
        tasks.spawn(tables.clone().keep_sweeping());
        Ok(tables)
    }

    /// Creates a table of the template, unless it is there.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub fn create(&self, table: &Table) -> anyhow::Result<()> {
        let name = &table.name;
        let request =
            serde_json::from_value(create_request(table)).with_context(|| format!("table {name} is not complete"))?;
        match self.database.create_table(request) {
            Ok(_) => {}
            Err(DynoxideError::ResourceInUseException(_)) => self.adapt(table)?,
            Err(error) => return Err(error).with_context(|| format!("table {name} cannot be created")),
        }
        if let Some(attribute) = &table.ttl_attribute {
            let specification = json!({"AttributeName": attribute, "Enabled": true});
            let request = serde_json::from_value(json!({"TableName": name, "TimeToLiveSpecification": specification}))?;
            self.database
                .update_time_to_live(request)
                .with_context(|| format!("table {name} cannot expire items"))?;
        }
        Ok(())
    }

    /// Brings a table of an earlier run to the template, as a deployment does: indexes that are new are made. Other keys are
    /// another table.
    fn adapt(&self, table: &Table) -> anyhow::Result<()> {
        let name = &table.name;
        let request = serde_json::from_value(json!({"TableName": name}))?;
        let described = self.database.describe_table(request);
        let described = described.with_context(|| format!("table {name} cannot be described"))?;
        let described = serde_json::to_value(described)?;
        let (wanted, there) = (create_request(table), &described["Table"]);
        if there["KeySchema"] != wanted["KeySchema"] {
            bail!("table {name} has other keys than the template: remove the state folder to begin anew");
        }
        let list = |of: &Value| of["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
        let known: Vec<Value> = list(there).iter().map(|index| index["IndexName"].clone()).collect();
        for index in list(&wanted)
            .into_iter()
            .filter(|index| !known.contains(&index["IndexName"]))
        {
            let request = json!({
                "TableName": name,
                "AttributeDefinitions": wanted["AttributeDefinitions"],
                "GlobalSecondaryIndexUpdates": [{"Create": index}],
            });
            let updated = self.database.update_table(serde_json::from_value(request)?);
            updated.with_context(|| format!("table {name} cannot get another index"))?;
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

fn open(file: &Path) -> anyhow::Result<Database> {
    let path = file.to_str().context("its path is not UTF-8")?;
    let database = Database::new(path)?;
    // What sets the ordinary mode: commits are in the system's hands, and flushed to the disk from time to time.
    database.disable_bulk_loading()?;
    Ok(database)
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
