//! `make bench-clients`, second part: one client's single event on its way to a dashboard and to an answer, quiet and while another client floods. Black
//! box, over HTTP and WebSocket, so that it drives any version of the product: `infra/setup/bench-clients` starts one and names its state folder.
//!
//! An event has come when the number of facts that is shown has come to its place in the order of sending. One that is shown before an earlier one
//! is taken for it, which changes no sum of latencies and hardly a percentile.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints figures, none of which is near 2^52"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::dashboard::{self, Dashboard};
use tests::figures::{self, Target};
use tests::http::User;
use tests::product::Product;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// Events of the client that is watched, each in a request of its own.
const EVENTS_PER_S: u64 = 5;
const QUIET_S: u64 = 20;
/// Requests of the flood and their events: all that is within the limits, from a client that was tried once.
const FLOOD_REQUESTS_PER_S: u64 = 5;
const FLOOD_S: u64 = 30;
const FLOOD_EVENTS: usize = 300;
const FLOOD_NUMBERS: usize = 20;
const FLOOD_DIMENSIONS: usize = 8;
const FLOOD_GROUPINGS: usize = 15;
/// The longest wait for an event after the flood.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(50);
/// How much longer than quiet an event may take while another client floods.
const MOST_MORE_MS: f64 = 1_000.0;

#[tokio::main]
async fn main() -> Result<()> {
    let state = PathBuf::from(tests::required("FLOOD_STATE"));
    let name = tests::required("FLOOD_NAME");
    let product = Product::connect(state)?;
    let (watched, flooding) = (product.client().await, product.client().await);
    define(
        &watched,
        "Ping",
        &json!({ "attributes": [{ "name": "amount", "type": "integer", "required": true }] }),
    )
    .await;
    define(&flooding, "Flood", &flood_definition()).await;
    let kpi = json!({ "code": "PINGS", "name": "Pings", "formula": "COUNT(Ping)", "unit": "pings" });
    watched.post("/v1/kpis", &kpi).await.created();
    let shown = Shown::follow(&product, &watched).await?;
    // The first event starts functions, which no later one waits for.
    let mut sent = Vec::new();
    send(&watched, 2, &mut sent).await?;
    shown.wait_for(sent.len()).await;
    let before = sent.len();
    println!(
        "{name}: {EVENTS_PER_S} events/s for {QUIET_S} s, then for {FLOOD_S} s beside {FLOOD_REQUESTS_PER_S} requests/s of {FLOOD_EVENTS} events with {FLOOD_GROUPINGS} groupings"
    );
    send(&watched, QUIET_S, &mut sent).await?;
    shown.wait_for(sent.len()).await;
    let quiet_until = sent.len();
    let flood = tokio::spawn(flood(flooding));
    send(&watched, FLOOD_S, &mut sent).await?;
    let statuses = flood.await?;
    println!("{name}: the flood was answered with {statuses:?}");
    shown.wait_for(sent.len()).await;
    for (way, arrivals) in [
        ("row", shown.rows.borrow().clone()),
        ("value", shown.values.borrow().clone()),
    ] {
        let quiet = latencies(&sent[before..quiet_until], &arrivals, before);
        let flooded = latencies(&sent[quiet_until..], &arrivals, quiet_until);
        print(&name, way, &quiet, &flooded);
    }
    Ok(())
}

async fn define(user: &User, code: &str, parts: &Value) {
    let mut entity = json!({ "code": code, "domain": "bench" });
    if let (Some(entity), Some(parts)) = (entity.as_object_mut(), parts.as_object()) {
        entity.extend(parts.clone());
    }
    user.post("/v1/entities", &entity).await.created();
}

fn flood_definition() -> Value {
    let numbers = (0..FLOOD_NUMBERS).map(|number| json!({ "name": format!("n{number}"), "type": "decimal" }));
    let dimensions =
        (0..FLOOD_DIMENSIONS).map(|number| json!({ "name": format!("d{number}"), "type": "text", "dimension": true }));
    let attributes: Vec<Value> = numbers.chain(dimensions).collect();
    let pairs =
        (0..FLOOD_DIMENSIONS).flat_map(|first| (first + 1..FLOOD_DIMENSIONS).map(move |second| (first, second)));
    let groupings: Vec<Value> = pairs
        .take(FLOOD_GROUPINGS)
        .map(|(first, second)| json!({ "dimensions": [format!("d{first}"), format!("d{second}")] }))
        .collect();
    json!({ "attributes": attributes, "groupings": groupings })
}

/// Sends at the rate of the bench, whether or not the requests before are answered, and notes when each was begun.
async fn send(watched: &User, seconds: u64, sent: &mut Vec<Instant>) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / EVENTS_PER_S));
    let mut answers = Vec::new();
    for _ in 0..seconds * EVENTS_PER_S {
        ticks.tick().await;
        let events = json!([{ "time": platform::clock::now().to_string(), "amount": 1 }]);
        let request = watched.post("/v1/events/Ping", &events);
        sent.push(Instant::now());
        answers.push(tokio::spawn(async move { request.await.accepted() }));
    }
    for answer in answers {
        answer.await.context("an event is not accepted")?;
    }
    Ok(())
}

