//! One request, from the question to the number.

use std::collections::BTreeMap;

use catalog::Level;
use database::{Database, Error};
use facts::read::Read;
use facts::sketches::SKETCHES;
use records::definitions::ClientCatalog;
use series::plan::sketched::Told;
use series::windows::Described;
use series::{Calendar, Point, Request, SeriesKey, Source};
use uuid::Uuid;

use crate::together::{Together, ask_together};

/// What a request comes to.
pub struct Answer {
    /// A point for every bucket and group that has facts which count.
    pub points: BTreeMap<SeriesKey, Point>,
    /// What was read: of each entity of the KPI a step for each relation.
    pub plan: Vec<Step>,
    /// What the windows of the formula are for the request, by which rules.
    pub windows: Vec<Described>,
    /// How the measures are answered that the mode `approximate` is for, where that is the KPI's.
    pub told: Vec<Told>,
}

/// What was read of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The entity.
    pub entity: String,
    /// The relation, quoted as SQL has it.
    pub relation: String,
    /// Dimensions of the grouping whose rollup it was; `None` for the facts.
    pub grouping: Option<Vec<String>>,
    /// Whether it was the facts themselves, because no rollup covers the question.
    pub raw: bool,
    /// Length of the buckets that were read.
    pub level: Level,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It can't be answered as it is asked; the sentence is for whoever asks.
    #[error("{0}")]
    Refused(String),
    /// So many questions of the client are being answered; a moment later there may be fewer.
    #[error("{0} questions of the client are being answered, and no more at once")]
    TooManyAtOnce(usize),
    /// The database failed.
    #[error(transparent)]
    Database(Error),
}

/// Answers one request of a client, with its definitions, asked in a calendar.
///
/// # Errors
/// When the request can't be answered as it is asked, or the database fails.
pub async fn ask(
    database: &Database,
    client: Uuid,
    definitions: &ClientCatalog,
    calendar: &Calendar,
    request: &Request<'_>,
) -> Result<Answer, AskError> {
    let together = ask_together(database, client, definitions, calendar, std::slice::from_ref(request));
    let Together {
        points,
        plan,
        windows,
        told,
    } = together.await?;
    let points = points.into_iter().next().unwrap_or_default();
    Ok(Answer {
        points,
        plan,
        windows,
        told,
    })
}

/// The steps of some reads: one for all parts of the range that are read of one relation.
pub(crate) fn steps<'a>(reads: impl Iterator<Item = &'a Read>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for step in reads.map(step) {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps
}

fn step(read: &Read) -> Step {
    let question = &read.question;
    let rollup = match question.source {
        Source::Rollup(index) => question.entity.groupings().get(index),
        Source::Raw => None,
    };
    let relation = match rollup {
        Some(_) if question.sketch.is_some() => SKETCHES.to_owned(),
        Some(_) => read.volume.rollup(question.level),
        None => read.volume.facts(),
    };
    Step {
        grouping: rollup.map(|grouping| grouping.dimensions.clone()),
        entity: question.entity.code().to_owned(),
        relation,
        raw: rollup.is_none(),
        level: question.level,
    }
}
