//! Entities move from one volume to another while they are read and written where they were: no number is lost, doubled or changed, whatever cuts a move off.
//!
//! A move is a row. While it is there, what is stored of the entity changes only by its commits, each of which says what it touched
//! (`core.moved_ranges`): nothing is moved up, filled or cleared. So a copy is made of what was there when the move began, range by range, each a transaction and
//! each held against the original by a count and a sum of hashes of all rows. Then what was touched meanwhile is copied again, and again, until little is left.
//! The last of it is copied under the lock of the entity's writers, in the transaction that says where the entity is from now on.

mod copy;
mod touched;

use std::time::Duration;

use database::{Database, Edition, Error, Isolation, Scope, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::count::{self, count_on};
use crate::fill::stale;
use crate::leftovers::{LEARNT_AFTER_SECONDS, UPKEEP_LOCK};
use crate::notifications::definitions_changed;
use crate::place::{Placed, writers_lock, writers_lock_of};
use crate::volume::Volume;
use crate::work::{After, MAX_STEP_TIME};

/// Facts that came meanwhile, and ranges of time that they touched, of one round, and of what is copied while the entity's writers wait: 50 to 100 ms. A commit
/// that has more is one round.
pub const MAX_LAST: i64 = 5_000;

/// How long the entity's writers wait at most, less than a request waits for a lock. What takes longer is copied while they write, and the rest is tried again.
pub const MAX_LAST_TIME: Duration = Duration::from_secs(3);

/// How often what came meanwhile is copied, at most [`MAX_LAST`] each time, before the writers wait for each time. Each time leaves what came while it ran; who
/// sends faster than that can be copied is moved nevertheless.
pub const MAX_ROUNDS: i32 = 200;

database::row! {
    /// An entity that is being moved.
    #[derive(Clone, Debug)]
    pub struct Move {
        /// Client.
        pub client_id: Uuid,
        /// Entity's identity.
        pub entity_id: i32,
        /// Where it is.
        pub from_volume: String,
        /// Where it will be.
        pub to_volume: String,
        /// Commit up to which the copy is.
        number: i64,
        /// Which of the tables is copied; their number when all were.
        piece: i32,
        /// Which of its groupings.
        grouping_id: i16,
        /// From where on.
        position: Option<i64>,
        /// How often what came meanwhile was copied.
        rounds: i32,
        /// Facts that there are, as far as they are counted.
        pub facts: i64,
        /// Where counting is; nothing once all are counted.
        pub counted_to: Option<Timestamp>,
        /// Facts that were copied.
        pub copied: i64,
        /// When it began.
        pub began_at: Timestamp,
        /// When it was last tried, or began.
        pub(crate) turn: Timestamp,
        /// How often it failed since a step ended well.
        pub failures: i32,
        /// Why it failed the last time.
        pub reason: Option<String>,
    }
}

const COLUMNS: &str = "client_id, entity_id, from_volume, to_volume, number, piece, grouping_id, position, rounds, facts, counted_to, copied, began_at,
    coalesce(tried_at, began_at) AS turn, failures, reason";

impl Move {
    /// How many of the facts are copied, in percent; 0 while they are counted.
    #[must_use]
    pub fn percent(&self) -> i64 {
        match self.counted_to {
            Some(_) => 0,
            None => count::percent(self.copied, self.facts),
        }
    }

    fn volumes(&self) -> [Volume; 2] {
        [&self.from_volume, &self.to_volume].map(Volume::named)
    }

    const fn scope(&self) -> Scope {
        Scope {
            client: Some(self.client_id),
            // What a range is copied from and held against is of one moment.
            isolation: Isolation::RepeatableRead,
        }
    }
}

/// How a beginning ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It goes on in steps from now on.
    Now,
    /// It is there already.
    There,
    /// It is being moved already, to this volume.
    Before(Volume),
    /// What it left behind there when it was moved away is not cleared yet, which takes some minutes.
    NotCleared,
    /// A file is being read that is put in the place of another one: what is kept aside of it does not move. It takes as long as the file.
    Replacing,
}

database::row! {
    struct Found {
        moving_to: Option<String>,
        has_leftovers: bool,
        is_replacing: bool,
    }
}

