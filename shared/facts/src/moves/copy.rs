//! What was there when a move began, copied range by range.

use std::time::Duration;

use catalog::Level;
use database::{Edition, Error, Session};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Move;
use crate::copy::timestamp;
use crate::fill::MAX_STEP;
use crate::place::Placed;
use crate::work::MAX_STEP_TIME;

/// How the rows of a table are found in ranges: the order of [`Volume::tables`](crate::Volume::tables).
struct Shape {
    /// Column of the ranges.
    order: &'static str,
    /// Whether each grouping has ranges of its own, as its index has them.
    is_grouped: bool,
    /// Column of the commit by which a row came, where commits bring rows.
    number: Option<&'static str>,
}

impl Shape {
    const fn of(table: usize) -> Self {
        let (order, is_grouped, number) = match table {
            0 => ("time", false, Some("batch_number")),
            1 => (REPLACED_BY, false, Some(REPLACED_BY)),
            2 => ("bucket", true, Some("batch_number")),
            _ => ("bucket", true, None),
        };
        Self {
            order,
            is_grouped,
            number,
        }
    }

    fn is_time(&self) -> bool {
        self.order != REPLACED_BY
    }

    /// Its column as a number that orders alike.
    fn position(&self) -> String {
        if self.is_time() {
            format!("(extract(epoch FROM {}) * 1000000)::bigint", self.order)
        } else {
            self.order.to_owned()
        }
    }

    /// The rows of the entity from $3 on, that came by commit $4 or before.
    fn rows(&self, grouping_id: i16) -> String {
        let of_grouping = if self.is_grouped {
            format!(" AND grouping_id = {grouping_id}")
        } else {
            String::new()
        };
        let number = self.number.map_or("0".to_owned(), str::to_owned);
        format!(
            "client_id = $1 AND entity_id = $2{of_grouping} AND {} >= $3 AND {number} <= $4::bigint",
            self.order
        )
    }
}

const REPLACED_BY: &str = "replaced_by";

/// Where copying is.
#[derive(Clone, Copy)]
struct Place {
    table: usize,
    grouping_id: i16,
    from: i64,
}

database::row! {
    struct Next {
        position: i64,
    }
}

/// Copies ranges until they are as much as a step, or all tables are done.
pub(super) async fn ranges(session: &Session, placed: &Placed, moving: &Move, tables: &[String]) -> Result<(), Error> {
    let [_, to] = moving.volumes();
    let new_tables = to.tables(session.edition().await?);
    let mut at = Place {
        table: usize::try_from(moving.piece).unwrap_or(usize::MAX),
        grouping_id: moving.grouping_id,
        from: moving.position.unwrap_or(0),
    };
    let (mut rows, mut facts) = (0, 0);
    while let (Some(old), Some(new)) = (tables.get(at.table), new_tables.get(at.table)) {
        if rows >= MAX_STEP {
            break;
        }
        session.limit_transaction(MAX_STEP_TIME).await?;
        let (copied, next) = range(session, moving, [old, new], at).await?;
        rows += copied;
        facts += if at.table == 0 { copied } else { 0 };
        at = match next {
            Some(from) => Place { from, ..at },
            None => after(placed, at),
        };
    }
    let sql = "UPDATE core.moves SET piece = $3, grouping_id = $4, position = $5, copied = copied + $6 WHERE client_id = $1 AND entity_id = $2";
    let piece = i32::try_from(at.table).unwrap_or(i32::MAX);
    let (client, id) = (moving.client_id, moving.entity_id);
    session
        .execute(sql, &[&client, &id, &piece, &at.grouping_id, &at.from, &facts])
        .await
        .map(drop)
}

/// The next grouping of a table, or the next table.
fn after(placed: &Placed, at: Place) -> Place {
    let mut groupings = placed.place.layout.groupings().map(|(id, _)| id);
    let next = groupings.find(|id| *id > at.grouping_id);
    match next.filter(|_| Shape::of(at.table).is_grouped) {
        Some(grouping_id) => Place {
            grouping_id,
            from: 0,
            ..at
        },
        None => Place {
            table: at.table + 1,
            grouping_id: 0,
            from: 0,
        },
    }
}

