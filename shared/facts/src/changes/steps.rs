//! One step of a change: facts of a range of time are taken out, put back and put in, and the buckets that they touch are counted anew.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Level;
use database::{Database, Error, Isolation, Scope, Session};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::put_back::{Back, columns, earlier, put_back};
use super::taking::{Source, Taken};
use super::{Change, MAX_STEP, aside};
use crate::clock::{Brought, Numbered, Span, attribute, next_number};
use crate::copy::{Writing, timestamp};
use crate::fill::end_of_step;
use crate::keyed::{Limited, MAX_WRITE_TIME, counted_anew, replaced};
use crate::part::most_events;
use crate::place::{Placed, writers_lock};
use crate::work::After;

/// One step. It is not what it was when somebody else has made it: then nothing is done.
///
/// # Errors
/// When the definition is another one by now, or a statement fails; the change stays where it was.
pub(crate) async fn step(database: &Database, placed: &Placed, change: &Change) -> Result<After, Error> {
    let scope = Scope {
        client: Some(change.client_id),
        isolation: Isolation::RepeatableRead,
    };
    let lock = writers_lock(change.client_id, &placed.place);
    let work = async |session: &Session| {
        let limited = Limited::new(session, MAX_WRITE_TIME);
        let step = Step {
            limited: &limited,
            placed,
            change,
        };
        Box::pin(step.make()).await
    };
    database.locked_transaction(&lock, scope, work).await
}

database::row! {
    struct Going {
        id: Uuid,
    }
}

struct Step<'a> {
    limited: &'a Limited<'a>,
    placed: &'a Placed,
    change: &'a Change,
}

/// What a step has done.
#[derive(Default)]
struct Done {
    times: BTreeSet<i64>,
    removed: Vec<Taken>,
    restored: usize,
    added: usize,
    last_number: i64,
}

