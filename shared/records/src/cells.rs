//! Cells: a client moves to another database, and back, with every number as it was.
//!
//! One commit decides: that of the database in which the client was, which says from then on where it went. Before it the client lives there, whatever is
//! in the other database; after it the client lives in the other one, for whoever has heard of it from the first, and that is everybody who comes. So
//! whatever a move is cut off at, the client lives in exactly one place, and the same command begins anew or finishes what is left.
//!
//! 1. nobody can write of the client: the move has its lock alone, which every transaction of it has with others ([`Database::transaction`]). Readers go on
//! 2. the other database says that the client is *arriving*, and clears what an earlier move may have left
//! 3. all rows are copied out of one snapshot ([`copy`]), and compared: how many there are, and a checksum of each whole
//! 4. the commit that decides
//! 5. the other database says that the client is here, and home where it is
//!
//! What it left behind is cleared when nobody can be reading it any more ([`departed`]).

pub(crate) mod copy;
mod departed;
mod register;

use std::time::Duration;

use database::{Database, Error, HOME, Isolation, KNOWS_CELLS, Scope, Session, Timeouts};
use facts::leftovers::{LEARNT_AFTER_SECONDS, UPKEEP_LOCK, clear_client, end_work};
use facts::notifications::definitions_changed;
use uuid::Uuid;

pub use departed::{clear_departed, remove_from_cells};
pub use register::register;

use crate::client_removal::TABLES;

/// Tables whose rows of clients are at home wherever the client lives, and one in which each database says who lives there.
const AT_HOME: [&str; 4] = ["licence_notices", "licences", "users", "residences"];

/// What is copied, each after those that it refers to. Leftovers, sketches and stale ranges are of one database, and made anew in another one; nobody moves while moves
/// between volumes go on.
const COPIED: [&str; 24] = [
    "entities",
    "clocks",
    "commits",
    "changes",
    "stopped_groupings",
    "fillings",
    "ungrouped",
    "departed_codes",
    "kpis",
    "definition_versions",
    "relationships",
    "actors",
    "value_chain_patterns",
    "facts_of_days",
    "facts_of_hours",
    "counts",
    "files",
    "batches",
    "dead_letters",
    "outbox",
    "branding",
    "proposals",
    "proposal_revisions",
    "proposal_renderings",
];

/// How long a move waits for transactions of the client that had begun before, of which a change of definitions may take 20 s; its writers are refused from
/// then on.
const WAIT_FOR_WRITERS: Duration = Duration::from_secs(30);

/// The longest that one statement of a move may take, as `place-client` has 15 minutes in all.
const LONGEST_STATEMENT: Duration = Duration::from_secs(840);

/// Where a client was, and is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Name of the cell, or `home`.
    pub from: String,
    /// Name of the cell, or `home`; the same when it was there before.
    pub to: String,
    /// Rows that were copied.
    pub rows: i64,
}

database::row! {
    struct Stored {
        generation: i64,
        gone_to: Option<String>,
    }
}

database::row! {
    struct Own {
        name: Option<String>,
    }
}

/// Moves a client to the cell of a name, or `home`; it takes the owner's login. What was cut off is begun anew, or finished. Rows are copied at about 50,000
/// a second, during which nothing of the client is written, and all is read as it was.
///
/// # Errors
/// When there is no such cell, the two databases differ in their version or edition, entities of the client are being moved between volumes, work of the client
/// goes on for longer than [`WAIT_FOR_WRITERS`], or a statement fails; the client lives then where it did.
pub async fn place(database: &Database, client: Uuid, to: &str) -> Result<Placement, Error> {
    let target = database.named(to)?;
    let found = database
        .residences(&[client])
        .await?
        .remove(&client)
        .unwrap_or_default();
    let from = database.name_of(found).to_owned();
    let source = database.named(&from)?;
    // An earlier move may have been cut off after the commit that decided it.
    settle(database, client, &from, found.generation).await?;
    if from == to {
        return Ok(Placement {
            to: from.clone(),
            from,
            rows: 0,
        });
    }
    let journey = Journey {
        client,
        from: &from,
        to,
        target: target.with_timeouts(MOVING),
    };
    let source = source.with_timeouts(MOVING);
    let scope = Scope {
        client: None,
        isolation: Isolation::RepeatableRead,
    };
    // Before the snapshot: what is committed until then is in it, and nothing is after.
    let lock = format!("client {client}");
    let work = async |session: &Session| journey.make(session).await;
    let moved = source.locked_transaction(&lock, scope, work).await;
    let (generation, rows) = moved.map_err(|error| if error.is_locked_out() { busy(client) } else { error })?;
    settle(database, client, to, generation).await?;
    tracing::info!(%client, from, to, rows, "moved");
    Ok(Placement {
        to: to.to_owned(),
        from,
        rows,
    })
}

