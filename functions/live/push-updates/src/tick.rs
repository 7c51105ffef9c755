//! What one tick reads: at most three statements of each database that has clients of the shard, however many subscribers there are. One loads definitions of clients
//! that were not known, one reads all buckets, one, for the beats, how far the data has come.
//!
//! It is more only where it says so: one statement more for every [`facts::read::MAX_BRANCHES`] different questions, and, while a
//! question can't be answered, those that find out whose it is: each client is asked by itself, for a moment ([`How`]). Who takes longer is read
//! beside the ticks, in half the company each time, until the question at fault stands alone. It is then left alone for a while.

mod found;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use answer::{Answers, Asked, Batch, Outcome};
use catalog::Kpi;
use database::{Database, Error, Residence, Timeouts};
use facts::read::OnFailure;
use facts::watermarks;
use formula::Number;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use live::{Observed, Publisher, TopicRead, Touched, Watermark};
use platform::clock;
use records::definitions::ClientCatalog;
use series::{Range, Request};
use tokio::time::Instant;
use uuid::Uuid;

use crate::catalogs::Catalogs;
use found::Answer;

pub use found::{Found, settle};

/// How topics are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// In a tick: all together, and, where that fails, each client by itself for a moment.
    Together,
    /// In a tick: each client by itself for a moment, to find out who makes ticks long.
    ByClient,
    /// Those of one client, beside the ticks.
    Apart,
}

/// No statement of a client that is alone in its database is begun after this within a tick: clients of other databases wait for it.
const ALONE_FOR: Duration = Duration::from_secs(2);

/// How long a statement of one client may take within a tick while others wait, and how long it has altogether. Who takes longer is read beside the ticks from then on.
const ALONE: Timeouts = Timeouts {
    statement: Duration::from_millis(500),
    lock: Duration::from_millis(500),
};

/// Reads what the publisher asks for and lets it observe, also what it reads apart. What can't be read is refused, by itself; after `until` no further statement is
/// begun, and what is left is asked for again.
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
    publisher.touch(touched);
    let (reads, mut outcome) = ask(database, catalogs, publisher, now, true).await;
    for (how, reads) in [(How::Together, reads.now), (How::Apart, reads.apart)] {
        let mut settled = |found| settle(publisher, catalogs, found, now);
        outcome = outcome.and(answer(database, catalogs, how, reads, until, &mut settled).await);
    }
    publisher.end_apart();
    outcome
}

/// What a publisher asks for.
#[derive(Default)]
pub struct Reads {
    /// In this tick.
    pub now: Vec<TopicRead>,
    /// Beside the ticks.
    pub apart: Vec<TopicRead>,
}

/// What the publisher asks for, what it reads apart only if that is wanted, and whether a database failed: its clients are asked for again. Loads definitions of
/// clients that are not known, without which it can't be told.
pub async fn ask(
    database: &Database,
    catalogs: &Catalogs,
    publisher: &mut Publisher,
    now: Timestamp,
    with_apart: bool,
) -> (Reads, Result<(), Error>) {
    let with_apart = with_apart && publisher.has_reads_apart_due(now);
    // A tick in which nothing is to be read needs no connection.
    if !publisher.has_reads_due(now) && !with_apart {
        return (Reads::default(), Ok(()));
    }
    let loaded = catalogs.load(database, &publisher.clients().collect()).await;
    if loaded.is_err() {
        let unknown: Vec<Uuid> = publisher.clients().filter(|client| !catalogs.has(*client)).collect();
        unknown.into_iter().for_each(|client| publisher.postpone(client, now));
    }
    let reads = Reads {
        now: publisher.reads(now, Some(&[]), catalogs),
        apart: if with_apart {
            publisher.reads_apart(now, catalogs)
        } else {
            Vec::new()
        },
    };
    (reads, loaded)
}

