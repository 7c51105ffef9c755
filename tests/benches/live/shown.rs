//! When events are shown: each is sent at a time and counted, and a frame of the counting KPI shows all up to a number.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::product::Product;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// When events were sent, with how many had been sent then: ascending.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Vec<(Instant, u64)>>>);

impl Sent {
    fn note(&self, at: Instant, events: u64) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sent.last().map_or(0, |(_, total)| *total);
        sent.push((at, before + events));
    }

    /// When those were sent that a number of facts shows and that were not shown before; `next` is where to look on.
    fn shown(&self, next: &mut usize, facts: u64) -> Vec<Instant> {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = sent[*next..].iter().take_while(|(_, total)| *total <= facts);
        let new: Vec<Instant> = new.map(|(at, _)| *at).collect();
        *next += new.len();
        new
    }

    /// How many events were sent.
    pub(crate) fn events(&self) -> u64 {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.last().map_or(0, |(_, total)| *total)
    }
}

/// How long events took until they were shown.
#[derive(Clone, Default)]
pub(crate) struct Delays(Arc<Mutex<Vec<Duration>>>);

impl Delays {
    fn add(&self, delays: impl Iterator<Item = Duration>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(delays);
    }

    /// Forgets what was measured so far, and returns it sorted.
    pub(crate) fn take(&self) -> Result<Sorted> {
        let mut delays = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        anyhow::ensure!(!delays.is_empty(), "no frame showed an event");
        delays.sort_unstable();
        Ok(Sorted(delays))
    }
}

/// Delays in their order; at least one.
pub(crate) struct Sorted(Vec<Duration>);

impl Sorted {
    /// The delay that so many of a hundred do not exceed, in milliseconds.
    pub(crate) fn percentile_ms(&self, share: usize) -> f64 {
        self.0[(self.0.len() - 1) * share / 100].as_secs_f64() * 1_000.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Sends events at a rate for a while, whether or not the requests before are answered.
pub(crate) async fn send(user: &User, requests_per_s: u32, events: usize, lasting: Duration, sent: &Sent) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / requests_per_s);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let until = Instant::now() + lasting;
    let mut number = 0;
    while Instant::now() < until {
        ticks.tick().await;
        number += 1;
        let request = user.post("/v1/events/Flight", &flights(number, events));
        sent.note(Instant::now(), events as u64);
        tokio::spawn(async move { request.await.accepted() });
    }
}

fn flights(number: usize, events: usize) -> Value {
    let now = platform::clock::now().to_string();
    let flight = |event: usize| json!({ "date": now, "delay": (number + event) % 40, "distance": 100 + event, "origin": format!("A{:02}", event % 20), "destination": "LGA" });
    Value::Array((0..events).map(flight).collect())
}

/// Further viewers of a client.
pub(crate) async fn viewers(product: &Product, of: &User, count: usize) -> Vec<User> {
    let mut viewers = Vec::with_capacity(count);
    for number in 0..count {
        let email = format!("viewer-{number}@{}.example.com", of.client_name.replace(' ', "-"));
        let new = json!({ "client": of.client, "email": email, "password": tests::http::PASSWORD, "role": "viewer" });
        product.invoke("provision-client", &new).await;
        let viewer = User { email, ..of.clone() };
        viewers.push(viewer.signed_in().await);
    }
    viewers
}

/// Notes on a connection, from the next frame on, when events are shown: its channel 1 must count the facts of the day. A `resync`
/// or a gap in its positions ends it with an error.
pub(crate) fn watch(mut dashboard: Dashboard, sent: Sent, delays: Delays) -> JoinHandle<Result<()>> {
    tokio::spawn(async move {
        let mut next = 0;
        while let Some(frame) = dashboard.frame().await? {
            let rows = frame.json["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
            let counted = rows
                .iter()
                .filter(|row| row[0] == 1)
                .filter_map(|row| row[3].as_u64())
                .max();
            if let Some(facts) = counted {
                let shown = sent.shown(&mut next, facts);
                delays.add(shown.into_iter().map(|at| frame.arrived.saturating_duration_since(at)));
            }
        }
        anyhow::bail!("a dashboard's connection ended")
    })
}

/// Subscribes and waits for all the answers.
pub(crate) async fn subscribe(dashboard: &mut Dashboard, messages: &[Vec<Value>]) -> Result<()> {
    for topics in messages {
        dashboard
            .send(&json!({ "action": "subscribe", "topics": topics }))
            .await;
    }
    subscribe_answers(dashboard, messages.len()).await
}

/// Waits for as many answers.
pub(crate) async fn subscribe_answers(dashboard: &mut Dashboard, expected: usize) -> Result<()> {
    let mut answers = 0;
    while answers < expected {
        let frame = dashboard
            .frame()
            .await?
            .context("the connection ended before it was subscribed")?;
        anyhow::ensure!(frame.json["type"] != "error", "{}", frame.json);
        // An answer in parts counts with its last one.
        let is_last = frame.json["part"] == frame.json["parts"];
        answers += usize::from(frame.json["type"] == "subscribed" && is_last);
    }
    Ok(())
}