/// Sends as much as the limits allow, and says how often it was answered with which status.
async fn flood(flooding: User) -> BTreeMap<u16, usize> {
    let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / FLOOD_REQUESTS_PER_S));
    let answers: Vec<_> = {
        let mut answers = Vec::new();
        for number in 0..FLOOD_S * FLOOD_REQUESTS_PER_S {
            ticks.tick().await;
            let request = flooding.post("/v1/events/Flood", &flood_events(number));
            answers.push(tokio::spawn(request.try_send()));
        }
        answers
    };
    let mut statuses = BTreeMap::new();
    for answer in answers {
        let status = answer.await.ok().and_then(Result::ok).map_or(0, |answer| answer.status);
        *statuses.entry(status).or_default() += 1;
    }
    statuses
}

/// Events no two of which have a group in common.
fn flood_events(request: u64) -> Value {
    let time = platform::clock::now().to_string();
    let event = |event: usize| {
        let mut attributes = json!({ "time": time });
        for number in 0..FLOOD_NUMBERS {
            attributes[format!("n{number}")] = json!(event * 10 + number);
        }
        for number in 0..FLOOD_DIMENSIONS {
            attributes[format!("d{number}")] = json!(format!("{request}-{event}-{number}"));
        }
        attributes
    };
    (0..FLOOD_EVENTS).map(event).collect()
}

/// When so many facts were shown first, oldest first.
type Arrivals = Vec<(Instant, u64)>;

/// What the watched client is shown: by a dashboard, and by asking again and again.
struct Shown {
    rows: watch::Receiver<Arrivals>,
    values: watch::Receiver<Arrivals>,
}

impl Shown {
    async fn follow(product: &Product, watched: &User) -> Result<Self> {
        let mut dashboard = Dashboard::open(&dashboard::address(product, watched)).await;
        let topics = json!({ "action": "subscribe", "topics": [{ "kpi": "PINGS", "period": "day", "buckets": 2 }] });
        dashboard.send(&topics).await;
        dashboard.next("subscribed").await;
        let (to_rows, rows) = watch::channel(Arrivals::new());
        let (to_values, values) = watch::channel(Arrivals::new());
        tokio::spawn(follow_rows(dashboard, to_rows));
        tokio::spawn(follow_values(watched.clone(), to_values));
        Ok(Self { rows, values })
    }

    /// Waits until so many facts are shown both ways, as long as there is patience.
    async fn wait_for(&self, facts: usize) {
        let until = Instant::now() + PATIENCE;
        let lacks = |arrivals: &watch::Receiver<Arrivals>| {
            arrivals.borrow().last().is_none_or(|(_, shown)| *shown < facts as u64)
        };
        while (lacks(&self.rows) || lacks(&self.values)) && Instant::now() < until {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Follows the rows of a dashboard. Two days are counted, so that midnight may pass.
async fn follow_rows(mut dashboard: Dashboard, arrivals: watch::Sender<Arrivals>) -> Result<()> {
    let mut days: BTreeMap<u64, u64> = BTreeMap::new();
    while let Some(frame) = dashboard.frame().await? {
        for row in frame.json["rows"].as_array().into_iter().flatten() {
            if let (Some(day), Some(facts)) = (row[1].as_u64(), row[3].as_u64()) {
                days.insert(day, facts);
            }
        }
        note(&arrivals, frame.arrived, days.values().sum());
    }
    println!("the dashboard's connection has ended");
    Ok(())
}

/// Asks for the value of the day again and again.
async fn follow_values(watched: User, arrivals: watch::Sender<Arrivals>) {
    let mut polls = tokio::time::interval(POLL);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut days: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        polls.tick().await;
        let Ok(answer) = watched.get("/v1/kpis/PINGS/value?period=day").try_send().await else {
            continue;
        };
        if let (Some(day), Some(facts)) = (answer["from"].as_str(), answer["facts"].as_u64()) {
            days.insert(day.to_owned(), facts);
        }
        note(&arrivals, Instant::now(), days.values().sum());
    }
}

fn note(arrivals: &watch::Sender<Arrivals>, at: Instant, shown: u64) {
    arrivals.send_if_modified(|arrivals| {
        let is_more = arrivals.last().is_none_or(|(_, before)| *before < shown);
        if is_more {
            arrivals.push((at, shown));
        }
        is_more
    });
}

/// How long each of some events took, sorted; `before` were sent before them. One that was never shown has taken as long as it was waited for.
fn latencies(sent: &[Instant], arrivals: &Arrivals, before: usize) -> Vec<f64> {
    let ends = Instant::now();
    let mut latencies: Vec<f64> = sent
        .iter()
        .enumerate()
        .map(|(place, sent)| {
            let wanted = (before + place + 1) as u64;
            let shown = arrivals.partition_point(|(_, shown)| *shown < wanted);
            let at = arrivals.get(shown).map_or(ends, |(at, _)| *at);
            at.saturating_duration_since(*sent).as_secs_f64() * 1e3
        })
        .collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

fn print(name: &str, way: &str, quiet: &[f64], flooded: &[f64]) {
    for share in [50, 95, 99] {
        let at = |latencies: &[f64]| latencies[(latencies.len() - 1) * share / 100];
        let [quiet, flooded] = [quiet, flooded].map(at);
        let figure = |what: &str| format!("flood.{name}.event_to_{way}_p{share}_{what}");
        figures::print(&figure("quiet_ms"), quiet);
        figures::print(&figure("flooded_ms"), flooded);
        figures::print_with_target(&figure("more_ms"), flooded - quiet, Target::AtMost(MOST_MORE_MS));
    }
}
