//! What one statement of moving up takes: whole days where they have no more than it may move, below them minutes of one grouping, below those commits.

use database::{Error, Session};
use jiff::Timestamp;
use series::calendar::{DAY_US, MINUTE_US};

use super::apache::Entities;
use super::{MAX_MOVED, MAX_SAMPLE};
use crate::copy::timestamp;
use crate::groups::{Crowded, MAX_GROUPS};
use crate::volume::{MOVABLE, Volume};

/// Longest time whose buckets one statement moves.
const SLICE_US: i64 = 31 * DAY_US;

database::row! {
    pub(super) struct Day {
        pub(super) day: Timestamp,
        pub(super) partials: i64,
    }
}

/// Buckets of a time, and how many partials they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) from_us: i64,
    pub(super) to_us: i64,
    pub(super) partials: i64,
}

impl Slice {
    /// Takes what follows on it as well.
    const fn extend(&mut self, to_us: i64, partials: i64) {
        self.to_us = to_us;
        self.partials += partials;
    }
}

/// Days in slices of at most [`MAX_MOVED`] partials, but for a day that has more by itself. They end at a full day, so that a coarser bucket is touched by one
/// slice.
pub(super) fn of_days(days: &[Day], closed_us: i64) -> Vec<Slice> {
    let mut slices: Vec<Slice> = Vec::new();
    for day in days {
        let from_us = day.day.as_microsecond();
        let to_us = (from_us + DAY_US).min(closed_us);
        let joins =
            |slice: &&mut Slice| slice.partials + day.partials <= MAX_MOVED && to_us - slice.from_us <= SLICE_US;
        match slices.last_mut().filter(joins) {
            Some(slice) => slice.extend(to_us, day.partials),
            None => slices.push(Slice {
                from_us,
                to_us,
                partials: day.partials,
            }),
        }
    }
    slices
}

/// How many partials some entities have in each day.
pub(super) async fn days(
    session: &Session,
    volume: &Volume,
    of: &Entities,
    [from, to]: [Timestamp; 2],
) -> Result<Vec<Day>, Error> {
    let sql = format!(
        "SELECT time_bucket('1 day', bucket) AS day, count(*) AS partials FROM {} part
         WHERE bucket >= $1 AND bucket < $2 AND client_id = ANY ($3) AND entity_id = ANY ($4) AND {MOVABLE} GROUP BY day ORDER BY day",
        volume.partials()
    );
    session.rows(&sql, &[&from, &to, &of.clients, &of.ids]).await
}

database::row! {
    pub(super) struct Minute {
        pub(super) grouping_id: i16,
        pub(super) bucket: Timestamp,
        pub(super) partials: i64,
    }
}

/// Buckets of one grouping, within a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OfGrouping {
    pub(super) grouping_id: i16,
    pub(super) slice: Slice,
}

/// What one statement moves of a grouping's slice: those that some commits brought, the end not included.
pub(super) struct Part {
    pub(super) grouping_id: i16,
    pub(super) commits: [i64; 2],
}

impl OfGrouping {
    /// Of all commits.
    pub(super) const fn whole(&self) -> Part {
        self.of_commits([0, i64::MAX])
    }

    const fn of_commits(&self, commits: [i64; 2]) -> Part {
        Part {
            grouping_id: self.grouping_id,
            commits,
        }
    }
}

/// Minutes, in the order of groupings and times, in slices of one grouping and at most [`MAX_MOVED`] partials, but for a minute that has more by itself.
pub(super) fn of_minutes(minutes: &[Minute]) -> Vec<OfGrouping> {
    let mut slices: Vec<OfGrouping> = Vec::new();
    for minute in minutes {
        let from_us = minute.bucket.as_microsecond();
        let to_us = from_us + MINUTE_US;
        let joins = |of: &&mut OfGrouping| {
            of.grouping_id == minute.grouping_id && of.slice.partials + minute.partials <= MAX_MOVED
        };
        match slices.last_mut().filter(joins) {
            Some(of) => of.slice.extend(to_us, minute.partials),
            None => slices.push(OfGrouping {
                grouping_id: minute.grouping_id,
                slice: Slice {
                    from_us,
                    to_us,
                    partials: minute.partials,
                },
            }),
        }
    }
    slices
}

/// How many partials an entity has in each minute of a day, grouping by grouping: at most 1,440 of each.
pub(super) async fn minutes(
    session: &Session,
    volume: &Volume,
    of: &Entities,
    day: &Slice,
) -> Result<Vec<Minute>, Error> {
    let sql = format!(
        "SELECT grouping_id, bucket, count(*) AS partials FROM {} part
         WHERE bucket >= $1 AND bucket < $2 AND client_id = ANY ($3) AND entity_id = ANY ($4) AND {MOVABLE}
         GROUP BY grouping_id, bucket ORDER BY grouping_id, bucket",
        volume.partials()
    );
    let (from, to) = (timestamp(day.from_us), timestamp(day.to_us));
    session.rows(&sql, &[&from, &to, &of.clients, &of.ids]).await
}

database::row! {
    struct Groups {
        groups: i64,
    }
}

/// The grouping of a minute that has more partials than one statement moves, if these are too many groups: then it is not moved at all.
pub(super) async fn crowded(
    session: &Session,
    volume: &Volume,
    of: &Entities,
    minute: &OfGrouping,
) -> Result<Option<Crowded>, Error> {
    let Some((client_id, entity_id)) = of.clients.first().copied().zip(of.ids.first().copied()) else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT count(DISTINCT dimensions) AS groups FROM (
             SELECT dimensions FROM {} WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3 AND bucket = $4 AND page = 0 LIMIT $5
         ) AS few",
        volume.partials()
    );
    let grouping_id = minute.grouping_id;
    let bucket = timestamp(minute.slice.from_us);
    let found: Option<Groups> = session
        .row(&sql, &[&client_id, &entity_id, &grouping_id, &bucket, &MAX_SAMPLE])
        .await?;
    let groups = found.map_or(0, |found| found.groups);
    Ok((grouping_id > 0 && groups > MAX_GROUPS).then_some(Crowded {
        client_id,
        entity_id,
        grouping_id,
        groups,
    }))
}

database::row! {
    struct First {
        first: i64,
    }
}

/// A minute of a grouping in parts of some [`MAX_MOVED`] partials, by the commits that brought them.
pub(super) async fn commits(
    session: &Session,
    volume: &Volume,
    of: &Entities,
    minute: &OfGrouping,
) -> Result<Vec<Part>, Error> {
    let sql = format!(
        "SELECT DISTINCT min(batch_number) AS first FROM (
             SELECT batch_number, (row_number() OVER (ORDER BY batch_number) - 1) / $5::bigint AS piece FROM {}
             WHERE client_id = ANY ($1) AND entity_id = ANY ($2) AND grouping_id = $3 AND bucket = $4
         ) AS numbered GROUP BY piece ORDER BY first",
        volume.partials()
    );
    let bucket = timestamp(minute.slice.from_us);
    let firsts: Vec<First> = session
        .rows(&sql, &[&of.clients, &of.ids, &minute.grouping_id, &bucket, &MAX_MOVED])
        .await?;
    let ends = firsts.iter().skip(1).map(|next| next.first).chain([i64::MAX]);
    let parts = firsts.iter().zip(ends);
    Ok(parts
        .map(|(first, end)| minute.of_commits([first.first, end]))
        .collect())
}
