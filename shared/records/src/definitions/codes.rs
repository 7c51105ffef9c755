//! Codes that entities had. Batches, dead letters and files name the entity that they came for by its code, so they follow when it gets another one, and go when
//! it goes: in steps, however many there are. Until all have, the code is nobody else's.

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
    let sql = "SELECT core.follow_code($1, $2, $3) AS is_done";
    while Instant::now() < until {
        let step = async |session: &Session| session.row(sql, &[&client, &code, &MAX_FOLLOWED_ROWS]).await;
        let done: Option<Step> = database.transaction(client, step).await?;
        if done.is_none_or(|done| done.is_done) {
            return Ok(true);
        }
    }
    Ok(false)
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

/// Goes on with all that follows in a database, those first that left first, until that time. What fails for one keeps no other.
///
/// # Errors
/// When what there is can't be read, or the server does not answer.
pub async fn follow_all(database: &Database, until: Instant) -> Result<(), Error> {
    let sql = "SELECT client_id, code FROM core.departed_codes WHERE core.is_here(client_id) ORDER BY left_at";
    let departed: Vec<Departed> = database.session().await?.rows(sql, &[]).await?;
    for Departed { client_id, code } in departed {
        match follow(database, client_id, &code, until).await {
            Err(error) if error.is_of_statement() || error.is_conflict() => {
                tracing::error!(client = %client_id, code, cause = %error, "what came under a code that an entity had does not follow it");
            }
            result => drop(result?),
        }
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
