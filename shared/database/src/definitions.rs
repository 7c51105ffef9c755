//! Definitions of entities and KPIs, and the tables that entities generate.
//!
//! Clients that define an entity of the same code and domain with the same types share its tables, which hold the union
//! of their columns and groupings; each client's own definition says which of them it writes and reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{Catalog, Entity, EntityDefinition, GroupingDefinition, KpiDefinition};
use series::Calendar;
use uuid::Uuid;

use crate::connect::{Database, Edition, Error, Isolation, Session};
use crate::correct::from_facts;
use crate::ddl;
use crate::relation::{Placed, Relation, levels};

/// Code of the built-in entity of ready-made KPI values.
pub const KPI_VALUE: &str = "KpiValue";

/// Most clients that define an entity of one code and domain in ways that can't share tables.
const MAX_VARIANTS: usize = 1_000;

/// A client's definitions, ready to use.
#[derive(Clone, Debug)]
pub struct ClientCatalog {
    /// The client's buckets.
    pub calendar: Calendar,
    /// Its entities and KPIs.
    pub catalog: Catalog,
    /// Where its entities live.
    pub placed: BTreeMap<String, Placed>,
    /// Versions of its KPIs, for `ETag`.
    pub kpi_versions: BTreeMap<String, i32>,
}

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

/// Loads the catalogues of some clients in one statement.
///
/// # Errors
/// When the statement fails or a stored definition can't be read.
pub async fn load(session: &Session, clients: &[Uuid]) -> Result<BTreeMap<Uuid, ClientCatalog>, Error> {
    let rows = session
        .query(
            "SELECT client_id, time_zone, entities, kpis FROM core.catalogs($1)",
            &[&clients],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.get(0),
                client_catalog(row.get(0), row.get(1), row.get(2), row.get(3))?,
            ))
        })
        .collect()
}

/// Loads the catalogue of one client; `None` when there is no such client.
///
/// # Errors
/// As [`load`].
pub async fn load_one(database: &Database, client: Uuid) -> Result<Option<ClientCatalog>, Error> {
    Ok(load(&database.session().await?, &[client]).await?.remove(&client))
}

#[derive(serde::Deserialize)]
struct EntityRow {
    definition: EntityDefinition,
    version: i32,
    schema: String,
    relation: String,
}

#[derive(serde::Deserialize)]
struct KpiRow {
    definition: KpiDefinition,
    version: i32,
}

fn client_catalog(
    client: Uuid,
    zone: &str,
    entities: serde_json::Value,
    kpis: serde_json::Value,
) -> Result<ClientCatalog, Error> {
    let unreadable = |what: &str, cause: String| Error::Stored {
        place: format!("{what} of client {client}"),
        cause,
    };
    let entities: Vec<EntityRow> =
        serde_json::from_value(entities).map_err(|error| unreadable("entities", error.to_string()))?;
    let kpis: Vec<KpiRow> = serde_json::from_value(kpis).map_err(|error| unreadable("KPIs", error.to_string()))?;
    let kpi_versions = kpis
        .iter()
        .map(|kpi| (kpi.definition.code.clone(), kpi.version))
        .collect();
    let places: Vec<(String, Relation, i32)> = entities
        .iter()
        .map(|row| {
            (
                row.definition.code.clone(),
                Relation {
                    schema: row.schema.clone(),
                    name: row.relation.clone(),
                },
                row.version,
            )
        })
        .collect();
    let catalog = Catalog::new(
        entities.into_iter().map(|row| row.definition).collect(),
        kpis.into_iter().map(|row| row.definition).collect(),
    )
    .map_err(|problems| {
        unreadable(
            "catalogue",
            problems
                .iter()
                .map(|problem| format!("{}: {}", problem.pointer, problem.message))
                .collect::<Vec<_>>()
                .join("; "),
        )
    })?;
    let placed = places
        .into_iter()
        .filter_map(|(code, relation, version)| {
            Some((
                code.clone(),
                Placed {
                    entity: Arc::clone(catalog.entity(&code)?),
                    relation,
                    version,
                },
            ))
        })
        .collect();
    let calendar =
        Calendar::of(zone).ok_or_else(|| unreadable("time zone", format!("{zone:?} is no IANA time zone")))?;
    Ok(ClientCatalog {
        calendar,
        catalog,
        placed,
        kpi_versions,
    })
}

