//! `make bench-clients`, third part: what a client notices of another's long work. One client asks and sends at a steady pace; a grouping of a million facts of the
//! other is filled meanwhile, and then the entity is moved to another volume. Windows with and without the work take turns in the same run.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints figures, none of which is near 2^52"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use catalog::{EntityDefinition, GroupingDefinition, KpiDefinition, Period};
use database::{Database, Error, Scope};
use facts::batch::Batch;
use facts::ingest::{self, Effort};
use facts::volume::add_volume;
use facts::{Placed, fill, moves, work};
use jiff::SignedDuration;
use records::definitions::{self, ClientCatalog};
use serde_json::json;
use series::plan::Filter;
use series::{Mapper, Range, Request};
use tests::databases::{TestDatabase, servers};
use tests::figures::{self, Target};
use uuid::Uuid;

/// Facts of the entity that is worked on; `--facts N` is for a trial.
const FACTS: i64 = 1_000_000;
const REGIONS: usize = 20;
/// Windows of each kind, and how long each lasts.
const WINDOWS: usize = 20;
const WINDOW: Duration = Duration::from_secs(3);
/// How often a question is asked and a batch is sent.
const QUESTION_EVERY: Duration = Duration::from_millis(20);
const BATCH_EVERY: Duration = Duration::from_millis(100);
const BATCH: usize = 100;
/// Facts that the other client has before.
const BEFORE: usize = 20_000;
/// The most that the p95 of others may be with the work, as a multiple of what it is without.
const MOST: f64 = 1.1;

#[tokio::main]
async fn main() -> Result<()> {
    let server = servers().into_iter().next();
    let server = server.context("TEST_DATABASE_URLS names no server")?;
    let facts = facts()?;
    println!("{facts} facts of one client worked on, beside another that asks and sends");
    let scene = Scene::create(&server, facts).await?;
    scene.begin_filling().await?;
    scene.measure("filling").await?;
    let filling = fill::fillings(&scene.database.app, scene.large).await?.pop();
    let filled = filling.map_or(facts, |filling| filling.filled);
    figures::print("fill.facts_filled_per_s", filled as f64 / worked_s());
    // It would be whole in minutes only; what is moved is the facts.
    definitions::give_up_groupings(&scene.database.app, scene.large, &scene.large().await?).await?;
    scene.begin_moving().await?;
    scene.measure("moving").await?;
    let moving = moves::moves(&scene.database.app, scene.large).await?.pop();
    let copied = moving.map_or(facts, |moving| moving.copied);
    figures::print("fill.facts_moved_per_s", copied as f64 / worked_s());
    scene.database.drop_it().await
}

fn facts() -> Result<i64> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--facts");
    match arguments.nth(1) {
        Some(number) => number.parse().context("--facts takes a number"),
        None => Ok(FACTS),
    }
}

fn worked_s() -> f64 {
    WINDOWS as f64 * WINDOW.as_secs_f64()
}

struct Scene {
    database: TestDatabase,
    /// Whose entity is worked on.
    large: Uuid,
    /// Who asks and sends.
    other: Uuid,
    known: ClientCatalog,
    /// The second connection of who asks and sends.
    sender: Database,
}

impl Scene {
    async fn create(server: &str, facts: i64) -> Result<Self> {
        let database = TestDatabase::create(server).await?;
        let large = client(&database, "large", &[]).await?;
        let other = client(&database, "other", &["region", "channel"]).await?;
        let known = definitions::load_one(&database.app, other).await?;
        let scene = Self {
            sender: Database::new(&database.url, "analytics_app")?,
            known: known.context("the client is gone")?,
            database,
            large,
            other,
        };
        scene.load(facts).await?;
        for _ in 0..BEFORE / 1_000 {
            scene.send(1_000, SignedDuration::from_hours(24)).await?;
        }
        facts::compact::run(&scene.database.owner, platform::clock::now()).await?;
        scene.database.plain().await?.batch_execute("VACUUM (ANALYZE)").await?;
        Ok(scene)
    }

