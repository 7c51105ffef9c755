//! `make bench-ingest`: events a second of `ingest-events` against a bare binary COPY of the same rows into a hypertable of
//! the same shape, in turns in the same run. Twice: flights as they arrive live, and as history, where a batch spans most of a
//! day and its partials are more than half as many as its facts. Beside it a client whose flights have sketches in three groupings, against the one without.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a bench prints figures, none of which is near 2^52"
)]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use bytes::Bytes;
use catalog::{Entity, EntityDefinition};
use formula::Value;
use jiff::Timestamp;
use lambda_runtime::LambdaEvent;
use rust_decimal::Decimal;
use serde_json::json;
use series::{Fact, Mapper};
use tests::databases::{TestDatabase, servers};
use tests::figures::{self, Target};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// Events of a message and messages of an invocation: the largest that `accept-events` and the template allow.
const EVENTS: usize = 1_000;
const MESSAGES: usize = 10;
/// Invocations of a round, and rounds.
const INVOCATIONS: usize = 6;
const ROUNDS: usize = 5;
/// Live events come at this rate: so long is the time that an invocation's events span.
const LIVE_EVENTS_PER_SECOND: i64 = 1_000;

/// The least that ingest may be of a COPY.
const LIVE_RATIO: f64 = 0.8;
const HISTORY_RATIO: f64 = 0.5;

/// The least that ingest with sketches may be of that without.
const SKETCHED_RATIO: f64 = 0.5;

/// What is sketched: of the demo's groupings three are kept by hour or finer.
const SKETCHES: [(&str, &str); 2] = [("delay", "percentiles"), ("destination", "distinct")];

const COPY: &str =
    "COPY public.bare (client_id, entity_id, time, batch_number, n1, n2, t1, t2, f1) FROM STDIN (FORMAT binary)";

const ENTITIES: &str = include_str!("../../infra/local/demo/entities.json");

#[tokio::main]
async fn main() -> Result<()> {
    let server = servers()
        .into_iter()
        .next()
        .context("TEST_DATABASE_URLS names no server")?;
    let database = TestDatabase::create(&server).await?;
    let (client, entity) = client_with(&database, "bench", &[]).await?;
    let (sketched, _) = client_with(&database, "sketched", &SKETCHES).await?;
    let mapper = Mapper::new(std::sync::Arc::new(entity));
    let bytes = Bytes::from(std::fs::read(tests::required("FACTS_FILE"))?);
    let events = events(bytes)?;
    let plain = database.plain().await?;
    // A table of the same shape and indexes as that of the facts, written by hand.
    plain
        .batch_execute(
            "CREATE TABLE public.bare (LIKE volume_1.facts);
             SELECT create_hypertable('public.bare', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);
             CREATE INDEX ON public.bare (entity_id, time);
             CREATE INDEX ON public.bare (entity_id, key) WHERE key IS NOT NULL;",
        )
        .await?;
    let context = ingest_events::Context::new(database.app.clone(), String::new());
    let per_round = INVOCATIONS * MESSAGES * EVENTS;
    println!(
        "{ROUNDS} rounds of {per_round} real flights, {} to an invocation or COPY",
        MESSAGES * EVENTS
    );
    for kind in ["live", "history"] {
        let (mut rates, mut ratios, mut of_sketched) = (Vec::new(), Vec::new(), Vec::new());
        for events in events.chunks_exact(per_round).take(ROUNDS) {
            let events = if kind == "live" { live(events) } else { events.to_vec() };
            let took = [
                ingest(&context, client, &events).await?,
                copy(&plain, client, &mapper, &events).await?,
                ingest(&context, sketched, &events).await?,
            ];
            let [ours, bare, sketched] = took.map(|took| per_round as f64 / took.as_secs_f64());
            println!(
                "{kind}: ingest-events {ours:.0} events/s, with sketches {sketched:.0}, bare COPY {bare:.0} rows/s"
            );
            rates.push(ours);
            ratios.push(ours / bare);
            of_sketched.push(sketched / ours);
        }
        figures::print(&format!("ingest.{kind}_events_per_s"), median(rates));
        let name = format!("ingest.{kind}_ratio_to_bare_copy");
        let target = if kind == "live" { LIVE_RATIO } else { HISTORY_RATIO };
        figures::print_with_target(&name, median(ratios), Target::AtLeast(target));
        let name = format!("ingest.{kind}_with_sketches_ratio_to_without");
        figures::print_with_target(&name, median(of_sketched), Target::AtLeast(SKETCHED_RATIO));
    }
    database.drop_it().await
}

