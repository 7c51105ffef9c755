//! Batches into facts, partials, dead letters and marks: in as many transactions as bound what each of them costs.
//!
//! Partials are appended, never updated, so no batch waits on another's row. What a batch has brought is marked with it, and skipped when it comes
//! again: at least once in, once in effect. What the server refuses is halved until the event at fault stands alone; it becomes a dead letter, and
//! all others become facts.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use catalog::Entity;
use database::{Database, Error, Session};
use formula::Value;
use futures::try_join;
use series::{Fact, Partials};
use uuid::Uuid;

use crate::batch::{Batch, Mapped, Outcome, Reject, reject};
use crate::changes::aside;
use crate::clock::{Brought, Numbered, Span, attribute, next_number};
use crate::commit::tell;
use crate::copy::{CopyingFacts, Writing};
use crate::mark::{Mark, Marks, mark};
use crate::part::{Part, halves, most_events, sets};
use crate::place::{Placed, writers_lock};
use crate::{copy, keyed, sketches};

/// Tries in which an error that may pass by itself, such as a deadlock or a lost connection, is waited out.
const PASSING_TRIES: u32 = 10;

/// How hard a caller tries.
#[derive(Clone, Copy, Default)]
pub struct Effort<'a> {
    /// No transaction begins after this; what is left is written when the batch comes again.
    pub until: Option<Instant>,
    /// How often the batches have come, this time included: with each try a transaction writes less.
    pub tries: u32,
    /// Whether these are the last tries, in which an event that can't be written is a dead letter, whoever's fault it is. One that fails for what
    /// may pass comes again nevertheless.
    pub is_last: bool,
    /// An event as it was sent, by its batch and position. Where there is none, a dead letter has what was read of it.
    pub original: Option<&'a (dyn Fn(Uuid, i32) -> Option<String> + Sync)>,
}

/// Writes batches of one client and entity.
///
/// # Errors
/// When the server or the way to it fails, or the time is over. What was written by then is marked, and not written again when the batches come again.
pub async fn ingest(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    source: &str,
    batches: &[Batch],
    effort: Effort<'_>,
) -> Result<Vec<Outcome>, Error> {
    write(database, (client, placed), source, batches, effort, false).await
}

/// As [`ingest`], but facts are kept aside: they count once a change puts them in.
///
/// # Errors
/// As [`ingest`]; and [`Error::Unfinished`] while the entity is being moved, which what is kept aside is not.
pub async fn set_aside(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    source: &str,
    batches: &[Batch],
    effort: Effort<'_>,
) -> Result<Vec<Outcome>, Error> {
    write(database, (client, placed), source, batches, effort, true).await
}

async fn write(
    database: &Database,
    (client, placed): (Uuid, &Placed),
    source: &str,
    batches: &[Batch],
    effort: Effort<'_>,
    is_aside: bool,
) -> Result<Vec<Outcome>, Error> {
    let ingestion = Ingestion {
        database,
        client,
        placed,
        source,
        effort,
        is_aside,
    };
    ingestion.run(batches).await
}

/// Writes batches whose events were all refused, such as those of an entity that does not exist.
///
/// # Errors
/// When the transaction can't be committed.
pub async fn refuse(
    database: &Database,
    client: Uuid,
    entity: &str,
    source: &str,
    batches: &[Batch],
) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = Outcomes::of(batches);
    let mut pending: VecDeque<Part<'_>> = unique(batches).collect();
    while let Some(part) = pending.pop_front() {
        let marks = write_rejects(database, client, entity, source, &[part]).await?;
        if let Some(rest) = outcomes.take(&part, marks.of(&part), 0)? {
            pending.push_front(rest);
        }
    }
    Ok(outcomes.0)
}

/// Each batch once: SQS may deliver a message twice, in one call too.
fn unique(batches: &[Batch]) -> impl Iterator<Item = Part<'_>> {
    let mut seen = BTreeSet::new();
    let first = batches.iter().filter(move |batch| seen.insert(batch.id));
    first.map(Part::whole)
}

async fn write_rejects(
    database: &Database,
    client: Uuid,
    entity: &str,
    source: &str,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    let work = async |session: &Session| {
        // Without facts there is no commit to number.
        let marks = mark(session, client, entity, source, 0, parts).await?;
        reject(session, client, entity, &marks.fresh(parts)).await?;
        Ok(marks)
    };
    database.transaction(client, work).await
}

struct Ingestion<'a> {
    database: &'a Database,
    client: Uuid,
    placed: &'a Placed,
    source: &'a str,
    effort: Effort<'a>,
    /// Whether facts are kept aside.
    is_aside: bool,
}

