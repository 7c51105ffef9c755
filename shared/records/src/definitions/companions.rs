//! What stands beside entities and KPIs, of every kind alike: created, replaced, deleted, and following what it names.

use catalog::{Actor, Catalog, Companion, Relationship, ValueChainPattern};
use database::{Database, Error, json};
use uuid::Uuid;

use super::change::{Change, Version, change};
use super::uses::{bounded, kpis, naming};
use super::{User, Written};

/// The table of a kind.
fn table<C: Companion>() -> String {
    format!("core.{}", C::COLLECTION.replace('-', "_"))
}

/// Creates a companion, when it fits what the client has defined.
///
/// # Errors
/// When a statement fails; nothing is created then.
pub async fn create_companion<C: Companion>(
    database: &Database,
    client: Uuid,
    definition: &C,
) -> Result<Written, Error> {
    change(database, client, async |change| create(&change, definition).await).await
}

async fn create<C: Companion>(change: &Change<'_>, definition: &C) -> Result<Written, Error> {
    let mut known = change.known().await?;
    if known.companion::<C>(definition.code()).is_some() {
        return Ok(Written::Exists(definition.code().to_owned()));
    }
    if known.companions::<C>().count() >= C::MOST {
        return Ok(Written::Full(C::MOST));
    }
    if let Err(problems) = known.add_companion(definition.clone()) {
        return Ok(Written::Invalid(problems));
    }
    let sql = format!(
        "INSERT INTO {} (client_id, code, definition) VALUES ($1, $2, $3)",
        table::<C>()
    );
    let Change { session, client, .. } = change;
    session
        .execute(&sql, &[client, &definition.code(), &json(definition)?])
        .await?;
    Ok(Written::Stored(1))
}

/// Replaces a companion when its version is still the expected one and it fits what the client has defined.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn replace_companion<C: Companion>(
    database: &Database,
    client: Uuid,
    definition: &C,
    expected: Option<i32>,
) -> Result<Written, Error> {
    let work = async |change: Change<'_>| replace(&change, definition, expected).await;
    change(database, client, work).await
}

async fn replace<C: Companion>(change: &Change<'_>, definition: &C, expected: Option<i32>) -> Result<Written, Error> {
    let mut known = change.known().await?;
    let Some(version) = stored_version::<C>(change, definition.code()).await? else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) {
        return Ok(Written::Stale(version));
    }
    let is_equal = known
        .companion::<C>(definition.code())
        .is_some_and(|known| **known == *definition);
    if let Err(problems) = known.replace_companion(definition.clone()) {
        return Ok(Written::Invalid(problems));
    }
    if is_equal {
        return Ok(Written::Stored(version));
    }
    store(change, &[definition]).await?;
    Ok(Written::Stored(version + 1))
}

/// Deletes a companion when its version is still the expected one and nothing names it, and tells the version that it had.
///
/// # Errors
/// When a statement fails; nothing is deleted then.
pub async fn delete_companion<C: Companion>(
    database: &Database,
    client: Uuid,
    code: &str,
    expected: Option<i32>,
) -> Result<Written, Error> {
    change(database, client, async |change| {
        delete::<C>(&change, code, expected).await
    })
    .await
}

async fn delete<C: Companion>(change: &Change<'_>, code: &str, expected: Option<i32>) -> Result<Written, Error> {
    let known = change.known().await?;
    let Some(version) = stored_version::<C>(change, code).await? else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) {
        return Ok(Written::Stale(version));
    }
    let users = users::<C>(&known, code);
    if !users.is_empty() {
        return Ok(Written::InUse(users));
    }
    let sql = format!("DELETE FROM {} WHERE client_id = $1 AND code = $2", table::<C>());
    change.session.execute(&sql, &[&change.client, &code]).await?;
    Ok(Written::Stored(version))
}

/// What names a companion, or goes along it.
fn users<C: Companion>(known: &Catalog, code: &str) -> Vec<User> {
    let named = C::named(code);
    let mut users = named.map_or_else(Vec::new, |named| naming(known, named));
    users.extend(kpis(known.going_along::<C>(code)));
    bounded(users)
}

async fn stored_version<C: Companion>(change: &Change<'_>, code: &str) -> Result<Option<i32>, Error> {
    let sql = format!(
        "SELECT version FROM {} WHERE client_id = $1 AND code = $2 FOR UPDATE",
        table::<C>()
    );
    let found: Option<Version> = change.session.row(&sql, &[&change.client, &code]).await?;
    Ok(found.map(|Version { version }| version))
}

/// Stores what follows a name: the companions that differ from those of before.
pub(super) async fn follow(change: &Change<'_>, before: &Catalog, after: &Catalog) -> Result<(), Error> {
    follow_kind::<Relationship>(change, before, after).await?;
    follow_kind::<Actor>(change, before, after).await?;
    follow_kind::<ValueChainPattern>(change, before, after).await
}

async fn follow_kind<C: Companion>(change: &Change<'_>, before: &Catalog, after: &Catalog) -> Result<(), Error> {
    let all = after.companions::<C>().map(AsRef::as_ref);
    let changed = all.filter(|new: &&C| before.companion::<C>(new.code()).is_none_or(|old| **old != **new));
    let changed: Vec<&C> = changed.collect();
    if changed.is_empty() {
        return Ok(());
    }
    store(change, &changed).await
}

/// Stores new definitions of companions, in one statement.
async fn store<C: Companion>(change: &Change<'_>, companions: &[&C]) -> Result<(), Error> {
    let codes: Vec<&str> = companions.iter().map(|companion| companion.code()).collect();
    let definitions = companions.iter().map(|companion| json(*companion));
    let definitions: Vec<_> = definitions.collect::<Result<_, _>>()?;
    let sql = format!(
        "UPDATE {} c SET definition = n.definition, version = c.version + 1, updated_at = now()
         FROM unnest($2::text[], $3::jsonb[]) AS n (code, definition) WHERE c.client_id = $1 AND c.code = n.code",
        table::<C>()
    );
    let Change { session, client, .. } = change;
    session.execute(&sql, &[client, &codes, &definitions]).await.map(drop)
}