/// Copies the next range of a table, and returns how many rows it had and where the one after it begins.
async fn range(
    session: &Session,
    moving: &Move,
    [old, new]: [&String; 2],
    at: Place,
) -> Result<(i64, Option<i64>), Error> {
    let (client, id) = (moving.client_id, moving.entity_id);
    let shape = Shape::of(at.table);
    let rows = shape.rows(at.grouping_id);
    let bounds = |position: i64| (timestamp(position), position);
    let from = bounds(at.from);
    let from: &(dyn ToSql + Sync) = if shape.is_time() { &from.0 } else { &from.1 };
    let sql = format!(
        "SELECT {} AS position FROM {old} WHERE {rows} ORDER BY {} OFFSET $5::bigint LIMIT 1",
        shape.position(),
        shape.order
    );
    let next: Option<Next> = session
        .row(&sql, &[&client, &id, from, &moving.number, &MAX_STEP])
        .await?;
    // Rows of one time, or of one number, are one range, however many they are.
    let next = next.map(|next| next.position.max(at.from + 1));
    let to = bounds(next.unwrap_or(i64::MAX));
    let to: &(dyn ToSql + Sync) = if shape.is_time() { &to.0 } else { &to.1 };
    let rows = format!("{rows} AND {} < $5", shape.order);
    let parameters = [&client as &(dyn ToSql + Sync), &id, from, &moving.number, to];
    let copied = alike(session, MAX_STEP_TIME, [old, new], "", &rows, &parameters).await?;
    if copied > 0 && session.edition().await? == Edition::Community && shape.is_grouped {
        lagging(session, moving, new, &rows, &parameters).await?;
    }
    Ok((copied, next))
}

database::row! {
    /// What rows are, in short.
    #[derive(PartialEq, Eq)]
    struct Sum {
        rows: i64,
        hash: String,
    }
}

/// Copies the rows that fulfil a condition, and holds the copy against them. What they are joined with ends with a comma. It
/// takes until `limit` after the transaction's beginning at most. Returns how many there are.
pub(super) async fn alike(
    session: &Session,
    limit: Duration,
    [old, new]: [&String; 2],
    joined: &str,
    rows: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<i64, Error> {
    let insert = format!("INSERT INTO {new} SELECT t.* FROM {joined}{old} t WHERE {rows}");
    session.limit_transaction(limit).await?;
    session.execute(&insert, parameters).await?;
    let sum = |table: &String| {
        format!(
            "SELECT count(*) AS rows, coalesce(sum(hash_record_extended(t, 0)::numeric), 0)::text AS hash FROM {joined}{table} t WHERE {rows}"
        )
    };
    session.limit_transaction(limit).await?;
    let original: Option<Sum> = session.row(&sum(old), parameters).await?;
    session.limit_transaction(limit).await?;
    let copy: Option<Sum> = session.row(&sum(new), parameters).await?;
    match (original, copy) {
        (Some(original), Some(copy)) if original == copy => Ok(original.rows),
        (original, copy) => Err(Error::Stored {
            place: format!("a copy in {new}"),
            cause: format!(
                "it has {:?} rows and not {:?}, or others: give the move up and begin it anew",
                copy.map(|sum| sum.rows),
                original.map(|sum| sum.rows)
            ),
        }),
    }
}

/// Has the upkeep refresh the aggregates over what was copied (Community edition), a part at a time and for nobody's sake yet.
async fn lagging(
    session: &Session,
    moving: &Move,
    new: &str,
    rows: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
         SELECT $6, $7, 0, min(bucket), max(bucket) + interval '1 {}' FROM {new} WHERE {rows} HAVING count(*) > 0",
        Level::Day
    );
    let nobody = Uuid::nil();
    let mut all = parameters.to_vec();
    all.extend([&moving.to_volume as &(dyn ToSql + Sync), &nobody]);
    session.execute(&sql, &all).await.map(drop)
}
