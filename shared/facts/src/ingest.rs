//! Facts, their partials, the rejects and the batches' marks, in one transaction.
//!
//! Partials are appended, never updated, so no batch waits on another's row. A batch that is marked already is skipped:
//! at least once in, once in effect.

use std::collections::BTreeSet;

use database::{Database, Error, Session};
use series::{Fact, Partials};
use uuid::Uuid;

use crate::batch::{Batch, Outcome, first_of_each, mark, outcomes, reject};
use crate::commit::tell;
use crate::relation::{Placed, writers_lock};
use crate::{copy, keyed};

/// Writes batches of one client and entity.
///
/// # Errors
/// When the transaction can't be committed; nothing of the batches has had an effect then.
pub async fn ingest(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    source: &str,
    batches: &[Batch],
) -> Result<Vec<Outcome>, Error> {
    if !placed.entity.definition().key.is_empty() {
        return keyed::ingest(database, client, placed, source, batches).await;
    }
    let work = async |session: &Session| append(session, client, placed, source, batches).await;
    database.transaction(client, work).await
}

async fn append(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    source: &str,
    batches: &[Batch],
) -> Result<Vec<Outcome>, Error> {
    session
        .execute(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))",
            &[&writers_lock(client, &placed.relation)],
        )
        .await?;
    unchanged(session, client, placed).await?;
    let marked = mark(session, client, placed.entity.code(), source, batches).await?;
    let new = first_of_each(batches, &marked);
    let facts: Vec<&Fact> = new.iter().flat_map(|batch| &batch.facts).collect();
    if !facts.is_empty() {
        let copying = copy::facts(session, client, placed, &facts).await?;
        // Summed up while the server is at work on the facts.
        let partials = Partials::of(&placed.entity, &facts);
        copying.finish().await?;
        for (grouping, rows) in placed.entity.groupings().iter().zip(&partials.groupings) {
            copy::partials(session, client, placed, grouping, rows).await?;
        }
        let minutes: BTreeSet<i64> = partials.minutes().collect();
        tell(session, client, placed, facts.len(), &minutes).await?;
    }
    reject(session, client, placed.entity.code(), &new).await?;
    Ok(outcomes(batches, &marked))
}

database::row! {
    struct Version {
        version: i32,
    }
}

/// Checks under the writers' lock that the definition by which the facts were mapped is still the stored one: a batch
/// that does not know a new grouping would leave a hole in it.
pub(crate) async fn unchanged(session: &Session, client: Uuid, placed: &Placed) -> Result<(), Error> {
    let code = placed.entity.code();
    let sql = "SELECT version FROM core.entities WHERE client_id = $1 AND code = $2";
    let stored: Option<Version> = session.row(sql, &[&client, &code]).await?;
    if stored.is_some_and(|stored| stored.version == placed.version) {
        return Ok(());
    }
    Err(Error::DefinitionChanged(code.to_owned()))
}
