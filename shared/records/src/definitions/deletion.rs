//! An entity goes: its definition at once, and what is left of it in parts.
//!
//! One transaction takes the definition out, under the lock of the client's definitions, so that no KPI comes to read it, and the writers' lock, so that no batch
//! is half written by it. From then on nobody can ask for it, and what comes for it is refused as of any entity that there is not. Its facts and rollups are
//! those of an identity that nothing has any more, so none of them is ever read again, also when the code is defined anew; the upkeep clears them
//! ([`facts::leftovers`]), as it clears what an entity leaves that moves. What names it by its code goes in steps ([`super::codes`]).

use database::{Database, Error};
use facts::Placed;
use facts::place::KPI_VALUE;

use super::change::{Change, change};
use super::entities::{Stored, has_facts, stored};
use super::versions::{Kind, Made, New};
use super::{Author, Written, uses};

/// Deletes an entity that nothing uses. One that has facts goes only `with_facts`: then its dead letters go, too; else they stay, and can be replayed once the code is
/// defined anew.
///
/// # Errors
/// When a statement fails; nothing is deleted then.
pub async fn delete_entity(
    database: &Database,
    author: impl Into<Author>,
    old: &Placed,
    expected: Option<i32>,
    with_facts: bool,
) -> Result<Written, Error> {
    if old.entity.code() == KPI_VALUE {
        return Ok(Written::BuiltIn);
    }
    change(database, author, async |change| {
        delete(&change, old, expected, with_facts).await
    })
    .await
}

async fn delete(change: &Change<'_>, old: &Placed, expected: Option<i32>, with_facts: bool) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    let known = change.known().await?;
    change.lock_writers(&old.place).await?;
    let Some(Stored { version, generation }) = stored(change, old).await? else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) || version != old.version || generation != old.generation {
        return Ok(Written::Stale(version));
    }
    let users = uses::of_entity(change, &known, old).await?;
    if !users.is_empty() {
        return Ok(Written::InUse(users));
    }
    if !with_facts && has_facts(session, *client, &old.place).await? {
        return Ok(Written::HasFacts);
    }
    // What is kept aside of it is under the negative of its identity.
    let sql = "WITH gone AS (
             DELETE FROM core.entities WHERE client_id = $1 AND id = $2 RETURNING client_id, id, code, volume
         ), left_behind AS (
             INSERT INTO core.leftovers (volume, client_id, entity_id) SELECT volume, client_id, unnest(ARRAY[id, -id]) FROM gone ON CONFLICT DO NOTHING
         ), led AS (
             UPDATE core.departed_codes SET new_code = NULL, keeps_letters = NOT $3 WHERE client_id = $1 AND entity_id = $2
         )
         INSERT INTO core.departed_codes (client_id, code, entity_id, keeps_letters) SELECT client_id, code, id, NOT $3 FROM gone";
    session.execute(sql, &[client, &old.place.id, &with_facts]).await?;
    let end = New::end(old.entity.code(), version + 1);
    change.keep(Kind::Entity, Made::Deleted, vec![end]).await?;
    Ok(Written::Stored(version))
}