/// Answers what was asked for: each database by itself and at the same time, and what it answers is taken as soon as it is there, so that one that does not
/// answer keeps nobody else waiting.
///
/// # Errors
/// When a database fails; what others answer is taken.
pub async fn answer(
    database: &Database,
    catalogs: &Catalogs,
    how: How,
    reads: Vec<TopicRead>,
    until: Instant,
    take: &mut (impl FnMut(Vec<Found>) + Send),
) -> Result<(), Error> {
    let mut outcome = Ok(());
    let places = by_place(catalogs, reads).into_iter();
    let reading = places.map(|(place, reads)| {
        let reading = Reading {
            database,
            catalogs,
            how,
            place,
            until,
            found: Vec::new(),
        };
        reading.answer(reads).boxed()
    });
    let mut reading: FuturesUnordered<_> = reading.collect();
    while let Some((found, answered)) = reading.next().await {
        take(found);
        outcome = outcome.and(answered);
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

/// Reading in one database.
struct Reading<'a> {
    database: &'a Database,
    catalogs: &'a Catalogs,
    how: How,
    place: Residence,
    until: Instant,
    found: Vec<Found>,
}

impl Reading<'_> {
    /// Answers what is read, as far as there is time; what could not be, because the database fails, is told as well.
    async fn answer(mut self, reads: Vec<TopicRead>) -> (Vec<Found>, Result<(), Error>) {
        let is_alone = is_of_one_client(&reads);
        let answered = match self.how {
            How::Apart => self.own(self.database, self.until, reads).await,
            _ if is_alone => self.own(self.database, Instant::now() + ALONE_FOR, reads).await,
            How::ByClient => self.by_client(reads).await,
            How::Together => {
                let all = self.round(self.database, self.until, Batch::default(), OnFailure::Leave, reads);
                match all.await {
                    Ok(left) => self.by_client(left).await,
                    Err(error) => Err(error),
                }
            }
        };
        (self.found, answered)
    }

    /// Each client by itself. Who is not reached is asked for again.
    async fn by_client(&mut self, reads: Vec<TopicRead>) -> Result<(), Error> {
        let database = self.database.clone().with_timeouts(ALONE);
        let mut clients: BTreeMap<Uuid, Vec<TopicRead>> = BTreeMap::new();
        for read in reads {
            clients.entry(read.topic.client).or_default().push(read);
        }
        let mut outcome = Ok(());
        for reads in clients.into_values() {
            if outcome.is_err() {
                self.all(reads, || Answer::Unreachable);
            } else if Instant::now() >= self.until {
                self.all(reads, || Answer::Later);
            } else {
                outcome = self.own(&database, Instant::now() + ALONE.statement, reads).await;
            }
        }
        outcome
    }

    /// Those of one client. What fails in company is asked once more alone: only one of them may be at fault.
    async fn own(&mut self, database: &Database, until: Instant, reads: Vec<TopicRead>) -> Result<(), Error> {
        let among = reads.len();
        let left = self
            .round(database, until, Batch::default(), OnFailure::Halve, reads)
            .await?;
        if Instant::now() >= until {
            self.all(left, || Answer::InCompany { among: among.max(2) });
        } else if !left.is_empty() {
            self.round(database, until, Batch::apart(), OnFailure::Halve, left)
                .await?;
        }
        Ok(())
    }

    async fn round(
        &mut self,
        database: &Database,
        until: Instant,
        batch: Batch,
        on_failure: OnFailure,
        reads: Vec<TopicRead>,
    ) -> Result<Vec<TopicRead>, Error> {
        let session = match database.session_at(self.place).await {
            Ok(session) => session,
            Err(error) => {
                self.all(reads, || Answer::Unreachable);
                return Err(error);
            }
        };
        let round = Round::plan(self.catalogs, batch, self.place, reads, &mut self.found);
        match round.batch.read_each(&session, until, on_failure).await {
            Ok(answers) => Ok(round.answered(&answers, self.how, on_failure, &mut self.found)),
            Err(error) => {
                self.all(round.planned.into_iter().map(|planned| planned.read), || {
                    Answer::Unreachable
                });
                Err(error)
            }
        }
    }

    fn all(&mut self, reads: impl IntoIterator<Item = TopicRead>, answer: impl Fn() -> Answer) {
        let found = reads.into_iter().map(|read| Found::unasked(read, answer()));
        self.found.extend(found);
    }
}

/// Whether no two topics are of different clients.
fn is_of_one_client(reads: &[TopicRead]) -> bool {
    let first = reads.first().map(|read| read.topic.client);
    reads.iter().all(|read| Some(read.topic.client) == first)
}

/// Topics with the batch of reads that answers them.
struct Round {
    batch: Batch,
    planned: Vec<Planned>,
    /// When it is asked.
    now: Timestamp,
}

/// A topic's read as it was planned, with the KPI that it was planned by.
struct Planned {
    read: TopicRead,
    definitions: Arc<ClientCatalog>,
    kpi: Arc<Kpi>,
    asked: Asked,
}

