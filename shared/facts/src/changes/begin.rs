//! Beginnings of changes: what one is about is claimed under the lock of the entity's writers, so that no two are about the same facts at once.

use database::{Error, Session};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Kind, Wanted, aside, deletion};
use crate::place::{Placed, writers_lock};

database::row! {
    pub(super) struct Extent {
        pub(super) first: Option<Timestamp>,
        pub(super) last: Option<Timestamp>,
    }
}

database::row! {
    struct Id {
        id: Uuid,
    }
}

database::row! {
    /// A change that goes on, and that another one would be at odds with.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct InTheWay {
        /// Identity.
        pub id: Uuid,
        /// `undo`, `replacement` or `deletion`.
        pub kind: String,
    }
}

/// The change that goes on and has to end first: it takes the same batches out, or puts them back or in. What is deleted has to be gone before anything takes its
/// place or comes back, or it would come back with that. The caller has the writers' lock.
///
/// # Errors
/// When the statement fails.
pub async fn in_the_way(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    wanted: &Wanted<'_>,
) -> Result<Option<InTheWay>, Error> {
    let sql = "SELECT c.id, c.kind FROM core.changes c LEFT JOIN core.changes r ON r.client_id = $1 AND r.id = c.restores
        WHERE c.client_id = $1 AND c.entity_id = $2 AND c.finished_at IS NULL
            AND (c.batches && $3 OR c.adds = ANY ($3) OR coalesce(r.batches && $3, false) OR (c.kind = 'deletion' AND $4))
        ORDER BY c.began_at, c.id LIMIT 1";
    let waits_for_deletions = matches!(wanted.kind, Kind::Undo | Kind::Replacement);
    let parameters: [&(dyn ToSql + Sync); 4] = [&client, &placed.place.id, &wanted.batches, &waits_for_deletions];
    session.row(sql, &parameters).await
}

/// Begins a change, in a transaction: its batches bring nothing more from then on, and it goes on in steps.
///
/// # Errors
/// [`Error::Unfinished`] when another one is [in the way](in_the_way): nothing is written then. When a statement fails.
pub async fn begin(session: &Session, client: Uuid, placed: &Placed, wanted: &Wanted<'_>) -> Result<(), Error> {
    session.lock(&writers_lock(client, &placed.place)).await?;
    if in_the_way(session, client, placed, wanted).await?.is_some() {
        return Err(Error::Unfinished);
    }
    let batches = match wanted.kind {
        Kind::Discard => wanted.batches.to_vec(),
        _ => claim(session, client, wanted).await?,
    };
    let back = match wanted.restores {
        Some(earlier) => restore(session, client, earlier).await?,
        None => Vec::new(),
    };
    let extents = extents(session, client, placed, (wanted, &batches, &back)).await?;
    let first = extents.iter().filter_map(|extent| extent.first).min();
    let last = extents.iter().filter_map(|extent| extent.last).max();
    let [from, to] = [first, last].map(|time| time.unwrap_or(Timestamp::UNIX_EPOCH));
    // A deletion ends before its time, others behind their last fact.
    let to = wanted.deleted.map_or(to, |deleted| to.min(before(deleted.to)));
    let filter = wanted
        .deleted
        .map(|deleted| deleted.stored_filter(placed))
        .transpose()?;
    let sql = "INSERT INTO core.changes (client_id, id, entity_id, kind, batches, filter, up_to, adds, restores, done_to, to_time)
        VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11::timestamptz + interval '1 microsecond')";
    let parameters: [&(dyn ToSql + Sync); 11] = [
        &client,
        &wanted.id,
        &placed.place.id,
        &wanted.kind.name(),
        &batches,
        &filter,
        &wanted.deleted.map(|deleted: &deletion::Deleted| deleted.up_to),
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

/// Takes batches out of what counts, with their letters. Those that others have taken out before are theirs.
async fn claim(session: &Session, client: Uuid, wanted: &Wanted<'_>) -> Result<Vec<Uuid>, Error> {
    let sql = "UPDATE core.batches SET undone_by = $3, next_position = NULL WHERE client_id = $1 AND id = ANY ($2) AND undone_by IS NULL RETURNING id";
    let claimed: Vec<Id> = session.rows(sql, &[&client, &wanted.batches, &wanted.id]).await?;
    let claimed: Vec<Uuid> = claimed.into_iter().map(|batch| batch.id).collect();
    flag(session, client, &claimed, true).await?;
    Ok(claimed)
}

/// Has those batches count again that a change has taken out.
async fn restore(session: &Session, client: Uuid, earlier: Uuid) -> Result<Vec<Uuid>, Error> {
    let sql = "UPDATE core.batches b SET undone_by = NULL FROM core.changes c
        WHERE b.client_id = $1 AND c.client_id = $1 AND c.id = $2 AND b.id = ANY (c.batches) AND b.undone_by = $2 RETURNING b.id";
    let back: Vec<Id> = session.rows(sql, &[&client, &earlier]).await?;
    let back: Vec<Uuid> = back.into_iter().map(|batch| batch.id).collect();
    flag(session, client, &back, false).await?;
    Ok(back)
}

/// Says that facts and letters of batches are nobody's any more, or that they are again. Letters are not used from the moment on in which that is said, facts once
/// they are taken out.
async fn flag(session: &Session, client: Uuid, batches: &[Uuid], is_undone: bool) -> Result<(), Error> {
    let sql = "UPDATE core.commits SET is_undone = $3, undone_at = CASE WHEN $3 THEN clock_timestamp() END WHERE client_id = $1 AND batch_id = ANY ($2)";
    session.execute(sql, &[&client, &batches, &is_undone]).await?;
    let sql = "UPDATE core.dead_letters SET is_undone = $3 WHERE client_id = $1 AND batch_id = ANY ($2)";
    session.execute(sql, &[&client, &batches, &is_undone]).await?;
    let sql = "SELECT core.discount(begun_at, 0, CASE WHEN $3 THEN rejected ELSE -rejected END) FROM core.batches
        WHERE client_id = $1 AND id = ANY ($2) AND rejected > 0";
    session.query(sql, &[&client, &batches, &is_undone]).await.map(drop)
}

/// Between what times each part of a change has facts: of the batches that it takes out, of those that it puts back, and of what it puts in or deletes.
async fn extents(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    (wanted, batches, back): (&Wanted<'_>, &[Uuid], &[Uuid]),
) -> Result<Vec<Extent>, Error> {
    let id = placed.place.id;
    // What a change took out is within what its steps said of themselves; of a keyed entity others have taken some of it out.
    let back = back.iter().filter(|_| placed.entity.is_keyed());
    let all: Vec<Uuid> = batches.iter().chain(back).copied().chain(wanted.restores).collect();
    let sql = "SELECT min(first_time) AS first, max(last_time) AS last FROM core.commits WHERE client_id = $1 AND entity_id = $2 AND batch_id = ANY ($3)";
    let mut extents = session.rows(sql, &[&client, &id, &all]).await?;
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
