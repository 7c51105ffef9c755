//! From the commit of events to the frame on a dashboard, for 200 connections x 20 topics while 1,000
//! events a second arrive; and what the frames cost against one full JSON object per KPI.
//!
//! A commit is what `LISTEN facts` tells this bench; its frame, on each connection, is the first whose row of the counting KPI holds at
//! least the facts committed so far. How many statements a tick needs is counted by a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use facts::notifications::{Listener, Notification};
use serde_json::{Value, json};
use tests::dashboard::{self, Dashboard};
use tests::figures::{self, Target};
use tests::http::User;
use tests::product::Product;
use tokio::sync::watch;

const CONNECTIONS: usize = 200;
/// Users who have them.
const USERS: usize = 4;
const TOPICS: usize = 20;
/// Requests a second and events of each: 1,000 events a second.
const REQUESTS: u64 = 10;
const EVENTS: usize = 100;
const SECONDS: u64 = 20;

/// A commit: when it was told, and how many facts there were with it.
type Commits = Vec<(Instant, u64)>;

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let product = Product::start().await;
    let airline = product.airline().await;
    let (commits, committed) = watch::channel(Commits::new());
    let counter = tokio::spawn(count_commits(product.database.app.clone(), commits));
    let measured = Arc::new(Measured::default());
    let mut dashboards = Vec::new();
    let viewers = crate::shown::viewers(&product, &airline, USERS).await;
    for number in 0..CONNECTIONS {
        dashboards.push(tokio::spawn(watch_frames(
            dashboard::address(&product, &viewers[number % USERS]),
            committed.clone(),
            Arc::clone(&measured),
        )));
    }
    while measured.subscribed.load(Ordering::Relaxed) < CONNECTIONS as u64 {
        anyhow::ensure!(
            !dashboards.iter().any(tokio::task::JoinHandle::is_finished),
            "a dashboard ended before it was subscribed"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    measured.reset();
    println!(
        "{CONNECTIONS} connections x {TOPICS} topics, {} events/s for {SECONDS} s",
        REQUESTS * EVENTS as u64
    );
    post(&airline).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    dashboards.iter().for_each(tokio::task::JoinHandle::abort);
    counter.abort();
    measured.print()?;
    product.stop().await;
    Ok(())
}

#[derive(Default)]
struct Measured {
    subscribed: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    latencies_us: std::sync::Mutex<Vec<u64>>,
}

impl Measured {
    fn reset(&self) {
        for counter in [&self.frames, &self.bytes, &self.rows] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    fn print(&self) -> Result<()> {
        let mut latencies = self
            .latencies_us
            .lock()
            .map_err(|_| anyhow::anyhow!("a dashboard panicked"))?
            .clone();
        latencies.sort_unstable();
        anyhow::ensure!(!latencies.is_empty(), "no frame showed a commit");
        let at = |share: usize| latencies[(latencies.len() - 1) * share / 100] as f64 / 1_000.0;
        println!("commit to frame is measured over {} observations", latencies.len());
        figures::print("live.commit_to_frame_p50_ms", at(50));
        figures::print("live.commit_to_frame_p95_ms", at(95));
        figures::print_with_target("live.commit_to_frame_p99_ms", at(99), Target::AtMost(250.0));
        let [frames, bytes, rows] = [&self.frames, &self.bytes, &self.rows].map(|count| count.load(Ordering::Relaxed));
        let per = (CONNECTIONS as u64 * SECONDS) as f64;
        figures::print("live.frames_per_connection_and_s", frames as f64 / per);
        figures::print("live.bytes_per_connection_and_s", bytes as f64 / per);
        figures::print("live.rows_per_connection_and_s", rows as f64 / per);
        // The baseline tells every subscribed topic in full with each of the same frames.
        let full = json!({ "kpi": "ON_TIME_RATE", "name": "On-time rate", "unit": "%", "period": "minute", "bucket": "2026-11-21T04:58:00Z", "value": 85.0107066381, "facts": 467, "client": uuid::Uuid::nil(), "filter": { "origin": "ORD" }, "timestamp": "2026-11-21T04:58:22.842Z" });
        let baseline = frames * TOPICS as u64 * full.to_string().len() as u64;
        println!("{bytes} bytes, against {baseline} of one full JSON object per KPI and frame");
        figures::print("live.share_of_bytes_of_full_json", bytes as f64 / baseline as f64);
        Ok(())
    }
}

async fn count_commits(database: database::Database, commits: watch::Sender<Commits>) -> Result<()> {
    let mut listener = Listener::start(&database).await?;
    let mut total = 0;
    while let Some(notification) = listener.next().await {
        if let Notification::Facts(committed) = notification {
            total += committed.facts as u64;
            commits.send_modify(|commits| commits.push((Instant::now(), total)));
        }
    }
    Ok(())
}

fn topics() -> Vec<Value> {
    let kpis = [
        "FLIGHTS",
        "ON_TIME_RATE",
        "AVERAGE_DELAY",
        "LONGEST_DELAY",
        "DISTANCE_FLOWN",
    ];
    let mut topics = vec![json!({ "kpi": "FLIGHTS", "period": "day" })];
    topics.extend(
        kpis.iter()
            .flat_map(|kpi| ["minute", "hour"].map(|period| json!({ "kpi": kpi, "period": period }))),
    );
    topics.extend((0..TOPICS - topics.len()).map(
        |number| json!({ "kpi": "ON_TIME_RATE", "period": "hour", "filter": { "origin": format!("A{number:02}") } }),
    ));
    topics
}

/// One dashboard: observes for each commit when its facts are shown.
async fn watch_frames(address: String, committed: watch::Receiver<Commits>, measured: Arc<Measured>) -> Result<()> {
    let mut dashboard = Dashboard::open(&address).await;
    let subscribe = json!({ "action": "subscribe", "topics": topics() });
    dashboard.send(&subscribe).await;
    let mut next = 0;
    while let Some(dashboard::Frame {
        json: frame,
        bytes,
        arrived,
    }) = dashboard.frame().await?
    {
        if frame["type"] == "subscribed" {
            measured.subscribed.fetch_add(1, Ordering::Relaxed);
        }
        let rows = frame["rows"]
            .as_array()
            .context("a frame with rows")
            .map(Vec::as_slice)
            .unwrap_or_default();
        measured.frames.fetch_add(1, Ordering::Relaxed);
        measured.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        measured.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
        // Channel 1 counts the facts of the day, which are all of them.
        let Some(shown) = rows
            .iter()
            .filter(|row| row[0] == 1)
            .filter_map(|row| row[3].as_u64())
            .max()
        else {
            continue;
        };
        let seen: Vec<u64> = {
            let commits = committed.borrow();
            let new: Vec<u64> = commits[next..]
                .iter()
                .take_while(|(_, facts)| *facts <= shown)
                .map(|(at, _)| arrived.saturating_duration_since(*at).as_micros() as u64)
                .collect();
            next += new.len();
            new
        };
        if let Ok(mut latencies) = measured.latencies_us.lock() {
            latencies.extend(seen);
        }
    }
    Ok(())
}

/// Posts events at the rate of the bench, whether or not the requests before are answered.
async fn post(airline: &User) {
    let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / REQUESTS));
    for number in 0..SECONDS * REQUESTS {
        ticks.tick().await;
        let now = platform::clock::now().to_string();
        let events: Vec<Value> = (0..EVENTS)
            .map(|event| json!({ "date": now, "delay": (number as usize + event) % 40, "distance": 100 + event, "origin": format!("A{:02}", event % 20), "destination": "LGA" }))
            .collect();
        let request = airline.post("/v1/events/Flight", &Value::Array(events));
        tokio::spawn(async move { request.await.accepted() });
    }
}
