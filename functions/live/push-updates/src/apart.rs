//! Reading beside the ticks: the topics of clients that have many, or that took too long, one client after the other.

use std::time::Duration;

use database::Database;
use futures::FutureExt as _;
use live::TopicRead;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::catalogs::Catalogs;
use crate::run::{READ_FOR, READ_LIMIT, TICK_MIN};
use crate::tick::{self, Found, How};

/// How many times as long as a reading took its client waits for its next one: two thirds of the time are others'.
const PAUSES: u32 = 2;

/// A reading under way, and when the next may begin. Dropping it ends it.
pub struct Apart {
    reading: Option<JoinHandle<Vec<Found>>>,
    began: Instant,
    next: Instant,
    pause: Duration,
}

impl Default for Apart {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            reading: None,
            began: now,
            next: now,
            pause: Duration::ZERO,
        }
    }
}

impl Apart {
    /// When another may begin; `None` while one is under way.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.reading.is_none().then_some(self.next)
    }

    /// How long the client that was read last waits for its next turn.
    #[must_use]
    pub fn pause(&self) -> Duration {
        self.pause
    }

    /// Begins to read, in the background.
    pub fn start(&mut self, database: &Database, catalogs: &Catalogs, reads: Vec<TopicRead>) {
        let (database, catalogs) = (database.clone(), catalogs.clone());
        self.began = Instant::now();
        let until = self.began + READ_FOR;
        self.reading = Some(tokio::spawn(async move {
            let mut all = Vec::new();
            let mut take = |found| all.extend(found);
            let answer = tick::answer(&database, &catalogs, How::Apart, reads, until, &mut take).boxed();
            match tokio::time::timeout(READ_LIMIT, answer).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(cause = %error, "buckets can't be read apart; trying again"),
                Err(_) => tracing::error!("the database did not answer within {READ_LIMIT:?}; trying again"),
            }
            all
        }));
    }

    /// What was found by the reading that is under way, once it has ended; never where there is none. Cancelling it loses nothing.
    pub async fn found(&mut self) -> Vec<Found> {
        let Some(reading) = self.reading.as_mut() else {
            return std::future::pending().await;
        };
        let found = reading.await.unwrap_or_else(|error| {
            tracing::error!(cause = %error, "reading apart ended without a result; trying again");
            Vec::new()
        });
        self.reading = None;
        self.pause = PAUSES * self.began.elapsed();
        self.next = self.began + TICK_MIN;
        found
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_was_read_waits_twice_as_long_as_that_took_and_nobody_else_does() {
        let mut apart = Apart::default();
        assert!(apart.next().is_some_and(|next| next <= Instant::now()));
        apart.began = Instant::now();
        apart.reading = Some(tokio::spawn(async {
            tokio::time::sleep(2 * TICK_MIN).await;
            Vec::new()
        }));
        assert_eq!(apart.next(), None, "one at a time");
        assert!(apart.found().await.is_empty());
        let ended = Instant::now();
        assert!(apart.next().is_some_and(|next| next <= ended));
        assert!(apart.pause() >= 4 * TICK_MIN);
    }

    #[tokio::test]
    async fn a_reading_that_panics_has_found_nothing() {
        let mut apart = Apart::default();
        apart.reading = Some(tokio::spawn(async { panic!("a bug") }));
        assert!(apart.found().await.is_empty() && apart.next().is_some());
    }
}