/// How a write of a definition ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Stored with this version.
    Stored(i32),
    /// A definition of this code exists already.
    Exists,
    /// The version that the caller knew is not the stored one, which is this.
    Stale(i32),
    /// There is none to replace.
    Missing,
    /// The client has facts of the entity, so a derived attribute can't be added any more: old facts would lack it.
    DerivedTooLate,
    /// The grouping of these dimensions is kept from another level on; its tables can't change that.
    FinestFixed(Vec<String>),
}

/// Creates an entity with its tables.
///
/// # Errors
/// When a statement fails; nothing is created then.
pub async fn create_entity(database: &Database, client: Uuid, entity: &Entity) -> Result<Written, Error> {
    let session = database.session().await?;
    let edition = session.edition().await?;
    session.begin(None, Isolation::ReadCommitted).await?;
    let result = async {
        lock_definitions(&session).await?;
        let exists = session.query("SELECT 1 FROM core.entities WHERE client_id = $1 AND code = $2", &[&client, &entity.code()]).await?;
        if !exists.is_empty() {
            return Ok(Written::Exists);
        }
        let relation = place(&session, edition, entity).await?;
        let definition = json(entity.definition())?;
        session
            .execute(
                "INSERT INTO core.entities (client_id, code, schema_name, relation_name, definition) VALUES ($1, $2, $3, $4, $5)",
                &[&client, &entity.code(), &relation.schema, &relation.name, &definition],
            )
            .await?;
        changed(&session, client).await?;
        Ok(Written::Stored(1))
    }
    .await;
    session.finish(result).await
}

/// Replaces an entity's definition; new attributes and groupings get their columns and tables, and groupings are filled
/// from the facts that are there.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn replace_entity(
    database: &Database,
    client: Uuid,
    old: &Placed,
    entity: &Entity,
    expected: Option<i32>,
) -> Result<Written, Error> {
    let session = database.session().await?;
    let edition = session.edition().await?;
    session.begin(None, Isolation::ReadCommitted).await?;
    let result = replace_in_transaction(&session, edition, client, old, entity, expected).await;
    session.finish(result).await
}

async fn replace_in_transaction(
    session: &Session,
    edition: Edition,
    client: Uuid,
    old: &Placed,
    entity: &Entity,
    expected: Option<i32>,
) -> Result<Written, Error> {
    lock_definitions(session).await?;
    // Waits for batches that run, and makes those that come wait, so that none is written by the old definition.
    session
        .execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            &[&writers_lock(client, &old.relation)],
        )
        .await?;
    let rows = session
        .query(
            "SELECT version FROM core.entities WHERE client_id = $1 AND code = $2",
            &[&client, &entity.code()],
        )
        .await?;
    let Some(version) = rows.first().map(|row| row.get::<_, i32>(0)) else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) || version != old.version {
        return Ok(Written::Stale(version));
    }
    let has_facts = !session
        .query(
            &format!("SELECT 1 FROM {} WHERE client_id = $1 LIMIT 1", old.relation.facts()),
            &[&client],
        )
        .await?
        .is_empty();
    let old_names: Vec<&str> = old
        .entity
        .stored_attributes()
        .iter()
        .map(|attribute| attribute.name.as_str())
        .collect();
    let adds_derived = entity
        .stored_attributes()
        .iter()
        .any(|attribute| attribute.formula.is_some() && !old_names.contains(&attribute.name.as_str()));
    if has_facts && adds_derived {
        return Ok(Written::DerivedTooLate);
    }
    let stored = stored(session, &old.relation).await?;
    let refined = |new: &&GroupingDefinition| {
        stored
            .groupings
            .iter()
            .any(|old| old.dimensions == new.dimensions && old.finest != new.finest)
    };
    if let Some(grouping) = entity.groupings().iter().find(refined) {
        return Ok(Written::FinestFixed(grouping.dimensions.clone()));
    }
    extend(session, edition, &stored, entity).await?;
    let placed = Placed {
        entity: Arc::new(entity.clone()),
        relation: old.relation.clone(),
        version: version + 1,
    };
    for grouping in entity
        .groupings()
        .iter()
        .filter(|grouping| !old.entity.groupings().contains(grouping))
    {
        backfill(session, edition, client, &placed, grouping).await?;
    }
    let definition = json(entity.definition())?;
    session
        .execute(
            "UPDATE core.entities SET definition = $3, version = version + 1, updated_at = now() WHERE client_id = $1 AND code = $2",
            &[&client, &entity.code(), &definition],
        )
        .await?;
    changed(session, client).await?;
    Ok(Written::Stored(version + 1))
}

/// The lock that batches of a client and entity share, and that a change of its definition takes alone.
pub(crate) fn writers_lock(client: Uuid, relation: &Relation) -> String {
    format!("{client}/{}", relation.facts())
}

