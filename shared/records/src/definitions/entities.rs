//! Entities, created and replaced with the tables that hold their facts.

use std::sync::Arc;

use catalog::{Entity, MAX_ENTITIES};
use database::{Database, Error, Session, json};
use facts::relation::KPI_VALUE;
use facts::tables::{MAX_CHANGE, backfill, extend, place, stored, union};
use facts::{Placed, Relation};
use uuid::Uuid;

use super::Written;
use super::change::{Change, Version, change};

/// Creates an entity with its tables.
///
/// # Errors
/// When a statement fails; nothing is created then.
pub async fn create_entity(database: &Database, client: Uuid, entity: &Entity) -> Result<Written, Error> {
    change(database, client, async |change| create(&change, entity).await).await
}

async fn create(change: &Change<'_>, entity: &Entity) -> Result<Written, Error> {
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
    change(database, client, async |change| {
        replace(&change, old, entity, expected).await
    })
    .await
}

async fn replace(change: &Change<'_>, old: &Placed, entity: &Entity, expected: Option<i32>) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    change.lock_tables().await?;
    change.lock_writers(&old.relation).await?;
    let sql = "SELECT version FROM core.entities WHERE client_id = $1 AND code = $2";
    let Some(Version { version }) = session.row(sql, &[client, &entity.code()]).await? else {
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
async fn fill(change: &Change<'_>, old: &Entity, placed: &Placed) -> Result<(), Error> {
    let new = placed
        .entity
        .groupings()
        .iter()
        .filter(|new| !old.groupings().contains(new));
    for grouping in new {
        change.session.limit_transaction(MAX_CHANGE).await?;
        backfill(change.session, change.edition, change.client, placed, grouping).await?;
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
