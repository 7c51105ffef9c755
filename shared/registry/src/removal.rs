//! A client goes, with all that the registry has of it.
//!
//! What stays is what expires by itself within two hours and names nobody but by an identity: numbered changes, which a publisher follows without a gap, what
//! publishers hand over, and how often was tried to sign in from a source.

use std::collections::BTreeSet;

use futures::stream::{self, TryStreamExt as _};
use jiff::Timestamp;
use uuid::Uuid;

use crate::connections::read_card;
use crate::item::{read_text, text};
use crate::keys::{self, Key};
use crate::{Connection, Error, Peer, Registry, Result, shard_of};

/// Connections and other items that are forgotten in one go: at four calls of 5 ms each and sixteen at once, about a second.
pub const MAX_FORGOTTEN: usize = 1_000;

/// Calls at the same time.
const AT_ONCE: usize = 16;

/// What was forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Connections, which are still open.
    pub connections: BTreeSet<String>,
    /// Whether there may be more.
    pub is_more: bool,
}

impl Registry {
    /// Forgets a client: connections with their topics, controls, counts, quotas, sessions, one-time secrets, and the sign-in attempts of its users by their addresses. At most
    /// [`MAX_FORGOTTEN`] of each.
    ///
    /// # Errors
    /// When DynamoDB does not answer; what was forgotten by then stays so.
    pub async fn forget_client(&self, client: Uuid, addresses: &[String], now: Timestamp) -> Result<Forgotten> {
        let mut found = self.connection_ids(client).await?;
        let mut forgotten = Forgotten {
            is_more: found.len() > MAX_FORGOTTEN,
            connections: BTreeSet::new(),
        };
        while let Some(id) = found
            .pop_first()
            .filter(|_| forgotten.connections.len() < MAX_FORGOTTEN)
        {
            forgotten.connections.insert(id);
        }
        stream::iter(forgotten.connections.iter().map(Ok))
            .try_for_each_concurrent(AT_ONCE, async |id| {
                Box::pin(self.disconnect(Peer { client, id }, now)).await.map(drop)
            })
            .await?;
        for topic in self.controls(client).await?.into_keys() {
            self.set_control(client, &topic, None, now).await?;
        }
        for address in addresses {
            forgotten.is_more |= self.forget_partition(&keys::attempts(address)).await?;
        }
        for partition in keys::partitions_of(client) {
            forgotten.is_more |= self.forget_partition(&partition).await?;
        }
        Ok(forgotten)
    }

    /// Forgets the connections of a user of a client, which are still open, with their topics; at most as many as a user may have.
    ///
    /// # Errors
    /// When DynamoDB does not answer; the same call goes on there.
    pub async fn forget_connections(&self, client: Uuid, user: Uuid, now: Timestamp) -> Result<BTreeSet<String>> {
        let mut ids = BTreeSet::new();
        self.each(shard_of(client), keys::CONNECTIONS, Some(client), |item| {
            if read_text(&item, "sk")?.ends_with(keys::CARD) {
                let Connection { id, user: whose, .. } = read_card(&item)?.connection;
                if whose == user {
                    ids.insert(id);
                }
            }
            Ok(())
        })
        .await?;
        stream::iter(ids.iter().map(Ok))
            .try_for_each_concurrent(AT_ONCE, async |id| {
                Box::pin(self.disconnect(Peer { client, id }, now)).await.map(drop)
            })
            .await?;
        Ok(ids)
    }

    /// Ids of a client's connections, and of those of which only topics are left.
    async fn connection_ids(&self, client: Uuid) -> Result<BTreeSet<String>> {
        let mut ids = BTreeSet::new();
        self.each(shard_of(client), keys::CONNECTIONS, Some(client), |item| {
            ids.extend(keys::connection_in(read_text(&item, "sk")?).map(str::to_owned));
            Ok(())
        })
        .await?;
        Ok(ids)
    }

