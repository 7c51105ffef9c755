//! Long work: fillings, moves, changes and sketches go on a step at a time, so that nobody feels them.
//!
//! They take turns by when they were last tried, so what takes long or fails keeps nothing else from its turn in the next run.
//!
//! Who asks or sends meets a step only while it runs, and after each one the work rests for many times as long as it took. So what is done
//! is far from where a client's slowest twentieth of answers is decided.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use database::{Database, Error};
use jiff::Timestamp;
use uuid::Uuid;

use crate::changes::{self, Change};
use crate::fill::{self, Filling};
use crate::moves::{self, Move};
use crate::place::Placed;
use crate::sketches::{self, Sketching};

/// Longest that a step of a move may take, and each statement of a step of a filling, waiting included: less than a run has left after its time. Where one bucket takes longer, its grouping can't be filled.
pub(crate) const MAX_STEP_TIME: Duration = Duration::from_secs(30);

/// For how many times as long as a step took the work rests before the next. One question in thirty meets a step, which is fewer than the slowest twentieth,
/// so the p95 of others stays.
const REST: u32 = 29;

/// The same of changes: a batch of a million facts, which is 100 steps of a second, is undone within ten minutes, and the other half and more of the time is its
/// entity's.
const REST_OF_CHANGES: u32 = 4;

/// What follows on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// A rest, then the next step.
    Rest,
    /// The next step at once: little is left, and more would come meanwhile.
    Next,
    /// Nothing: it is done.
    Done,
}

/// Work that goes on.
enum Job {
    Filling(Filling),
    Move(Move),
    Change(Change),
    Sketching(Sketching),
}

impl Job {
    const fn of(&self) -> (Uuid, i32) {
        match self {
            Self::Filling(filling) => (filling.client_id, filling.entity_id),
            Self::Move(moving) => (moving.client_id, moving.entity_id),
            Self::Change(change) => (change.client_id, change.entity_id),
            Self::Sketching(sketching) => (sketching.client_id, sketching.entity_id),
        }
    }

    /// When it was last tried, or began.
    const fn turn(&self) -> Timestamp {
        match self {
            Self::Filling(filling) => filling.turn,
            Self::Move(moving) => moving.turn,
            Self::Change(change) => change.turn,
            Self::Sketching(sketching) => sketching.turn,
        }
    }

    async fn tried(&self, database: &Database) -> Result<(), Error> {
        match self {
            Self::Filling(filling) => fill::tried(database, filling).await,
            Self::Move(moving) => moves::tried(database, moving).await,
            Self::Change(change) => changes::tried(database, change).await,
            Self::Sketching(sketching) => sketches::tried(database, sketching).await,
        }
    }

    /// Counts a failure of its own, such as a step that takes too long; a server that can't be reached is none.
    async fn failed(&self, database: &Database, cause: &Error) -> Result<(), Error> {
        match self {
            _ if !cause.is_of_statement() => Ok(()),
            Self::Filling(filling) => fill::failed(database, filling, &cause.kind()).await,
            Self::Move(moving) => moves::told(database, moving, Some(&cause.to_string())).await,
            Self::Change(change) => changes::told(database, change, Some(&cause.kind())).await,
            Self::Sketching(sketching) => sketches::failed(database, sketching, &cause.kind()).await,
        }
    }

    async fn recovered(&self, database: &Database) -> Result<(), Error> {
        match self {
            Self::Filling(filling) if filling.failures > 0 => fill::recovered(database, filling).await,
            Self::Move(moving) if moving.failures > 0 => moves::told(database, moving, None).await,
            Self::Change(change) if change.failures > 0 => changes::told(database, change, None).await,
            _ => Ok(()),
        }
    }

    async fn step(&self, database: &Database, placed: &Placed) -> Result<After, Error> {
        match self {
            Self::Filling(filling) => fill::step(database, placed, filling).await,
            Self::Move(moving) => Box::pin(moves::step(database, placed, moving)).await,
            Self::Change(change) => {
                let after = Box::pin(changes::step(database, placed, change, changes::Pace::LONG)).await?;
                Ok(after.unwrap_or(After::Rest))
            }
            Self::Sketching(sketching) => Box::pin(sketches::step(database, placed, sketching)).await,
        }
    }

