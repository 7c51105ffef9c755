//! Entities, created and replaced.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{Entity, MAX_ENTITIES, SketchKind};
use database::{Database, Error, Session, json};
use facts::place::KPI_VALUE;
use facts::volume::open_volume;
use facts::{Layout, Place, Placed, fill, groups, sketches};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::change::{Change, MAX_CHANGE, change};
use super::versions::{Kind, Made, New};
use super::{Author, Written};

database::row! {
    struct Identity {
        id: i32,
    }
}

/// Creates an entity.
///
/// # Errors
/// When a statement fails; nothing is created then.
pub async fn create_entity(database: &Database, author: impl Into<Author>, entity: &Entity) -> Result<Written, Error> {
    change(database, author, async |change| create(&change, entity).await).await
}

async fn create(change: &Change<'_>, entity: &Entity) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    let mut known = change.known().await?;
    if let Some(taken) = known.entity_in_any_case(entity.code()) {
        return Ok(Written::Exists(taken.code().to_owned()));
    }
    if let Some(code) = change.departing(entity.code()).await? {
        return Ok(Written::Departing(code));
    }
    if known.entities().count() >= MAX_ENTITIES {
        return Ok(Written::Full(MAX_ENTITIES));
    }
    if let Err(problems) = known.add_entity(entity.definition().clone()) {
        return Ok(Written::Invalid(problems));
    }
    let volume = open_volume(session, *client).await?;
    let layout = json(&Layout::of(entity))?;
    let sql = "INSERT INTO core.entities (client_id, code, definition, volume, layout, version) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    let definition = json(entity.definition())?;
    let number = change.next_number(Kind::Entity, entity.code(), 0).await?;
    let values: [&(dyn ToSql + Sync); 6] = [client, &entity.code(), &definition, &volume.name(), &layout, &number];
    let created: Option<Identity> = session.row(sql, &values).await?;
    let id = created.map(|created| created.id);
    let sql = "INSERT INTO core.clocks (client_id, entity_id) VALUES ($1, $2)";
    session.execute(sql, &[client, &id]).await?;
    let new = New::of(entity.code(), number, definition);
    change.keep(Kind::Entity, Made::Created, vec![new]).await?;
    Ok(Written::Stored(number))
}

/// Replaces an entity's definition. New attributes get slots; a new grouping is filled from the facts that are there, at once where they are few, and
/// otherwise afterwards, in steps (see [`fill`]). An equal definition is no new version.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn replace_entity(
    database: &Database,
    author: impl Into<Author>,
    old: &Placed,
    entity: &Entity,
    expected: Option<i32>,
) -> Result<Written, Error> {
    if entity.code() == KPI_VALUE {
        return Ok(Written::BuiltIn);
    }
    change(database, author, async |change| {
        replace(&change, old, entity, expected).await
    })
    .await
}

async fn replace(change: &Change<'_>, old: &Placed, entity: &Entity, expected: Option<i32>) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    let mut known = change.known().await?;
    change.lock_writers(&old.place).await?;
    let Some(Stored { version, generation }) = stored(change, old).await? else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) || version != old.version || generation != old.generation {
        return Ok(Written::Stale(version));
    }
    // What was defined since it was checked may have a code that it says it had.
    let entity = match known.replace_entity(entity.definition().clone()) {
        Ok(entity) => entity,
        Err(problems) => return Ok(Written::Invalid(problems)),
    };
    // Who sends it once more changes nothing.
    if old.entity.definition() == entity.definition() {
        return Ok(Written::Stored(version));
    }
    if adds_derived(&old.entity, &entity) && has_facts(session, *client, &old.place).await? {
        return Ok(Written::DerivedTooLate);
    }
    let layout = Layout::clone(&old.place.layout).extended(&entity);
    let number = change.next_number(Kind::Entity, entity.code(), version).await?;
    let placed = Placed {
        readable: Arc::clone(&entity),
        unwritten: old.unwritten.clone(),
        entity,
        place: Place {
            layout: Arc::new(layout),
            ..old.place.clone()
        },
        version: number,
        generation,
    };
    fill_new(change, &old.entity, &placed).await?;
    let sql = "UPDATE core.entities SET definition = $3, layout = $4, version = $5, updated_at = now() WHERE client_id = $1 AND id = $2";
    let (definition, layout) = (json(placed.entity.definition())?, json(&*placed.place.layout)?);
    session
        .execute(sql, &[client, &placed.place.id, &definition, &layout, &placed.version])
        .await?;
    let new = New::of(placed.entity.code(), placed.version, definition);
    change.keep(Kind::Entity, Made::Replaced, vec![new]).await?;
    Ok(Written::Stored(placed.version))
}

