//! A client's definitions, read together.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{
    Actor, Catalog, Companion, Companions, Entity, EntityDefinition, GroupingDefinition, KpiDefinition, Relationship,
    ValueChainPattern,
};
use database::{Database, Error, Residence, Session};
use facts::{Layout, Place, Placed, Volume};
use series::Calendar;
use uuid::Uuid;

/// A client's definitions, ready to use.
#[derive(Clone, Debug)]
pub struct ClientCatalog {
    /// The client's buckets.
    pub calendar: Calendar,
    /// Its entities and KPIs.
    pub catalog: Catalog,
    /// Where its entities are.
    pub placed: BTreeMap<String, Placed>,
    /// Versions of its KPIs, for `ETag`.
    pub kpi_versions: BTreeMap<String, i32>,
    /// Versions of what stands beside them, by kind and code.
    companion_versions: CompanionVersions,
    /// The database that they were read in, whose facts they are about.
    pub residence: Residence,
}

/// Versions by kind and code.
type CompanionVersions = BTreeMap<(&'static str, String), i32>;

impl ClientCatalog {
    /// The version of a companion, for `ETag`.
    #[must_use]
    pub fn companion_version<C: Companion>(&self, code: &str) -> Option<i32> {
        let key = (C::COLLECTION, code.to_owned());
        self.companion_versions.get(&key).copied()
    }

    /// Where the entity is that has a code, or had it: what comes for a former one, or was brought under it, is its own.
    #[must_use]
    pub fn placed_by(&self, code: &str) -> Option<&Placed> {
        let former = || self.placed.get(self.catalog.former_entity(code)?.code());
        self.placed.get(code).or_else(former)
    }
}

/// Loads the catalogues of some clients in one statement. One that can't be read is an error by itself, so that it
/// troubles its own client only; a client that does not exist is not there.
///
/// # Errors
/// When the statement fails.
pub async fn load(session: &Session, clients: &[Uuid]) -> Result<BTreeMap<Uuid, Result<ClientCatalog, Error>>, Error> {
    let sql = "SELECT client_id, time_zone, calendar, entities, kpis, relationships, actors, value_chain_patterns
        FROM core.catalogs($1) JOIN core.calendars($1) USING (client_id) JOIN core.companions($1) USING (client_id)";
    let rows: Vec<CatalogRow> = session.rows(sql, &[&clients]).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.client_id, client_catalog(row, session.residence())))
        .collect())
}

/// Loads the catalogue of one client; `None` when there is no such client.
///
/// # Errors
/// When the statement fails or a stored definition can't be read.
pub async fn load_one(database: &Database, client: Uuid) -> Result<Option<ClientCatalog>, Error> {
    let work = async |session: &Session| load(session, &[client]).await;
    let mut loaded = database.transaction(client, work).await?;
    loaded.remove(&client).transpose()
}

database::row! {
    /// What tells one state of a client's definitions from every other. Entities are told by their identities, which nothing gets again, and each change makes
    /// another version or generation. KPIs and companions come back with the version 1, so theirs are made of hashes of when each was changed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Fingerprint {
        time_zone: String,
        calendar: String,
        entities: i64,
        kpis: i64,
        companions: i64,
    }
}

/// The fingerprint of a client's definitions; `None` when there is no such client.
///
/// # Errors
/// When the statement fails.
pub async fn fingerprint(database: &Database, client: Uuid) -> Result<Option<Fingerprint>, Error> {
    let sql = "SELECT time_zone, calendar::text AS calendar,
            (SELECT coalesce(bit_xor(hashtextextended(concat_ws(' ', id, version, generation), 0)), 0) FROM core.entities WHERE client_id = $1) AS entities,
            (SELECT coalesce(bit_xor(hashtextextended(concat_ws(' ', code, version, updated_at), 0)), 0) FROM core.kpis WHERE client_id = $1) AS kpis,
            (SELECT coalesce(bit_xor(hashtextextended(concat_ws(' ', kind, code, version, updated_at), 0)), 0) FROM (
                SELECT 'relationship' AS kind, code, version, updated_at FROM core.relationships WHERE client_id = $1
                UNION ALL SELECT 'actor', code, version, updated_at FROM core.actors WHERE client_id = $1
                UNION ALL SELECT 'pattern', code, version, updated_at FROM core.value_chain_patterns WHERE client_id = $1) c) AS companions
        FROM core.clients WHERE id = $1";
    database.of(client).row(sql, &[&client]).await
}