    /// For how many times as long as a step took the work rests. Somebody waits for a change, and what it takes out is wrong until then.
    const fn rest(&self) -> u32 {
        match self {
            Self::Filling(_) | Self::Move(_) => REST,
            // Nor is an hour cheap to read until it has its sketches.
            Self::Change(_) | Self::Sketching(_) => REST_OF_CHANGES,
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Groupings that became whole.
    pub filled: usize,
    /// Entities that are where they were to be moved.
    pub moved: usize,
    /// Undone batches, replaced files and deletions that are done.
    pub changed: usize,
}

/// Goes on with all long work, one step of each client's in turn, until all is done or `until` has come. `find` tells where a client's entity is. What fails
/// keeps nothing else waiting; the next run tries it again.
///
/// # Errors
/// When what there is to do can't be read.
pub async fn run(
    database: &Database,
    find: impl AsyncFn(Uuid, i32) -> Result<Option<Placed>, Error>,
    until: Instant,
) -> Result<Worked, Error> {
    let (mut worked, mut failed) = (Worked::default(), Vec::new());
    loop {
        let jobs = jobs(database, &failed).await?;
        if jobs.is_empty() {
            return Ok(worked);
        }
        for job in &jobs {
            if Instant::now() >= until {
                return Ok(worked);
            }
            let began = Instant::now();
            let after = match turn(database, &find, job).await {
                Ok(after) => after,
                Err(cause) => {
                    let is_kept = has_failed(database, job, &cause).await;
                    // Only an hour of its sketches waits, as is known from then on.
                    if !(is_kept && matches!(job, Job::Sketching(_))) {
                        failed.push(job.of().1);
                    }
                    After::Rest
                }
            };
            match (after, job) {
                (After::Done, Job::Filling(_)) => worked.filled += 1,
                (After::Done, Job::Move(_)) => worked.moved += 1,
                (After::Done, Job::Change(_)) => worked.changed += 1,
                (After::Done, Job::Sketching(_)) | (After::Rest | After::Next, _) => {}
            }
            if after != After::Next {
                let rest = began.elapsed() * job.rest();
                tokio::time::sleep(rest.min(until.saturating_duration_since(Instant::now()))).await;
            }
        }
    }
}

/// Whether its failure is kept.
async fn has_failed(database: &Database, job: &Job, cause: &Error) -> bool {
    let (client, entity) = job.of();
    tracing::error!(%client, entity, %cause, "long work can't go on");
    let kept = job.failed(database, cause).await;
    if let Err(cause) = &kept {
        tracing::error!(%client, entity, %cause, "a failure of long work can't be kept");
    }
    kept.is_ok() && cause.is_of_statement()
}

/// The one of each client whose turn it is, those first that were tried longest ago. Entities whose work failed in this run keep no other of their client from
/// going on.
async fn jobs(database: &Database, failed: &[i32]) -> Result<Vec<Job>, Error> {
    let session = database.session().await?;
    let fillings = fill::next_of_each(&session, failed).await?;
    let moves = moves::next_of_each(&session, failed).await?;
    let fillings = fillings.into_iter().map(Job::Filling);
    let changes = changes::next_of_each(&session, failed).await?;
    let others = moves
        .into_iter()
        .map(Job::Move)
        .chain(changes.into_iter().map(Job::Change));
    let sketchings = sketches::next_of_each(&session, failed).await?;
    let sketchings = sketchings.into_iter().map(Job::Sketching);
    let mut jobs: Vec<Job> = fillings.chain(others).chain(sketchings).collect();
    jobs.sort_by_key(Job::turn);
    let mut clients = BTreeSet::new();
    jobs.retain(|job| clients.insert(job.of().0));
    Ok(jobs)
}

async fn turn(
    database: &Database,
    find: &impl AsyncFn(Uuid, i32) -> Result<Option<Placed>, Error>,
    job: &Job,
) -> Result<After, Error> {
    let (client, entity) = job.of();
    job.tried(database).await?;
    let Some(placed) = find(client, entity).await? else {
        // Its client goes just now.
        return Ok(After::Rest);
    };
    match job.step(database, &placed).await {
        // Its definition was changed just now: the next turn knows the new one.
        Err(Error::DefinitionChanged(_)) => Ok(After::Rest),
        Err(error) if error.is_conflict() => Ok(After::Rest),
        Ok(After::Done) => Ok(After::Done),
        Ok(after) => {
            job.recovered(database).await?;
            Ok(after)
        }
        result => result,
    }
}
