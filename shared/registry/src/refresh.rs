//! Refresh tokens: each is redeemed once.

use jiff::Timestamp;
use uuid::Uuid;

use crate::item::{self, EXPIRES_AT, number, time};
use crate::keys::Key;
use crate::lease::changed;
use crate::{Error, Registry, Result};

impl Registry {
    /// Remembers that a refresh token was issued to a user of a client.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn remember_refresh(&self, client: Uuid, token: Uuid, expires_at: Timestamp) -> Result<()> {
        let mut item = item::keyed(&Key::refresh(client, token));
        item.insert(EXPIRES_AT.to_owned(), number(expires_at.as_second()));
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await
            .map_err(Error::service("remember a refresh token"))?;
        Ok(())
    }

    /// Redeems a refresh token: `true` once, then, and for a token that is unknown or expired, `false`.
    ///
    /// # Errors
    /// When DynamoDB does not answer. The token may then count as redeemed, and its user signs in again.
    pub async fn redeem_refresh(&self, client: Uuid, token: Uuid, now: Timestamp) -> Result<bool> {
        let key = Key::refresh(client, token);
        let update = self
            .update(&key)
            .update_expression("SET redeemed_at = :at")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(redeemed_at) AND expires_at > :now")
            .expression_attribute_values(":at", time(now))
            .expression_attribute_values(":now", number(now.as_second()));
        Ok(changed(update).await?.is_some())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use crate::testing::{CLIENT, OTHER, at, registry};

    #[tokio::test]
    async fn a_token_is_redeemed_once_and_before_it_expires() {
        let registry = registry().await;
        let (good, old, unknown) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        registry.remember_refresh(CLIENT, good, at(100)).await.unwrap();
        registry.remember_refresh(CLIENT, old, at(10)).await.unwrap();
        assert!(!registry.redeem_refresh(OTHER, good, at(10)).await.unwrap());
        let cases = [(good, true), (good, false), (old, false), (unknown, false)];
        for (token, expected) in cases {
            assert_eq!(
                registry.redeem_refresh(CLIENT, token, at(10)).await.unwrap(),
                expected,
                "{token}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_at_once_one_redeems() {
        let registry = registry().await;
        registry
            .remember_refresh(CLIENT, Uuid::from_u128(1), at(100))
            .await
            .unwrap();
        let tries: Vec<_> = (0..16)
            .map(|_| {
                let registry = registry.clone();
                tokio::spawn(async move {
                    registry
                        .redeem_refresh(CLIENT, Uuid::from_u128(1), at(1))
                        .await
                        .unwrap()
                })
            })
            .collect();
        let mut redeemed = 0;
        for attempt in tries {
            redeemed += usize::from(attempt.await.unwrap());
        }
        assert_eq!(redeemed, 1);
    }
}
