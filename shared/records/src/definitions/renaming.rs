//! Other names. A fact lies in slots of its entity's layout and under its entity's identity, so no fact and no rollup is rewritten: the layout, the definition and the
//! formulas of all KPIs that read it change in one transaction, under the locks of a change of definitions and of the entity's writers. A batch that was mapped by
//! the old names is mapped anew. What names the entity by its code follows in steps ([`super::codes`]).

use std::sync::Arc;

use catalog::{Catalog, EntityRename, Kpi, KpiRename, RenamedKpi};
use database::{Database, Error, json};
use facts::Placed;
use facts::place::KPI_VALUE;

use super::change::{Change, change};
use super::entities::{Stored, stored};
use super::kpis::stored_version;
use super::versions::{Kind, Made, New};
use super::{Author, Written, companions, uses};

/// Gives an entity, or its attributes, other names.
///
/// # Errors
/// When a statement fails; nothing is renamed then.
pub async fn rename_entity(
    database: &Database,
    author: impl Into<Author>,
    old: &Placed,
    wanted: &EntityRename,
    expected: Option<i32>,
) -> Result<Written, Error> {
    if old.entity.code() == KPI_VALUE {
        return Ok(Written::BuiltIn);
    }
    change(database, author, async |change| {
        entity(&change, old, wanted, expected).await
    })
    .await
}

async fn entity(
    change: &Change<'_>,
    old: &Placed,
    wanted: &EntityRename,
    expected: Option<i32>,
) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    let mut known = change.known().await?;
    change.lock_writers(&old.place).await?;
    let Some(Stored { version, generation }) = stored(change, old).await? else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) || version != old.version || generation != old.generation {
        return Ok(Written::Stale(version));
    }
    // A deletion that goes on names dimensions.
    let users = uses::deletions(change, old).await?;
    if !users.is_empty() && !wanted.attributes.is_empty() {
        return Ok(Written::InUse(users));
    }
    let known_before = known.clone();
    let renamed = match known.rename_entity(&old.entity, wanted) {
        Ok(renamed) => renamed,
        Err(problems) => return Ok(Written::Invalid(problems)),
    };
    if let Some(new) = wanted.code.as_deref()
        && let Some(departing) = lead(change, old, new).await?
    {
        return Ok(Written::Departing(departing));
    }
    let layout = old.place.layout.renamed(&wanted.attributes);
    let (definition, layout) = (json(renamed.entity.definition())?, json(&layout)?);
    let sql = "UPDATE core.entities SET code = $3, definition = $4, layout = $5, version = $6, updated_at = now() WHERE client_id = $1 AND id = $2";
    let (before, code) = (old.entity.code(), renamed.entity.code());
    let number = change.next_number(Kind::Entity, code, version).await?;
    session
        .execute(sql, &[client, &old.place.id, &code, &definition, &layout, &number])
        .await?;
    let new = if code == before {
        vec![New::of(code, number, definition)]
    } else {
        New::moved((before, version), (code, number), definition)
    };
    change.keep(Kind::Entity, Made::Renamed, new).await?;
    store(change, code, &renamed.kpis).await?;
    companions::follow(change, &known_before, &known).await?;
    Ok(Written::Stored(number))
}

database::row! {
    struct Followed {
        code: String,
        version: i32,
        definition: serde_json::Value,
    }
}

/// Stores the KPIs whose formulas have other names now, of an entity or a KPI that has this code, in one statement.
async fn store(change: &Change<'_>, renamed: &str, kpis: &[Arc<Kpi>]) -> Result<(), Error> {
    let codes: Vec<&str> = kpis.iter().map(|kpi| kpi.code()).collect();
    let definitions = kpis.iter().map(|kpi| json(&kpi.definition));
    let definitions: Vec<_> = definitions.collect::<Result<_, _>>()?;
    let sql = "UPDATE core.kpis k SET definition = n.definition, updated_at = now(), version = 1 + greatest(k.version, (
            SELECT max(v.number) FROM core.definition_versions v WHERE v.client_id = k.client_id AND v.kind = 'kpi' AND v.code = k.code))
        FROM unnest($2::text[], $3::jsonb[]) AS n (code, definition) WHERE k.client_id = $1 AND k.code = n.code
        RETURNING k.code, k.version, k.definition";
    let Change { session, client, .. } = change;
    let followed: Vec<Followed> = session.rows(sql, &[client, &codes, &definitions]).await?;
    let new = followed.iter().map(|kpi| New {
        other_code: Some(renamed),
        ..New::of(&kpi.code, kpi.version, kpi.definition.clone())
    });
    change.keep(Kind::Kpi, Made::Followed, new.collect()).await
}