impl Step<'_> {
    async fn make(&self) -> Result<After, Error> {
        let Self {
            limited,
            placed,
            change,
        } = self;
        let (client, id) = (change.client_id, &change.id);
        let sql = "SELECT id FROM core.changes WHERE client_id = $1 AND id = $2 AND finished_at IS NULL AND done_to = $3 FOR UPDATE";
        let going: Option<Going> = limited.next().await?.row(sql, &[&client, id, &change.done_to]).await?;
        if going.is_none_or(|going| going.id != *id) {
            return Err(Error::DefinitionChanged(format!("change {id}")));
        }
        let commit = next_number(limited.next().await?, client, placed, Span::default()).await?;
        if commit.is_moving && change.adds.is_some() {
            // What was kept aside stays where it was.
            return Err(Error::Unfinished);
        }
        let taken = Source::taken_out(limited, change, placed).await?;
        let back = match change.restores {
            Some(earlier) => Some(Source::put_back(limited, change, placed, earlier).await?),
            None => None,
        };
        let aside = change.adds.map(|batch| Source::aside(placed, batch));
        let range = self.range([Some(&taken), back.as_ref(), aside.as_ref()]).await?;
        let done = self
            .exchange(&commit, &range, (&taken, back.as_ref(), aside.as_ref()))
            .await?;
        self.tell(&commit, &range, &done).await?;
        if range[1] < change.to_time {
            return Ok(After::Rest);
        }
        let most = i64::try_from(self.most()).unwrap_or(i64::MAX);
        let forgotten = aside::forget(limited.next().await?, client, placed, &change.batches, most).await?;
        if i64::try_from(forgotten).is_ok_and(|forgotten| forgotten >= most) {
            return Ok(After::Rest);
        }
        finish(limited.next().await?, change).await?;
        Ok(After::Done)
    }

    /// Facts of this step at most: fewer after each that failed.
    fn most(&self) -> usize {
        let tries = u32::try_from(self.change.failures).unwrap_or(0).saturating_add(1);
        most_events(&self.placed.entity, tries).min(MAX_STEP)
    }

    /// From where the change is to the minute in which one of its sources would have too much; a minute that has more is one step.
    async fn range(&self, sources: [Option<&Source>; 3]) -> Result<[Timestamp; 2], Error> {
        let (mut next, most) = (None, self.most());
        for source in sources.into_iter().flatten() {
            let end = source.end(self.limited, self.change, most).await?;
            next = [next, end].into_iter().flatten().min();
        }
        let from = self.change.done_to;
        let to = next.map_or(self.change.to_time, |next| end_of_step(Level::Minute, from, next));
        Ok([from, to.min(self.change.to_time)])
    }

    /// Takes facts out, and puts others in their place.
    async fn exchange(
        &self,
        commit: &Numbered,
        range: &[Timestamp; 2],
        (taken, back, aside): (&Source, Option<&Source>, Option<&Source>),
    ) -> Result<Done, Error> {
        let (client, placed, limited) = (self.change.client_id, self.placed, self.limited);
        let of = (client, placed);
        let mut done = Done {
            removed: taken.take(limited, of, range, commit.number).await?,
            last_number: commit.number,
            ..Done::default()
        };
        done.times = done.removed.iter().map(|fact| fact.time.as_microsecond()).collect();
        if self.change.kind != "deletion" {
            self.put_earlier(commit, &mut done).await?;
        }
        if let Some(source) = back {
            self.make_room(commit, range, source, commit.number, &mut done).await?;
            let session = limited.next().await?;
            let number = done.last_number;
            let put = put_back(session, of, number, &source.select(), &source.parameters(range)).await?;
            self.count_back(put, &mut done);
        }
        if let (Some(source), Some(batch)) = (aside, self.change.adds) {
            let number = done.last_number + 1;
            self.make_room(commit, range, source, number, &mut done).await?;
            let columns = columns(limited.next().await?, placed).await?;
            let (times, facts) = source.put_in(limited, of, &columns, range, number).await?;
            if let Some((first, last)) = times.first().copied().zip(times.last().copied()) {
                let brought = Brought {
                    batch,
                    number,
                    first: timestamp(first),
                    last: timestamp(last),
                    facts,
                    is_kept: true,
                };
                attribute(limited.next().await?, client, placed, &[brought]).await?;
            }
            done.last_number = number;
            done.added = facts;
            done.times.extend(times);
        }
        Ok(done)
    }

    fn count_back(&self, back: Back, done: &mut Done) {
        done.restored += back.facts;
        done.last_number = back.last_number;
        done.times.extend(back.times);
    }

    /// Puts back what facts of a keyed entity had replaced that are taken out now.
    async fn put_earlier(&self, commit: &Numbered, done: &mut Done) -> Result<(), Error> {
        let (client, placed) = (self.change.client_id, self.placed);
        let (keys, numbers): (Vec<Uuid>, Vec<i64>) = done
            .removed
            .iter()
            .filter_map(|fact| Some((fact.key?, fact.batch_number)))
            .unzip();
        if keys.is_empty() {
            return Ok(());
        }
        let session = self.limited.next().await?;
        let found = earlier(session, (client, placed), (&keys, &numbers)).await?;
        if found.is_empty() {
            return Ok(());
        }
        let keys: Vec<Uuid> = found.iter().map(|earlier| earlier.key).collect();
        let numbers: Vec<i64> = found.iter().map(|earlier| earlier.batch_number).collect();
        let by: Vec<i64> = found.iter().map(|earlier| earlier.replaced_by).collect();
        let chosen = format!(
            "SELECT r.* FROM {} r JOIN unnest($4::uuid[], $5::bigint[], $6::bigint[]) AS k (key, number, replaced_by)
                 ON r.key = k.key AND r.batch_number = k.number AND r.replaced_by = k.replaced_by
             WHERE r.client_id = $1 AND r.entity_id = $2",
            placed.place.volume.replaced()
        );
        let parameters: [&(dyn ToSql + Sync); 3] = [&keys, &numbers, &by];
        let session = self.limited.next().await?;
        let put = put_back(session, (client, placed), commit.number, &chosen, &parameters).await?;
        self.count_back(put, done);
        Ok(())
    }

    /// Takes the facts out that have the keys of those that come, where the entity has keys.
    async fn make_room(
        &self,
        commit: &Numbered,
        range: &[Timestamp; 2],
        source: &Source,
        number: i64,
        done: &mut Done,
    ) -> Result<(), Error> {
        if self.placed.entity.definition().key.is_empty() {
            return Ok(());
        }
        let keys = source.keys(self.limited, self.change.client_id, range).await?;
        let numbers = vec![number; keys.len()];
        let writing = self.writing(commit);
        let all = [commit.first, commit.last];
        let times = replaced(self.limited, writing, (&keys, &numbers), all).await?;
        done.times.extend(times);
        Ok(())
    }

    const fn writing(&self, commit: &Numbered) -> Writing<'_> {
        Writing {
            client: self.change.client_id,
            placed: self.placed,
            batch_number: commit.number,
        }
    }

    /// Counts what was touched anew, and says how far the change is.
    async fn tell(&self, commit: &Numbered, range: &[Timestamp; 2], done: &Done) -> Result<(), Error> {
        let Self {
            limited,
            placed,
            change,
        } = self;
        let (client, id) = (change.client_id, placed.place.id);
        let facts = done.removed.len() + done.restored + done.added;
        if !done.times.is_empty() {
            counted_anew(limited, self.writing(commit), commit, &done.times, facts).await?;
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
        limited
            .next()
            .await?
            .execute(sql, &[&client, &id, &done.last_number])
            .await?;
        if change.up_to.is_some() {
            self.discount(done).await?;
        }
        let sql = "UPDATE core.changes SET done_to = $3, removed = removed + $4, restored = restored + $5, added = added + $6 WHERE client_id = $1 AND id = $2";
        let count = |facts: usize| i64::try_from(facts).unwrap_or(i64::MAX);
        let counts = [done.removed.len(), done.restored, done.added].map(count);
        limited
            .next()
            .await?
            .execute(
                sql,
                &[&client, &change.id, &range[1], &counts[0], &counts[1], &counts[2]],
            )
            .await
            .map(drop)
    }

    /// What a deletion has taken out of each batch is not used any more.
    async fn discount(&self, done: &Done) -> Result<(), Error> {
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        for fact in &done.removed {
            *counts.entry(fact.batch_number).or_default() += 1;
        }
        let (numbers, counts): (Vec<i64>, Vec<i64>) = counts.into_iter().unzip();
        let sql = "WITH gone AS (
                 SELECT c.batch_id AS id, sum(n.facts)::bigint AS facts FROM unnest($3::bigint[], $4::bigint[]) AS n (number, facts)
                 JOIN core.commits c ON c.client_id = $1 AND c.entity_id = $2 AND c.batch_number = n.number GROUP BY c.batch_id
             ), told AS (
                 UPDATE core.batches b SET removed = b.removed + g.facts FROM gone g WHERE b.client_id = $1 AND b.id = g.id
                 RETURNING b.begun_at, g.facts
             )
             SELECT core.discount(begun_at, facts, 0) FROM told";
        let session = self.limited.next().await?;
        let id = self.placed.place.id;
        session
            .query(sql, &[&self.change.client_id, &id, &numbers, &counts])
            .await
            .map(drop)
    }
}

