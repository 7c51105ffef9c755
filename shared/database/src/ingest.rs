//! Facts, their partials, the rejects and the batches' marks, in one transaction.
//!
//! Partials are appended, never updated, so no batch waits on another's row. A batch that is marked already is skipped:
//! at least once in, once in effect.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use series::calendar::MINUTE_US;
use series::{Fact, Partials};
use uuid::Uuid;

use crate::connect::{Database, Edition, Error, Isolation, Session};
use crate::copy;
use crate::definitions::writers_lock;
use crate::relation::Placed;

/// Tries of a transaction that loses against a concurrent one before the caller is told.
pub(crate) const MAX_TRIES: usize = 5;

/// An event that was refused.
#[derive(Clone, Debug)]
pub struct Reject {
    /// Position of the event in its batch, or its row in the file.
    pub position: i32,
    /// Field that was wrong.
    pub field: String,
    /// Why.
    pub reason: String,
    /// The event as it was sent.
    pub original: String,
}

/// What one request or file brought.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Identity; the same batch has its effect once.
    pub id: Uuid,
    /// Identity of the sender's idempotency key, which only the first batch that comes with it may use.
    pub key: Option<Uuid>,
    /// Events that became facts.
    pub facts: Vec<Fact>,
    /// Events that did not.
    pub rejects: Vec<Reject>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The batch.
    pub batch: Uuid,
    /// Facts written now; 0 for a batch that was there before.
    pub written: usize,
    /// Whether it had had its effect before.
    pub duplicate: bool,
    /// Whether another batch used its key before: nothing of this one was written, and the caller refuses its events.
    pub key_taken: bool,
}

/// What `NOTIFY facts` tells of a commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Committed {
    /// Client whose facts changed.
    pub client: Uuid,
    /// Entity.
    pub entity: String,
    /// First minute that was touched, in microseconds since 1970.
    pub from_us: i64,
    /// End of the last minute that was touched.
    pub to_us: i64,
    /// Facts written.
    pub facts: usize,
}

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
        return crate::correct::ingest(database, client, placed, source, batches).await;
    }
    let session = database.session().await?;
    let edition = session.edition().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = append(&session, edition, client, placed, source, batches).await;
    session.finish(result).await
}

async fn append(
    session: &Session,
    edition: Edition,
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
        tell(session, edition, client, placed, facts.len(), &minutes).await?;
    }
    reject(session, client, placed.entity.code(), &new).await?;
    Ok(outcomes(batches, &marked))
}

/// Checks under the writers' lock that the definition by which the facts were mapped is still the stored one: a batch
/// that does not know a new grouping would leave a hole in it.
pub(crate) async fn unchanged(session: &Session, client: Uuid, placed: &Placed) -> Result<(), Error> {
    let code = placed.entity.code();
    let rows = session
        .query(
            "SELECT version FROM core.entities WHERE client_id = $1 AND code = $2",
            &[&client, &code],
        )
        .await?;
    if rows.first().map(|row| row.get::<_, i32>(0)) == Some(placed.version) {
        return Ok(());
    }
    Err(Error::DefinitionChanged(code.to_owned()))
}

/// The batches that have their effect now. SQS may deliver a message twice, in one call too: the first counts.
pub(crate) fn first_of_each<'b>(batches: &'b [Batch], marked: &Marked) -> Vec<&'b Batch> {
    let mut left = marked.fresh.clone();
    batches.iter().filter(|batch| left.remove(&batch.id)).collect()
}

pub(crate) fn outcomes(batches: &[Batch], marked: &Marked) -> Vec<Outcome> {
    let mut left = marked.fresh.clone();
    batches
        .iter()
        .map(|batch| {
            let fresh = left.remove(&batch.id);
            let key_taken = marked.key_taken.contains(&batch.id);
            Outcome {
                batch: batch.id,
                written: if fresh { batch.facts.len() } else { 0 },
                duplicate: !fresh && !key_taken,
                key_taken,
            }
        })
        .collect()
}

/// Which batches of a call have their effect now; those that are in neither set had it before.
pub(crate) struct Marked {
    fresh: BTreeSet<Uuid>,
    key_taken: BTreeSet<Uuid>,
}

/// Marks batches as having had their effect, those that had not before and whose keys no other batch used.
pub(crate) async fn mark(
    session: &Session,
    client: Uuid,
    entity: &str,
    source: &str,
    batches: &[Batch],
) -> Result<Marked, Error> {
    let ids: Vec<Uuid> = batches.iter().map(|batch| batch.id).collect();
    let keys: Vec<Option<Uuid>> = batches.iter().map(|batch| batch.key).collect();
    let accepted: Vec<i32> = batches.iter().map(|batch| count(batch.facts.len())).collect();
    let rejected: Vec<i32> = batches.iter().map(|batch| count(batch.rejects.len())).collect();
    let latest: Vec<Option<Timestamp>> = batches
        .iter()
        .map(|batch| batch.facts.iter().map(|fact| fact.time_us).max().map(copy::timestamp))
        .collect();
    let rows = session
        .query(
            "INSERT INTO core.batches (client_id, id, entity, source, key, accepted, rejected, latest)
             SELECT $1, b.id, $2, $3, b.key, b.accepted, b.rejected, b.latest
             FROM unnest($4::uuid[], $5::uuid[], $6::int[], $7::int[], $8::timestamptz[]) AS b (id, key, accepted, rejected, latest)
             ON CONFLICT DO NOTHING RETURNING id",
            &[&client, &entity, &source, &ids, &keys, &accepted, &rejected, &latest],
        )
        .await?;
    let fresh: BTreeSet<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let key_taken = key_taken(session, client, batches, &fresh).await?;
    Ok(Marked { fresh, key_taken })
}

