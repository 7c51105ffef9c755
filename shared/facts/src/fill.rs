//! Groupings that are added to an entity with facts: filled from them in steps that nobody feels, and read when they are whole.
//!
//! What is ingested after the change brings the new grouping's partials along, so only the facts of before are missing. A step takes the facts of some
//! buckets, under the lock that each batch of the entity takes: batches of others don't wait at all, and those of its own for one step.

use catalog::{GroupingDefinition, Level};
use database::{Database, Edition, Error, Session};
use jiff::Timestamp;
use series::calendar::{floor_us, length_us};
use uuid::Uuid;

use crate::copy::timestamp;
use crate::count::{self, count_on};
use crate::groups::stop_filling;
use crate::notifications::definitions_changed;
use crate::place::{Place, Placed, writers_lock};
use crate::states::from_facts;
use crate::work::{After, MAX_STEP_TIME};

/// Facts of one step: 10 to 50 ms of the server, and so long a batch of the same entity may wait. A bucket that has more is one step.
pub const MAX_STEP: i64 = 5_000;

/// How often in a row a filling may fail before its grouping is kept no longer. A run tries it once, so that is in twenty minutes at least: what passes by
/// itself has passed by then.
pub const MAX_FAILURES: i32 = 20;

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
             (SELECT count(*) FROM (SELECT FROM {facts} WHERE client_id = $1 AND entity_id = $2 LIMIT $3::bigint + 1) few) <= $3
                 AND NOT EXISTS (SELECT FROM core.moves WHERE client_id = $1 AND entity_id = $2) AS is_small
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
    let sql = "INSERT INTO core.fillings (client_id, entity_id, grouping_id, from_time, to_time, filled_to, counted_to)
        VALUES ($1, $2, $3, $4, $5, $4, $4::timestamptz - interval '1 microsecond')";
    session
        .execute(sql, &[&client, id, &layout.grouping_id(grouping)?, &from, &last])
        .await?;
    Ok(false)
}

/// Gives up the groupings of an entity that are being filled, in the transaction that takes them out of its definition and under the writers' lock. The upkeep
/// clears what was filled of them: however much that is, no request waits for it. Returns their numbers.
///
/// # Errors
/// When a statement fails.
pub async fn give_up(session: &Session, client: Uuid, place: &Place) -> Result<Vec<i16>, Error> {
    let sql = "WITH gone AS (
             DELETE FROM core.fillings WHERE client_id = $1 AND entity_id = $2 RETURNING grouping_id
         ), stopped AS (
             INSERT INTO core.stopped_groupings (client_id, entity_id, grouping_id, groups, is_written) SELECT $1, $2, grouping_id, 0, false FROM gone
         )
         SELECT grouping_id FROM gone";
    let gone: Vec<GroupingId> = session.rows(sql, &[&client, &place.id]).await?;
    Ok(gone.into_iter().map(|row| row.grouping_id).collect())
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
        /// Facts that there are, as far as they are counted.
        pub facts: i64,
        /// Where counting is; nothing once all are counted.
        pub counted_to: Option<Timestamp>,
        /// Facts that were filled.
        pub filled: i64,
        /// When it was last tried, or began.
        pub(crate) turn: Timestamp,
        /// How often it failed since a step ended well.
        pub failures: i32,
    }
}

impl Filling {
    /// How many of the facts are done, in percent; 0 while they are counted.
    #[must_use]
    pub fn percent(&self) -> i64 {
        match self.counted_to {
            Some(_) => 0,
            None => count::percent(self.filled, self.facts),
        }
    }
}

/// Columns of a [`Filling`].
const COLUMNS: &str =
    "client_id, entity_id, grouping_id, from_time, to_time, filled_to, began_at, facts, counted_to, filled,
    coalesce(tried_at, began_at) AS turn, failures";

/// The groupings of a client that are being filled.
///
/// # Errors
/// When the statement fails.
pub async fn fillings(database: &Database, client: Uuid) -> Result<Vec<Filling>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM core.fillings WHERE client_id = $1 ORDER BY began_at, entity_id, grouping_id");
    database.of(client).rows(&sql, &[&client]).await
}

/// The one of each client that lives here whose turn it is, but for those of some entities, and of those that are being moved: what is copied must not change.
/// It takes the owner's login.
pub(crate) async fn next_of_each(session: &Session, but: &[i32]) -> Result<Vec<Filling>, Error> {
    let sql = format!(
        "SELECT DISTINCT ON (client_id) {COLUMNS} FROM core.fillings f
         WHERE core.is_here(client_id) AND entity_id <> ALL ($1)
             AND NOT EXISTS (SELECT FROM core.moves m WHERE m.client_id = f.client_id AND m.entity_id = f.entity_id)
         ORDER BY client_id, turn, entity_id, grouping_id"
    );
    session.rows(&sql, &[&but]).await
}

/// Says that it is tried now, before it is: who is killed has had its turn too.
pub(crate) async fn tried(database: &Database, filling: &Filling) -> Result<(), Error> {
    let sql = "UPDATE core.fillings SET tried_at = clock_timestamp() WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3";
    update(database, filling, sql).await
}

