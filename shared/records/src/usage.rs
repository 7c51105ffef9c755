//! What clients use: facts, dead letters, entities and KPIs; what is counted of that, and what is let go of after its time.

use std::time::Instant;

use database::{Database, Error};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// How long dead letters, and what became of batches and files, are kept. A batch's mark keeps it from counting twice: this is well over the 14 days for
/// which a queue keeps a message, and as long as what was known of facts before.
pub const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);

/// The most dead letters, batches and files, of each, that one statement lets go of: half a second.
pub const MAX_FORGOTTEN: i64 = 10_000;

/// Hours before the last counted one that are counted anew each time: a batch that is written in several transactions, or comes again, was begun in them.
const RECOUNTED: i64 = 2;

/// Hours before now one of which is counted anew each time, in turns, for batches that went on much later.
const REVISITED: i64 = 48;

/// The most hours of a client that are counted in one go: those of one that is new, at 0.2 ms each where nothing has come.
const MAX_HOURS: i64 = REVISITED + RECOUNTED;

const HOUR_SECONDS: i64 = 3_600;

/// Seconds after which another hour is revisited.
const TURN_SECONDS: i64 = 300;

database::row! {
    /// A client that is to be counted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ToCount {
        /// The client.
        pub client_id: Uuid,
        /// The last hour that was counted; `None` where none was.
        pub counted_to: Option<Timestamp>,
    }
}

database::row! {
    /// What a client has stored.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Stored {
        /// Facts that were accepted, as they were counted last. One that another replaced by its key still counts.
        pub facts: i64,
        /// Dead letters that are kept, as they were counted last.
        pub letters: i64,
        /// Entities.
        pub entities: i64,
        /// KPIs.
        pub kpis: i64,
    }
}

database::row! {
    struct Forgotten {
        forgotten: i64,
    }
}

/// The clients of a database, those first whose counting was tried the longest ago.
///
/// # Errors
/// When the statement fails.
pub async fn clients_to_count(database: &Database) -> Result<Vec<ToCount>, Error> {
    let sql = "SELECT client_id, counted_to FROM core.clients_to_count()";
    database.session().await?.rows(sql, &[]).await
}

/// Counts the hours of a client that may have changed since it was counted last, each in a statement of its own, until the time is over: what was counted
/// stays so, and the next call goes on.
///
/// # Errors
/// When a statement fails.
pub async fn count(database: &Database, client: ToCount, now: Timestamp, until: Instant) -> Result<(), Error> {
    let (session, id) = (database.session().await?, client.client_id);
    session.execute("SELECT core.try_count($1)", &[&id]).await?;
    for hour in hours(client.counted_to, now) {
        session.execute("SELECT core.count_hour($1, $2)", &[&id, &hour]).await?;
        if Instant::now() > until {
            break;
        }
    }
    Ok(())
}

/// The beginnings of the hours that are counted, in their order.
fn hours(counted_to: Option<Timestamp>, now: Timestamp) -> Vec<Timestamp> {
    let number = |time: Timestamp| time.as_second().div_euclid(HOUR_SECONDS);
    let last = number(now);
    let earliest = last - REVISITED;
    let first = counted_to.map_or(earliest, |time| number(time) - RECOUNTED);
    let revisited = earliest + now.as_second().div_euclid(TURN_SECONDS).rem_euclid(REVISITED);
    let recounted = first..=last.min(first + MAX_HOURS);
    // Only what was counted before: hours in between would be taken for counted.
    let hours = (revisited < first).then_some(revisited);
    let hours = hours.into_iter().chain(recounted);
    hours
        .filter_map(|hour| Timestamp::from_second(hour * HOUR_SECONDS).ok())
        .collect()
}

/// Lets go of some of the dead letters, batches and files of a client that are older than [`KEPT`]; how many there were.
///
/// # Errors
/// When the statement fails.
pub async fn forget(database: &Database, client: Uuid, now: Timestamp) -> Result<i64, Error> {
    let before = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let sql = "SELECT core.forget_batches($1, $2, $3) AS forgotten";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&client, &before, &MAX_FORGOTTEN];
    let forgotten: Option<Forgotten> = database.session().await?.row(sql, &parameters).await?;
    Ok(forgotten.map_or(0, |some| some.forgotten))
}

/// What a client has stored.
///
/// # Errors
/// When the statement fails.
pub async fn of_client(database: &Database, client: Uuid, now: Timestamp) -> Result<Stored, Error> {
    let sql = "SELECT ((SELECT coalesce(sum(facts), 0) FROM core.facts_of_days WHERE client_id = $1)
                + (SELECT coalesce(sum(facts), 0) FROM core.facts_of_hours WHERE client_id = $1))::bigint AS facts,
            (SELECT coalesce(sum(letters), 0)::bigint FROM core.facts_of_hours WHERE client_id = $1 AND hour >= $2) AS letters,
            (SELECT count(*) FROM core.entities WHERE client_id = $1) AS entities,
            (SELECT count(*) FROM core.kpis WHERE client_id = $1) AS kpis";
    let since = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let found: Option<Stored> = database.of(client).row(sql, &[&client, &since]).await?;
    Ok(found.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_last_hours_and_one_of_those_before_are_counted() {
        let at = |hour: i64| Timestamp::from_second(hour * HOUR_SECONDS + 60).unwrap();
        let numbers = |counted_to: Option<i64>, now: i64| -> Vec<i64> {
            let hours = hours(counted_to.map(at), at(now));
            hours.iter().map(|hour| hour.as_second() / HOUR_SECONDS).collect()
        };
        // The one that is revisited comes first.
        assert_eq!(numbers(Some(1_000), 1_000)[1..], [998, 999, 1_000]);
        assert_eq!(numbers(Some(997), 1_000)[1..], [995, 996, 997, 998, 999, 1_000]);
        assert_eq!(numbers(Some(0), 1_000).last(), Some(&48), "not all at once");
        assert_eq!(numbers(None, 1_000).last(), Some(&1_000), "of a client that is new");
        assert_eq!(numbers(None, 1_000).first(), Some(&952), "a client that is new");
        let seconds = |turn: i64| Timestamp::from_second(3_600_000 + turn * TURN_SECONDS).unwrap();
        let revisited = (0..REVISITED).filter_map(|turn| hours(Some(seconds(turn)), seconds(turn)).first().copied());
        let revisited: std::collections::BTreeSet<Timestamp> = revisited.collect();
        assert!(revisited.len() >= 44, "all have their turn: {}", revisited.len());
    }
}
