//! The tables of entities: found, created, widened, and filled for groupings that a client begins to use.

use std::time::Duration;

use catalog::{Entity, EntityDefinition, GroupingDefinition, Problem};
use database::{Edition, Error, Session, json};
use uuid::Uuid;

use crate::ddl;
use crate::relation::{Placed, Relation, facts_name, levels};
use crate::states::from_facts;

/// Longest that a change of tables may take, waiting included: two thirds of the 30 seconds of a request. It holds for each transaction
/// that changes them as a whole, see [`Session::limit_transaction`].
pub const MAX_CHANGE: Duration = Duration::from_secs(20);

/// Most ways of defining an entity of one code and domain that can't share tables.
const MAX_VARIANTS: usize = 1_000;

/// The tables of an entity: the union of what clients defined.
#[derive(Clone, Debug)]
pub struct SharedTables {
    /// Place.
    pub relation: Relation,
    /// Columns as an entity, derived attributes as plain ones.
    pub entity: Entity,
    /// All groupings.
    pub groupings: Vec<GroupingDefinition>,
}

/// Finds tables that can hold the entity beside what they hold and extends them, or creates new ones.
///
/// # Errors
/// When a statement fails.
pub async fn place(session: &Session, edition: Edition, entity: &Entity) -> Result<Relation, Error> {
    let schema = entity.schema();
    let sql = "SELECT schema_name, name, shape FROM core.relations WHERE schema_name = $1 AND code = $2 ORDER BY name";
    let rows: Vec<RelationRow> = session.rows(sql, &[&schema, &entity.code()]).await?;
    let variants = rows.len();
    for row in rows {
        let stored = from_shape(row)?;
        if let Ok(union) = union(&stored.entity, entity) {
            extend(session, edition, &stored, &union).await?;
            return Ok(stored.relation);
        }
    }
    let name = facts_name(entity.code());
    for variant in variants + 1..=MAX_VARIANTS {
        let relation = Relation {
            schema: schema.clone(),
            name: if variant == 1 {
                name.clone()
            } else {
                format!("{name}_{variant}")
            },
        };
        // Asked of the server, which knows of views too.
        let taken = "SELECT 1 WHERE to_regclass($1) IS NOT NULL";
        if session.query(taken, &[&relation.facts()]).await?.is_empty() {
            create_tables(session, edition, &relation, entity).await?;
            return Ok(relation);
        }
    }
    Err(Error::Server(format!(
        "there are {MAX_VARIANTS} variants of entity {} in {schema}",
        entity.code()
    )))
}

async fn create_tables(session: &Session, edition: Edition, relation: &Relation, entity: &Entity) -> Result<(), Error> {
    session.batch(&ddl::facts(relation, entity)).await?;
    for grouping in entity.groupings() {
        session.batch(&ddl::rollup(edition, relation, entity, grouping)).await?;
    }
    let shape = json(&shape(entity))?;
    session
        .execute(
            "INSERT INTO core.relations (schema_name, name, code, shape) VALUES ($1, $2, $3, $4)",
            &[&relation.schema, &relation.name, &entity.code(), &shape],
        )
        .await?;
    Ok(())
}

/// The physical side of a definition: derived attributes are plain columns, nothing but the key is required, and what one
/// client says of its attributes is not kept where others share them.
fn shape(entity: &Entity) -> EntityDefinition {
    let mut definition = entity.definition().clone();
    definition.description.clear();
    // A column of this name is in all tables, so no client's attribute is called so.
    "time".clone_into(&mut definition.time);
    definition.groupings = entity.groupings().to_vec();
    for attribute in &mut definition.attributes {
        attribute.description.clear();
        attribute.unit = None;
        attribute.formula = None;
        attribute.required = definition.key.contains(&attribute.name);
    }
    definition
}

/// What tables become when they hold an entity too: all columns and groupings of both.
///
/// # Errors
/// Why one set of tables can't hold both, as the end of a sentence: another key, a type or a level that contradicts, or
/// more in all than one entity may have.
pub fn union(stored: &Entity, entity: &Entity) -> Result<Entity, String> {
    let mut union = shape(stored);
    let new = shape(entity);
    if union.key != new.key {
        return Err(format!("they are keyed by [{}]", union.key.join(", ")));
    }
    for attribute in new.attributes {
        match union.attributes.iter_mut().find(|column| column.name == attribute.name) {
            None => union.attributes.push(attribute),
            Some(column) if column.kind == attribute.kind => column.dimension |= attribute.dimension,
            Some(column) => return Err(format!("they hold `{}` as {}", column.name, column.kind)),
        }
    }
    for grouping in new.groupings {
        match union.groupings.iter().find(|old| old.dimensions == grouping.dimensions) {
            None => union.groupings.push(grouping),
            Some(old) if old.finest == grouping.finest => {}
            Some(old) => {
                let dimensions = old.dimensions.join(", ");
                return Err(format!(
                    "they keep the grouping [{dimensions}] from the {} on",
                    old.finest
                ));
            }
        }
    }
    union
        .validate()
        .map_err(|problems| format!("they would have too much: {}", messages(&problems)))
}

