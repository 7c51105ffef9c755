//! Changes: facts that are taken out again, with those put back or in that take their place, in steps of bounded size.
//!
//! A change is a row. It takes out the facts of batches (an undo, a file that another one replaces) or those that a filter finds (a deletion), puts back what an
//! earlier change has taken out or what the facts of a keyed entity had replaced, and puts in what was kept aside. Each step is a transaction of the entity's
//! writers: it goes through the facts by their time, keeps what it takes out among the replaced ones, and counts the touched buckets anew from the facts, as
//! corrections by key do. So rollups equal facts after each step, every bucket of time is either as it was or as it will be, and a kill costs one step. (Only a
//! minute of more than [`MAX_MINUTE`] facts is several steps.) A step has a number as every commit has: what was known before is a comparison of numbers.

pub mod aside;
mod begin;
pub mod deletion;
mod done;
mod keys;
mod put_back;
mod steps;
mod taking;

use std::time::{Duration, Instant};

use database::{Database, Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::keyed::MAX_WRITE_TIME;
use crate::place::Placed;
use crate::work::After;

pub use begin::{InTheWay, begin, in_the_way};
pub(crate) use steps::step;

/// Facts of one step, taken out, put back and put in each: less than a second of the server, and so long a batch of the same entity may wait.
pub const MAX_STEP: usize = 10_000;

/// Facts of one minute, taken out, put back and put in each, that are one step while a request or a file waits for it: some seconds.
pub const MAX_MINUTE_AT_ONCE: usize = 100_000;

/// Facts of one minute, taken out, put back and put in each, that are one step of `fill-groupings`; of a keyed entity, all keys of which a step has in memory,
/// [`MAX_MINUTE_AT_ONCE`]. A minute that has more is several steps, and between them part of
/// it is as it was and part as it will be; so is one that has fewer where a step of them takes longer than [`MAX_MINUTE_TIME`].
pub const MAX_MINUTE: usize = 500_000;

/// The longest that a step of `fill-groupings` may take. It waits 30 s for the entity's other writers at most, a run begins no step after 50 s, and the function has 120 s.
pub const MAX_MINUTE_TIME: Duration = Duration::from_secs(40);

/// How much a step may take upon itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Facts of a minute that has more than [`MAX_STEP`].
    pub(crate) most_of_minute: usize,
    /// Time.
    pub(crate) limit: Duration,
    /// Whether a minute that has more is left to somebody else.
    pub(crate) leaves_more: bool,
}

impl Pace {
    /// While somebody waits for it.
    pub(crate) const BRIEF: Self = Self {
        most_of_minute: MAX_MINUTE_AT_ONCE,
        limit: MAX_WRITE_TIME,
        leaves_more: true,
    };

    /// In the background.
    pub(crate) const LONG: Self = Self {
        most_of_minute: MAX_MINUTE,
        limit: MAX_MINUTE_TIME,
        leaves_more: false,
    };
}

/// What a change is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Batches are undone.
    Undo,
    /// A file is put in the place of another one.
    Replacement,
    /// What a filter finds is deleted.
    Deletion,
    /// What was kept aside of a file is let go of; its letters stay.
    Discard,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Replacement => "replacement",
            Self::Deletion => "deletion",
            Self::Discard => "discard",
        }
    }
}

/// A change that is to be made.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Identity.
    pub id: Uuid,
    /// What it is for.
    pub kind: Kind,
    /// Whose facts are taken out.
    pub batches: &'a [Uuid],
    /// The batch whose facts were kept aside and are put in.
    pub adds: Option<Uuid>,
    /// The change whose facts are put back.
    pub restores: Option<Uuid>,
    /// What is taken out of a deletion.
    pub deleted: Option<&'a deletion::Deleted>,
}

