//! Definitions of entities and KPIs, and the tables that entities generate.
//!
//! Clients that define an entity of the same code and domain with the same types share its tables, which hold the union
//! of their columns and groupings; each client's own definition says which of them it writes and reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{Catalog, Entity, EntityDefinition, Kpi, KpiDefinition, MAX_ENTITIES, MAX_KPIS, Problem};
use series::Calendar;
use uuid::Uuid;

use crate::change::{Change, bound};
use crate::connect::{Database, Error, Isolation, Session};
use crate::ddl;
use crate::relation::{Placed, Relation, levels};
use crate::tables::{backfill, extend, place, stored, union, validated};

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

/// Loads the catalogues of some clients in one statement. One that can't be read is an error by itself, so that it
/// troubles its own client only; a client that does not exist is not there.
///
/// # Errors
/// When the statement fails.
pub async fn load(session: &Session, clients: &[Uuid]) -> Result<BTreeMap<Uuid, Result<ClientCatalog, Error>>, Error> {
    let rows = session
        .query(
            "SELECT client_id, time_zone, entities, kpis FROM core.catalogs($1)",
            &[&clients],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let catalog = client_catalog(row.get(0), row.get(1), row.get(2), row.get(3));
            (row.get(0), catalog)
        })
        .collect())
}

/// Loads the catalogue of one client; `None` when there is no such client.
///
/// # Errors
/// When the statement fails or a stored definition can't be read.
pub async fn load_one(database: &Database, client: Uuid) -> Result<Option<ClientCatalog>, Error> {
    load(&database.session().await?, &[client])
        .await?
        .remove(&client)
        .transpose()
}

/// What tells one state of a client's definitions from every other: they are never deleted, and each change adds to the sum of
/// the versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    entities: i64,
    kpis: i64,
    time_zone: String,
}

/// The mark of a client's definitions; `None` when there is no such client.
///
/// # Errors
/// When the statement fails.
pub async fn mark(database: &Database, client: Uuid) -> Result<Option<Mark>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let sql = "SELECT time_zone,
            (SELECT coalesce(sum(version), 0) FROM core.entities WHERE client_id = $1),
            (SELECT coalesce(sum(version), 0) FROM core.kpis WHERE client_id = $1)
        FROM core.clients WHERE id = $1";
    let result = session.query(sql, &[&client]).await;
    Ok(session.finish(result).await?.first().map(|row| Mark {
        time_zone: row.get(0),
        entities: row.get(1),
        kpis: row.get(2),
    }))
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

/// How a write of a definition ended. Nothing was changed but by [`Written::Stored`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Stored with this version.
    Stored(i32),
    /// A definition exists already whose code, this one, can't be told apart from the new one's.
    Exists(String),
    /// The version that the caller knew is not the stored one, which is this.
    Stale(i32),
    /// There is none to replace.
    Missing,
    /// It does not fit what the client has defined otherwise.
    Invalid(Vec<Problem>),
    /// The client has this many, which are the most.
    Full(usize),
    /// It is the built-in entity's, which views stand on.
    BuiltIn,
    /// The client has facts of the entity, so a derived attribute can't be added any more: old facts would lack it.
    DerivedTooLate,
    /// The client has facts of the entity in tables that can't take the change, for this reason.
    Misfit(String),
    /// It took longer than [`crate::change::MAX_CHANGE_MS`].
    TooLong,
}

/// Creates an entity with its tables.
///
/// # Errors
/// When a statement fails; nothing is created then.
pub async fn create_entity(database: &Database, client: Uuid, entity: &Entity) -> Result<Written, Error> {
    let change = Change::begin(database, client).await?;
    let result = create_in_transaction(&change, entity).await;
    change.end(result).await
}

async fn create_in_transaction(change: &Change, entity: &Entity) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    let mut known = change.known().await?;
    if let Some(taken) = known.entity_in_any_case(entity.code()) {
        return Ok(Written::Exists(taken.code().to_owned()));
    }
    if known.entities().count() >= MAX_ENTITIES {
        return Ok(Written::Full(MAX_ENTITIES));
    }
    if let Err(problems) = known.add_entity(entity.definition().clone()) {
        return Ok(Written::Invalid(problems));
    }
    change.lock_tables().await?;
    let relation = place(session, change.edition, entity).await?;
    session
        .execute(
            "INSERT INTO core.entities (client_id, code, schema_name, relation_name, definition) VALUES ($1, $2, $3, $4, $5)",
            &[client, &entity.code(), &relation.schema, &relation.name, &json(entity.definition())?],
        )
        .await?;
    Ok(Written::Stored(1))
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
    if entity.code() == KPI_VALUE {
        return Ok(Written::BuiltIn);
    }
    let change = Change::begin(database, client).await?;
    let result = replace_in_transaction(&change, old, entity, expected).await;
    change.end(result).await
}

