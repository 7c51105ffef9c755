//! Groupings that are added to an entity with facts: filled from them in steps that nobody feels, and read when they are whole.
//!
//! What is ingested after the change brings the new grouping's partials along, so only the facts of before are missing. A step takes the facts of some
//! buckets, under the lock that each batch of the entity takes: batches of others don't wait at all, and those of its own for one step.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use catalog::{GroupingDefinition, Level};
use database::{Database, Edition, Error, Session};
use jiff::Timestamp;
use series::calendar::{floor_us, length_us};
use uuid::Uuid;

use crate::copy::timestamp;
use crate::notifications::definitions_changed;
use crate::place::{Place, Placed, writers_lock};
use crate::states::from_facts;

/// Facts of one step: 10 to 50 ms of the server, and so long a batch of the same entity may wait. A bucket that has more is one step.
pub const MAX_STEP: i64 = 5_000;

/// Longest that a step may take, waiting included: less than a run has left after its time. Where one bucket takes longer, its grouping can't be filled.
const MAX_STEP_TIME: Duration = Duration::from_secs(30);

/// For how many times as long as a step took the filling rests before the next: it has a tenth of one of the server's cores.
const REST: u32 = 9;

/// Facts that are filled within the change of the definition itself.
pub const MAX_AT_ONCE: i64 = MAX_STEP;

database::row! {
    struct Extent {
        first: Option<Timestamp>,
        last: Option<Timestamp>,
        is_small: bool,
    }
}

/// Begins to fill a grouping that an entity has from now on: at once when there are few facts, otherwise in steps by [`run`]. It belongs into the
/// transaction that changes the definition, and has the writers' lock. Returns whether it is whole already.
///
/// # Errors
/// When a statement fails.
pub async fn begin(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    grouping: &GroupingDefinition,
) -> Result<bool, Error> {
    let Place { volume, id, layout } = &placed.place;
    let sql = format!(
        "SELECT min(time) AS first, max(time) AS last,
             (SELECT count(*) FROM (SELECT FROM {facts} WHERE client_id = $1 AND entity_id = $2 LIMIT $3::bigint + 1) few) <= $3 AS is_small
         FROM {facts} WHERE client_id = $1 AND entity_id = $2",
        facts = volume.facts()
    );
    let extent: Option<Extent> = session.row(&sql, &[&client, id, &MAX_AT_ONCE]).await?;
    let Some(Extent {
        first: Some(first),
        last: Some(last),
        is_small,
    }) = extent
    else {
        return Ok(true);
    };
    if is_small {
        fill(
            session,
            client,
            placed,
            grouping,
            [Timestamp::UNIX_EPOCH, Timestamp::MAX],
        )
        .await?;
        if session.edition().await? == Edition::Community {
            stale(session, client, &placed.place).await?;
        }
        return Ok(true);
    }
    let from = timestamp(floor_us(grouping.finest, first.as_microsecond()));
    let sql = "INSERT INTO core.fillings (client_id, entity_id, grouping_id, from_time, to_time, filled_to) VALUES ($1, $2, $3, $4, $5, $4)";
    session
        .execute(sql, &[&client, id, &layout.grouping_id(grouping)?, &from, &last])
        .await?;
    Ok(false)
}

/// Gives up the groupings of an entity that are being filled, in the transaction that takes them out of its definition and under the writers' lock. Returns
/// their numbers.
///
/// # Errors
/// When a statement fails.
pub async fn give_up(session: &Session, client: Uuid, place: &Place) -> Result<Vec<i16>, Error> {
    let sql = "DELETE FROM core.fillings WHERE client_id = $1 AND entity_id = $2 RETURNING grouping_id";
    let gone: Vec<GroupingId> = session.rows(sql, &[&client, &place.id]).await?;
    let gone: Vec<i16> = gone.into_iter().map(|row| row.grouping_id).collect();
    let sql = format!(
        "DELETE FROM {} WHERE client_id = $1 AND entity_id = $2 AND grouping_id = ANY ($3)",
        place.volume.partials()
    );
    session.execute(&sql, &[&client, &place.id, &gone]).await?;
    Ok(gone)
}

database::row! {
    struct GroupingId {
        grouping_id: i16,
    }
}