/// Begins to move an entity to a volume.
///
/// # Errors
/// When its definition or place is another one by now, or a statement fails; it stays where it is then.
pub async fn begin(database: &Database, client: Uuid, placed: &Placed, to: &Volume) -> Result<Begun, Error> {
    if placed.place.volume == *to {
        return Ok(Begun::There);
    }
    let work = async |session: &Session| begin_in(session, client, placed, to).await;
    database.transaction(client, work).await
}

async fn begin_in(session: &Session, client: Uuid, placed: &Placed, to: &Volume) -> Result<Begun, Error> {
    let id = placed.place.id;
    // A run of the upkeep that goes on does not know of the move, nor does a commit. Both are waited for, and later ones see it.
    session.lock(UPKEEP_LOCK).await?;
    session.lock(&writers_lock(client, &placed.place)).await?;
    let sql = "SELECT (SELECT to_volume FROM core.moves WHERE client_id = $1 AND entity_id = $2) AS moving_to,
            EXISTS (SELECT FROM core.leftovers WHERE entity_id = $2 AND volume = $3) AS has_leftovers,
            EXISTS (SELECT FROM core.files f WHERE f.client_id = $1 AND f.entity = entities.code AND f.is_aside AND f.state IN ('writing', 'replacing'))
                OR EXISTS (SELECT FROM core.changes h WHERE h.client_id = $1 AND h.entity_id = $2 AND h.finished_at IS NULL
                    AND h.kind IN ('replacement', 'discard')) AS is_replacing
        FROM core.entities WHERE client_id = $1 AND id = $2 AND volume = $4 AND generation = $5";
    let from = placed.place.volume.name();
    let found: Option<Found> = session
        .row(sql, &[&client, &id, &to.name(), &from, &placed.generation])
        .await?;
    match found {
        None => return Err(Error::DefinitionChanged(placed.entity.code().to_owned())),
        Some(Found {
            moving_to: Some(other), ..
        }) => return Ok(Begun::Before(Volume::named(other))),
        Some(Found {
            has_leftovers: true, ..
        }) => return Ok(Begun::NotCleared),
        Some(Found { is_replacing: true, .. }) => return Ok(Begun::Replacing),
        Some(_) => {}
    }
    let sql = "DELETE FROM core.moved_ranges WHERE client_id = $1 AND entity_id = $2";
    session.execute(sql, &[&client, &id]).await?;
    let sql = "INSERT INTO core.moves (client_id, entity_id, from_volume, to_volume, number, counted_to)
        SELECT $1, $2, $3, $4, last, 'epoch' FROM core.clocks WHERE client_id = $1 AND entity_id = $2";
    session.execute(sql, &[&client, &id, &from, &to.name()]).await?;
    Ok(Begun::Now)
}

/// Gives a move up: the entity stays where it is, and what was copied is cleared. Whether there was one.
///
/// # Errors
/// When a statement fails.
pub async fn cancel(database: &Database, client: Uuid, entity: i32) -> Result<bool, Error> {
    let work = async |session: &Session| {
        // A commit that knows of the move says what it touched: it is waited for.
        session.lock(&writers_lock_of(client, entity)).await?;
        // Nobody has ever read what is cleared.
        let sql = "WITH gone AS (
                 DELETE FROM core.moves WHERE client_id = $1 AND entity_id = $2 RETURNING to_volume
             ), forgotten AS (
                 DELETE FROM core.moved_ranges WHERE client_id = $1 AND entity_id = $2
             )
             INSERT INTO core.leftovers (volume, client_id, entity_id, left_at)
             SELECT to_volume, $1, $2, clock_timestamp() - make_interval(secs => $3) FROM gone
             ON CONFLICT (volume, entity_id) DO UPDATE SET left_at = excluded.left_at";
        session.execute(sql, &[&client, &entity, &LEARNT_AFTER_SECONDS]).await
    };
    Ok(database.transaction(client, work).await? > 0)
}

/// The moves of a client that go on.
///
/// # Errors
/// When the statement fails.
pub async fn moves(database: &Database, client: Uuid) -> Result<Vec<Move>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM core.moves WHERE client_id = $1 ORDER BY began_at, entity_id");
    database.of(client).rows(&sql, &[&client]).await
}

