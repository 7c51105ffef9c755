//! How many facts an entity has: counted a part at a time, for long work to tell how far it is.

use database::{Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::place::Place;

/// Facts that are counted in one step, out of their index: as long as a step of the work itself.
pub(crate) const MAX_COUNTED: i64 = 100_000;

database::row! {
    /// What was counted in one step.
    pub(crate) struct Counted {
        pub(crate) facts: i64,
        /// Where counting goes on, after this time; nothing when all are counted.
        pub(crate) counted_to: Option<Timestamp>,
    }
}

/// Counts on after a time. Facts of one time are counted together.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn count_on(
    session: &Session,
    client: Uuid,
    place: &Place,
    after: Timestamp,
) -> Result<Counted, Error> {
    let sql = format!(
        "WITH last AS MATERIALIZED (
             SELECT time FROM {facts} WHERE client_id = $1 AND entity_id = $2 AND time > $3 ORDER BY time OFFSET $4::bigint LIMIT 1
         )
         SELECT count(*) AS facts, (SELECT time FROM last) AS counted_to FROM {facts}
         WHERE client_id = $1 AND entity_id = $2 AND time > $3 AND time <= coalesce((SELECT time FROM last), 'infinity')",
        facts = place.volume.facts()
    );
    let counted: Option<Counted> = session.row(&sql, &[&client, &place.id, &after, &MAX_COUNTED]).await?;
    Ok(counted.unwrap_or(Counted {
        facts: 0,
        counted_to: None,
    }))
}

/// How much of so many facts is done, in percent. It is less than 100 until all is: more may have come meanwhile.
#[must_use]
pub(crate) fn percent(done: i64, facts: i64) -> i64 {
    (100 * done / facts.max(1)).clamp(0, 99)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_told_by_who_has_done_it() {
        for (done, facts, expected) in [(0, 0, 0), (0, 7, 0), (3, 7, 42), (7, 7, 99), (9, 7, 99)] {
            assert_eq!(percent(done, facts), expected, "{done} of {facts}");
        }
    }
}
