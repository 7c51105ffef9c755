//! The statements that create what an entity needs, filled into the templates of `migrations/`.

use catalog::{AttributeDefinition, Entity, GroupingDefinition, Level};
use database::{Edition, identifier};

use crate::relation::{Columns, Relation, STATES, column_type, level_name, levels, numeric_names, state_column};

const HYPERTABLE: &str = include_str!("../../../migrations/facts/hypertable.sql");
const KPI_VALUES: &str = include_str!("../../../migrations/facts/kpi_values.sql");
const PARTIALS: &str = include_str!("../../../migrations/rollups/partials.sql");
const APACHE_LEVEL: &str = include_str!("../../../migrations/rollups/apache/level.sql");
const APACHE_VIEW: &str = include_str!("../../../migrations/rollups/apache/view.sql");
const APACHE_COMPACT: &str = include_str!("../../../migrations/rollups/apache/compact.sql");
const APACHE_COMPACT_LEVEL: &str = include_str!("../../../migrations/rollups/apache/compact_level.sql");
const COMMUNITY_LEVEL: &str = include_str!("../../../migrations/rollups/community/level.sql");

/// Fills `{{name}}` in a template.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{{{name}}}}}"), value)
    })
}

/// Creates the facts' hypertable.
#[must_use]
pub fn facts(relation: &Relation, entity: &Entity) -> String {
    let columns: String = entity
        .stored_attributes()
        .iter()
        .map(|attribute| format!(",\n    {} {}", identifier(&attribute.name), column_type(attribute.kind)))
        .collect();
    let mut sql = fill(
        HYPERTABLE,
        &[
            ("schema", &relation.schema()),
            ("facts", &relation.facts()),
            ("columns", &columns),
        ],
    );
    let key = &entity.definition().key;
    if !key.is_empty() {
        let columns: Vec<String> = key.iter().map(|name| identifier(name)).collect();
        sql.push_str(&format!(
            "CREATE INDEX ON {} (client_id, {});\n",
            relation.facts(),
            columns.join(", ")
        ));
    }
    sql
}

/// Creates the partials and levels of a grouping.
#[must_use]
pub fn rollup(edition: Edition, relation: &Relation, entity: &Entity, grouping: &GroupingDefinition) -> String {
    let parts = Parts::new(relation, entity, grouping);
    let mut sql = parts.fill(PARTIALS, grouping.finest);
    sql.push_str(&level_tables(edition, &parts));
    sql.push_str(&level_relations(edition, &parts));
    sql
}

/// Drops and creates again what can't be altered in place (views, continuous aggregates), after the columns changed.
#[must_use]
pub fn rebuild(edition: Edition, relation: &Relation, entity: &Entity, grouping: &GroupingDefinition) -> String {
    let parts = Parts::new(relation, entity, grouping);
    let kind = match edition {
        Edition::Apache => "VIEW",
        Edition::Community => "MATERIALIZED VIEW",
    };
    let mut sql: String = levels(grouping.finest)
        .rev()
        .map(|level| format!("DROP {kind} {};\n", relation.rollup(grouping, level)))
        .collect();
    sql.push_str(&level_relations(edition, &parts));
    sql
}

/// Adds the columns of new attributes to the facts and to the tables of the groupings that there are; empty when there
/// is nothing to add.
#[must_use]
pub fn add_columns(edition: Edition, relation: &Relation, old: &Entity, new: &Entity) -> String {
    let added: Vec<&AttributeDefinition> = new
        .stored_attributes()
        .iter()
        .filter(|attribute| old.index_of(&attribute.name).is_none())
        .collect();
    let facts = added.iter().map(|attribute| {
        add_column(
            &relation.facts(),
            &identifier(&attribute.name),
            column_type(attribute.kind),
        )
    });
    let mut sql: String = facts.collect();
    for grouping in old.groupings() {
        let mut tables = vec![relation.partials(grouping)];
        if edition == Edition::Apache {
            tables.extend(levels(grouping.finest).map(|level| relation.rows(grouping, level)));
        }
        for table in tables {
            for attribute in added.iter().filter(|attribute| attribute.kind.is_numeric()) {
                for (state, kind, _) in STATES {
                    let kind = format!("{kind}{}", if is_total(state) { " NOT NULL DEFAULT 0" } else { "" });
                    sql.push_str(&add_column(&table, &state_column(&attribute.name, state), &kind));
                }
            }
        }
    }
    sql
}

