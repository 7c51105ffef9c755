//! Sign-in attempts: a few per account, source and quarter of an hour, so that passwords can't be guessed by trying; and many more per account from all sources
//! together, so that nobody who is elsewhere can close an account by failing.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use jiff::Timestamp;

use crate::item::{self, EXPIRES_AT, number};
use crate::keys::Key;
use crate::lease::changed;
use crate::{Error, Registry, Result};

/// Attempts with one address from one source in one window.
pub const MAX_ATTEMPTS_PER_WINDOW: u32 = 10;

/// Attempts with one address from all sources in one window. Who wants to close an account needs 50 sources at work all day; who wants to guess its password has
/// 48,000 guesses a day, however many sources: the most common million take three weeks.
pub const MAX_ATTEMPTS_PER_ADDRESS: u32 = 500;

/// A window's length: 15 minutes from its first attempt.
pub const ATTEMPT_WINDOW_SECONDS: i64 = 15 * 60;

/// An attempt to sign in. Both are hashed, so no item holds an address.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The e-mail address with which it is tried.
    pub address: &'a str,
    /// The network that it comes from.
    pub source: &'a str,
}

impl Attempt<'_> {
    /// Its windows, with how many attempts each has.
    fn windows(self) -> [(Key, u32); 2] {
        [
            (Key::attempts(self.address, Some(self.source)), MAX_ATTEMPTS_PER_WINDOW),
            (Key::attempts(self.address, None), MAX_ATTEMPTS_PER_ADDRESS),
        ]
    }
}

impl Registry {
    /// Counts an attempt and says whether it may be made. Refused attempts do not prolong a window, and what a source has too many of is not counted for the address.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn allow_attempt(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<bool> {
        for (key, limit) in attempt.windows() {
            // Once more when another attempt opened a window between the two writes.
            let is_allowed = self.count_attempt(&key, limit, now).await?
                || self.open_window(&key, now).await?
                || self.count_attempt(&key, limit, now).await?;
            if !is_allowed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes an attempt out of the counts again: it succeeded. Only failures are guesses.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn forgive_attempt(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<()> {
        for (key, _) in attempt.windows() {
            let update = self
                .update(&key)
                .update_expression("ADD attempt_count :less")
                .condition_expression("expires_at > :now AND attempt_count > :none")
                .expression_attribute_values(":less", number(-1))
                .expression_attribute_values(":now", number(now.as_second()))
                .expression_attribute_values(":none", number(0));
            changed(update).await?;
        }
        Ok(())
    }

    /// Counts within a window that is open and not full.
    async fn count_attempt(&self, key: &Key, limit: u32, now: Timestamp) -> Result<bool> {
        let update = self
            .update(key)
            .update_expression("ADD attempt_count :one")
            .condition_expression("expires_at > :now AND attempt_count < :limit")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":limit", number(limit));
        Ok(changed(update).await?.is_some())
    }

    /// Opens a window with this attempt as its first, unless one is open.
    async fn open_window(&self, key: &Key, now: Timestamp) -> Result<bool> {
        let mut item = item::keyed(key);
        item.insert("attempt_count".to_owned(), number(1));
        item.insert(
            EXPIRES_AT.to_owned(),
            number(now.as_second().saturating_add(ATTEMPT_WINDOW_SECONDS)),
        );
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
                _ => Err(Error::service("count a sign-in attempt")(error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::{ATTEMPT_WINDOW_SECONDS, Attempt, MAX_ATTEMPTS_PER_ADDRESS, MAX_ATTEMPTS_PER_WINDOW};
    use crate::testing::{at, registry};

    fn from<'a>(address: &'a str, source: &'a str) -> Attempt<'a> {
        Attempt { address, source }
    }

    #[tokio::test]
    async fn attempts_are_limited_per_address_source_and_window() {
        let registry = registry().await;
        let someone = from("someone", "here");
        for attempt in 0..MAX_ATTEMPTS_PER_WINDOW {
            assert!(
                registry.allow_attempt(someone, at(i64::from(attempt))).await.unwrap(),
                "attempt {attempt}"
            );
        }
        let cases = [
            (someone, ATTEMPT_WINDOW_SECONDS - 1, false),
            (from("someone else", "here"), ATTEMPT_WINDOW_SECONDS - 1, true),
            (from("someone", "elsewhere"), ATTEMPT_WINDOW_SECONDS - 1, true),
            (someone, ATTEMPT_WINDOW_SECONDS, true),
            (someone, ATTEMPT_WINDOW_SECONDS + 1, true),
        ];
        for (attempt, second, expected) in cases {
            assert_eq!(
                registry.allow_attempt(attempt, at(second)).await.unwrap(),
                expected,
                "{attempt:?} at {second}"
            );
        }
    }

    #[tokio::test]
    async fn an_address_is_closed_only_by_many_sources() {
        let registry = registry().await;
        let sources = MAX_ATTEMPTS_PER_ADDRESS / MAX_ATTEMPTS_PER_WINDOW;
        let owner = from("someone", "home");
        for source in 0..sources {
            let source = source.to_string();
            // What one source has too many of takes nothing from the others.
            for _ in 0..=MAX_ATTEMPTS_PER_WINDOW {
                registry.allow_attempt(from("someone", &source), at(1)).await.unwrap();
            }
            if source == "0" {
                assert!(registry.allow_attempt(owner, at(1)).await.unwrap());
                registry.forgive_attempt(owner, at(1)).await.unwrap();
            }
        }
        assert!(!registry.allow_attempt(owner, at(1)).await.unwrap());
        assert!(registry.allow_attempt(from("someone else", "0"), at(1)).await.unwrap());
    }

    #[tokio::test]
    async fn an_attempt_that_succeeded_does_not_count() {
        let registry = registry().await;
        let someone = from("someone", "here");
        for second in 0..3 * i64::from(MAX_ATTEMPTS_PER_WINDOW) {
            assert!(registry.allow_attempt(someone, at(second)).await.unwrap(), "{second}");
            registry.forgive_attempt(someone, at(second)).await.unwrap();
        }
        // Forgiving more than was counted gives no credit.
        registry.forgive_attempt(someone, at(60)).await.unwrap();
        for attempt in 0..=MAX_ATTEMPTS_PER_WINDOW {
            let allowed = registry.allow_attempt(someone, at(61)).await.unwrap();
            assert_eq!(allowed, attempt < MAX_ATTEMPTS_PER_WINDOW, "{attempt}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn attempts_at_the_same_moment_are_all_counted() {
        let registry = registry().await;
        let tries: Vec<_> = (0..30)
            .map(|_| {
                let registry = registry.clone();
                tokio::spawn(async move { registry.allow_attempt(from("someone", "here"), at(0)).await.unwrap() })
            })
            .collect();
        let mut allowed = 0;
        for attempt in tries {
            allowed += u32::from(attempt.await.unwrap());
        }
        assert_eq!(allowed, MAX_ATTEMPTS_PER_WINDOW);
    }
}
