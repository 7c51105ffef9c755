//! Batches: what one request or file brought, marked so that each has its effect once, and their refused events.

use std::collections::BTreeSet;

use database::{Database, Error, Session};
use jiff::Timestamp;
use series::Fact;
use uuid::Uuid;

use crate::copy::timestamp;

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

database::row! {
    struct BatchId {
        id: Uuid,
    }
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
        .map(|batch| batch.facts.iter().map(|fact| fact.time_us).max().map(timestamp))
        .collect();
    let fresh: Vec<BatchId> = session
        .rows(
            "INSERT INTO core.batches (client_id, id, entity, source, key, accepted, rejected, latest)
             SELECT $1, b.id, $2, $3, b.key, b.accepted, b.rejected, b.latest
             FROM unnest($4::uuid[], $5::uuid[], $6::int[], $7::int[], $8::timestamptz[]) AS b (id, key, accepted, rejected, latest)
             ON CONFLICT DO NOTHING RETURNING id",
            &[&client, &entity, &source, &ids, &keys, &accepted, &rejected, &latest],
        )
        .await?;
    let fresh: BTreeSet<Uuid> = fresh.into_iter().map(|batch| batch.id).collect();
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
        let sql = "SELECT id FROM core.batches WHERE client_id = $1 AND id = ANY ($2)";
        for BatchId { id } in session.rows(sql, &[&client, &ids]).await? {
            left.remove(&id);
        }
    }
    Ok(left)
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
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
    let work = async |session: &Session| {
        let marked = mark(session, client, entity, source, batches).await?;
        let new = first_of_each(batches, &marked);
        reject(session, client, entity, &new).await?;
        Ok(outcomes(batches, &marked))
    };
    database.transaction(client, work).await
}
