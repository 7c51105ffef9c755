//! The engine, asked as its functions ask it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use answer::Asking;
use anyhow::{Context as _, Result};
use catalog::{KpiDefinition, Mode, Period};
use database::Database;
use jiff::Timestamp;
use records::definitions::{self, ClientCatalog};
use series::plan::Filter;
use series::{Calendar, Point, Range, Request, SeriesKey};
use tests::figures::{self, Target};
use tests::product::Product;
use tests::required;
use uuid::Uuid;

use super::kpis::{FROM, Group, Kpi, TO};
use super::{Asked, WARM, median};

/// The flights of the file.
const FLIGHTS: u64 = 3_000_000;

/// How long a file of flights may take to be loaded.
const LOAD_LIMIT: Duration = Duration::from_secs(600);

/// All facts count.
static NO_FILTER: Filter = Filter::new();

/// The most that compiling and planning a formula may take.
const PLAN_LIMIT_MS: f64 = 1.0;

const ENTITIES: &str = include_str!("../../../infra/local/demo/entities.json");

/// The demo's entity with the sketches that the KPIs need, which are kept by hour.
fn flight() -> Result<serde_json::Value> {
    let mut entities: Vec<serde_json::Value> = serde_json::from_str(ENTITIES)?;
    let mut flight = entities.drain(..).next().context("the demo has no entity")?;
    for (name, sketch) in [("delay", "percentiles"), ("destination", "distinct")] {
        let attributes = flight["attributes"].as_array_mut().into_iter().flatten();
        attributes
            .filter(|attribute| attribute["name"] == name)
            .for_each(|attribute| attribute["sketches"] = serde_json::json!([sketch]));
    }
    let groupings = flight["groupings"].as_array_mut().into_iter().flatten();
    groupings
        .filter(|grouping| grouping["finest"] == "day")
        .for_each(|grouping| grouping["finest"] = "hour".into());
    Ok(flight)
}

/// A client with the flights and the KPIs, once no rollup has anything left to move.
pub(crate) async fn load(product: &Product, kpis: &[Kpi]) -> Result<Uuid> {
    let airline = product.client().await;
    airline.post("/v1/entities", &flight()?).await.created();
    let count = serde_json::json!({ "code": "FLIGHTS", "name": "Flights", "formula": "COUNT(Flight)" });
    airline.post("/v1/kpis", &count).await.created();
    let file = std::fs::read(required("FACTS_FILE"))?;
    product.drop_file(&airline, "Flight/flights.parquet", file).await;
    wait_for(product, airline.client, FLIGHTS).await?;
    for kpi in kpis {
        let mut definition = KpiDefinition::named(&kpi.code, &kpi.code);
        definition.formula.clone_from(&kpi.formula);
        if kpi.group == Group::Approximate {
            definition.mode = Mode::Approximate;
        }
        let written = definitions::create_kpi(&product.database.app, airline.client, &definition).await?;
        let is_stored = matches!(written, definitions::Written::Stored(_));
        anyhow::ensure!(is_stored, "{}: {written:?}", kpi.formula);
    }
    Ok(airline.client)
}

/// How long the long work may take to make their sketches: it rests for four times as long as it works.
const SKETCH_LIMIT: Duration = Duration::from_secs(1_800);

/// How long it is gone on with before it is looked at again.
const WORK: Duration = Duration::from_secs(20);

