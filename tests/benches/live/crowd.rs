//! 1,000 connections x 5 topics: how long subscribing takes, and what an event waits for its frames while 500 a second arrive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use tests::dashboard::{self, Dashboard};
use tests::figures::{self, Target};
use tests::product::Product;
use tokio::sync::Semaphore;

use crate::shown::{self, Delays, Sent};

const CONNECTIONS: usize = 1_000;
/// Users who have them.
const USERS: usize = 20;
/// Connections that are being made at one moment.
const CONNECTING: usize = 50;
/// Requests a second and events of each.
const REQUESTS: u32 = 10;
const EVENTS: usize = 50;
const LASTING: Duration = Duration::from_secs(20);

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let product = Product::start().await;
    let airline = product.airline().await;
    let viewers = shown::viewers(&product, &airline, USERS).await;
    let (sent, delays) = (Sent::default(), Delays::default());
    println!(
        "{CONNECTIONS} connections x 5 topics, {} events/s for {LASTING:?}",
        REQUESTS as usize * EVENTS
    );

    let began = Instant::now();
    let places = Arc::new(Semaphore::new(CONNECTING));
    let connecting = (0..CONNECTIONS).map(|number| {
        let (address, places) = (
            dashboard::address(&product, &viewers[number % USERS]),
            Arc::clone(&places),
        );
        tokio::spawn(async move {
            let _place = places.acquire_owned().await?;
            let mut dashboard = Dashboard::open(&address).await;
            shown::subscribe(&mut dashboard, &[topics(number)]).await?;
            anyhow::Ok(dashboard)
        })
    });
    let mut dashboards = Vec::with_capacity(CONNECTIONS);
    for connecting in connecting.collect::<Vec<_>>() {
        dashboards.push(connecting.await??);
    }
    figures::print_with_target(
        "live.crowd_subscribed_s",
        began.elapsed().as_secs_f64(),
        Target::AtMost(10.0),
    );

    let watching: Vec<_> = dashboards
        .into_iter()
        .map(|dashboard| shown::watch(dashboard, sent.clone(), delays.clone()))
        .collect();
    shown::send(&airline, REQUESTS, EVENTS, LASTING, &sent).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let measured = delays.take()?;
    println!("event to frame is measured over {} observations", measured.len());
    figures::print("live.crowd_event_to_frame_p50_ms", measured.percentile_ms(50));
    // A twentieth of what it was before publishers had shares: 6.47 s.
    figures::print_with_target(
        "live.crowd_event_to_frame_p99_ms",
        measured.percentile_ms(99),
        Target::AtMost(323.0),
    );
    let expected = sent.events() / EVENTS as u64 * CONNECTIONS as u64;
    let lost = expected - measured.len() as u64;
    figures::print_with_target("live.crowd_events_not_shown", lost as f64, Target::AtMost(0.0));
    watching.iter().for_each(tokio::task::JoinHandle::abort);
    product.stop().await;
    Ok(())
}

fn topics(number: usize) -> Vec<Value> {
    let origin = json!({ "origin": format!("A{:02}", number % 20) });
    vec![
        json!({ "kpi": "FLIGHTS", "period": "day" }),
        json!({ "kpi": "ON_TIME_RATE", "period": "minute" }),
        json!({ "kpi": "AVERAGE_DELAY", "period": "hour" }),
        json!({ "kpi": "FLIGHTS", "period": "minute", "filter": origin }),
        json!({ "kpi": "ON_TIME_RATE", "period": "hour", "filter": origin }),
    ]
}
