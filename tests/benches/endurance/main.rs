//! `make endurance MINUTES=10`: clients with clashing definitions flood, correct, drop files and change what they have defined, while functions, the
//! whole cloud and its database are killed. In the end every event that was accepted is accounted for, and every number is compared with plain SQL over
//! the facts and with the generator's own bookkeeping.
//!
//! Every request has an `Idempotency-Key` and is sent until it is accepted, so that the bookkeeping knows what must count. What is drawn at random is
//! drawn from the seed; when something happens to it is the machine's doing.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints figures, none of which is near 2^52"
)]

mod books;
mod disturb;
mod fates;
mod numbers;
mod probe;
mod senders;
mod shape;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use tests::databases::{TestDatabase, connect};
use tests::figures::{self, Target};
use tests::product::CloudProcess;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use self::disturb::{Kills, Plan};
use self::probe::Probe;
use self::world::{QUIET, World};

/// The longest run: a token is good for an hour, and had anew in the middle.
const MAX_MINUTES: u64 = 110;
/// The share of the run in which nothing but the probes is at work.
const QUIET_SHARE: u32 = 8;
/// Lanes of corrections of each client.
const LANES: u32 = 3;
/// Differences that are shown; all are counted.
const SHOWN: usize = 20;

const USAGE: &str =
    "usage: endurance [--minutes N] [--seed N] [--server URL] [--without functions|restart|database|definitions]...";

struct Settings {
    minutes: u64,
    seed: u64,
    /// A server to make a database on, instead of one of the cloud's own, which alone can be killed.
    server: Option<String>,
    without: Vec<String>,
}

impl Settings {
    fn read() -> Result<Self> {
        let mut settings = Self {
            minutes: 10,
            seed: fastrand::u64(..1_000_000),
            server: None,
            without: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            // Cargo's own.
            if argument == "--bench" {
                continue;
            }
            let value = arguments.next().context(USAGE)?;
            match argument.as_str() {
                "--minutes" => settings.minutes = value.parse().context(USAGE)?,
                "--seed" => settings.seed = value.parse().context(USAGE)?,
                "--server" => settings.server = Some(value),
                "--without" => settings.without.push(value),
                _ => bail!(USAGE),
            }
        }
        ensure!(
            (1..=MAX_MINUTES).contains(&settings.minutes),
            "a run takes 1 to {MAX_MINUTES} minutes"
        );
        Ok(settings)
    }