/// Takes the groupings that are still being filled, and those that are kept no longer, out of an entity's definition. [`Written::Missing`] where none is.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn give_up_groupings(database: &Database, author: impl Into<Author>, old: &Placed) -> Result<Written, Error> {
    change(database, author, async |change| give_up(&change, old).await).await
}

async fn give_up(change: &Change<'_>, old: &Placed) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    change.lock_writers(&old.place).await?;
    let Some(Stored { version, generation }) = stored(change, old).await? else {
        return Ok(Written::Missing);
    };
    if version != old.version || generation != old.generation {
        return Ok(Written::Stale(version));
    }
    let mut numbers = groups::give_up(session, *client, &old.place).await?;
    numbers.extend(fill::give_up(session, *client, &old.place).await?);
    if numbers.is_empty() {
        return Ok(Written::Missing);
    }
    let layout = Layout::clone(&old.place.layout);
    let mut definition = old.entity.definition().clone();
    let gone = numbers.iter().filter_map(|id| layout.grouping(*id));
    gone.for_each(|gone| {
        definition
            .groupings
            .retain(|grouping| grouping.dimensions != gone.dimensions)
    });
    let layout = numbers.iter().fold(layout.clone(), |layout, id| layout.given_up(*id));
    let sql = "UPDATE core.entities SET definition = $3, layout = $4, version = $5, updated_at = now() WHERE client_id = $1 AND id = $2";
    let (definition, layout) = (json(&definition)?, json(&layout)?);
    let number = change.next_number(Kind::Entity, old.entity.code(), version).await?;
    session
        .execute(sql, &[client, &old.place.id, &definition, &layout, &number])
        .await?;
    let new = New::of(old.entity.code(), number, definition);
    change.keep(Kind::Entity, Made::GivenUp, vec![new]).await?;
    Ok(Written::Stored(number))
}

/// Fills the groupings that an entity did not have before, or begins to, and begins to make the sketches that are others by now.
async fn fill_new(change: &Change<'_>, old: &Entity, placed: &Placed) -> Result<(), Error> {
    let groupings = placed.entity.groupings().iter();
    for grouping in groupings.filter(|new| !old.groupings().contains(new)) {
        change.session.limit_transaction(MAX_CHANGE).await?;
        fill::begin(change.session, change.client, placed, grouping).await?;
    }
    let kept = |entity: &Entity| -> Vec<(String, SketchKind)> {
        let sketches = entity.sketches();
        sketches
            .map(|(_, attribute, kind)| (attribute.name.clone(), kind))
            .collect()
    };
    let (before, after) = (kept(old), kept(&placed.entity));
    let grows = placed.entity.groupings().len() > old.groupings().len() && !after.is_empty();
    if grows || before.iter().collect::<BTreeSet<_>>() != after.iter().collect::<BTreeSet<_>>() {
        sketches::begin(change.session, change.client, &placed.place).await?;
    }
    Ok(())
}

database::row! {
    pub(super) struct Stored {
        pub(super) version: i32,
        pub(super) generation: i32,
    }
}

/// What is stored of an entity, whatever its code is now: one that was defined anew under the code has other versions.
pub(super) async fn stored(change: &Change<'_>, old: &Placed) -> Result<Option<Stored>, Error> {
    let sql = "SELECT version, generation FROM core.entities WHERE client_id = $1 AND id = $2";
    change.session.row(sql, &[&change.client, &old.place.id]).await
}

pub(super) async fn has_facts(session: &Session, client: Uuid, place: &Place) -> Result<bool, Error> {
    let sql = format!(
        "SELECT 1 FROM {} WHERE client_id = $1 AND entity_id = $2 LIMIT 1",
        place.volume.facts()
    );
    Ok(!session.query(&sql, &[&client, &place.id]).await?.is_empty())
}

fn adds_derived(old: &Entity, new: &Entity) -> bool {
    new.stored_attributes()
        .iter()
        .any(|attribute| attribute.formula.is_some() && old.index_of(&attribute.name).is_none())
}
