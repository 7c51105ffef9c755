//! Volumes of the versions before quarters of hours and days were kept: they get these levels, with what the others have.

use catalog::Level;
use database::{Edition, Error, Session};

use crate::leftovers::UPKEEP_LOCK;
use crate::states::{merges, state_names};
use crate::volume::{PAGE, Volume, finest_of, volumes, width};

/// The levels, each with the one that it is made from.
const ADDED: [(Level, Level); 2] = [(Level::QuarterHour, Level::Minute), (Level::QuarterDay, Level::Hour)];

database::row! {
    struct Found {
        is_there: bool,
    }
}

/// Adds the levels to all volumes that lack them, in the transaction of the migration. Whether there was one.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn volumes_of_before(session: &Session) -> Result<bool, Error> {
    let mut is_one = false;
    for volume in volumes(session).await? {
        let sql = "SELECT to_regclass($1) IS NOT NULL AS is_there";
        let found: Option<Found> = session.row(sql, &[&volume.rollup(Level::QuarterHour)]).await?;
        if found.is_some_and(|found| found.is_there) {
            continue;
        }
        is_one = true;
        complete(session, &volume).await?;
    }
    Ok(is_one)
}

async fn complete(session: &Session, volume: &Volume) -> Result<(), Error> {
    let edition = session.edition().await?;
    // A run of the upkeep of the version before moves partials past the levels: it is waited for.
    session.lock(UPKEEP_LOCK).await?;
    for (level, _) in ADDED {
        session.batch(&volume.create_level(edition, level)).await?;
    }
    session.batch(&volume.index_by_hour(edition, Level::Hour)).await?;
    if edition == Edition::Community {
        return session.execute(STALE, &[&volume.name()]).await.map(drop);
    }
    // Who counts buckets anew is waited for, too. Others only append partials.
    let minutes = volume.rows(Level::Minute);
    session.batch(&format!("LOCK TABLE {minutes} IN SHARE MODE")).await?;
    for (level, from) in ADDED {
        session
            .execute(&moved_up(volume, level, from), &[&volume.name()])
            .await?;
    }
    Ok(())
}

/// What was moved up to one level is moved up to another, of groupings that this one has. Copies of what lies elsewhere, of moves that go on or are over, are not
/// counted twice.
fn moved_up(volume: &Volume, level: Level, from: Level) -> String {
    format!(
        "INSERT INTO {} (client_id, entity_id, grouping_id, page, bucket, dimensions, facts{})
         SELECT client_id, entity_id, grouping_id, page, time_bucket('{}', bucket) AS start, dimensions, sum(facts){} FROM {} kept
         WHERE EXISTS (
             SELECT FROM core.entities e WHERE e.client_id = kept.client_id AND e.id = kept.entity_id AND e.volume = $1
                 AND e.layout->'groupings'->kept.grouping_id::integer->>'finest' IN ({})
         )
         GROUP BY client_id, entity_id, grouping_id, page, start, dimensions",
        volume.rows(level),
        state_names(1..=PAGE),
        width(level),
        merges(1..=PAGE),
        volume.rows(from),
        finest_of(level),
    )
}

/// The new aggregates have nothing yet, and may be refreshed from anywhere on: until all of them were, what is asked of the volume is read from the partials.
const STALE: &str = "INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
    SELECT e.volume, e.client_id, e.id, date_trunc('minute', c.first_time), c.last_time + interval '1 minute'
    FROM core.entities e JOIN core.clocks c ON c.client_id = e.client_id AND c.entity_id = e.id
    WHERE e.volume = $1 AND c.first_time IS NOT NULL";
