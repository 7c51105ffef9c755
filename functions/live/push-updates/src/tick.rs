//! What one tick reads: at most three statements of each database that has clients of the shard, however many subscribers there are. One loads definitions of clients
//! that were not known, one reads all buckets, one, for the beats, how far the data has come.
//!
//! It is more only where it says so: one statement more for every [`facts::read::MAX_BRANCHES`] different questions, and, while a
//! question can't be answered, those that find out which (see [`facts::read::read_each`]). Its topics are then left alone for a while.

use std::collections::BTreeMap;
use std::sync::Arc;

use answer::{Answers, Asked, Batch, Outcome};
use catalog::Kpi;
use database::{Database, Error, Residence};
use facts::watermarks;
use jiff::Timestamp;
use live::{Observed, Publisher, TopicRead, Touched, Watermark};
use records::definitions::ClientCatalog;
use series::{Range, Request};
use tokio::time::Instant;
use uuid::Uuid;

use crate::catalogs::Catalogs;

/// Reads what the publisher asks for and lets it observe. What can't be read is refused, by itself; after `until` no further statement is begun,
/// and what is left is asked for again. Databases are read at the same time.
///
/// # Errors
/// When a database fails: what was not observed by then is asked for again. Clients of others have had their turn.
pub async fn observe(
    database: &Database,
    catalogs: &Catalogs,
    publisher: &mut Publisher,
    now: Timestamp,
    touched: Option<&[Touched]>,
    until: Instant,
) -> Result<(), Error> {
    // A tick in which nothing is to be read needs no connection.
    if !publisher.has_reads_due(now, touched) {
        return Ok(());
    }
    let mut outcome = catalogs.load(database, &publisher.clients().collect()).await;
    let mut reads = publisher.reads(now, touched, catalogs);
    if outcome.is_err() {
        reads.retain(|read| catalogs.place(read.topic.client).is_some());
    }
    // What fails in company is asked once more alone: only one of them may be at fault.
    for batch in [Batch::default, Batch::apart] {
        let rounds: Vec<(Residence, Round)> = by_place(catalogs, std::mem::take(&mut reads))
            .into_iter()
            .map(|(place, reads)| (place, Round::plan(catalogs, batch(), reads, publisher, now)))
            .collect();
        let answers = rounds.iter().map(|(place, round)| round.read(database, *place, until));
        let answers = futures::future::join_all(answers).await;
        for ((_, round), answers) in rounds.iter().zip(answers) {
            match answers {
                Ok(answers) => reads.extend(settle(&answers, round, publisher, now)),
                Err(error) => outcome = Err(error),
            }
        }
    }
    outcome
}

/// Topics by the database that they are read in.
fn by_place(catalogs: &Catalogs, reads: Vec<TopicRead>) -> BTreeMap<Residence, Vec<TopicRead>> {
    let mut places: BTreeMap<Residence, Vec<TopicRead>> = BTreeMap::new();
    for read in reads {
        let place = catalogs.place(read.topic.client).unwrap_or_default();
        places.entry(place).or_default().push(read);
    }
    places
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
    async fn read(&self, database: &Database, place: Residence, until: Instant) -> Result<Answers<'_>, Error> {
        let session = database.session_at(place).await?;
        self.batch.read_each(&session, until).await
    }

    /// Plans topics. One that can't be planned, because a definition changed after its subscription was checked, is refused.
    fn plan(
        catalogs: &Catalogs,
        mut batch: Batch,
        reads: Vec<TopicRead>,
        publisher: &mut Publisher,
        now: Timestamp,
    ) -> Self {
        let mut planned = Vec::with_capacity(reads.len());
        for read in reads {
            let Some((definitions, kpi)) = catalogs.kpi(&read.topic) else {
                let reason = format!("there is no KPI {:?} any more", read.topic.kpi);
                refuse(publisher, &read, now, &reason);
                continue;
            };
            match batch.add(read.topic.client, &definitions, &request(&read, &kpi)) {
                Ok(asked) => planned.push(Planned {
                    read,
                    definitions,
                    kpi,
                    asked,
                }),
                Err(reason) => refuse(publisher, &read, now, &reason),
            }
        }
        Self { batch, planned }
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

/// Lets the publisher observe what was answered, and returns what may be answered alone.
fn settle(answers: &Answers<'_>, round: &Round, publisher: &mut Publisher, now: Timestamp) -> Vec<TopicRead> {
    let mut alone = Vec::new();
    for topic in &round.planned {
        let refusal = answers.outcomes(&topic.asked).find_map(|outcome| match outcome {
            Outcome::Refused(error) => Some(error),
            _ => None,
        });
        if let Some(error) = refusal {
            if round.batch.is_shared(&topic.asked) {
                alone.push(topic.read.clone());
            } else {
                refuse(publisher, &topic.read, now, &error.to_string());
            }
        } else if let Some((values, empty)) = values(answers, topic) {
            publisher.observe(&topic.read, &values, empty);
        }
    }
    alone
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

/// How far the data of the watching clients has come, with one statement of each database. Those of a database that does not answer are not there.
///
/// # Errors
/// When the statement of the only database fails.
pub async fn watermarks(
    database: &Database,
    catalogs: &Catalogs,
    publisher: &Publisher,
) -> Result<BTreeMap<Uuid, Watermark>, Error> {
    let mut places: BTreeMap<Residence, Vec<Uuid>> = BTreeMap::new();
    for client in publisher.clients() {
        let place = catalogs.place(client).unwrap_or_default();
        places.entry(place).or_default().push(client);
    }
    let mut watermarks: BTreeMap<Uuid, Watermark> = BTreeMap::new();
    let is_alone = places.len() == 1;
    for (place, clients) in places {
        let found = match database.session_at(place).await {
            Ok(session) => watermarks::watermarks(&session, &clients).await,
            Err(error) => Err(error),
        };
        match found {
            Err(error) if is_alone => return Err(error),
            Err(cause) => tracing::error!(%cause, "watermarks of a database can't be read; the last ones stay"),
            Ok(found) => {
                for found in found {
                    let latest = watermarks.entry(found.client_id).or_default();
                    latest.insert(found.entity, found.latest);
                }
            }
        }
    }
    Ok(watermarks)
}