impl Ingestion<'_> {
    async fn run(&self, batches: &[Batch]) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Outcomes::of(batches);
        let most = most_events(&self.placed.entity, self.effort.tries);
        let mut pending: VecDeque<Vec<Part<'_>>> = sets(unique(batches), most).into();
        while let Some(set) = pending.pop_front() {
            if self.effort.until.is_some_and(|until| Instant::now() > until) {
                return Err(Error::Unfinished);
            }
            let (marks, is_buried) = match self.write(&set).await {
                Ok(marks) => (marks, false),
                Err(error) if !self.is_divisible(&error) => return Err(error),
                Err(error) => match halves(&set) {
                    Some([first, second]) => {
                        pending.push_front(second);
                        pending.push_front(first);
                        continue;
                    }
                    None if self.ends(&error) => (self.bury(&set, &error).await?, true),
                    None => return Err(error),
                },
            };
            for part in &set {
                let mark = marks.of(part);
                let written = if is_buried { 0 } else { part.mapped().len() };
                let rest = outcomes.take(part, mark, written)?;
                if mark != Mark::Fresh {
                    // Somebody else has written more or less of the batch than is planned here, or all of it.
                    pending
                        .iter_mut()
                        .for_each(|set| set.retain(|planned| planned.batch.id != part.batch.id));
                    pending.retain(|set| !set.is_empty());
                }
                let rest = sets(rest, most).into_iter().rev();
                rest.for_each(|set| pending.push_front(set));
            }
        }
        Ok(outcomes.0)
    }

    /// Whether the events may be written in smaller parts, or all but some of them.
    fn is_divisible(&self, error: &Error) -> bool {
        self.ends(error) || (error.is_out_of_time() && !error.is_locked_out())
    }

    /// Whether a single event that meets this error ends as a dead letter. In the last tries that is so with all but what may pass by itself, and in
    /// the end with that too: an event may bring its connection down.
    fn ends(&self, error: &Error) -> bool {
        // What the schema lacks comes with the migration that follows on a deployment.
        let may_pass =
            error.is_conflict() || error.is_out_of_time() || error.is_of_schema() || !error.is_of_statement();
        let Effort { is_last, tries, .. } = self.effort;
        let has_not_passed = tries > PASSING_TRIES && error.is_after_connecting() && !error.is_being_moved();
        error.is_of_row() || (is_last && (!may_pass || has_not_passed))
    }

    async fn write(&self, parts: &[Part<'_>]) -> Result<Marks, Error> {
        if self.is_aside {
            let work =
                async |session: &Session| aside::write(session, self.client, self.placed, self.source, parts).await;
            return self.database.transaction(self.client, work).await;
        }
        if self.placed.entity.is_keyed() {
            return keyed::write(self.database, self.client, self.placed, self.source, parts).await;
        }
        let work = async |session: &Session| append(session, self.client, self.placed, self.source, parts).await;
        self.database.transaction(self.client, work).await
    }

    /// Events that can't be written become dead letters.
    async fn bury(&self, parts: &[Part<'_>], error: &Error) -> Result<Marks, Error> {
        let (client, entity) = (self.client, self.placed.entity.code());
        let events: usize = parts.iter().map(|part| part.mapped().len()).sum();
        tracing::error!(%client, entity, events, cause = %error, "events can't be written: they become dead letters");
        let buried: Vec<Batch> = parts.iter().map(|part| self.buried(part, error)).collect();
        let pairs = buried.iter().zip(parts);
        let parts: Vec<Part<'_>> = pairs.map(|(batch, part)| Part { batch, ..*part }).collect();
        write_rejects(self.database, client, entity, self.source, &parts).await
    }

    fn buried(&self, part: &Part<'_>, error: &Error) -> Batch {
        let letter = |mapped: &Mapped| Reject {
            position: mapped.position,
            field: String::new(),
            reason: format!(
                "the event is as it should be, but can't be stored ({}): replay it when whoever runs the system has mended that",
                error.kind()
            ),
            original: self.original(part.batch.id, mapped),
        };
        let mut batch = Batch {
            key: part.batch.key,
            time_zone: part.batch.time_zone.clone(),
            ..Batch::piece(part.batch.id, part.batch.extent.0, part.batch.extent.1)
        };
        let mut rejects: Vec<Reject> = part
            .mapped()
            .iter()
            .map(letter)
            .chain(part.rejects().iter().cloned())
            .collect();
        rejects.sort_by_key(|reject| reject.position);
        rejects.into_iter().for_each(|reject| batch.refuse(reject));
        batch
    }

    fn original(&self, batch: Uuid, mapped: &Mapped) -> String {
        let sent = self
            .effort
            .original
            .and_then(|original| original(batch, mapped.position));
        sent.unwrap_or_else(|| event_of(&self.placed.entity, &mapped.fact))
    }
}

/// What became of each batch, in the order of the batches.
struct Outcomes(Vec<Outcome>);

impl Outcomes {
    /// Of batches of which nothing has been written; one that is there twice is a duplicate.
    fn of(batches: &[Batch]) -> Self {
        let mut seen = BTreeSet::new();
        let outcome = |batch: &Batch| Outcome {
            batch: batch.id,
            written: 0,
            duplicate: !seen.insert(batch.id),
            key_taken: false,
        };
        Self(batches.iter().map(outcome).collect())
    }

    /// Takes what became of a part and how many facts it brought, and returns what is to be written of its batch instead.
    ///
    /// # Errors
    /// When its batch has not come as far as where this piece of it begins: to go on here would leave out what is between.
    fn take<'b>(&mut self, part: &Part<'b>, mark: Mark, written: usize) -> Result<Option<Part<'b>>, Error> {
        let Some(outcome) = self.0.iter_mut().find(|outcome| outcome.batch == part.batch.id) else {
            return Ok(None);
        };
        let (begin, end) = part.batch.extent;
        match mark {
            Mark::Fresh => outcome.written += written,
            Mark::Finished => outcome.duplicate |= part.is_first_of_piece(),
            Mark::KeyTaken if begin > 0 => return Err(Error::Unfinished),
            Mark::KeyTaken => outcome.key_taken = true,
            Mark::Elsewhere(position) if position < begin => return Err(Error::Unfinished),
            Mark::Elsewhere(position) if end.is_some_and(|end| end <= position) => {
                outcome.duplicate |= part.is_first_of_piece();
            }
            Mark::Elsewhere(position) => return Ok(Some(Part::rest(part.batch, position))),
        }
        Ok(None)
    }
}