const MOVING: Timeouts = Timeouts {
    statement: LONGEST_STATEMENT,
    lock: WAIT_FOR_WRITERS,
};

fn busy(client: Uuid) -> Error {
    Error::NotMoved(format!(
        "what had begun before, of client {client} or of the upkeep, did not end within {} s: nothing was moved; try again when less is going on",
        WAIT_FOR_WRITERS.as_secs()
    ))
}

/// As databases keep it: home has no name.
fn stored_name(name: &str) -> &str {
    if name == HOME { "" } else { name }
}

database::row! {
    struct Others {
        others: i64,
    }
}

/// Refuses to go on while entities of the client are on their way to another volume of the database that it is to leave.
async fn nothing_moves(session: &Session, client: Uuid) -> Result<(), Error> {
    let sql = "SELECT count(*) AS others FROM core.moves WHERE client_id = $1";
    let found: Option<Others> = session.row(sql, &[&client]).await?;
    match found {
        Some(Others { others: 0 }) => Ok(()),
        found => Err(Error::NotMoved(format!(
            "{} entities of client {client} are being moved to another volume: wait for them, or cancel that first with place-client",
            found.map_or(0, |found| found.others)
        ))),
    }
}

/// Refuses to go on while functions are connected that were not given cells, which write without asking whether the client is here. Who issues licences may be:
/// those stay at home, and its role writes nothing else.
async fn only_who_knows_cells(session: &Session) -> Result<(), Error> {
    let sql = "SELECT count(*) AS others FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'analytics\\_%' AND application_name NOT LIKE '%' || $1::text
            AND application_name <> 'analytics_licences'";
    let found: Option<Others> = session.row(sql, &[&KNOWS_CELLS]).await?;
    match found {
        Some(Others { others: 0 }) => Ok(()),
        found => Err(Error::NotMoved(format!(
            "{} connections are of functions that were not given DATABASE_CELLS: deploy them with cells, and move clients when those of before have ended",
            found.map_or(0, |found| found.others)
        ))),
    }
}

struct Journey<'a> {
    client: Uuid,
    from: &'a str,
    to: &'a str,
    target: Database,
}

impl Journey<'_> {
    /// All of it in the transaction that decides; the generation from then on, and how many rows were copied.
    async fn make(&self, source: &Session) -> Result<(i64, i64), Error> {
        let sql = "SELECT generation, gone_to FROM core.residences WHERE client_id = $1";
        let stored: Option<Stored> = source.row(sql, &[&self.client]).await?;
        if stored.as_ref().is_some_and(|stored| stored.gone_to.is_some()) {
            return Err(Error::NotMoved(format!("client {} was moved meanwhile", self.client)));
        }
        only_who_knows_cells(source).await?;
        nothing_moves(source, self.client).await?;
        let generation = stored.map_or(0, |stored| stored.generation) + 1;
        let prepare = async |target: &Session| self.prepare(target, generation).await;
        self.target.transaction_in(Scope::default(), prepare).await?;
        let copy = async |target: &Session| {
            copy::check(source, target, self.client).await?;
            copy::all(source, target, self.client, self.to == HOME).await
        };
        let rows = self.target.transaction_in(Scope::default(), copy).await?;
        self.leave(source, generation).await?;
        Ok((generation, rows))
    }

    /// The client is arriving, and nothing of it is there yet.
    async fn prepare(&self, target: &Session, generation: i64) -> Result<(), Error> {
        let own: Option<Own> = target
            .row("SELECT (SELECT name FROM core.this_cell) AS name", &[])
            .await?;
        let own = own.and_then(|own| own.name).unwrap_or_else(|| HOME.to_owned());
        if own != self.to {
            return Err(Error::NotMoved(format!(
                "the database of cell {:?} says that it is {own:?}: migrate-database registers cells",
                self.to
            )));
        }
        // While it clears or moves up rows of the client, they can't be cleared.
        target.lock(UPKEEP_LOCK).await?;
        let sql =
            "INSERT INTO core.residences AS r (client_id, generation, gone_to, arriving) VALUES ($1, $2::bigint - 1, $3, $2)
            ON CONFLICT (client_id) DO UPDATE SET generation = $2::bigint - 1, gone_to = $3, arriving = $2
                WHERE r.gone_to IS NOT NULL AND (r.is_cleared OR r.left_at < clock_timestamp() - make_interval(secs => $4))";
        let arriving = target
            .execute(
                sql,
                &[
                    &self.client,
                    &generation,
                    &stored_name(self.from),
                    &LEARNT_AFTER_SECONDS,
                ],
            )
            .await?;
        if arriving == 0 {
            return Err(Error::NotMoved(format!(
                "client {} left {:?} just now, and somebody may still be reading it there: try again after {LEARNT_AFTER_SECONDS} s",
                self.client, self.to
            )));
        }
        clear(target, self.client, self.to == HOME).await
    }

    /// The client lives in the other database from this commit on.
    async fn leave(&self, source: &Session, generation: i64) -> Result<(), Error> {
        let sql = "INSERT INTO core.residences AS r (client_id, generation, gone_to, left_at, is_cleared) VALUES ($1, $2, $3, clock_timestamp(), false)
            ON CONFLICT (client_id) DO UPDATE SET generation = $2, gone_to = $3, left_at = clock_timestamp(), is_cleared = false";
        source
            .execute(sql, &[&self.client, &generation, &stored_name(self.to)])
            .await?;
        let sql = "INSERT INTO core.leftovers (volume, client_id, entity_id) SELECT e.volume, e.client_id, left_there.id FROM core.entities e CROSS JOIN LATERAL (VALUES (e.id), (-e.id)) AS left_there (id)
            WHERE e.client_id = $1 ON CONFLICT (volume, entity_id) DO UPDATE SET left_at = clock_timestamp()";
        source.execute(sql, &[&self.client]).await?;
        definitions_changed(source, self.client).await
    }
}

