//! What was asked of the facts because no grouping has it, and what a grouping that has it would be like.

use std::collections::BTreeMap;

use catalog::Level;
use catalog::groupings::Asked;
use database::{Database, Error, Session, json};
use jiff::Timestamp;
use series::{Question, Source};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::place::Placed;
use crate::read::Read;
use crate::volume::width;

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

/// What lacked a grouping: of an entity the dimensions and the level.
type Lacking<'a> = (i32, &'a [String], Level);

/// Keeps in mind what some reads of a client had to take from the facts for want of a grouping. What is kept is advice: where that fails the answer is none the worse.
pub async fn note(database: &Database, client: Uuid, reads: &[Read]) {
    let mut questions: BTreeMap<Lacking<'_>, i64> = BTreeMap::new();
    for read in reads.iter().filter(|read| lacks_grouping(&read.question)) {
        let entities = read.members.iter().filter(|(member, _)| *member == client);
        for (_, entity) in entities {
            let lacking = (*entity, read.question.dimensions.as_slice(), read.question.level);
            *questions.entry(lacking).or_default() += 1;
        }
    }
    if questions.is_empty() {
        return;
    }
    if let Err(error) = keep(database, client, &questions).await {
        tracing::warn!(cause = %error, "what lacks a grouping is not kept in mind");
    }
}

async fn keep(database: &Database, client: Uuid, questions: &BTreeMap<Lacking<'_>, i64>) -> Result<(), Error> {
    let entities: Vec<i32> = questions.keys().map(|(entity, ..)| *entity).collect();
    // As JSON: the server takes no arrays of arrays of different lengths.
    let dimensions = questions.keys().map(|(_, dimensions, _)| json(dimensions));
    let dimensions: Vec<serde_json::Value> = dimensions.collect::<Result<_, Error>>()?;
    let levels: Vec<&str> = questions.keys().map(|(.., level)| level.name()).collect();
    let counts: Vec<i64> = questions.values().copied().collect();
    let sql = "INSERT INTO core.ungrouped AS known (client_id, entity_id, dimensions, level, questions)
        SELECT $1, n.entity_id, ARRAY(SELECT jsonb_array_elements_text(n.dimensions)), n.level, n.questions
        FROM unnest($2::int[], $3::jsonb[], $4::text[], $5::bigint[]) AS n (entity_id, dimensions, level, questions)
        ON CONFLICT (entity_id, dimensions, level) DO UPDATE SET questions = known.questions + EXCLUDED.questions, last_at = clock_timestamp()";
    let most = "DELETE FROM core.ungrouped WHERE client_id = $1 AND (entity_id, dimensions, level) IN (
        SELECT entity_id, dimensions, level FROM (
            SELECT entity_id, dimensions, level, row_number() OVER (PARTITION BY entity_id ORDER BY last_at DESC) AS place
            FROM core.ungrouped WHERE client_id = $1 AND entity_id = ANY ($2)
        ) AS kept WHERE place > $3)";
    let work = async |session: &Session| {
        let parameters: [&(dyn ToSql + Sync); 5] = [&client, &entities, &dimensions, &levels, &counts];
        session.execute(sql, &parameters).await?;
        session.execute(most, &[&client, &entities, &MAX_KEPT]).await.map(drop)
    };
    database.transaction(client, work).await
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
        let level = Level::ALL.into_iter().find(|level| level.name() == stored.level)?;
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
             count(DISTINCT (time_bucket('{}', time), by)) AS rows,
             coalesce((SELECT max(groups) FROM (SELECT count(DISTINCT by) AS groups FROM sampled GROUP BY time_bucket('1 day', time)) AS days), 0) AS groups
         FROM sampled",
        slots.join(", "),
        place.volume.facts(),
        width(finest)
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