impl Round {
    /// Plans topics. One that can't be planned, because a definition changed after its subscription was checked, is refused.
    fn plan(
        catalogs: &Catalogs,
        mut batch: Batch,
        place: Residence,
        reads: Vec<TopicRead>,
        found: &mut Vec<Found>,
    ) -> Self {
        let now = clock::now();
        let mut planned = Vec::with_capacity(reads.len());
        for read in reads {
            let (client, code) = (read.topic.client, &read.topic.kpi);
            let definitions = catalogs.of(client);
            let has_moved = definitions
                .as_ref()
                .is_some_and(|known| known.residence.place() != place);
            // Read apart, they may have changed since, and are loaded anew before it is asked again.
            if has_moved || !catalogs.has(client) {
                found.push(Found::unasked(read, Answer::Later));
                continue;
            }
            let kpi = definitions
                .as_ref()
                .and_then(|known| known.catalog.kpi(code))
                .map(Arc::clone);
            let (Some(definitions), Some(kpi)) = (definitions.clone(), kpi) else {
                let answer = Answer::Refused(format!("there is no KPI {code:?} any more"));
                let by = definitions;
                found.push(Found { read, answer, by });
                continue;
            };
            let calendar = definitions.calendar.asked(read.topic.time_zone.as_ref());
            match batch.add(read.topic.client, &definitions, &calendar, &request(&read, &kpi, now)) {
                Ok(asked) => planned.push(Planned {
                    read,
                    definitions,
                    kpi,
                    asked,
                }),
                Err(reason) => {
                    let answer = Answer::Refused(reason.to_string());
                    let by = Some(definitions);
                    found.push(Found { read, answer, by });
                }
            }
        }
        Self { batch, planned, now }
    }

    /// Takes what was answered, and returns what may be answered in less company.
    fn answered(
        &self,
        answers: &Answers<'_>,
        how: How,
        on_failure: OnFailure,
        found: &mut Vec<Found>,
    ) -> Vec<TopicRead> {
        let mut left = Vec::new();
        for topic in &self.planned {
            let read = topic.read.clone();
            match self.answer(answers, topic, how, on_failure) {
                Some(answer) => found.push(Found {
                    read,
                    answer,
                    by: Some(Arc::clone(&topic.definitions)),
                }),
                None => left.push(read),
            }
        }
        left
    }

    /// What became of a topic; `None` where it may be answered in less company.
    fn answer(&self, answers: &Answers<'_>, topic: &Planned, how: How, on_failure: OnFailure) -> Option<Answer> {
        let is_shared = self.batch.is_shared(&topic.asked);
        let (mut refusal, mut was_in_company, mut is_whole) = (None, false, true);
        for outcome in answers.outcomes(&topic.asked) {
            match outcome {
                Outcome::Refused(error) => refusal = Some(error),
                Outcome::InCompany => was_in_company = true,
                Outcome::Later => is_whole = false,
                Outcome::Rows(_) => {}
            }
        }
        if was_in_company || refusal.is_some_and(Error::is_out_of_time) {
            let alone = refusal.filter(|_| !is_shared);
            return (on_failure == OnFailure::Halve).then(|| self.out_of_time(how, alone));
        }
        match refusal {
            Some(_) if is_shared => None,
            Some(error) => Some(Answer::Refused(error.to_string())),
            None => {
                let values = values(answers, topic, self.now);
                Some(match values {
                    Some((values, empty)) => Answer::Values(values, empty),
                    None if is_whole => Answer::Refused(series::windows::too_many_values()),
                    None => Answer::Later,
                })
            }
        }
    }

    /// What becomes of a topic whose statement took too long, or failed among others; `alone` is why its own question did.
    fn out_of_time(&self, how: How, alone: Option<&Error>) -> Answer {
        let among = self.planned.len();
        match alone {
            // It may have more time beside the ticks.
            _ if how != How::Apart => Answer::InCompany { among: among.max(2) },
            // A lock is another's.
            Some(error) if error.is_locked_out() => Answer::Refused(error.to_string()),
            Some(_) => Answer::InCompany { among: 1 },
            None => Answer::InCompany { among },
        }
    }
}

fn request<'a>(read: &'a TopicRead, kpi: &'a Kpi, now: Timestamp) -> Request<'a> {
    Request {
        kpi,
        period: read.topic.period,
        range: Range {
            from: read.from,
            to: read.to,
        },
        filter: &read.topic.filter,
        by: &[],
        now,
    }
}

/// A topic's buckets that have facts, and the value of one that has none; `None` where there was no time for all of it, or where they are made of too many.
fn values(answers: &Answers<'_>, topic: &Planned, now: Timestamp) -> Option<(Vec<Observed>, Option<Number>)> {
    let request = request(&topic.read, &topic.kpi, now);
    let observed = answers
        .points(&topic.asked, &request)?
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
