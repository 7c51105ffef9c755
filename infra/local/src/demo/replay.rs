//! The last days of the facts, played again as live events.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use archive::table::Table;
use aws_stand_in::clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::time::MissedTickBehavior;

use super::client::Client;

/// A row of the file, as an event.
pub(super) type Row = Map<String, Value>;

/// Ten events twice a second: 20 events a second make every minute of every KPI move.
const BATCH: usize = 10;
const EVERY: Duration = Duration::from_millis(500);
/// About three days of flights (3,000,000 in 181 days), 40 minutes of playing; about 25 MB of rows.
const ROWS_KEPT: usize = 50_000;
/// After a failure, the pause before the same batch is sent again.
const RETRY_AFTER: Duration = Duration::from_secs(2);
const TIME: &str = "date";

/// Plays the last rows of `file` in a loop until the cloud stops.
pub(super) async fn run(client: &Client, file: PathBuf) {
    let rows = tokio::task::spawn_blocking(move || last_rows(&file));
    match rows.await {
        Ok(Ok(rows)) if !rows.is_empty() => play(client, &rows).await,
        Ok(Ok(_)) => tracing::warn!("the facts have no rows to replay"),
        Ok(Err(error)) => tracing::warn!(error = format!("{error:#}"), "the facts cannot be replayed"),
        Err(error) => tracing::warn!(%error, "reading the facts for the replay broke off"),
    }
}

async fn play(client: &Client, rows: &[Row]) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut failing = false;
    for batch in rows.chunks(BATCH).cycle() {
        ticks.tick().await;
        loop {
            let body = json!(moved(batch, clock::now()));
            let problem = match client.post("/v1/events/Flight", &body).await {
                Ok((status, _)) if status.is_success() => break,
                Ok((status, answer)) => format!("{status} {answer}"),
                Err(error) => format!("{error:#}"),
            };
            // Said once per outage: a stopped function under a debugger must not fill the terminal.
            if !failing {
                tracing::warn!(problem, "an event of the replay is not accepted; trying until it is");
            }
            failing = true;
            tokio::time::sleep(RETRY_AFTER).await;
        }
        if failing {
            tracing::info!("the replay goes on");
        }
        failing = false;
    }
}

/// The rows with their times moved to end now, evenly over the time that the batch stands for.
fn moved(rows: &[Row], now: Timestamp) -> Vec<Row> {
    let step = SignedDuration::try_from(EVERY).unwrap_or_default() / i32::try_from(rows.len().max(1)).unwrap_or(1);
    let mut time = now;
    let mut moved: Vec<Row> = rows
        .iter()
        .rev()
        .map(|row| {
            let mut row = row.clone();
            row.insert(TIME.to_owned(), format!("{time:.3}").into());
            time = time.checked_sub(step).unwrap_or(time);
            row
        })
        .collect();
    moved.reverse();
    moved
}

/// The rows at the end of the file, which is sorted by time.
fn last_rows(file: &Path) -> anyhow::Result<Vec<Row>> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    // Only the last two batches can hold rows that are kept; only those become JSON.
    let mut last = VecDeque::new();
    for batch in Table::open(bytes.into(), ROWS_KEPT)? {
        last.push_back(batch?);
        if last.len() > 2 {
            last.pop_front();
        }
    }
    let mut rows: Vec<Row> = last
        .iter()
        .flat_map(|batch| (0..batch.rows()).map(|row| batch.json(row)))
        .collect();
    rows.drain(..rows.len().saturating_sub(ROWS_KEPT));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn rows_end_now_in_their_order() {
        let row = |delay: i64| {
            Map::from_iter([
                ("date".to_owned(), json!("2001-06-30T23:00:00Z")),
                ("delay".to_owned(), json!(delay)),
            ])
        };
        let moved = moved(&[row(1), row(2)], "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(
            moved[0],
            Map::from_iter([
                ("date".to_owned(), json!("2025-12-31T23:59:59.750Z")),
                ("delay".to_owned(), json!(1))
            ])
        );
        assert_eq!(moved[1]["date"], "2026-01-01T00:00:00.000Z");
    }
}
