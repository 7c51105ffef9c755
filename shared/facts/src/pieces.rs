//! Batches that come in pieces, as those of files do: where one begins, how far it has come, and its end. The positions of a batch are rows of its file,
//! so a piece goes on exactly where the one before ended, whatever the pieces were cut by.

use database::{Error, Session};
use uuid::Uuid;

use crate::batch::{Batch, Reject, reject};
use crate::mark::{Mark, mark};
use crate::part::Part;

/// A batch that comes in pieces.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// Its client.
    pub client: Uuid,
    /// Identity.
    pub id: Uuid,
    /// Entity.
    pub entity: &'a str,
    /// Where it comes from.
    pub source: &'a str,
}

/// How far a batch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Events before this position have had their effect; so many of them were refused.
    Position(i32, i32),
    /// All that there is of it has had its effect.
    End,
}

database::row! {
    struct Progress {
        rejected: i32,
        next_position: Option<i32>,
    }
}

/// How far a batch has come. One of which nothing is there begins at a position: what is before it came in other batches.
///
/// # Errors
/// When a statement fails.
pub async fn reached(session: &Session, whole: Whole<'_>, begins_at: i32) -> Result<Reached, Error> {
    let Whole {
        client,
        id,
        entity,
        source,
    } = whole;
    if begins_at > 0 {
        let sql = "INSERT INTO core.batches (client_id, id, entity, source, accepted, rejected, next_position)
            VALUES ($1, $2, $3, $4, 0, 0, $5) ON CONFLICT DO NOTHING";
        session
            .execute(sql, &[&client, &id, &entity, &source, &begins_at])
            .await?;
    }
    let sql = "SELECT rejected, next_position FROM core.batches WHERE client_id = $1 AND id = $2";
    let progress: Option<Progress> = session.row(sql, &[&client, &id]).await?;
    Ok(match progress {
        None => Reached::Position(0, 0),
        Some(Progress {
            rejected,
            next_position: Some(position),
        }) => Reached::Position(position, rejected),
        Some(_) => Reached::End,
    })
}

/// Ends a batch that has come as far as a position, where the event that is given is refused, or nothing more is.
///
/// # Errors
/// [`Error::Unfinished`] when it has come further or less far, or has ended: nothing is written then. When a statement fails.
pub async fn end(session: &Session, whole: Whole<'_>, position: i32, refused: Option<Reject>) -> Result<(), Error> {
    let Whole {
        client,
        id,
        entity,
        source,
    } = whole;
    let mut batch = Batch::piece(id, position, None);
    refused.into_iter().for_each(|reject| batch.refuse(reject));
    let parts = [Part::whole(&batch)];
    // Without facts there is no commit to number.
    let marks = mark(session, client, entity, source, 0, &parts).await?;
    if marks.of(&parts[0]) != Mark::Fresh {
        return Err(Error::Unfinished);
    }
    reject(session, client, entity, &parts).await
}
