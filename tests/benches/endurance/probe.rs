//! Latencies of each client: of a question, and of a single event until it counts and until a dashboard shows it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;
use serde_json::json;
use tests::dashboard::Dashboard;
use tests::figures::{self, Target};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::senders::FATE;
use crate::world::{NAMES, QUIET, Side, World};

const READ_EVERY: Duration = Duration::from_millis(250);
const EVENT_EVERY: Duration = Duration::from_secs(1);
const RECONNECT: Duration = Duration::from_millis(250);
const POLL: Duration = Duration::from_millis(50);

/// How many times as long as quiet anything may take that a client does not do itself.
const MOST: f64 = 1.5;

/// When something was due, and when it was done.
type Sample = (Instant, Instant);

/// What is measured of one client.
#[derive(Default)]
pub(crate) struct Probe {
    reads: Mutex<Vec<Sample>>,
    events: Mutex<Vec<Sample>>,
    rows: Mutex<Vec<Sample>>,
    /// When each event that was accepted was due.
    due: Mutex<Vec<Instant>>,
    has_ended: AtomicBool,
    /// Events that the dashboard shows.
    shown: watch::Sender<u64>,
}

fn note(samples: &Mutex<Vec<Sample>>, due: Instant) {
    lock(samples).push((due, Instant::now()));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks at a steady rate, whether or not the questions before are answered.
pub(crate) async fn read(world: Arc<World>, side: Arc<Side>, probe: Arc<Probe>) -> Result<()> {
    let mut ticks = tokio::time::interval(READ_EVERY);
    let mut answers = Vec::new();
    while !world.is_over() {
        let due = ticks.tick().await;
        let (world, side, probe) = (Arc::clone(&world), Arc::clone(&side), Arc::clone(&probe));
        answers.push(tokio::spawn(async move {
            side.get(&world, "/v1/kpis/ITEM_SUM/value?period=day").await?;
            note(&probe.reads, due);
            anyhow::Ok(())
        }));
    }
    for answer in answers {
        answer.await??;
    }
    Ok(())
}

/// Sends one event after another and waits until each counts. One that has to wait for the event before it is as late as it is.
pub(crate) async fn events(world: Arc<World>, side: Arc<Side>, probe: Arc<Probe>, mut rng: Rng) -> Result<()> {
    let sent = send(&world, &side, &probe, &mut rng).await;
    probe.has_ended.store(true, Ordering::SeqCst);
    sent
}

async fn send(world: &World, side: &Side, probe: &Probe, rng: &mut Rng) -> Result<()> {
    let time = platform::clock::now();
    let value = format!("/v1/kpis/PROBES/value?period=day&at={time}");
    let events = json!([{ "time": time.to_string(), "amount": 1 }]);
    let mut ticks = tokio::time::interval(EVENT_EVERY);
    let mut sent: u64 = 0;
    while !world.is_over() {
        let due = ticks.tick().await;
        let key = format!("{:016x}{sent}", rng.u64(..));
        side.post(world, "Probe", &events, &key).await?;
        sent += 1;
        lock(&probe.due).push(due);
        until_counted(world, side, &value, sent).await?;
        note(&probe.events, due);
    }
    Ok(())
}

/// Waits until the dashboard shows each event, in their order.
pub(crate) async fn rows(side: Arc<Side>, probe: Arc<Probe>) -> Result<()> {
    let mut shown = probe.shown.subscribe();
    let mut before: usize = 0;
    loop {
        let due = lock(&probe.due).get(before).copied();
        let Some(due) = due else {
            if probe.has_ended.load(Ordering::SeqCst) && lock(&probe.due).len() == before {
                break;
            }
            tokio::time::sleep(POLL).await;
            continue;
        };
        let waited = tokio::time::timeout(FATE, shown.wait_for(|shown| *shown > before as u64)).await;
        let is_shown = waited.is_ok_and(|shown| shown.is_ok());
        ensure!(
            is_shown,
            "event {} of the {} client is not shown after {FATE:?}",
            before + 1,
            side.name
        );
        before += 1;
        note(&probe.rows, due);
    }
    let now = *shown.borrow();
    ensure!(
        now == before as u64,
        "{before} events of the {} client were sent and {now} are shown",
        side.name
    );
    Ok(())
}

async fn until_counted(world: &World, side: &Side, value: &str, sent: u64) -> Result<()> {
    let until = Instant::now() + FATE;
    loop {
        let counted = side.get(world, value).await?["facts"].as_u64().unwrap_or_default();
        ensure!(
            counted <= sent,
            "{sent} events of the {} client were sent and {counted} count",
            side.name
        );
        if counted == sent {
            return Ok(());
        }
        ensure!(
            Instant::now() < until,
            "event {sent} of the {} client is lost: {counted} count after {FATE:?}",
            side.name
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Keeps a dashboard open for as long as it is let. A connection that breaks is opened again.
pub(crate) async fn watch(world: Arc<World>, side: Arc<Side>, probe: Arc<Probe>) {
    loop {
        // That it broke is what happens when everything is killed; what it shows in the end is waited for.
        drop(follow(&world, &side, &probe).await);
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn follow(world: &World, side: &Side, probe: &Probe) -> Result<()> {
    let address = format!("{}?token={}", world.product().websocket(), side.user().token);
    let mut dashboard = Dashboard::try_open(&address).await?;
    // Two days, so that midnight may pass.
    let topics = json!([{ "kpi": "PROBES", "period": "day", "buckets": 2 }]);
    dashboard
        .try_send(&json!({ "action": "subscribe", "topics": topics }))
        .await?;
    while let Some(frame) = dashboard.frame().await? {
        let rows = frame.json["rows"].as_array();
        for facts in rows.into_iter().flatten().filter_map(|row| row[3].as_u64()) {
            probe.shown.send_if_modified(|shown| {
                let is_more = facts > *shown;
                *shown = facts.max(*shown);
                is_more
            });
        }
    }
    Ok(())
}

/// Prints the latencies before and after the disturbances began. What was under way while all were away on purpose is counted apart, and so is what a
/// dashboard waits for while a publisher is replaced: the promise is that it takes 3 s, and not that nobody notices.
pub(crate) fn print(world: &World, probes: &[Arc<Probe>], disturbed_from: Instant) {
    for (place, (probe, name)) in probes.iter().zip(NAMES).enumerate() {
        for (what, samples) in [("read", &probe.reads), ("event", &probe.events), ("row", &probe.rows)] {
            let samples = lock(samples).clone();
            // What a client that floods waits for its own events is its own doing.
            let target = (what == "read" || place == QUIET).then_some(Target::AtMost(MOST));
            let name = format!("endurance.{name}_{what}");
            let (away, samples) = apart(samples, &world.outages());
            figures::print(&format!("{name}s_while_all_were_away"), count(&away));
            let samples = if what == "row" {
                let (replaced, samples) = apart(samples, &world.takeovers());
                figures::print(&format!("{name}s_while_a_publisher_was_replaced"), count(&replaced));
                if let Some(p95) = p95_ms(&replaced) {
                    figures::print(&format!("{name}_p95_while_a_publisher_was_replaced_ms"), p95);
                }
                samples
            } else {
                samples
            };
            print_one(&name, samples, disturbed_from, target);
        }
    }
}

/// Samples that were under way in one of the spans, and the others.
fn apart(samples: Vec<Sample>, spans: &[(std::time::Instant, std::time::Instant)]) -> (Vec<Sample>, Vec<Sample>) {
    let is_in_one = |(due, done): &Sample| {
        let mut spans = spans.iter();
        spans.any(|(from, to)| due.into_std() <= *to && done.into_std() >= *from)
    };
    samples.into_iter().partition(is_in_one)
}

fn count(samples: &[Sample]) -> f64 {
    f64::from(u32::try_from(samples.len()).unwrap_or(u32::MAX))
}

fn print_one(name: &str, samples: Vec<Sample>, disturbed_from: Instant, target: Option<Target>) {
    let (quiet, disturbed): (Vec<Sample>, Vec<Sample>) =
        samples.into_iter().partition(|(due, _)| *due < disturbed_from);
    let (Some(quiet), Some(disturbed)) = (p95_ms(&quiet), p95_ms(&disturbed)) else {
        return;
    };
    figures::print(&format!("{name}_p95_quiet_ms"), quiet);
    figures::print(&format!("{name}_p95_disturbed_ms"), disturbed);
    match target {
        Some(target) => figures::print_with_target(&format!("{name}_p95_ratio"), disturbed / quiet, target),
        None => figures::print(&format!("{name}_p95_ratio"), disturbed / quiet),
    }
}

fn p95_ms(samples: &[Sample]) -> Option<f64> {
    let mut took: Vec<Duration> = samples.iter().map(|(due, done)| *done - *due).collect();
    took.sort_unstable();
    let last = took.len().checked_sub(1)?;
    Some(took.get(last * 95 / 100)?.as_secs_f64() * 1e3)
}
