//! What people write about entities. Nothing of it is checked yet except its JSON.

use crate::level::Level;
use crate::sketch::SketchKind;
use formula::AttributeType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// A business object whose facts are collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityDefinition {
    /// The name in formulas and addresses, `Flight`: a capital, then letters and digits.
    #[schema(pattern = "^[A-Z][A-Za-z0-9]{0,47}$", examples("Flight"))]
    pub code: String,
    /// Codes that it had. What comes for one of them counts as its own, as long as it stands here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub formerly: Vec<String>,
    /// The field of business it belongs to, `travel`.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,30}$", examples("travel"))]
    pub domain: String,
    /// What it is, for people.
    #[serde(default)]
    pub description: String,
    /// The field of an event that holds its time.
    #[serde(default = "default_time")]
    pub time: String,
    /// The IANA time zone of times and dates that say no offset, `Europe/Berlin`; the client's own where none is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(examples("Europe/Berlin"))]
    pub time_zone: Option<String>,
    /// How CSV files are written; with commas and decimal points where it is not declared.
    #[serde(default, skip_serializing_if = "CsvDialect::is_usual")]
    pub csv: CsvDialect,
    /// What is known of a fact.
    #[schema(max_items = 64)]
    pub attributes: Vec<AttributeDefinition>,
    /// The attributes that identify a fact: a later event with the same key replaces it. Without a key every event is a
    /// new fact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub key: Vec<String>,
    /// The attributes that identify the object whose state a fact tells, from the fact's time on until the next fact of the object. An entity with them is a
    /// *state*: policies, subscriptions, stock. Another fact of the same object and time replaces the earlier one. Without them facts are events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8, examples("policy_id"))]
    pub state: Vec<String>,
    /// The sets of dimensions by which facts are rolled up, besides the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub groupings: Vec<GroupingDefinition>,
    /// What becomes of what a file's key brought before when another file is put under it.
    #[serde(default, skip_serializing_if = "FilesMode::is_replace")]
    pub files: FilesMode,
}

/// What another file under the same key does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FilesMode {
    /// It takes the place of what was under its key: the rows of the last file that was put there count.
    #[default]
    Replace,
    /// It is added: rows of all files that were put there count.
    Append,
}

impl FilesMode {
    /// Whether it is the usual one.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    const fn is_replace(&self) -> bool {
        matches!(self, Self::Replace)
    }
}

fn default_time() -> String {
    "time".to_owned()
}

/// How CSV files are written. Programs that are set to a language with decimal commas put semicolons between fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvDialect {
    /// What is between two fields of a line.
    #[serde(default)]
    pub delimiter: Delimiter,
    /// What is between the whole part of a number and its fraction.
    #[serde(default)]
    pub decimal: DecimalMark,
}

impl CsvDialect {
    /// Whether it need not be declared.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What is between two fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Delimiter {
    /// `,`
    #[default]
    Comma,
    /// `;`
    Semicolon,
    /// The tabulator.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    /// As it is written in a file.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// As it is declared.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Pipe => "pipe",
        }
    }
}

/// What is between the whole part of a number and its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecimalMark {
    /// `1.5`
    #[default]
    Point,
    /// `1,5`
    Comma,
}

impl DecimalMark {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Point, Self::Comma];

    /// As it is declared.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Comma => "comma",
        }
    }
}

/// One attribute of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeDefinition {
    /// The name in events and formulas, `delay`.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,39}$", examples("delay"))]
    pub name: String,
    /// Names that it had. A field of an event or file that is called so is this attribute, as long as the name stands here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub formerly: Vec<String>,
    /// The type of its values.
    #[serde(rename = "type")]
    #[schema(schema_with = attribute_type)]
    pub kind: AttributeType,
    /// The unit of its values, `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether facts can be filtered and grouped by it; for attributes of few values.
    #[serde(default)]
    pub dimension: bool,
    /// Whether an event without it is rejected.
    #[serde(default)]
    pub required: bool,
    /// What is kept of it in sketches, from which KPIs of the mode `approximate` are answered. Each takes up to 12 KB for every hour, day and group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 2)]
    pub sketches: Vec<SketchKind>,
    /// How it is computed from the other attributes, `delay < 15`; without a formula it is read from the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(examples("delay < 15"))]
    pub formula: Option<String>,
    /// What it is, for people.
    #[serde(default)]
    pub description: String,
}

/// The schema of a type, which the formula language knows but does not describe.
fn attribute_type() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(AttributeType::ALL.map(AttributeType::name)))
        .description(Some("The type of its values."))
        .build()
}

/// A set of dimensions by which facts are rolled up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupingDefinition {
    /// The names of the dimensions; their order means nothing.
    #[schema(max_items = 8)]
    pub dimensions: Vec<String>,
    /// The finest rollup that is kept. A grouping that hardly shrinks the facts by minute is better kept by hour or day
    /// only.
    #[serde(default)]
    pub finest: Level,
}

impl GroupingDefinition {
    /// A grouping by minute; dimensions are put in order.
    #[must_use]
    pub fn by_minute<D: Into<String>>(dimensions: impl IntoIterator<Item = D>) -> Self {
        let mut dimensions: Vec<String> = dimensions.into_iter().map(Into::into).collect();
        dimensions.sort();
        dimensions.dedup();
        Self {
            dimensions,
            finest: Level::Minute,
        }
    }

    /// Whether it has the same dimensions as another one; their order means nothing to who defines it.
    #[must_use]
    pub fn has_the_dimensions_of(&self, other: &Self) -> bool {
        self.dimensions.len() == other.dimensions.len() && self.covers(other.dimensions.iter().map(String::as_str))
    }

    /// Whether the groups of this grouping can be merged into groups of `dimensions`.
    #[must_use]
    pub fn covers<'a>(&self, dimensions: impl IntoIterator<Item = &'a str>) -> bool {
        dimensions
            .into_iter()
            .all(|wanted| self.dimensions.iter().any(|dimension| dimension == wanted))
    }
}
