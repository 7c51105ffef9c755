//! EventBridge Scheduler: `rate(...)` expressions, the first firing right at the start.
//!
//! With a [store](crate::store) a restart goes on where it was: what is not due yet waits for its time, what was missed fires
//! once, and so does a firing that had not ended when the process did.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::account::{ACCOUNT, REGION};
use crate::lambda::Invoker;
use crate::store::{Durability, Store};
use crate::template;

/// When each schedule fired last, by its function, whose name it has.
pub(crate) const TABLES: &str =
    "CREATE TABLE IF NOT EXISTS schedules (function TEXT PRIMARY KEY, fired_ms INTEGER NOT NULL)";

/// A schedule that the stand-in can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The function's name; also the schedule's.
    pub function: String,
    /// Time between two firings.
    pub every: Duration,
    /// `Input` of the template; without one the scheduler sends its own event.
    pub input: Option<String>,
}

/// A schedule expression that the stand-in does not run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// `cron(...)` and `at(...)` are EventBridge's, but not the stand-in's.
    #[error("the stand-in runs rate(...) schedules only, not {0:?}; invoke the function by hand instead")]
    Unsupported(String),
    /// Nothing that EventBridge would take either.
    #[error("{0:?} is not a schedule; expected something like rate(1 minute) or rate(5 minutes)")]
    Invalid(String),
}

/// Reads `rate(1 minute)`, `rate(5 minutes)`, `rate(2 hours)`, `rate(1 day)`. As EventBridge does, it wants a unit of one thing for 1 and of several for more.
///
/// # Errors
/// [`ExpressionError`] names the expression.
pub fn parse_rate(expression: &str) -> Result<Duration, ExpressionError> {
    let text = expression.trim();
    if text.starts_with("cron(") || text.starts_with("at(") {
        return Err(ExpressionError::Unsupported(expression.to_owned()));
    }
    let invalid = || ExpressionError::Invalid(expression.to_owned());
    let inner = text
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(invalid)?;
    let (value, unit) = inner.split_once(' ').ok_or_else(invalid)?;
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let value: u32 = value
        .parse()
        .ok()
        .filter(|value| digits && *value > 0)
        .ok_or_else(invalid)?;
    let (unit, is_plural) = unit.strip_suffix('s').map_or((unit, false), |unit| (unit, true));
    if is_plural != (value > 1) {
        return Err(invalid());
    }
    let seconds = match unit {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return Err(invalid()),
    };
    Ok(Duration::from_secs(u64::from(value) * seconds))
}

impl TryFrom<&template::Schedule> for Schedule {
    type Error = ExpressionError;

    fn try_from(schedule: &template::Schedule) -> Result<Self, ExpressionError> {
        let every = parse_rate(&schedule.expression)?;
        Ok(Self {
            function: schedule.function.clone(),
            every,
            input: schedule.input.clone(),
        })
    }
}

impl Schedule {
    /// Fires now, or when it is due by its last run, and then at its rate. A firing that is still running does not hold up the
    /// next one.
    pub async fn run(self, invoker: Invoker, store: Option<Store>) {
        let first = Instant::now() + self.due_in(store.as_ref());
        let mut ticks = tokio::time::interval_at(first, self.every);
        // A laptop that slept gets one firing, not all that it missed.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut firings = JoinSet::new();
        loop {
            ticks.tick().await;
            while firings.try_join_next().is_some() {}
            let (schedule, invoker, store) = (self.clone(), invoker.clone(), store.clone());
            firings.spawn(async move { schedule.fire(&invoker, store.as_ref()).await });
        }
    }

    /// One firing, which is written down when it has succeeded or is given up.
    async fn fire(&self, invoker: &Invoker, store: Option<&Store>) {
        let fired_ms = crate::clock::now().as_millisecond();
        invoker.deliver(&self.function, self.payload(), "its schedule").await;
        let Some(store) = store else { return };
        let function = self.function.clone();
        let write = move |connection: &Connection| {
            let upsert = "INSERT INTO schedules (function, fired_ms) VALUES (?1, ?2)
                ON CONFLICT (function) DO UPDATE SET fired_ms = max(fired_ms, excluded.fired_ms)";
            connection.execute(upsert, params![function, fired_ms])?;
            Ok(())
        };
        if let Err(error) = store.write(Durability::Process, write).await {
            tracing::error!(function = self.function, %error, "a firing will be repeated after a restart");
        }
    }