    fn has(&self, disturbance: &str) -> bool {
        !self.without.iter().any(|without| without == disturbance)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::read()?;
    println!("{} minutes, --seed {}", settings.minutes, settings.seed);
    let state = std::env::temp_dir().join(format!("analytics-engine-endurance-{}", Uuid::now_v7().simple()));
    std::fs::create_dir(&state)?;
    let database = match &settings.server {
        Some(server) => Some(TestDatabase::create(server).await?),
        None => None,
    };
    let url = database.as_ref().map(|database| database.url.clone());
    let problems = Box::pin(run(&settings, state.clone(), url)).await?;
    figures::print_with_target("endurance.problems", problems as f64, Target::AtMost(0.0));
    // What is wrong is looked into where it is.
    ensure!(
        problems == 0,
        "numbers are wrong or events are lost: the state is kept in {}",
        state.display()
    );
    std::fs::remove_dir_all(&state)?;
    match database {
        Some(database) => database.drop_it().await,
        None => Ok(()),
    }
}

/// Runs, checks, and says how many problems there are.
async fn run(settings: &Settings, state: PathBuf, database_url: Option<String>) -> Result<usize> {
    let (cloud, product) = CloudProcess::start(&state, database_url.as_deref(), &[]).await;
    let world = Arc::new(World::make(product).await);
    let lasts = Duration::from_secs(settings.minutes * 60);
    let plan = Plan {
        lasts: lasts - lasts / QUIET_SHARE,
        state,
        kills_functions: settings.has("functions"),
        restarts: settings.has("restart"),
        kills_database: settings.has("database") && database_url.is_none(),
        changes_definitions: settings.has("definitions"),
        database_url,
    };
    let mut rng = Rng::with_seed(settings.seed);
    let probes: Vec<Arc<Probe>> = world.sides.iter().map(|_| Arc::default()).collect();
    let mut tasks = JoinSet::new();
    probe_all(&world, &probes, &mut tasks, &mut rng);
    let dashboards = watch_all(&world, &probes);
    tokio::time::sleep(lasts / QUIET_SHARE).await;
    let disturbed_from = Instant::now();
    send_all(&world, &mut tasks, &mut rng);
    let until = disturbed_from + plan.lasts;
    let changes = tokio::spawn(disturb::change_definitions(world.clone(), plan.clone(), rng.fork()));
    let kills = tokio::spawn(disturb::kill(world.clone(), plan, cloud, rng.fork()));
    tokio::time::sleep_until(until).await;
    world.end();
    println!("the time is over: what is under way is waited for");
    let mut problems = finished(tasks).await;
    drop(dashboards);
    match changes.await? {
        Ok(changes) => figures::print("endurance.definitions_changed", f64::from(changes)),
        Err(error) => problems.push(format!("{error:#}")),
    }
    // Without a cloud nothing can be checked.
    let (cloud, kills) = kills.await??;
    problems.extend(check(&world).await?);
    probe::print(&world, &probes, disturbed_from);
    print(&world, &kills, &problems);
    ensure!(cloud.interrupt().await.success(), "the cloud did not end well");
    Ok(problems.len())
}

fn print(world: &World, kills: &Kills, problems: &[String]) {
    for (what, times) in kills {
        figures::print(&format!("endurance.kills_of_{what}"), f64::from(*times));
    }
    for (from, to) in world.outages() {
        figures::print("endurance.all_were_away_s", (to - from).as_secs_f64());
    }
    // Of many, some of each kind.
    for problem in problems.iter().step_by(problems.len().div_ceil(SHOWN).max(1)) {
        println!("problem: {problem}");
    }
}

type Tasks = JoinSet<Result<()>>;

fn probe_all(world: &Arc<World>, probes: &[Arc<Probe>], tasks: &mut Tasks, rng: &mut Rng) {
    for (side, probe) in world.sides.iter().zip(probes) {
        let shared = || (Arc::clone(world), Arc::clone(side), Arc::clone(probe));
        let (world, side, probe) = shared();
        tasks.spawn(probe::read(world, side, probe));
        let (world, side, probe) = shared();
        tasks.spawn(probe::events(world, side, probe, rng.fork()));
        let (_, side, probe) = shared();
        tasks.spawn(probe::rows(side, probe));
    }
}

/// Dashboards of all clients, until they are dropped.
fn watch_all(world: &Arc<World>, probes: &[Arc<Probe>]) -> JoinSet<()> {
    let mut dashboards = JoinSet::new();
    for (side, probe) in world.sides.iter().zip(probes) {
        let (world, side, probe) = (Arc::clone(world), Arc::clone(side), Arc::clone(probe));
        dashboards.spawn(probe::watch(world, side, probe));
    }
    dashboards
}

fn send_all(world: &Arc<World>, tasks: &mut Tasks, rng: &mut Rng) {
    for side in &world.sides[..QUIET] {
        let shared = || (Arc::clone(world), Arc::clone(side));
        let (flooding, by) = shared();
        tasks.spawn(senders::flood(flooding, by, rng.fork()));
        let (dropping, by) = shared();
        tasks.spawn(senders::drop_files(dropping, by, rng.fork()));
        for lane in 0..LANES {
            let (world, side) = shared();
            tasks.spawn(senders::correct(world, side, lane, rng.fork()));
        }
    }
}

/// Waits for all, and says what went wrong.
async fn finished(mut tasks: Tasks) -> Vec<String> {
    let mut problems = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => problems.push(format!("{error:#}")),
            Err(error) => problems.push(error.to_string()),
        }
    }
    problems
}

/// The fate of every event, and every number.
async fn check(world: &World) -> Result<Vec<String>> {
    let plain = connect(&world.product().database.url).await?;
    let mut problems = Vec::new();
    for side in &world.sides {
        let account = fates::settle(world, side).await?;
        let compared = numbers::compare(world, side, &plain).await?;
        let print = |what: &str, value: usize| figures::print(&format!("endurance.{}_{what}", side.name), value as f64);
        print("events_sent", account.sent);
        print("events_accepted", account.accepted);
        print("facts", compared.facts);
        print("dead_letters", account.rejected);
        print("numbers_compared", compared.numbers);
        let none = |what: &str, value: usize| {
            figures::print_with_target(
                &format!("endurance.{}_{what}", side.name),
                value as f64,
                Target::AtMost(0.0),
            );
        };
        none("events_lost", account.lost);
        none("numbers_wrong", compared.differences.len());
        problems.extend(account.problems);
        problems.extend(compared.differences);
    }
    Ok(problems)
}
