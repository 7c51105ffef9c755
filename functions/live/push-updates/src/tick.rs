//! What one tick reads: at most three statements, however many subscribers there are. One loads definitions of clients
//! that were not known, one reads all buckets, one, for the beats, how far the data has come.
//!
//! It is more only where it says so: one statement more for every [`database::read::MAX_BRANCHES`] different questions, and, while a
//! question can't be answered, those that find out which (see [`database::read::read_each`]). Its topics are then left alone for a while.

use std::collections::{BTreeMap, BTreeSet};

use database::read::{Answer, read_each};
use database::{Database, Error, notify};
use jiff::Timestamp;
use live::{Observed, Publisher, TopicRead, Touched, Watermark};
use series::answer::Row;
use series::plan::Filter;
use series::{Question, Range, Request};
use tokio::time::Instant;
use uuid::Uuid;

use crate::catalogs::Catalogs;
use crate::merge::Merged;

/// Reads what the publisher asks for and lets it observe. What can't be read is refused, by itself; after `until` no further statement is begun,
/// and what is left is asked for again.
///
/// # Errors
/// When the database fails: what was not observed by then is asked for again.
pub async fn observe(
    database: &Database,
    catalogs: &mut Catalogs,
    publisher: &mut Publisher,
    now: Timestamp,
    touched: Option<&[Touched]>,
    until: Instant,
) -> Result<(), Error> {
    let session = database.session().await?;
    catalogs.load(&session, &clients(publisher)).await?;
    let mut reads = publisher.reads(now, touched, catalogs);
    // What fails in company is asked once more alone: only one of them may be at fault.
    for merged in [Merged::default(), Merged::apart()] {
        let round = Round::plan(catalogs, merged, reads, publisher, now);
        let answers = read_each(&session, round.merged.reads(), until).await?;
        reads = round.settle(catalogs, publisher, now, answers);
    }
    Ok(())
}

fn clients(publisher: &Publisher) -> BTreeSet<Uuid> {
    publisher
        .stats()
        .topics
        .iter()
        .map(|topic| topic.topic.client)
        .collect()
}

/// Topics with the reads that answer them.
struct Round {
    merged: Merged,
    planned: Vec<Planned>,
}

/// What became of one merged read.
enum Outcome {
    Rows(BTreeMap<Uuid, Vec<Row>>),
    Refused(Error),
    Later,
}

impl Round {
    /// Plans topics. One that can't be planned, because a definition changed after its subscription was checked, is refused.
    fn plan(
        catalogs: &Catalogs,
        mut merged: Merged,
        reads: Vec<TopicRead>,
        publisher: &mut Publisher,
        now: Timestamp,
    ) -> Self {
        let mut planned = Vec::with_capacity(reads.len());
        for read in reads {
            match positions(catalogs, &mut merged, &read) {
                Ok(positions) => planned.push(Planned { read, positions }),
                Err(reason) => refuse(publisher, &read, now, &reason),
            }
        }
        Self { merged, planned }
    }

    /// Lets the publisher observe what was answered, and returns what may be answered alone.
    fn settle(
        self,
        catalogs: &Catalogs,
        publisher: &mut Publisher,
        now: Timestamp,
        answers: Vec<Answer>,
    ) -> Vec<TopicRead> {
        let outcomes: Vec<Outcome> = answers.into_iter().map(outcome).collect();
        let mut alone = Vec::new();
        for topic in self.planned {
            let mine = || topic.positions.iter().filter_map(|position| outcomes.get(*position));
            let refusal = mine().find_map(|outcome| match outcome {
                Outcome::Refused(error) => Some(error),
                _ => None,
            });
            if let Some(error) = refusal {
                if topic.positions.iter().any(|position| self.merged.is_shared(*position)) {
                    alone.push(topic.read);
                } else {
                    refuse(publisher, &topic.read, now, &error.to_string());
                }
            } else if !mine().any(|outcome| matches!(outcome, Outcome::Later)) {
                let (values, empty) = values(catalogs, &self.merged, &outcomes, &topic);
                publisher.observe(&topic.read, &values, empty);
            }
        }
        alone
    }
}