/// Has what names an entity by its code follow it to a new one. What tells how far its data have come, and the files that are being loaded, do at once. The code
/// that something else had, and that not everything has left yet, where the new one is such a one.
async fn lead(change: &Change<'_>, old: &Placed, new: &str) -> Result<Option<String>, Error> {
    let Change { session, client, .. } = change;
    let (id, code) = (old.place.id, old.entity.code());
    // Who takes up a file of it has this row before the file's, too: none waits for the other, and the file is there to be led.
    let sql = "SELECT id FROM core.entities WHERE client_id = $1 AND id = $2 FOR UPDATE";
    session.query(sql, &[client, &id]).await?;
    // It has an earlier code back: what came under that one is right again.
    let sql = "DELETE FROM core.departed_codes WHERE client_id = $1 AND code = $2 AND entity_id = $3 AND new_code IS NOT NULL";
    session.execute(sql, &[client, &new, &id]).await?;
    if let Some(departing) = change.departing(new).await? {
        return Ok(Some(departing));
    }
    let sql = "UPDATE core.departed_codes SET new_code = $2 WHERE client_id = $1 AND entity_id = $3";
    session.execute(sql, &[client, &new, &id]).await?;
    let sql = "INSERT INTO core.departed_codes (client_id, code, entity_id, new_code) VALUES ($1, $2, $3, $4)";
    session.execute(sql, &[client, &code, &id, &new]).await?;
    let sql = "SELECT core.lead_code($1, $2, $3)";
    session.query(sql, &[client, &code, &new]).await?;
    let drafts = renamed_in_drafts("data_integration");
    let sql = format!(
        "UPDATE core.proposals p SET version = p.version + 1, updated_at = now(), answers = {drafts}
         WHERE p.client_id = $1 AND {DRAFT} AND jsonb_exists(p.answers -> 'data_integration', $2)"
    );
    session.execute(&sql, &[client, &code, &new]).await?;
    Ok(None)
}

/// Whether a proposal, called `p`, is a draft. What was issued never changes.
const DRAFT: &str = "NOT EXISTS (SELECT FROM core.proposal_revisions r
    WHERE r.client_id = p.client_id AND r.proposal_id = p.id AND r.revision = p.revision)";

/// The answers of a draft in which those about `$2` are about `$3`, in the step of a name.
fn renamed_in_drafts(step: &str) -> String {
    format!(
        "jsonb_set(p.answers, '{{{step}}}', (p.answers -> '{step}') - $2::text || jsonb_build_object($3::text, p.answers -> '{step}' -> $2::text))"
    )
}

/// Gives a KPI another code. The formulas, targets and thresholds of KPIs that refer to it follow, and so do companions and drafts of proposals; what was issued keeps its text.
///
/// # Errors
/// When a statement fails; nothing is renamed then.
pub async fn rename_kpi(
    database: &Database,
    author: impl Into<Author>,
    code: &str,
    wanted: &KpiRename,
    expected: Option<i32>,
) -> Result<Written, Error> {
    change(database, author, async |change| {
        kpi(&change, code, wanted, expected).await
    })
    .await
}

async fn kpi(change: &Change<'_>, code: &str, wanted: &KpiRename, expected: Option<i32>) -> Result<Written, Error> {
    let Change { session, client, .. } = change;
    let mut known: Catalog = change.known().await?;
    let stored = stored_version(change, code).await?;
    let Some((version, old)) = stored.zip(known.kpi(code).cloned()) else {
        return Ok(Written::Missing);
    };
    if version != expected.unwrap_or(version) {
        return Ok(Written::Stale(version));
    }
    let before = known.clone();
    let RenamedKpi {
        kpi: renamed,
        referrers,
    } = match known.rename_kpi(&old, wanted) {
        Ok(renamed) => renamed,
        Err(problems) => return Ok(Written::Invalid(problems)),
    };
    let (new, definition) = (renamed.code(), json(&renamed.definition)?);
    let number = change.next_number(Kind::Kpi, new, version).await?;
    let sql = "UPDATE core.kpis SET code = $3, definition = $4, version = $5, updated_at = now() WHERE client_id = $1 AND code = $2";
    session
        .execute(sql, &[client, &code, &new, &definition, &number])
        .await?;
    let moved = New::moved((code, version), (new, number), definition);
    change.keep(Kind::Kpi, Made::Renamed, moved).await?;
    store(change, new, &referrers).await?;
    companions::follow(change, &before, &known).await?;
    let sql = format!(
        "UPDATE core.proposals p SET version = p.version + 1, updated_at = now(),
             answers = jsonb_set(p.answers, '{{kpi_selection,kpis}}', (p.answers #> '{{kpi_selection,kpis}}') - $2::text || to_jsonb($3::text))
         WHERE p.client_id = $1 AND {DRAFT} AND jsonb_exists(p.answers #> '{{kpi_selection,kpis}}', $2)"
    );
    session.execute(&sql, &[client, &code, &new]).await?;
    let sql = format!(
        "UPDATE core.proposals p SET answers = {} WHERE p.client_id = $1 AND {DRAFT} AND jsonb_exists(p.answers -> 'kpi_implementation', $2)",
        renamed_in_drafts("kpi_implementation")
    );
    session.execute(&sql, &[client, &code, &new]).await?;
    Ok(Written::Stored(number))
}
