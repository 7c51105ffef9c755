//! A client moves to another database.

use anyhow::{Result, bail};
use database::Database;
use records::cells;
use serde::Serialize;

use crate::Request;

/// Where the client is.
#[derive(Debug, Serialize)]
pub(crate) struct Placed {
    /// Name of the cell in which it was, or `home`.
    pub from: String,
    /// Name of the cell in which it is, or `home`.
    pub cell: String,
    /// Rows that were moved.
    pub rows: i64,
}

/// Moves a client. What is cut off leaves it in one place or the other, and the same request goes on there.
pub(crate) async fn place(database: &Database, request: &Request, cell: &str) -> Result<Placed> {
    if request.entity.is_some() || request.volume.is_some() || request.cancel {
        bail!(
            "a cell is for a client as a whole, and a move to one ends with the invocation: name no entity and no volume with it, and don't cancel it"
        );
    }
    let placement = cells::place(database, request.client, cell).await?;
    Ok(Placed {
        from: placement.from,
        cell: placement.to,
        rows: placement.rows,
    })
}