/// Replaces the partials of a grouping in a range of whole buckets by what the facts say.
async fn fill(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    grouping: &GroupingDefinition,
    [from, to]: [Timestamp; 2],
) -> Result<(), Error> {
    let Place { volume, id, layout } = &placed.place;
    let grouping_id = layout.grouping_id(grouping)?;
    // Partials are not moved up while their grouping is filled.
    let delete = format!(
        "DELETE FROM {} WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3 AND bucket >= $4 AND bucket < $5",
        volume.partials()
    );
    session
        .execute(&delete, &[&client, id, &grouping_id, &from, &to])
        .await?;
    // They are of no commit of their own: 0 is before all.
    for sql in from_facts(placed, grouping, "time >= $4 AND time < $5")? {
        session.execute(&sql, &[&client, id, &0_i64, &from, &to]).await?;
    }
    Ok(())
}

database::row! {
    /// A grouping that is being filled.
    #[derive(Clone, Debug)]
    pub struct Filling {
        /// Client.
        pub client_id: Uuid,
        /// Entity's identity.
        pub entity_id: i32,
        /// Number of the grouping in the entity's layout.
        pub grouping_id: i16,
        /// First bucket.
        pub from_time: Timestamp,
        /// Time of the last fact when it began.
        pub to_time: Timestamp,
        /// End of what is filled.
        pub filled_to: Timestamp,
        /// When it began.
        pub began_at: Timestamp,
    }
}

impl Filling {
    /// How much of the time is done, in percent.
    #[must_use]
    pub fn percent(&self) -> i64 {
        let length = |to: Timestamp| to.duration_since(self.from_time).as_secs();
        (100 * length(self.filled_to) / length(self.to_time).max(1)).clamp(0, 100)
    }
}

/// The groupings of a client that are being filled.
///
/// # Errors
/// When the statement fails.
pub async fn fillings(database: &Database, client: Uuid) -> Result<Vec<Filling>, Error> {
    let sql = "SELECT client_id, entity_id, grouping_id, from_time, to_time, filled_to, began_at FROM core.fillings
        WHERE client_id = $1 ORDER BY began_at, entity_id, grouping_id";
    database.of(client).rows(sql, &[&client]).await
}

/// The oldest of each client, in the order in which they began. It takes the owner's login.
async fn oldest_of_each(session: &Session) -> Result<Vec<Filling>, Error> {
    let sql = "SELECT * FROM (
             SELECT DISTINCT ON (client_id) client_id, entity_id, grouping_id, from_time, to_time, filled_to, began_at FROM core.fillings
             WHERE core.is_here(client_id) ORDER BY client_id, began_at, entity_id, grouping_id
         ) AS of_clients ORDER BY began_at";
    session.rows(sql, &[]).await
}

/// Fills groupings, one step of each client in turn, until all are whole or `until` has come. `find` tells where a client's entity is. Returns how many
/// became whole. One that fails keeps no other client's waiting; the next run tries it again.
///
/// # Errors
/// When what there is to fill can't be read.
pub async fn run(
    database: &Database,
    find: impl AsyncFn(&Filling) -> Result<Option<Placed>, Error>,
    until: Instant,
) -> Result<usize, Error> {
    let (mut whole, mut failed) = (0, BTreeSet::new());
    loop {
        let fillings = oldest_of_each(&database.session().await?).await?;
        let fillings = fillings
            .into_iter()
            .filter(|filling| !failed.contains(&filling.client_id));
        let fillings: Vec<Filling> = fillings.collect();
        if fillings.is_empty() {
            return Ok(whole);
        }
        for filling in &fillings {
            if Instant::now() >= until {
                return Ok(whole);
            }
            let began = Instant::now();
            match turn(database, &find, filling).await {
                Ok(is_whole) => whole += usize::from(is_whole),
                // Its definition was changed just now: the next turn knows the new one.
                Err(Error::DefinitionChanged(_)) => {}
                Err(cause) => {
                    tracing::error!(client = %filling.client_id, entity = filling.entity_id, %cause, "a grouping can't be filled");
                    failed.insert(filling.client_id);
                }
            }
            tokio::time::sleep((began.elapsed() * REST).min(until.saturating_duration_since(Instant::now()))).await;
        }
    }
}

