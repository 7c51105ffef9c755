//! Keyed entities: a fact replaces the one with its key, and the partials of the minutes that lost or gained a fact are
//! recomputed from the facts, in the same transaction.
//!
//! The transaction is REPEATABLE READ, so that what is deleted and what is recomputed are of one snapshot: a batch that
//! commits in between would else be counted twice. Writers of one client and entity take turns by an advisory lock, so
//! that two batches can't both insert the same key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use catalog::{Entity, GroupingDefinition, Level};
use database::{Database, Edition, Error, Isolation, Scope, Session};
use jiff::Timestamp;
use series::Fact;
use series::calendar::floor_us;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::MAX_TRIES;
use crate::batch::reject;
use crate::chunks;
use crate::clock::{Brought, Numbered, Span, attribute, next_number};
use crate::commit::tell;
use crate::copy::{CopyingFacts, Writing, timestamp};
use crate::key::key_of;
use crate::mark::{Mark, Marks, mark};
use crate::part::Part;
use crate::place::{Place, Placed, writers_lock};
use crate::states::{from_facts, merges, state_names};
use crate::volume::{PAGE, levels, width};

/// The longest that a transaction of replacements may take, with all tries of it: `ingest-events` begins one in its first 6 s, may wait 6 s for the entity's
/// other writers, and has 30 s. What takes longer is written in halves, and an event that takes longer by itself is a dead letter in the end. All that is counted
/// anew of a bucket is one statement, however many facts are in it.
pub(crate) const MAX_WRITE_TIME: Duration = Duration::from_secs(15);

/// Writes parts of batches of a keyed entity.
pub(crate) async fn write(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    source: &str,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    let (mut tries, mut left) = (1, MAX_WRITE_TIME);
    let began = Instant::now();
    loop {
        match once(database, client, placed, source, parts, left).await {
            Err(error) if error.is_conflict() && tries < MAX_TRIES && began.elapsed() < MAX_WRITE_TIME => {
                tries += 1;
                left = MAX_WRITE_TIME.saturating_sub(began.elapsed());
            }
            result => return result,
        }
    }
}

async fn once(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    source: &str,
    parts: &[Part<'_>],
    limit: Duration,
) -> Result<Marks, Error> {
    let scope = Scope {
        client: Some(client),
        isolation: Isolation::RepeatableRead,
    };
    let lock = writers_lock(client, &placed.place);
    let replacing = async |session: &Session| {
        let limited = Limited::new(session, limit);
        replace(&limited, client, placed, source, parts).await
    };
    database.locked_transaction(&lock, scope, replacing).await
}

/// A transaction as a whole has a limit: each of its statements has what is left of it.
pub(crate) struct Limited<'a> {
    pub(crate) session: &'a Session,
    limit: Duration,
    began: Instant,
    /// Milliseconds after which the server was last told what is left, and [`TOLD_EVERY`]: what takes no time is told once.
    told_until: AtomicU64,
}

/// By how much a transaction may be longer than its limit, so that not each of its statements takes another one before it.
const TOLD_EVERY: Duration = Duration::from_millis(500);

impl<'a> Limited<'a> {
    pub(crate) fn new(session: &'a Session, limit: Duration) -> Self {
        Self {
            session,
            limit,
            began: Instant::now(),
            told_until: AtomicU64::new(0),
        }
    }

    /// The session, for a statement that may work or wait.
    pub(crate) async fn next(&self) -> Result<&'a Session, Error> {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let spent = self.began.elapsed();
        if ms(spent) >= self.told_until.load(Ordering::Relaxed) {
            self.session.limit_transaction(self.limit).await?;
            self.told_until.store(ms(spent + TOLD_EVERY), Ordering::Relaxed);
        }
        Ok(self.session)
    }
}

async fn replace(
    limited: &Limited<'_>,
    client: Uuid,
    placed: &Placed,
    source: &str,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    let commit = next_number(limited.next().await?, client, placed, Span::of(parts)).await?;
    let batch_number = commit.number;
    let marks = mark(
        limited.next().await?,
        client,
        placed.entity.code(),
        source,
        batch_number,
        parts,
    )
    .await?;
    let new = marks.fresh(parts);
    let writing = Writing {
        client,
        placed,
        batch_number,
    };
    let numbered = (batch_number..).zip(parts);
    let fresh = numbered.filter(|(_, part)| marks.of(part) == Mark::Fresh);
    let (mut times, mut facts) = (BTreeSet::new(), 0);
    for run in runs(&placed.entity, fresh) {
        times.extend(put(limited, writing, &commit, &run).await?);
        facts += run.len();
    }
    if facts > 0 {
        let brought = Brought::of(batch_number, parts, |part| marks.of(part) == Mark::Fresh);
        attribute(limited.next().await?, client, placed, &brought).await?;
        counted_anew(limited, writing, &commit.with(&brought), &times, facts).await?;
    }
    reject(limited.next().await?, client, placed.entity.code(), &new).await?;
    Ok(marks)
}

