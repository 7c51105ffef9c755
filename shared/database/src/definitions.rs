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
use crate::ddl;
use crate::relation::{Placed, Relation, levels};
use crate::tables::{backfill, extend, place, stored, validated};

/// Code of the built-in entity of ready-made KPI values.
pub const KPI_VALUE: &str = "KpiValue";

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

pub(crate) fn json(definition: &impl serde::Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(definition).map_err(|error| Error::Stored {
        place: "definition".to_owned(),
        cause: error.to_string(),
    })
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
