//! What the prover works on: clients with their definitions, what happens to their facts, and what is asked. All of it is plain data, so that a world in which an answer
//! is wrong can be written to a file, made smaller, and tried again.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use catalog::{
    Catalog, Direction, EntityDefinition, Expression, KpiDefinition, Limit, Mode, Period, Relationship, Status,
};
use serde::{Deserialize, Serialize};
use series::calendar::Rules;
use uuid::Uuid;

/// A world.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// What it was drawn from.
    pub name: String,
    /// What its clocks show when events come, RFC 3339.
    pub now: String,
    /// Its clients.
    pub clients: Vec<Client>,
    /// What happens, in this order.
    pub steps: Vec<Step>,
    /// What is asked at every [`Step::Ask`].
    pub questions: Vec<Question>,
}

/// A client with what it has defined.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    /// The zone of its days.
    pub zone: String,
    /// Its calendar.
    pub calendar: Rules,
    /// Its entities.
    pub entities: Vec<EntityDefinition>,
    /// What their attributes lead to.
    pub relationships: Vec<Relationship>,
    /// Its KPIs.
    pub kpis: Vec<Kpi>,
}

impl Client {
    /// All that it has defined.
    ///
    /// # Errors
    /// When some of it is refused.
    pub fn catalog(&self) -> Result<Catalog> {
        let entities = Catalog::new(self.entities.clone(), Vec::new());
        let mut catalog = entities.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        for relationship in &self.relationships {
            let added = catalog.add_companion(relationship.clone());
            added.map_err(|problems| anyhow::anyhow!("{}: {problems:?}", relationship.code))?;
        }
        for kpi in &self.kpis {
            let added = catalog.add_kpi(kpi.definition());
            added.map_err(|problems| anyhow::anyhow!("{}: {problems:?}", kpi.formula))?;
        }
        Ok(catalog)
    }
}

/// A KPI.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kpi {
    /// Its code.
    pub code: String,
    /// Its formula.
    pub formula: String,
    /// Whether percentiles and numbers of different values may be of sketches.
    #[serde(default)]
    pub mode: Mode,
    /// What its values are held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
}

/// What a KPI's values are held against.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Goal {
    /// Which way is good.
    pub direction: Direction,
    /// What is aimed for.
    pub target: Option<Limit<Expression>>,
    /// Beyond it a value needs attention.
    pub warning: Option<Limit<Expression>>,
    /// Beyond it a value needs attention at once.
    pub critical: Option<Limit<Expression>>,
}

impl Kpi {
    /// As it is defined.
    #[must_use]
    pub fn definition(&self) -> KpiDefinition {
        let mut definition = KpiDefinition::named(&self.code, &self.code);
        definition.formula.clone_from(&self.formula);
        definition.mode = self.mode;
        if let Some(goal) = self.goal.clone() {
            definition.direction = goal.direction;
            (definition.target, definition.warning, definition.critical) = (goal.target, goal.warning, goal.critical);
        }
        definition
    }
}

/// Something that happens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Step {
    /// Events come. A batch that was there before changes nothing.
    Ingest {
        /// The place of the client.
        client: usize,
        /// Code of the entity.
        entity: String,
        /// The batch.
        batch: Uuid,
        /// The events, as texts: a tree of values would lose digits.
        events: Vec<String>,
    },
    /// The upkeep runs as at a time, RFC 3339, and makes the sketches anew that facts have changed.
    Compact {
        /// That time.
        at: String,
    },
    /// Stored facts get an empty text wherever they have none, as facts had before an empty text was no value. The product can't do that any more, so
    /// nothing is asked of it after this.
    EmptyTexts,
    /// All questions are asked.
    Ask,
}

/// What is asked of a KPI: a series from `from` to `to`, and the value of the bucket around `at`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// The place of the client.
    pub client: usize,
    /// Code of the KPI.
    pub kpi: String,
    /// Length of the buckets.
    pub period: Period,
    /// The zone that the question names.
    pub zone: Option<String>,
    /// RFC 3339.
    pub from: String,
    /// RFC 3339.
    pub to: String,
    /// RFC 3339.
    pub at: String,
    /// When it is asked, RFC 3339.
    pub now: String,
    /// For each dimension the values that count.
    pub filter: BTreeMap<String, BTreeSet<String>>,
    /// Dimensions by which the series is split.
    pub by: Vec<String>,
}

/// An answer to a question, by one of the routes.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The place of the [`Step::Ask`].
    pub step: usize,
    /// The route, such as `series`. One whose name ends in `value` answers with the point of a bucket, the others with those of a series.
    pub route: String,
    /// The place of the question.
    pub question: usize,
    /// What was told.
    #[serde(flatten)]
    pub told: Told,
}

/// How a value stands.
#[derive(Clone, Debug, Serialize)]
pub struct Held {
    /// The bucket.
    pub bucket: String,
    /// The group.
    pub group: Vec<String>,
    /// The status.
    pub status: Option<Status>,
    /// What each limit comes to: of a band both its ends.
    pub limits: Vec<Option<String>>,
}

/// What an answer tells.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// Why there is none.
    Refused {
        /// The reason.
        refused: String,
    },
    /// How the values of a series stand, and what they are held against.
    Held {
        /// Each point of it.
        held: Vec<Held>,
    },
    /// Values.
    Points {
        /// Where the range begins, widened to whole buckets.
        from: String,
        /// Where it ends.
        to: String,
        /// The value of a bucket without facts.
        empty: Option<String>,
        /// Whether some of it is from sketches.
        sketched: bool,
        /// Bucket, group, value, and how many facts it rests on.
        points: Vec<(String, Vec<String>, Option<String>, i64)>,
    },
}

/// A world with the answers that were told in it: what the oracle judges.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// The world.
    pub world: World,
    /// For each [`Step::Ingest`], by its place, the positions of the events that were refused.
    pub refused: BTreeMap<usize, Vec<usize>>,
    /// The answers.
    pub answers: Vec<Answer>,
}
