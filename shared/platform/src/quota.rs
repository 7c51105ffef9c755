//! What a client may send, looked up without a database.
//!
//! Where the registry does not answer in time, events are taken all the same: the quota keeps clients from each other's way, and what is counted wrongly
//! for a minute costs less than events that their sender may not have any more a minute later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use registry::Registry;
use registry::quotas::{Limits, UsedUp, seconds_left};
use uuid::Uuid;

use crate::{Problem, clock};

/// How long the registry may take: a request is answered within some 10 ms otherwise.
const WITHIN: Duration = Duration::from_millis(500);

/// How long a client's limits are kept: so long after a change the old ones may be in force.
const KEPT: Duration = Duration::from_secs(30);

/// Clients whose limits are kept: 100 bytes each.
const MAX_KEPT: usize = 10_000;

/// Seconds after which a client that has used up what is counted may come back: it is counted anew every few minutes.
const RETRY_COUNTED: u16 = 300;

/// What clients may send; clones share what they know.
#[derive(Clone)]
pub struct Quota {
    registry: Registry,
    kept: Arc<Mutex<HashMap<Uuid, (Instant, Limits)>>>,
}

impl Quota {
    /// By this registry.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            kept: Arc::default(),
        }
    }

    /// Counts so many events of a client.
    ///
    /// # Errors
    /// 429 when it has sent as many as it may in this minute, 403 when it has as many facts or dead letters as it may.
    pub async fn take(&self, client: Uuid, events: usize) -> Result<(), Problem> {
        let checked = tokio::time::timeout(WITHIN, self.check(client, events)).await;
        match checked {
            Ok(Ok(checked)) => checked,
            Ok(Err(error)) => {
                tracing::error!(%client, cause = %error, "the quota is not checked: events are taken without");
                Ok(())
            }
            Err(_) => {
                tracing::error!(%client, within = ?WITHIN, "the registry does not answer: events are taken without a quota");
                Ok(())
            }
        }
    }

    async fn check(&self, client: Uuid, events: usize) -> registry::Result<Result<(), Problem>> {
        let limits = self.limits(client).await?;
        if let Some(used_up) = limits.used_up() {
            return Ok(Err(refusal(used_up, &limits)));
        }
        let now = clock::now();
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        let taken = self.registry.take_events(client, events, limits.events_per_minute, now);
        Ok(if taken.await? {
            Ok(())
        } else {
            Err(minute_used_up(&limits, seconds_left(now)))
        })
    }

    async fn limits(&self, client: Uuid) -> registry::Result<Limits> {
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&client)
            .copied();
        if let Some((read_at, limits)) = kept
            && read_at.elapsed() < KEPT
        {
            return Ok(limits);
        }
        let limits = self.registry.limits(client).await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(client, (Instant::now(), limits));
        Ok(limits)
    }
}

fn minute_used_up(limits: &Limits, seconds: u16) -> Problem {
    let most = limits.events_per_minute;
    Problem::too_many(format!("events_per_minute: this minute's {most} events of your organisation are used up"), seconds)
        .hint(format!(
            "nothing of this request was queued: send it again in {seconds} s; GET /v1/usage shows what is used, and a file on the incoming bucket is not counted"
        ))
}

/// What is said of a quota that is used up, and the way out.
#[must_use]
pub fn told(used_up: UsedUp, limits: &Limits) -> (String, &'static str) {
    match used_up {
        UsedUp::Facts => (
            format!(
                "facts: {} facts of your organisation were accepted, and {} may be",
                limits.facts_counted, limits.facts
            ),
            "ask your provider for more",
        ),
        UsedUp::Letters => (
            format!(
                "dead_letters: your organisation has {} dead letters, and may have {}",
                limits.letters_counted, limits.letters
            ),
            "mend what is sent; each letter is kept for 35 days, and your provider can allow more",
        ),
    }
}

fn refusal(used_up: UsedUp, limits: &Limits) -> Problem {
    let (detail, way_out) = told(used_up, limits);
    let (name, title) = match used_up {
        UsedUp::Facts => ("quota-used-up", "Quota used up"),
        UsedUp::Letters => ("dead-letters-used-up", "Too many dead letters"),
    };
    Problem::new(StatusCode::FORBIDDEN, name, title, detail)
        .hint(format!(
            "nothing of this request was queued: {way_out}; GET /v1/usage shows what is used"
        ))
        .retry_after(RETRY_COUNTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_the_limit_and_when_to_come_back() {
        let limits = Limits {
            events_per_minute: 60,
            facts: 10,
            facts_counted: 11,
            letters: 20,
            letters_counted: 21,
        };
        for (problem, status, name, retry) in [
            (minute_used_up(&limits, 7), 429, "events_per_minute", 7),
            (refusal(UsedUp::Facts, &limits), 403, "facts", RETRY_COUNTED),
            (refusal(UsedUp::Letters, &limits), 403, "dead_letters", RETRY_COUNTED),
        ] {
            assert_eq!((problem.status, problem.retry_after), (status, Some(retry)));
            assert!(problem.detail.starts_with(name), "{}", problem.detail);
        }
    }
}
