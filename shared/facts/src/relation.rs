//! Names of the tables that an entity generates, and the column lists of its rollups.

use catalog::{Entity, GroupingDefinition, Level};
use database::identifier;
use formula::AttributeType;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Code of the built-in entity of ready-made KPI values.
pub const KPI_VALUE: &str = "KpiValue";

/// Name of its facts, by which people know them.
const KPI_VALUE_FACTS: &str = "kpi_raw_data";

/// Longest name of facts, without the number of a variant (`_999`).
const MAX_FACTS_BYTES: usize = 40;

/// Longest base name of a grouping: PostgreSQL's 63 bytes less the longest suffix (`_minute_rows`).
const MAX_BASE_BYTES: usize = 51;

/// Digits of the hash in a shortened name: 48 bits.
const HASH_DIGITS: usize = 12;

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

    /// Base name of a grouping: `flight__total`, `flight__by_origin`, `flight__by2_on_time_ori_0e9d5a7c41b2`. Names of facts
    /// have no two underscores in a row before a word, so no grouping of one entity is called like the facts of another.
    /// Several dimensions can join to one name (`a_b` and `a`, `b`), so there a hash tells the sets apart.
    fn base(&self, grouping: &GroupingDefinition) -> String {
        let plain = match grouping.dimensions.as_slice() {
            [] => return format!("{}__total", self.name),
            [one] => format!("{}__by_{one}", self.name),
            _ => String::new(),
        };
        if !plain.is_empty() && plain.len() <= MAX_BASE_BYTES {
            return plain;
        }
        let joined = grouping.dimensions.join(",");
        let readable = format!(
            "{}__by{}_{}",
            self.name,
            grouping.dimensions.len(),
            grouping.dimensions.join("_")
        );
        shortened(
            &readable,
            "_",
            &format!("{}.{}:{joined}", self.schema, self.name),
            MAX_BASE_BYTES,
        )
    }

    fn qualified(&self, name: &str) -> String {
        format!("{}.{}", self.schema(), identifier(name))
    }
}

/// The lock that batches of a client and entity share, and that a change of its definition takes alone.
#[must_use]
pub fn writers_lock(client: Uuid, relation: &Relation) -> String {
    format!("{client}/{}", relation.facts())
}

/// Name of the facts of an entity: `order_line` for `OrderLine`. It has an underscore only before a letter that was a
/// capital; one that is shortened has two before its hash.
pub(crate) fn facts_name(code: &str) -> String {
    if code == KPI_VALUE {
        return KPI_VALUE_FACTS.to_owned();
    }
    let mut name = String::with_capacity(code.len() + 4);
    for (position, character) in code.chars().enumerate() {
        if character.is_ascii_uppercase() && position > 0 {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    if name.len() <= MAX_FACTS_BYTES {
        return name;
    }
    shortened(&name, "__", code, MAX_FACTS_BYTES)
}

/// As much of a name as fits before a hash of what it stands for.
fn shortened(name: &str, separator: &str, whole: &str, max_bytes: usize) -> String {
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, whole.as_bytes())
        .simple()
        .to_string();
    let room = max_bytes - HASH_DIGITS - separator.len();
    let short: String = name.chars().take(room).collect();
    format!("{short}{separator}{}", &hash[..HASH_DIGITS])
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

/// The column lists of rows by dimensions with states of numeric attributes, as SQL.
pub struct Columns<'a> {
    attributes: Vec<&'a str>,
    /// The dimensions as the beginning of a list: `"on_time", "origin", `.
    pub first: String,
    /// The dimensions as the end of a list: `, "on_time", "origin"`.
    pub last: String,
}

impl<'a> Columns<'a> {
    /// The columns of a rollup, with the states of all of the entity's numbers.
    #[must_use]
    pub fn of(entity: &'a Entity, grouping: &'a GroupingDefinition) -> Self {
        Self::new(&grouping.dimensions, numeric_names(entity))
    }

    /// Columns by dimensions, with the states of some numeric attributes.
    pub fn new(dimensions: &[String], attributes: impl IntoIterator<Item = &'a str>) -> Self {
        let quoted: Vec<String> = dimensions.iter().map(|name| identifier(name)).collect();
        Self {
            attributes: attributes.into_iter().collect(),
            first: quoted.iter().map(|name| format!("{name}, ")).collect(),
            last: quoted.iter().map(|name| format!(", {name}")).collect(),
        }
    }

    /// The states as the end of a list: `, "delay_count", "delay_sum", …`.
    #[must_use]
    pub fn states(&self) -> String {
        self.each(|column, _, _, _| column.to_owned())
    }

    /// The merged states of rows that are grouped, as the end of a list: `, sum("delay_count")::bigint AS "delay_count", …`.
    #[must_use]
    pub fn merges(&self) -> String {
        self.each(|column, _, state, merge| {
            // The sum of bigints is numeric; counts stay bigints.
            let cast = if state == "count" { "::bigint" } else { "" };
            format!("{merge}({column}){cast} AS {column}")
        })
    }

    /// The states of facts that are grouped, as the end of a list, each computed by `of_facts` from an attribute and a
    /// state: `, count("delay") AS "delay_count", …`.
    #[must_use]
    pub fn computed(&self, of_facts: fn(&str, &str) -> String) -> String {
        self.each(|column, attribute, state, _| format!("{} AS {column}", of_facts(attribute, state)))
    }

    /// A list of what is written for each state's column, attribute, name and merge.
    fn each(&self, write: impl Fn(&str, &str, &str, &str) -> String) -> String {
        let mut list = String::new();
        for attribute in &self.attributes {
            for (state, _, merge) in STATES {
                list.push_str(", ");
                list.push_str(&write(&state_column(attribute, state), attribute, state, merge));
            }
        }
        list
    }
}

#[cfg(test)]
mod tests;