/// The one of each client that lives here whose turn it is, but for those of some entities. It takes the owner's login.
pub(crate) async fn next_of_each(session: &Session, but: &[i32]) -> Result<Vec<Move>, Error> {
    let sql = format!(
        "SELECT DISTINCT ON (client_id) {COLUMNS} FROM core.moves
         WHERE core.is_here(client_id) AND entity_id <> ALL ($1) ORDER BY client_id, turn, entity_id"
    );
    session.rows(&sql, &[&but]).await
}

/// Says that it is tried now, before it is: who is killed has had its turn too.
pub(crate) async fn tried(database: &Database, moving: &Move) -> Result<(), Error> {
    let sql = "UPDATE core.moves SET tried_at = clock_timestamp() WHERE client_id = $1 AND entity_id = $2";
    let of_client = database.of(moving.client_id);
    of_client
        .execute(sql, &[&moving.client_id, &moving.entity_id])
        .await
        .map(drop)
}

/// Says that a step failed, and why; or, without a reason, that one ended well after some that did not. A move goes on trying: who asked for it is told, and
/// may give it up.
pub(crate) async fn told(database: &Database, moving: &Move, reason: Option<&str>) -> Result<(), Error> {
    let failures = reason.map_or(0, |_| moving.failures + 1);
    let sql = "UPDATE core.moves SET failures = $3, reason = $4 WHERE client_id = $1 AND entity_id = $2";
    let of_client = database.of(moving.client_id);
    of_client
        .execute(sql, &[&moving.client_id, &moving.entity_id, &failures, &reason])
        .await
        .map(drop)
}

/// One step of a move.
///
/// # Errors
/// When a copy is not what it is a copy of, or a statement fails; the move stays where it was.
pub(crate) async fn step(database: &Database, placed: &Placed, moving: &Move) -> Result<After, Error> {
    let tables = placed.place.volume.tables(database.session().await?.edition().await?);
    if let Some(after) = moving.counted_to {
        return count(database, placed, moving, after).await;
    }
    if usize::try_from(moving.piece).is_ok_and(|piece| piece < tables.len()) {
        let work = async |session: &Session| {
            session.limit_transaction(MAX_STEP_TIME).await?;
            taken(session, placed, moving).await?;
            copy::ranges(session, placed, moving, &tables).await
        };
        database.transaction_in(moving.scope(), work).await?;
        return Ok(After::Rest);
    }
    if moving.rounds < MAX_ROUNDS && touched::is_more(database, moving).await? {
        round(database, placed, moving).await?;
        return Ok(After::Next);
    }
    match last(database, placed, moving).await {
        // The writers waited for long enough. They go on, and what is left when this is copied too is less.
        Err(error) if error.is_out_of_time() => {
            round(database, placed, moving).await?;
            Ok(After::Rest)
        }
        result => result,
    }
}

/// Copies some of what came meanwhile, while more comes.
async fn round(database: &Database, placed: &Placed, moving: &Move) -> Result<(), Error> {
    let work = async |session: &Session| {
        session.limit_transaction(MAX_STEP_TIME).await?;
        taken(session, placed, moving).await?;
        touched::copy(session, placed, moving, MAX_STEP_TIME).await.map(drop)
    };
    database.transaction_in(moving.scope(), work).await
}

/// Copies what is left while the writers wait, and arrives if that was all.
async fn last(database: &Database, placed: &Placed, moving: &Move) -> Result<After, Error> {
    let work = async |session: &Session| {
        session.limit_transaction(MAX_LAST_TIME).await?;
        taken(session, placed, moving).await?;
        if touched::copy(session, placed, moving, MAX_LAST_TIME).await? {
            return Ok(After::Next);
        }
        session.limit_transaction(MAX_LAST_TIME).await?;
        arrive(session, placed, moving).await?;
        Ok(After::Done)
    };
    // The transaction's snapshot comes after the last commit that does not know the new place.
    let lock = writers_lock(moving.client_id, &placed.place);
    database.locked_transaction(&lock, moving.scope(), work).await
}

