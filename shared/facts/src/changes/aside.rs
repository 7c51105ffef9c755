//! Facts that are kept aside until they are put in the place of others: rows of the volume's facts under the negative of their entity's identity, which no
//! question, filling or count asks for, each under a number that is made of its batch.

use database::{Error, Session};
use uuid::Uuid;

use super::begin::Extent;
use crate::batch::reject;
use crate::chunks;
use crate::copy::{CopyingFacts, Writing};
use crate::key::key_of;
use crate::mark::{Mark, Marks, mark};
use crate::part::Part;
use crate::place::{Place, Placed, writers_lock};

/// The number of facts of a batch that are kept aside.
pub(super) fn number_of(batch: Uuid) -> i64 {
    let (first_half, _) = batch.as_u64_pair();
    i64::try_from(first_half >> 1).unwrap_or(i64::MAX)
}

/// Between what times a batch has facts that are kept aside.
pub(super) async fn extent(session: &Session, client: Uuid, placed: &Placed, batch: Uuid) -> Result<Extent, Error> {
    let Place { volume, id, .. } = &placed.place;
    let sql = format!(
        "SELECT min(time) AS first, max(time) AS last FROM {} WHERE client_id = $1 AND entity_id = $2 AND batch_number = $3",
        volume.facts()
    );
    let extent: Option<Extent> = session.row(&sql, &[&client, &-id, &number_of(batch)]).await?;
    Ok(extent.unwrap_or(Extent {
        first: None,
        last: None,
    }))
}

database::row! {
    struct Stored {
        version: i32,
        generation: i32,
        is_moving: bool,
    }
}

/// Keeps facts of parts aside, and marks how far their batches have come; letters are written as they are of others.
pub(crate) async fn write(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    source: &str,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    session.lock(&writers_lock(client, &placed.place)).await?;
    let sql = "SELECT version, generation, EXISTS (SELECT FROM core.moves m WHERE m.client_id = $1 AND m.entity_id = $2) AS is_moving
        FROM core.entities WHERE client_id = $1 AND id = $2";
    let stored: Option<Stored> = session.row(sql, &[&client, &placed.place.id]).await?;
    match stored {
        Some(Stored { is_moving: true, .. }) => return Err(Error::Unfinished),
        Some(stored) if stored.version == placed.version && stored.generation == placed.generation => {}
        _ => return Err(Error::DefinitionChanged(placed.entity.code().to_owned())),
    }
    let marks = mark(session, client, placed.entity.code(), source, 0, parts).await?;
    let new = marks.fresh(parts);
    for part in parts.iter().filter(|part| marks.of(part) == Mark::Fresh) {
        let batch_number = number_of(part.batch.id);
        forget_earlier(session, client, placed, batch_number, part).await?;
        let writing = Writing {
            client,
            placed,
            batch_number,
        };
        let mut copying = CopyingFacts::begin_aside(session, writing).await?;
        let facts = part.mapped().iter().map(|mapped| &mapped.fact);
        // The last one of each key, where there are keys.
        let mut kept = std::collections::BTreeMap::new();
        for (position, fact) in facts.enumerate() {
            let key = key_of(&placed.entity, fact).ok_or(position);
            kept.insert(key, fact);
        }
        copying.send(batch_number, kept.into_values()).await?;
        copying.finish().await?;
    }
    reject(session, client, placed.entity.code(), &new).await?;
    Ok(marks)
}

/// Rows of the same file that later ones have the keys of.
async fn forget_earlier(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    number: i64,
    part: &Part<'_>,
) -> Result<(), Error> {
    let facts = part.mapped().iter().map(|mapped| &mapped.fact);
    let keys: Vec<Uuid> = facts.filter_map(|fact| key_of(&placed.entity, fact)).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let condition = "f.client_id = $1 AND f.entity_id = $2 AND f.batch_number = $3 AND f.key = ANY ($4)";
    let table = format!("{} f", placed.place.volume.facts());
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [&client, &-placed.place.id, &number, &keys];
    for chunk in chunks::with_rows(session, &table, condition, &parameters).await? {
        let sql = format!("DELETE FROM {chunk} f WHERE {condition}");
        session.execute(&sql, &parameters).await?;
    }
    Ok(())
}

/// Lets go of some of what was kept aside of batches that are taken out before they were put in; how many there were.
pub(super) async fn forget(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    batches: &[Uuid],
    most: i64,
) -> Result<u64, Error> {
    let numbers: Vec<i64> = batches.iter().copied().map(number_of).collect();
    let few = format!(
        "(SELECT tableoid, ctid FROM {} WHERE client_id = $1 AND entity_id = $2 AND batch_number = ANY ($3) LIMIT $4) f",
        placed.place.volume.facts()
    );
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [&client, &-placed.place.id, &numbers, &most];
    let (mut gone, mut left) = (0, most);
    for chunk in chunks::with_rows(session, &few, "true", &parameters).await? {
        let sql = format!(
            "DELETE FROM {chunk} WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM {chunk} WHERE client_id = $1 AND entity_id = $2 AND batch_number = ANY ($3) LIMIT $4))"
        );
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [&client, &-placed.place.id, &numbers, &left];
        let rows = session.execute(&sql, &parameters).await?;
        gone += rows;
        left = (left - i64::try_from(rows).unwrap_or(left)).max(0);
    }
    Ok(gone)
}