/// All is done: what is not there any more is not used, and files are what they are now.
async fn finish(session: &Session, change: &Change) -> Result<(), Error> {
    let (client, id) = (change.client_id, &change.id);
    let gone =
        "SELECT core.discount(begun_at, accepted - removed, CASE WHEN undone_by IS NULL THEN 0 ELSE rejected END)
        FROM core.batches WHERE client_id = $1 AND id = ANY ($2)";
    session.query(gone, &[&client, &change.batches]).await?;
    let sql = "UPDATE core.batches SET removed = accepted WHERE client_id = $1 AND id = ANY ($2)";
    session.execute(sql, &[&client, &change.batches]).await?;
    if let Some(earlier) = &change.restores {
        let back = "SELECT core.discount(b.begun_at, -b.removed, -b.rejected) FROM core.batches b JOIN core.changes c ON b.id = ANY (c.batches)
            WHERE b.client_id = $1 AND c.client_id = $1 AND c.id = $2";
        session.query(back, &[&client, earlier]).await?;
        let sql = "UPDATE core.batches b SET removed = 0 FROM core.changes c
            WHERE b.client_id = $1 AND c.client_id = $1 AND c.id = $2 AND b.id = ANY (c.batches)";
        session.execute(sql, &[&client, earlier]).await?;
    }
    let sql = "UPDATE core.files SET state = CASE state WHEN 'replacing' THEN 'finished' WHEN 'undoing' THEN 'undone' ELSE state END,
            changed_at = clock_timestamp()
        WHERE client_id = $1 AND change_id = $2 AND state IN ('replacing', 'undoing')";
    session.execute(sql, &[&client, id]).await?;
    let sql = "UPDATE core.changes SET finished_at = clock_timestamp(), failures = 0, reason = NULL WHERE client_id = $1 AND id = $2";
    session.execute(sql, &[&client, id]).await.map(drop)
}
