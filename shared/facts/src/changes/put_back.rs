//! Facts that are put back: what a change has taken out, and what the facts of a keyed entity had replaced that are taken out now.
//!
//! A fact that comes back has a new number, as a commit has that brings it, and the commit says whose it is and by which number it first came. So what was
//! known at any time stays a comparison of numbers, and whose batch it is can be undone later.

use std::collections::BTreeSet;

use database::{Error, Session};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::place::Placed;

database::row! {
    struct ColumnName {
        name: String,
    }
}

database::row! {
    struct Put {
        time: Timestamp,
        last: Option<i64>,
    }
}

database::row! {
    /// A fact that others replaced.
    pub(super) struct Earlier {
        pub(super) key: Uuid,
        pub(super) batch_number: i64,
        pub(super) replaced_by: i64,
    }
}

/// Columns of facts, but for the number and the entity.
pub(super) async fn columns(session: &Session, placed: &Placed) -> Result<Vec<String>, Error> {
    let sql = "SELECT quote_ident(attname) AS name FROM pg_attribute
        WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('batch_number', 'entity_id') ORDER BY attnum";
    let columns: Vec<ColumnName> = session.rows(sql, &[&placed.place.volume.facts()]).await?;
    Ok(columns.into_iter().map(|column| column.name).collect())
}

/// What comes back.
pub(super) struct Back {
    /// Times of the facts.
    pub(super) times: BTreeSet<i64>,
    /// How many there are.
    pub(super) facts: usize,
    /// The last number that one of them has.
    pub(super) last_number: i64,
}

/// Puts replaced facts back under numbers after `number`, one for each of the numbers that they had. `chosen` selects them, with parameters from $4 on.
pub(super) async fn put_back(
    session: &Session,
    (client, placed): (Uuid, &Placed),
    number: i64,
    chosen: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Back, Error> {
    let columns = columns(session, placed).await?;
    let names: String = columns.iter().map(|name| format!(", {name}")).collect();
    let values: String = columns.iter().map(|name| format!(", chosen.{name}")).collect();
    let sql = format!(
        "WITH chosen AS MATERIALIZED ({chosen}), numbered AS (
             SELECT batch_number AS old, $3::bigint + row_number() OVER (ORDER BY batch_number) AS new, min(time) AS first, max(time) AS last,
                 count(*) AS facts
             FROM chosen GROUP BY batch_number
         ), told AS (
             INSERT INTO core.commits (client_id, entity_id, batch_number, batch_id, first_time, last_time, facts, is_kept, origin)
             SELECT $1, $2, n.new, c.batch_id, n.first, n.last, n.facts, coalesce(c.is_kept, false), coalesce(c.origin, n.old)
             FROM numbered n LEFT JOIN core.commits c ON c.client_id = $1 AND c.entity_id = $2 AND c.batch_number = n.old
         ), put AS (
             INSERT INTO {} (entity_id, batch_number{names})
             SELECT $2, n.new{values} FROM chosen JOIN numbered n ON n.old = chosen.batch_number
         )
         SELECT chosen.time, (SELECT max(new) FROM numbered) AS last FROM chosen",
        placed.place.volume.facts()
    );
    let mut all: Vec<&(dyn ToSql + Sync)> = vec![&client, &placed.place.id, &number];
    all.extend(parameters);
    let put: Vec<Put> = session.rows(&sql, &all).await?;
    Ok(Back {
        times: put.iter().map(|put| put.time.as_microsecond()).collect(),
        facts: put.len(),
        last_number: put.iter().filter_map(|put| put.last).max().unwrap_or(number),
    })
}

/// What each of some keys was before their facts came by some numbers: the last fact that was not taken out itself. `None` where none is kept.
pub(super) async fn earlier(
    session: &Session,
    (client, placed): (Uuid, &Placed),
    (keys, numbers): (&[Uuid], &[i64]),
) -> Result<Vec<Earlier>, Error> {
    let replaced = placed.place.volume.replaced();
    let sql = format!(
        "WITH RECURSIVE chain AS (
             SELECT gone.key, coalesce(c.origin, gone.number) AS number, false AS is_found, NULL::bigint AS batch_number, NULL::bigint AS replaced_by
             FROM unnest($3::uuid[], $4::bigint[]) AS gone (key, number)
             LEFT JOIN core.commits c ON c.client_id = $1 AND c.entity_id = $2 AND c.batch_number = gone.number
             UNION
             SELECT r.key, coalesce(c.origin, r.batch_number), NOT coalesce(c.is_undone, false), r.batch_number, r.replaced_by
             FROM chain JOIN {replaced} r ON r.client_id = $1 AND r.entity_id = $2 AND r.key = chain.key AND r.replaced_by = chain.number
             LEFT JOIN core.commits c ON c.client_id = $1 AND c.entity_id = $2 AND c.batch_number = r.batch_number
             WHERE NOT chain.is_found
         )
         SELECT DISTINCT ON (key) key, batch_number, replaced_by FROM chain WHERE is_found ORDER BY key, batch_number DESC"
    );
    session.rows(&sql, &[&client, &placed.place.id, &keys, &numbers]).await
}