database::row! {
    /// A change.
    #[derive(Clone, Debug)]
    pub struct Change {
        /// Client.
        pub client_id: Uuid,
        /// Identity.
        pub id: Uuid,
        /// Entity's identity.
        pub entity_id: i32,
        /// `undo`, `replacement`, `deletion` or `discard`.
        pub kind: String,
        /// Whose facts are taken out.
        pub batches: Vec<Uuid>,
        pub(crate) filter: Option<String>,
        pub(crate) up_to: Option<i64>,
        pub(crate) adds: Option<Uuid>,
        pub(crate) restores: Option<Uuid>,
        pub(crate) done_to: Timestamp,
        pub(crate) to_time: Timestamp,
        /// Within the minute at `done_to`: up to which commit of the change that is put back it is back, or up to which key.
        pub(crate) back_to_number: Option<i64>,
        pub(crate) back_to_key: Option<Uuid>,
        /// Facts that were taken out.
        pub removed: i64,
        /// Facts that were put in.
        pub added: i64,
        /// Facts that were put back.
        pub restored: i64,
        /// When it began.
        pub began_at: Timestamp,
        /// When all of it was done.
        pub finished_at: Option<Timestamp>,
        /// When it was last tried, or began.
        pub(crate) turn: Timestamp,
        /// How often it failed since a step ended well.
        pub failures: i32,
        /// Why it failed the last time.
        pub reason: Option<String>,
    }
}

const COLUMNS: &str =
    "client_id, id, entity_id, kind, batches, filter::text AS filter, up_to, adds, restores, done_to, to_time, back_to_number, back_to_key, removed, added, restored,
    began_at, finished_at, coalesce(tried_at, began_at) AS turn, failures, reason";

/// A change; `None` when the client has no such one, or it is older than what it took out is kept.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<Change>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM core.changes WHERE client_id = $1 AND id = $2");
    database.of(client).row(&sql, &[&client, &id]).await
}

/// The one of each client that lives here whose turn it is, but for those of some entities. What was kept aside does not move with an entity, so that waits.
/// It takes the owner's login.
pub(crate) async fn next_of_each(session: &Session, but: &[i32]) -> Result<Vec<Change>, Error> {
    let sql = format!(
        "SELECT DISTINCT ON (client_id) {COLUMNS} FROM core.changes c
         WHERE finished_at IS NULL AND core.is_here(client_id) AND entity_id <> ALL ($1)
             AND NOT (adds IS NOT NULL AND EXISTS (SELECT FROM core.moves m WHERE m.client_id = c.client_id AND m.entity_id = c.entity_id))
         ORDER BY client_id, turn, id"
    );
    session.rows(&sql, &[&but]).await
}

/// Says that it is tried now, before it is: who is killed has had its turn too.
pub(crate) async fn tried(database: &Database, change: &Change) -> Result<(), Error> {
    let sql = "UPDATE core.changes SET tried_at = clock_timestamp() WHERE client_id = $1 AND id = $2";
    let of_client = database.of(change.client_id);
    of_client.execute(sql, &[&change.client_id, &change.id]).await.map(drop)
}

/// Says that a step failed, and why; or, without a reason, that one ended well after some that did not. The next one takes less.
pub(crate) async fn told(database: &Database, change: &Change, reason: Option<&str>) -> Result<(), Error> {
    let failures = reason.map_or(0, |_| change.failures + 1);
    let sql = "UPDATE core.changes SET failures = $3, reason = $4 WHERE client_id = $1 AND id = $2";
    let of_client = database.of(change.client_id);
    of_client
        .execute(sql, &[&change.client_id, &change.id, &failures, &reason])
        .await
        .map(drop)
}

/// Goes on with a change until it is done, or the time is over: then `fill-groupings` goes on. Whether it is done.
///
/// # Errors
/// When a step fails for anything but what others do at the same time; the change goes on later.
pub async fn go_on(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    id: Uuid,
    until: Instant,
) -> Result<bool, Error> {
    while Instant::now() < until {
        let Some(change) = find(database, client, id)
            .await?
            .filter(|change| change.finished_at.is_none())
        else {
            return Ok(true);
        };
        match Box::pin(step(database, placed, &change, Pace::BRIEF)).await {
            Ok(Some(After::Done)) => return Ok(true),
            Ok(Some(After::Rest | After::Next)) => {}
            // A minute of so many facts takes longer than who asks may wait.
            Ok(None) => return Ok(false),
            // Somebody else has made a step, or its definition was changed just now: `fill-groupings` knows the new one.
            Err(Error::DefinitionChanged(_)) => return Ok(false),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