database::row! {
    struct CatalogRow {
        client_id: Uuid,
        time_zone: String,
        calendar: serde_json::Value,
        entities: serde_json::Value,
        kpis: serde_json::Value,
        relationships: serde_json::Value,
        actors: serde_json::Value,
        value_chain_patterns: serde_json::Value,
    }
}

#[derive(serde::Deserialize)]
struct EntityRow {
    definition: EntityDefinition,
    version: i32,
    id: i32,
    volume: Volume,
    layout: Layout,
    generation: i32,
    /// Numbers of the groupings that are still being filled.
    filling: Vec<i16>,
    /// Numbers of the groupings that are kept no longer.
    stopped: Vec<i16>,
    /// Those of them that batches bring no more.
    unwritten: Vec<i16>,
    /// Whether its sketches are not whole yet.
    sketching: bool,
}

#[derive(serde::Deserialize)]
struct KpiRow {
    definition: KpiDefinition,
    version: i32,
}

#[derive(serde::Deserialize)]
struct CompanionRow<C> {
    definition: C,
    version: i32,
}

/// The companions of all kinds that are stored, and their versions.
fn all_companions(
    [relationships, actors, patterns]: [serde_json::Value; 3],
) -> Result<(Companions, CompanionVersions), serde_json::Error> {
    let mut versions = CompanionVersions::new();
    let companions = Companions {
        relationships: companions::<Relationship>(relationships, &mut versions)?,
        actors: companions::<Actor>(actors, &mut versions)?,
        value_chain_patterns: companions::<ValueChainPattern>(patterns, &mut versions)?,
    };
    Ok((companions, versions))
}

/// Those of a kind, with their versions among those of all.
fn companions<C: Companion>(
    stored: serde_json::Value,
    versions: &mut CompanionVersions,
) -> Result<Vec<C>, serde_json::Error> {
    let rows: Vec<CompanionRow<C>> = serde_json::from_value(stored)?;
    let definitions = rows.into_iter().map(|CompanionRow { definition, version }| {
        versions.insert((C::COLLECTION, definition.code().to_owned()), version);
        definition
    });
    Ok(definitions.collect())
}

fn client_catalog(row: CatalogRow, residence: Residence) -> Result<ClientCatalog, Error> {
    let CatalogRow {
        client_id: client,
        time_zone: zone,
        calendar: rules,
        entities,
        kpis,
        relationships,
        actors,
        value_chain_patterns,
    } = row;
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
    let (companions, companion_versions) = all_companions([relationships, actors, value_chain_patterns])
        .map_err(|error| unreadable("companions of definitions", error.to_string()))?;
    let catalog = Catalog::stored(
        entities.iter().map(|row| row.definition.clone()).collect(),
        kpis.into_iter().map(|row| row.definition).collect(),
        companions,
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
    let placed = entities
        .into_iter()
        .filter_map(|row| {
            Some((
                row.definition.code.clone(),
                placed(Arc::clone(catalog.entity(&row.definition.code)?), row),
            ))
        })
        .collect();
    let rules = serde_json::from_value(rules).map_err(|error| unreadable("calendar", error.to_string()))?;
    let calendar =
        Calendar::of(&zone).ok_or_else(|| unreadable("time zone", format!("{zone:?} is no IANA time zone")))?;
    Ok(ClientCatalog {
        calendar: calendar.with(rules),
        catalog,
        placed,
        kpi_versions,
        companion_versions,
        residence,
    })
}

fn placed(entity: Arc<Entity>, row: EntityRow) -> Placed {
    let unreadable = row.filling.iter().chain(&row.stopped);
    let unreadable: Vec<&GroupingDefinition> = unreadable.filter_map(|id| row.layout.grouping(*id)).collect();
    let readable = if unreadable.is_empty() {
        Arc::clone(&entity)
    } else {
        Arc::new(entity.without_groupings(&unreadable))
    };
    let readable = if row.sketching {
        Arc::new(readable.without_sketches())
    } else {
        readable
    };
    Placed {
        entity,
        readable,
        unwritten: row.unwritten,
        place: Place {
            volume: row.volume,
            id: row.id,
            layout: Arc::new(row.layout),
        },
        version: row.version,
        generation: row.generation,
    }
}
