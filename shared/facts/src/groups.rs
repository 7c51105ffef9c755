//! How many groups a grouping has: one that has too many in a bucket is kept no longer.
//!
//! Its rollup would be about as large as the facts, and it would be others who pay for it. Questions on its dimensions go to the facts from then on, its
//! client is told, and its rows are cleared. Who gives it up may add it anew, and it is filled then as any other.

use std::time::Instant;

use catalog::Level;
use database::{Database, Error, Session};
use jiff::Timestamp;
use uuid::Uuid;

use crate::leftovers::{LEARNT_AFTER_SECONDS, clear_grouping};
use crate::place::Place;
use crate::volume::Volume;

/// Most groups of one day's bucket: twenty times what a dashboard shows, and a third of the points that one answer may have. A dimension has few values;
/// what has more, such as a customer's number, is asked of the facts.
pub const MAX_GROUPS: i64 = 10_000;

database::row! {
    /// A grouping that has too many groups.
    pub(crate) struct Crowded {
        pub(crate) client_id: Uuid,
        pub(crate) entity_id: i32,
        pub(crate) grouping_id: i16,
        pub(crate) groups: i64,
    }
}

/// What changed of an entity: its buckets of a time.
pub(crate) struct Touched {
    pub(crate) client: Uuid,
    pub(crate) entity: i32,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// Stops the groupings that have too many groups in a day in which their entity changed, or in a bucket of another level of such a day. The whole is never one
/// of them.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn stop_crowded(
    session: &Session,
    volume: &Volume,
    level: Level,
    touched: &[Touched],
) -> Result<(), Error> {
    let sql = format!(
        "SELECT r.client_id, r.entity_id, days.grouping_id, max(days.groups) AS groups
         FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::timestamptz[]) AS r (client_id, entity_id, from_time, to_time)
         CROSS JOIN LATERAL (
             SELECT d.grouping_id, count(*) AS groups FROM {} d
             WHERE d.client_id = r.client_id AND d.entity_id = r.entity_id AND d.page = 0 AND d.grouping_id > 0
                 AND d.bucket >= time_bucket('1 day', r.from_time) AND d.bucket < r.to_time
             GROUP BY d.grouping_id, d.bucket HAVING count(*) > $5
         ) AS days GROUP BY r.client_id, r.entity_id, days.grouping_id",
        volume.rollup(level)
    );
    let clients: Vec<Uuid> = touched.iter().map(|touched| touched.client).collect();
    let entities: Vec<i32> = touched.iter().map(|touched| touched.entity).collect();
    let from: Vec<Timestamp> = touched.iter().map(|touched| touched.from).collect();
    let to: Vec<Timestamp> = touched.iter().map(|touched| touched.to).collect();
    let crowded: Vec<Crowded> = session
        .rows(&sql, &[&clients, &entities, &from, &to, &MAX_GROUPS])
        .await?;
    for grouping in crowded {
        stop(session, &grouping).await?;
    }
    Ok(())
}

/// Has a grouping that has too many groups kept no longer.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn stop(session: &Session, crowded: &Crowded) -> Result<(), Error> {
    let Crowded {
        client_id,
        entity_id,
        grouping_id,
        groups,
    } = *crowded;
    if stop_for(session, (client_id, entity_id, grouping_id), groups, None).await? {
        tracing::warn!(client = %client_id, entity = entity_id, grouping = grouping_id, groups, "a grouping has too many groups: it is kept no longer");
    }
    Ok(())
}

/// Has a grouping that can't be filled kept no longer.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn stop_filling(session: &Session, key: (Uuid, i32, i16), reason: &str) -> Result<(), Error> {
    if stop_for(session, key, 0, Some(reason)).await? {
        let (client, entity, grouping) = key;
        tracing::error!(%client, entity, grouping, reason, "a grouping is kept no longer");
    }
    Ok(())
}

/// Whether it was kept until now.
async fn stop_for(
    session: &Session,
    (client, entity, grouping): (Uuid, i32, i16),
    groups: i64,
    reason: Option<&str>,
) -> Result<bool, Error> {
    // In one statement: whoever reads it learns of it by the generation, and is told.
    let sql = "WITH stopped AS (
             INSERT INTO core.stopped_groupings (client_id, entity_id, grouping_id, groups, reason) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING RETURNING entity_id
         ), given_up AS (
             DELETE FROM core.fillings WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3
         ), changed AS (
             UPDATE core.entities SET generation = generation + 1 WHERE client_id = $1 AND id IN (SELECT entity_id FROM stopped) RETURNING id
         )
         SELECT pg_notify('catalog', $1::uuid::text) FROM changed";
    let told = session
        .execute(sql, &[&client, &entity, &grouping, &groups, &reason])
        .await?;
    Ok(told > 0)
}

