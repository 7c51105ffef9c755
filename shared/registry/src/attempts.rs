//! Sign-in attempts: a few per account, source and quarter of an hour, so that passwords can't be guessed by trying; more per source, so that one password can't be
//! tried with every address; and many more per account from all sources together, so that nobody who is elsewhere can close an account by failing. Whoever has signed
//! in from a source before is let in from there even then.

use jiff::Timestamp;

use crate::item::{self, EXPIRES_AT, number};
use crate::keys::{self, Key};
use crate::windows::Window;
use crate::{Error, Registry, Result};

/// Attempts with one address from one source in one window.
pub const MAX_ATTEMPTS_PER_WINDOW: u32 = 10;

/// Attempts with one address from all sources in one window. Who wants to close an account needs 50 sources at work all day; who wants to guess its password has
/// 48,000 guesses a day, however many sources: the most common million take three weeks.
pub const MAX_ATTEMPTS_PER_ADDRESS: u32 = 500;

/// Attempts with all addresses from one source in one window: an office behind one address may mistype ten times as often as one person, and who tries one password
/// with many addresses has 9,600 a day.
pub const MAX_ATTEMPTS_PER_SOURCE: u32 = 100;

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
    /// Its windows; that of the address comes last.
    fn windows(self) -> [Window; 3] {
        [
            window(Key::attempts(self.address, Some(self.source)), MAX_ATTEMPTS_PER_WINDOW),
            window(Key::attempts_from(self.source), MAX_ATTEMPTS_PER_SOURCE),
            window(Key::attempts(self.address, None), MAX_ATTEMPTS_PER_ADDRESS),
        ]
    }
}

fn window(key: Key, limit: u32) -> Window {
    Window {
        key,
        limit,
        seconds: ATTEMPT_WINDOW_SECONDS,
    }
}

impl Registry {
    /// Counts an attempt and says whether it may be made. Refused attempts do not prolong a window, and what a source has too many of is not counted for the address.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn allow_attempt(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<bool> {
        let [of_both, of_source, of_address] = attempt.windows();
        for window in [of_both, of_source] {
            if !self.count_in_window(&window, now).await? {
                return Ok(false);
            }
        }
        Ok(self.count_in_window(&of_address, now).await? || self.is_known(attempt, now).await?)
    }

    /// Counts that a password is asked to be reset from a source, and says whether it may be. How many mails an address gets is counted when they are sent
    /// ([`Registry::allow_mail`]): whoever asks is not to know.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn allow_reset(&self, source: &str, now: Timestamp) -> Result<bool> {
        let from = window(Key::resets_from(source), MAX_RESETS_PER_SOURCE);
        self.count_in_window(&from, now).await
    }

    /// Forgets all that was counted with an address, and from where its user has signed in.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn forget_address(&self, address: &str) -> Result<()> {
        // More than a go takes are windows of sources, which end by themselves.
        self.forget_partition(&keys::attempts(address)).await.map(drop)
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
        for window in attempt.windows() {
            self.take_out_of_window(&window.key, now).await?;
        }
        self.know(attempt, now).await
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
    async fn resets_are_limited_by_source() {
        let registry = registry().await;
        for _ in 0..MAX_RESETS_PER_SOURCE {
            assert!(registry.allow_reset("here", at(0)).await.unwrap());
        }
        assert!(!registry.allow_reset("here", at(0)).await.unwrap());
        assert!(registry.allow_reset("elsewhere", at(0)).await.unwrap());
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