database::row! {
    struct Taken {
        entity_id: i32,
    }
}

/// Takes the move until the transaction ends: who gives it up waits, and whoever else goes on with it does so once. The definition is the one that the step knows:
/// what commits brought of a grouping that it does not know would not be copied. A change that comes after the transaction's snapshot is before no commit in it.
async fn taken(session: &Session, placed: &Placed, moving: &Move) -> Result<(), Error> {
    let sql = "SELECT m.entity_id FROM core.moves m JOIN core.entities e ON e.client_id = m.client_id AND e.id = m.entity_id
        WHERE m.client_id = $1 AND m.entity_id = $2 AND m.began_at = $3 AND m.piece = $4 AND m.grouping_id = $5
            AND m.position IS NOT DISTINCT FROM $6 AND m.number = $7 AND e.version = $8 AND e.generation = $9 FOR UPDATE OF m";
    let found: Option<Taken> = session
        .row(
            sql,
            &[
                &moving.client_id,
                &moving.entity_id,
                &moving.began_at,
                &moving.piece,
                &moving.grouping_id,
                &moving.position,
                &moving.number,
                &placed.version,
                &placed.generation,
            ],
        )
        .await?;
    match found {
        Some(Taken { entity_id }) if entity_id == moving.entity_id => Ok(()),
        _ => Err(Error::DefinitionChanged(format!(
            "the move of entity {}",
            moving.entity_id
        ))),
    }
}

async fn count(database: &Database, placed: &Placed, moving: &Move, after: Timestamp) -> Result<After, Error> {
    let work = async |session: &Session| {
        session.limit_transaction(MAX_STEP_TIME).await?;
        taken(session, placed, moving).await?;
        let counted = count_on(session, moving.client_id, &placed.place, after).await?;
        let sql = "UPDATE core.moves SET facts = facts + $3, counted_to = $4 WHERE client_id = $1 AND entity_id = $2 AND counted_to = $5";
        let (client, id) = (moving.client_id, moving.entity_id);
        session
            .execute(sql, &[&client, &id, &counted.facts, &counted.counted_to, &after])
            .await?;
        Ok(After::Rest)
    };
    database.transaction(moving.client_id, work).await
}

/// The entity is at the new place from now on. What is at the old one is left behind.
async fn arrive(session: &Session, placed: &Placed, moving: &Move) -> Result<(), Error> {
    let (client, id, [from, to]) = (moving.client_id, moving.entity_id, moving.volumes());
    let sql = "UPDATE core.entities SET volume = $3, generation = generation + 1 WHERE client_id = $1 AND id = $2 AND volume = $4";
    if session.execute(sql, &[&client, &id, &to.name(), &from.name()]).await? == 0 {
        return Err(Error::DefinitionChanged(placed.entity.code().to_owned()));
    }
    let sql = "UPDATE core.stale_ranges SET volume = $3 WHERE client_id = $1 AND entity_id = $2";
    session.execute(sql, &[&client, &id, &to.name()]).await?;
    if session.edition().await? == Edition::Community {
        let place = crate::Place {
            volume: to,
            ..placed.place.clone()
        };
        stale(session, client, &place).await?;
    }
    // What was copied of a grouping that was given up meanwhile.
    let sql = "INSERT INTO core.stopped_groupings (client_id, entity_id, grouping_id, groups, is_written)
        SELECT $1, $2, gone, 0, false FROM unnest($3::smallint[]) AS gone
        ON CONFLICT (entity_id, grouping_id) DO UPDATE SET is_cleared = false";
    session
        .execute(sql, &[&client, &id, &placed.place.layout.all_given_up()])
        .await?;
    let sql = "INSERT INTO core.leftovers (volume, client_id, entity_id) VALUES ($1, $2, $3)
        ON CONFLICT (volume, entity_id) DO UPDATE SET left_at = clock_timestamp()";
    session.execute(sql, &[&from.name(), &client, &id]).await?;
    for table in ["moved_ranges", "moves"] {
        let sql = format!("DELETE FROM core.{table} WHERE client_id = $1 AND entity_id = $2");
        session.execute(&sql, &[&client, &id]).await?;
    }
    definitions_changed(session, client).await
}
