//! What was asked of the facts because no grouping has it, and what a grouping that has it would be like.

use catalog::Level;
use catalog::groupings::Asked;
use database::{Database, Error};
use jiff::Timestamp;
use series::{Question, Source};
use uuid::Uuid;

use crate::place::Placed;
use crate::read::Read;
use crate::volume::level_name;

/// Most combinations of dimensions and a level that are kept of an entity, those that were asked for last.
pub const MAX_KEPT: i64 = 64;

/// Facts, the last ones of an entity, that say what a grouping would be like: half a second of the server.
pub const MAX_SAMPLED: i64 = 50_000;

/// Bytes of a row of a rollup beside the states of its attributes: its header, its keys, two dimensions of ten letters, and its place in the index.
const BYTES_OF_A_ROW: i64 = 200;

/// Bytes of the states of an attribute: two numbers of which each takes some ten bytes, and two arrays of two.
const BYTES_OF_AN_ATTRIBUTE: i64 = 160;

database::row! {
    struct Stored {
        dimensions: Vec<String>,
        level: String,
        questions: i64,
        last_at: Timestamp,
    }
}

database::row! {
    /// What some of the last facts say of a grouping.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Sampled {
        /// How many facts were looked at.
        pub facts: i64,
        /// When the first of them happened.
        pub from_time: Option<Timestamp>,
        /// When the last of them happened.
        pub to_time: Option<Timestamp>,
        /// How many rows the grouping would have of them, at its finest level.
        pub rows: i64,
        /// The most groups of a day.
        pub groups: i64,
    }
}

impl Sampled {
    /// About how many bytes its rows would take, of an entity with so many numbers.
    #[must_use]
    pub fn bytes(&self, numbers: usize) -> i64 {
        let numbers = i64::try_from(numbers).unwrap_or(i64::MAX);
        let row = BYTES_OF_A_ROW.saturating_add(numbers.saturating_mul(BYTES_OF_AN_ATTRIBUTE));
        self.rows.saturating_mul(row)
    }
}

/// Whether a grouping would answer a question that the facts answer: what it needs merges, and is by dimensions.
fn lacks_grouping(question: &Question) -> bool {
    // Of what is no number only facts have states.
    let is_number = |name: &str| {
        question
            .attribute(name)
            .is_some_and(|attribute| attribute.kind.is_numeric())
    };
    let are_numbers = || {
        question
            .attributes
            .keys()
            .all(|measured| measured.attribute().is_some_and(is_number))
    };
    question.source == Source::Raw && !question.is_pushed() && question.sketch.is_none() && are_numbers()
}

/// Keeps in mind what some reads of a client had to take from the facts for want of a grouping. What is kept is advice: where that fails the answer is none the worse.
pub async fn note(database: &Database, client: Uuid, reads: &[Read]) {
    for read in reads.iter().filter(|read| lacks_grouping(&read.question)) {
        let entity = read.members.iter().find(|(member, _)| *member == client);
        let Some((_, entity)) = entity else { continue };
        if let Err(error) = note_one(database, client, *entity, &read.question).await {
            tracing::warn!(cause = %error, "what lacks a grouping is not kept in mind");
        }
    }
}

async fn note_one(database: &Database, client: Uuid, entity: i32, question: &Question) -> Result<(), Error> {
    let sql = "WITH noted AS (
            INSERT INTO core.ungrouped AS known (client_id, entity_id, dimensions, level) VALUES ($1, $2, $3, $4)
            ON CONFLICT (entity_id, dimensions, level) DO UPDATE SET questions = known.questions + 1, last_at = clock_timestamp()
            RETURNING xmax = 0 AS is_new
        )
        DELETE FROM core.ungrouped USING noted WHERE is_new AND client_id = $1 AND entity_id = $2 AND (dimensions, level) IN (
            SELECT dimensions, level FROM core.ungrouped WHERE client_id = $1 AND entity_id = $2 ORDER BY last_at DESC OFFSET $5)";
    let level = level_name(question.level);
    // With the new one there are as many as may be.
    let others = MAX_KEPT - 1;
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&client, &entity, &question.dimensions, &level, &others];
    database.of(client).execute(sql, &parameters).await.map(drop)
}

/// What was asked of an entity for want of a grouping.
///
/// # Errors
/// When the statement fails.
pub async fn asked(database: &Database, client: Uuid, placed: &Placed) -> Result<Vec<Asked>, Error> {
    let sql = "SELECT dimensions, level, questions, last_at FROM core.ungrouped WHERE client_id = $1 AND entity_id = $2
        ORDER BY last_at DESC, dimensions, level";
    let stored: Vec<Stored> = database.of(client).rows(sql, &[&client, &placed.place.id]).await?;
    let asked = stored.into_iter().filter_map(|stored| {
        let level = series::answer::LEVELS
            .into_iter()
            .find(|level| level_name(*level) == stored.level)?;
        Some(Asked {
            dimensions: stored.dimensions,
            level,
            questions: stored.questions,
            last_at: stored.last_at,
        })
    });
    Ok(asked.collect())
}

/// What the last facts of an entity say of a grouping by some of its dimensions that would be kept from a level on.
///
/// # Errors
/// When the entity has no such dimension, or the statement fails.
pub async fn sample(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    dimensions: &[String],
    finest: Level,
) -> Result<Sampled, Error> {
    let place = &placed.place;
    let slots = dimensions
        .iter()
        .map(|name| Ok(place.layout.slot_of(&placed.entity, name)?.text()));
    let slots: Vec<String> = slots.collect::<Result<_, Error>>()?;
    let sql = format!(
        "WITH sampled AS MATERIALIZED (
             SELECT time, ARRAY[{}]::text[] AS by FROM {} WHERE client_id = $1 AND entity_id = $2 ORDER BY time DESC LIMIT $3
         )
         SELECT count(*) AS facts, min(time) AS from_time, max(time) AS to_time,
             count(DISTINCT (time_bucket('1 {}', time), by)) AS rows,
             coalesce((SELECT max(groups) FROM (SELECT count(DISTINCT by) AS groups FROM sampled GROUP BY time_bucket('1 day', time)) AS days), 0) AS groups
         FROM sampled",
        slots.join(", "),
        place.volume.facts(),
        level_name(finest)
    );
    let sampled: Option<Sampled> = database
        .of(client)
        .row(&sql, &[&client, &place.id, &MAX_SAMPLED])
        .await?;
    sampled.ok_or_else(|| Error::Stored {
        place: format!("facts of {}", placed.entity.code()),
        cause: "they can't be counted".to_owned(),
    })
}
