//! `make bench-clients`, first part: what one client notices of 199 others in its database. Two databases on one server, one with a single client and
//! one with 200, each client with 10 entities of 3 groupings; everything is measured in both, in turns in the same run.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints figures, none of which is near 2^52"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use answer::Batch as Questions;
use anyhow::{Context as _, Result};
use catalog::{EntityDefinition, KpiDefinition, Period};
use facts::batch::Batch;
use facts::ingest::{self, Effort};
use jiff::{SignedDuration, Timestamp};
use records::definitions::{self, ClientCatalog, Written};
use serde_json::json;
use series::plan::Filter;
use series::{Mapper, Range, Request};
use tests::databases::{TestDatabase, servers};
use tests::figures::{self, Target};
use uuid::Uuid;

/// Clients of the large database; `--clients N` is for a trial.
const CLIENTS: usize = 200;
const ENTITIES: usize = 10;
const DIMENSIONS: [&str; 3] = ["region", "channel", "kind"];
/// Values of each dimension.
const VALUES: usize = 20;
/// Facts that each entity has before anything is measured.
const FACTS: usize = 200;
/// Facts of one batch whose ingestion is timed, and of one that only shows that a client is active.
const TIMED_FACTS: usize = 1_000;
const ACTIVE_FACTS: usize = 10;
/// Rounds of each measure; a question takes milliseconds, the others up to seconds.
const QUESTION_ROUNDS: usize = 400;
const ROUNDS: usize = 7;
/// Questions of a tick.
const TICK: usize = 200;
/// The most that anything may take with 200 clients, as a multiple of what it takes with one.
const MOST: f64 = 1.3;

#[tokio::main]
async fn main() -> Result<()> {
    let server = servers().into_iter().next();
    let server = server.context("TEST_DATABASE_URLS names no server")?;
    let clients = clients()?;
    println!(
        "1 and {clients} clients x {ENTITIES} entities x {} groupings",
        DIMENSIONS.len()
    );
    let small = Filled::create(&server, 1).await?;
    let large = Filled::create(&server, clients).await?;
    relations(&small, &large).await?;
    questions(&small, &large).await?;
    ticks(&small, &large).await?;
    ingestion(&small, &large).await?;
    defining(&small, &large).await?;
    upkeep(&small, &large).await?;
    small.database.drop_it().await?;
    large.database.drop_it().await
}

fn clients() -> Result<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--clients");
    match arguments.nth(1) {
        Some(number) => number.parse().context("--clients takes a number"),
        None => Ok(CLIENTS),
    }
}

/// A database with so many clients, all of which have facts.
struct Filled {
    database: TestDatabase,
    clients: Vec<Uuid>,
    /// Definitions of each client, in their order.
    definitions: Vec<ClientCatalog>,
}

impl Filled {
    async fn create(server: &str, clients: usize) -> Result<Self> {
        let database = TestDatabase::create(server).await?;
        let mut filled = Self {
            database,
            clients: Vec::new(),
            definitions: Vec::new(),
        };
        for number in 0..clients {
            filled.add_client(number).await?;
        }
        let now = platform::clock::now();
        for client in 0..clients {
            for entity in 0..ENTITIES {
                filled
                    .ingest(client, entity, FACTS, now, SignedDuration::from_hours(24))
                    .await?;
            }
        }
        facts::compact::run(&filled.database.owner, now).await?;
        filled.vacuum("VACUUM (ANALYZE)").await?;
        Ok(filled)
    }

