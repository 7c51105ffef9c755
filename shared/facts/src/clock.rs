//! The numbers of commits to an entity's facts, in the order of commits: by them facts and partials say what was known when.

use database::{Error, Session};
use uuid::Uuid;

use crate::place::Placed;

database::row! {
    struct Turn {
        version: i32,
        generation: i32,
        last: i64,
    }
}

/// The number of this transaction's commit. The caller has the writers' lock until it ends.
///
/// # Errors
/// When the definition or place by which facts were mapped is not the stored one any more: a batch that does not know a new grouping would leave a hole in
/// it, and one that does not know of a move would be lost.
pub(crate) async fn next_number(session: &Session, client: Uuid, placed: &Placed) -> Result<i64, Error> {
    let sql = "WITH clock AS (
             UPDATE core.clocks SET last = last + 1 WHERE client_id = $1 AND entity_id = $2 RETURNING last
         ), told AS (
             INSERT INTO core.commits (client_id, entity_id, batch_number) SELECT $1, $2, last FROM clock
         )
         SELECT e.version, e.generation, clock.last FROM core.entities e CROSS JOIN clock WHERE e.client_id = $1 AND e.id = $2";
    let turn: Option<Turn> = session.row(sql, &[&client, &placed.place.id]).await?;
    match turn {
        Some(turn) if turn.version == placed.version && turn.generation == placed.generation => Ok(turn.last),
        _ => Err(Error::DefinitionChanged(placed.entity.code().to_owned())),
    }
}