    /// Facts of the last 300 days, as batches would have brought them.
    async fn load(&self, facts: i64) -> Result<()> {
        let placed = self.large().await?;
        let slot = |name| Ok::<_, Error>(placed.place.layout.slot_of(&placed.entity, name)?.name());
        let (amount, region, channel) = (slot("amount")?, slot("region")?, slot("channel")?);
        let sql = format!(
            "INSERT INTO {} (client_id, entity_id, time, batch_number, {amount}, {region}, {channel})
             SELECT $1, $2, now() - interval '300 days' * ($3 - n) / $3, 1, n % 997, 'r' || n % {REGIONS}, 'c' || n % 7
             FROM generate_series(1, $3::bigint) AS n",
            placed.place.volume.facts()
        );
        let plain = self.database.plain().await?;
        plain.execute(&sql, &[&self.large, &placed.place.id, &facts]).await?;
        let sql = "UPDATE core.clocks SET last = 1 WHERE entity_id = $1";
        plain.execute(sql, &[&placed.place.id]).await?;
        Ok(())
    }

    async fn large(&self) -> Result<Placed> {
        let known = definitions::load_one(&self.database.app, self.large).await?;
        let placed = known.and_then(|known| known.placed.get("Event").cloned());
        placed.context("the entity is gone")
    }

    async fn begin_filling(&self) -> Result<()> {
        let old = self.large().await?;
        let mut definition = old.entity.definition().clone();
        definition
            .groupings
            .push(GroupingDefinition::by_minute(["region", "channel"]));
        let entity = definition.validate();
        let entity = entity.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        definitions::replace_entity(&self.database.app, self.large, &old, &entity, None).await?;
        let fillings = fill::fillings(&self.database.app, self.large).await?;
        anyhow::ensure!(fillings.len() == 1, "nothing is filled in steps");
        Ok(())
    }

    async fn begin_moving(&self) -> Result<()> {
        let add = async |session: &database::Session| add_volume(session, Some(self.large)).await;
        let volume = self.database.owner.transaction_in(Scope::default(), add).await?;
        let begun = moves::begin(&self.database.owner, self.large, &self.large().await?, &volume).await?;
        anyhow::ensure!(begun == moves::Begun::Now, "no move begins: {begun:?}");
        Ok(())
    }

    /// Goes on with the work, as `fill-groupings` does.
    async fn work(&self, until: Instant) -> Result<()> {
        let find = async |client: Uuid, _| {
            let known = definitions::load_one(&self.database.owner, client).await?;
            Ok::<_, Error>(known.and_then(|known| known.placed.get("Event").cloned()))
        };
        work::run(&self.database.owner, find, until).await?;
        Ok(())
    }

    /// Measures windows without and with the work in turns, and prints how much longer others take with it.
    async fn measure(&self, work: &str) -> Result<()> {
        let (mut quiet, mut busy) = (Times::default(), Times::default());
        for _ in 0..WINDOWS {
            self.window(&mut quiet).await?;
            let until = Instant::now() + WINDOW;
            tokio::try_join!(self.window(&mut busy), self.work(until))?;
        }
        let pairs = [
            ("question", quiet.questions, busy.questions),
            ("batch", quiet.batches, busy.batches),
        ];
        for (what, mut quiet, mut busy) in pairs {
            for share in [50, 95] {
                let [without, with] = [&mut quiet, &mut busy].map(|times| {
                    times.sort_unstable();
                    times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3
                });
                figures::print(&format!("fill.{what}_p{share}_without_{work}_ms"), without);
                figures::print(&format!("fill.{what}_p{share}_with_{work}_ms"), with);
                let ratio = format!("fill.{what}_p{share}_{work}_ratio");
                figures::print_with_target(&ratio, with / without, Target::AtMost(MOST));
            }
        }
        Ok(())
    }