    /// How long it is until the first firing of this run.
    fn due_in(&self, store: Option<&Store>) -> Duration {
        let function = self.function.clone();
        let read = move |connection: &Connection| {
            let select = "SELECT fired_ms FROM schedules WHERE function = ?1";
            connection.query_row(select, [function], |row| row.get(0)).optional()
        };
        let last: Option<i64> = match store.map(|store| store.read(read)) {
            None => None,
            Some(Ok(last)) => last,
            Some(Err(error)) => {
                tracing::error!(function = self.function, %error, "nothing is known of the last firing");
                None
            }
        };
        let since_ms = last.map(|last| crate::clock::now().as_millisecond().saturating_sub(last));
        // A clock that was set back says nothing.
        let since = since_ms.and_then(|since_ms| u64::try_from(since_ms).ok());
        since.map_or(Duration::ZERO, |since_ms| {
            self.every.saturating_sub(Duration::from_millis(since_ms))
        })
    }

    fn payload(&self) -> Bytes {
        if let Some(input) = &self.input {
            return Bytes::from(input.clone());
        }
        let event = json!({
            "version": "0",
            "id": uuid::Uuid::new_v4(),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ACCOUNT,
            "time": format!("{:.0}", crate::clock::now()),
            "region": REGION,
            "resources": [format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{}", self.function)],
            "detail": "{}",
        });
        Bytes::from(event.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::testing::TempFolder;

    #[test]
    fn rates_are_read_and_the_rest_is_refused_by_name() {
        for (expression, seconds) in [
            ("rate(1 minute)", 60),
            ("rate(5 minutes)", 300),
            ("rate(2 hours)", 7_200),
            ("rate(1 day)", 86_400),
        ] {
            assert_eq!(parse_rate(expression), Ok(Duration::from_secs(seconds)), "{expression}");
        }
        for expression in [
            "rate(0 minutes)",
            "rate(0 minute)",
            "rate(1 minutes)",
            "rate(1 hours)",
            "rate(1 days)",
            "rate(5 minute)",
            "rate(2 hour)",
            "rate(1 minutess)",
            "rate(+1 minute)",
            "rate( 5 minutes )",
            "rate(5  minutes)",
            "rate(1.5 hours)",
            "rate(-1 minutes)",
            "rate(1)",
            "rate(1 second)",
            "every minute",
            "",
            "rate(1 minute",
        ] {
            assert_eq!(
                parse_rate(expression),
                Err(ExpressionError::Invalid(expression.to_owned()))
            );
        }
        for expression in ["cron(0 12 * * ? *)", "at(2026-01-01T00:00:00)"] {
            assert_eq!(
                parse_rate(expression),
                Err(ExpressionError::Unsupported(expression.to_owned()))
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_schedule_fires_at_once_and_then_at_its_rate() {
        let payloads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&payloads);
        let invoker = Invoker::new(move |_, payload| {
            seen.lock().unwrap().push(payload);
            async { Ok(Bytes::new()) }
        });
        let every = Duration::from_secs(60);
        let schedule = Schedule {
            function: "work".to_owned(),
            every,
            input: Some("{\"shard\": 0}".to_owned()),
        };
        let running = tokio::spawn(schedule.clone().run(invoker, None));
        tokio::time::sleep(Duration::from_secs(121)).await;
        running.abort();
        assert_eq!(
            *payloads.lock().unwrap(),
            vec![Bytes::from_static(b"{\"shard\": 0}"); 3]
        );

        let own: serde_json::Value = serde_json::from_slice(
            &Schedule {
                input: None,
                ..schedule
            }
            .payload(),
        )
        .unwrap();
        assert_eq!(own["source"], "aws.scheduler");
    }

    #[tokio::test]
    async fn a_second_run_goes_on_where_the_first_was() {
        let folder = TempFolder::create();
        let store = Store::open(&folder.path().join("services.sqlite"), &[TABLES]).unwrap();
        let schedule = Schedule {
            function: "work".to_owned(),
            every: Duration::from_secs(3_600),
            input: None,
        };
        assert_eq!(schedule.due_in(Some(&store)), Duration::ZERO, "it never fired");
        let invoker = Invoker::new(|_, payload| async { Ok(payload) });
        schedule.fire(&invoker, Some(&store)).await;
        let due = schedule.due_in(Some(&store));
        assert!(due > Duration::from_secs(3_590) && due <= schedule.every, "{due:?}");
        let frequent = Schedule {
            every: Duration::from_millis(1),
            ..schedule.clone()
        };
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(frequent.due_in(Some(&store)), Duration::ZERO, "it is overdue");

        let ended = Invoker::new(|_, _| std::future::pending());
        let other = Schedule {
            function: "long".to_owned(),
            ..schedule
        };
        let cut = tokio::time::timeout(Duration::from_millis(20), other.fire(&ended, Some(&store))).await;
        assert!(cut.is_err());
        assert_eq!(other.due_in(Some(&store)), Duration::ZERO, "its firing did not end");
    }
}