/// Waits until all sketches of a client are made, going on with the long work: a run of the product's own begins every minute, and is at it as well.
async fn wait_for_sketches(product: &Product, client: Uuid) -> Result<()> {
    let began = Instant::now();
    let owner = &product.database.owner;
    let find = async |client: Uuid, entity: i32| {
        let known = definitions::load_one(owner, client).await?;
        let found = known.and_then(|known| known.placed.values().find(|placed| placed.place.id == entity).cloned());
        Ok::<_, database::Error>(found)
    };
    let plain = product.database.plain().await?;
    loop {
        let sql = "SELECT count(*) FROM core.unsketched WHERE client_id = $1";
        let due: i64 = plain.query_one(sql, &[&client]).await?.get(0);
        if due == 0 {
            return Ok(());
        }
        anyhow::ensure!(
            began.elapsed() < SKETCH_LIMIT,
            "{due} notes of hours without sketches are left"
        );
        facts::work::run(owner, find, Instant::now() + WORK).await?;
        // What it leaves is being made by the product, or waits for its turn.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Waits until a client has so many flights, and all sketches of them, and moves them up and analyses their tables then.
pub(crate) async fn wait_for(product: &Product, client: Uuid, flights: u64) -> Result<()> {
    let began = Instant::now();
    let known = known(&product.database.app, client).await?;
    let range = Range {
        from: "2000-01-01T00:00:00Z".parse()?,
        to: "2004-01-01T00:00:00Z".parse()?,
    };
    loop {
        let found = ask(
            &product.database.app,
            client,
            &known,
            "FLIGHTS",
            range,
            Period::Year,
            &known.calendar,
        )
        .await?;
        if found.values().sum::<f64>() >= flights as f64 {
            break;
        }
        anyhow::ensure!(
            began.elapsed() < LOAD_LIMIT,
            "{flights} flights are not loaded: {found:?}"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    facts::compact::run(&product.database.owner, platform::clock::now()).await?;
    wait_for_sketches(product, client).await?;
    product
        .database
        .plain()
        .await?
        .batch_execute("VACUUM (ANALYZE)")
        .await?;
    Ok(())
}

pub(crate) async fn known(database: &Database, client: Uuid) -> Result<ClientCatalog> {
    let known = definitions::load_one(database, client).await?;
    known.context("the client is gone")
}

/// Each KPI by day, on a new pool of connections.
pub(crate) async fn ask_all(product: &Product, client: Uuid, kpis: &[Kpi]) -> Result<Vec<Asked>> {
    let database = Database::new(&product.database.url, "analytics_app")?;
    let known = known(&database, client).await?;
    let range = Range {
        from: format!("{FROM}T00:00:00Z").parse()?,
        to: format!("{TO}T00:00:00Z").parse()?,
    };
    let mut all = Vec::with_capacity(kpis.len());
    for kpi in kpis {
        let mut times = Vec::with_capacity(WARM);
        let (mut cold_s, mut days) = (0.0, BTreeMap::new());
        for time in 0..=WARM {
            let began = Instant::now();
            days = ask(
                &database,
                client,
                &known,
                &kpi.code,
                range,
                Period::Day,
                &known.calendar,
            )
            .await?;
            let took_s = began.elapsed().as_secs_f64();
            if time == 0 {
                cold_s = took_s;
            } else {
                times.push(took_s);
            }
        }
        all.push(Asked {
            cold_s,
            warm_s: median(times)?,
            days,
        });
    }
    Ok(all)
}

/// Seconds that it takes to ask the KPIs of a group by day, all at once: the first time, on a new pool of connections, and the median of the next ones. What is
/// answered is what each by itself was.
pub(crate) async fn ask_together(product: &Product, client: Uuid, kpis: &[&Kpi], alone: &[&Asked]) -> Result<[f64; 2]> {
    let database = Database::new(&product.database.url, "analytics_app")?;
    let known = known(&database, client).await?;
    let range = Range {
        from: format!("{FROM}T00:00:00Z").parse()?,
        to: format!("{TO}T00:00:00Z").parse()?,
    };
    let kpi = |kpi: &&Kpi| known.catalog.kpi(&kpi.code).context("there is no such KPI");
    let kpis: Vec<_> = kpis.iter().map(kpi).collect::<Result<_>>()?;
    let (mut cold_s, mut times) = (0.0, Vec::with_capacity(WARM));
    for time in 0..=WARM {
        let began = Instant::now();
        let questions = kpis.iter().map(|kpi| Asking {
            calendar: &known.calendar,
            requests: vec![Request {
                kpi,
                period: Period::Day,
                range,
                filter: &NO_FILTER,
                by: &[],
                now: Timestamp::MAX,
            }],
        });
        let questions: Vec<Asking<'_>> = questions.collect();
        let answers = answer::ask_many(&database, client, &known, &questions).await?;
        let took_s = began.elapsed().as_secs_f64();
        for ((answer, alone), kpi) in answers.into_iter().zip(alone).zip(&kpis) {
            let together = answer.map_err(|refused| anyhow::anyhow!(refused))?;
            let points = together.points.into_iter().next().unwrap_or_default();
            anyhow::ensure!(days(points) == alone.days, "{} is another number alone", kpi.code());
        }
        if time == 0 {
            cold_s = took_s;
        } else {
            times.push(took_s);
        }
    }
    Ok([cold_s, median(times)?])
}

/// A KPI's values by the dates of its buckets.
pub(crate) async fn ask(
    database: &Database,
    client: Uuid,
    known: &ClientCatalog,
    code: &str,
    range: Range,
    period: Period,
    calendar: &Calendar,
) -> Result<BTreeMap<String, f64>> {
    let request = Request {
        kpi: known.catalog.kpi(code).context("there is no such KPI")?,
        period,
        range: calendar.align(period, range),
        filter: &Filter::new(),
        by: &[],
        now: Timestamp::MAX,
    };
    let answer = answer::ask(database, client, known, calendar, &request).await?;
    Ok(days(answer.points))
}

fn days(points: BTreeMap<SeriesKey, Point>) -> BTreeMap<String, f64> {
    let value = |(key, point): (SeriesKey, Point)| {
        let day = key.0.strftime("%Y-%m-%d").to_string();
        point.value.map(|value| (day, value.to_float()))
    };
    points.into_iter().filter_map(value).collect()
}

/// The calendar of a zone.
pub(crate) fn calendar(zone: &str) -> Result<Calendar> {
    Calendar::of(zone).with_context(|| format!("there is no zone {zone}"))
}

/// What it takes to compile each formula and to plan its question.
pub(crate) async fn plan_all(product: &Product, client: Uuid, kpis: &[Kpi]) -> Result<()> {
    let known = known(&product.database.app, client).await?;
    let range = Range {
        from: format!("{FROM}T00:00:00Z").parse()?,
        to: format!("{TO}T00:00:00Z").parse()?,
    };
    let mut slowest_ms: f64 = 0.0;
    for kpi in kpis {
        let mut definition = KpiDefinition::named(&kpi.code, &kpi.code);
        definition.formula.clone_from(&kpi.formula);
        let mut times = Vec::with_capacity(WARM);
        for _ in 0..WARM {
            let definition = definition.clone();
            let began = Instant::now();
            let kpi = definition.validate(&known.catalog);
            let kpi = kpi.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
            let request = Request {
                kpi: &kpi,
                period: Period::Day,
                range,
                filter: &Filter::new(),
                by: &[],
                now: Timestamp::MAX,
            };
            let entity = |code: &str| known.placed.get(code).map(|placed| &placed.readable);
            let relationship = |entity: &str, attribute: &str| known.catalog.relationship_of(entity, attribute);
            let planned = series::plan(&request, &known.calendar, entity, relationship);
            planned.map_err(|refused| anyhow::anyhow!(refused))?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        slowest_ms = slowest_ms.max(median(times)?);
    }
    figures::print_with_target(
        "calculate.compile_and_plan_slowest_ms",
        slowest_ms,
        Target::AtMost(PLAN_LIMIT_MS),
    );
    Ok(())
}
