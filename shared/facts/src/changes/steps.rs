//! One step of a change: facts of a range of time are taken out, put back and put in, and the buckets that they touch are counted anew.

use catalog::Level;
use database::{Database, Error, Isolation, Scope};
use jiff::Timestamp;
use series::calendar::floor_us;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::done::{Done, finish, tell};
use super::keys::due;
use super::put_back::{Back, columns, put_back};
use super::taking::Source;
use super::{Change, MAX_MINUTE_AT_ONCE, MAX_STEP, Pace, aside};
use crate::clock::{Brought, Numbered, Span, attribute, next_number};
use crate::copy::{Writing, timestamp};
use crate::fill::end_of_step;
use crate::keyed::{Limited, replaced};
use crate::part::{LESS_EACH_TRY, most_events};
use crate::place::{Placed, writers_lock};
use crate::work::After;

/// One step; `None` where the next one takes longer than the pace allows, and nothing is done. The change is not what it was when somebody else has made it: then
/// nothing is done either.
///
/// # Errors
/// When the definition is another one by now, or a statement fails; the change stays where it was.
pub(crate) async fn step(
    database: &Database,
    placed: &Placed,
    change: &Change,
    pace: Pace,
) -> Result<Option<After>, Error> {
    let scope = Scope {
        client: Some(change.client_id),
        isolation: Isolation::RepeatableRead,
    };
    let lock = writers_lock(change.client_id, &placed.place);
    let work = async |session: &database::Session| {
        let limited = Limited::new(session, pace.limit);
        let step = Step {
            limited: &limited,
            placed,
            change,
            pace,
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

pub(super) struct Step<'a> {
    pub(super) limited: &'a Limited<'a>,
    pub(super) placed: &'a Placed,
    pub(super) change: &'a Change,
    pace: Pace,
}

/// Where the rows of a step are.
struct Sources {
    taken: Source,
    back: Option<Source>,
    aside: Option<Source>,
}

/// What a step goes through.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    /// From when to before when.
    pub(super) range: [Timestamp; 2],
    /// Rows of each source at most, where they are of one minute that has more than a usual step.
    pub(super) most: Option<i64>,
}

impl Stretch {
    /// Whether there may be more rows than so many that were found.
    fn has_more(&self, found: usize) -> bool {
        self.most
            .is_some_and(|most| i64::try_from(found).is_ok_and(|found| found >= most))
    }
}

impl Step<'_> {
    async fn make(&self) -> Result<Option<After>, Error> {
        let Self {
            limited,
            placed,
            change,
            ..
        } = self;
        let client = change.client_id;
        self.taken_up().await?;
        let sources = self.sources().await?;
        let Some(stretch) = self.stretch(&sources).await? else {
            return Ok(None);
        };
        let commit = next_number(limited.next().await?, client, placed, Span::default()).await?;
        if commit.is_moving && change.adds.is_some() {
            // What was kept aside stays where it was.
            return Err(Error::Unfinished);
        }
        let done = self.exchange(&commit, &stretch, sources).await?;
        tell(self, commit.up_to(done.last_number), &stretch, &done).await?;
        if !done.is_whole || stretch.range[1] < change.to_time {
            return Ok(Some(After::Rest));
        }
        let most = as_count(self.most());
        let forgotten = aside::forget(limited.next().await?, client, placed, &change.batches, most).await?;
        if i64::try_from(forgotten).is_ok_and(|forgotten| forgotten >= most) {
            return Ok(Some(After::Rest));
        }
        finish(limited.next().await?, change).await?;
        Ok(Some(After::Done))
    }

    /// Takes the change until the transaction ends, where it is what the step knows.
    async fn taken_up(&self) -> Result<(), Error> {
        let Change {
            client_id,
            id,
            done_to,
            back_to_number,
            back_to_key,
            ..
        } = self.change;
        let sql =
            "SELECT id FROM core.changes WHERE client_id = $1 AND id = $2 AND finished_at IS NULL AND done_to = $3
            AND back_to_number IS NOT DISTINCT FROM $4 AND back_to_key IS NOT DISTINCT FROM $5 FOR UPDATE";
        let known: [&(dyn ToSql + Sync); 5] = [client_id, id, done_to, back_to_number, back_to_key];
        let going: Option<Going> = self.limited.next().await?.row(sql, &known).await?;
        match going {
            Some(going) if going.id == *id => Ok(()),
            _ => Err(Error::DefinitionChanged(format!("change {id}"))),
        }
    }

    async fn sources(&self) -> Result<Sources, Error> {
        let Self {
            limited,
            placed,
            change,
            ..
        } = self;
        let back = match change.restores {
            Some(earlier) if self.is_keyed() => Some(Source::of_keys(limited, change, placed, earlier).await?),
            Some(earlier) => Some(Source::put_back(limited, change, placed, earlier).await?),
            None => None,
        };
        Ok(Sources {
            taken: Source::taken_out(limited, change, placed).await?,
            back,
            aside: change.adds.map(|batch| Source::aside(placed, batch)),
        })
    }

    fn is_keyed(&self) -> bool {
        self.placed.entity.is_keyed()
    }

    /// Facts of this step at most: fewer after each that failed.
    fn most(&self) -> usize {
        most_events(&self.placed.entity, self.failures().saturating_add(1)).min(MAX_STEP)
    }

    /// The same where one minute has more. Of a keyed entity all keys of a step are in memory.
    fn most_of_minute(&self) -> usize {
        let less = LESS_EACH_TRY.saturating_pow(self.failures());
        let usual = if self.is_keyed() {
            self.pace.most_of_minute.min(MAX_MINUTE_AT_ONCE)
        } else {
            self.pace.most_of_minute
        };
        (usual / less).max(self.most())
    }

    fn failures(&self) -> u32 {
        u32::try_from(self.change.failures).unwrap_or(0)
    }

    /// From where the change is to the minute in which one of its sources would have too much, or some of that minute where it is the first. `None` where that takes
    /// longer than the pace allows.
    async fn stretch(&self, sources: &Sources) -> Result<Option<Stretch>, Error> {
        let (change, from) = (self.change, self.change.done_to);
        let next = self.next(sources, self.most()).await?;
        let minute = |time: Timestamp| floor_us(Level::Minute, time.as_microsecond());
        let is_within = change.back_to_number.is_some() || change.back_to_key.is_some();
        let is_of_minute = is_within || next.is_some_and(|next| minute(next) <= minute(from));
        if !is_of_minute {
            let to = next.map_or(change.to_time, |next| end_of_step(Level::Minute, from, next));
            return Ok(Some(Stretch {
                range: [from, to.min(change.to_time)],
                most: None,
            }));
        }
        let most = self.most_of_minute();
        let more = self.next(sources, most).await?;
        if self.pace.leaves_more && more.is_some_and(|more| minute(more) <= minute(from)) {
            return Ok(None);
        }
        let to = end_of_step(Level::Minute, from, from);
        Ok(Some(Stretch {
            range: [from, to.min(change.to_time)],
            most: Some(as_count(most)),
        }))
    }

    /// The time of the first row with which one of the sources has more than so many.
    async fn next(&self, sources: &Sources, most: usize) -> Result<Option<Timestamp>, Error> {
        let mut next = None;
        let all = [Some(&sources.taken), sources.back.as_ref(), sources.aside.as_ref()];
        for source in all.into_iter().flatten() {
            let end = source.end(self.limited, self.change, most).await?;
            next = [next, end].into_iter().flatten().min();
        }
        Ok(next)
    }

    /// Takes facts out, and puts others in their place.
    async fn exchange(&self, commit: &Numbered, stretch: &Stretch, sources: Sources) -> Result<Done, Error> {
        let of = (self.change.client_id, self.placed);
        let mut done = Done::of(
            sources.taken.take(self.limited, of, stretch, commit.number).await?,
            commit.number,
        );
        done.is_whole = !stretch.has_more(done.removed_facts());
        if self.is_keyed() && self.change.kind != "deletion" {
            self.settle(commit, stretch, sources.back.as_ref(), &mut done).await?;
        } else if let Some(source) = sources.back {
            self.put_back(stretch, source, &mut done).await?;
        }
        if let (Some(source), Some(batch)) = (&sources.aside, self.change.adds) {
            self.put_in(commit, stretch, (source, batch), &mut done).await?;
        }
        Ok(done)
    }

    /// Puts back what an earlier change has taken out.
    async fn put_back(&self, stretch: &Stretch, source: Source, done: &mut Done) -> Result<(), Error> {
        let client = self.change.client_id;
        let after = self.change.back_to_number;
        let (source, has_more) = source.some(self.limited, client, stretch, after).await?;
        done.is_whole &= !has_more;
        done.back_to_number = source.last_number().or(after);
        let session = self.limited.next().await?;
        let parameters = source.parameters(&stretch.range);
        let of = (client, self.placed);
        let put = put_back(session, of, done.last_number, &source.select(), &parameters).await?;
        count_back(put, done);
        Ok(())
    }

    /// Gives keys the last fact that counts: those of facts that are taken out, and those of facts that count again.
    async fn settle(
        &self,
        commit: &Numbered,
        stretch: &Stretch,
        back: Option<&Source>,
        done: &mut Done,
    ) -> Result<(), Error> {
        let (client, placed) = (self.change.client_id, self.placed);
        let mut keys: Vec<Uuid> = done.removed_keys().collect();
        if let Some(source) = back {
            let after = self.change.back_to_key;
            let again = source.keys(self.limited, client, stretch, after).await?;
            done.is_whole &= !stretch.has_more(again.len());
            done.back_to_key = again.last().copied().or(after);
            keys.extend(again);
        }
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(());
        }
        let all = [commit.first, commit.last];
        let due = due(self.limited.next().await?, (client, placed), &keys, all).await?;
        if due.is_empty() {
            return Ok(());
        }
        let keys: Vec<Uuid> = due.iter().map(|due| due.key).collect();
        let numbers: Vec<i64> = due.iter().map(|due| due.batch_number).collect();
        let by: Vec<i64> = due.iter().map(|due| due.replaced_by).collect();
        self.make_room(commit, &keys, commit.number, done).await?;
        let chosen = format!(
            "SELECT r.* FROM {} r JOIN unnest($4::uuid[], $5::bigint[], $6::bigint[]) AS k (key, number, replaced_by)
                 ON r.key = k.key AND r.batch_number = k.number AND r.replaced_by = k.replaced_by
             WHERE r.client_id = $1 AND r.entity_id = $2",
            placed.place.volume.replaced()
        );
        let parameters: [&(dyn ToSql + Sync); 3] = [&keys, &numbers, &by];
        let session = self.limited.next().await?;
        let put = put_back(session, (client, placed), done.last_number, &chosen, &parameters).await?;
        count_back(put, done);
        Ok(())
    }

    /// Puts in what was kept aside of a batch.
    async fn put_in(
        &self,
        commit: &Numbered,
        stretch: &Stretch,
        (source, batch): (&Source, Uuid),
        done: &mut Done,
    ) -> Result<(), Error> {
        let (client, placed, limited) = (self.change.client_id, self.placed, self.limited);
        let number = done.last_number + 1;
        if self.is_keyed() {
            let keys = source.keys(limited, client, stretch, None).await?;
            self.make_room(commit, &keys, number, done).await?;
        }
        let columns = columns(limited.next().await?, placed).await?;
        let (times, facts) = source
            .put_in(limited, (client, placed), &columns, stretch, number)
            .await?;
        done.is_whole &= !stretch.has_more(facts);
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
            done.last_number = number;
        }
        done.added = facts;
        done.times.extend(times);
        Ok(())
    }

    /// Takes the facts of keys out to which others come, under a number.
    async fn make_room(&self, commit: &Numbered, keys: &[Uuid], number: i64, done: &mut Done) -> Result<(), Error> {
        let numbers = vec![number; keys.len()];
        let all = [commit.first, commit.last];
        let times = replaced(self.limited, self.writing(commit), (keys, &numbers), all).await?;
        done.times.extend(times);
        Ok(())
    }

    pub(super) const fn writing(&self, commit: &Numbered) -> Writing<'_> {
        Writing {
            client: self.change.client_id,
            placed: self.placed,
            batch_number: commit.number,
        }
    }
}

fn count_back(back: Back, done: &mut Done) {
    done.restored += back.facts;
    done.last_number = back.last_number;
    done.times.extend(back.times);
}

fn as_count(facts: usize) -> i64 {
    i64::try_from(facts).unwrap_or(i64::MAX)
}