    async fn add_client(&mut self, number: usize) -> Result<()> {
        let new = records::clients::NewClient {
            name: &format!("client {number}"),
            time_zone: "UTC",
            calendar: series::calendar::Rules::default(),
            email: &format!("admin@client-{number}.example.com").parse()?,
            password_hash: "none",
            role: "admin",
        };
        let client = records::clients::provision(&self.database.owner, &new).await?.client;
        for number in 0..ENTITIES {
            self.define(client, number).await?;
            for (code, formula) in [("COUNT", "COUNT"), ("SUM", "SUM")] {
                let mut kpi = KpiDefinition::named(format!("{code}_{number}"), code);
                let attribute = if code == "SUM" { ".amount" } else { "" };
                kpi.formula = format!("{formula}(Entity{number}{attribute})");
                let written = definitions::create_kpi(&self.database.app, client, &kpi).await?;
                anyhow::ensure!(written == Written::Stored(1), "a KPI is not created: {written:?}");
            }
        }
        let catalog = definitions::load_one(&self.database.app, client).await?;
        self.clients.push(client);
        self.definitions.push(catalog.context("the client is gone")?);
        Ok(())
    }

    async fn define(&self, client: Uuid, number: usize) -> Result<()> {
        let entity = entity(number)?.validate();
        let entity = entity.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let written = definitions::create_entity(&self.database.app, client, &entity).await?;
        anyhow::ensure!(written == Written::Stored(1), "an entity is not created: {written:?}");
        Ok(())
    }

    /// Ingests facts of one entity that are spread over the time before `now`.
    async fn ingest(
        &self,
        client: usize,
        entity: usize,
        facts: usize,
        now: Timestamp,
        over: SignedDuration,
    ) -> Result<()> {
        let placed = &self.definitions[client].placed[&format!("Entity{entity}")];
        let mapper = Mapper::new(Arc::clone(&placed.entity));
        let step_ms = over.as_millis() / i128::try_from(facts)?;
        let mapped = (0..facts).map(|fact| {
            let before = SignedDuration::from_millis(i64::try_from(step_ms)? * i64::try_from(fact)?);
            let mut event = json!({ "time": (now - before).to_string(), "amount": fact, "pieces": fact % 7 });
            for (place, dimension) in DIMENSIONS.iter().enumerate() {
                event[*dimension] = json!(value(fact * (place + 1) + client));
            }
            let fact = mapper.json(now, &event.to_string());
            fact.map_err(|rejection| anyhow::anyhow!("{rejection}"))
        });
        let batch = Batch::of(Uuid::now_v7(), mapped.collect::<Result<Vec<_>>>()?);
        let client = self.clients[client];
        let outcomes = ingest::ingest(&self.database.app, client, placed, "bench", &[batch], Effort::default()).await?;
        anyhow::ensure!(outcomes[0].written == facts, "facts are not written");
        Ok(())
    }

    async fn vacuum(&self, command: &str) -> Result<Duration> {
        let session = self.database.owner.session().await?;
        let edition = session.edition().await?;
        let volumes = facts::volume::volumes(&session).await?;
        let plain = self.database.plain().await?;
        let began = Instant::now();
        for table in volumes.iter().flat_map(|volume| volume.tables(edition)) {
            plain.batch_execute(&format!("{command} {table}")).await?;
        }
        Ok(began.elapsed())
    }

    async fn count(&self, sql: &str) -> Result<f64> {
        let count: i64 = self.database.plain().await?.query_one(sql, &[]).await?.get(0);
        Ok(count as f64)
    }
}

/// The value of a dimension.
fn value(number: usize) -> String {
    format!("v{:02}", number % VALUES)
}

fn entity(number: usize) -> Result<EntityDefinition> {
    let mut attributes = vec![
        json!({ "name": "amount", "type": "decimal", "required": true }),
        json!({ "name": "pieces", "type": "integer" }),
    ];
    attributes.extend(DIMENSIONS.map(|name| json!({ "name": name, "type": "text", "dimension": true })));
    let groupings = DIMENSIONS.map(|name| json!({ "dimensions": [name] }));
    let definition = json!({ "code": format!("Entity{number}"), "domain": "bench", "attributes": attributes, "groupings": groupings });
    Ok(serde_json::from_value(definition)?)
}

async fn relations(small: &Filled, large: &Filled) -> Result<()> {
    for (what, sql) in [
        (
            "relations",
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_schema)'",
        ),
        ("jobs", "SELECT count(*) FROM timescaledb_information.jobs"),
    ] {
        let [one, many] = [small.count(sql).await?, large.count(sql).await?];
        figures::print(&format!("clients.{what}_of_one"), one);
        figures::print(&format!("clients.{what}_of_many"), many);
    }
    Ok(())
}

