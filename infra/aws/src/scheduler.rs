//! EventBridge Scheduler: `rate(...)` expressions, the first firing right at the start.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::account::{ACCOUNT, REGION};
use crate::lambda::Invoker;
use crate::template;

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
    #[error("{0:?} is not a schedule; expected something like rate(5 minutes)")]
    Invalid(String),
}

/// Reads `rate(1 minute)`, `rate(5 minutes)`, `rate(2 hours)`, `rate(1 day)`.
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
    let (value, unit) = inner.trim().split_once(' ').ok_or_else(invalid)?;
    let value: u32 = value.parse().ok().filter(|value| *value > 0).ok_or_else(invalid)?;
    let seconds = match unit.trim() {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
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
    /// Fires now and then at its rate. A firing that is still running does not hold up the next one.
    pub async fn run(self, invoker: Invoker) {
        let mut ticks = tokio::time::interval(self.every);
        // A laptop that slept gets one firing, not all that it missed.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut firings = JoinSet::new();
        loop {
            ticks.tick().await;
            while firings.try_join_next().is_some() {}
            let (invoker, function, payload) = (invoker.clone(), self.function.clone(), self.payload());
            firings.spawn(async move { invoker.deliver(&function, payload, "its schedule").await });
        }
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
        let running = tokio::spawn(schedule.clone().run(invoker));
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
}
