//! One-time secrets by which users set a password: one of each user at a time, known by its fingerprint.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use jiff::Timestamp;
use uuid::Uuid;

use crate::item::{self, EXPIRES_AT, number, read_number, read_text, text};
use crate::keys::{self, Key};
use crate::{Error, Registry, Result};

impl Registry {
    /// Remembers the secret that was made for a user; one of before is not good any more.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn remember_secret(&self, client: Uuid, user: Uuid, fingerprint: &str, until: Timestamp) -> Result<()> {
        let mut item = item::keyed(&Key::secret(client, user));
        item.insert("fingerprint".to_owned(), text(fingerprint));
        item.insert(EXPIRES_AT.to_owned(), number(until.as_second()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(Error::service("remember a secret"))
    }

    /// Whether a secret is good, without using it up.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn knows_secret(&self, client: Uuid, user: Uuid, fingerprint: &str, now: Timestamp) -> Result<bool> {
        let found = self.get(&Key::secret(client, user)).await?;
        found
            .filter(|item| item::is_live(item, now))
            .map_or(Ok(false), |item| Ok(read_text(&item, "fingerprint")? == fingerprint))
    }

    /// Uses a secret up: `true` once.
    ///
    /// # Errors
    /// When DynamoDB does not answer. The secret may then be used up, and its user asks for another.
    pub async fn redeem_secret(&self, client: Uuid, user: Uuid, fingerprint: &str, now: Timestamp) -> Result<bool> {
        let key = Key::secret(client, user);
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", key.pk())
            .key("sk", key.sk())
            .condition_expression("fingerprint = :fingerprint AND expires_at > :now")
            .expression_attribute_values(":fingerprint", text(fingerprint))
            .expression_attribute_values(":now", number(now.as_second()))
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::service("use a secret up")(error)),
            },
        }
    }

    /// Until when the secrets of a client's users are good, of those that have one.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or an item can't be read.
    pub async fn secrets_of(&self, client: Uuid, now: Timestamp) -> Result<BTreeMap<Uuid, Timestamp>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(keys::of_client(client)))
            .expression_attribute_values(":prefix", text(keys::SECRETS))
            .into_paginator()
            .items()
            .send();
        let mut found = BTreeMap::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(Error::service("query secrets"))?;
            if !item::is_live(&item, now) {
                continue;
            }
            let user = read_text(&item, "sk")?.strip_prefix(keys::SECRETS);
            let user = user.and_then(|user| user.parse().ok());
            let until = Timestamp::from_second(read_number(&item, EXPIRES_AT)?);
            let until = until.map_err(|_| item::malformed(&item, EXPIRES_AT))?;
            found.insert(user.ok_or_else(|| item::malformed(&item, "sk"))?, until);
        }
        Ok(found)
    }

    /// Forgets a user's secret, if there is one.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn forget_secret(&self, client: Uuid, user: Uuid) -> Result<()> {
        self.delete(&Key::secret(client, user)).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use crate::testing::{CLIENT, OTHER, at, registry};

    #[tokio::test]
    async fn a_secret_is_used_once_by_its_user_and_in_time() {
        let registry = registry().await;
        let (user, colleague) = (Uuid::from_u128(1), Uuid::from_u128(2));
        registry.remember_secret(CLIENT, user, "before", at(100)).await.unwrap();
        registry.remember_secret(CLIENT, user, "ours", at(100)).await.unwrap();
        for (client, user, secret, second, expected) in [
            (CLIENT, user, "before", 1, false),
            (CLIENT, user, "other", 1, false),
            (CLIENT, colleague, "ours", 1, false),
            (OTHER, user, "ours", 1, false),
            (CLIENT, user, "ours", 100, false),
            (CLIENT, user, "ours", 99, true),
            (CLIENT, user, "ours", 99, false),
        ] {
            let known = registry.knows_secret(client, user, secret, at(second)).await.unwrap();
            let redeemed = registry.redeem_secret(client, user, secret, at(second)).await.unwrap();
            assert_eq!((known, redeemed), (expected, expected), "{secret} at {second}");
        }
        registry.remember_secret(CLIENT, user, "ours", at(100)).await.unwrap();
        for (client, second, expected) in [(CLIENT, 99, Some(at(100))), (CLIENT, 100, None), (OTHER, 99, None)] {
            let secrets = registry.secrets_of(client, at(second)).await.unwrap();
            assert_eq!(secrets.get(&user).copied(), expected, "{client} at {second}");
        }
        registry.forget_secret(CLIENT, user).await.unwrap();
        assert!(!registry.redeem_secret(CLIENT, user, "ours", at(1)).await.unwrap());
    }
}