/// Times of one measure in both databases.
#[derive(Default)]
struct Times {
    one: Vec<Duration>,
    many: Vec<Duration>,
}

impl Times {
    /// Prints both, and how many times as long it takes with many clients.
    fn print(mut self, name: &str, share: usize) {
        let [one, many] = [&mut self.one, &mut self.many].map(|times| {
            times.sort_unstable();
            times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3
        });
        figures::print(&format!("clients.{name}_p{share}_of_one_ms"), one);
        figures::print(&format!("clients.{name}_p{share}_of_many_ms"), many);
        figures::print_with_target(
            &format!("clients.{name}_p{share}_ratio"),
            many / one,
            Target::AtMost(MOST),
        );
    }
}

/// One client asks by hour over a day and by minute over an hour.
async fn questions(small: &Filled, large: &Filled) -> Result<()> {
    for (name, period, hours) in [
        ("hours_of_a_day", Period::Hour, 24),
        ("minutes_of_an_hour", Period::Minute, 1),
    ] {
        let mut times = Times::default();
        for round in 0..QUESTION_ROUNDS {
            times.one.push(ask(small, round, period, hours).await?);
            times.many.push(ask(large, round, period, hours).await?);
        }
        let again = Times {
            one: times.one.clone(),
            many: times.many.clone(),
        };
        times.print(name, 50);
        again.print(name, 95);
    }
    Ok(())
}

async fn ask(filled: &Filled, round: usize, period: Period, hours: i64) -> Result<Duration> {
    let (client, definitions) = (filled.clients[0], &filled.definitions[0]);
    let kpi = definitions
        .catalog
        .kpi(&format!("SUM_{}", round % ENTITIES))
        .context("the KPI is gone")?;
    let filter = filter(round);
    let range = range(definitions, period, hours);
    let request = Request {
        kpi,
        period,
        range,
        filter: &filter,
        by: &[],
        now: jiff::Timestamp::MAX,
    };
    let began = Instant::now();
    let answer = answer::ask(
        &filled.database.app,
        client,
        definitions,
        &definitions.calendar,
        &request,
    )
    .await?;
    let took = began.elapsed();
    anyhow::ensure!(answer.plan.iter().all(|step| !step.raw), "a question went to the facts");
    Ok(took)
}

/// A filter of one of the dimensions, so that each of the groupings is read.
fn filter(round: usize) -> Filter {
    let dimension = DIMENSIONS[round % DIMENSIONS.len()].to_owned();
    Filter::from([(dimension, BTreeSet::from([value(round)]))])
}

/// The latest hours.
fn range(definitions: &ClientCatalog, period: Period, hours: i64) -> Range {
    let now = platform::clock::now();
    let from = now - SignedDuration::from_hours(hours);
    definitions.calendar.align(period, Range { from, to: now })
}

/// A tick of the publisher: 200 different questions, all of one client, or one of each client.
async fn ticks(small: &Filled, large: &Filled) -> Result<()> {
    let (mut times, mut spread) = (Times::default(), Vec::new());
    for _ in 0..ROUNDS {
        times.one.push(tick(small, |_| 0).await?);
        times.many.push(tick(large, |_| 0).await?);
        let clients = large.clients.len();
        spread.push(tick(large, |question| question % clients).await?);
    }
    times.print("tick_of_200_questions", 50);
    spread.sort_unstable();
    let median_ms = spread[spread.len() / 2].as_secs_f64() * 1e3;
    figures::print("clients.tick_of_200_questions_of_all_clients_p50_ms", median_ms);
    Ok(())
}