/// A client with the demo's flights, of which some attributes have sketches.
async fn client_with(database: &TestDatabase, name: &str, sketches: &[(&str, &str)]) -> Result<(Uuid, Entity)> {
    let new = records::clients::NewClient {
        name,
        time_zone: "UTC",
        calendar: series::calendar::Rules::default(),
        email: &format!("{name}@example.com").parse()?,
        password_hash: "none",
        role: "admin",
    };
    let client = records::clients::provision(&database.owner, &new).await?.client;
    let mut definitions: Vec<serde_json::Value> = serde_json::from_str(ENTITIES)?;
    let mut flight = definitions.remove(0);
    for attribute in flight["attributes"].as_array_mut().into_iter().flatten() {
        let of_it = sketches.iter().filter(|(name, _)| attribute["name"] == *name);
        let kinds: Vec<&str> = of_it.map(|(_, kind)| *kind).collect();
        if !kinds.is_empty() {
            attribute["sketches"] = json!(kinds);
        }
    }
    let definition: EntityDefinition = serde_json::from_value(flight)?;
    let entity = definition
        .validate()
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    records::definitions::create_entity(&database.owner, client, &entity).await?;
    Ok((client, entity))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The same flights with their times moved to end now, as live events have them.
fn live(events: &[serde_json::Value]) -> Vec<serde_json::Value> {
    let now = platform::clock::now();
    let mut moved = events.to_vec();
    for (age, event) in (0_i64..).zip(moved.iter_mut().rev()) {
        let time = now - jiff::SignedDuration::from_millis(age * 1000 / LIVE_EVENTS_PER_SECOND);
        event["date"] = json!(format!("{time:.3}"));
    }
    moved
}

/// The first flights of the file as JSON texts.
fn events(bytes: Bytes) -> Result<Vec<serde_json::Value>> {
    let wanted = ROUNDS * INVOCATIONS * MESSAGES * EVENTS;
    let mut events = Vec::with_capacity(wanted);
    for batch in archive::table::Table::open(bytes, 50_000)? {
        let batch = batch?;
        events.extend((0..batch.rows()).map(|row| serde_json::Value::Object(batch.json(row))));
        if events.len() >= wanted {
            break;
        }
    }
    Ok(events)
}

/// The function's own handler, from the queue's messages to the commit.
async fn ingest(context: &ingest_events::Context, client: Uuid, events: &[serde_json::Value]) -> Result<Duration> {
    let invocations: Vec<SqsEvent> = events
        .chunks(MESSAGES * EVENTS)
        .map(|events| invocation(client, events))
        .collect();
    let started = Instant::now();
    for invocation in invocations {
        let answer = ingest_events::handle(
            context,
            LambdaEvent::new(invocation, lambda_runtime::Context::default()),
        )
        .await;
        let failures = answer.map_err(|error| anyhow::anyhow!("{error}"))?.batch_item_failures;
        anyhow::ensure!(failures.is_empty(), "messages failed");
    }
    Ok(started.elapsed())
}

fn invocation(client: Uuid, events: &[serde_json::Value]) -> SqsEvent {
    let mut invocation = SqsEvent::default();
    invocation.records = events
        .chunks(EVENTS)
        .map(|events| {
            let body = json!({ "batch_id": Uuid::now_v7(), "client": client, "entity": "Flight", "source": "events", "events": events });
            let mut message = SqsMessage::default();
            message.message_id = Some(Uuid::now_v7().to_string());
            message.body = Some(body.to_string());
            message
        })
        .collect();
    invocation
}

/// The least that storing the same rows costs: no parsing, no checks, no partials.
async fn copy(
    plain: &tokio_postgres::Client,
    client: Uuid,
    mapper: &Mapper,
    events: &[serde_json::Value],
) -> Result<Duration> {
    let now = platform::clock::now();
    let facts: Vec<Fact> = events
        .iter()
        .map(|event| {
            mapper
                .json(now, &event.to_string())
                .map_err(|rejection| anyhow::anyhow!("{rejection}"))
        })
        .collect::<Result<_>>()?;
    let types = [
        Type::UUID,
        Type::INT4,
        Type::TIMESTAMPTZ,
        Type::INT8,
        Type::NUMERIC,
        Type::NUMERIC,
        Type::TEXT,
        Type::TEXT,
        Type::BOOL,
    ];
    let started = Instant::now();
    for facts in facts.chunks(MESSAGES * EVENTS) {
        let sink = plain.copy_in(COPY).await?;
        let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, &types));
        for fact in facts {
            let time = Timestamp::from_microsecond(fact.time_us)?;
            let (Value::Integer(delay), Value::Integer(distance)) = (&fact.values[0], &fact.values[1]) else {
                anyhow::bail!("no flight")
            };
            let (Value::Text(origin), Value::Text(destination), Value::Boolean(on_time)) =
                (&fact.values[2], &fact.values[3], &fact.values[4])
            else {
                anyhow::bail!("no flight")
            };
            let (delay, distance) = (Decimal::from(*delay), Decimal::from(*distance));
            let row: [&(dyn ToSql + Sync); 9] = [
                &client,
                &1_i32,
                &time,
                &1_i64,
                &delay,
                &distance,
                origin,
                destination,
                on_time,
            ];
            writer.as_mut().write(&row).await?;
        }
        writer.finish().await?;
    }
    Ok(started.elapsed())
}