async fn lock_definitions(session: &Session) -> Result<(), Error> {
    session
        .execute("SELECT pg_advisory_xact_lock(hashtextextended('definitions', 0))", &[])
        .await?;
    Ok(())
}

async fn changed(session: &Session, client: Uuid) -> Result<(), Error> {
    session
        .execute("SELECT pg_notify('catalog', $1)", &[&client.to_string()])
        .await?;
    Ok(())
}

fn json(definition: &impl serde::Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(definition).map_err(|error| Error::Stored {
        place: "definition".to_owned(),
        cause: error.to_string(),
    })
}

/// Finds tables that fit the entity and extends them, or creates new ones.
async fn place(session: &Session, edition: Edition, entity: &Entity) -> Result<Relation, Error> {
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
async fn extend(session: &Session, edition: Edition, stored: &Stored, entity: &Entity) -> Result<(), Error> {
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
async fn backfill(
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

fn validated(definition: EntityDefinition) -> Result<Entity, Error> {
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

async fn stored(session: &Session, relation: &Relation) -> Result<Stored, Error> {
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

/// Definition of the built-in entity: ready-made KPI values, such as another system computed.
///
/// # Errors
/// Never, unless the definition itself is broken.
pub fn built_in() -> Result<Entity, Error> {
    let definition = serde_json::json!({
        "code": KPI_VALUE, "domain": "kpi", "description": "Ready-made values of KPIs that another system computed.",
        "attributes": [
            { "name": "kpi_code", "type": "text", "dimension": true, "required": true, "description": "Code of the KPI." },
            { "name": "value", "type": "decimal", "required": true, "description": "Its value." }
        ],
        "groupings": [{ "dimensions": ["kpi_code"] }]
    });
    validated(serde_json::from_value(definition).map_err(|error| Error::Stored {
        place: KPI_VALUE.to_owned(),
        cause: error.to_string(),
    })?)
}

/// Creates the tables and views of the built-in entity where they are missing.
///
/// # Errors
/// When a statement fails.
pub async fn ensure_built_in(session: &Session) -> Result<(), Error> {
    let entity = built_in()?;
    let edition = session.edition().await?;
    let exists = session
        .query("SELECT 1 FROM core.relations WHERE code = $1", &[&KPI_VALUE])
        .await?;
    if !exists.is_empty() {
        return Ok(());
    }
    let relation = place(session, edition, &entity).await?;
    let grouping = entity
        .groupings()
        .iter()
        .find(|grouping| !grouping.dimensions.is_empty());
    for (grouping, level) in grouping
        .into_iter()
        .flat_map(|grouping| levels(grouping.finest).map(move |level| (grouping, level)))
    {
        session.batch(&ddl::kpi_values(&relation, grouping, level)).await?;
    }
    Ok(())
}

/// Creates a KPI.
///
/// # Errors
/// When a statement fails.
pub async fn create_kpi(database: &Database, client: Uuid, kpi: &KpiDefinition) -> Result<Written, Error> {
    let session = database.session().await?;
    session.begin(None, Isolation::ReadCommitted).await?;
    let result = async {
        let inserted = session
            .execute(
                "INSERT INTO core.kpis (client_id, code, definition) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                &[&client, &kpi.code, &json(kpi)?],
            )
            .await?;
        changed(&session, client).await?;
        Ok(if inserted == 1 {
            Written::Stored(1)
        } else {
            Written::Exists
        })
    }
    .await;
    session.finish(result).await
}

/// Replaces a KPI when its version is still the expected one.
///
/// # Errors
/// When a statement fails.
pub async fn replace_kpi(
    database: &Database,
    client: Uuid,
    kpi: &KpiDefinition,
    expected: Option<i32>,
) -> Result<Written, Error> {
    let session = database.session().await?;
    session.begin(None, Isolation::ReadCommitted).await?;
    let result = async {
        let rows = session.query("SELECT version FROM core.kpis WHERE client_id = $1 AND code = $2 FOR UPDATE", &[&client, &kpi.code]).await?;
        let Some(version) = rows.first().map(|row| row.get::<_, i32>(0)) else { return Ok(Written::Missing) };
        if version != expected.unwrap_or(version) {
            return Ok(Written::Stale(version));
        }
        session
            .execute("UPDATE core.kpis SET definition = $3, version = version + 1, updated_at = now() WHERE client_id = $1 AND code = $2", &[&client, &kpi.code, &json(kpi)?])
            .await?;
        changed(&session, client).await?;
        Ok(Written::Stored(version + 1))
    }
    .await;
    session.finish(result).await
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