async fn tick(filled: &Filled, client_of: impl Fn(usize) -> usize) -> Result<Duration> {
    let began = Instant::now();
    let mut batch = Questions::default();
    let mut asked = Vec::with_capacity(TICK);
    for question in 0..TICK {
        let client = client_of(question);
        let definitions = &filled.definitions[client];
        // 10 entities x 20 values of a dimension.
        let kpi = definitions
            .catalog
            .kpi(&format!("SUM_{}", question % ENTITIES))
            .context("the KPI is gone")?;
        let filter = Filter::from([(DIMENSIONS[0].to_owned(), BTreeSet::from([value(question / ENTITIES)]))]);
        let request = Request {
            kpi,
            period: Period::Hour,
            range: range(definitions, Period::Hour, 1),
            filter: &filter,
            by: &[],
            now: jiff::Timestamp::MAX,
        };
        let added = batch.add(filled.clients[client], definitions, &definitions.calendar, &request);
        asked.push(added.map_err(anyhow::Error::msg)?);
    }
    let session = filled.database.app.session().await?;
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    let answers = batch.read_each(&session, until, facts::read::OnFailure::Halve).await?;
    let unread = asked.iter().flat_map(|asked| answers.outcomes(asked));
    let unread = unread
        .filter(|outcome| !matches!(outcome, answer::Outcome::Rows(_)))
        .count();
    anyhow::ensure!(unread == 0, "{unread} questions of a tick are not answered");
    Ok(began.elapsed())
}

async fn ingestion(small: &Filled, large: &Filled) -> Result<()> {
    let mut times = Times::default();
    for _ in 0..ROUNDS {
        times.one.push(timed_ingest(small).await?);
        times.many.push(timed_ingest(large).await?);
    }
    for (name, times) in [("one", &times.one), ("many", &times.many)] {
        let total: Duration = times.iter().sum();
        let rate = (ROUNDS * TIMED_FACTS) as f64 / total.as_secs_f64();
        figures::print(&format!("clients.ingest_of_{name}_events_per_s"), rate);
    }
    times.print("ingest_of_1000_events", 50);
    Ok(())
}

async fn timed_ingest(filled: &Filled) -> Result<Duration> {
    let began = Instant::now();
    filled
        .ingest(0, 0, TIMED_FACTS, platform::clock::now(), SignedDuration::from_mins(5))
        .await?;
    Ok(began.elapsed())
}

/// Another entity of a client that has ten.
async fn defining(small: &Filled, large: &Filled) -> Result<()> {
    let mut times = Times::default();
    for round in 0..ROUNDS {
        for (filled, times) in [(small, &mut times.one), (large, &mut times.many)] {
            let began = Instant::now();
            filled.define(filled.clients[0], ENTITIES + round).await?;
            times.push(began.elapsed());
        }
    }
    times.print("define_entity", 50);
    Ok(())
}

/// What runs every minute, and VACUUM, after every client was active in the last minute. They work for all, so their times are not held against each other.
async fn upkeep(small: &Filled, large: &Filled) -> Result<()> {
    let mut upkeep = Times::default();
    let mut vacuums = Times::default();
    for _ in 0..ROUNDS {
        for (filled, upkeep, vacuums) in [
            (small, &mut upkeep.one, &mut vacuums.one),
            (large, &mut upkeep.many, &mut vacuums.many),
        ] {
            let now = platform::clock::now();
            for client in 0..filled.clients.len() {
                filled
                    .ingest(client, 0, ACTIVE_FACTS, now, SignedDuration::from_secs(60))
                    .await?;
            }
            // All of the last minute is closed then.
            let later = now + SignedDuration::from_secs(60);
            let began = Instant::now();
            facts::compact::run(&filled.database.owner, later).await?;
            upkeep.push(began.elapsed());
            vacuums.push(filled.vacuum("VACUUM").await?);
        }
    }
    for (name, times) in [("compaction", upkeep), ("vacuum", vacuums)] {
        for (clients, mut times) in [("one", times.one), ("many", times.many)] {
            times.sort_unstable();
            let median_ms = times[times.len() / 2].as_secs_f64() * 1e3;
            figures::print(&format!("clients.{name}_p50_of_{clients}_ms"), median_ms);
        }
    }
    Ok(())
}
