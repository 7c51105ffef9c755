//! What is done to the product meanwhile: functions are killed, the whole cloud and its database once, and definitions change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use tests::product::{CloudProcess, signal};

use crate::shape::MAX_ADDED;
use crate::world::{QUIET, Side, Tried, World, of_status};

/// Functions that are killed. A file whose function is killed is taken up again after 16 minutes, or by the next cloud: `load-files` is spared once
/// there is none to come.
const KILLED: [&str; 4] = ["ingest-events", PUBLISHER, "compact-rollups", "load-files"];
const PUBLISHER: &str = "push-updates";

/// The longest pause between two kills.
const KILL_PAUSE_MS: u64 = 6_000;

/// What is not left out, and where the cloud is.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) lasts: Duration,
    pub(crate) state: PathBuf,
    pub(crate) database_url: Option<String>,
    pub(crate) kills_functions: bool,
    pub(crate) restarts: bool,
    pub(crate) kills_database: bool,
    pub(crate) changes_definitions: bool,
}

/// How often what was ended.
pub(crate) type Kills = BTreeMap<&'static str, u32>;

/// Ends one thing after another, until the run is over. The cloud that runs then is given back.
pub(crate) async fn kill(
    world: Arc<World>,
    plan: Plan,
    mut cloud: CloudProcess,
    mut rng: Rng,
) -> Result<(CloudProcess, Kills)> {
    let (began, mut kills) = (Instant::now(), Kills::new());
    let mut restart_due = plan.restarts.then_some(plan.lasts / 2);
    let mut database_due = plan.kills_database.then_some(plan.lasts * 3 / 4);
    loop {
        world.pause(Duration::from_millis(rng.u64(500..KILL_PAUSE_MS))).await;
        if world.is_over() {
            return Ok((cloud, kills));
        }
        let killed = if restart_due.take_if(|due| began.elapsed() >= *due).is_some() {
            cloud = restart(&world, &plan, cloud).await;
            Some("cloud")
        } else if database_due.take_if(|due| began.elapsed() >= *due).is_some() {
            kill_database(&world, &plan.state).await?;
            Some("database")
        } else if plan.kills_functions {
            let spared = usize::from(restart_due.is_none());
            let function = KILLED[rng.usize(..KILLED.len() - spared)];
            let killed = kill_function(&plan.state, function, &mut rng).then_some(function);
            if killed == Some(PUBLISHER) {
                world.publisher_ended();
            }
            killed
        } else {
            None
        };
        if let Some(killed) = killed {
            *kills.entry(killed).or_default() += 1;
        }
    }
}

/// Kills everything but the database server, which the next cloud ends, and starts it again over the same state.
async fn restart(world: &World, plan: &Plan, cloud: CloudProcess) -> CloudProcess {
    let from = Instant::now();
    cloud.kill().await;
    let (cloud, product) = CloudProcess::start(&plan.state, plan.database_url.as_deref(), &[]).await;
    world.restarted(product).await;
    world.was_away(from, Instant::now());
    cloud
}

async fn kill_database(world: &World, state: &Path) -> Result<()> {
    let killed = postmaster(state)?;
    let from = Instant::now();
    signal("KILL", killed)?;
    let side = &world.sides[QUIET];
    let again = || async {
        anyhow::ensure!(postmaster(state)? != killed, "the database is not started again");
        let answer = side.user().get("/v1/kpis/PROBES/value?period=day").try_send().await?;
        anyhow::ensure!(answer.status == 200, "{answer}");
        Ok(Tried::Done(()))
    };
    world.insist("the database after its kill", again).await?;
    world.was_away(from, Instant::now());
    Ok(())
}

/// The process of the server that the local cloud has started.
fn postmaster(state: &Path) -> Result<u32> {
    let notes = std::fs::read_to_string(state.join("postgres-data/17/postmaster.pid")).context("no database runs")?;
    let process = notes.lines().next().context("the notes of the database are empty")?;
    Ok(process.trim().parse()?)
}

/// Kills one of a function's processes, if there is one.
fn kill_function(state: &Path, function: &str, rng: &mut Rng) -> bool {
    let processes = processes();
    let is_cloud = |process: &&Process| {
        process.is("local-cloud") && process.arguments.iter().any(|argument| Path::new(argument) == state)
    };
    let Some(cloud) = processes.iter().find(is_cloud) else {
        return false;
    };
    let own = |process: &&Process| process.parent == cloud.id && process.is(function);
    let running: Vec<&Process> = processes.iter().filter(own).collect();
    // It may end by itself in between.
    rng.choice(running)
        .is_some_and(|process| signal("KILL", process.id).is_ok())
}

struct Process {
    id: u32,
    parent: u32,
    arguments: Vec<String>,
}

impl Process {
    fn is(&self, name: &str) -> bool {
        let program = self.arguments.first().map(Path::new);
        program.and_then(Path::file_name).is_some_and(|program| program == name)
    }
}

/// All processes whose parent can be read.
fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(process).collect()
}

fn process(id: u32) -> Option<Process> {
    let status = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // After the name, which is in parentheses and may hold anything: state, then parent.
    let parent = status.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
    let line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let arguments = line
        .split(|byte| *byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned());
    Some(Process {
        id,
        parent,
        arguments: arguments.collect(),
    })
}

/// Adds dimensions and groupings to entities of the clients that flood, one after another.
pub(crate) async fn change_definitions(world: Arc<World>, plan: Plan, mut rng: Rng) -> Result<u32> {
    let mut changes = 0;
    let all = u32::try_from(QUIET * 2 * MAX_ADDED)?;
    while changes < all && plan.changes_definitions {
        world.pause(plan.lasts / (all + 1)).await;
        if world.is_over() {
            break;
        }
        let side = &world.sides[rng.usize(..QUIET)];
        changes += u32::from(add_dimension(&world, side, rng.usize(..2)).await?);
    }
    Ok(changes)
}

async fn add_dimension(world: &World, side: &Side, entity: usize) -> Result<bool> {
    let shape = &side.shapes[entity];
    let Some(definition) = shape.definition_with_more() else {
        return Ok(false);
    };
    let path = format!("/v1/entities/{}", shape.code);
    let put = || async {
        let answer = side.user().put(&path, &definition).if_match("*").try_send().await?;
        Ok(match answer.status {
            // It lost against a grouping that became readable.
            409 | 412 => Tried::Later(Duration::from_millis(500)),
            _ => of_status(answer, 200),
        })
    };
    world
        .insist(&format!("PUT {path} of the {} client", side.name), put)
        .await?;
    shape.has_more();
    Ok(true)
}