/// Has batches bring a stopped grouping no more, once nobody can be reading it: until then a reader who has not heard of it misses nothing.
///
/// # Errors
/// When the statement fails.
pub(crate) async fn end_writing(session: &Session, now: Timestamp) -> Result<(), Error> {
    let sql = "WITH ended AS (
             UPDATE core.stopped_groupings SET is_written = false
             WHERE is_written AND stopped_at < $1::timestamptz - make_interval(secs => $2) RETURNING client_id, entity_id
         ), changed AS (
             UPDATE core.entities e SET generation = generation + 1 FROM (SELECT DISTINCT client_id, entity_id FROM ended) d
             WHERE e.client_id = d.client_id AND e.id = d.entity_id RETURNING e.client_id
         )
         SELECT pg_notify('catalog', client_id::text) FROM changed";
    session.execute(sql, &[&now, &LEARNT_AFTER_SECONDS]).await.map(drop)
}

/// Has the rows of stopped groupings cleared that a client takes out of its definition, in the transaction that does so and under the writers' lock. Returns their
/// numbers.
///
/// # Errors
/// When the statement fails.
pub async fn give_up(session: &Session, client: Uuid, place: &Place) -> Result<Vec<i16>, Error> {
    // Batches bring it no more from now on: they know the definition of which it is no part.
    let sql = "UPDATE core.stopped_groupings SET is_written = false WHERE client_id = $1 AND entity_id = $2 RETURNING grouping_id";
    let gone: Vec<GroupingId> = session.rows(sql, &[&client, &place.id]).await?;
    let gone = gone.into_iter().map(|row| row.grouping_id);
    Ok(gone.filter(|id| place.layout.grouping(*id).is_some()).collect())
}

database::row! {
    struct GroupingId {
        grouping_id: i16,
    }
}

database::row! {
    struct Cleared {
        client_id: Uuid,
        entity_id: i32,
        grouping_id: i16,
        volume: String,
    }
}

/// Clears rows of stopped groupings that nobody can be reading or writing any more: a part of each in a run, until that time. What is being moved waits, and what
/// fails for one keeps no other.
///
/// # Errors
/// When what there is can't be read, or the server does not answer.
pub(crate) async fn clear_stopped(session: &Session, now: Timestamp, until: Instant) -> Result<(), Error> {
    let sql = "SELECT s.client_id, s.entity_id, s.grouping_id, e.volume FROM core.stopped_groupings s
        JOIN core.entities e ON e.client_id = s.client_id AND e.id = s.entity_id
        WHERE NOT s.is_written AND NOT s.is_cleared AND s.stopped_at < $1::timestamptz - make_interval(secs => $2)
            AND NOT EXISTS (SELECT FROM core.moves m WHERE m.client_id = s.client_id AND m.entity_id = s.entity_id)
        ORDER BY s.stopped_at";
    let stopped: Vec<Cleared> = session.rows(sql, &[&now, &LEARNT_AFTER_SECONDS]).await?;
    for row in stopped {
        if Instant::now() > until {
            break;
        }
        match clear_one(session, &row).await {
            Err(error) if error.is_of_statement() => {
                tracing::error!(client = %row.client_id, entity = row.entity_id, grouping = row.grouping_id, cause = %error, "a grouping can't be cleared");
            }
            result => result?,
        }
    }
    Ok(())
}

async fn clear_one(session: &Session, row: &Cleared) -> Result<(), Error> {
    let key = (row.client_id, row.entity_id, row.grouping_id);
    if clear_grouping(session, key, &Volume::named(row.volume.clone())).await? == 0 {
        let sql = "UPDATE core.stopped_groupings SET is_cleared = true WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3";
        session.execute(sql, &[&key.0, &key.1, &key.2]).await?;
    }
    Ok(())
}

database::row! {
    /// A grouping that is kept no longer.
    #[derive(Clone, Debug)]
    pub struct Stopped {
        /// Entity's identity.
        pub entity_id: i32,
        /// Number of the grouping in the entity's layout.
        pub grouping_id: i16,
        /// Groups that a day had.
        pub groups: i64,
        /// Why, where that is not the number of its groups.
        pub reason: Option<String>,
        /// Since when.
        pub stopped_at: Timestamp,
    }
}

/// The groupings of a client that are kept no longer.
///
/// # Errors
/// When the statement fails.
pub async fn stopped(database: &Database, client: Uuid) -> Result<Vec<Stopped>, Error> {
    let sql = "SELECT entity_id, grouping_id, groups, reason, stopped_at FROM core.stopped_groupings WHERE client_id = $1 ORDER BY stopped_at";
    database.of(client).rows(sql, &[&client]).await
}
