//! Requests that are read together.

use std::collections::BTreeMap;

use catalog::Entity;
use database::{Error, Session};
use facts::read::{self, OnFailure, Read, Related};
use records::definitions::ClientCatalog;
use series::answer::{Brought, Row};
use series::{Calendar, Point, Purpose, Request, SeriesKey};
use tokio::time::Instant;
use uuid::Uuid;

use crate::merge::Merged;

/// Requests of any clients, planned and placed, with as few reads as answer them.
#[derive(Default)]
pub struct Batch {
    merged: Merged,
}

/// A request that is part of a batch.
pub struct Asked {
    client: Uuid,
    /// The calendar in which it is asked.
    calendar: Calendar,
    /// The reads that answer it by their positions, and what each is for: one or more for each entity of its KPI.
    parts: Vec<(usize, Purpose)>,
}

impl Batch {
    /// A batch in which each request has reads of its own, so that one which can't be answered spoils no other.
    #[must_use]
    pub fn apart() -> Self {
        Self {
            merged: Merged::apart(),
        }
    }

    /// Adds a request of a client, asked in a calendar: plans it and places its questions, all or none.
    ///
    /// # Errors
    /// Why it can't be answered, as a sentence: a dimension that an entity does not have, or an entity that is not there. Nothing of it is read
    /// then: a part of an answer would be a wrong number.
    pub fn add(
        &mut self,
        client: Uuid,
        definitions: &ClientCatalog,
        calendar: &Calendar,
        request: &Request<'_>,
    ) -> Result<Asked, String> {
        let readable = |code: &str| definitions.placed.get(code).map(|placed| &placed.readable);
        let relationship = |entity: &str, attribute: &str| definitions.catalog.relationship_of(entity, attribute);
        let parts = series::plan(request, calendar, readable, relationship)?;
        let place = |entity: &Entity| {
            let placed = definitions.placed.get(entity.code());
            let place = placed.map(|placed| &placed.place);
            place.ok_or_else(|| format!("entity {} has no place", entity.code()))
        };
        let placed = parts.into_iter().map(|part| {
            let related = part.question.lookups.iter().map(|lookup| {
                let facts::Place { volume, id, layout } = place(&lookup.entity)?.clone();
                Ok(Related { volume, id, layout })
            });
            let related = related.collect::<Result<Vec<_>, String>>()?;
            Ok((place(&part.question.entity)?, related, part))
        });
        let placed: Vec<_> = placed.collect::<Result<_, String>>()?;
        let parts = placed
            .into_iter()
            .map(|(place, related, part)| (self.merged.add(client, place, related, part.question), part.purpose))
            .collect();
        Ok(Asked {
            client,
            calendar: calendar.clone(),
            parts,
        })
    }

    /// Whether a read that answers the request answers another one too.
    #[must_use]
    pub fn is_shared(&self, asked: &Asked) -> bool {
        asked.parts.iter().any(|(position, _)| self.merged.is_shared(*position))
    }

    /// The reads that answer a request.
    pub fn reads(&self, asked: &Asked) -> impl Iterator<Item = &Read> {
        let all = self.merged.reads();
        asked.parts.iter().filter_map(|(position, _)| all.get(*position))
    }

    /// All reads.
    pub(crate) fn all_reads(&self) -> &[Read] {
        self.merged.reads()
    }

    /// Reads all in one statement, which are of one client, in one of its places; see [`facts::read::read_in_place`].
    ///
    /// # Errors
    /// When all places are taken, when there is too much to read, or the statement fails.
    pub async fn read(&self, session: &Session, client: Uuid) -> Result<Answers<'_>, Error> {
        let answers = read::read_in_place(session, client, self.merged.reads()).await?;
        let rows = answers.into_iter().map(|rows| Outcome::Rows(by_client(rows)));
        Ok(Answers {
            batch: self,
            outcomes: rows.collect(),
        })
    }

    /// Reads each as if it was alone, in few statements, none of which is begun after `until`; see [`facts::read::read_each`].
    ///
    /// # Errors
    /// When the server can't be reached, or fails by itself.
    pub async fn read_each(
        &self,
        session: &Session,
        until: Instant,
        on_failure: OnFailure,
    ) -> Result<Answers<'_>, Error> {
        let answers = read::read_each(session, self.merged.reads(), until, on_failure).await?;
        let outcomes = answers.into_iter().map(|answer| match answer {
            read::Answer::Rows(rows) => Outcome::Rows(by_client(rows)),
            read::Answer::Refused(error) => Outcome::Refused(error),
            read::Answer::InCompany => Outcome::InCompany,
            read::Answer::Later => Outcome::Later,
        });
        Ok(Answers {
            batch: self,
            outcomes: outcomes.collect(),
        })
    }
}

/// What became of one read.
pub enum Outcome {
    /// Its rows, by client.
    Rows(BTreeMap<Uuid, Vec<Row>>),
    /// It can't be answered, whatever else is asked.
    Refused(Error),
    /// The statement failed in which it was asked with others; see [`facts::read::Answer::InCompany`].
    InCompany,
    /// There was no time, or no room, left for it.
    Later,
}

/// How what was read becomes points.
type Finishing = fn(&Request<'_>, &Calendar, &[Brought<'_>]) -> Option<BTreeMap<SeriesKey, Point>>;

/// What was read for a batch.
pub struct Answers<'a> {
    batch: &'a Batch,
    outcomes: Vec<Outcome>,
}

impl Answers<'_> {
    /// What became of the reads of a request.
    pub fn outcomes(&self, asked: &Asked) -> impl Iterator<Item = &Outcome> {
        asked
            .parts
            .iter()
            .filter_map(|(position, _)| self.outcomes.get(*position))
    }

    /// A request's values: a point for every bucket of its range that has facts which count; `None` where a part of them was not read,
    /// because a part of an answer would be a wrong number, and where its groups have more values of shorter periods than may be. The request must be the one that was added.
    #[must_use]
    pub fn points(&self, asked: &Asked, request: &Request<'_>) -> Option<BTreeMap<SeriesKey, Point>> {
        self.finished(asked, request, series::answer)
    }

    /// The same, with what is known already of buckets that have not begun: what the values of another request are held against.
    #[must_use]
    pub fn points_ahead(&self, asked: &Asked, request: &Request<'_>) -> Option<BTreeMap<SeriesKey, Point>> {
        self.finished(asked, request, series::answer_ahead)
    }

    fn finished(&self, asked: &Asked, request: &Request<'_>, finish: Finishing) -> Option<BTreeMap<SeriesKey, Point>> {
        let reads = self.batch.merged.reads();
        let parts = asked.parts.iter().map(|(position, purpose)| {
            let Some(Outcome::Rows(rows)) = self.outcomes.get(*position) else {
                return None;
            };
            let rows = rows.get(&asked.client).map_or(&[][..], Vec::as_slice);
            Some((purpose, &reads.get(*position)?.question, rows))
        });
        let read: Option<Vec<Brought<'_>>> = parts.collect();
        let mut points = finish(request, &asked.calendar, &read?)?;
        // A read that answers other requests too may have brought more than this one asks.
        points.retain(|(bucket, _), _| *bucket >= request.range.from && *bucket < request.range.to);
        Some(points)
    }
}

fn by_client(rows: Vec<(Uuid, Row)>) -> BTreeMap<Uuid, Vec<Row>> {
    let mut clients: BTreeMap<Uuid, Vec<Row>> = BTreeMap::new();
    for (client, row) in rows {
        clients.entry(client).or_default().push(row);
    }
    clients
}
