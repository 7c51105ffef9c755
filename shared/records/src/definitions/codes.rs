//! Codes that entities had. Batches, dead letters and files name the entity that they came for by its code, so they follow when it gets another one, and go when
//! it goes: in steps, however many there are. Until all have, the code is nobody else's.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use database::{Database, Error, Session};
use uuid::Uuid;

use super::change::Change;

/// Rows of one table that a step looks at: some 50 ms of the server, and a client has a million in 35 days at most times.
pub const MAX_FOLLOWED_ROWS: i64 = 5_000;

database::row! {
    struct Step {
        is_done: bool,
    }
}

database::row! {
    struct Departed {
        client_id: Uuid,
        code: String,
    }
}

database::row! {
    struct Code {
        code: String,
    }
}

/// Has what came under a code that an entity had follow it, until all has or the time is over; whether all has. The upkeep goes on with what is left
/// ([`follow_all`]).
///
/// # Errors
/// When a step fails; those before stay done.
pub async fn follow(database: &Database, client: Uuid, code: &str, until: Instant) -> Result<bool, Error> {
    while Instant::now() < until {
        if step(database, client, code).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One step; whether it was the last.
async fn step(database: &Database, client: Uuid, code: &str) -> Result<bool, Error> {
    let sql = "SELECT core.follow_code($1, $2, $3) AS is_done";
    let work = async |session: &Session| session.row(sql, &[&client, &code, &MAX_FOLLOWED_ROWS]).await;
    let done: Option<Step> = database.transaction(client, work).await?;
    Ok(done.is_none_or(|done| done.is_done))
}

/// The code that the entity has now that had another one, while not all that came under that one has followed it.
///
/// # Errors
/// When the statement fails.
pub async fn followed(database: &Database, client: Uuid, code: &str) -> Result<Option<String>, Error> {
    let sql =
        "SELECT new_code AS code FROM core.departed_codes WHERE client_id = $1 AND code = $2 AND new_code IS NOT NULL";
    let found: Option<Code> = database.of(client).row(sql, &[&client, &code]).await?;
    Ok(found.map(|found| found.code))
}

/// Goes on with all that follows in a database until that time: a step for each client in turn, of what left first. What fails for one keeps no other, and a client
/// that is being moved has its turn once it is there.
///
/// # Errors
/// When what there is can't be read, or the server does not answer.
pub async fn follow_all(database: &Database, until: Instant) -> Result<(), Error> {
    let sql = "SELECT client_id, code FROM core.departed_codes WHERE core.is_here(client_id) ORDER BY left_at";
    let departed: Vec<Departed> = database.session().await?.rows(sql, &[]).await?;
    let mut clients: BTreeMap<Uuid, VecDeque<String>> = BTreeMap::new();
    for Departed { client_id, code } in departed {
        clients.entry(client_id).or_default().push_back(code);
    }
    while !clients.is_empty() {
        for (client, codes) in &mut clients {
            if Instant::now() >= until {
                return Ok(());
            }
            turn(database, *client, codes).await?;
        }
        clients.retain(|_, codes| !codes.is_empty());
    }
    Ok(())
}

/// A client's turn: a step of its first code, which is taken out where nothing more can be done for it.
async fn turn(database: &Database, client: Uuid, codes: &mut VecDeque<String>) -> Result<(), Error> {
    let Some(code) = codes.front() else {
        return Ok(());
    };
    match step(database, client, code).await {
        Ok(false) => {}
        Ok(true) => drop(codes.pop_front()),
        Err(error) if error.is_being_moved() || matches!(error, Error::Elsewhere(_)) => {
            tracing::info!(%client, code, "what came under a code that an entity had follows it where the client goes");
            codes.clear();
        }
        Err(error) if error.is_of_statement() || error.is_conflict() => {
            tracing::error!(%client, code, cause = %error, "what came under a code that an entity had does not follow it");
            codes.pop_front();
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

impl Change<'_> {
    /// The code of those that entities had that can't be told apart from this one, and that not everything has left yet.
    pub(super) async fn departing(&self, code: &str) -> Result<Option<String>, Error> {
        let sql = "SELECT code FROM core.departed_codes WHERE client_id = $1 AND lower(code) = lower($2) LIMIT 1";
        let found: Option<Code> = self.session.row(sql, &[&self.client, &code]).await?;
        Ok(found.map(|found| found.code))
    }
}
