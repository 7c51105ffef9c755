//! Upkeep of rollups: closed buckets move up (Apache edition), stale ranges are refreshed (Community edition).

mod apache;
mod community;
mod slices;

use std::time::{Duration, Instant};

use database::{Database, Edition, Error, Session};
use jiff::{SignedDuration, Timestamp};

use crate::groups::{clear_stopped, end_writing};
use crate::leftovers::{UPKEEP_LOCK, clear_leftovers};

/// Most statements that move up partials of one set in one run; the next run takes what is left. Each has some [`MAX_MOVED`] partials, so they take about a minute.
pub const MAX_SLICES: usize = 100;

/// Most partials that one statement moves, of however many entities: about half a second, and so long may a correction of one of them wait. What one entity
/// has beyond it is moved in slices of whole days that have no more, and a day that has more in slices of one grouping each. Only what one commit brought of
/// one minute is never cut: at most as many groups as a grouping may have.
pub const MAX_MOVED: i64 = 10_000;

/// Groups of one minute that are looked at before it is cut by commits: ten times what is too many, so what has too many is stopped and not moved.
pub const MAX_SAMPLE: i64 = 100_000;

/// Stale ranges that are in memory at once (Community edition): 10,000 of 60 bytes. A flood brings sixteen a commit.
pub const MAX_RANGES: i64 = 10_000;

/// How long a run begins with anything: the function has 300 s, and a statement takes seconds. Who was not reached has waited longest in the next run.
pub const MAX_RUN: Duration = Duration::from_secs(200);

/// Longest that one statement of the upkeep may take: sixty times what it should, and three of them are less than the function has left after [`MAX_RUN`].
pub const MAX_STATEMENT_TIME: Duration = Duration::from_secs(30);

/// How long a run clears what was left behind at least, however long it has moved up before.
const CLEARING: Duration = Duration::from_secs(10);

/// How long what was known before is kept: partials that were moved up, facts that were replaced, and the times of commits.
pub const HISTORY: SignedDuration = SignedDuration::from_hours(35 * 24);

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Partial rows that were moved up (Apache edition).
    pub moved: i64,
    /// Stale ranges that were refreshed (Community edition).
    pub refreshed: u64,
    /// Entities that were not reached, or failed: they have their turn in the next run.
    pub left: usize,
}

/// Runs the upkeep of all rollups once; what is open at `now` stays where it is.
///
/// # Errors
/// When a statement fails; what was done before stays done, and nothing is half done.
pub async fn run(database: &Database, now: Timestamp) -> Result<Upkeep, Error> {
    run_until(database, now, Instant::now() + MAX_RUN).await
}

/// As [`run`], for as long as that.
///
/// # Errors
/// As [`run`].
pub async fn run_until(database: &Database, now: Timestamp, until: Instant) -> Result<Upkeep, Error> {
    let upkeep = async |session: &Session| {
        let mut failures = Failures::default();
        let done = match session.edition().await? {
            Edition::Apache => Box::pin(apache::move_up(session, now, until, &mut failures)).await,
            Edition::Community => Box::pin(community::refresh(session, until, &mut failures)).await,
        };
        // What fails for some keeps nothing else from being done.
        let done = failures.note(done)?.unwrap_or_default();
        session.limit_statements(MAX_STATEMENT_TIME).await?;
        clear(session, now, until, &mut failures).await?;
        failures.0.map_or(Ok(done), Err)
    };
    // One run at a time: a second one returns at once.
    Ok(database.alone(UPKEEP_LOCK, upkeep).await?.unwrap_or_default())
}

/// The upkeep of what is kept no longer.
async fn clear(session: &Session, now: Timestamp, until: Instant, failures: &mut Failures) -> Result<(), Error> {
    failures.note(end_writing(session, now).await)?;
    let until = until.max(Instant::now() + CLEARING);
    failures.note(clear_leftovers(session, now, until).await)?;
    failures.note(clear_stopped(session, now, until).await)?;
    let before = now.checked_sub(HISTORY).unwrap_or(Timestamp::MIN);
    let forget = session.execute("SELECT core.forget_history($1)", &[&before]).await;
    failures.note(forget).map(drop)
}

/// The first failure of a run that goes on with everything else.
#[derive(Default)]
struct Failures(Option<Error>);

impl Failures {
    /// What was done; nothing where a statement failed for itself.
    ///
    /// # Errors
    /// When the server, or the way to it, is at fault: then nothing else succeeds.
    fn note<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.is_of_statement() => {
                self.0.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