fn messages(problems: &[Problem]) -> String {
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    messages.join("; ")
}

/// Adds the columns and groupings that tables lack to become the union.
///
/// # Errors
/// When a statement fails.
pub async fn extend(session: &Session, edition: Edition, stored: &SharedTables, union: &Entity) -> Result<(), Error> {
    let relation = &stored.relation;
    let columns = ddl::add_columns(edition, relation, &stored.entity, union);
    if !columns.is_empty() {
        session.limit_transaction(MAX_CHANGE).await?;
        session.batch(&columns).await?;
        for grouping in &stored.groupings {
            session.limit_transaction(MAX_CHANGE).await?;
            session.batch(&ddl::rebuild(edition, relation, union, grouping)).await?;
        }
        if edition == Edition::Community {
            session.limit_transaction(MAX_CHANGE).await?;
            stale(session, relation, None).await?;
        }
    }
    let new = union.groupings().iter().filter(|new| !stored.groupings.contains(new));
    for grouping in new {
        session.limit_transaction(MAX_CHANGE).await?;
        session.batch(&ddl::rollup(edition, relation, union, grouping)).await?;
    }
    session
        .execute(
            "UPDATE core.relations SET shape = $3 WHERE schema_name = $1 AND name = $2",
            &[&relation.schema, &relation.name, &json(&shape(union))?],
        )
        .await?;
    Ok(())
}

/// Has the rollups of a client, or of all when they were rebuilt and are empty, read from the partials until they were
/// refreshed.
async fn stale(session: &Session, relation: &Relation, client: Option<Uuid>) -> Result<(), Error> {
    session
        .execute(
            &format!(
                "INSERT INTO core.stale_ranges (schema_name, relation_name, client_id, from_time, to_time)
                 SELECT $1, $2, client_id, min(time), max(time) + interval '1 minute' FROM {}
                 WHERE client_id = $3 OR $3 IS NULL GROUP BY client_id",
                relation.facts()
            ),
            &[&relation.schema, &relation.name, &client],
        )
        .await?;
    Ok(())
}

/// Fills a grouping that a client begins to use from the facts that it has.
///
/// # Errors
/// When a statement fails.
pub async fn backfill(
    session: &Session,
    edition: Edition,
    client: Uuid,
    placed: &Placed,
    grouping: &GroupingDefinition,
) -> Result<(), Error> {
    let mut tables = vec![placed.relation.partials(grouping)];
    if edition == Edition::Apache {
        tables.extend(levels(grouping.finest).map(|level| placed.relation.rows(grouping, level)));
    }
    for table in tables {
        session
            .execute(&format!("DELETE FROM {table} WHERE client_id = $1"), &[&client])
            .await?;
    }
    session
        .execute(&from_facts(placed, grouping, "client_id = $1"), &[&client])
        .await?;
    if edition == Edition::Community {
        stale(session, &placed.relation, Some(client)).await?;
    }
    Ok(())
}

/// A stored definition as an entity.
///
/// # Errors
/// When it is not valid any more.
pub(crate) fn validated(definition: EntityDefinition) -> Result<Entity, Error> {
    let place = format!("shape of {}", definition.code);
    definition.validate().map_err(|problems| Error::Stored {
        place,
        cause: messages(&problems),
    })
}

/// The tables of a relation, with the entity that they can hold.
///
/// # Errors
/// When the statement fails, the relation is not registered or its shape can't be read.
pub async fn stored(session: &Session, relation: &Relation) -> Result<SharedTables, Error> {
    let sql = "SELECT schema_name, name, shape FROM core.relations WHERE schema_name = $1 AND name = $2";
    let row: Option<RelationRow> = session.row(sql, &[&relation.schema, &relation.name]).await?;
    let row = row.ok_or_else(|| Error::Stored {
        place: relation.facts(),
        cause: "is not registered".to_owned(),
    })?;
    from_shape(row)
}

database::row! {
    struct RelationRow {
        schema_name: String,
        name: String,
        shape: serde_json::Value,
    }
}

fn from_shape(row: RelationRow) -> Result<SharedTables, Error> {
    let RelationRow {
        schema_name: schema,
        name,
        shape,
    } = row;
    let relation = Relation { schema, name };
    let definition: EntityDefinition = serde_json::from_value(shape).map_err(|error| Error::Stored {
        place: relation.facts(),
        cause: error.to_string(),
    })?;
    let entity = validated(definition)?;
    Ok(SharedTables {
        relation,
        groupings: entity.groupings().to_vec(),
        entity,
    })
}

/// All tables that entities generated.
///
/// # Errors
/// When the statement fails or a stored shape can't be read.
pub async fn relations(session: &Session) -> Result<Vec<SharedTables>, Error> {
    let sql = "SELECT schema_name, name, shape FROM core.relations ORDER BY schema_name, name";
    let rows: Vec<RelationRow> = session.rows(sql, &[]).await?;
    rows.into_iter().map(from_shape).collect()
}

#[cfg(test)]
mod tests;
