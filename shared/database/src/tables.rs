//! The tables of entities: found, created, widened, and filled for groupings that a client begins to use.

use catalog::{Entity, EntityDefinition, GroupingDefinition};
use uuid::Uuid;

use crate::connect::{Edition, Error, Session};
use crate::correct::from_facts;
use crate::ddl;
use crate::definitions::{KPI_VALUE, json};
use crate::relation::{Placed, Relation, levels};

/// Most clients that define an entity of one code and domain in ways that can't share tables.
const MAX_VARIANTS: usize = 1_000;

/// The tables of an entity: the union of what clients defined.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Place.
    pub relation: Relation,
    /// Columns as an entity, derived attributes as plain ones.
    pub entity: Entity,
    /// All groupings.
    pub groupings: Vec<GroupingDefinition>,
}

/// Finds tables that fit the entity and extends them, or creates new ones.
pub(crate) async fn place(session: &Session, edition: Edition, entity: &Entity) -> Result<Relation, Error> {
    let schema = format!("{}_data", entity.definition().domain);
    let rows = session
        .query(
            "SELECT name FROM core.relations WHERE schema_name = $1 AND code = $2 ORDER BY name",
            &[&schema, &entity.code()],
        )
        .await?;
    for row in &rows {
        let stored = stored(
            session,
            &Relation {
                schema: schema.clone(),
                name: row.get(0),
            },
        )
        .await?;
        if fits(&stored.entity, entity) {
            extend(session, edition, &stored, entity).await?;
            return Ok(stored.relation);
        }
    }
    for variant in rows.len() + 1..MAX_VARIANTS {
        let base = if entity.code() == KPI_VALUE {
            "kpi_raw_data".to_owned()
        } else {
            snake_case(entity.code())
        };
        let name = if variant == 1 {
            base
        } else {
            format!("{base}_{variant}")
        };
        let relation = Relation {
            schema: schema.clone(),
            name,
        };
        let taken = session
            .query(
                "SELECT 1 FROM core.relations WHERE schema_name = $1 AND name = $2",
                &[&relation.schema, &relation.name],
            )
            .await?;
        if taken.is_empty() {
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

/// The physical side of a definition: derived attributes are plain columns, nothing but the key is required.
fn shape(entity: &Entity) -> EntityDefinition {
    let mut definition = entity.definition().clone();
    definition.groupings = entity.groupings().to_vec();
    for attribute in &mut definition.attributes {
        attribute.formula = None;
        attribute.required = definition.key.contains(&attribute.name);
    }
    definition
}

/// Whether an entity can live in existing tables: the same key, and common attributes have the same type.
fn fits(stored: &Entity, entity: &Entity) -> bool {
    let same_type = |attribute: &catalog::AttributeDefinition| {
        stored
            .stored_attributes()
            .iter()
            .all(|column| column.name != attribute.name || column.kind == attribute.kind)
    };
    stored.definition().key == entity.definition().key
        && entity.stored_attributes().iter().all(same_type)
        && entity.groupings().iter().all(|new| {
            stored
                .groupings()
                .iter()
                .all(|old| old.dimensions != new.dimensions || old.finest == new.finest)
        })
}

/// Adds the columns and groupings that tables lack.
pub(crate) async fn extend(session: &Session, edition: Edition, stored: &Stored, entity: &Entity) -> Result<(), Error> {
    let mut union = shape(&stored.entity);
    let old: Vec<String> = union
        .attributes
        .iter()
        .map(|attribute| attribute.name.clone())
        .collect();
    for attribute in shape(entity).attributes {
        match union.attributes.iter_mut().find(|column| column.name == attribute.name) {
            Some(column) => column.dimension |= attribute.dimension,
            None => union.attributes.push(attribute),
        }
    }
    let new: Vec<GroupingDefinition> = entity
        .groupings()
        .iter()
        .filter(|grouping| !union.groupings.contains(grouping))
        .cloned()
        .collect();
    let widened = validated(union.clone())?;
    let columns = ddl::add_columns(edition, &stored.relation, &old, &widened);
    if !columns.is_empty() {
        session.batch(&columns).await?;
        for grouping in &stored.groupings {
            session
                .batch(&ddl::rebuild(edition, &stored.relation, &widened, grouping))
                .await?;
        }
        if edition == Edition::Community {
            all_stale(session, &stored.relation).await?;
        }
    }
    union.groupings.extend(new.iter().cloned());
    let widened = validated(union)?;
    for grouping in &new {
        session
            .batch(&ddl::rollup(edition, &stored.relation, &widened, grouping))
            .await?;
    }
    session
        .execute(
            "UPDATE core.relations SET shape = $3 WHERE schema_name = $1 AND name = $2",
            &[&stored.relation.schema, &stored.relation.name, &json(&shape(&widened))?],
        )
        .await?;
    Ok(())
}

/// A rebuilt aggregate is empty: everything is read from the partials until it was refreshed.
async fn all_stale(session: &Session, relation: &Relation) -> Result<(), Error> {
    session
        .execute(
            &format!(
                "INSERT INTO core.stale_ranges (schema_name, relation_name, client_id, from_time, to_time)
                 SELECT $1, $2, client_id, min(time), max(time) + interval '1 minute' FROM {} GROUP BY client_id",
                relation.facts()
            ),
            &[&relation.schema, &relation.name],
        )
        .await?;
    Ok(())
}

/// Fills a grouping that a client begins to use from the facts that it has.
pub(crate) async fn backfill(
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
        all_stale(session, &placed.relation).await?;
    }
    Ok(())
}

pub(crate) fn validated(definition: EntityDefinition) -> Result<Entity, Error> {
    let place = format!("shape of {}", definition.code);
    definition.validate().map_err(|problems| Error::Stored {
        place,
        cause: problems
            .iter()
            .map(|problem| problem.message.clone())
            .collect::<Vec<_>>()
            .join("; "),
    })
}

pub(crate) async fn stored(session: &Session, relation: &Relation) -> Result<Stored, Error> {
    let rows = session
        .query(
            "SELECT shape FROM core.relations WHERE schema_name = $1 AND name = $2",
            &[&relation.schema, &relation.name],
        )
        .await?;
    let row = rows.first().ok_or_else(|| Error::Stored {
        place: relation.facts(),
        cause: "is not registered".to_owned(),
    })?;
    from_shape(relation.clone(), row.get(0))
}

fn from_shape(relation: Relation, shape: serde_json::Value) -> Result<Stored, Error> {
    let definition: EntityDefinition = serde_json::from_value(shape).map_err(|error| Error::Stored {
        place: relation.facts(),
        cause: error.to_string(),
    })?;
    let entity = validated(definition)?;
    Ok(Stored {
        relation,
        groupings: entity.groupings().to_vec(),
        entity,
    })
}

/// All tables that entities generated.
///
/// # Errors
/// When the statement fails or a stored shape can't be read.
pub async fn relations(session: &Session) -> Result<Vec<Stored>, Error> {
    let rows = session
        .query(
            "SELECT schema_name, name, shape FROM core.relations ORDER BY schema_name, name",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            from_shape(
                Relation {
                    schema: row.get(0),
                    name: row.get(1),
                },
                row.get(2),
            )
        })
        .collect()
}

/// `OrderLine` as `order_line`.
fn snake_case(code: &str) -> String {
    let mut name = String::with_capacity(code.len() + 4);
    for (position, character) in code.chars().enumerate() {
        if character.is_ascii_uppercase() && position > 0 {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_table_names() {
        for (code, name) in [
            ("Flight", "flight"),
            ("OrderLine", "order_line"),
            ("KPIValue", "k_p_i_value"),
        ] {
            assert_eq!(snake_case(code), name);
        }
    }
}
