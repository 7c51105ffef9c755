//! Sign-in attempts: a few per account, source and quarter of an hour, so that passwords can't be guessed by trying; more per source, so that one password can't be
//! tried with every address; and many more per account from all sources together, so that nobody who is elsewhere can close an account by failing. Whoever has signed
//! in from a source before is let in from there even then.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use jiff::Timestamp;

use crate::item::{self, EXPIRES_AT, number};
use crate::keys::{self, Key};
use crate::lease::changed;
use crate::{Error, Registry, Result};

/// Attempts with one address from one source in one window.
pub const MAX_ATTEMPTS_PER_WINDOW: u32 = 10;

/// Attempts with one address from all sources in one window. Who wants to close an account needs 50 sources at work all day; who wants to guess its password has
/// 48,000 guesses a day, however many sources: the most common million take three weeks.
pub const MAX_ATTEMPTS_PER_ADDRESS: u32 = 500;

/// Attempts with all addresses from one source in one window: an office behind one address may mistype ten times as often as one person, and who tries one password
/// with many addresses has 9,600 a day.
pub const MAX_ATTEMPTS_PER_SOURCE: u32 = 100;

/// How often a password of one address may be asked to be reset in one window: one mail that got lost, and one more.
pub const MAX_RESETS_PER_ADDRESS: u32 = 3;

/// How often any password may be asked to be reset from one source in one window: mails cost money, and a name.
pub const MAX_RESETS_PER_SOURCE: u32 = 20;

/// How long a source is known from which somebody signed in: 90 days.
const KNOWN_SECONDS: i64 = 90 * 24 * 60 * 60;

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
    /// Its windows, with how many attempts each has; that of the address comes last.
    fn windows(self) -> [(Key, u32); 3] {
        [
            (Key::attempts(self.address, Some(self.source)), MAX_ATTEMPTS_PER_WINDOW),
            (Key::attempts_from(self.source), MAX_ATTEMPTS_PER_SOURCE),
            (Key::attempts(self.address, None), MAX_ATTEMPTS_PER_ADDRESS),
        ]
    }
}

/// Whether a password may be asked to be reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetAllowance {
    /// It may.
    Allowed,
    /// The source has asked for too many.
    TooManyFromSource,
    /// The address was asked for too often: whoever asks is not to know.
    TooManyForAddress,
}

impl Registry {
    /// Counts an attempt and says whether it may be made. Refused attempts do not prolong a window, and what a source has too many of is not counted for the address.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn allow_attempt(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<bool> {
        let [of_both, of_source, of_address] = attempt.windows();
        for (key, limit) in [of_both, of_source] {
            if !self.count_in_window(&key, limit, now).await? {
                return Ok(false);
            }
        }
        let (key, limit) = of_address;
        Ok(self.count_in_window(&key, limit, now).await? || self.is_known(attempt, now).await?)
    }

    /// Counts that a password is asked to be reset, and says whether it may be.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn allow_reset(&self, asked: Attempt<'_>, now: Timestamp) -> Result<ResetAllowance> {
        let from = Key::resets_from(asked.source);
        if !self.count_in_window(&from, MAX_RESETS_PER_SOURCE, now).await? {
            return Ok(ResetAllowance::TooManyFromSource);
        }
        let of = Key::resets(asked.address);
        Ok(if self.count_in_window(&of, MAX_RESETS_PER_ADDRESS, now).await? {
            ResetAllowance::Allowed
        } else {
            ResetAllowance::TooManyForAddress
        })
    }

    /// Forgets all that was counted with an address, and from where its user has signed in.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn forget_address(&self, address: &str) -> Result<()> {
        // More than a go takes are windows of sources, which end by themselves.
        self.forget_partition(&keys::attempts(address)).await.map(drop)
    }

    /// Counts in a window, which opens with the first.
    async fn count_in_window(&self, key: &Key, limit: u32, now: Timestamp) -> Result<bool> {
        // Once more when another attempt opened a window between the two writes.
        Ok(self.count_attempt(key, limit, now).await?
            || self.open_window(key, now).await?
            || self.count_attempt(key, limit, now).await?)
    }

    /// Whether somebody has signed in with the address from the source before.
    async fn is_known(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<bool> {
        let known = self.get(&Key::known(attempt.address, attempt.source)).await?;
        Ok(known.is_some_and(|item| item::is_live(&item, now)))
    }

    async fn know(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<()> {
        let mut item = item::keyed(&Key::known(attempt.address, attempt.source));
        let until = now.as_second().saturating_add(KNOWN_SECONDS);
        item.insert(EXPIRES_AT.to_owned(), number(until));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(Error::service("remember a source"))
    }

    /// Takes an attempt out of the counts again, and knows its source: it succeeded. Only failures are guesses.
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
        self.know(attempt, now).await
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

    use super::*;
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
        let elsewhere = from("someone", "a hotel");
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
        assert!(!registry.allow_attempt(elsewhere, at(1)).await.unwrap());
        assert!(registry.allow_attempt(from("someone else", "0"), at(1)).await.unwrap());
        // The owner has signed in from home before, and may fail there as often as ever.
        for attempt in 0..=MAX_ATTEMPTS_PER_WINDOW {
            let allowed = registry.allow_attempt(owner, at(2)).await.unwrap();
            assert_eq!(allowed, attempt < MAX_ATTEMPTS_PER_WINDOW, "{attempt}");
        }
        registry.forget_address("someone").await.unwrap();
        assert!(registry.allow_attempt(elsewhere, at(3)).await.unwrap());
    }

    #[tokio::test]
    async fn one_source_does_not_try_every_address() {
        let registry = registry().await;
        for address in 0..MAX_ATTEMPTS_PER_SOURCE {
            let address = address.to_string();
            assert!(
                registry.allow_attempt(from(&address, "here"), at(0)).await.unwrap(),
                "{address}"
            );
        }
        assert!(!registry.allow_attempt(from("one more", "here"), at(0)).await.unwrap());
        assert!(
            registry
                .allow_attempt(from("one more", "elsewhere"), at(0))
                .await
                .unwrap()
        );
        let later = at(ATTEMPT_WINDOW_SECONDS);
        assert!(registry.allow_attempt(from("one more", "here"), later).await.unwrap());
    }

    #[tokio::test]
    async fn resets_are_limited_by_address_and_by_source() {
        let registry = registry().await;
        let ask = async |address: &str, source: &str| {
            let asked = Attempt { address, source };
            registry.allow_reset(asked, at(0)).await.unwrap()
        };
        for _ in 0..MAX_RESETS_PER_ADDRESS {
            assert_eq!(ask("someone", "here").await, ResetAllowance::Allowed);
        }
        assert_eq!(ask("someone", "elsewhere").await, ResetAllowance::TooManyForAddress);
        for number in MAX_RESETS_PER_ADDRESS..MAX_RESETS_PER_SOURCE {
            assert_eq!(ask(&number.to_string(), "here").await, ResetAllowance::Allowed);
        }
        assert_eq!(ask("one more", "here").await, ResetAllowance::TooManyFromSource);
        // Signing in is counted by itself.
        assert!(registry.allow_attempt(from("someone", "here"), at(0)).await.unwrap());
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
