//! What one tick reads: at most three statements, however many subscribers there are. One loads definitions of clients
//! that were not known, one reads all buckets, one, for the beats, how far the data has come.
//!
//! It is more only where it says so: one statement more for every [`facts::read::MAX_BRANCHES`] different questions, and, while a
//! question can't be answered, those that find out which (see [`facts::read::read_each`]). Its topics are then left alone for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use answer::{Answers, Asked, Batch, Outcome};
use catalog::Kpi;
use database::{Database, Error};
use facts::watermarks;
use jiff::Timestamp;
use live::{Observed, Publisher, TopicRead, Touched, Watermark};
use records::definitions::ClientCatalog;
use series::{Range, Request};
use tokio::time::Instant;
use uuid::Uuid;

use crate::catalogs::Catalogs;

/// What became of a topic's read.
pub struct Found {
    read: TopicRead,
    answer: Answer,
}

enum Answer {
    /// Its buckets that have facts, and the value of one that has none.
    Values(Vec<Observed>, Option<f64>),
    /// It can't be answered, because of what it asks.
    Refused(String),
    /// There was no time for it, or a definition changed just now.
    Later,
}

/// Reads what the publisher asks for and lets it observe, also what it reads apart. What can't be read is refused, by itself; after `until` no further statement is
/// begun, and what is left is asked for again.
///
/// # Errors
/// When the database fails: what was not observed by then is asked for again.
pub async fn observe(
    database: &Database,
    catalogs: &Catalogs,
    publisher: &mut Publisher,
    now: Timestamp,
    touched: Option<&[Touched]>,
    until: Instant,
) -> Result<(), Error> {
    publisher.touch(touched);
    let asked = ask(database, catalogs, publisher, now, true).await?;
    for reads in [asked.now, asked.apart] {
        let found = answer(database, catalogs, reads, until).await;
        if found.is_err() {
            publisher.end_apart();
        }
        settle(publisher, found?, now);
    }
    publisher.end_apart();
    Ok(())
}

/// What a publisher asks for.
#[derive(Default)]
pub struct Reads {
    /// In this tick.
    pub now: Vec<TopicRead>,
    /// Beside the ticks.
    pub apart: Vec<TopicRead>,
}

/// What the publisher asks for, what it reads apart only if that is wanted. Loads definitions of clients that are not known, without which it can't be told.
///
/// # Errors
/// When the database fails: it is asked for again.
pub async fn ask(
    database: &Database,
    catalogs: &Catalogs,
    publisher: &mut Publisher,
    now: Timestamp,
    with_apart: bool,
) -> Result<Reads, Error> {
    let with_apart = with_apart && publisher.has_reads_apart_due(now);
    // A tick in which nothing is to be read needs no connection.
    if !publisher.has_reads_due(now) && !with_apart {
        return Ok(Reads::default());
    }
    let clients: BTreeSet<Uuid> = publisher.clients().collect();
    if clients.iter().any(|client| !catalogs.has(*client)) {
        catalogs.load(&database.session().await?, &clients).await?;
    }
    Ok(Reads {
        now: publisher.reads(now, Some(&[]), catalogs),
        apart: if with_apart {
            publisher.reads_apart(now, catalogs)
        } else {
            Vec::new()
        },
    })
}

/// Answers what was asked for.
///
/// # Errors
/// When the database fails.
pub async fn answer(
    database: &Database,
    catalogs: &Catalogs,
    mut reads: Vec<TopicRead>,
    until: Instant,
) -> Result<Vec<Found>, Error> {
    let mut found = Vec::with_capacity(reads.len());
    if reads.is_empty() {
        return Ok(found);
    }
    let session = database.session().await?;
    // What fails in company is asked once more alone: only one of them may be at fault.
    for batch in [Batch::default(), Batch::apart()] {
        let round = Round::plan(catalogs, batch, reads, &mut found);
        let answers = round.batch.read_each(&session, until).await?;
        reads = round.answered(&answers, &mut found);
    }
    Ok(found)
}

/// Lets the publisher observe what was found.
pub fn settle(publisher: &mut Publisher, found: Vec<Found>, now: Timestamp) {
    for Found { read, answer } in found {
        match answer {
            Answer::Values(values, empty) => publisher.observe(&read, &values, empty),
            Answer::Refused(reason) => refuse(publisher, &read, now, &reason),
            Answer::Later => {}
        }
    }
}