fn add_column(table: &str, column: &str, kind: &str) -> String {
    format!("ALTER TABLE {table} ADD COLUMN {column} {kind};\n")
}

/// Whether a state is a number for no facts too, namely 0.
fn is_total(state: &str) -> bool {
    matches!(state, "count" | "sum")
}

/// The statement that moves closed buckets of a grouping up (Apache edition).
#[must_use]
pub fn compact(relation: &Relation, entity: &Entity, grouping: &GroupingDefinition) -> String {
    let parts = Parts::new(relation, entity, grouping);
    let levels: String = levels(grouping.finest)
        .map(|level| parts.fill(APACHE_COMPACT_LEVEL, level).trim_end().to_owned())
        .collect();
    fill(&parts.fill(APACHE_COMPACT, grouping.finest), &[("levels", &levels)])
}

/// The view of ready-made KPI values at a level.
#[must_use]
pub fn kpi_values(relation: &Relation, grouping: &GroupingDefinition, level: Level) -> String {
    fill(
        KPI_VALUES,
        &[
            ("schema", &relation.schema()),
            ("level", level_name(level)),
            ("rollup", &relation.rollup(grouping, level)),
        ],
    )
}

fn level_tables(edition: Edition, parts: &Parts<'_>) -> String {
    if edition == Edition::Community {
        return String::new();
    }
    levels(parts.grouping.finest)
        .map(|level| parts.fill(APACHE_LEVEL, level))
        .collect()
}

fn level_relations(edition: Edition, parts: &Parts<'_>) -> String {
    let template = match edition {
        Edition::Apache => APACHE_VIEW,
        Edition::Community => COMMUNITY_LEVEL,
    };
    levels(parts.grouping.finest)
        .map(|level| parts.fill(template, level))
        .collect()
}

/// What the templates of one grouping are filled with.
struct Parts<'a> {
    relation: &'a Relation,
    grouping: &'a GroupingDefinition,
    columns: Columns<'a>,
    /// Definitions of the dimensions' columns.
    dimensions: String,
    /// Definitions of the states' columns.
    states: String,
}

impl<'a> Parts<'a> {
    fn new(relation: &'a Relation, entity: &'a Entity, grouping: &'a GroupingDefinition) -> Self {
        let kind = |name: &str| {
            entity
                .stored_attributes()
                .iter()
                .find(|attribute| attribute.name == name)
                .map_or("text", |attribute| column_type(attribute.kind))
        };
        let mut states = Vec::new();
        for attribute in numeric_names(entity) {
            for (state, kind, _) in STATES {
                let not_null = if is_total(state) { " NOT NULL" } else { "" };
                states.push(format!("{} {kind}{not_null}", state_column(attribute, state)));
            }
        }
        // The marker keeps the statement valid for an entity without numbers.
        let states = if states.is_empty() {
            "CHECK (facts > 0)".to_owned()
        } else {
            states.join(",\n    ")
        };
        Self {
            relation,
            grouping,
            columns: Columns::of(entity, grouping),
            dimensions: grouping
                .dimensions
                .iter()
                .map(|name| format!("{} {},\n    ", identifier(name), kind(name)))
                .collect(),
            states,
        }
    }

    fn fill(&self, template: &str, level: Level) -> String {
        let (relation, grouping) = (self.relation, self.grouping);
        let below = levels(grouping.finest).take_while(|below| *below < level).last();
        let below = below.map_or_else(|| relation.partials(grouping), |below| relation.rollup(grouping, below));
        let (chunk, start_offset, compress_after) = match level {
            Level::Minute => ("30 days", "2 days", "30 days"),
            Level::Hour => ("180 days", "7 days", "90 days"),
            Level::Day => ("3650 days", "30 days", "400 days"),
        };
        fill(
            template,
            &[
                ("partials", &relation.partials(grouping)),
                ("rows", &relation.rows(grouping, level)),
                ("rollup", &relation.rollup(grouping, level)),
                ("below", &below),
                ("level", level_name(level)),
                ("chunk", chunk),
                ("start_offset", start_offset),
                ("compress_after", compress_after),
                ("dimensions", &self.dimensions),
                ("dimension_names", &self.columns.first),
                ("dimension_group", &self.columns.last),
                ("group", &format!("client_id, bucket{}", self.columns.last)),
                ("states", &self.states),
                ("state_names", &self.columns.states()),
                ("merges", &self.columns.merges()),
            ],
        )
    }
}
