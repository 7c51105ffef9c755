//! The numbers of commits to an entity's facts, in the order of commits: by them facts and partials say what was known when.

use database::{Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::copy::timestamp;
use crate::part::Part;
use crate::place::Placed;

/// A commit with its number.
pub(crate) struct Numbered {
    pub(crate) number: i64,
    /// The last of the numbers that what it brings has: parts of batches have one each, from the commit's on.
    pub(crate) last_number: i64,
    /// Time of the first fact of the entity, or before.
    pub(crate) first: Timestamp,
    /// Time of the last one, or after.
    pub(crate) last: Timestamp,
    /// Whether the entity is being moved: the commit says what it touched.
    pub(crate) is_moving: bool,
}

impl Numbered {
    /// The same with numbers up to one.
    pub(crate) fn up_to(self, number: i64) -> Self {
        Self {
            last_number: self.last_number.max(number),
            ..self
        }
    }

    /// The same with the numbers of what it brings.
    pub(crate) fn with(self, brought: &[Brought]) -> Self {
        let last = brought.iter().map(|brought| brought.number).max();
        let last = last.unwrap_or(self.number);
        self.up_to(last)
    }
}

database::row! {
    struct Turn {
        version: i32,
        generation: i32,
        last: i64,
        first_time: Option<Timestamp>,
        last_time: Option<Timestamp>,
        is_moving: bool,
    }
}

/// The first and the last time of facts that a transaction brings; `None` where it brings none.
#[derive(Clone, Copy, Default)]
pub(crate) struct Span(Option<(Timestamp, Timestamp)>);

impl Span {
    pub(crate) fn of(parts: &[Part<'_>]) -> Self {
        let times = || parts.iter().flat_map(Part::mapped).map(|mapped| mapped.fact.time_us);
        Self(
            times()
                .min()
                .zip(times().max())
                .map(|(first, last)| (timestamp(first), timestamp(last))),
        )
    }
}

/// The number of this transaction's commit, and between what times all facts of the entity are, with those that it brings. The caller has the writers' lock
/// until it ends.
///
/// # Errors
/// When the definition or place by which facts were mapped is not the stored one any more: a batch that does not know a new grouping would leave a hole in
/// it, and one that does not know of a move would be lost.
pub(crate) async fn next_number(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    span: Span,
) -> Result<Numbered, Error> {
    let (first, last) = span.0.unzip();
    let sql = "WITH clock AS (
             UPDATE core.clocks SET last = last + 1, first_time = least(first_time, $3), last_time = greatest(last_time, $4)
             WHERE client_id = $1 AND entity_id = $2 RETURNING last, first_time, last_time
         ), told AS (
             INSERT INTO core.commits (client_id, entity_id, batch_number) SELECT $1, $2, last FROM clock
         )
         SELECT e.version, e.generation, clock.last, clock.first_time, clock.last_time,
             EXISTS (SELECT FROM core.moves m WHERE m.client_id = $1 AND m.entity_id = $2) AS is_moving
         FROM core.entities e CROSS JOIN clock WHERE e.client_id = $1 AND e.id = $2";
    let turn: Option<Turn> = session.row(sql, &[&client, &placed.place.id, &first, &last]).await?;
    match turn {
        Some(turn) if turn.version == placed.version && turn.generation == placed.generation => Ok(Numbered {
            number: turn.last,
            last_number: turn.last,
            first: turn.first_time.unwrap_or(Timestamp::UNIX_EPOCH),
            last: turn.last_time.unwrap_or(Timestamp::MAX),
            is_moving: turn.is_moving,
        }),
        _ => Err(Error::DefinitionChanged(placed.entity.code().to_owned())),
    }
}

/// Facts of one batch in a commit, under a number of their own.
pub(crate) struct Brought {
    pub(crate) batch: Uuid,
    pub(crate) number: i64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) facts: usize,
    /// Whether the batch can be taken out however old it is.
    pub(crate) is_kept: bool,
}

impl Brought {
    /// What parts bring that are numbered from a number on, each by its place among all of the transaction.
    pub(crate) fn of(first_number: i64, parts: &[Part<'_>], is_fresh: impl Fn(&Part<'_>) -> bool) -> Vec<Self> {
        let parts = (first_number..).zip(parts).filter(|(_, part)| is_fresh(part));
        let brought = parts.filter_map(|(number, part)| {
            let (first, last) = Span::of(std::slice::from_ref(part)).0?;
            Some(Self {
                batch: part.batch.id,
                number,
                first,
                last,
                facts: part.mapped().len(),
                is_kept: part.batch.is_kept(),
            })
        });
        brought.collect()
    }
}

/// Says whose facts the transaction has brought, and between what times they are, where that was not known when its number was taken.
pub(crate) async fn attribute(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    brought: &[Brought],
) -> Result<(), Error> {
    let Some(last_number) = brought.iter().map(|brought| brought.number).max() else {
        return Ok(());
    };
    let sql = "WITH told AS (
             INSERT INTO core.commits (client_id, entity_id, batch_number, batch_id, first_time, last_time, facts, is_kept)
             SELECT $1, $2, b.* FROM unnest($3::bigint[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::boolean[]) AS b
             ON CONFLICT (entity_id, batch_number) DO UPDATE SET batch_id = excluded.batch_id, first_time = excluded.first_time,
                 last_time = excluded.last_time, facts = excluded.facts, is_kept = excluded.is_kept
         )
         UPDATE core.clocks SET last = greatest(last, $9), first_time = least(first_time, $10), last_time = greatest(last_time, $11)
         WHERE client_id = $1 AND entity_id = $2";
    let numbers: Vec<i64> = brought.iter().map(|brought| brought.number).collect();
    let batches: Vec<Uuid> = brought.iter().map(|brought| brought.batch).collect();
    let first: Vec<Timestamp> = brought.iter().map(|brought| brought.first).collect();
    let last: Vec<Timestamp> = brought.iter().map(|brought| brought.last).collect();
    let count = |brought: &Brought| i64::try_from(brought.facts).unwrap_or(i64::MAX);
    let facts: Vec<i64> = brought.iter().map(count).collect();
    let kept: Vec<bool> = brought.iter().map(|brought| brought.is_kept).collect();
    let id = placed.place.id;
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 11] = [
        &client,
        &id,
        &numbers,
        &batches,
        &first,
        &last,
        &facts,
        &kept,
        &last_number,
        &first.iter().min(),
        &last.iter().max(),
    ];
    session.execute(sql, &parameters).await.map(drop)
}
