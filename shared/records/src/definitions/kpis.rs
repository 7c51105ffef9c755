//! KPIs, created, replaced and deleted.

use catalog::{Kpi, KpiDefinition, MAX_KPIS};
use database::{Database, Error, json};

use super::change::{Change, Version, change};
use super::versions::{Kind, Made, New};
use super::{Author, Written, uses};

/// Creates a KPI, when it fits the client's entities.
///
/// # Errors
/// When a statement fails; nothing is created then.
pub async fn create_kpi(database: &Database, author: impl Into<Author>, kpi: &KpiDefinition) -> Result<Written, Error> {
    change(database, author, async |change| create(&change, kpi).await).await
}

async fn create(change: &Change<'_>, kpi: &KpiDefinition) -> Result<Written, Error> {
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
    let number = change.next_number(Kind::Kpi, &kpi.code, 0).await?;
    let sql = "INSERT INTO core.kpis (client_id, code, definition, version) VALUES ($1, $2, $3, $4)";
    let definition = json(kpi)?;
    let Change { session, client, .. } = change;
    session.execute(sql, &[client, &kpi.code, &definition, &number]).await?;
    let new = New::of(&kpi.code, number, definition);
    change.keep(Kind::Kpi, Made::Created, vec![new]).await?;
    Ok(Written::Stored(number))
}

/// Replaces a KPI when its version is still the expected one. An equal definition is no new version.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn replace_kpi(
    database: &Database,
    author: impl Into<Author>,
    kpi: &Kpi,
    expected: Option<i32>,
) -> Result<Written, Error> {
    let work = async |change: Change<'_>| replace(&change, &kpi.definition, expected).await;
    change(database, author, work).await
}

async fn replace(change: &Change<'_>, kpi: &KpiDefinition, expected: Option<i32>) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    // What it reads may be gone, or have another name, since it was checked, and another KPI may refer to it.
    let mut known = change.known().await?;
    let Some(version) = stored_version(change, &kpi.code).await? else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) {
        return Ok(Written::Stale(version));
    }
    let is_equal = known.kpi(&kpi.code).is_some_and(|known| known.definition == *kpi);
    if let Err(problems) = known.replace_kpi(kpi.clone()) {
        return Ok(Written::Invalid(problems));
    }
    // Who sends it once more changes nothing.
    if is_equal {
        return Ok(Written::Stored(version));
    }
    let number = change.next_number(Kind::Kpi, &kpi.code, version).await?;
    let sql =
        "UPDATE core.kpis SET definition = $3, version = $4, updated_at = now() WHERE client_id = $1 AND code = $2";
    let definition = json(kpi)?;
    session.execute(sql, &[client, &kpi.code, &definition, &number]).await?;
    let new = New::of(&kpi.code, number, definition);
    change.keep(Kind::Kpi, Made::Replaced, vec![new]).await?;
    Ok(Written::Stored(number))
}

/// Deletes a KPI when its version is still the expected one, no other KPI refers to it, no companion names it, and no proposal that is not ended has it in its cart, and
/// tells the version that it had. Who watches it is told that there is none any more.
///
/// # Errors
/// When a statement fails; nothing is deleted then.
pub async fn delete_kpi(
    database: &Database,
    author: impl Into<Author>,
    code: &str,
    expected: Option<i32>,
) -> Result<Written, Error> {
    change(database, author, async |change| delete(&change, code, expected).await).await
}

async fn delete(change: &Change<'_>, code: &str, expected: Option<i32>) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    // Nothing comes to name it until it has gone.
    let known = change.known().await?;
    let Some(version) = stored_version(change, code).await? else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) {
        return Ok(Written::Stale(version));
    }
    let users = uses::of_kpi(change, &known, code).await?;
    if !users.is_empty() {
        return Ok(Written::InUse(users));
    }
    let sql = "DELETE FROM core.kpis WHERE client_id = $1 AND code = $2";
    session.execute(sql, &[client, &code]).await?;
    let end = New::end(code, change.next_number(Kind::Kpi, code, version).await?);
    change.keep(Kind::Kpi, Made::Deleted, vec![end]).await?;
    Ok(Written::Stored(version))
}

/// The version of a KPI, which nobody else changes until the end of the transaction; `None` where there is none.
pub(super) async fn stored_version(change: &Change<'_>, code: &str) -> Result<Option<i32>, Error> {
    let Change { session, client, .. } = change;
    let sql = "SELECT version FROM core.kpis WHERE client_id = $1 AND code = $2 FOR UPDATE";
    let stored: Option<Version> = session.row(sql, &[client, &code]).await?;
    Ok(stored.map(|Version { version }| version))
}
