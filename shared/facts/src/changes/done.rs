//! What a step of a change has done: what it touched is counted anew, and kept books of; and what there is to say once all is done.

use std::collections::{BTreeMap, BTreeSet};

use database::{Error, Session};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Change;
use super::steps::{Step, Stretch};
use super::taking::Taken;
use crate::clock::{Brought, Numbered, attribute};
use crate::copy::timestamp;
use crate::keyed::counted_anew;

/// What a step has done.
pub(super) struct Done {
    /// The first and the last time of what it touched of each minute.
    pub(super) times: BTreeSet<i64>,
    removed: Vec<Taken>,
    pub(super) restored: usize,
    pub(super) added: usize,
    /// The last number that it gave.
    pub(super) last_number: i64,
    /// Whether nothing of the stretch is left.
    pub(super) is_whole: bool,
    /// Where more of it is: up to which commit, or which key, what comes back is back.
    pub(super) back_to_number: Option<i64>,
    pub(super) back_to_key: Option<Uuid>,
}

impl Done {
    /// Facts that were taken out, by a commit.
    pub(super) fn of(removed: Vec<Taken>, number: i64) -> Self {
        let times = removed.iter().flat_map(|taken| [taken.first, taken.last]);
        Self {
            times: times.map(jiff::Timestamp::as_microsecond).collect(),
            removed,
            restored: 0,
            added: 0,
            last_number: number,
            is_whole: true,
            back_to_number: None,
            back_to_key: None,
        }
    }

    pub(super) fn removed_facts(&self) -> usize {
        let facts = self
            .removed
            .iter()
            .map(|taken| usize::try_from(taken.facts).unwrap_or(0));
        facts.sum()
    }

    pub(super) fn removed_keys(&self) -> impl Iterator<Item = Uuid> {
        let keys = self.removed.iter().flat_map(|taken| &taken.keys);
        keys.flatten().copied()
    }
}

/// Counts what was touched anew, and says how far the change is.
pub(super) async fn tell(step: &Step<'_>, commit: Numbered, stretch: &Stretch, done: &Done) -> Result<(), Error> {
    let Step {
        limited,
        placed,
        change,
        ..
    } = step;
    let (client, id) = (change.client_id, placed.place.id);
    let counts = [done.removed_facts(), done.restored, done.added];
    if !done.times.is_empty() {
        let facts = counts.iter().sum();
        counted_anew(limited, step.writing(&commit), &commit, &done.times, facts).await?;
    }
    if let Some((first, last)) = done.times.first().zip(done.times.last()) {
        let own = Brought {
            batch: change.id,
            number: commit.number,
            first: timestamp(*first),
            last: timestamp(*last),
            facts: 0,
            is_kept: false,
        };
        attribute(limited.next().await?, client, placed, &[own]).await?;
    }
    let sql = "UPDATE core.clocks SET last = greatest(last, $3) WHERE client_id = $1 AND entity_id = $2";
    let session = limited.next().await?;
    session.execute(sql, &[&client, &id, &done.last_number]).await?;
    if change.up_to.is_some() {
        discount(step, done).await?;
    }
    let sql = "UPDATE core.changes SET done_to = $3, back_to_number = $4, back_to_key = $5, removed = removed + $6, restored = restored + $7, added = added + $8
        WHERE client_id = $1 AND id = $2";
    let [from, to] = stretch.range;
    let done_to = if done.is_whole { to } else { from };
    let back_to_number = done.back_to_number.filter(|_| !done.is_whole);
    let back_to_key = done.back_to_key.filter(|_| !done.is_whole);
    let counts = counts.map(|facts| i64::try_from(facts).unwrap_or(i64::MAX));
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &client,
        &change.id,
        &done_to,
        &back_to_number,
        &back_to_key,
        &counts[0],
        &counts[1],
        &counts[2],
    ];
    limited.next().await?.execute(sql, &parameters).await.map(drop)
}

/// What a deletion has taken out of each batch is not used any more, and stays gone when the batch comes back.
async fn discount(step: &Step<'_>, done: &Done) -> Result<(), Error> {
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for taken in &done.removed {
        *counts.entry(taken.batch_number).or_default() += taken.facts;
    }
    let (numbers, counts): (Vec<i64>, Vec<i64>) = counts.into_iter().unzip();
    let sql = "WITH gone AS (
             SELECT c.batch_id AS id, sum(n.facts)::bigint AS facts FROM unnest($3::bigint[], $4::bigint[]) AS n (number, facts)
             JOIN core.commits c ON c.client_id = $1 AND c.entity_id = $2 AND c.batch_number = n.number GROUP BY c.batch_id
         ), told AS (
             UPDATE core.batches b SET removed = b.removed + g.facts, deleted = b.deleted + g.facts FROM gone g WHERE b.client_id = $1 AND b.id = g.id
             RETURNING b.begun_at, g.facts
         )
         SELECT core.discount(begun_at, facts, 0) FROM told";
    let session = step.limited.next().await?;
    let id = step.placed.place.id;
    session
        .query(sql, &[&step.change.client_id, &id, &numbers, &counts])
        .await
        .map(drop)
}

/// All is done: what is not there any more is not used, and files are what they are now.
pub(super) async fn finish(session: &Session, change: &Change) -> Result<(), Error> {
    let (client, id) = (change.client_id, &change.id);
    let gone = "SELECT core.discount(begun_at, accepted - removed, 0) FROM core.batches WHERE client_id = $1 AND id = ANY ($2)";
    session.query(gone, &[&client, &change.batches]).await?;
    let sql = "UPDATE core.batches SET removed = accepted WHERE client_id = $1 AND id = ANY ($2)";
    session.execute(sql, &[&client, &change.batches]).await?;
    if let Some(earlier) = &change.restores {
        // Those that were taken out before that one, too, stay so.
        let of_it =
            "b.client_id = $1 AND c.client_id = $1 AND c.id = $2 AND b.id = ANY (c.batches) AND b.undone_by IS NULL";
        let back = format!(
            "SELECT core.discount(b.begun_at, b.deleted - b.removed, 0) FROM core.batches b JOIN core.changes c ON {of_it}"
        );
        session.query(&back, &[&client, earlier]).await?;
        let sql = format!("UPDATE core.batches b SET removed = b.deleted FROM core.changes c WHERE {of_it}");
        session.execute(&sql, &[&client, earlier]).await?;
    }
    let sql = "UPDATE core.files SET state = CASE state WHEN 'replacing' THEN 'finished' WHEN 'undoing' THEN 'undone' ELSE state END,
            changed_at = clock_timestamp()
        WHERE client_id = $1 AND change_id = $2 AND state IN ('replacing', 'undoing')";
    session.execute(sql, &[&client, id]).await?;
    let sql = "UPDATE core.changes SET finished_at = clock_timestamp(), failures = 0, reason = NULL WHERE client_id = $1 AND id = $2";
    session.execute(sql, &[&client, id]).await.map(drop)
}
