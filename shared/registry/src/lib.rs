//! What DynamoDB holds, and the only crate that knows its items: connections and their subscriptions, the sequence of changes to them, the
//! publisher's lease and handover, stream controls, sessions, one-time secrets, sign-in attempts and quotas.
//!
//! One table, `pk` and `sk` (see [`keys`]), with `expires_at` as its TTL. DynamoDB sweeps late, so every read here treats an
//! expired item as gone. There is no clock: the time is an argument.
//!
//! # How a publisher follows subscriptions
//! It reads the [`Registry::roster`] once and then polls [`Registry::changes`]. Each change has a number, and no number is
//! skipped: a writer takes the next number from a counter and then writes the change together with what changed, in one
//! transaction. A writer that died in between leaves a hole. The reader closes it by writing an empty change under that number;
//! a writer that was merely slow then fails and takes a new number. So a number once passed can't be filled later, and
//! nobody who was told `subscribed` is overlooked.

pub mod attempts;
pub mod changes;
pub mod connections;
pub mod controls;
pub mod counts;
pub mod error;
pub mod handover;
mod item;
pub mod keys;
pub mod lease;
pub mod mails;
pub mod quotas;
mod read;
pub mod removal;
pub mod roster;
pub mod secrets;
pub mod sessions;
pub mod subscriptions;
#[cfg(test)]
mod testing;
mod transaction;
pub mod wake;
mod windows;

pub use changes::Changes;
pub use connections::{Connection, Peer};
pub use counts::{Counted, Quota, Usage};
pub use error::{Error, Result};
pub use keys::{SHARDS, shard_of};
pub use lease::{Duty, Lease};
pub use removal::Forgotten;
pub use roster::{Roster, Subscribers};
pub use sessions::{Redeemed, RefreshToken, SessionId};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;

use keys::Key;

/// The registry's table.
#[derive(Debug, Clone)]
pub struct Registry {
    client: Client,
    table: String,
}

impl Registry {
    /// The registry in the table of that name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The registry in the table of that name, by the environment's region, credentials and endpoints.
    #[must_use]
    pub fn connect_to(configuration: &aws_config::SdkConfig, table: String) -> Self {
        Self::new(Client::new(configuration), table)
    }

    /// An update of one item, to be completed and sent.
    pub(crate) fn update(&self, key: &Key) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table);
        update.key("pk", key.pk()).key("sk", key.sk())
    }

    /// Deletes one item, whether it is there or not.
    pub(crate) async fn delete(&self, key: &Key) -> Result<()> {
        let delete = self.client.delete_item().table_name(&self.table);
        let sent = delete.key("pk", key.pk()).key("sk", key.sk()).send().await;
        sent.map(drop).map_err(Error::service("delete an item"))
    }
}
