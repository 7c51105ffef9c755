//! What the clients send: floods of requests, corrections of keyed facts, and files.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use futures::StreamExt as _;
use serde_json::Value;

use crate::books::{Name, Sent};
use crate::shape::{Event, Shape, is_bad};
use crate::world::{Side, Tried, World};

/// Requests of a flood, and events of a request.
const FLOOD_REQUESTS: usize = 12;
const FLOOD_EVENTS: usize = 300;
/// Requests that are on their way at once.
const AT_ONCE: usize = 4;
/// Pauses between floods, and between files.
const FLOOD_PAUSE_MS: u64 = 4_000;
const FILE_PAUSE_MS: u64 = 10_000;
const FILE_ROWS: usize = 2_000;
/// Keys of a lane; a lane's corrections follow each other.
const LANE_KEYS: u32 = 40;
const CARDS: usize = 30;
/// The longest wait for the fate of a batch: two times the queue's visibility timeout of three minutes, and a minute.
pub(crate) const FATE: Duration = Duration::from_secs(420);
const FATE_POLL: Duration = Duration::from_millis(300);

/// Events with their JSON, some of them bad.
fn events(
    shape: &Shape,
    rng: &mut Rng,
    count: usize,
    mut key: impl FnMut(&mut Rng) -> u32,
) -> (Vec<Option<Event>>, Vec<Value>) {
    let now = platform::clock::now();
    let drawn = (0..count).map(|_| {
        let key = key(rng);
        let (event, is_bad) = (shape.event(rng, now, key), is_bad(rng));
        let json = Value::Object(shape.json(&event, rng, is_bad));
        ((!is_bad).then_some(event), json)
    });
    drawn.unzip()
}

/// A key that no other request has.
fn unique(rng: &mut Rng) -> String {
    format!("{:016x}{:016x}", rng.u64(..), rng.u64(..))
}

/// Floods of requests, until the run is over.
pub(crate) async fn flood(world: Arc<World>, side: Arc<Side>, mut rng: Rng) -> Result<()> {
    let shape = &side.shapes[0];
    while !world.is_over() {
        let requests: Vec<_> = (0..rng.usize(1..=FLOOD_REQUESTS))
            .map(|_| {
                let count = rng.usize(1..=FLOOD_EVENTS);
                (events(shape, &mut rng, count, |_| 0), unique(&mut rng))
            })
            .collect();
        let posted = requests.into_iter().map(|((events, json), key)| {
            let (world, side) = (&world, &side);
            async move {
                let batch = side.post(world, shape.code, &Value::Array(json), &key).await?;
                side.books.accepted(Sent {
                    entity: shape.code,
                    name: Name::Batch(batch),
                    events,
                });
                anyhow::Ok(())
            }
        });
        let posted: Vec<_> = posted.collect();
        let posted: Vec<Result<()>> = futures::stream::iter(posted).buffer_unordered(AT_ONCE).collect().await;
        posted.into_iter().collect::<Result<()>>()?;
        world.pause(Duration::from_millis(rng.u64(..FLOOD_PAUSE_MS))).await;
    }
    Ok(())
}

/// Corrections of the keys of one lane: each batch waits for the fate of the one before, because queues keep no order.
pub(crate) async fn correct(world: Arc<World>, side: Arc<Side>, lane: u32, mut rng: Rng) -> Result<()> {
    let shape = &side.shapes[1];
    while !world.is_over() {
        let count = rng.usize(1..=CARDS);
        let (events, json) = events(shape, &mut rng, count, |rng| lane * LANE_KEYS + rng.u32(..LANE_KEYS));
        let batch = side
            .post(&world, shape.code, &Value::Array(json), &unique(&mut rng))
            .await?;
        let replaced: Vec<Event> = events.iter().flatten().cloned().collect();
        side.books.accepted(Sent {
            entity: shape.code,
            name: Name::Batch(batch.clone()),
            events,
        });
        if !is_finished(&world, &side, &batch).await? {
            // The checker finds that it has no fate, and what it would have replaced is what there is.
            return Ok(());
        }
        side.books.replaced(shape.code, replaced);
        world.pause(Duration::from_millis(rng.u64(..2_000))).await;
    }
    Ok(())
}

async fn is_finished(world: &World, side: &Side, batch: &str) -> Result<bool> {
    let until = Instant::now() + FATE;
    let path = format!("/v1/batches/{batch}");
    while Instant::now() < until {
        let once = || async {
            let answer = side.user().get(&path).try_send().await?;
            Ok(match answer.status {
                200 => Tried::Done(answer["state"] == "finished"),
                404 => Tried::Done(false),
                _ => Tried::Later(FATE_POLL),
            })
        };
        if world.insist(&path, once).await? {
            return Ok(true);
        }
        tokio::time::sleep(FATE_POLL).await;
    }
    Ok(false)
}

/// Files of either text format. One that is put again is the same file, and counts once.
pub(crate) async fn drop_files(world: Arc<World>, side: Arc<Side>, mut rng: Rng) -> Result<()> {
    let shape = &side.shapes[0];
    while !world.is_over() {
        let rows = rng.usize(FILE_ROWS / 20..=FILE_ROWS);
        let (events, json) = events(shape, &mut rng, rows, |_| 0);
        let (ending, text) = if rng.bool() {
            ("ndjson", lines(&json))
        } else {
            ("csv", table(&json))
        };
        let client = side.user().client;
        let key = format!("{client}/{}/{}.{ending}", shape.code, unique(&mut rng));
        let put = || async {
            world.product().try_put_object(&key, text.clone().into_bytes()).await?;
            Ok(Tried::Done(()))
        };
        world
            .insist(&format!("a file of the {} client", side.name), put)
            .await?;
        side.books.accepted(Sent {
            entity: shape.code,
            name: Name::File(key),
            events,
        });
        world.pause(Duration::from_millis(rng.u64(..FILE_PAUSE_MS))).await;
    }
    Ok(())
}

fn lines(events: &[Value]) -> String {
    events.iter().fold(String::new(), |mut lines, event| {
        let _ = writeln!(lines, "{event}");
        lines
    })
}

/// A table of all fields that any of the events has.
fn table(events: &[Value]) -> String {
    let fields = events
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|event| event.keys());
    let header: std::collections::BTreeSet<&String> = fields.collect();
    let names: Vec<&str> = header.iter().map(|name| name.as_str()).collect();
    let mut table = format!("{}\n", names.join(","));
    for event in events {
        let fields: Vec<String> = names
            .iter()
            .map(|name| match &event[*name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect();
        let _ = writeln!(table, "{}", fields.join(","));
    }
    table
}