/// Of the batches that could not be marked, those that are not there: it was their key that is.
async fn key_taken(
    session: &Session,
    client: Uuid,
    batches: &[Batch],
    fresh: &BTreeSet<Uuid>,
) -> Result<BTreeSet<Uuid>, Error> {
    let repeated = batches
        .iter()
        .filter(|batch| batch.key.is_some() && !fresh.contains(&batch.id));
    let mut left: BTreeSet<Uuid> = repeated.map(|batch| batch.id).collect();
    if !left.is_empty() {
        let ids: Vec<Uuid> = left.iter().copied().collect();
        let rows = session
            .query(
                "SELECT id FROM core.batches WHERE client_id = $1 AND id = ANY ($2)",
                &[&client, &ids],
            )
            .await?;
        for row in rows {
            left.remove(&row.get(0));
        }
    }
    Ok(left)
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// Tells readers what the transaction touched: on the Community edition that the aggregates lag there, and the publisher
/// by one NOTIFY, which takes effect at the commit.
pub(crate) async fn tell(
    session: &Session,
    edition: Edition,
    client: Uuid,
    placed: &Placed,
    facts: usize,
    minutes: &BTreeSet<i64>,
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (minutes.first().copied(), minutes.last().copied()) else {
        return Ok(());
    };
    if edition == Edition::Community {
        let (from, to): (Vec<_>, Vec<_>) = ranges(minutes)
            .into_iter()
            .map(|(from, to)| (copy::timestamp(from), copy::timestamp(to)))
            .unzip();
        session
            .execute(
                "INSERT INTO core.stale_ranges (schema_name, relation_name, client_id, from_time, to_time)
                 SELECT $1, $2, $3, r.from_time, r.to_time FROM unnest($4::timestamptz[], $5::timestamptz[]) AS r (from_time, to_time)",
                &[&placed.relation.schema, &placed.relation.name, &client, &from, &to],
            )
            .await?;
    }
    let committed = Committed {
        client,
        entity: placed.entity.code().to_owned(),
        from_us: first,
        to_us: last + MINUTE_US,
        facts,
    };
    let payload = serde_json::to_string(&committed).map_err(|error| Error::Stored {
        place: "notification".to_owned(),
        cause: error.to_string(),
    })?;
    session.execute("SELECT pg_notify('facts', $1)", &[&payload]).await?;
    Ok(())
}

/// Minutes as few ranges: gaps of up to an hour are bridged, which only makes readers take a little more from partials.
fn ranges(minutes: &BTreeSet<i64>) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for minute in minutes {
        match ranges.last_mut() {
            Some((_, to)) if minute - *to <= series::calendar::HOUR_US => *to = minute + MINUTE_US,
            _ => ranges.push((*minute, minute + MINUTE_US)),
        }
    }
    ranges
}

/// Writes dead letters.
pub(crate) async fn reject(session: &Session, client: Uuid, entity: &str, batches: &[&Batch]) -> Result<(), Error> {
    let rejects: Vec<(Uuid, &Reject)> = batches
        .iter()
        .flat_map(|batch| batch.rejects.iter().map(|reject| (batch.id, reject)))
        .collect();
    if rejects.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rejects.iter().map(|_| Uuid::now_v7()).collect();
    let batch_ids: Vec<Uuid> = rejects.iter().map(|(batch, _)| *batch).collect();
    let positions: Vec<i32> = rejects.iter().map(|(_, reject)| reject.position).collect();
    // PostgreSQL's text has no U+0000, which a sender may write anywhere, in a field's name too.
    let texts = |pick: fn(&Reject) -> &str| -> Vec<String> {
        let stored = |reject| pick(reject).replace('\0', "\u{fffd}");
        rejects.iter().map(|(_, reject)| stored(reject)).collect()
    };
    let fields = texts(|reject| &reject.field);
    let reasons = texts(|reject| &reject.reason);
    let originals = texts(|reject| &reject.original);
    session
        .execute(
            "INSERT INTO core.dead_letters (id, client_id, entity, batch_id, position, field, reason, original)
             SELECT r.id, $1, $2, r.batch_id, r.position, r.field, r.reason, r.original
             FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[], $8::text[]) AS r (id, batch_id, position, field, reason, original)",
            &[&client, &entity, &ids, &batch_ids, &positions, &fields, &reasons, &originals],
        )
        .await?;
    Ok(())
}

/// Writes batches whose events were all refused, such as those of an entity that does not exist.
///
/// # Errors
/// When the transaction can't be committed.
pub async fn refuse(
    database: &Database,
    client: Uuid,
    entity: &str,
    source: &str,
    batches: &[Batch],
) -> Result<Vec<Outcome>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = async {
        let marked = mark(&session, client, entity, source, batches).await?;
        let new = first_of_each(batches, &marked);
        reject(&session, client, entity, &new).await?;
        Ok(outcomes(batches, &marked))
    }
    .await;
    session.finish(result).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_minutes_become_one_range() {
        let minutes = |list: &[i64]| list.iter().map(|minute| minute * MINUTE_US).collect::<BTreeSet<_>>();
        assert_eq!(ranges(&minutes(&[0, 1, 30])), [(0, 31 * MINUTE_US)]);
        assert_eq!(
            ranges(&minutes(&[0, 62])),
            [(0, MINUTE_US), (62 * MINUTE_US, 63 * MINUTE_US)]
        );
    }
}
