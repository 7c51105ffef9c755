//! What a client may use, and the events that it sends in a minute.
//!
//! Events are counted by the minute of the clock, which takes one conditional write a request and can be shown as it is: a client that has used up a
//! minute goes on with the next. Around the turn of a minute it may so send two minutes' worth at once; the queue evens that out.

use jiff::Timestamp;
use uuid::Uuid;

use crate::item::{EXPIRES_AT, number, read_number};
use crate::keys::Key;
use crate::lease::changed;
use crate::{Error, Registry, Result};

/// The most events that a client may send in a minute, unless its own row says otherwise: 5,000 a second, about half of what one `ingest-events` writes,
/// of which four are at work.
pub const MAX_EVENTS_PER_MINUTE: u64 = 300_000;

/// The most facts of a client, unless its own row says otherwise: 5,000 events a second for some 55 hours, or 300 a second for more than a month; at
/// 100 bytes each 100 GB, a tenth of a usual database.
pub const MAX_FACTS: u64 = 1_000_000_000;

/// The most dead letters of a client that are kept, unless its own row says otherwise: at the usual 500 bytes half a gigabyte, at 16 KiB sixteen. Who has so
/// many looks through none of them.
pub const MAX_DEAD_LETTERS: u64 = 1_000_000;

/// The most topics that a client may subscribe to and unsubscribe from in a minute, together: all that it may have, and a fifth more. Each is written twice, in a
/// transaction, which costs double: 1,000 a second at 200 bytes are some 800 of the 1,000 units that a partition writes in a second, and the partition is everybody's.
pub const MAX_TOPIC_CHANGES_PER_MINUTE: u64 = 60_000;

/// A minute's count is kept so long after it, for clocks that differ.
const KEPT_SECONDS: i64 = 120;

const MINUTE_SECONDS: i64 = 60;

/// What a client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events in a minute.
    pub events_per_minute: u64,
    /// Facts that are accepted.
    pub facts: u64,
    /// Facts that were accepted, as they were counted last. One that another replaced by its key still counts.
    pub facts_counted: u64,
    /// Dead letters that are kept.
    pub letters: u64,
    /// Dead letters that are kept, as they were counted last.
    pub letters_counted: u64,
}

impl Limits {
    /// Why nothing more of a client is accepted for now; `None` where something is.
    #[must_use]
    pub const fn used_up(&self) -> Option<UsedUp> {
        if self.facts_counted >= self.facts {
            Some(UsedUp::Facts)
        } else if self.letters_counted >= self.letters {
            Some(UsedUp::Letters)
        } else {
            None
        }
    }
}

/// What a client has used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedUp {
    /// The facts that it may have accepted.
    Facts,
    /// The dead letters that are kept of it.
    Letters,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events_per_minute: MAX_EVENTS_PER_MINUTE,
            facts: MAX_FACTS,
            facts_counted: 0,
            letters: MAX_DEAD_LETTERS,
            letters_counted: 0,
        }
    }
}

/// Seconds from a time to the next minute: 1 to 60.
#[must_use]
pub fn seconds_left(now: Timestamp) -> u16 {
    let left = MINUTE_SECONDS - now.as_second().rem_euclid(MINUTE_SECONDS);
    u16::try_from(left).unwrap_or(u16::MAX)
}

fn minute_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(MINUTE_SECONDS)
}