fn outcome(answer: Answer) -> Outcome {
    match answer {
        Answer::Rows(rows) => Outcome::Rows(by_client(rows)),
        Answer::Refused(error) => Outcome::Refused(error),
        Answer::Later => Outcome::Later,
    }
}

fn refuse(publisher: &mut Publisher, read: &TopicRead, now: Timestamp, reason: &str) {
    tracing::warn!(
        client = %read.topic.client,
        topic = read.topic.id(),
        from = %read.from,
        to = %read.to,
        reason,
        "a topic can't be read; its subscribers are told, and it is tried again after a pause"
    );
    publisher.refuse(read, now);
}

/// A topic's read with the positions of the merged reads that answer it.
struct Planned {
    read: TopicRead,
    positions: Vec<usize>,
}

/// The positions of the reads that answer a topic.
fn positions(catalogs: &Catalogs, merged: &mut Merged, read: &TopicRead) -> Result<Vec<usize>, String> {
    let filter: &Filter = &read.topic.filter;
    let (client, kpi) = catalogs
        .kpi(&read.topic)
        .ok_or_else(|| format!("there is no KPI {:?} any more", read.topic.kpi))?;
    let request = Request {
        kpi,
        period: read.topic.period,
        range: Range {
            from: read.from,
            to: read.to,
        },
        filter,
        by: &[],
    };
    let questions = series::plan(&request, &client.calendar, |code| client.catalog.entity(code))?;
    let placed = questions.into_iter().map(|question| {
        let code = question.entity.code();
        let placed = client.placed.get(code).ok_or_else(|| format!("{code} has no tables"))?;
        Ok((&placed.relation, question))
    });
    // All or none: a read for a topic that is refused would be for nothing.
    let placed: Vec<_> = placed.collect::<Result<_, String>>()?;
    Ok(placed
        .into_iter()
        .map(|(relation, question)| merged.add(read.topic.client, relation, question))
        .collect())
}

fn by_client(rows: Vec<(Uuid, Row)>) -> BTreeMap<Uuid, Vec<Row>> {
    let mut clients: BTreeMap<Uuid, Vec<Row>> = BTreeMap::new();
    for (client, row) in rows {
        clients.entry(client).or_default().push(row);
    }
    clients
}

/// A topic's buckets that have facts, finished from the rows of its client, and the value of one that has none. The read may
/// have brought more than the topic asked for.
fn values(
    catalogs: &Catalogs,
    merged: &Merged,
    outcomes: &[Outcome],
    planned: &Planned,
) -> (Vec<Observed>, Option<f64>) {
    let topic = &planned.read.topic;
    let Some((client, kpi)) = catalogs.kpi(topic) else {
        return (Vec::new(), None);
    };
    let range = Range {
        from: planned.read.from,
        to: planned.read.to,
    };
    let request = Request {
        kpi,
        period: topic.period,
        range,
        filter: &topic.filter,
        by: &[],
    };
    let read: Vec<(&Question, &[Row])> = planned
        .positions
        .iter()
        .filter_map(|position| {
            let Outcome::Rows(rows) = outcomes.get(*position)? else {
                return None;
            };
            Some((
                &merged.reads().get(*position)?.question,
                rows.get(&topic.client).map_or(&[][..], Vec::as_slice),
            ))
        })
        .collect();
    let observed = series::answer(&request, &client.calendar, &read)
        .into_iter()
        .filter(|((bucket, _), _)| *bucket >= range.from && *bucket < range.to)
        .map(|((start, _), point)| Observed {
            start,
            value: point.value,
            facts: u64::try_from(point.facts).unwrap_or(0),
        })
        .collect();
    (observed, series::answer::empty(&request).value)
}

/// How far the data of the watching clients has come.
///
/// # Errors
/// When the statement fails.
pub async fn watermarks(database: &Database, publisher: &Publisher) -> Result<BTreeMap<Uuid, Watermark>, Error> {
    let clients: Vec<Uuid> = clients(publisher).into_iter().collect();
    let mut watermarks: BTreeMap<Uuid, Watermark> = BTreeMap::new();
    if clients.is_empty() {
        return Ok(watermarks);
    }
    let session = database.session().await?;
    for (client, entity, latest) in notify::watermarks(&session, &clients).await? {
        watermarks.entry(client).or_default().insert(entity, latest);
    }
    Ok(watermarks)
}
