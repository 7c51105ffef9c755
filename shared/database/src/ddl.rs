//! The statements that create what an entity needs, filled into the templates of `migrations/`.

use catalog::{Entity, GroupingDefinition, Level};

use crate::connect::{Edition, identifier};
use crate::relation::{Relation, STATES, column_type, level_name, levels, numeric_names, state_column};

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
    let columns: Vec<String> = entity
        .stored_attributes()
        .iter()
        .map(|attribute| format!("{} {}", identifier(&attribute.name), column_type(attribute.kind)))
        .collect();
    let mut sql = fill(
        HYPERTABLE,
        &[
            ("schema", &relation.schema()),
            ("facts", &relation.facts()),
            ("columns", &columns.join(",\n    ")),
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

/// Adds the columns of new attributes to the facts and to a grouping's tables.
#[must_use]
pub fn add_columns(edition: Edition, relation: &Relation, old: &[String], entity: &Entity) -> String {
    let new = || {
        entity
            .stored_attributes()
            .iter()
            .filter(|attribute| !old.contains(&attribute.name))
    };
    let mut sql = String::new();
    for attribute in new() {
        sql.push_str(&format!(
            "ALTER TABLE {} ADD COLUMN {} {};\n",
            relation.facts(),
            identifier(&attribute.name),
            column_type(attribute.kind)
        ));
    }
    let numeric = numeric_names(entity);
    let added: Vec<&str> = new()
        .map(|attribute| attribute.name.as_str())
        .filter(|name| numeric.contains(name))
        .collect();
    if added.is_empty() {
        return sql;
    }
    for grouping in entity.groupings() {
        let mut tables = vec![relation.partials(grouping)];
        if edition == Edition::Apache {
            tables.extend(levels(grouping.finest).map(|level| relation.rows(grouping, level)));
        }
        for table in tables {
            for name in &added {
                for (state, kind, _) in STATES {
                    let default = if matches!(state, "count" | "sum") {
                        " NOT NULL DEFAULT 0"
                    } else {
                        ""
                    };
                    sql.push_str(&format!(
                        "ALTER TABLE {table} ADD COLUMN {} {kind}{default};\n",
                        state_column(name, state)
                    ));
                }
            }
        }
    }
    sql
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

/// The column lists of one grouping, as SQL.
struct Parts<'a> {
    relation: &'a Relation,
    grouping: &'a GroupingDefinition,
    dimensions: String,
    dimension_names: String,
    states: String,
    state_names: String,
    merges: String,
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
        let mut state_names = String::new();
        let mut merges = String::new();
        for attribute in numeric_names(entity) {
            for (state, kind, merge) in STATES {
                let column = state_column(attribute, state);
                let not_null = if matches!(state, "count" | "sum") {
                    " NOT NULL"
                } else {
                    ""
                };
                states.push(format!("{column} {kind}{not_null}"));
                state_names.push_str(&format!(", {column}"));
                // The sum of bigints is numeric; counts stay bigints.
                let cast = if state == "count" { "::bigint" } else { "" };
                merges.push_str(&format!(", {merge}({column}){cast} AS {column}"));
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
            dimensions: grouping
                .dimensions
                .iter()
                .map(|name| format!("{} {},\n    ", identifier(name), kind(name)))
                .collect(),
            dimension_names: grouping
                .dimensions
                .iter()
                .map(|name| format!("{}, ", identifier(name)))
                .collect(),
            states,
            state_names,
            merges,
        }
    }

    fn fill(&self, template: &str, level: Level) -> String {
        let (relation, grouping) = (self.relation, self.grouping);
        let group: String = self
            .grouping
            .dimensions
            .iter()
            .map(|name| format!(", {}", identifier(name)))
            .collect();
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
                ("dimension_names", &self.dimension_names),
                ("dimension_group", &group),
                ("group", &format!("client_id, bucket{group}")),
                ("states", &self.states),
                ("state_names", &self.state_names),
                ("merges", &self.merges),
            ],
        )
    }
}
