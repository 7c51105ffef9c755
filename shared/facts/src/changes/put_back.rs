//! Facts that are put back: what a change has taken out, and what keys of a keyed entity are [due](super::keys).
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
        first: Timestamp,
        last: Timestamp,
        facts: i64,
        last_number: Option<i64>,
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
    /// The first and the last time of the facts of each minute.
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
         SELECT min(time) AS first, max(time) AS last, count(*) AS facts, (SELECT max(new) FROM numbered)::bigint AS last_number
         FROM chosen GROUP BY date_trunc('minute', time)",
        placed.place.volume.facts()
    );
    let mut all: Vec<&(dyn ToSql + Sync)> = vec![&client, &placed.place.id, &number];
    all.extend(parameters);
    let put: Vec<Put> = session.rows(&sql, &all).await?;
    let times = put.iter().flat_map(|put| [put.first, put.last]);
    Ok(Back {
        times: times.map(Timestamp::as_microsecond).collect(),
        facts: put.iter().map(|put| usize::try_from(put.facts).unwrap_or(0)).sum(),
        last_number: put.iter().filter_map(|put| put.last_number).max().unwrap_or(number),
    })
}