/// Says, where the client lives, that it is there for good, and at home where it is: so nobody needs to take a detour.
async fn settle(database: &Database, client: Uuid, place: &str, generation: i64) -> Result<(), Error> {
    let there = database.named(place)?;
    let arrived = async |session: &Session| {
        let sql = "UPDATE core.residences SET generation = arriving, gone_to = NULL, arriving = NULL, left_at = NULL, is_cleared = true
            WHERE client_id = $1 AND arriving = $2";
        if session.execute(sql, &[&client, &generation]).await? > 0 {
            definitions_changed(session, client).await?;
        }
        Ok(())
    };
    there.transaction_in(Scope::default(), arrived).await?;
    if place == HOME {
        return Ok(());
    }
    let sql = "UPDATE core.residences SET gone_to = $2, generation = $3 WHERE client_id = $1 AND gone_to IS NOT NULL AND arriving IS NULL AND generation < $3";
    let told = async |session: &Session| session.execute(sql, &[&client, &place, &generation]).await;
    let home = database.at_home();
    home.transaction_in(Scope::default(), told).await.map(drop)
}

/// Clears all that a database has of a client who does not live there. The client itself, its users and its licences stay at home.
async fn clear(session: &Session, client: Uuid, is_home: bool) -> Result<(), Error> {
    end_work(session, client).await?;
    clear_client(session, client).await?;
    let stays = |table: &&str| *table == "residences" || (is_home && AT_HOME.contains(table));
    for table in TABLES.iter().filter(|table| !stays(table)) {
        let sql = format!("DELETE FROM core.{table} WHERE client_id = $1");
        session.execute(&sql, &[&client]).await?;
    }
    if is_home {
        return Ok(());
    }
    // A volume of its own is a name for empty tables now.
    let sql = "UPDATE core.volumes SET client_id = NULL, is_open = false WHERE client_id = $1";
    session.execute(sql, &[&client]).await?;
    let sql = "DELETE FROM core.clients WHERE id = $1";
    session.execute(sql, &[&client]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{AT_HOME, COPIED, TABLES};

    const MADE_ANEW: [&str; 5] = ["leftovers", "sketches", "stale_ranges", "unsketched", "upkeep"];

    /// Of moves between volumes, of which there are none when a client moves.
    const ENDED: [&str; 2] = ["moves", "moved_ranges"];

    #[test]
    fn every_table_of_a_client_has_its_way() {
        let ways: Vec<&str> = [&AT_HOME[..], &MADE_ANEW[..], &ENDED[..], &COPIED[..]].concat();
        let known: BTreeSet<&str> = ways.iter().copied().collect();
        assert_eq!(
            known,
            TABLES.into_iter().collect(),
            "say of each whether it moves with a client"
        );
        assert_eq!(known.len(), ways.len());
    }
}