    /// Asks and sends at a steady pace for a window.
    async fn window(&self, times: &mut Times) -> Result<()> {
        let until = tokio::time::Instant::now() + WINDOW;
        let asking = async {
            let mut pace = tokio::time::interval(QUESTION_EVERY);
            while tokio::time::Instant::now() < until {
                pace.tick().await;
                let began = Instant::now();
                self.ask(times.questions.len()).await?;
                times.questions.push(began.elapsed());
            }
            Ok::<_, anyhow::Error>(())
        };
        let sending = async {
            let mut pace = tokio::time::interval(BATCH_EVERY);
            while tokio::time::Instant::now() < until {
                pace.tick().await;
                times
                    .batches
                    .push(self.send(BATCH, SignedDuration::from_secs(60)).await?);
            }
            Ok(())
        };
        tokio::try_join!(asking, sending)?;
        Ok(())
    }

    async fn ask(&self, round: usize) -> Result<()> {
        let calendar = &self.known.calendar;
        let to = platform::clock::now();
        let from = to - SignedDuration::from_hours(24);
        let region = BTreeSet::from([format!("r{}", round % REGIONS)]);
        let request = Request {
            kpi: self.known.catalog.kpi("TOTAL").context("the KPI is gone")?,
            period: Period::Hour,
            range: calendar.align(Period::Hour, Range { from, to }),
            filter: &Filter::from([("region".to_owned(), region)]),
            by: &[],
            now: jiff::Timestamp::MAX,
        };
        answer::ask(
            &self.database.app,
            self.other,
            &self.known,
            &self.known.calendar,
            &request,
        )
        .await?;
        Ok(())
    }

    /// Sends a batch, and returns how long its ingestion took.
    async fn send(&self, count: usize, over: SignedDuration) -> Result<Duration> {
        let placed = &self.known.placed["Event"];
        let mapper = Mapper::new(Arc::clone(&placed.entity));
        let now = platform::clock::now();
        let step_us = over.as_micros() / i128::try_from(count)?;
        let facts = (0..count).map(|number| {
            let before = SignedDuration::from_micros(i64::try_from(step_us)? * i64::try_from(number)?);
            let event = json!({
                "time": (now - before).to_string(), "amount": number,
                "region": format!("r{}", number % REGIONS), "channel": format!("c{}", number % 7)
            });
            let fact = mapper.json(now, &event.to_string());
            fact.map_err(|rejection| anyhow::anyhow!("{rejection}"))
        });
        let batch = Batch::of(Uuid::now_v7(), facts.collect::<Result<Vec<_>>>()?);
        let began = Instant::now();
        let written = ingest::ingest(&self.sender, self.other, placed, "bench", &[batch], Effort::default()).await?;
        anyhow::ensure!(written[0].written == count, "facts are not written");
        Ok(began.elapsed())
    }
}

#[derive(Default)]
struct Times {
    questions: Vec<Duration>,
    batches: Vec<Duration>,
}

/// A client with an entity of a few groupings and a KPI.
async fn client(database: &TestDatabase, name: &str, groupings: &[&str]) -> Result<Uuid> {
    let new = records::clients::NewClient {
        name,
        time_zone: "UTC",
        calendar: series::calendar::Rules::default(),
        email: &format!("admin@{name}.example.com").parse()?,
        password_hash: "none",
        role: "admin",
    };
    let client = records::clients::provision(&database.owner, &new).await?.client;
    let definition: EntityDefinition = serde_json::from_value(json!({
        "code": "Event", "domain": "bench",
        "attributes": [
            { "name": "amount", "type": "decimal", "required": true },
            { "name": "region", "type": "text", "dimension": true },
            { "name": "channel", "type": "text", "dimension": true }],
        "groupings": groupings.iter().map(|name| json!({ "dimensions": [name] })).collect::<Vec<_>>()
    }))?;
    let entity = definition.validate();
    let entity = entity.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    definitions::create_entity(&database.app, client, &entity).await?;
    let mut kpi = KpiDefinition::named("TOTAL", "TOTAL");
    kpi.formula = "SUM(Event.amount)".to_owned();
    definitions::create_kpi(&database.app, client, &kpi).await?;
    Ok(client)
}