/// Facts of different keys, each with its number.
type Run<'b> = BTreeMap<Uuid, (i64, &'b Fact)>;

/// The last fact of each key in each part; parts that have keys in common are in different runs, so that what the later one replaces is known.
fn runs<'p, 'b: 'p>(entity: &Entity, parts: impl Iterator<Item = (i64, &'p Part<'b>)>) -> Vec<Run<'b>> {
    let mut runs: Vec<Run<'b>> = Vec::new();
    for (number, part) in parts {
        let facts = part.mapped().iter().map(|mapped| &mapped.fact);
        let newest: Run<'b> = facts
            .filter_map(|fact| Some((key_of(entity, fact)?, (number, fact))))
            .collect();
        match runs.last_mut() {
            Some(run) if newest.keys().all(|key| !run.contains_key(key)) => run.extend(newest),
            _ => runs.push(newest),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// Puts facts in the place of those with their keys, and returns the times of all of them.
async fn put(
    limited: &Limited<'_>,
    writing: Writing<'_>,
    commit: &Numbered,
    run: &Run<'_>,
) -> Result<BTreeSet<i64>, Error> {
    let keys: Vec<Uuid> = run.keys().copied().collect();
    let numbers: Vec<i64> = run.values().map(|(number, _)| *number).collect();
    let mut times = replaced(limited, writing, (&keys, &numbers), [commit.first, commit.last]).await?;
    times.extend(run.values().map(|(_, fact)| fact.time_us));
    let mut copying = CopyingFacts::begin(limited.next().await?, writing).await?;
    for (number, fact) in run.values() {
        copying.send(*number, std::iter::once(*fact)).await?;
    }
    copying.finish().await?;
    Ok(times)
}

/// Counts the buckets of times anew in all groupings that are kept, and tells of the commit.
pub(crate) async fn counted_anew(
    limited: &Limited<'_>,
    writing: Writing<'_>,
    commit: &Numbered,
    times: &BTreeSet<i64>,
    facts: usize,
) -> Result<(), Error> {
    let Writing { client, placed, .. } = writing;
    for grouping in placed.kept() {
        recompute(limited, writing, grouping, times).await?;
    }
    let minutes: BTreeSet<i64> = times.iter().map(|time_us| floor_us(Level::Minute, *time_us)).collect();
    tell(limited.next().await?, client, placed, commit, facts, &minutes, false).await
}

database::row! {
    /// The first and the last time of facts of one minute.
    pub(crate) struct OfMinute {
        pub(crate) first: Timestamp,
        pub(crate) last: Timestamp,
    }
}

impl OfMinute {
    /// Both in microseconds.
    pub(crate) fn times(&self) -> [i64; 2] {
        [self.first.as_microsecond(), self.last.as_microsecond()]
    }
}

/// Takes the facts that have the keys of new ones out, by whose numbers they are replaced, and returns the first and last time of each minute that had one. What
/// they were is kept aside. It looks between the first and the last fact of the entity: chunks of other times are others'.
pub(crate) async fn replaced(
    limited: &Limited<'_>,
    writing: Writing<'_>,
    (keys, numbers): (&[Uuid], &[i64]),
    [first, last]: [Timestamp; 2],
) -> Result<BTreeSet<i64>, Error> {
    let client = writing.client;
    let Place { volume, id, .. } = &writing.placed.place;
    let condition = "f.client_id = $1 AND f.entity_id = $2 AND f.key = k.key AND f.time >= $5 AND f.time <= $6";
    let with_keys = "unnest($3::uuid[], $4::bigint[]) AS k (key, number)";
    let tables = format!("{} f, {with_keys}", volume.facts());
    let range: [&(dyn ToSql + Sync); 6] = [&client, id, &keys, &numbers, &first, &last];
    let chunks = chunks::with_rows(limited.next().await?, &tables, condition, &range).await?;
    let mut times = BTreeSet::new();
    for chunk in chunks {
        let sql = format!(
            "WITH gone AS (
                 DELETE FROM {chunk} f USING {with_keys} WHERE {condition} RETURNING f.*, k.number
             ), kept AS (
                 INSERT INTO {} SELECT gone.*, clock_timestamp() FROM gone
             )
             SELECT min(time) AS first, max(time) AS last FROM gone GROUP BY date_trunc('minute', time)",
            volume.replaced()
        );
        let session = limited.next().await?;
        let deleted: Vec<OfMinute> = session.rows(&sql, &range).await?;
        times.extend(deleted.iter().flat_map(OfMinute::times));
    }
    Ok(times)
}

/// Replaces the partials of the touched buckets by what the facts say, and takes them out of the levels above.
async fn recompute(
    limited: &Limited<'_>,
    writing: Writing<'_>,
    grouping: &GroupingDefinition,
    times: &BTreeSet<i64>,
) -> Result<(), Error> {
    let Writing {
        client,
        placed,
        batch_number,
    } = writing;
    let Place { volume, id, layout } = &placed.place;
    let grouping_id = layout.grouping_id(grouping)?;
    let buckets = |level: Level| -> Vec<Timestamp> {
        let starts: BTreeSet<i64> = times.iter().map(|time_us| floor_us(level, *time_us)).collect();
        starts.into_iter().map(timestamp).collect()
    };
    let finest = buckets(grouping.finest);
    let of = Buckets {
        client,
        entity: *id,
        grouping: grouping_id,
    };
    let edition = limited.session.edition().await?;
    of.delete(limited, edition, &volume.partials(), &finest).await?;
    if edition == Edition::Apache {
        // Levels below the grouping's finest have what versions before moved there, with the finest's buckets.
        for level in levels(Level::Minute) {
            let touched = buckets(level.max(grouping.finest));
            of.delete(limited, edition, &volume.rows(level), &touched).await?;
            if level > grouping.finest {
                let (from, to) = (edge(&touched, 0), edge(&touched, series::calendar::length_us(level)));
                let sql = rebuild_level(&placed.place, grouping, level);
                let session = limited.next().await?;
                session
                    .execute(&sql, &[&client, id, &grouping_id, &touched, &from, &to])
                    .await?;
            }
        }
    }
    let (from, to) = (
        edge(&finest, 0),
        edge(&finest, series::calendar::length_us(grouping.finest)),
    );
    let touched = format!(
        "time_bucket('{}', time) = ANY ($4) AND time >= $5 AND time < $6",
        width(grouping.finest)
    );
    for sql in from_facts(placed, grouping, &touched)? {
        let session = limited.next().await?;
        session
            .execute(&sql, &[&client, id, &batch_number, &finest, &from, &to])
            .await?;
    }
    Ok(())
}

/// Buckets of a grouping in one of the rollups' tables.
struct Buckets {
    client: Uuid,
    entity: i32,
    grouping: i16,
}

impl Buckets {
    async fn delete(
        &self,
        limited: &Limited<'_>,
        edition: Edition,
        table: &str,
        buckets: &[Timestamp],
    ) -> Result<(), Error> {
        let condition = "f.client_id = $1 AND f.entity_id = $2 AND f.grouping_id = $3 AND f.bucket = ANY ($4) AND f.bucket >= $5 AND f.bucket <= $6";
        let (first, last) = (edge(buckets, 0), buckets.last().copied().unwrap_or(Timestamp::MIN));
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&self.client, &self.entity, &self.grouping, &buckets, &first, &last];
        let tables = match edition {
            Edition::Apache => {
                chunks::with_rows(limited.next().await?, &format!("{table} f"), condition, &parameters).await?
            }
            // Aggregates learn of what is deleted from the hypertable that they are over.
            Edition::Community => vec![table.to_owned()],
        };
        for table in tables {
            let sql = format!("DELETE FROM {table} f WHERE {condition}");
            limited.next().await?.execute(&sql, &parameters).await?;
        }
        Ok(())
    }
}

/// First bucket, or the last plus a width.
fn edge(buckets: &[Timestamp], width_us: i64) -> Timestamp {
    let bucket = if width_us == 0 { buckets.first() } else { buckets.last() };
    bucket.map_or(Timestamp::MIN, |bucket| timestamp(bucket.as_microsecond() + width_us))
}

/// Rebuilds buckets of a level from what was moved to the finest one; what is still in the partials is added on read.
fn rebuild_level(place: &Place, grouping: &GroupingDefinition, level: Level) -> String {
    let width = width(level);
    format!(
        "INSERT INTO {} (client_id, entity_id, grouping_id, page, bucket, dimensions, facts{})
         SELECT $1, $2, $3, page, time_bucket('{width}', bucket) AS start, dimensions, sum(facts){} FROM {}
         WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3 AND time_bucket('{width}', bucket) = ANY ($4)
             AND bucket >= $5 AND bucket < $6
         GROUP BY page, start, dimensions",
        place.volume.rows(level),
        state_names(1..=PAGE),
        merges(1..=PAGE),
        place.volume.rows(grouping.finest),
    )
}