    /// Deletes items of a partition; whether there may be more.
    pub(crate) async fn forget_partition(&self, partition: &str) -> Result<bool> {
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(partition))
            .projection_expression("pk, sk")
            .limit(i32::try_from(MAX_FORGOTTEN).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Error::service("query items"))?;
        let is_more = page.last_evaluated_key().is_some();
        let keys = page.items().iter().map(|item| {
            Ok(Key {
                pk: partition.to_owned(),
                sk: read_text(item, "sk")?.to_owned(),
            })
        });
        stream::iter(keys.collect::<Vec<Result<Key>>>())
            .try_for_each_concurrent(AT_ONCE, async |key| self.delete(&key).await)
            .await?;
        Ok(is_more)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use live::Control;

    use super::*;
    use crate::attempts::Attempt;
    use crate::testing::{CLIENT, OTHER, at, connection, registry, topics};
    use crate::{RefreshToken, SessionId};

    /// All items but those that expire by themselves.
    async fn stored(registry: &Registry) -> Vec<String> {
        let page = registry.client.scan().table_name(&registry.table).send().await.unwrap();
        let items = page
            .items()
            .iter()
            .map(|item| format!("{:?}", item.iter().collect::<BTreeMap<_, _>>()));
        let mut items: Vec<String> = items.filter(|item| !item.contains("CHANGE#")).collect();
        items.sort();
        items
    }

    /// Something of every kind.
    async fn fill(registry: &Registry, client: Uuid, name: &str) {
        let mut connection = connection(name);
        connection.client = client;
        registry.connect(&connection).await.unwrap();
        let mut subscriptions = topics(0..3);
        for subscription in &mut subscriptions {
            subscription.topic.client = client;
        }
        registry
            .subscribe(connection.peer(), None, None, subscriptions, at(1))
            .await
            .unwrap();
        registry
            .set_control(client, "topic", Some(Control::Pinned), at(1))
            .await
            .unwrap();
        registry.take_events(client, 5, 10, at(1)).await.unwrap();
        registry.limit_facts(client, 70).await.unwrap();
        let (user, session) = (Uuid::new_v4(), Uuid::new_v4());
        let first = RefreshToken {
            id: Uuid::new_v4(),
            expires_at: at(1_000),
        };
        let session = SessionId { client, user, session };
        registry.open_session(session, "viewer", first).await.unwrap();
        registry
            .remember_secret(client, user, "fingerprint", at(1_000))
            .await
            .unwrap();
        registry
            .allow_attempt(
                Attempt {
                    address: &format!("{name}@example.com"),
                    source: "192.0.2.1",
                },
                at(1),
            )
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_client_and_everything_of_another() {
        let registry = registry().await;
        fill(&registry, OTHER, "theirs").await;
        let before = stored(&registry).await;
        fill(&registry, CLIENT, "ours").await;
        assert!(stored(&registry).await.len() > before.len() + 8);
        let addresses = ["ours@example.com".to_owned()];
        let forgotten = registry.forget_client(CLIENT, &addresses, at(2)).await.unwrap();
        let expected = Forgotten {
            connections: BTreeSet::from(["ours".to_owned()]),
            is_more: false,
        };
        assert_eq!(forgotten, expected);
        let left = stored(&registry).await;
        let without = |items: &[String]| -> Vec<String> {
            // What came from a source is counted for all clients.
            let source = Key::attempts_from("192.0.2.1").pk;
            let of_nobody = |item: &&String| !item.contains("\"SEQUENCE\"") && !item.contains(&source);
            let mine = items.iter().filter(of_nobody);
            mine.cloned().collect()
        };
        assert_eq!(without(&left), without(&before));
        let theirs = registry
            .forget_connections(OTHER, Uuid::from_u128(0xB), at(2))
            .await
            .unwrap();
        assert_eq!(theirs, BTreeSet::new(), "of another user");
        let theirs = registry
            .forget_connections(OTHER, Uuid::from_u128(0xA), at(2))
            .await
            .unwrap();
        assert_eq!(theirs, BTreeSet::from(["theirs".to_owned()]));
        let again = registry.forget_client(CLIENT, &addresses, at(2)).await.unwrap();
        assert_eq!(again, Forgotten::default());
    }
}