/// Topics with the batch of reads that answers them.
struct Round {
    batch: Batch,
    planned: Vec<Planned>,
}

/// A topic's read as it was planned, with the definitions that it was planned by.
struct Planned {
    read: TopicRead,
    definitions: Arc<ClientCatalog>,
    kpi: Arc<Kpi>,
    asked: Asked,
}

impl Round {
    /// Plans topics. One that can't be planned, because a definition changed after its subscription was checked, is refused.
    fn plan(catalogs: &Catalogs, mut batch: Batch, reads: Vec<TopicRead>, found: &mut Vec<Found>) -> Self {
        let mut planned = Vec::with_capacity(reads.len());
        for read in reads {
            let (client, code) = (read.topic.client, &read.topic.kpi);
            // Read apart, they may have changed since, and are loaded anew before it is asked again.
            if !catalogs.has(client) {
                let answer = Answer::Later;
                found.push(Found { read, answer });
                continue;
            }
            let definitions = catalogs.of(client);
            let kpi = definitions
                .as_ref()
                .and_then(|known| known.catalog.kpi(code))
                .map(Arc::clone);
            let (Some(definitions), Some(kpi)) = (definitions, kpi) else {
                let answer = Answer::Refused(format!("there is no KPI {code:?} any more"));
                found.push(Found { read, answer });
                continue;
            };
            match batch.add(read.topic.client, &definitions, &request(&read, &kpi)) {
                Ok(asked) => planned.push(Planned {
                    read,
                    definitions,
                    kpi,
                    asked,
                }),
                Err(reason) => {
                    let answer = Answer::Refused(reason.to_string());
                    found.push(Found { read, answer });
                }
            }
        }
        Self { batch, planned }
    }

    /// Takes what was answered, and returns what may be answered alone.
    fn answered(&self, answers: &Answers<'_>, found: &mut Vec<Found>) -> Vec<TopicRead> {
        let mut alone = Vec::new();
        for topic in &self.planned {
            let refusal = answers.outcomes(&topic.asked).find_map(|outcome| match outcome {
                Outcome::Refused(error) => Some(error),
                _ => None,
            });
            let answer = match refusal {
                Some(_) if self.batch.is_shared(&topic.asked) => {
                    alone.push(topic.read.clone());
                    continue;
                }
                Some(error) => Answer::Refused(error.to_string()),
                None => values(answers, topic).map_or(Answer::Later, |(values, empty)| Answer::Values(values, empty)),
            };
            let read = topic.read.clone();
            found.push(Found { read, answer });
        }
        alone
    }
}

fn request<'a>(read: &'a TopicRead, kpi: &'a Kpi) -> Request<'a> {
    Request {
        kpi,
        period: read.topic.period,
        range: Range {
            from: read.from,
            to: read.to,
        },
        filter: &read.topic.filter,
        by: &[],
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

/// A topic's buckets that have facts, and the value of one that has none; `None` where there was no time for all of it.
fn values(answers: &Answers<'_>, topic: &Planned) -> Option<(Vec<Observed>, Option<f64>)> {
    let request = request(&topic.read, &topic.kpi);
    let observed = answers
        .points(&topic.asked, &topic.definitions, &request)?
        .into_iter()
        .map(|((start, _), point)| Observed {
            start,
            value: point.value,
            facts: u64::try_from(point.facts).unwrap_or(0),
        })
        .collect();
    Some((observed, series::answer::empty(&request).value))
}

/// How far the data of the watching clients has come.
///
/// # Errors
/// When the statement fails.
pub async fn watermarks(database: &Database, publisher: &Publisher) -> Result<BTreeMap<Uuid, Watermark>, Error> {
    let clients: Vec<Uuid> = publisher.clients().collect();
    let mut watermarks: BTreeMap<Uuid, Watermark> = BTreeMap::new();
    if clients.is_empty() {
        return Ok(watermarks);
    }
    let session = database.session().await?;
    for found in watermarks::watermarks(&session, &clients).await? {
        let latest = watermarks.entry(found.client_id).or_default();
        latest.insert(found.entity, found.latest);
    }
    Ok(watermarks)
}
