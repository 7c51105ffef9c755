//! Volumes of the versions before quarters of an hour were kept: they get that level, with what the minutes have.

use catalog::Level;
use database::{Edition, Error, Session};

use crate::leftovers::UPKEEP_LOCK;
use crate::states::{merges, state_names};
use crate::volume::{PAGE, Volume, volumes, width};

const LEVEL: Level = Level::QuarterHour;

database::row! {
    struct Found {
        is_there: bool,
    }
}

/// Adds the level to all volumes that lack it, in the transaction of the migration. Whether there was one.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn volumes_of_before(session: &Session) -> Result<bool, Error> {
    let mut is_one = false;
    for volume in volumes(session).await? {
        let sql = "SELECT to_regclass($1) IS NOT NULL AS is_there";
        let found: Option<Found> = session.row(sql, &[&volume.rollup(LEVEL)]).await?;
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
    // A run of the upkeep of the version before moves partials past the level: it is waited for.
    session.lock(UPKEEP_LOCK).await?;
    session.batch(&volume.create_level(edition, LEVEL)).await?;
    let sql = match edition {
        Edition::Apache => {
            // And so is who counts buckets anew. Others only append partials.
            let minutes = volume.rows(Level::Minute);
            session.batch(&format!("LOCK TABLE {minutes} IN SHARE MODE")).await?;
            from_minutes(volume)
        }
        Edition::Community => STALE.to_owned(),
    };
    session.execute(&sql, &[&volume.name()]).await.map(drop)
}

/// What was moved up to minutes is moved up to the level. Copies of what lies elsewhere, of moves that go on or are over, are not counted twice.
fn from_minutes(volume: &Volume) -> String {
    format!(
        "INSERT INTO {} (client_id, entity_id, grouping_id, page, bucket, dimensions, facts{})
         SELECT client_id, entity_id, grouping_id, page, time_bucket('{}', bucket) AS start, dimensions, sum(facts){} FROM {} kept
         WHERE EXISTS (SELECT FROM core.entities e WHERE e.client_id = kept.client_id AND e.id = kept.entity_id AND e.volume = $1)
         GROUP BY client_id, entity_id, grouping_id, page, start, dimensions",
        volume.rows(LEVEL),
        state_names(1..=PAGE),
        width(LEVEL),
        merges(1..=PAGE),
        volume.rows(Level::Minute),
    )
}

/// The new aggregate has nothing yet, and may be refreshed from anywhere on: until all of it was, what is asked of the volume is read from the partials.
const STALE: &str = "INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
    SELECT e.volume, e.client_id, e.id, date_trunc('minute', c.first_time), c.last_time + interval '1 minute'
    FROM core.entities e JOIN core.clocks c ON c.client_id = e.client_id AND c.entity_id = e.id
    WHERE e.volume = $1 AND c.first_time IS NOT NULL";
