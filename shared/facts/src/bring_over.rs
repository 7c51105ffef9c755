//! Facts of the versions before volumes, whose entities had tables of their own that clients shared: they are brought over as a whole, in the transaction
//! of the migration, and the tables go.

use std::sync::Arc;

use catalog::EntityDefinition;
use database::{Edition, Error, Session, identifier, json};
use uuid::Uuid;

use crate::fill::stale;
use crate::key::key_in_sql;
use crate::layout::{Layout, Slot};
use crate::place::{Place, Placed};
use crate::states::from_facts;
use crate::volume::Volume;

const DROP_TABLES: &str = include_str!("../../../migrations/volumes/drop_tables_of_before.sql");

/// Number of the commit that brings facts over.
const NUMBER: i64 = 1;

database::row! {
    struct EntityRow {
        client_id: Uuid,
        code: String,
        id: i32,
        version: i32,
        generation: i32,
        definition: serde_json::Value,
        schema_name: String,
        relation_name: String,
    }
}

/// Brings all entities over that are not in a volume yet.
///
/// # Errors
/// When a statement fails or a stored definition can't be read.
pub(crate) async fn entities(session: &Session, volume: &Volume) -> Result<(), Error> {
    let sql =
        "SELECT client_id, code, id, version, generation, definition, schema_name, relation_name FROM core.entities
        WHERE volume IS NULL ORDER BY client_id, code";
    let rows: Vec<EntityRow> = session.rows(sql, &[]).await?;
    for row in rows {
        entity(session, volume, row).await?;
    }
    session.batch(DROP_TABLES).await
}

async fn entity(session: &Session, volume: &Volume, row: EntityRow) -> Result<(), Error> {
    let unreadable = |cause: String| Error::Stored {
        place: format!("entity {} of client {}", row.code, row.client_id),
        cause,
    };
    let definition: EntityDefinition =
        serde_json::from_value(row.definition).map_err(|error| unreadable(error.to_string()))?;
    let entity = Arc::new(
        definition
            .validate()
            .map_err(|problems| unreadable(format!("{problems:?}")))?,
    );
    let placed = Placed {
        readable: Arc::clone(&entity),
        unwritten: Vec::new(),
        place: Place {
            volume: volume.clone(),
            id: row.id,
            layout: Arc::new(Layout::of(&entity)),
        },
        entity,
        version: row.version,
        generation: row.generation,
    };
    let old = format!("{}.{}", identifier(&row.schema_name), identifier(&row.relation_name));
    let (client, id) = (row.client_id, row.id);
    // Functions of the version before may be writing still.
    session.batch(&format!("LOCK TABLE {old} IN SHARE MODE")).await?;
    session.execute(&copy(&placed, &old)?, &[&client, &id, &NUMBER]).await?;
    for grouping in placed.entity.groupings() {
        for sql in from_facts(&placed, grouping, "true")? {
            session.execute(&sql, &[&client, &id, &NUMBER]).await?;
        }
    }
    let sql = "UPDATE core.entities SET volume = $3, layout = $4, schema_name = NULL, relation_name = NULL WHERE client_id = $1 AND id = $2";
    session
        .execute(sql, &[&client, &id, &volume.name(), &json(&*placed.place.layout)?])
        .await?;
    let sql = format!(
        "UPDATE core.clocks SET last = $3, (first_time, last_time) = (SELECT min(time), max(time) FROM {} WHERE client_id = $1 AND entity_id = $2)
         WHERE client_id = $1 AND entity_id = $2",
        volume.facts()
    );
    session.execute(&sql, &[&client, &id, &NUMBER]).await?;
    if session.edition().await? == Edition::Community {
        stale(session, client, &placed.place).await?;
    }
    let sql = "INSERT INTO core.commits (client_id, entity_id, batch_number) VALUES ($1, $2, $3)";
    session.execute(sql, &[&client, &id, &NUMBER]).await.map(drop)
}

/// The statement that copies one client's facts: client, entity and number are its parameters.
fn copy(placed: &Placed, old: &str) -> Result<String, Error> {
    let Place { volume, layout, .. } = &placed.place;
    let attributes = placed.entity.stored_attributes().iter();
    let slots: Vec<(String, Slot)> = attributes
        .map(|attribute| Ok((identifier(&attribute.name), layout.slot(attribute)?)))
        .collect::<Result<_, Error>>()?;
    let (columns, beyond): (Vec<_>, Vec<_>) = slots.into_iter().partition(|(_, slot)| slot.is_column());
    let names: String = columns.iter().map(|(_, slot)| format!(", {}", slot.name())).collect();
    let values: String = columns.iter().map(|(name, _)| format!(", {name}")).collect();
    let rest: Vec<String> = beyond
        .iter()
        .map(|(name, slot)| format!("'{}', {}", slot.name(), text(name, *slot)))
        .collect();
    let rest = if rest.is_empty() {
        "NULL::jsonb".to_owned()
    } else {
        format!(
            "nullif(jsonb_strip_nulls(jsonb_build_object({})), '{{}}')",
            rest.join(", ")
        )
    };
    let keys = placed.entity.definition().key.iter();
    let keys: Vec<String> = keys
        .map(|name| Ok(text(&identifier(name), layout.slot_of(&placed.entity, name)?)))
        .collect::<Result<_, Error>>()?;
    Ok(format!(
        "INSERT INTO {} (client_id, entity_id, time, batch_number, key, more{names})
         SELECT client_id, $2, time, $3, {}, {rest}{values} FROM {old} WHERE client_id = $1",
        volume.facts(),
        key_in_sql(keys.iter().map(String::as_str)),
    ))
}

/// The one text of a column's value.
fn text(column: &str, slot: Slot) -> String {
    match slot.family {
        crate::layout::Family::Number => format!("trim_scale({column}::numeric)::text"),
        _ => format!("{column}::text"),
    }
}