/// Says that a step ended well after some that did not.
pub(crate) async fn recovered(database: &Database, filling: &Filling) -> Result<(), Error> {
    let sql = "UPDATE core.fillings SET failures = 0, reason = NULL WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3";
    update(database, filling, sql).await
}

async fn update(database: &Database, filling: &Filling, sql: &str) -> Result<(), Error> {
    let Filling {
        client_id,
        entity_id,
        grouping_id,
        ..
    } = filling;
    let of_client = database.of(*client_id);
    of_client
        .execute(sql, &[client_id, entity_id, grouping_id])
        .await
        .map(drop)
}

/// Says that a step failed, and of what kind that was. One that has failed too often is stopped: its grouping is kept no longer.
pub(crate) async fn failed(database: &Database, filling: &Filling, kind: &str) -> Result<(), Error> {
    let Filling {
        client_id,
        entity_id,
        grouping_id,
        failures,
        ..
    } = filling;
    let work = async |session: &Session| {
        let failures = failures + 1;
        if failures >= MAX_FAILURES {
            let reason = format!(
                "it could not be filled in {failures} tries ({kind}): give it up, and add it anew when whoever runs the system has mended that"
            );
            return stop_filling(session, (*client_id, *entity_id, *grouping_id), &reason).await;
        }
        let sql = "UPDATE core.fillings SET failures = $4, reason = $5 WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3";
        let key: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [client_id, entity_id, grouping_id, &failures, &kind];
        session.execute(sql, &key).await.map(drop)
    };
    database.transaction(*client_id, work).await
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

/// One step of one grouping: some of its facts are counted, or filled.
///
/// # Errors
/// When the definition is another one by now, or a statement fails.
pub(crate) async fn step(database: &Database, placed: &Placed, filling: &Filling) -> Result<After, Error> {
    if let Some(after) = filling.counted_to {
        return count(database, placed, filling, after).await;
    }
    let work = async |session: &Session| fill_on(session, placed, filling).await;
    database.transaction(filling.client_id, work).await
}

/// Counts without a lock: it changes nothing that anybody else does.
async fn count(database: &Database, placed: &Placed, filling: &Filling, after: Timestamp) -> Result<After, Error> {
    let client = filling.client_id;
    let work = async |session: &Session| {
        session.limit_transaction(MAX_STEP_TIME).await?;
        let counted = count_on(session, client, &placed.place, after).await?;
        let sql = "UPDATE core.fillings SET facts = facts + $4, counted_to = $5
            WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3 AND counted_to = $6";
        let key = (filling.entity_id, filling.grouping_id);
        session
            .execute(
                sql,
                &[&client, &key.0, &key.1, &counted.facts, &counted.counted_to, &after],
            )
            .await?;
        Ok(After::Rest)
    };
    database.transaction(client, work).await
}

async fn fill_on(session: &Session, placed: &Placed, filling: &Filling) -> Result<After, Error> {
    let (client, Place { volume, id, layout }) = (filling.client_id, &placed.place);
    session.limit_transaction(MAX_STEP_TIME).await?;
    session.lock(&writers_lock(client, &placed.place)).await?;
    let sql = "SELECT version FROM core.entities e WHERE client_id = $1 AND id = $2 AND generation = $3
        AND NOT EXISTS (SELECT FROM core.moves m WHERE m.client_id = e.client_id AND m.entity_id = e.id)";
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
    let range = [filling.filled_to, to.unwrap_or(Timestamp::MAX)];
    fill(session, client, placed, grouping, range).await?;
    let key: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&client, id, &filling.grouping_id];
    let Some(to) = to else {
        finish(session, client, placed, &key).await?;
        return Ok(After::Done);
    };
    let sql = format!(
        "UPDATE core.fillings SET filled_to = $4, filled = filled + (
             SELECT count(*) FROM {} WHERE client_id = $1 AND entity_id = $2 AND time >= $5 AND time < $4
         ) WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3",
        volume.facts()
    );
    session.execute(&sql, &[key[0], key[1], key[2], &to, &range[0]]).await?;
    Ok(After::Rest)
}

/// Where a step ends that would be too large with a fact: at the beginning of that one's bucket, but after at least one.
pub(crate) fn end_of_step(finest: Level, from: Timestamp, next: Timestamp) -> Timestamp {
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

/// Has all rollups of an entity read from the partials until they were refreshed (Community edition). Between what times its facts are, its clock says: to ask
/// them would take as long as they are many, while its writers wait.
///
/// # Errors
/// When the statement fails.
pub async fn stale(session: &Session, client: Uuid, place: &Place) -> Result<(), Error> {
    let sql = "INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
        SELECT $3, $1, $2, date_trunc('minute', first_time), last_time + interval '1 minute' FROM core.clocks
        WHERE client_id = $1 AND entity_id = $2 AND first_time IS NOT NULL";
    session
        .execute(sql, &[&client, &place.id, &place.volume.name()])
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
