//! Names of the tables that an entity generates, and the column lists of its rollups.

use catalog::{Entity, GroupingDefinition, Level};
use formula::AttributeType;
use serde::{Deserialize, Serialize};

use crate::connect::identifier;

/// Longest base name, so that PostgreSQL's 63 bytes hold it with every suffix (`_partials`, `_minute_rows`).
const MAX_BASE_BYTES: usize = 50;

/// The physical place of an entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Relation {
    /// Schema, `{domain}_data`.
    pub schema: String,
    /// Name of the facts' hypertable.
    pub name: String,
}

/// Name of a level in SQL.
#[must_use]
pub const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Minute => "minute",
        Level::Hour => "hour",
        Level::Day => "day",
    }
}

/// The levels that a rollup keeps, finest first.
pub fn levels(finest: Level) -> impl DoubleEndedIterator<Item = Level> {
    series::answer::LEVELS.into_iter().filter(move |level| *level >= finest)
}

impl Relation {
    /// Quoted schema.
    #[must_use]
    pub fn schema(&self) -> String {
        identifier(&self.schema)
    }

    /// The facts' hypertable.
    #[must_use]
    pub fn facts(&self) -> String {
        self.qualified(&self.name)
    }

    /// The partials of a grouping.
    #[must_use]
    pub fn partials(&self, grouping: &GroupingDefinition) -> String {
        self.qualified(&format!("{}_partials", self.base(grouping)))
    }

    /// One level of a grouping's rollup, as everyone may read it.
    #[must_use]
    pub fn rollup(&self, grouping: &GroupingDefinition, level: Level) -> String {
        self.qualified(&format!("{}_{}", self.base(grouping), level_name(level)))
    }

    /// What was moved up to a level (Apache edition).
    #[must_use]
    pub fn rows(&self, grouping: &GroupingDefinition, level: Level) -> String {
        self.qualified(&format!("{}_{}_rows", self.base(grouping), level_name(level)))
    }

    /// Base name of a grouping: `flight_total`, `flight_by_on_time_origin`, or a hash where that is too long.
    fn base(&self, grouping: &GroupingDefinition) -> String {
        let base = if grouping.dimensions.is_empty() {
            format!("{}_total", self.name)
        } else {
            format!("{}_by_{}", self.name, grouping.dimensions.join("_"))
        };
        // Two sets of dimensions can join to one name (`a_b` and `a`, `b`): a hash of the set tells them apart.
        let ambiguous = grouping.dimensions.len() > 1 && grouping.dimensions.iter().any(|name| name.contains('_'));
        if base.len() <= MAX_BASE_BYTES && !ambiguous {
            return base;
        }
        let hash = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, grouping.dimensions.join(",").as_bytes())
            .simple()
            .to_string();
        let short: String = base.chars().take(MAX_BASE_BYTES - 9).collect();
        format!("{short}_{}", &hash[..8])
    }

    fn qualified(&self, name: &str) -> String {
        format!("{}.{}", self.schema(), identifier(name))
    }
}

/// An entity where it lives.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Definition.
    pub entity: std::sync::Arc<Entity>,
    /// Place.
    pub relation: Relation,
    /// Version of the definition, for `ETag`.
    pub version: i32,
}

/// Column type of an attribute.
#[must_use]
pub const fn column_type(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::Integer => "bigint",
        AttributeType::Decimal => "numeric",
        AttributeType::Boolean => "boolean",
        AttributeType::Text => "text",
    }
}

/// Columns that partials and rollups keep of each numeric attribute: suffix, type, and the aggregate that merges it.
///
/// First and last are pairs of microseconds and value: the smallest and largest pair, so that ties of time are broken by
/// value alike on every edition and in [`series::AttributeState`].
pub const STATES: [(&str, &str, &str); 6] = [
    ("count", "bigint", "sum"),
    ("sum", "numeric", "sum"),
    ("min", "numeric", "min"),
    ("max", "numeric", "max"),
    ("first", "numeric[]", "min"),
    ("last", "numeric[]", "max"),
];

/// Quoted column of one state of an attribute.
#[must_use]
pub fn state_column(attribute: &str, state: &str) -> String {
    identifier(&format!("{attribute}_{state}"))
}

/// Names of the numeric attributes among a relation's columns.
#[must_use]
pub fn numeric_names(entity: &Entity) -> Vec<&str> {
    entity
        .numeric_attributes()
        .map(|(_, attribute)| attribute.name.as_str())
        .collect()
}