async fn append(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    source: &str,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    // One at a time, so that the numbers of commits are in the order of commits.
    session.lock(&writers_lock(client, &placed.place)).await?;
    let commit = next_number(session, client, placed, Span::of(parts)).await?;
    let batch_number = commit.number;
    let marks = mark(session, client, placed.entity.code(), source, batch_number, parts).await?;
    let new = marks.fresh(parts);
    let facts: Vec<&Fact> = new.iter().flat_map(Part::mapped).map(|mapped| &mapped.fact).collect();
    if !facts.is_empty() {
        let writing = Writing {
            client,
            placed,
            batch_number,
        };
        let mut copying = CopyingFacts::begin(session, writing).await?;
        let numbered = (batch_number..)
            .zip(parts)
            .filter(|(_, part)| marks.of(part) == Mark::Fresh);
        for (number, part) in numbered {
            let facts = part.mapped().iter().map(|mapped| &mapped.fact);
            copying.send(number, facts).await?;
        }
        // Summed up while the server is at work on the facts.
        let partials = Partials::of(&placed.entity, &facts);
        copying.finish().await?;
        let brought = Brought::of(batch_number, parts, |part| marks.of(part) == Mark::Fresh);
        let commit = commit.with(&brought);
        try_join!(
            attribute(session, client, placed, &brought),
            Box::pin(write_partials(session, writing, &commit, &partials, facts.len())),
        )?;
    }
    reject(session, client, placed.entity.code(), &new).await?;
    Ok(marks)
}

/// Writes the partials of so many facts, those of groupings that are kept, and tells of the commit.
pub(crate) async fn write_partials(
    session: &Session,
    writing: Writing<'_>,
    commit: &Numbered,
    partials: &Partials,
    facts: usize,
) -> Result<(), Error> {
    let Writing { client, placed, .. } = writing;
    let minutes: BTreeSet<i64> = partials.minutes().collect();
    let groupings = placed.entity.groupings().iter().zip(&partials.groupings);
    let kept: Vec<_> = groupings
        .filter(|(grouping, _)| placed.kept().any(|kept| kept == *grouping))
        .collect();
    let copying = copy::partials(session, writing, &kept);
    let telling = tell(session, client, placed, commit, facts, &minutes, true);
    try_join!(copying, telling)?;
    sketches::write(session, client, placed, &partials.sketches).await
}

/// An event that would become this fact.
fn event_of(entity: &Entity, fact: &Fact) -> String {
    let attributes = entity.source_attributes().filter_map(|(place, attribute)| {
        let value = fact.values.get(place)?;
        Some((attribute.name.clone(), json_of(value)))
    });
    let time = (
        entity.definition().time.clone(),
        copy::timestamp(fact.time_us).to_string().into(),
    );
    let event: serde_json::Map<String, serde_json::Value> = attributes.chain([time]).collect();
    serde_json::Value::Object(event).to_string()
}

fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        // As text, which events may have where a number is meant: no digit is lost.
        Value::Decimal(value) => value.to_string().into(),
        Value::Text(value) => value.to_string().into(),
        Value::Time(_) => series::answer::text(value).into(),
    }
}
