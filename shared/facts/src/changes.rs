//! Changes: facts that are taken out again, with those put back or in that take their place, in steps of bounded size.
//!
//! A change is a row. It takes out the facts of batches (an undo, a file that another one replaces) or those that a filter finds (a deletion), puts back what an
//! earlier change has taken out or what the facts of a keyed entity had replaced, and puts in what was kept aside. Each step is a transaction of the entity's
//! writers: it goes through the facts by their time, keeps what it takes out among the replaced ones, and counts the touched buckets anew from the facts, as
//! corrections by key do. So rollups equal facts after each step, every bucket of time is either as it was or as it will be, and a kill costs one step. A
//! step has a number as every commit has: what was known before is a comparison of numbers.

pub mod aside;
pub mod deletion;
mod put_back;
mod steps;
mod taking;

use std::time::Instant;

use database::{Database, Error, Session};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::place::{Placed, writers_lock};
use crate::work::After;

pub(crate) use steps::step;

/// Facts of one step, taken out, put back and put in each: less than a second of the server, and so long a batch of the same entity may wait.
pub const MAX_STEP: usize = 10_000;

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
    "client_id, id, entity_id, kind, batches, filter::text AS filter, up_to, adds, restores, done_to, to_time, removed, added, restored,
    began_at, finished_at, coalesce(tried_at, began_at) AS turn, failures, reason";

database::row! {
    struct Extent {
        first: Option<Timestamp>,
        last: Option<Timestamp>,
    }
}

/// Begins a change, in a transaction: its batches bring nothing more from then on, and it goes on in steps.
///
/// # Errors
/// When a statement fails.
pub async fn begin(session: &Session, client: Uuid, placed: &Placed, wanted: &Wanted<'_>) -> Result<(), Error> {
    session.lock(&writers_lock(client, &placed.place)).await?;
    let extents = extents(session, client, placed, wanted).await?;
    let first = extents.iter().filter_map(|extent| extent.first).min();
    let last = extents.iter().filter_map(|extent| extent.last).max();
    let [from, to] = [first, last].map(|time| time.unwrap_or(Timestamp::UNIX_EPOCH));
    // A deletion ends before its time, others behind their last fact.
    let to = wanted.deleted.map_or(to, |deleted| to.min(before(deleted.to)));
    if wanted.kind != Kind::Discard {
        let sql = "UPDATE core.batches SET undone_by = $3, next_position = NULL WHERE client_id = $1 AND id = ANY ($2)";
        session.execute(sql, &[&client, &wanted.batches, &wanted.id]).await?;
        flag(session, client, wanted.batches, true).await?;
    }
    if let Some(earlier) = wanted.restores {
        let sql = "SELECT batches FROM core.changes WHERE client_id = $1 AND id = $2";
        let before: Option<Batches> = session.row(sql, &[&client, &earlier]).await?;
        let before = before.map(|before| before.batches).unwrap_or_default();
        let sql = "UPDATE core.batches SET undone_by = NULL WHERE client_id = $1 AND id = ANY ($2)";
        session.execute(sql, &[&client, &before]).await?;
        flag(session, client, &before, false).await?;
    }
    let sql = "INSERT INTO core.changes (client_id, id, entity_id, kind, batches, filter, up_to, adds, restores, done_to, to_time)
        VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11::timestamptz + interval '1 microsecond')";
    let parameters: [&(dyn ToSql + Sync); 11] = [
        &client,
        &wanted.id,
        &placed.place.id,
        &wanted.kind.name(),
        &wanted.batches,
        &wanted.deleted.map(deletion::Deleted::filter_json).transpose()?,
        &wanted.deleted.map(|deleted| deleted.up_to),
        &wanted.adds,
        &wanted.restores,
        &from,
        &to,
    ];
    session.execute(sql, &parameters).await.map(drop)
}

/// The last instant before one.
fn before(time: Timestamp) -> Timestamp {
    time.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(time)
}

database::row! {
    struct Batches {
        batches: Vec<Uuid>,
    }
}

/// Says that facts and letters of batches are nobody's any more, or that they are again.
async fn flag(session: &Session, client: Uuid, batches: &[Uuid], is_undone: bool) -> Result<(), Error> {
    let sql = "UPDATE core.commits SET is_undone = $3 WHERE client_id = $1 AND batch_id = ANY ($2)";
    session.execute(sql, &[&client, &batches, &is_undone]).await?;
    let sql = "UPDATE core.dead_letters SET is_undone = $3 WHERE client_id = $1 AND batch_id = ANY ($2)";
    session.execute(sql, &[&client, &batches, &is_undone]).await.map(drop)
}

/// Between what times each part of a change has facts.
async fn extents(session: &Session, client: Uuid, placed: &Placed, wanted: &Wanted<'_>) -> Result<Vec<Extent>, Error> {
    let id = placed.place.id;
    let of_commits = "SELECT min(first_time) AS first, max(last_time) AS last FROM core.commits WHERE client_id = $1 AND entity_id = $2";
    let sql = format!("{of_commits} AND batch_id = ANY ($3)");
    let mut extents = session.rows(&sql, &[&client, &id, &wanted.batches]).await?;
    if let Some(restored) = wanted.restores {
        // What a change took out is within what its steps said of themselves.
        let sql = format!("{of_commits} AND batch_id = $3");
        extents.extend(session.rows::<Extent>(&sql, &[&client, &id, &restored]).await?);
    }
    if let Some(batch) = wanted.adds {
        extents.push(aside::extent(session, client, placed, batch).await?);
    }
    if let Some(deleted) = wanted.deleted {
        let sql = "SELECT greatest(first_time, $3) AS first, least(last_time, $4) AS last FROM core.clocks
            WHERE client_id = $1 AND entity_id = $2 AND first_time < $4 AND last_time >= $3";
        let within: Vec<Extent> = session.rows(sql, &[&client, &id, &deleted.from, &deleted.to]).await?;
        extents.extend(within);
    }
    Ok(extents)
}

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
        match Box::pin(step(database, placed, &change)).await {
            Ok(After::Done) => return Ok(true),
            Ok(After::Rest | After::Next) => {}
            // Somebody else has made a step, or its definition was changed just now: `fill-groupings` knows the new one.
            Err(Error::DefinitionChanged(_)) => return Ok(false),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