impl Registry {
    /// What a client may use: the usual, but for what its row says.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn limits(&self, client: Uuid) -> Result<Limits> {
        let item = self.get(&Key::limits(client)).await?.unwrap_or_default();
        let usual = Limits::default();
        let or = |attribute, usual| read_number(&item, attribute).unwrap_or(usual);
        Ok(Limits {
            events_per_minute: or("events_per_minute", usual.events_per_minute),
            facts: or("facts", usual.facts),
            facts_counted: or("facts_counted", usual.facts_counted),
            letters: or("dead_letters", usual.letters),
            letters_counted: or("dead_letters_counted", usual.letters_counted),
        })
    }

    /// Keeps how many facts and dead letters a client has, for [`Self::limits`].
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn keep_counts(&self, client: Uuid, facts: u64, letters: u64) -> Result<()> {
        let update = self
            .update(&Key::limits(client))
            .update_expression("SET facts_counted = :facts, dead_letters_counted = :letters")
            .expression_attribute_values(":facts", number(facts))
            .expression_attribute_values(":letters", number(letters));
        changed(update).await?;
        Ok(())
    }

    /// Forgets the limits and counts of a client that is gone.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn forget_limits(&self, client: Uuid) -> Result<()> {
        self.delete(&Key::limits(client)).await
    }

    /// Lets a client send so many events in a minute, from then on when its limits are read next.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn limit_events(&self, client: Uuid, events_per_minute: u64) -> Result<()> {
        self.set_quota(client, "events_per_minute", events_per_minute).await
    }

    /// Lets a client have so many facts, from then on when its limits are read next.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn limit_facts(&self, client: Uuid, facts: u64) -> Result<()> {
        self.set_quota(client, "facts", facts).await
    }

    /// Lets so many dead letters of a client be kept, from then on when its limits are read next.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn limit_letters(&self, client: Uuid, letters: u64) -> Result<()> {
        self.set_quota(client, "dead_letters", letters).await
    }

    /// Counts events of this minute if that many are left, and says whether they were. The first request of a minute always goes through, or a client
    /// with a small limit could never send a large one.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn take_events(&self, client: Uuid, count: u64, limit: u64, now: Timestamp) -> Result<bool> {
        self.take(&Key::minute(client, minute_of(now)), "event_count", count, limit, now)
            .await
    }

    /// Counts topics of this minute that a client subscribes to or unsubscribes from.
    ///
    /// # Errors
    /// [`Error::TooManyChanges`] when that many are not left; or DynamoDB does not answer.
    pub(crate) async fn take_topic_changes(&self, client: Uuid, count: usize, now: Timestamp) -> Result<()> {
        let key = Key::topic_changes(client, minute_of(now));
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if self
            .take(&key, "change_count", count, MAX_TOPIC_CHANGES_PER_MINUTE, now)
            .await?
        {
            return Ok(());
        }
        Err(Error::TooManyChanges {
            limit: MAX_TOPIC_CHANGES_PER_MINUTE,
            seconds: seconds_left(now),
        })
    }

    /// Topics that a client has subscribed to and unsubscribed from in this minute.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn topic_changes_taken(&self, client: Uuid, now: Timestamp) -> Result<u64> {
        let item = self.get(&Key::topic_changes(client, minute_of(now))).await?;
        Ok(read_number(&item.unwrap_or_default(), "change_count").unwrap_or(0))
    }

    /// Counts in an item of a minute, if that many are left or it is the first.
    async fn take(&self, key: &Key, attribute: &str, count: u64, limit: u64, now: Timestamp) -> Result<bool> {
        let update = self
            .update(key)
            .update_expression("ADD #count :count SET #expires = :expires")
            .condition_expression("attribute_not_exists(#count) OR #count <= :room")
            .expression_attribute_names("#count", attribute)
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":count", number(count))
            .expression_attribute_values(":room", number(i128::from(limit) - i128::from(count)))
            .expression_attribute_values(":expires", number(now.as_second().saturating_add(KEPT_SECONDS)));
        Ok(changed(update).await?.is_some())
    }

    /// Events that a client has sent in this minute.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn events_taken(&self, client: Uuid, now: Timestamp) -> Result<u64> {
        let item = self
            .get(&Key::minute(client, minute_of(now)))
            .await?
            .unwrap_or_default();
        Ok(read_number(&item, "event_count").unwrap_or(0))
    }

    async fn set_quota(&self, client: Uuid, attribute: &str, value: u64) -> Result<()> {
        let key = Key::limits(client);
        let update = self
            .update(&key)
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", number(value));
        changed(update).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::testing::{at, registry};

    #[tokio::test]
    async fn a_minute_has_so_many_events_of_each_client() {
        let registry = registry().await;
        let (ours, theirs) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (client, second, count, expected) in [
            // More than the limit, and the first of its minute.
            (ours, 0, 11, true),
            (ours, 30, 1, false),
            (theirs, 59, 9, true),
            (theirs, 59, 2, false),
            (theirs, 59, 1, true),
            (ours, 60, 1, true),
            (ours, 61, 10, false),
            (ours, 61, 9, true),
        ] {
            let taken = registry.take_events(client, count, 10, at(second)).await.unwrap();
            assert_eq!(taken, expected, "{count} of {client} at {second}");
        }
        assert_eq!(registry.events_taken(ours, at(119)).await.unwrap(), 10);
        assert_eq!(registry.events_taken(ours, at(120)).await.unwrap(), 0);
        for (second, left) in [(0, 60), (1, 59), (59, 1), (60, 60)] {
            let origin = at(0).as_second().rem_euclid(60);
            assert_eq!(origin, 0, "the test begins with a minute");
            assert_eq!(seconds_left(at(second)), left);
        }
    }

    #[tokio::test]
    async fn requests_at_the_same_moment_are_all_counted() {
        let registry = registry().await;
        let client = Uuid::from_u128(1);
        let take = || registry.take_events(client, 3, 10, at(0));
        let taken = tokio::join!(take(), take(), take(), take(), take());
        let taken = [taken.0, taken.1, taken.2, taken.3, taken.4];
        assert_eq!(taken.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 3);
        assert_eq!(registry.events_taken(client, at(0)).await.unwrap(), 9);
    }

    #[tokio::test]
    async fn a_row_says_what_differs_from_the_usual() {
        let registry = registry().await;
        let client = Uuid::from_u128(1);
        assert_eq!(registry.limits(client).await.unwrap(), Limits::default());
        registry.keep_counts(client, 7, 8).await.unwrap();
        registry.limit_events(client, 60).await.unwrap();
        registry.limit_facts(client, 70).await.unwrap();
        registry.limit_letters(client, 80).await.unwrap();
        let expected = Limits {
            events_per_minute: 60,
            facts: 70,
            facts_counted: 7,
            letters: 80,
            letters_counted: 8,
        };
        assert_eq!(registry.limits(client).await.unwrap(), expected);
        for (facts, letters, used_up) in [
            (69, 79, None),
            (70, 79, Some(UsedUp::Facts)),
            (69, 80, Some(UsedUp::Letters)),
        ] {
            registry.keep_counts(client, facts, letters).await.unwrap();
            assert_eq!(
                registry.limits(client).await.unwrap().used_up(),
                used_up,
                "{facts} {letters}"
            );
        }
        registry.forget_limits(client).await.unwrap();
        assert_eq!(registry.limits(client).await.unwrap(), Limits::default());
        assert_eq!(registry.limits(Uuid::from_u128(2)).await.unwrap(), Limits::default());
    }
}
