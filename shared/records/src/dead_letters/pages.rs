//! Dead letters, in pages.

use database::{Database, Error};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{COLUMNS, DeadLetter};
use crate::lists::{Found, List, Selection};

/// How far the time in a letter's identity, which the function gave it that refused the event, and the time that the database received it may be apart.
const APART: SignedDuration = SignedDuration::from_hours(1);

/// Which dead letters are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Only of this entity.
    pub entity: Option<&'a str>,
    /// Only of this batch.
    pub batch: Option<Uuid>,
    /// Only those of which this field was wrong.
    pub field: Option<&'a str>,
    /// Only those with this text in their reason, in upper or lower case.
    pub reason: Option<&'a str>,
    /// Only those that were sent through again, or only those that were not.
    pub is_replayed: Option<bool>,
    /// Only those that were refused at this time or later.
    pub from: Option<Timestamp>,
    /// Only those that were refused before this time.
    pub to: Option<Timestamp>,
    /// Only those before this one.
    pub after: Option<Uuid>,
}

const LIST: List = List {
    table: "core.dead_letters",
    name: "letter",
    order: "letter.id DESC",
    columns: COLUMNS,
    joins: "",
};

/// A page of dead letters, newest first, by their identities.
///
/// # Errors
/// When the statement fails.
pub async fn page(
    database: &Database,
    client: Uuid,
    filter: &Filter<'_>,
    most: i64,
) -> Result<Found<DeadLetter, Uuid>, Error> {
    let first = filter
        .from
        .map(|from| first_of(from.saturating_sub(APART).unwrap_or(from)));
    let end = filter.to.map(|to| first_of(to.saturating_add(APART).unwrap_or(to)));
    let mut selection = Selection::of(&client);
    selection.always("NOT letter.is_undone");
    selection.found("letter.entity = {}", filter.entity.as_ref());
    selection.found("letter.batch_id = {}", filter.batch.as_ref());
    selection.found("letter.id >= {}", first.as_ref());
    selection.found("letter.id < {}", end.as_ref());
    selection.found("letter.id < {}", filter.after.as_ref());
    selection.matching("letter.received_at >= {}", filter.from.as_ref());
    selection.matching("letter.received_at < {}", filter.to.as_ref());
    selection.matching("letter.field = {}", filter.field.as_ref());
    selection.matching(
        "strpos(lower(letter.reason), lower({}::text)) > 0",
        filter.reason.as_ref(),
    );
    selection.matching("(letter.replayed_at IS NOT NULL) = {}", filter.is_replayed.as_ref());
    selection
        .read(database, &LIST, most, |letter: &DeadLetter| letter.id)
        .await
}

/// The first identity that a letter of a time may have: identities begin with the milliseconds.
fn first_of(time: Timestamp) -> Uuid {
    let milliseconds = u128::try_from(time.as_millisecond()).unwrap_or_default();
    Uuid::from_u128(milliseconds.min((1 << 48) - 1) << 80)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn identities_of_a_time_follow_its_first() {
        for (time, before, after) in [
            ("1900-01-01T00:00:00Z", None, Some(0)),
            ("1970-01-01T00:00:00Z", None, Some(0)),
            (
                "2026-03-28T10:00:00.001Z",
                Some(1_774_692_000_000),
                Some(1_774_692_000_001),
            ),
            (
                "9999-01-01T00:00:00Z",
                Some(253_370_764_799_999),
                Some(253_370_764_800_000),
            ),
        ] {
            let first = first_of(time.parse().unwrap());
            let id = |milliseconds: u64| {
                let (seconds, rest) = (milliseconds / 1_000, u32::try_from(milliseconds % 1_000).unwrap());
                Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, rest * 1_000_000))
            };
            assert!(before.is_none_or(|before| id(before) < first), "{time}");
            assert!(after.is_none_or(|after| id(after) >= first), "{time}");
        }
    }
}