async fn turn(
    database: &Database,
    find: &impl AsyncFn(&Filling) -> Result<Option<Placed>, Error>,
    filling: &Filling,
) -> Result<bool, Error> {
    let placed = find(filling).await?;
    let placed = placed.ok_or_else(|| Error::DefinitionChanged(format!("entity {}", filling.entity_id)))?;
    step(database, &placed, filling).await
}

database::row! {
    struct Next {
        time: Timestamp,
    }
}

database::row! {
    struct Version {
        version: i32,
    }
}

/// One step of one grouping; whether it was the last one.
async fn step(database: &Database, placed: &Placed, filling: &Filling) -> Result<bool, Error> {
    let client = filling.client_id;
    let work = async |session: &Session| {
        let Place { volume, id, layout } = &placed.place;
        session.limit_transaction(MAX_STEP_TIME).await?;
        session.lock(&writers_lock(client, &placed.place)).await?;
        let sql = "SELECT version FROM core.entities WHERE client_id = $1 AND id = $2 AND generation = $3";
        let stored: Option<Version> = session.row(sql, &[&client, id, &placed.generation]).await?;
        let grouping = layout
            .grouping(filling.grouping_id)
            .filter(|_| stored.is_some_and(|stored| stored.version == placed.version));
        let grouping = grouping.ok_or_else(|| Error::DefinitionChanged(placed.entity.code().to_owned()))?;
        // The bucket of the fact with which the step would be too large is the first of the next one, unless it is the first of this one.
        let sql = format!(
            "SELECT time FROM {} WHERE client_id = $1 AND entity_id = $2 AND time >= $3 ORDER BY time OFFSET $4::bigint LIMIT 1",
            volume.facts()
        );
        let next: Option<Next> = session.row(&sql, &[&client, id, &filling.filled_to, &MAX_STEP]).await?;
        let to = next.map(|next| end_of_step(grouping.finest, filling.filled_to, next.time));
        fill(
            session,
            client,
            placed,
            grouping,
            [filling.filled_to, to.unwrap_or(Timestamp::MAX)],
        )
        .await?;
        let key: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&client, id, &filling.grouping_id];
        match to {
            Some(to) => {
                let sql = "UPDATE core.fillings SET filled_to = $4 WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3";
                session.execute(sql, &[key[0], key[1], key[2], &to]).await?;
            }
            None => finish(session, client, placed, &key).await?,
        }
        Ok(to.is_none())
    };
    database.transaction(client, work).await
}

fn end_of_step(finest: Level, from: Timestamp, next: Timestamp) -> Timestamp {
    let end_us = floor_us(finest, next.as_microsecond());
    if end_us > from.as_microsecond() {
        timestamp(end_us)
    } else {
        timestamp(floor_us(finest, from.as_microsecond()) + length_us(finest))
    }
}

/// The grouping is whole: it is read from now on.
async fn finish(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    key: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<(), Error> {
    if session.edition().await? == Edition::Community {
        stale(session, client, &placed.place).await?;
    }
    session
        .execute(
            "DELETE FROM core.fillings WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3",
            key,
        )
        .await?;
    let sql = "UPDATE core.entities SET generation = generation + 1 WHERE client_id = $1 AND id = $2";
    session.execute(sql, &key[..2]).await?;
    definitions_changed(session, client).await
}

/// Has all rollups of an entity read from the partials until they were refreshed (Community edition).
///
/// # Errors
/// When the statement fails.
pub async fn stale(session: &Session, client: Uuid, place: &Place) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
         SELECT $3, $1, $2, min(time), max(time) + interval '1 minute' FROM {} WHERE client_id = $1 AND entity_id = $2 HAVING count(*) > 0",
        place.volume.facts()
    );
    session
        .execute(&sql, &[&client, &place.id, &place.volume.name()])
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_at_a_bucket_and_gets_on() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let from = at("2026-03-28T09:00:00Z");
        let ends = [
            (Level::Minute, "2026-03-28T09:10:30Z", "2026-03-28T09:10:00Z"),
            (Level::Minute, "2026-03-28T09:00:30Z", "2026-03-28T09:01:00Z"),
            (Level::Hour, "2026-03-28T09:10:30Z", "2026-03-28T10:00:00Z"),
            (Level::Day, "2026-03-30T09:10:30Z", "2026-03-30T00:00:00Z"),
        ];
        for (finest, next, end) in ends {
            assert_eq!(end_of_step(finest, from, at(next)), at(end), "{finest} {next}");
        }
    }
}
