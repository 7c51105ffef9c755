//! The catalogue: definitions of entities and KPIs, and what follows from them once they are valid.
//!
//! Definitions ([`EntityDefinition`], [`KpiDefinition`]) are what people write and what is stored. Validation turns
//! them into an [`Entity`] and a [`Kpi`], which are known to be sound and are never checked again, or into the list of
//! all their [`Problem`]s, each with a JSON pointer to the field, a message, a hint and, inside a formula, a span. A
//! [`Catalog`] holds the valid ones of one client and keeps them fit for each other: a KPI's formula names only what
//! its entities have. Beside them stand their [`Companion`]s, which name them: [`Relationship`]s, [`Actor`]s and
//! [`ValueChainPattern`]s. A [`Graph`] shows them all.
//!
//! Pure: no I/O, no clock, and no knowledge of where definitions or facts are stored.

mod actor;
mod book;
mod companion;
mod definition;
mod derived;
mod difference;
#[cfg(test)]
mod durations;
mod entity;
#[cfg(test)]
mod fixtures;
mod former;
mod goal;
mod graph;
pub mod groupings;
mod hints;
mod kpi;
mod level;
mod line;
mod names;
mod pattern;
mod problem;
mod references;
mod relationship;
mod rename;
mod replacement;
mod report;
mod sketch;
mod status;
mod units;
mod validate;
mod zone;

pub use actor::{Actor, Work};
pub use book::Catalog;
pub use companion::{Companion, CompanionName, Companions, Named};
pub use definition::{
    AttributeDefinition, CsvDialect, DecimalMark, Delimiter, EntityDefinition, FilesMode, GroupingDefinition,
};
pub use difference::{Difference, differences};
pub use entity::Entity;
pub use formula::{Period, UnknownPeriod};
pub use goal::{Expression, Goal, Limit};
pub use graph::{Graph, GraphEdge, GraphEdgeKind, GraphError, GraphNode, GraphNodeKind};
pub use kpi::{Direction, Kpi, KpiDefinition, Mode};
pub use level::Level;
pub use line::{checked_line, is_hidden, line_hint};
pub use names::is_entity_code;
pub use pattern::{Stage, ValueChainPattern};
pub use problem::Problem;
pub use relationship::{Cardinality, Relationship, Resolution};
pub use rename::{EntityRename, KpiRename, Renamed, RenamedKpi};
pub use report::FormulaReport;
pub use sketch::{MAX_SKETCHES, SketchKind};
pub use status::Status;
pub use zone::{UnknownZone, Zone};

/// The most entities of a client. Each has a hypertable and at least one rollup, which every upkeep visits, and a process
/// that serves the client holds all of them.
pub const MAX_ENTITIES: usize = 200;

/// The most KPIs of a client: ten for each entity, all of which a process that serves the client has compiled.
pub const MAX_KPIS: usize = 2_000;

/// The most mistakes of KPIs that a change would break which are told at once: as many as one looks at.
pub const MAX_BROKEN_KPIS: usize = 20;
/// The most relationships of a client: five for each entity.
pub const MAX_RELATIONSHIPS: usize = 1_000;

/// The most actors of a client: more roles than an organisation tells apart.
pub const MAX_ACTORS: usize = 200;

/// The most entities that an actor works with: a quarter of all.
pub const MAX_WORKS: usize = 50;

/// The most patterns of value chains of a client. The largest has 90 KB, and a process that serves the client holds all of them.
pub const MAX_PATTERNS: usize = 50;

/// The most stages of a pattern: more are not told apart in a picture.
pub const MAX_STAGES: usize = 20;

/// The most actors, entities and KPIs, of each, that a stage of a pattern names.
pub const MAX_STAGE_CODES: usize = 20;

/// The most nodes of a graph: all KPIs and entities that a client may have, and 800 of what stands beside them. The usual 150 bytes of each make half a megabyte.
pub const MAX_GRAPH_NODES: usize = 3_000;

/// The most edges of a graph: four for each KPI, and 2,000 others; a megabyte and a half.
pub const MAX_GRAPH_EDGES: usize = 10_000;

/// The most attributes of an entity. A rollup row has 6 columns for each numeric one, and PostgreSQL allows 1,600
/// columns.
pub const MAX_ATTRIBUTES: usize = 64;

/// The most attributes of a key: PostgreSQL allows 32 columns in an index, and wide keys make slow ones.
pub const MAX_KEY: usize = 8;

/// The most groupings of an entity, with the one that has no dimensions: a batch writes partials for each of them.
pub const MAX_GROUPINGS: usize = 16;

/// The most dimensions of a grouping: with 8 of 10 values each, groups outnumber facts long before this.
pub const MAX_GROUPING_DIMENSIONS: usize = 8;

/// The most former names of an entity, an attribute or a KPI: each is looked at where a name is not known, and whoever sends under one for long is told by its
/// definition.
pub const MAX_FORMER_NAMES: usize = 8;

/// The longest description, in characters: a page.
pub const MAX_DESCRIPTION: usize = 2_000;

/// The longest name, unit, module, value chain or source field, in characters: a line.
pub const MAX_LABEL: usize = 120;

/// The most decimals that a KPI is shown with.
pub const MAX_DECIMALS: u8 = 10;
