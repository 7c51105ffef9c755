//! Marks: how far each batch has come. A mark is written in the transaction of what it tells, so that each event of a batch has its effect once,
//! however often the batch comes and wherever it is cut off.

use std::collections::{BTreeMap, BTreeSet};

use database::{Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::copy::timestamp;
use crate::part::Part;

/// What a transaction may do with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Write it: its mark is set by this transaction.
    Fresh,
    /// Nothing: the batch has had its effect.
    Finished,
    /// Nothing: the batch goes on at this position.
    Elsewhere(i32),
    /// Nothing: another batch used its key before.
    KeyTaken,
}

/// The marks of a transaction's parts, each of a batch of its own.
pub(crate) struct Marks(BTreeMap<Uuid, Mark>);

impl Marks {
    pub(crate) fn of(&self, part: &Part<'_>) -> Mark {
        self.0.get(&part.batch.id).copied().unwrap_or(Mark::KeyTaken)
    }

    /// The parts that are written now.
    pub(crate) fn fresh<'b>(&self, parts: &[Part<'b>]) -> Vec<Part<'b>> {
        let fresh = parts.iter().filter(|part| self.of(part) == Mark::Fresh);
        fresh.copied().collect()
    }
}

database::row! {
    struct BatchId {
        id: Uuid,
    }
}

database::row! {
    struct Progress {
        id: Uuid,
        next_position: Option<i32>,
    }
}

/// What the statements need to know of parts, in columns.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    keys: Vec<Option<Uuid>>,
    accepted: Vec<i32>,
    rejected: Vec<i32>,
    latest: Vec<Option<Timestamp>>,
    from: Vec<i32>,
    to: Vec<Option<i32>>,
    numbers: Vec<Option<i64>>,
}

impl Columns {
    /// Of parts with the numbers of their facts.
    fn of<'p>(parts: impl Iterator<Item = (Option<i64>, &'p Part<'p>)>) -> Self {
        let mut columns = Self::default();
        for (number, part) in parts {
            columns.numbers.push(number);
            let latest = part.mapped().iter().map(|mapped| mapped.fact.time_us).max();
            columns.ids.push(part.batch.id);
            columns.keys.push(part.batch.key);
            columns.accepted.push(count(part.mapped().len()));
            columns.rejected.push(count(part.rejects().len()));
            columns.latest.push(latest.map(timestamp));
            columns.from.push(part.from);
            columns.to.push(part.to);
        }
        columns
    }
}

/// Marks parts as having had their effect: those of batches that have come exactly as far as where the part begins. Their numbers go from the commit's on, by
/// their places; 0 is no commit.
pub(crate) async fn mark(
    session: &Session,
    client: Uuid,
    entity: &str,
    source: &str,
    batch_number: i64,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    let mut marks: BTreeMap<Uuid, Mark> = BTreeMap::new();
    let numbered = || {
        let numbers = (batch_number..).map(|number| Some(number).filter(|_| batch_number > 0));
        numbers.zip(parts)
    };
    let first = Columns::of(numbered().filter(|(_, part)| part.is_first()));
    if !first.ids.is_empty() {
        let fresh = begin(session, client, (entity, source), &first).await?;
        marks.extend(fresh.into_iter().map(|batch| (batch.id, Mark::Fresh)));
    }
    let further = Columns::of(numbered().filter(|(_, part)| !part.is_first()));
    if !further.ids.is_empty() {
        let fresh = go_on(session, client, &further).await?;
        marks.extend(fresh.into_iter().map(|batch| (batch.id, Mark::Fresh)));
    }
    let ids = parts.iter().map(|part| part.batch.id);
    let other: BTreeSet<Uuid> = ids.filter(|id| !marks.contains_key(id)).collect();
    if !other.is_empty() {
        // A batch that is not there could not begin because of its key.
        let other: Vec<Uuid> = other.into_iter().collect();
        let sql = "SELECT id, next_position FROM core.batches WHERE client_id = $1 AND id = ANY ($2)";
        let known: Vec<Progress> = session.rows(sql, &[&client, &other]).await?;
        let mark = |batch: Progress| (batch.id, batch.next_position.map_or(Mark::Finished, Mark::Elsewhere));
        marks.extend(known.into_iter().map(mark));
    }
    Ok(Marks(marks))
}

async fn begin(
    session: &Session,
    client: Uuid,
    (entity, source): (&str, &str),
    parts: &Columns,
) -> Result<Vec<BatchId>, Error> {
    let sql = "INSERT INTO core.batches (client_id, id, entity, source, key, accepted, rejected, latest, next_position, batch_number)
         SELECT $1, p.id, $2, $3, p.key, p.accepted, p.rejected, p.latest, p.next_position, p.batch_number
         FROM unnest($4::uuid[], $5::uuid[], $6::int[], $7::int[], $8::timestamptz[], $9::int[], $10::bigint[])
             AS p (id, key, accepted, rejected, latest, next_position, batch_number)
         ON CONFLICT DO NOTHING RETURNING id";
    let Columns {
        ids,
        keys,
        accepted,
        rejected,
        latest,
        to,
        numbers,
        ..
    } = parts;
    session
        .rows(
            sql,
            &[
                &client, &entity, &source, ids, keys, accepted, rejected, latest, to, numbers,
            ],
        )
        .await
}

async fn go_on(session: &Session, client: Uuid, parts: &Columns) -> Result<Vec<BatchId>, Error> {
    let sql = "UPDATE core.batches b
         SET accepted = b.accepted + p.accepted, rejected = b.rejected + p.rejected, latest = greatest(b.latest, p.latest),
             next_position = p.next_position, finished_at = clock_timestamp(),
             batch_number = greatest(b.batch_number, p.batch_number)
         FROM unnest($2::uuid[], $3::int[], $4::int[], $5::timestamptz[], $6::int[], $7::int[], $8::bigint[])
             AS p (id, accepted, rejected, latest, position, next_position, batch_number)
         WHERE b.client_id = $1 AND b.id = p.id AND b.next_position = p.position RETURNING b.id";
    let Columns {
        ids,
        accepted,
        rejected,
        latest,
        from,
        to,
        numbers,
        ..
    } = parts;
    session
        .rows(sql, &[&client, ids, accepted, rejected, latest, from, to, numbers])
        .await
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
