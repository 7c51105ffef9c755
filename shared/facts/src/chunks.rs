//! Deleting from a few chunks of a hypertable with many.
//!
//! To plan a DELETE on a hypertable, PostgreSQL opens and locks each of its chunks with its indexes, wherever the rows are: with 1,900 chunks that takes a
//! quarter of a second and 5,800 locks, of the 6,400 that a server has for all. A SELECT looks only at the chunks of its range. So the chunks that have
//! rows to delete are asked for first, in the snapshot of the same transaction, and the rows are deleted there.

use database::{Error, Session};
use tokio_postgres::types::ToSql;

database::row! {
    struct Chunk {
        name: String,
    }
}

/// The chunks of a hypertable, called `f`, that have rows which fulfil a condition, by their quoted names.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn with_rows(
    session: &Session,
    from: &str,
    condition: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<String>, Error> {
    let sql = format!("SELECT DISTINCT f.tableoid::regclass::text AS name FROM {from} WHERE {condition}");
    let chunks: Vec<Chunk> = session.rows(&sql, parameters).await?;
    Ok(chunks.into_iter().map(|chunk| chunk.name).collect())
}