async fn replace_in_transaction(
    change: &Change,
    old: &Placed,
    entity: &Entity,
    expected: Option<i32>,
) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    change.lock_tables().await?;
    change.lock_writers(&old.relation).await?;
    let rows = session
        .query(
            "SELECT version FROM core.entities WHERE client_id = $1 AND code = $2",
            &[client, &entity.code()],
        )
        .await?;
    let Some(version) = rows.first().map(|row| row.get::<_, i32>(0)) else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) || version != old.version {
        return Ok(Written::Stale(version));
    }
    let has_facts = has_facts(session, *client, &old.relation).await?;
    if has_facts && adds_derived(&old.entity, entity) {
        return Ok(Written::DerivedTooLate);
    }
    let stored = stored(session, &old.relation).await?;
    let relation = match union(&stored.entity, entity) {
        Ok(union) => {
            extend(session, change.edition, &stored, &union).await?;
            old.relation.clone()
        }
        // Other clients' columns are in the way. Without facts the client moves to tables that fit.
        Err(_) if !has_facts => place(session, change.edition, entity).await?,
        Err(reason) => return Ok(Written::Misfit(reason)),
    };
    let placed = Placed {
        entity: Arc::new(entity.clone()),
        relation,
        version: version + 1,
    };
    if has_facts {
        fill(change, &old.entity, &placed).await?;
    }
    session
        .execute(
            "UPDATE core.entities SET definition = $3, schema_name = $4, relation_name = $5, version = $6, updated_at = now()
             WHERE client_id = $1 AND code = $2",
            &[
                client,
                &entity.code(),
                &json(entity.definition())?,
                &placed.relation.schema,
                &placed.relation.name,
                &placed.version,
            ],
        )
        .await?;
    Ok(Written::Stored(placed.version))
}

/// Fills the groupings that an entity did not have before.
async fn fill(change: &Change, old: &Entity, placed: &Placed) -> Result<(), Error> {
    let new = placed
        .entity
        .groupings()
        .iter()
        .filter(|new| !old.groupings().contains(new));
    for grouping in new {
        bound(&change.session).await?;
        backfill(&change.session, change.edition, change.client, placed, grouping).await?;
    }
    Ok(())
}

async fn has_facts(session: &Session, client: Uuid, relation: &Relation) -> Result<bool, Error> {
    let sql = format!("SELECT 1 FROM {} WHERE client_id = $1 LIMIT 1", relation.facts());
    Ok(!session.query(&sql, &[&client]).await?.is_empty())
}

fn adds_derived(old: &Entity, new: &Entity) -> bool {
    new.stored_attributes()
        .iter()
        .any(|attribute| attribute.formula.is_some() && old.index_of(&attribute.name).is_none())
}

/// The lock that batches of a client and entity share, and that a change of its definition takes alone.
pub(crate) fn writers_lock(client: Uuid, relation: &Relation) -> String {
    format!("{client}/{}", relation.facts())
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

/// Creates a KPI, when it fits the client's entities.
///
/// # Errors
/// When a statement fails; nothing is created then.
pub async fn create_kpi(database: &Database, client: Uuid, kpi: &KpiDefinition) -> Result<Written, Error> {
    let change = Change::begin(database, client).await?;
    let result = create_kpi_in_transaction(&change, kpi).await;
    change.end(result).await
}

async fn create_kpi_in_transaction(change: &Change, kpi: &KpiDefinition) -> Result<Written, Error> {
    let mut known = change.known().await?;
    if known.kpi(&kpi.code).is_some() {
        return Ok(Written::Exists(kpi.code.clone()));
    }
    if known.kpis().count() >= MAX_KPIS {
        return Ok(Written::Full(MAX_KPIS));
    }
    if let Err(problems) = known.add_kpi(kpi.clone()) {
        return Ok(Written::Invalid(problems));
    }
    change
        .session
        .execute(
            "INSERT INTO core.kpis (client_id, code, definition) VALUES ($1, $2, $3)",
            &[&change.client, &kpi.code, &json(kpi)?],
        )
        .await?;
    Ok(Written::Stored(1))
}

/// Replaces a KPI when its version is still the expected one.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn replace_kpi(
    database: &Database,
    client: Uuid,
    kpi: &Kpi,
    expected: Option<i32>,
) -> Result<Written, Error> {
    let change = Change::begin(database, client).await?;
    let result = replace_kpi_in_transaction(&change, &kpi.definition, expected).await;
    change.end(result).await
}

async fn replace_kpi_in_transaction(
    change: &Change,
    kpi: &KpiDefinition,
    expected: Option<i32>,
) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    bound(session).await?;
    let rows = session
        .query(
            "SELECT version FROM core.kpis WHERE client_id = $1 AND code = $2 FOR UPDATE",
            &[client, &kpi.code],
        )
        .await?;
    let Some(version) = rows.first().map(|row| row.get::<_, i32>(0)) else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) {
        return Ok(Written::Stale(version));
    }
    session
        .execute(
            "UPDATE core.kpis SET definition = $3, version = version + 1, updated_at = now() WHERE client_id = $1 AND code = $2",
            &[client, &kpi.code, &json(kpi)?],
        )
        .await?;
    Ok(Written::Stored(version + 1))
}
